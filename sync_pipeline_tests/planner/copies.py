"""Every combination of an item with our stamp that no link names, what it shows, and what is left of the linked one."""

from __future__ import annotations

from sync_pipeline_tests.planner.combinations import somebody
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

#: What a stamped item shows beside the Contact's own values: the same person, a relative, a namesake, somebody else.
SHOWN: dict[str, dict[str, str]] = {
    "the same": {},
    "same address, no first name": {"first_name": ""},
    "same address, married": {"last_name": "Married"},
    "same address, another first name": {"first_name": "Otto"},
    "same address, another name": {"first_name": "Otto", "last_name": "Other"},
    "same name, another address": {"email": "other@"},
    "same name, no address": {"email": ""},
    "same first name": {"last_name": "Other", "email": "other@"},
    "same first name, no address": {"last_name": "Other", "email": ""},
    "same surname": {"first_name": "Otto", "email": "other@"},
    "surname alone": {"first_name": "", "email": "other@"},
    "surname alone, no address": {"first_name": "", "email": ""},
    "somebody else": {"first_name": "Otto", "last_name": "Other", "email": "other@"},
}

#: What is left of the link's own item (its place, or lost with the whole folder), or of the link.
OWN = ("folder", "elsewhere", "deleted", "lost", "gone", "closed", "none")
#: Where the stamped item lies: in the folder, elsewhere with the category or personal, in the Deleted Items.
COPIES: tuple[tuple[Place, bool], ...] = (
    ("folder", True),
    ("elsewhere", True),
    ("elsewhere", False),
    ("deleted", True),
)
STATES: tuple[ContactState, ...] = ("present", "deleted", "unreadable")
#: The copy has the stamp of the link's Contact, or of one that was merged into it.
STAMPS = ("x", "l")

COUNT = len(SHOWN) * len(OWN) * len(COPIES) * len(STATES) * len(STAMPS)


def shown(sort: str, person: Values) -> Values:
    """What a copy of this person shows otherwise."""
    word = person["email"].partition("@")[0]
    put = {"Other": f"Other {word}", "other@": f"other.{word}@example.com"}
    return {name: put.get(value, value) for name, value in SHOWN[sort].items()}


def copied(number: int) -> Scenario:
    """One of the COUNT combinations."""
    rest, stamp = divmod(number, len(STAMPS))
    rest, state = divmod(rest, len(STATES))
    rest, place = divmod(rest, len(COPIES))
    sort, own = divmod(rest, len(OWN))
    return _combined(f"copy {number}", tuple(SHOWN)[sort], OWN[own], COPIES[place], STATES[state], STAMPS[stamp])


def _combined(name: str, sort: str, own: str, copy: tuple[Place, bool], state: ContactState, stamp: str) -> Scenario:
    values, _, base = somebody(name)
    contacts = {"x": Contact(state, dict(values), modified=100), "l": Contact("merged", dict(values), 50, winner="x")}
    link = None if own == "none" else Link(base, closed="unlinked" if own == "closed" else "")
    places: dict[str, Place] = {"folder": "folder", "elsewhere": "elsewhere", "deleted": "deleted", "lost": "deleted"}
    item = Item(places[own], dict(values), modified=100, lost=own == "lost") if own in places else None
    place, categorised = copy
    # the newer values on the copy count, so that who takes it for the person shows it
    stamped = Item(place, values | shown(sort, values), 200, stamped=True, categorised=categorised, created=50)
    policy = Policy(conflicts="outlook", left_view="keep")
    beside = Holding("a", stamp, policy, stamped, None)
    return Scenario(name, contacts, (Holding("a", "x", policy, item, link), beside))
