"""Plans scenarios in batches, asks the oracle for each, and tells every difference as a short story."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from sync_pipeline.model.fields import normal
from sync_pipeline_tests.planner.claims import is_stamped
from sync_pipeline_tests.planner.fates import takes_part
from sync_pipeline_tests.planner.following import following
from sync_pipeline_tests.planner.oracle import accepted
from sync_pipeline_tests.planner.scenario import End, Holding, Outcome, Scenario, Write
from sync_pipeline_tests.planner.tables import planned
from sync_pipeline_tests.planner.values import KINDS, lives, same, target_of

BATCH = 20_000
AFTER_UP = "delete after up"
RUNS_OF_COPIES = 4


@dataclass(frozen=True)
class Mismatch:
    """A scenario of which the planner makes something that the oracle does not accept."""

    scenario: Scenario
    planned: Outcome
    accepted: tuple[Outcome, ...]

    @property
    def parts(self) -> tuple[str, ...]:
        """Which parts differ from the nearest accepted outcome."""
        return min((differing(self.planned, outcome) for outcome in self.accepted), key=len)

    def story(self) -> str:
        """What was the case, what the requirements say, what was planned."""
        nearest = min(self.accepted, key=lambda outcome: len(differing(self.planned, outcome)))
        lines = [self.scenario.name, *_told(self.scenario)]
        for part in differing(self.planned, nearest):
            lines.append(f"  {part}: planned  {_shown(getattr(self.planned, part))}")
            lines.append(f"  {' ' * len(part)}  expected {_shown(getattr(nearest, part))}")
        return "\n".join(lines)


def mismatches(scenarios: Iterable[Scenario], *, batch: int = BATCH) -> Iterator[Mismatch | None]:
    """One entry a scenario, in order: None where the plan is what the requirements ask for."""
    rest = iter(scenarios)
    while part := list(islice(rest, batch)):
        for scenario, outcome in zip(part, planned(part), strict=True):
            yield judge(scenario, outcome)


def unsettled(scenarios: Iterable[Scenario], *, batch: int = BATCH) -> Iterator[str]:
    """The stories that invariants 1 and 2 forbid.

    After the first run the second must be what the requirements say, after the second nothing may be left to write, and
    what both sides hold must be the same, unless it is held, a problem, or different by design. Where the first run
    brought a deleted contact back (R14), its edits are merged in the second, and reach the others in a third at most.
    Where there are stamped items beside a link's own, each may take the place of the one before in a run of its own.
    """
    rest = iter(scenarios)
    while part := list(islice(rest, batch)):
        first_outcomes = planned(part)
        second = [following(scenario, outcome) for scenario, outcome in zip(part, first_outcomes, strict=True)]
        outcomes = planned(second)
        for scenario, outcome in zip(second, outcomes, strict=True):
            if mismatch := judge(scenario, outcome):
                yield mismatch.story()
        third = [following(*pair, round_number=2) for pair in zip(second, outcomes, strict=True)]
        left = list(zip(part, third, map(_runs, part, first_outcomes), strict=True))
        for number in range(2, RUNS_OF_COPIES + 1):
            outcomes = planned([scenario for _, scenario, _ in left])
            for (first, scenario, runs), outcome in zip(left, outcomes, strict=True):
                if runs == number:
                    yield from _still(first, scenario, outcome, runs)
            left = [
                (first, following(scenario, outcome, round_number=number + 1), runs)
                for (first, scenario, runs), outcome in zip(left, outcomes, strict=True)
                if runs > number
            ]


def _runs(scenario: Scenario, first: Outcome) -> int:
    """After how many runs it has to be at rest."""
    if any(is_stamped(holding) for holding in scenario.holdings):
        return RUNS_OF_COPIES
    return 3 if any(write.action == "restore" for write in first.writes) else 2


def _still(first: Scenario, last: Scenario, outcome: Outcome, runs: int) -> Iterator[str]:
    """What is left to write, and what still differs, after so many runs."""
    if outcome.writes:
        yield "\n".join([first.name, *_told(first), f"  after {runs} runs one still writes {_shown(outcome.writes)}"])
    for name in _different(last, outcome):
        yield "\n".join([first.name, *_told(first), f"  after {runs} runs {name} still differs"])


def _different(scenario: Scenario, outcome: Outcome) -> Iterator[str]:
    """Fields that go both ways and differ between the ends of a living link, for no reason that the plan gives."""
    excused = {number for number, _ in outcome.holds}
    for number, holding in enumerate(scenario.holdings):
        contact = scenario.contacts[target_of(scenario, holding)]
        if number in excused or not lives(holding) or not takes_part(holding) or contact.state != "present":
            continue
        if holding.item is None or holding.item.place != "folder" or contact.person:
            continue
        for name, value in holding.item.values.items():
            is_both = holding.policy.direction(name) == "both"
            if is_both and (number, name) not in outcome.problems and not same(name, value, contact.values[name]):
                yield name


def judge(scenario: Scenario, outcome: Outcome) -> Mismatch | None:
    """Whether the oracle accepts this outcome."""
    several = len(scenario.holdings) > 1
    plain = _plain(outcome, several)
    wanted = tuple(_plain(entry, several) for entry in accepted(scenario))
    return None if any(_fits(plain, entry) for entry in wanted) else Mismatch(scenario, plain, wanted)


def _fits(outcome: Outcome, wanted: Outcome) -> bool:
    return not differing(outcome, wanted)


def differing(outcome: Outcome, wanted: Outcome) -> tuple[str, ...]:
    """The parts of an outcome that are not as wanted."""
    parts = [
        name
        for name in ("writes", "ends", "holds", "conflicts", "problems")
        if getattr(outcome, name) != getattr(wanted, name)
    ]
    if "writes" in parts and _cautious(outcome) == _cautious(wanted) and not _careless(outcome, wanted):
        parts.remove("writes")
    # The history may keep more than it must.
    return (*parts, *(("kept",) if not wanted.kept <= outcome.kept else ()))


def _cautious(outcome: Outcome) -> frozenset[Write]:
    return frozenset(replace(write, action="delete") if write.action == AFTER_UP else write for write in outcome.writes)


def _careless(outcome: Outcome, wanted: Outcome) -> bool:
    """Whether a removal does not wait for the edits that must go up first (R18); to wait without need is no harm."""
    waiting = {write.target for write in outcome.writes if write.action == AFTER_UP}
    return any(write.action == AFTER_UP and write.target not in waiting for write in wanted.writes)


def _plain(outcome: Outcome, several: bool) -> Outcome:
    """Without what is no difference: the form of a base's value, and what stands beside a conflict of mailboxes."""
    ends = tuple(
        replace(end, base=tuple((name, _form(name, one), _form(name, other)) for name, one, other in end.base))
        for end in outcome.ends
    )
    conflicts = outcome.conflicts
    if several:
        conflicts = frozenset((number, name, "", value, "") for number, name, _, value, _ in conflicts)
    return replace(outcome, ends=ends, conflicts=conflicts)


def _form(name: str, value: str) -> str:
    return normal(KINDS[name], value)


def _told(scenario: Scenario) -> Iterator[str]:
    for key, contact in scenario.contacts.items():
        marks = [contact.state, f"changed at {contact.modified}", *(["by us"] if contact.by_us else [])]
        marks += ["Person Account"] if contact.person else []
        marks += [f"winner {contact.winner}"] if contact.winner else []
        yield f"  Contact {key}: {', '.join(marks)}"
    for number, holding in enumerate(scenario.holdings):
        yield f"  holding {number}: mailbox {holding.mailbox}, Contact {holding.contact}, {_settings(holding)}"
        yield f"    {_item(holding)}; {_link(holding)}; {'in' if holding.in_view else 'not in'} the view"
        salesforce = scenario.contacts[holding.contact].values
        for name, value in salesforce.items():
            base = holding.link.base.get(name) if holding.link else None
            outlook = holding.item.values[name] if holding.item else None
            if base is None or outlook is None or not base[0] == base[1] == outlook == value:
                yield f"    {name}: base {base}, Outlook {outlook!r}, Salesforce {value!r}"


def _settings(holding: Holding) -> str:
    changed = {
        name: value for name, value in vars(holding.policy).items() if value != type(holding.policy).__dict__.get(name)
    }
    return ", ".join(f"{name} {value}" for name, value in changed.items()) or "default settings"


def _item(holding: Holding) -> str:
    item = holding.item
    if item is None:
        return "no item"
    marks = ["by us"] if item.by_us else []
    marks += ["lost with its folder"] if item.lost else []
    marks += [f"stamped, created at {item.created}"] if item.stamped else []
    marks += [] if item.categorised else ["no category"]
    return ", ".join([f"item {item.place}, changed at {item.modified}", *marks])


def _link(holding: Holding) -> str:
    link = holding.link
    if link is None:
        return "no link"
    seen = "seen in the view" if link.seen_in_view else "never seen in the view"
    return f"link {link.closed or 'living'}, origin {link.origin}, {seen}{'' if link.stamped else ', no stamp'}"


def _shown(value: object) -> str:
    if isinstance(value, frozenset):
        return ", ".join(sorted(map(str, value))) or "nothing"
    if isinstance(value, tuple):
        return ", ".join(
            f"{end.link}{f' by item {end.item}' if end.item >= 0 else ''} {dict((n, (o, s)) for n, o, s in end.base)}"
            for end in value
            if isinstance(end, End)
        )
    return str(value)
