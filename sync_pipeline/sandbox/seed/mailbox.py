"""Fills one mailbox: contacts chosen for Salesforce in every way, near-duplicates, personal contacts of all kinds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any, Final

from sync_pipeline.sandbox.graph.folders import CONTACTS
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.seed.companies import Companies
from sync_pipeline.sandbox.seed.contact_forms import add_own_values, graph_contact, in_another_form, photo
from sync_pipeline.sandbox.seed.persons import People, Person
from sync_pipeline.sandbox.state import State

FOLDER: Final = "Salesforce Contacts"
CATEGORY: Final = "Salesforce"
CUSTOMERS: Final = "Customers"
FAMILY: Final = "Family"
CHOSEN_SHARE: Final = 0.25
PERSONAL_SHARE: Final = 0.25
FEWEST: Final = 4
TWINS_SHARE: Final = 0.05
_FIRST_DAY: Final = datetime(2025, 1, 6, 9, 0, tzinfo=UTC)


@dataclass
class Sources:
    """What mailboxes are filled from. `emails` counts the addresses of all Salesforce Contacts; `others` are Contacts
    that no mailbox's user owns, each given to one mailbox at most."""

    randomness: random.Random
    people: People
    companies: Companies
    account_names: Mapping[str, str]
    emails: Counter[str]
    others: list[Person]


@dataclass
class _Item:
    folder: str
    body: dict[str, Any]
    photo: bytes | None = None
    deleted: bool = False


@dataclass
class _Filling:
    """One mailbox's items, in the order of their creation: three sittings, and the twins after them."""

    sources: Sources
    owned: Sequence[Person]
    folders: Mapping[str, str]
    items: list[_Item] = field(default_factory=list)
    twins: list[_Item] = field(default_factory=list)

    def choose(self) -> None:
        """Contacts in the folder or with the category: mostly new to Salesforce, some known there already."""
        randomness = self.sources.randomness
        known = iter(self._known(self.owned))
        if FOLDER in self.folders:
            places = cycle((FOLDER, CONTACTS, FOLDER, CUSTOMERS))
        else:
            places = cycle((CONTACTS, CONTACTS, CUSTOMERS))
        newcomers: list[Person] = []
        count = _count(len(self.owned), CHOSEN_SHARE)
        for number, place in zip(range(count), places, strict=False):
            person = next(known, None) if number % 5 == 2 else self._other() if number % 5 == 4 else None
            if person is None:
                company, _ = self.sources.companies.draw()
                person = self.sources.people.draw(company, fullness=0.6)
                newcomers.append(person)
                body = graph_contact(person, company=company)
            else:
                body = self._known_body(person, differing=randomness.random() < 0.75)
            add_own_values(body, randomness, self.sources.people.phone())
            if place != FOLDER or randomness.random() < 0.5:
                body["categories"] = [CATEGORY, "Green"] if randomness.random() < 0.1 else [CATEGORY]
            # A photo outside the folder would need a second run to arrive, so those stand in the folder only.
            pictured = place == FOLDER and randomness.random() < 0.3
            self.items.append(_Item(self.folders[place], body, photo(randomness) if pictured else None))
        self._near_duplicates([person for person in newcomers if "Email" in person], count)

    def _known(self, persons: Sequence[Person]) -> list[Person]:
        """Those that exactly one Contact is: nobody shares their address."""
        single = [person for person in persons if self.sources.emails[person.get("Email", "")] == 1]
        self.sources.randomness.shuffle(single)
        return single

    def _other(self) -> Person | None:
        while self.sources.others:
            person = self.sources.others.pop()
            if self.sources.emails[person.get("Email", "")] == 1:
                return person
        return None

    def _known_body(self, person: Person, *, differing: bool) -> dict[str, Any]:
        """The same person as someone noted him in Outlook, in another form; or some values missing, some different."""
        randomness = self.sources.randomness
        company = self.sources.account_names.get(person.get("AccountId", ""), "")
        if not differing:
            body = graph_contact(person, company=company)
            in_another_form(body, randomness)
            return body
        kept = {name: value for name, value in person.items() if name in _IDENTITY or randomness.random() < 0.7}
        if randomness.random() < 0.5:
            kept["Title"] = "Former colleague"
        if randomness.random() < 0.5:
            kept["MobilePhone"] = self.sources.people.phone()
        body = graph_contact(kept, company=company if randomness.random() < 0.6 else "")
        in_another_form(body, randomness)
        return body

    def _near_duplicates(self, newcomers: list[Person], count: int) -> None:
        """A newcomer once more under an initial, and someone else at a Contact's address: a person must decide."""
        for person in newcomers[: max(1, round(count * TWINS_SHARE))] if newcomers else []:
            initial = f"{person['FirstName'][0]}." if "FirstName" in person else "M."
            twin = {"FirstName": initial, "LastName": person["LastName"], "Email": person["Email"]}
            twin["MobilePhone"] = self.sources.people.phone()
            body = graph_contact(twin, company="", categories=(CATEGORY,))
            self.twins.append(_Item(self.folders[CONTACTS], body))
        namesake = self._other() if count else None
        if namesake is not None:
            person = {**self.sources.people.draw("", fullness=0.4), "Email": namesake["Email"]}
            self.twins.append(_Item(self.folders[CUSTOMERS], graph_contact(person, company="", categories=(CATEGORY,))))

    def add_personal(self) -> None:
        """What nobody may touch; among it one who is a Contact too, and one thrown away that wears the category."""
        randomness = self.sources.randomness
        places = cycle((CONTACTS, FAMILY, CONTACTS, CUSTOMERS))
        count = _count(len(self.owned), PERSONAL_SHARE)
        for number, place in zip(range(count), places, strict=False):
            body = graph_contact(self.sources.people.draw("", fullness=0.5), company="")
            if number == 1 and self.owned:
                body = graph_contact(randomness.choice(self.owned), company="")
            add_own_values(body, randomness, self.sources.people.phone())
            if randomness.random() < 0.4:
                body["categories"] = [randomness.choice(("Friends", "Family", "Salesforce prospects"))]
            picture = photo(randomness) if number == 0 or randomness.random() < 0.3 else None
            self.items.append(_Item(self.folders[place], body, picture, deleted=number == 3))
        if count:
            thrown_away = graph_contact(self.sources.people.draw(""), company="", categories=(CATEGORY,))
            self.items.append(_Item(self.folders[CONTACTS], thrown_away, deleted=True))


_IDENTITY: Final = frozenset({"FirstName", "LastName", "Email", "AccountId"})


def fill_mailbox(
    state: State, outlook: Mailboxes, sources: Sources, address: str, owned: Sequence[Person], *, has_folder: bool
) -> None:
    """`owned` are the Contacts of the mailbox's user; `has_folder`: a folder "Salesforce Contacts" stands already."""
    actor = f"user:{address}"
    randomness = sources.randomness
    with at(state, _FIRST_DAY):
        folders = {CONTACTS: outlook.folder_id(address, CONTACTS)}
        folders |= {
            name: outlook.create_folder(address, name, parent=CONTACTS, actor=actor) for name in (CUSTOMERS, FAMILY)
        }
        for name, color in (("Friends", "preset4"), ("Family", "preset9")):
            outlook.create_category(address, name, color, actor=actor)
        if has_folder:
            folders[FOLDER] = outlook.create_folder(address, FOLDER, actor=actor)
        else:
            outlook.create_category(address, CATEGORY, "preset8", actor=actor)
    filling = _Filling(sources, owned, folders)
    filling.choose()
    filling.add_personal()
    randomness.shuffle(filling.items)
    for sitting in range(3):
        with at(state, _FIRST_DAY + timedelta(days=30 * sitting, minutes=randomness.randrange(300))):
            _write(outlook, address, filling.items[sitting::3], actor)
    with at(state, _FIRST_DAY + timedelta(days=100)):
        _write(outlook, address, filling.twins, actor)


def _write(outlook: Mailboxes, address: str, items: Sequence[_Item], actor: str) -> None:
    for folder in dict.fromkeys(item.folder for item in items):
        here = [item for item in items if item.folder == folder]
        created = outlook.create_contacts(address, folder, [item.body for item in here], actor=actor)
        for item, form in zip(here, created, strict=True):
            if item.photo is not None:
                outlook.put_photo(address, form["id"], "image/png", item.photo, actor=actor)
            if item.deleted:
                outlook.delete_contact(address, form["id"], actor=actor)


@contextmanager
def at(state: State, moment: datetime) -> Iterator[None]:
    """The sandbox's clock stands at `moment` inside, and goes on as before afterwards."""
    shift = (moment - state.now()).total_seconds()
    state.advance(shift)
    try:
        yield
    finally:
        state.advance(-shift)


def _count(owned: int, share: float) -> int:
    return max(FEWEST, round(owned * share)) if owned else 0
