"""Progress on stderr: a moving line in a terminal, now and then a plain one elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str, int, int | None], None]

_SECONDS_BETWEEN_LINES = 2.0


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A function that takes (what is done, how many, of how many or None) and shows it."""
    # A copy of stderr: Dagster may send the file descriptor itself into a file of its own while a step runs.
    with os.fdopen(os.dup(2), "w", encoding="utf-8") as stream:
        if stream.isatty():
            with _moving(stream) as report:
                yield report
        else:
            yield _lines(stream)


def words(what: str) -> str:
    """A step's name as a person reads it."""
    return what.replace("_", " ").capitalize()


@contextmanager
def _moving(stream: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=stream), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                for task in tasks.values():
                    progress.update(task, visible=False)
                tasks[what] = progress.add_task(words(what), total=total, count="")
            count = _count(done, total) if done or total else ""
            progress.update(tasks[what], completed=done, total=total, count=count, visible=True)

        yield report


def _lines(stream: TextIO) -> Progress:
    last = time.monotonic()

    def report(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{words(what)}{f': {_count(done, total)}' if done or total else ''}", file=stream, flush=True)

    return report


def _count(done: int, total: int | None) -> str:
    return f"{done:,}" if total is None else f"{done:,} of {total:,}"
