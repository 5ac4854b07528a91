"""The delete guard (R20) in plain Python over the oracle's outcome of a mailbox without limits, against the planner."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import replace

from sync_pipeline_tests.planner.combinations import somebody
from sync_pipeline_tests.planner.compare import differing
from sync_pipeline_tests.planner.oracle import accepted
from sync_pipeline_tests.planner.scenario import (
    Contact,
    End,
    Guard,
    Holding,
    Item,
    Link,
    Outcome,
    Place,
    Policy,
    Scenario,
    Write,
)
from sync_pipeline_tests.planner.tables import planned

#: What can be the matter with one contact of a mailbox.
FATES = ("quiet", "left the view", "deleted in Outlook", "edited", "cleared in Outlook", "cleared in Salesforce")


def mailbox(number: int) -> Scenario:
    """A mailbox of up to 30 contacts and a limit near the number of its deletions or clearings."""
    dice = random.Random(number)
    guard = Guard(
        count=dice.randrange(6),
        percent=dice.choice((0.0, 10.0, 20.0, 33.3)),
        cap=dice.choice((3, 5, 200)),
        done=(dice.choice((0, 0, 2)), dice.choice((0, 0, 2))),
        old_copy=dice.random() < 0.1,
        changed=dice.choice(("", "", "", "a setting")),
    )
    policy, weights = Policy(outlook_deletion="delete", guard=guard), [dice.random() for _ in FATES]
    contacts, holdings = {}, []
    for key in range(dice.randrange(1, 31)):
        outlook, salesforce, base = somebody(f"guard {number} {key}")
        fate = dice.choices(FATES, weights)[0]
        for values in (outlook, salesforce):
            values["job_title"] = "Clerk"
        base["job_title"] = ("Clerk", "Clerk")
        if fate == "edited":
            outlook["department"] = "North"
        if fate.startswith("cleared"):
            (outlook if fate == "cleared in Outlook" else salesforce)["job_title"] = ""
        place: Place = "deleted" if fate == "deleted in Outlook" else "folder"
        contacts[str(key)] = Contact("present", salesforce)
        holdings.append(
            Holding(f"m{number}", str(key), policy, Item(place, outlook), Link(base), in_view=fate != "left the view")
        )
    return Scenario(f"mailbox {number}", contacts, tuple(holdings))


def guarded(scenario: Scenario, free: Outcome) -> Outcome:
    """R20: beyond the limit none of those deletions, or clearings of one field, is pushed; all else goes on."""
    guard = scenario.holdings[0].policy.guard
    assert guard is not None
    limit = min(max(guard.count, math.ceil(guard.percent / 100 * len(scenario.holdings))), guard.cap)
    writes, holds, ends = set(free.writes), set(free.holds), list(free.ends)
    for side, done in zip(("holding", "contact"), guard.done, strict=True):
        deletions = [write for write in free.writes if write.target.startswith(side) and write.action == "delete"]
        kind = "old_copy" if guard.old_copy else "changed_settings" if guard.changed else ""
        kind = kind or ("guard" if len(deletions) + done > limit else "")
        for write in deletions if kind else ():
            number = int(write.target.split()[1])  # Contacts are named after their holdings
            writes.remove(write)
            holds.add((number, kind))
            ends[number] = _as_before(scenario, number)
        clearings = defaultdict(list)
        for write in writes:
            for name, value in write.after:
                if write.target.startswith(side) and write.action == "update" and not value:
                    clearings[name].append(write)
        for found in clearings.values():
            for write in found if len(found) > limit else ():
                number = int(write.target.split()[1])
                writes.remove(write)
                holds.add((number, "guard"))
                ends[number] = _as_before(scenario, number)
    return replace(free, writes=frozenset(writes), holds=frozenset(holds), ends=tuple(ends))


def _as_before(scenario: Scenario, number: int) -> End:
    holding = scenario.holdings[number]
    assert holding.link is not None
    base = tuple(sorted((name, *values) for name, values in holding.link.base.items()))
    return End(f"linked {holding.contact}", base)


def test_deletions_and_clearings_beyond_the_limit_wait_and_all_else_goes_on() -> None:
    scenarios = [mailbox(number) for number in range(400)]
    held = 0
    for scenario, outcome in zip(scenarios, planned(scenarios), strict=True):
        [free] = accepted(scenario)
        wanted = guarded(scenario, free)
        held += bool(wanted.holds)
        assert differing(outcome, wanted) == (), f"{scenario.name}: {outcome.holds ^ wanted.holds}"
    assert 100 < held < 350  # both sides of the limit are met


def test_the_limit_itself_is_not_beyond_it() -> None:
    outlook, salesforce, base = somebody("limit")
    for allowed in (1, 0):
        policy = Policy(guard=Guard(count=allowed, percent=0, cap=200))
        left = Holding("a", "x", policy, Item("folder", outlook), Link(base), in_view=False)
        [outcome] = planned([Scenario("limit", {"x": Contact("present", salesforce)}, (left,))])
        assert outcome.writes == ({Write("holding 0", "delete")} if allowed else set())
        assert outcome.holds == (set() if allowed else {(0, "guard")})
