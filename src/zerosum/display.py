"""What a person sees while a game is played: a bar and its terms in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

LINE_EVERY = 10.0  # seconds between plain lines


class Display:
    """`with Display(...) as show: show(round, examples, terms)`. On the standard error, so that output can be piped."""

    def __init__(self, title: str, rounds: int, start: int, examples: int, quiet: bool = False):
        self.rounds, self.start, self.examples = rounds, start, examples
        self.console = Console(stderr=True, quiet=quiet)
        self.began = self.spoke = time.monotonic()
        self.bar = Progress(
            TextColumn(f"[bold]{title}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self.console,
            expand=True,
        )
        self.task = self.bar.add_task("", total=rounds, completed=start, speed="")
        self.terms = Text(style="cyan", no_wrap=True, overflow="ellipsis")
        self.doctor = Text(no_wrap=True, overflow="ellipsis")
        self.live = Live(Group(self.bar, self.terms, self.doctor), console=self.console)
        self.alive = self.console.is_terminal and not quiet

    def __enter__(self) -> Self:
        if self.alive:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.alive:
            self.live.stop()

    def __call__(self, round: int, examples: int, terms: dict[str, float]) -> None:
        now = time.monotonic()
        seconds = max(now - self.began, 1e-9)
        speed = (
            f"{(round - self.start) / seconds:,.1f} rounds/s, {(examples - self.examples) / seconds:,.0f} examples/s"
        )
        values = "  ".join(f"{k} {v:.3g}" for k, v in terms.items())
        self.bar.update(self.task, completed=round, speed=speed)
        self.terms.plain = values
        if not self.alive and (now - self.spoke > LINE_EVERY or round == self.rounds):
            left = (self.rounds - round) * seconds / max(round - self.start, 1)
            self.say(f"round {round}/{self.rounds}, {speed}, {left:.0f} s left  {values}")
            self.spoke = now

    def light(self, colour: str, names: list[str]) -> None:
        """The doctor's light, and what it stands for."""
        self.doctor.plain = f"● {', '.join(names) or 'nothing found'}"
        self.doctor.style = colour

    def stopping(self) -> None:
        """Called from a signal's handler, so not by print, whose own work it may have interrupted."""
        said = "finishing the round and saving it; once more to stop at once"
        self.terms.plain = said
        if not self.alive and not self.console.quiet:
            os.write(2, f"zerosum: {said}\n".encode())

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def steps() -> Iterator[Callable[[str, float], None]]:
    """A bar in a terminal for work of several steps; gives what to call with (what is done now, share done)."""
    console = Console(stderr=True)
    columns = (TextColumn("[bold]{task.description}"), BarColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0)
        yield lambda what, share: progress.update(task, description=what, completed=share)
