"""Runs sequences with a fixed seed, counts what fired, keeps failures as stories, replays and shortens them."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis.stateful import run_state_machine_as_test

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.harness import World, seed_people
from sync_pipeline_tests.machine.machine import machine
from sync_pipeline_tests.machine.oracle import Violation
from sync_pipeline_tests.machine.story import Step, Story, fresh

Json = dict[str, Any]


@dataclass
class Failure:
    """What did not hold, and the story that led there."""

    kind: str
    message: str
    choices: dict[str, int]
    steps: list[Step]
    trace: str = ""

    def document(self) -> Json:
        return {"kind": self.kind, "message": self.message, "choices": self.choices, "steps": self.steps}


@dataclass
class Report:
    """Figures of a search."""

    sequences: int = 0
    steps: int = 0
    runs: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0


class Bench:
    """One sandbox for all sequences, emptied between them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._server = SandboxServer(None, seeder=seed_people)
        self._number = 0

    def __enter__(self) -> Bench:
        self._server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._server.__exit__(None, None, None)

    @contextmanager
    def story(self, choices: dict[str, int], fired: Counter[str]) -> Iterator[Story]:
        self._number += 1
        directory = self.directory / f"{self._number}"
        directory.mkdir()
        world = World(self._server, directory)
        story: Story | None = None
        try:
            fresh(world, directory)
            story = Story(world, choices, fired)
            yield story
        finally:
            if story is not None:
                story.let_go()
            world.close()
            shutil.rmtree(directory, ignore_errors=True)


class _Sequence:
    """What the machine drives. A failure is kept, the rest of the sequence is left out, and the search goes on."""

    def __init__(self, bench: Bench, report: Report, choices: dict[str, int], seconds: float) -> None:
        self._report, self._choices, self._until = report, choices, seconds
        self._context = bench.story(choices, report.fired)
        self._is_over = time.monotonic() > seconds
        self._story: Story | None = None
        if not self._is_over:
            self._story = self._context.__enter__()
            self._guarded(lambda story: story.begin())

    def perform(self, name: str, arguments: Json) -> None:
        self._guarded(lambda story: story.perform(name, arguments))

    def end(self) -> None:
        self._guarded(lambda story: story.end())
        if self._story is not None:
            self._report.sequences += 1
            self._report.steps += len(self._story.steps)
            self._report.runs += self._story.runs
            self._report.reasons.update(self._story.reasons)
            self._context.__exit__(None, None, None)

    def _guarded(self, do: Callable[[Story], None]) -> None:
        if self._is_over or self._story is None:
            return
        failure = attempt(self._story, do, self._choices)
        if failure:
            self._report.failures.append(failure)
            self._is_over = True


def attempt(story: Story, do: Callable[[Story], None], choices: dict[str, int]) -> Failure | None:
    """Whether the step holds; any error but a violation is one of ours or of the machine, and counts."""
    try:
        do(story)
    except Violation as violation:
        return Failure(f"invariant {violation.invariant}", str(violation), choices, list(story.steps))
    except Exception as error:
        trace = traceback.format_exc()
        return Failure(f"error {type(error).__name__}", str(error)[:500], choices, list(story.steps), trace)
    return None


def search(sequences: int, steps: int, seed: int, *, seconds: float = 1e9, show: Callable[[Report], None]) -> Report:
    """So many sequences of up to so many steps; the same seed gives the same ones."""
    report, start = Report(), time.monotonic()
    with tempfile.TemporaryDirectory() as directory, Bench(Path(directory)) as bench:

        def begin(choices: dict[str, int]) -> _Sequence:
            show(report)
            return _Sequence(bench, report, choices, start + seconds)

        settings = hypothesis.settings(
            max_examples=sequences, stateful_step_count=steps, deadline=None, database=None,
            phases=[hypothesis.Phase.generate], suppress_health_check=list(hypothesis.HealthCheck), derandomize=False,
            print_blob=False,
        )  # fmt: skip
        run_state_machine_as_test(hypothesis.seed(seed)(machine(begin)), settings=settings)
    report.seconds = time.monotonic() - start
    return report


def replay(
    bench: Bench, choices: dict[str, int], steps: list[Step], fired: Counter[str] | None = None
) -> Failure | None:
    """Does a story again, its end included."""
    with bench.story(choices, Counter() if fired is None else fired) as story:
        failure = attempt(story, lambda s: s.begin(), choices)
        for name, arguments in steps:
            failure = failure or attempt(story, lambda s, n=name, a=arguments: s.perform(n, a), choices)  # type: ignore[misc]
            if failure:
                return failure
        return attempt(story, lambda s: s.end(), choices)


def shorten(bench: Bench, failure: Failure, tries: int = 60) -> Failure:
    """Leaves out steps as long as the same invariant breaks."""
    best, size = failure, max(len(failure.steps) // 2, 1)
    while size >= 1 and tries > 0:
        at, cut = 0, False
        while at < len(best.steps) and tries > 0:
            tries -= 1
            less = best.steps[:at] + best.steps[at + size :]
            found = replay(bench, best.choices, less)
            if found and found.kind == best.kind:
                best, cut = Failure(found.kind, found.message, best.choices, less, found.trace), True
            else:
                at += size
        size = size // 2 if not cut or size > 1 else size
        if size == 1 and not cut and at >= len(best.steps):
            break
    return best


def load(path: Path) -> list[Failure]:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [
        Failure(row["kind"], row["message"], row["choices"], [(n, a) for n, a in row["steps"]]) for row in rows
    ]  # fmt: skip
