"""Seconds and peak memory: of calls in this process, and of a finished child process by the system's own accounting."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")


class DifferentOutput(AssertionError):
    """Ours and its limit or peer did not do the same work, so that their times say nothing."""


@dataclass(frozen=True)
class Size:
    """How large a benchmark is to be: the sizes of the table or, `quick`, a minute for all of them; its seed, and a
    directory of its own."""

    quick: bool
    seed: int
    directory: Path

    @property
    def rounds(self) -> int:
        """How often what takes seconds is measured; the fastest counts."""
        return 1 if self.quick else 2


@dataclass(frozen=True)
class Finished:
    """A child process that ended: seconds from start to end, and the largest its memory ever was."""

    code: int
    seconds: float
    peak_mib: float
    out: str


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds, and what came back."""
    began = time.perf_counter()
    result = call()
    return time.perf_counter() - began, result


def fastest(rounds: int, *calls: Callable[[], object]) -> list[float]:
    """The least seconds of each call over so many rounds. They take turns, so that a noisy moment hits all of them."""
    seconds = [[timed(call)[0] for call in calls] for _ in range(rounds)]
    return [min(times) for times in zip(*seconds, strict=True)]


def same(what: str, ours: object, other: object) -> None:
    """Raises DifferentOutput where the two differ."""
    if ours != other:
        raise DifferentOutput(f"{what}: the outputs differ: {str(ours)[:300]} against {str(other)[:300]}")


def finished(command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Finished:
    """Runs a command to its end.

    A small process starts it: the system counts what the starting process holds as the child's own peak.
    """
    launcher = [sys.executable, "-S", str(Path(__file__).with_name("launcher.py")), *command]
    done = subprocess.run(launcher, stdout=subprocess.PIPE, env=env, cwd=cwd, text=True, check=True)
    told = json.loads(done.stdout)
    return Finished(told["code"], told["seconds"], told["peak_kib"] / 1024, told["out"])
