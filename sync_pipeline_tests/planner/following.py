"""What a scenario is once its plan was carried out: the next run starts from it (invariants 1, 2 and 6)."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline_tests.planner.claims import is_stamped
from sync_pipeline_tests.planner.scenario import Contact, End, Holding, Item, Link, Outcome, Scenario, Write

_LATER = 10_000


def following(scenario: Scenario, outcome: Outcome, *, round_number: int = 1) -> Scenario:
    """Both sides, the links and the bases after every write of the outcome has succeeded, and no user did anything."""
    moment = _LATER * round_number
    contacts = dict(scenario.contacts)
    for write in outcome.writes:
        side, key = write.target.split()
        if side == "contact":
            before = contacts[key]
            state = "deleted" if write.action == "delete" else before.state
            contacts[key] = replace(
                before, state=state, values=before.values | dict(write.after), modified=moment, by_us=True
            )
        elif side == "new":
            contacts[f"new{key}"] = _created(scenario.holdings[int(key)], outcome.ends[int(key)], write, moment)
    taken = {end.item for end in outcome.ends}
    holdings = []
    for number, holding in enumerate(scenario.holdings):
        after = _after(scenario, holding, number, outcome, moment)
        # of a stamped item that has a link now, or that is deleted or personal, nothing is left beside
        if number not in taken and (not is_stamped(holding) or after.item is not None):
            holdings.append(after)
    put_back = [_put_back(scenario.holdings[number], moment) for number in _replaced(scenario, outcome)]
    return Scenario(f"{scenario.name} +{round_number}", contacts, (*holdings, *put_back))


def _replaced(scenario: Scenario, outcome: Outcome) -> list[int]:
    """The holdings whose own item was put back although another one has its link (R3)."""
    restored = {int(write.target.split()[1]) for write in outcome.writes if write.action == "restore"}
    return [
        number
        for number, holding in enumerate(scenario.holdings)
        if number in restored and (outcome.ends[number].item >= 0 or not outcome.ends[number].link.startswith("linked"))
    ]


def _put_back(holding: Holding, moment: int) -> Holding:
    assert holding.item is not None
    item = replace(holding.item, place="folder", modified=moment, by_us=False, stamped=True, lost=False)
    return replace(holding, item=item, link=None)


def _created(holding: Holding, end: End, write: Write, moment: int) -> Contact:
    assert holding.item is not None
    values = dict.fromkeys(holding.item.values, "") | dict(write.after)
    values |= {name: salesforce for name, _, salesforce in end.base if name == "company"}  # R7: that of its Account
    return Contact("present", values, modified=moment, by_us=True)


def _after(scenario: Scenario, holding: Holding, number: int, outcome: Outcome, moment: int) -> Holding:
    end = outcome.ends[number]
    own = end.item if end.item >= 0 else number
    writes = [write for write in outcome.writes if write.target == f"holding {own}"]
    contact = holding.contact
    if end.link.startswith("linked"):
        contact = end.link.removeprefix("linked ")
        contact = f"new{number}" if contact == "new" else contact
    item = scenario.holdings[own].item
    if number in _replaced(scenario, outcome) and own == number:
        item, writes = None, []
    for write in writes:
        item = _written(scenario, item, write, moment)
    bears = is_stamped(scenario.holdings[own]) and scenario.holdings[own].contact == contact
    stamped = bears or any(write.action in ("create", "restore", "move", "restamp") for write in writes)
    in_view = holding.in_view and not contact.startswith("new")
    link = _linked(replace(holding, in_view=in_view), end, outcome.reasons[number], stamped=stamped)
    if item is not None and item.stamped and link is not None:
        item = replace(item, stamped=link.closed != "")
    return replace(holding, contact=contact, item=item, link=link, in_view=in_view)


def _written(scenario: Scenario, item: Item | None, write: Write, moment: int) -> Item | None:
    if write.action in ("delete", "delete after up", "release"):
        return None  # in Deleted Items, or personal: neither is in the mirror of a link that has ended
    if write.action == "create":
        empty = dict.fromkeys(next(iter(scenario.contacts.values())).values, "")
        return Item("folder", empty | dict(write.after), moment, by_us=True)
    assert item is not None
    place = "folder" if write.action in ("restore", "move") else item.place
    return Item(place, item.values | dict(write.after), moment, by_us=True)


def _linked(holding: Holding, end: End, reason: str, *, stamped: bool) -> Link | None:
    old = holding.link
    if end.link == "none":
        return None
    if end.link == "closed":
        if old is None:
            return None  # the item of a loser that nobody knew
        return replace(old, closed=old.closed or reason)
    base = {name: (outlook, salesforce) for name, outlook, salesforce in end.base}
    if old is None or old.closed:
        return Link(base, origin="matched", seen_in_view=holding.in_view, stamped=stamped)
    seen = old.seen_in_view or holding.in_view
    return replace(old, base=base, seen_in_view=seen, stamped=old.stamped or stamped)
