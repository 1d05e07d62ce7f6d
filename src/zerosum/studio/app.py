"""The studio's addresses. What each takes and gives is typed, and the OpenAPI document is made from those types."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
from fastapi import FastAPI, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from .. import __version__, event_plots, translation
from ..conditions import understand
from ..draws import draw
from ..errors import InputError
from ..runs import Run
from ..translation import check_direction
from . import forms, save, shelf
from .bodies import Draw, Error, Latents, Measure, More, Name, Number, Order, Render, Said, Sitting, Translate, Upload
from .gallery import Gallery
from .hype import Book, attentive, exposure, score
from .jobs import Jobs
from .models import Model, Models
from .moments import Moments
from .shelf import Missing, Shelf

WEB = Path(__file__).parent / "web"
TICK = 0.4  # seconds between looks at a run that is followed
STREAMS = 64  # followers at a time
MOST_REAL = 16  # real pictures in one answer


class Studio:
    """What all requests share."""

    def __init__(self, root: Path, jobs: Jobs | None = None):
        self.shelf = Shelf(root)
        self.jobs = jobs or Jobs(self.shelf)
        self.models, self.moments, self.gallery = Models(), Moments(self.shelf), Gallery()
        self.book = Book(self.shelf.private / "judge.sqlite")
        self.streams = 0
        self.started: Callable[[], None] = lambda: None  # called when a Ctrl-C would be understood
        self.ending: Callable[[], bool] = lambda: False  # told by the server, so that streams end with it

    def summary(self, run: Run) -> dict[str, Any]:
        """A run as lists show it, with what it is doing."""
        found, job = shelf.summary(run), self.jobs.of(run.name)
        if job is not None and job.kind != "evaluate" and job.status is None:
            state = job.state
        elif shelf.trainer(run) is not None:
            state = "elsewhere"
        elif job is not None and job.kind != "evaluate" and job.state == "failed":
            state = "failed"
        else:
            state = "finished" if found["saved"] >= found["planned"] else "stopped"
        measuring = job is not None and job.kind == "evaluate" and job.status is None
        said = job.said(12) if job is not None and state == "failed" else None
        unmeasured = job.said(1) if job is not None and job.kind == "evaluate" and job.state == "failed" else None
        now = {"state": state, "job": job.id if job else None, "measuring": measuring}
        return {**found, **now, "said": said, "unmeasured": unmeasured}

    def model(self, name: str, number: int | None = None) -> Model:
        return self.models.get(self.shelf.run(name), number)

    def reals(self, name: str) -> dict[str, Any]:
        """Some real examples, packed as samples are."""
        run, model = self.shelf.run(name), self.model(name)
        if "x" not in model.spec:
            raise InputError(f"{name} translates; it has pictures of its data under pictures/reals")
        x = self.moments.real(run).x
        return model.pack(x if model.out.kind == "vector" else x[:MOST_REAL])

    def follow(self, name: str, sent: int) -> dict[str, Any]:
        """All that a page that follows a run must hear of."""
        run = self.shelf.run(name)
        rows = [row for row in shelf.tail(run, 1 << 18) if row["round"] > sent]
        return {"run": self.summary(run), "readings": rows, "moments": self.moments.rounds(name)}


def build(studio: Studio) -> FastAPI:
    """The app, without its guard."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        studio.moments.start()
        studio.started()
        yield
        await asyncio.to_thread(studio.moments.close)

    app = FastAPI(
        title="zerosum studio",
        version=__version__,
        description="Watch runs, sample from them, let people judge them.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # they load from a CDN
        redoc_url=None,
        lifespan=life,
        responses={400: {"model": Error}, 404: {"model": Error}, 422: {"model": Error}},
    )
    for add in (errors, library, processes, playing, judging):
        add(app, studio)
    app.mount("/", StaticFiles(directory=WEB, html=True))
    return app


def errors(app: FastAPI, studio: Studio) -> None:
    """Mistakes of the user's, in the user's words."""

    @app.exception_handler(InputError)
    async def mistaken(request: Request, error: InputError) -> JSONResponse:
        said = {"error": str(error)} | ({"field": error.field} if isinstance(error, forms.Wrong) else {})
        return JSONResponse(said, 404 if isinstance(error, Missing) else 400)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"][1:]]
        said = {"error": f"{'.'.join(where) or 'the request'}: {first['msg']}"}
        return JSONResponse(said | ({"field": where[-1]} if where else {}), 422)


def library(app: FastAPI, studio: Studio) -> None:
    """Runs, as files tell them."""

    @app.get("/api/about", tags=["studio"])
    def about() -> dict[str, Any]:
        """Which zerosum this is, and where its runs are."""
        return {"version": __version__, "runs": studio.shelf.root.name}

    @app.get("/api/runs", tags=["runs"])
    def list_runs() -> list[dict[str, Any]]:
        """All runs, newest first."""
        found = []
        for name in studio.shelf.names():
            try:
                found.append(studio.summary(studio.shelf.run(name)))
            except InputError as error:
                found.append({"name": name, "state": "damaged", "said": str(error)})
        return found

    @app.get("/api/runs/{name}", tags=["runs"])
    def get_run(name: Name) -> dict[str, Any]:
        """One run: summary, configuration, findings of the doctor, metric cards."""
        run = studio.shelf.run(name)
        examined = (run.path / "doctor.json").is_file()
        extra = {"config": run.config, "examined": examined, "findings": shelf.findings(run), "metrics": run.metrics()}
        return {**studio.summary(run), **extra}

    @app.get("/api/runs/{name}/stats", tags=["runs"])
    def stats(name: Name) -> list[dict[str, Any]]:
        """Every reading: round, examples, seconds, and every named term."""
        return studio.shelf.run(name).stats()

    @app.get(
        "/api/runs/{name}/events",
        tags=["runs"],
        response_class=StreamingResponse,
        responses={200: {"content": {"text/event-stream": {}}}, 429: {"model": Error}},
    )
    async def events(name: Name, since: Annotated[int, Query(ge=-1, le=2**53)] = -1) -> Response:
        """Server-sent events: summary, new readings and moments, as they come."""
        studio.shelf.run(name)
        if studio.streams >= STREAMS:
            return JSONResponse({"error": "too many pages follow runs; close some"}, 429)
        return StreamingResponse(followed(studio, name, since), media_type="text/event-stream")

    @app.get(
        "/api/runs/{name}/pictures/{which}",
        tags=["runs"],
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    def picture(name: Name, which: Annotated[str, InPath(pattern=r"^(\d{1,12}|reals)$")]) -> Response:
        """The grid of samples of a round, or of real examples."""
        run = studio.shelf.run(name)
        path = run.samples / (f"{which}.png" if which == "reals" else f"{int(which):06d}.png")
        if not path.is_file():
            raise Missing(f"{name} has no picture {which}")
        return Response(path.read_bytes(), media_type="image/png")

    @app.get("/api/runs/{name}/moments", tags=["runs"])
    def list_moments(name: Name) -> list[int]:
        """Rounds of which D's scores (and, in the plane, its map) are known; computes those that can be."""
        return studio.moments.catch_up(studio.shelf.run(name))

    @app.get("/api/runs/{name}/moments/{round}", tags=["runs"])
    def get_moment(name: Name, round: Number) -> dict[str, Any]:
        """D's scores of real and fake as quantiles; in the plane, points, D's map and the pull of its gradient."""
        studio.shelf.run(name)
        found = studio.moments.get(name, round)
        if found is None:
            raise Missing(f"{name} has no moment of round {round}")
        return found

    @app.get(
        "/api/runs/{name}/panels",
        tags=["runs"],
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    def panels(name: Name) -> Response:
        """Of a run on particle events: each feature beside real events, with the ratio below."""
        run = studio.shelf.run(name)
        if shelf.kind(run) != "events":
            raise Missing(f"{name} does not make events")
        drawn = event_plots.of_runs([run], run.data())["features"]
        file = io.BytesIO()
        drawn.savefig(file, format="png", dpi=100)
        return Response(file.getvalue(), media_type="image/png")

    @app.get("/api/games", tags=["games"])
    def games() -> list[dict[str, Any]]:
        """The zoo."""
        return forms.catalogue()

    @app.get("/api/games/{game}", tags=["games"])
    def game(game: Annotated[str, InPath(max_length=100)]) -> dict[str, Any]:
        """JSON schemas of a game's hyperparameters, of the settings, and of how data is read."""
        from ..settings import DataOptions, Settings

        kinds = {"hyperparameters": forms.kind_of(game), "settings": Settings, "data": DataOptions}
        return {name: forms.schema(kind) for name, kind in kinds.items()}

    @app.get("/api/sources", tags=["games"])
    def sources() -> list[dict[str, str]]:
        """Data that has a name."""
        return forms.sources()


async def followed(studio: Studio, name: str, sent: int) -> AsyncIterator[str]:
    """Events until the page goes away: a change as it comes, a sign of life where there is none."""
    studio.streams += 1
    last, quiet = "", 0
    try:
        while not studio.ending():
            try:
                news = await asyncio.to_thread(studio.follow, name, sent)
            except InputError:
                return  # the run was deleted
            sent = max([sent, *(row["round"] for row in news["readings"])])
            text = json.dumps(news)
            changed = text != last
            last, quiet = text, 0 if changed else quiet + 1
            if changed:
                yield f"data: {text}\n\n"
            elif quiet % 25 == 0:
                yield ": still here\n\n"
            await asyncio.sleep(TICK)
    finally:
        studio.streams -= 1


def processes(app: FastAPI, studio: Studio) -> None:
    """What the page starts and stops."""

    @app.get("/api/jobs", tags=["jobs"])
    def list_jobs() -> list[dict[str, Any]]:
        """What was started here, newest first."""
        return [job.to_json() for job in studio.jobs.list()]

    @app.get("/api/jobs/{id}", tags=["jobs"])
    def get_job(id: Number) -> dict[str, Any]:
        """One of them, and the end of what it printed."""
        return studio.jobs.get(id).to_json()

    @app.post("/api/jobs", tags=["jobs"])
    def train(order: Order) -> dict[str, Any]:
        """Start a run: `zerosum train`."""
        given = (order.hyperparameters, order.settings, order.data)
        words = forms.training(order.game, order.source, *given, studio.shelf.root)
        return studio.jobs.start("train", words).to_json()

    @app.post("/api/jobs/{id}/stop", tags=["jobs"])
    def stop(id: Number) -> dict[str, Any]:
        """Finish the round, save, and end."""
        return studio.jobs.stop(id).to_json()

    @app.post("/api/jobs/{id}/pause", tags=["jobs"])
    def pause(id: Number) -> dict[str, Any]:
        """Stand still in memory."""
        return studio.jobs.pause(id).to_json()

    @app.post("/api/jobs/{id}/continue", tags=["jobs"])
    def go_on(id: Number) -> dict[str, Any]:
        """Go on after a pause."""
        return studio.jobs.go_on(id).to_json()

    @app.post("/api/runs/{name}/resume", tags=["jobs"])
    def resume(name: Name, more: More) -> dict[str, Any]:
        """Go on from the newest checkpoint, bit for bit: `zerosum resume`."""
        run = studio.shelf.run(name)
        if shelf.trainer(run) is not None:
            raise InputError(f"{name} is being trained already")
        rounds = ["--rounds", str(more.rounds)] if more.rounds else []
        return studio.jobs.start("resume", ["resume", str(run.path), *rounds], name).to_json()

    @app.post("/api/runs/{name}/evaluate", tags=["jobs"])
    def evaluate(name: Name, how: Measure) -> dict[str, Any]:
        """Measure it: `zerosum evaluate`. The cards are then in the run's `metrics`."""
        run = studio.shelf.run(name)
        words = ["evaluate", str(run.path), "--repeats", str(how.repeats), "--seed", str(how.seed)]
        words += [] if how.n is None else ["-n", str(how.n)]
        return studio.jobs.start("evaluate", words, name).to_json()


def playing(app: FastAPI, studio: Studio) -> None:
    """What was learned."""

    @app.get("/api/runs/{name}/model", tags=["play"])
    def describe(name: Name) -> dict[str, Any]:
        """What it can do, how large its latents are, what it can be told."""
        return studio.model(name).describe()

    @app.post("/api/runs/{name}/sample", tags=["play"])
    def sample(name: Name, how: Draw) -> dict[str, Any]:
        """Samples, as `zerosum sample` draws them."""
        model = studio.model(name, how.round)
        if "x" not in model.spec:
            raise InputError(f"{name} translates; give it a picture")
        y = understand(model.game, model.spec, how.n, how.condition)
        with model.lock:
            return model.pack(draw(model.game, how.n, how.seed, y=y))

    @app.get("/api/runs/{name}/reals", tags=["play"])
    def reals(name: Name) -> dict[str, Any]:
        """A few hundred real examples that were not trained on, always the same, as samples are given."""
        return studio.reals(name)

    @app.post("/api/runs/{name}/latents", tags=["play"])
    def latents(name: Name, how: Latents) -> dict[str, Any]:
        """The latents of those samples."""
        model = studio.model(name, how.round)
        return {"z": [[round(v, 5) for v in row] for row in model.latents(how.n, how.seed).tolist()]}

    @app.post("/api/runs/{name}/render", tags=["play"])
    def render(name: Name, how: Render) -> dict[str, Any]:
        """Samples of given latents."""
        model = studio.model(name, how.round)
        if len({len(row) for row in how.z}) > 1:
            raise InputError("latents must all have the same length")
        y = understand(model.game, model.spec, len(how.z), how.condition)
        return model.pack(model.render(torch.tensor(how.z, dtype=torch.float32), y))

    @app.get("/api/runs/{name}/directions", tags=["play"])
    def directions(name: Name) -> dict[str, Any]:
        """The principal directions of its latents."""
        model = studio.model(name)
        return {"directions": [[round(v, 5) for v in row] for row in model.directions.tolist()]}

    @app.post("/api/runs/{name}/invert", tags=["play"])
    def invert(name: Name, upload: Upload) -> dict[str, Any]:
        """The latents whose sample comes closest to a picture."""
        model = studio.model(name, upload.round)
        y = understand(model.game, model.spec, 1, upload.condition)
        z, distance = model.invert(model.tensor(upload.picture), y)
        return {"z": [round(v, 5) for v in z.tolist()], "distance": distance}

    @app.get(
        "/api/runs/{name}/page",
        tags=["play"],
        response_class=Response,
        responses={200: {"content": {"text/html": {}}}},
    )
    def saved(name: Name) -> Response:
        """One HTML file in which the generator runs, to keep or to pass on."""
        model = studio.model(name)
        real = studio.reals(name)["rows"] if model.out.kind == "vector" and model.unsaved() is None else None
        content = save.page(model, real)
        headers = {"content-disposition": f'attachment; filename="{name}.html"'}
        return Response(content, media_type="text/html", headers=headers)

    @app.post("/api/runs/{name}/encode", tags=["play"])
    def encode(name: Name, upload: Upload) -> dict[str, Any]:
        """What the game's encoder makes of a picture."""
        return {"codes": able(studio.model(name, upload.round), "encode", upload.picture).flatten(1).tolist()}

    @app.post("/api/runs/{name}/classify", tags=["play"])
    def classify(name: Name, upload: Upload) -> dict[str, Any]:
        """Which class the game takes a picture for."""
        return {"classes": able(studio.model(name, upload.round), "classify", upload.picture).flatten(1).tolist()}

    @app.post("/api/runs/{name}/translate", tags=["play"])
    def translate(name: Name, upload: Translate) -> dict[str, Any]:
        """A picture of one domain in the other."""
        model = studio.model(name, upload.round)
        check_direction(model.game, upload.way)
        given, made = upload.way.split("2")
        x = model.tensor(upload.picture, given)
        with model.lock:
            return model.pack(translation.translate(model.game, x, upload.way), model.spec.fields[made])


def able(model: Model, ability: str, content: bytes) -> torch.Tensor:
    """What a method of the game makes of an uploaded picture. Raises InputError where the game has none."""
    method = getattr(model.game, ability, None)
    if not callable(method):
        raise InputError(f"{type(model.game).__name__} has no {ability!r}")
    x = model.tensor(content)
    with model.lock, torch.no_grad(), torch.random.fork_rng([]):
        torch.manual_seed(0)
        out = method(x)
    if not isinstance(out, torch.Tensor):
        raise InputError(f"what {ability!r} of {type(model.game).__name__} gives cannot be shown")
    return out.float()


def judging(app: FastAPI, studio: Studio) -> None:
    """People: see hype.py."""

    def turn(number: int) -> dict[str, Any]:
        session = studio.book.session(number)
        answers = studio.book.answers(session)
        of, done = len(session.trials), len(answers)
        shown: dict[str, Any] = {"session": number, "run": session.run, "mode": session.mode, "judge": session.judge}
        shown |= {"trial": done, "of": of, "finished": done == of}
        if done < of:
            return {**shown, "exposure_ms": exposure(answers) if session.mode == "time" else None}
        return {**shown, "attentive": attentive(answers), "result": score([[answers]], session.mode)}

    @app.post("/api/judge/sessions", tags=["judge"])
    def begin(sitting: Sitting) -> dict[str, Any]:
        """Sit down to judge a run."""
        run = studio.shelf.run(sitting.run)
        model = studio.model(sitting.run)
        if model.out.kind != "image" or "x" not in model.spec:
            raise InputError(f"{sitting.run} makes no pictures to judge")
        reals = len(run.data())
        own = studio.book.begin(run.name, model.number, sitting.mode, sitting.judge, sitting.n, sitting.seed, reals)
        return turn(own.id)

    @app.get("/api/judge/sessions", tags=["judge"])
    def list_sessions(run: str | None = None) -> list[dict[str, Any]]:
        """Sessions, those that can be gone on with included."""
        return [turn(session.id) for session in studio.book.sessions(run)]

    @app.get("/api/judge/sessions/{id}", tags=["judge"])
    def get_session(id: Number) -> dict[str, Any]:
        """Whose turn it is; after the last, the score."""
        return turn(id)

    @app.get(
        "/api/judge/sessions/{id}/pictures/{trial}",
        tags=["judge"],
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}},
    )
    def judged_picture(id: Number, trial: Number) -> Response:
        """The picture of the trial whose turn it is, or of the next one, to be fetched ahead."""
        session = studio.book.session(id)
        done = len(studio.book.answers(session))
        if not done <= trial <= done + 1 or trial >= len(session.trials):
            raise Missing(f"it is the turn of trial {done}")
        model = studio.model(session.run, session.round)
        content = studio.gallery.picture(session, trial, studio.shelf.run(session.run), model)
        return Response(content, media_type="image/png", headers={"cache-control": "no-store"})

    @app.post("/api/judge/sessions/{id}/answers", tags=["judge"])
    def say(id: Number, said: Said) -> dict[str, Any]:
        """Answer the trial whose turn it is. Whether that was right is not told: no feedback."""
        studio.book.add(studio.book.session(id), said.trial, said.said, said.shown_ms, said.took_ms)
        return turn(id)

    @app.get("/api/judge/scores/{name}", tags=["judge"])
    def scores(name: Name) -> list[dict[str, Any]]:
        """Pooled and each judge's, with intervals."""
        return studio.book.scores(studio.shelf.run(name).name)

    @app.get(
        "/api/judge/answers.csv",
        tags=["judge"],
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
    )
    def answers(run: str | None = None) -> Response:
        """Every answer as a line."""
        headers = {"content-disposition": 'attachment; filename="answers.csv"'}
        return Response(studio.book.csv(run), media_type="text/csv", headers=headers)
