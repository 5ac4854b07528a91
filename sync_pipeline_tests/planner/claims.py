"""The oracle's word on stamped items that no link names (R6, R9, R14, R15, R17): whose place they take."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sync_pipeline_tests.planner.scenario import Holding, Item, Scenario, Values
from sync_pipeline_tests.planner.values import Either, lives, same, target_of


@dataclass(frozen=True)
class Claims:
    """`scenario` has every link with the item that it goes on with; `heirs` names, by holding, the one it was of.

    `own` has the items that were replaced.
    """

    scenario: Scenario
    heirs: dict[int, int]
    own: dict[int, Item | None]


def claims(scenario: Scenario, either: Either) -> Claims:
    """R14, R15: a link whose own item is gone or deleted goes on with the living item that has its stamp."""
    holdings = list(scenario.holdings)
    heirs: dict[int, int] = {}
    for number, holding in enumerate(scenario.holdings):
        if lives(holding) and (holding.item is None or holding.item.place == "deleted"):
            heir = _heir(scenario, holding, frozenset(heirs.values()), either)
            if heir is not None:
                heirs[number] = heir
                holdings[number] = replace(holding, item=scenario.holdings[heir].item)
    for number in heirs.values():
        holdings[number] = replace(holdings[number], item=None)
    own = {number: scenario.holdings[number].item for number in heirs}
    return Claims(replace(scenario, holdings=tuple(holdings)), heirs, own)


def _heir(scenario: Scenario, holding: Holding, taken: frozenset[int], either: Either) -> int | None:
    """The one in the folder first, then the one created first, of those that still show the person of the link."""
    lost = holding.item is not None and holding.item.lost
    options: list[tuple[bool, bool, int, int]] = []
    for number, other in enumerate(scenario.holdings):
        item = other.item
        if item is None or item.place not in ("folder", "elsewhere") or number in taken:
            continue
        if not is_stamped(other) or not _names(scenario, other, holding, either):
            continue
        if lost and item.place != "folder":
            continue  # R3: what a lost folder took along is put back even where copies of it lie elsewhere
        if _is_same(scenario, holding, item, either):
            unread = is_personal(item)  # nobody knows when it was created
            options.append((item.place != "folder", unread, 0 if unread else item.created, number))
    return min(options)[3] if options else None


def _names(scenario: Scenario, stamped: Holding, holding: Holding, either: Either) -> bool:
    """Whether the stamp is that of the link's Contact, or of one merged into it of which the mailbox has no link."""
    if stamped.mailbox != holding.mailbox or stamped.contact == holding.contact:
        return stamped.mailbox == holding.mailbox
    has_link = any(
        lives(other) and other.mailbox == stamped.mailbox and other.contact == stamped.contact
        for other in scenario.holdings
    )
    if has_link or target_of(scenario, stamped) != target_of(scenario, holding):
        return False
    of_winner = stamped.contact == target_of(scenario, stamped)  # the link was to be moved to the winner with it
    return (
        not of_winner or either("R17: the winner's stamp beside the link of a loser", "a copy", "its own") == "its own"
    )


def _is_same(scenario: Scenario, holding: Holding, item: Item, either: Either) -> bool:
    """Whether the item still shows the person of the link, as Outlook held it last, or as Salesforce does now."""
    if is_personal(item):
        # R5: nobody reads whom it shows. Where the link's own item is nowhere, it was moved; else it may be a copy.
        return holding.item is None
    assert holding.link is not None
    contact = scenario.contacts[target_of(scenario, holding)].values
    base = contact | {name: values[0] for name, values in holding.link.base.items()}
    if shows(item.values, base):
        return True
    return (
        shows(item.values, contact) and either("R15: as Salesforce shows the person by now", "same", "other") == "same"
    )


def is_personal(item: Item) -> bool:
    """R5: outside the folder and without the category. The mirror has nothing of it but its stamp."""
    return item.place == "elsewhere" and not item.categorised


def is_stamped(holding: Holding) -> bool:
    """Whether the holding is an item with our stamp that no link names."""
    return holding.item is not None and holding.item.stamped and not lives(holding)


def shows(values: Values, person: Values) -> bool:
    """The same e-mail and no contradicting first name, or the same full name."""
    first, other = values["first_name"], person["first_name"]
    first, other = _plain(first), _plain(other)
    contradicts = not first.startswith(other) and not other.startswith(first)  # a short form contradicts nobody
    return (shares_address(values, person) and not contradicts) or shares_name(values, person)


def shares_address(one: Values, other: Values) -> bool:
    """The same e-mail, and not none."""
    return bool(one["email"].strip()) and same("email", one["email"], other["email"])


def shares_name(one: Values, other: Values) -> bool:
    """The same full name, and not none; one half of it alone is shared by many."""
    mine, theirs = ([_plain(values[name]) for name in ("first_name", "last_name")] for values in (one, other))
    return any(mine) and mine == theirs


def is_similar(one: Values, other: Values) -> bool:
    """R9: what waits for a person: the same e-mail, or the same full name where one has no e-mail."""
    lacks = not (one["email"].strip() and other["email"].strip())
    return shares_address(one, other) or (lacks and shares_name(one, other))


def _plain(name: str) -> str:
    return " ".join(name.split()).lower()
