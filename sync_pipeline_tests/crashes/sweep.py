"""Tells a story undisturbed, tells it again with kills, and compares where the two end (invariant 10)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sync_pipeline_tests.crashes.stories import Canonical
from sync_pipeline_tests.harness import CATEGORY
from sync_pipeline_tests.machine.driver import Bench
from sync_pipeline_tests.machine.hazards import POSITIONS, Seam
from sync_pipeline_tests.machine.ledger import stamp_of
from sync_pipeline_tests.machine.oracle import Violation
from sync_pipeline_tests.machine.story import Story

#: What both sides hold in the end, ids, versions, times and the Deleted Items aside.
Form = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Point:
    """Where a run is killed: the nth write or commit, before or after it."""

    position: str
    nth: int


@dataclass(frozen=True)
class Undisturbed:
    """A story told without a kill: how many writes and commits its run has, and how it ends."""

    seen: Counter[str]
    form: Form

    def points(self) -> list[Point]:
        return [Point(position, nth) for position in POSITIONS for nth in range(1, self.seen[position] + 1)]


def undisturbed(bench: Bench, canonical: Canonical) -> Undisturbed:
    """Raises Violation, also where a step of the story finds nothing to be done with."""
    with bench.story(canonical.choices, Counter()) as story:
        _begin(story, canonical)
        seam = Seam()
        story.run_through(seam)
        story.end()
        return Undisturbed(seam.seen, _form(story))


def crashed(bench: Bench, canonical: Canonical, kills: list[Point], expected: Undisturbed) -> str:
    """Kills the run, and the run after it where there are two points. "" where it ends as it would have without."""
    with bench.story(canonical.choices, Counter()) as story:
        try:
            _begin(story, canonical)
            for kill in kills:
                story.run_through(Seam(at={kill.position: kill.nth}))
            story.end()
        except Violation as violation:
            return f"invariant {violation.invariant}: {violation}"
        differs = [row for row in _form(story) if row not in expected.form]
        lacks = [row for row in expected.form if row not in _form(story)]
        return f"invariant 10: {differs} instead of {lacks}" if differs or lacks else ""


def kills(canonical: Canonical, expected: Undisturbed) -> Iterator[list[Point]]:
    """Every point alone, then every point with a second kill in the run that recovers."""
    points = expected.points()
    yield from ([point] for point in points)
    dice = random.Random(canonical.name)
    yield from ([point, dice.choice(points)] for point in points)


def _begin(story: Story, canonical: Canonical) -> None:
    story.begin()
    for name, arguments in canonical.steps:
        before = story.fired[name]
        story.perform(name, arguments)
        if story.fired[name] == before:
            raise Violation("0", f"{canonical.name}: the step {name} {arguments} did nothing")


def _form(story: Story) -> Form:
    story.refresh()
    ledger, rows = story.ledger, list[tuple[Any, ...]]()
    for thing in ledger.things.values():
        if thing.state is None or not ledger.is_living(thing):
            continue
        values = tuple(sorted(ledger.values(thing.side, thing.state).items()))
        if thing.side == "graph":
            target = ledger.things.get(stamp_of(thing.state))
            own = tuple(sorted(thing.state["categories"])), thing.state.get("nickName"), thing.state.get("companyName")
            rows.append((
                thing.mailbox, ledger.is_in_folder(thing), CATEGORY in thing.state["categories"], own,
                target is not None and target.state is not None, values,
            ))  # fmt: skip
        else:
            account = (story.oracle.accounts.get(thing.state.get("AccountId") or "") or {}).get("Name")
            rows.append(("salesforce", account, values))
    return sorted(rows, key=repr)
