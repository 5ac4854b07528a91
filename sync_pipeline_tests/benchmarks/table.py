"""Rows of figures with their goals, judged and printed. A goal that is not kept is shown as not met."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
from rich.console import Console
from rich.table import Table

UNITS: Final = ("s", "calls", "MiB", "×")


@dataclass(frozen=True)
class Goal:
    """What a figure has to keep: everything that is given here."""

    at_most: float | None = None  # figure ≤ this
    of_limit: float | None = None  # figure ≤ this × limit
    over_limit: float | None = None  # figure ≤ limit + this
    faster_than_peer: float | None = None  # peer ≥ this × figure

    def is_met(self, figure: float, limit: float | None, peer: float | None) -> bool:
        """Raises ValueError where the goal speaks of a limit or a peer that was not measured."""
        kept = [figure <= self.at_most] if self.at_most is not None else []
        if self.of_limit is not None:
            kept.append(figure <= self.of_limit * _measured("limit", limit))
        if self.over_limit is not None:
            kept.append(figure <= _measured("limit", limit) + self.over_limit)
        if self.faster_than_peer is not None:
            kept.append(_measured("peer", peer) >= self.faster_than_peer * figure)
        if not kept:
            raise ValueError("a goal has to ask for something")
        return all(kept)

    def __str__(self) -> str:
        parts = (
            (self.at_most, "≤ {:g}"),
            (self.of_limit, "≤ {:g} × limit"),
            (self.over_limit, "≤ limit + {:g}"),
            (self.faster_than_peer, "≥ {:g} × faster than peer"),
        )
        return ", ".join(form.format(number) for number, form in parts if number is not None)


@dataclass(frozen=True)
class Row:
    """One figure; None where the work could not be done. `unit` is one of UNITS, for figure, limit and peer alike;
    `remark` says what else was counted, or why there is no figure."""

    name: str
    unit: str
    figure: float | None
    goal: Goal
    limit: float | None = None
    peer: float | None = None
    remark: str = ""

    @property
    def met(self) -> bool:
        return self.figure is not None and self.goal.is_met(self.figure, self.limit, self.peer)

    @property
    def ratio(self) -> float | None:
        """Figure to limit; None where one is missing or the limit is 0."""
        return self.figure / self.limit if self.limit and self.figure is not None else None

    @property
    def gain(self) -> float | None:
        """Peer to figure: how many times faster than the peer."""
        return self.peer / self.figure if self.peer is not None and self.figure else None

    def document(self) -> dict[str, Any]:
        """The row for `--json`."""
        return {
            "name": self.name, "figure": self.figure, "limit": self.limit, "peer": self.peer, "goal": str(self.goal),
            "met": self.met, "unit": self.unit, "ratio": self.ratio, "gain": self.gain, "remark": self.remark,
        }  # fmt: skip


def document(rows: Sequence[Row], machine: str) -> dict[str, Any]:
    """What `--json` prints. Nothing measured is nothing met."""
    judged = [row.document() for row in rows]
    return {"rows": judged, "met": bool(judged) and all(row["met"] for row in judged), "machine": machine}


def show(rows: Sequence[Row], console: Console) -> None:
    """The rows as a table."""
    table = Table("benchmark", "figure", "limit", "peer", "goal", "met")
    for row in rows:
        name = f"{row.name}\n  {row.remark}" if row.remark else row.name
        met = "yes" if row.met else "NOT MET"
        table.add_row(name, _told(row.figure, row.unit), _beside(row.limit, row.ratio), _beside(row.peer, row.gain),
                      str(row.goal), met)  # fmt: skip
    console.print(table, markup=False, highlight=False)


def machine() -> str:
    """What it was measured on: processor, memory, load before it began, versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return (
        f"{_processor()}, {os.cpu_count()} cores, {memory / 2**30:.0f} GiB, load {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, DuckDB {duckdb.__version__}, {platform.system()} {platform.release()}"
    )


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _measured(what: str, value: float | None) -> float:
    if value is None:
        raise ValueError(f"the goal speaks of a {what}, and none was measured")
    return value


def _told(value: float | None, unit: str) -> str:
    if value is None:
        return "none"
    number = f"{value:,.0f}" if unit in ("calls", "MiB") else f"{value:,.3g}"
    return f"{number} {unit}"


def _beside(value: float | None, times: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" + (f" ({times:,.2f} ×)" if times is not None else "")
