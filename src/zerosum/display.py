"""What a person sees while a game is played: a bar and its terms in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINE_EVERY = 10.0  # seconds between plain lines


class Display:
    """`with Display(...) as show: show(round, examples, terms)`. On the standard error, so that output can be piped."""

    def __init__(self, title: str, rounds: int, start: int, examples: int, quiet: bool = False):
        self.rounds, self.start, self.examples, self.quiet = rounds, start, examples, quiet
        self.console = Console(stderr=True, quiet=quiet)
        self.began = self.spoke = time.monotonic()
        self.progress = Progress(
            TextColumn(f"[bold]{title}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not self.console.is_terminal,
        )
        self.task = self.progress.add_task("", total=rounds, completed=start, speed="")
        self.terms_line = self.progress.add_task("", total=None, visible=False, speed="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def __call__(self, round: int, examples: int, terms: dict[str, float]) -> None:
        now = time.monotonic()
        seconds = max(now - self.began, 1e-9)
        speed = f"{(round - self.start) / seconds:,.1f} rounds/s {(examples - self.examples) / seconds:,.0f} ex/s"
        values = "  ".join(f"{k} {v:.3g}" for k, v in terms.items())
        self.progress.update(self.task, completed=round, speed=f"{speed}  [cyan]{values}")
        if not self.console.is_terminal and (now - self.spoke > LINE_EVERY or round == self.rounds):
            left = (self.rounds - round) * seconds / max(round - self.start, 1)
            self.say(f"round {round}/{self.rounds}  {speed}  {left:.0f} s left  {values}")
            self.spoke = now

    def say(self, text: str) -> None:
        """A line of its own, above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
