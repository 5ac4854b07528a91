"""Random stories by seed: settings, several mailboxes, merges, Person Accounts, copies, and what else may be."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from sync_pipeline_tests.planner.combinations import CONFLICTS, somebody
from sync_pipeline_tests.planner.copies import SHOWN, shown
from sync_pipeline_tests.planner.scenario import (
    Contact,
    ContactState,
    Holding,
    Item,
    Link,
    Place,
    Policy,
    Scenario,
    Values,
)

_T = TypeVar("_T")
_WORDS = {
    "job_title": ("", "Clerk", "Head of Sales", " head  of Sales", "Head of  Sales"),
    "department": ("", "North", "South", "North ", "x" * 81),  # the last is too long for Salesforce
    "first_name": ("Ann", "Anna", ""),
    "company": ("", "Acme", "Globex"),
}
_COMPANIES = ("", "Acme", "Globex", "Initech", "Nowhere")


def stories(count: int, seed: int) -> Iterator[Scenario]:
    """`count` random scenarios; each depends on the seed and its own number only."""
    for number in range(count):
        yield story(number, seed)


def story(number: int, seed: int) -> Scenario:
    """One random scenario."""
    dice = random.Random(f"{seed}/{number}")
    name = f"story {seed}/{number}"
    kind = _pick(dice, (_one, _several, _merge, _stamped), (48, 24, 8, 20))
    return kind(dice, name)


def _pick(dice: random.Random, options: Sequence[_T], weights: Sequence[int] | None = None) -> _T:
    return dice.choices(options, weights)[0]


def _policy(dice: random.Random) -> Policy:
    named = ("job_title", "department", "first_name")
    one_way = ("from_salesforce", "from_outlook")
    return Policy(
        enabled=dice.random() > 0.1,
        on_disable=_pick(dice, ("keep", "remove")),
        down_sync=dice.random() > 0.2,
        conflicts=_pick(dice, CONFLICTS),
        field_conflicts=tuple((field, _pick(dice, CONFLICTS)) for field in named if dice.random() < 0.25),
        directions=tuple((field, _pick(dice, one_way)) for field in named[:2] if dice.random() < 0.15),
        outlook_deletion=_pick(dice, ("restore", "delete")),
        moved_out=_pick(dice, ("unlink", "restore", "delete")),
        left_view=_pick(dice, ("remove", "keep")),
        company_edits=_pick(dice, ("keep", "resolve")),
        account_mode=_pick(dice, ("resolve", "none"), (80, 20)),
    )


def _values(dice: random.Random, values: Values, *, change: float) -> Values:
    return values | {field: _pick(dice, words) for field, words in _WORDS.items() if dice.random() < change}


def _short(values: Values) -> Values:
    """What Salesforce holds, it can hold."""
    return values | {"department": values["department"][:80]}


def _link(dice: random.Random, agreed: Values, *, bases: float = 0.9) -> Link:
    return Link(
        {field: (value, value) for field, value in agreed.items() if dice.random() < bases},
        origin=_pick(dice, ("salesforce", "outlook", "matched")),
        seen_in_view=dice.random() < 0.8,
        stamped=dice.random() < 0.9,
    )


def _agreed(dice: random.Random, name: str) -> Values:
    return _short(_values(dice, somebody(name)[0], change=0.5))


def _one(dice: random.Random, name: str) -> Scenario:
    """One mailbox and one Contact."""
    policy, agreed = _policy(dice), _agreed(dice, name)
    closed = _pick(dice, ("", "none", "unlinked", "left_view"), (80, 8, 6, 6))
    link = None if closed == "none" else replace(_link(dice, agreed), closed=closed)
    outlook, salesforce = _values(dice, agreed, change=0.3), _short(_values(dice, agreed, change=0.3))
    if closed == "":
        if dice.random() < 0.05:
            outlook["last_name"] = _pick(dice, ("", f"Now {name}"))
        if dice.random() < 0.1:
            outlook["email"] = _pick(dice, ("", "not an address", f"new.{outlook['email']}"))
    else:
        # Who is whom is not the question here: first names do not contradict.
        outlook["first_name"] = salesforce["first_name"] = agreed["first_name"]
    if dice.random() < 0.2:
        outlook["company"] = _pick(dice, _COMPANIES)
    place: Place = _pick(dice, ("folder", "elsewhere", "deleted", "gone"), (60, 15, 15, 10))
    by_us = link is not None and dice.random() < 0.3
    item: Item | None = Item(place, outlook, modified=_pick(dice, (100, 101, 102, 103, 200)), by_us=by_us)
    if place == "gone" or (place == "deleted" and link is None):
        item = None
    person = dice.random() < 0.08
    contact = Contact(
        _pick(dice, ("present", "deleted", "unreadable"), (80, 12, 8)),
        salesforce | {"company": ""} if person else salesforce,
        modified=_pick(dice, (100, 101, 102, 103, 200)),
        by_us=link is not None and dice.random() < 0.3,
        person=person,
    )
    return Scenario(name, {"x": contact}, (Holding("a", "x", policy, item, link, in_view=dice.random() < 0.7),))


def _several(dice: random.Random, name: str) -> Scenario:
    """One Contact in two or three mailboxes."""
    agreed, shared = _agreed(dice, name), _policy(dice)
    holdings = []
    for mailbox in ("a", "b", "c")[: _pick(dice, (2, 2, 3))]:
        policy = shared if dice.random() < 0.5 else replace(_policy(dice), conflicts=shared.conflicts)
        policy = replace(policy, field_conflicts=(), directions=(), company_edits="keep")
        place: Place = _pick(dice, ("folder", "elsewhere", "deleted"), (85, 5, 10))
        outlook = _short(_values(dice, agreed, change=0.3))
        item = Item(place, outlook, modified=_pick(dice, (100, 102, 200)), by_us=dice.random() < 0.2)
        holdings.append(Holding(mailbox, "x", policy, item, _link(dice, agreed, bases=0.85), dice.random() < 0.85))
    values = _short(_values(dice, agreed, change=0.15))
    contact = Contact("present", values, modified=_pick(dice, (100, 101, 200)))
    if not agreed["company"] and dice.random() < 0.1:
        contact = replace(contact, values=values | {"company": ""}, person=True)
    return Scenario(name, {"x": contact}, tuple(holdings))


def _merge(dice: random.Random, name: str) -> Scenario:
    """Contacts merged in Salesforce, once or along a chain; the mailbox may hold the winner too."""
    agreed, policy = _agreed(dice, name), replace(_policy(dice), company_edits="keep")
    winner = _short(_values(dice, agreed, change=0.3))
    is_chain = dice.random() < 0.3
    contacts = {
        "l": Contact("merged", agreed, modified=100, winner="m" if is_chain else "w"),
        "w": Contact(_pick(dice, ("present", "deleted"), (85, 15)), winner, modified=_pick(dice, (100, 200))),
    }
    if is_chain:
        contacts["m"] = Contact("merged", agreed, modified=100, winner="w")
    place: Place = _pick(dice, ("folder", "elsewhere", "deleted"), (80, 10, 10))
    item = Item(place, _short(_values(dice, agreed, change=0.3)), modified=_pick(dice, (100, 200)))
    if dice.random() < 0.5:
        # The view shows the winner, or not.
        only = Holding("a", "l", policy, item, _link(dice, agreed), in_view=dice.random() < 0.7)
        return Scenario(name, contacts, (only,))
    held = Item("folder", _short(_values(dice, winner, change=0.2)), modified=_pick(dice, (100, 200)))
    both = (
        Holding("a", "w", policy, held, _link(dice, winner)),
        Holding("a", "l", policy, item, _link(dice, agreed), in_view=False),
    )
    return Scenario(name, contacts, both)


def _stamped(dice: random.Random, name: str) -> Scenario:
    """Items with the stamp of a Contact, one or more of them without a link: new ids, copies, a lost warehouse."""
    agreed, policy = _agreed(dice, name) | {"first_name": "Ann"}, _policy(dice)
    policy = replace(policy, enabled=dice.random() > 0.05, field_conflicts=(), directions=(), company_edits="keep")
    edits: Values = {}
    if dice.random() < 0.15:
        edits = _pick(dice, ({"last_name": "Wed"}, {"email": f"new.{agreed['email']}"}, {"first_name": "Anna"}))
    state: ContactState = _pick(dice, ("present", "deleted", "unreadable"), (90, 6, 4))
    values = _short(_values(dice, agreed, change=0.15)) | {"first_name": agreed["first_name"]} | edits
    contacts = {"x": Contact(state, values, modified=_pick(dice, (100, 200)))}
    merged = state == "present" and dice.random() < 0.2
    if merged:
        contacts["l"] = Contact("merged", agreed, modified=100, winner="x")
    in_view = dice.random() < 0.8
    linked = _pick(dice, ("living", "closed", "none"), (75, 10, 15))
    link = None if linked == "none" else _link(dice, agreed)
    own: Item | None = None
    if link is not None:
        link = replace(link, stamped=True, closed="" if linked == "living" else _pick(dice, ("unlinked", "left_view")))
    if linked == "living":
        place: Place = _pick(dice, ("folder", "elsewhere", "deleted", "gone"), (25, 5, 35, 35))
        shown = _values(dice, agreed, change=0.15) | {"first_name": agreed["first_name"]}
        own = Item(place, _short(shown), modified=_pick(dice, (100, 200)))
        own = None if place == "gone" else replace(own, lost=place == "deleted" and dice.random() < 0.3)
    holder = "l" if merged and dice.random() < 0.4 else "x"
    if holder == "x" and link is not None and dice.random() < 0.2:
        contacts["x"] = replace(contacts["x"], by_us=True)
    holdings = [Holding("a", holder, policy, own, link, in_view=in_view)]
    for number in range(_pick(dice, (1, 2, 3), (60, 30, 10))):
        stale = merged and dice.random() < 0.5
        copy = _copy(dice, agreed, number)
        holdings.append(Holding("a", "l" if stale else "x", policy, copy, None, in_view=in_view))
    if dice.random() < 0.2 and state == "present":
        held = Item("folder", _short(_values(dice, agreed, change=0.2)), modified=150)
        holdings.append(Holding("b", "x", policy, held, _link(dice, agreed), in_view=True))
    return Scenario(name, contacts, tuple(holdings))


def _copy(dice: random.Random, agreed: Values, number: int) -> Item:
    """A stamped item that no link names, as it is or turned into another person."""
    sort = "the same" if dice.random() < 0.35 else _pick(dice, tuple(SHOWN))
    place: Place = _pick(dice, ("folder", "elsewhere", "deleted"), (60, 28, 12))
    values = _short(_values(dice, agreed, change=0.15)) | {"first_name": agreed["first_name"]} | shown(sort, agreed)
    return Item(
        place,
        values,
        modified=_pick(dice, (100, 160, 200)),
        stamped=True,
        created=_pick(dice, (-50, 50)) + number * _pick(dice, (-7, 7)),
        categorised=place == "folder" or dice.random() < 0.5,
    )
