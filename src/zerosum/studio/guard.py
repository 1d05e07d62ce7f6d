"""Who may talk to the studio. A web page of anybody's can reach a port of this machine, so being local is no proof.

The Host must be ours (no DNS rebinding), what changes something must come from our own page (no Origin but ours), a
token is needed where the address is not this machine's own, bodies have a largest size, and the page may load nothing
but what we serve.
"""

from __future__ import annotations

import contextlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "zerosum"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
LARGEST_BODY = 16 * 2**20  # bytes of one request
SAFE = ("GET", "HEAD", "OPTIONS")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "cache-control": "no-cache",  # the next version must not meet the last one's scripts
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Does this address reach only this machine?"""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def own_names(host: str) -> set[str]:
    """Names under which a server bound to `host` may be called. Bound to all addresses, every literal one of them."""
    names = {host, *LOOPBACK}
    if host in ("0.0.0.0", "::"):
        names |= {socket.gethostname(), socket.getfqdn(), "*ip*"}
    return {name.lower() for name in names}


class Guard:
    """Stands before the app and answers for it where a request is not allowed."""

    def __init__(self, app: App, hosts: Iterable[str], token: str | None, largest: int = LARGEST_BODY):
        self.app, self.hosts, self.token, self.largest = app, set(hosts), token, largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        refused = self.refusal(scope, headers)
        if refused:
            return await answer(send, *refused)
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if self.token and given and scope["method"] == "GET" and not scope["path"].startswith("/api/"):
            return await welcome(send, scope, given[-1])
        length = 0

        async def measured() -> MutableMapping[str, Any]:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > self.largest:
                raise TooLarge
            return message

        async def labelled(message: MutableMapping[str, Any]) -> None:
            if length > self.largest:
                return  # whatever the app made of it, the answer is below
            if message["type"] == "http.response.start":
                own = {k.lower() for k, _ in message.get("headers", [])}
                extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in own]
                message = {**message, "headers": [*message.get("headers", []), *extra]}
            await send(message)

        with contextlib.suppress(TooLarge):
            await self.app(scope, measured, labelled)
        if length > self.largest:
            await answer(send, 413, f"a request may have {self.largest // 2**20} MiB at most")

    def refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and reason, or None for what may pass."""
        if not self.knows(headers.get("host", "")):
            return 421, "this studio does not go by that name; open the address that it printed"
        origin = headers.get("origin")
        if scope["method"] not in SAFE and origin is not None and urlsplit(origin).netloc != headers["host"]:
            return 403, "this request comes from another site's page"
        if headers.get("sec-fetch-site") == "cross-site" and scope["method"] not in SAFE:
            return 403, "this request comes from another site's page"
        if headers.get("content-length", "0").isdecimal() and int(headers.get("content-length", "0")) > self.largest:
            return 413, f"a request may have {self.largest // 2**20} MiB at most"
        if self.token and not self.proves(scope, headers):
            return 401, "a token is needed: open the whole address that the studio printed"
        return None

    def knows(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self.hosts:
            return True
        try:
            return "*ip*" in self.hosts and bool(ipaddress.ip_address(name))
        except ValueError:
            return False

    def proves(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Is the token there: as a cookie, a bearer's, or in the address?"""
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            return False
        given = [cookies[COOKIE].value] if COOKIE in cookies else []
        kind, _, word = headers.get("authorization", "").partition(" ")
        given += [word] * (kind.lower() == "bearer")
        given += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return any(hmac.compare_digest(word.encode(), (self.token or "").encode()) for word in given)


class TooLarge(Exception):
    """A body went on past what it may have."""


async def answer(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [(k.encode(), v.encode()) for k, v in HEADERS.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def welcome(send: Send, scope: Scope, token: str) -> None:
    """The token moves from the address into a cookie, so that it stays out of histories and referrers."""
    rest = {k: v for k, v in parse_qs(scope["query_string"].decode("latin-1")).items() if k != "token"}
    where = scope["path"] + (f"?{urlencode(rest, doseq=True)}" if rest else "")
    cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict"
    headers = [(b"location", where.encode()), (b"set-cookie", cookie.encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
