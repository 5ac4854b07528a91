"""What the oracle knows of values: when two are the same (R12), and what Salesforce can hold (R8, R12)."""

from __future__ import annotations

import re
from collections.abc import Callable

from sync_pipeline.model.fields import FIELDS, Kind, normal
from sync_pipeline_tests.planner.scenario import ACCOUNTS, Contact, Holding, Scenario

#: Asks which of several allowed outcomes is looked at: the reason, then the options, the plainest first.
Either = Callable[..., str]

KINDS = {entry.name: entry.kind for entry in FIELDS}
_LENGTHS = {entry.name: entry.length for entry in FIELDS}


def same(name: str, one: str, other: str) -> bool:
    """R12: equal but for the form."""
    return one == other or normal(KINDS[name], one) == normal(KINDS[name], other)


def holdable(name: str, value: str) -> bool:
    """Whether a Contact of Salesforce can hold it."""
    if not value.strip():
        return name != "last_name"
    if KINDS[name] is Kind.EMAIL and not re.fullmatch(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", value.strip()):
        return False
    return len(value.strip()) <= _LENGTHS[name]


def lives(holding: Holding) -> bool:
    """Whether the holding has a link that has not ended."""
    return holding.link is not None and not holding.link.closed


def target_of(scenario: Scenario, holding: Holding) -> str:
    """R17: the links of a losing record go to the winner, chains followed."""
    name = holding.contact
    while scenario.contacts[name].state == "merged":
        name = scenario.contacts[name].winner
    return name


def base_of(scenario: Scenario, holding: Holding, name: str) -> tuple[str, str] | None:
    """What both sides held, or None where the pair has no base.

    R17: a loser's edits merge into the winner that the mailbox holds, whose own changes are those since its own base.
    """
    if holding.link is None or holding.link.closed or name not in holding.link.base:
        return None
    base, target = holding.link.base[name], target_of(scenario, holding)
    for other in scenario.holdings:
        is_winner = target != holding.contact and other.mailbox == holding.mailbox and other.contact == target
        if is_winner and other.link is not None:
            return (base[0], other.link.base[name][1]) if name in other.link.base else base
    return base


def is_edit(scenario: Scenario, holding: Holding, name: str) -> bool:
    """Whether Outlook's value may be a person's; without a base any value may."""
    assert holding.item is not None
    base, value = base_of(scenario, holding, name), holding.item.values[name]
    return bool(value) if base is None else not same(name, value, base[0])


def travels(holding: Holding, contact: Contact, name: str) -> bool:
    """Whether an edit of the field in Outlook goes up to Salesforce (R7, R9, R10)."""
    direction = holding.policy.direction(name)
    moves_account = name == "company" and holding.policy.company_edits == "resolve"
    return not contact.person and (direction != "from_salesforce" or moves_account)


def account_for(company: str) -> str:
    """R7: the name of the Account that a Company resolves to, "" for none."""
    wanted = " ".join(company.split()).lower()
    if not wanted:
        return ""
    exact = [name for name in ACCOUNTS if name.lower() == wanted]
    found = exact or [name for name in ACCOUNTS if wanted in name.lower()]
    return found[0] if exact or len(found) == 1 else ""
