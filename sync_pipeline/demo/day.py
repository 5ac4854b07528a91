"""What a story has at hand: the people's desks, linked contacts no other story uses, new people, how to compare.

Everything is chosen at random from the data, by the demo's seed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb

from sync_pipeline.demo.services import CATEGORY, DELETED_ITEMS, Control, Mailbox, Salesforce, extended, name_of, stamp
from sync_pipeline.model.fields import FIELDS, Direction, Field, Kind, normal
from sync_pipeline.sandbox.seed.contact_forms import graph_contact
from sync_pipeline.sandbox.seed.persons import People, Person

Json = dict[str, Any]

#: A story does something, says what (yield), waits for the next run, and at last says what it found (return).
Telling = Generator[str, None, str]

#: What no synchronisation may change: Salesforce has no field for it.
UNMAPPED: Final = ("nickName", "spouseName", "imAddresses", "homeAddress", "children", "profession")


@dataclass(frozen=True)
class Story:
    """`tell` runs until its next yield before each run; what it returns is what was verified."""

    title: str
    rule: str
    tell: Callable[[Day], Telling]


class Mismatch(Exception):
    """What a story expected is not what the service shows."""

    def __init__(self, what: str, *, expected: object, found: object) -> None:
        super().__init__(what)
        self.what, self.expected, self.found = what, expected, found


@dataclass(frozen=True)
class Desk:
    """A person with both programs open. `view` is "mine", or the developer name of a list view."""

    mailbox: Mailbox
    salesforce: Salesforce
    user_id: str
    view: str = "mine"
    view_condition: str = ""

    @property
    def address(self) -> str:
        return self.mailbox.address

    def folder(self) -> str:
        """The id of the folder "Salesforce Contacts". Raises Mismatch where the mailbox has none."""
        found = self.mailbox.folder()
        if found is None:
            raise Mismatch(f'the folder "Salesforce Contacts" of {self.address}', expected="there", found="missing")
        return found

    def view_members(self) -> dict[str, Json]:
        """The Contacts that this mailbox's view shows, as its user asks for them."""
        return self.salesforce.contacts(self.view_condition or f"OwnerId = '{self.user_id}'")

    def linked(self) -> dict[str, list[Json]]:
        """The folder's contacts by the Salesforce Id they are stamped with: one each, if all is well."""
        found: dict[str, list[Json]] = defaultdict(list)
        for item in self.mailbox.items(self.folder()):
            if record := stamp(item):
                found[record].append(item)
        return found

    def item_of(self, record: str) -> Json:
        """The folder's contact that is stamped with this Contact. Raises Mismatch where there is none or several."""
        return only(self.linked(), record, self.address)

    def record(self, record: str) -> Json:
        """A living Contact. Raises Mismatch where there is none."""
        found = self.salesforce.contact(record)
        if found is None:
            raise Mismatch(f"Contact {record} in Salesforce", expected="there", found="missing")
        return found

    def record_at(self, email: str) -> Json:
        """The one living Contact with this e-mail. Raises Mismatch where there is none or several."""
        found = list(self.salesforce.contacts(f"Email = '{email}'").values())
        if len(found) != 1:
            raise Mismatch(f"Contacts with the e-mail {email}", expected=1, found=len(found))
        return found[0]


@dataclass(frozen=True)
class Pair:
    """A contact in one mailbox and its Contact, as they were after the first run."""

    desk: Desk
    item: Json
    record: Json

    @property
    def name(self) -> str:
        return name_of(self.item)

    @property
    def id(self) -> str:
        return str(self.record["Id"])


@dataclass(frozen=True)
class Before:
    """What there was before the first run. `names` in lower case, of everyone on either side; `members` are pairs of
    address and Contact."""

    names: frozenset[str]
    members: frozenset[tuple[str, str]]


@dataclass
class Day:
    """The state of the demo between two runs."""

    desks: list[Desk]
    control: Control
    random: random.Random
    data_dir: Path
    other_user_id: str
    before: Before
    known_names: set[str] = field(init=False)
    people: People = field(init=False)
    plan: list[Json] = field(default_factory=list)
    written: list[Json] = field(default_factory=list)
    _pairs: list[Pair] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.people = People(self.random)
        self.known_names = set(self.before.names)

    # -- choosing ------------------------------------------------------------------------------------------------------

    def pair_up(self) -> None:
        """After the first run: who is linked with whom, but for Contacts in two folders, and for those whose place a
        near-duplicate waits for: it takes it a run after they gave it up (R9), and something would be left to do."""
        linked = []
        for desk in self.desks:
            with suppress(Mismatch):  # the stories of the first run have told it
                linked.append((desk, desk.linked()))
        waiting = {
            desk.address: {one for item in chosen_but_unlinked(desk) for one in emails(item)} for desk, _ in linked
        }
        counts = Counter(record for _, items in linked for record in items)
        records = self.desks[0].salesforce.contacts()
        self._pairs = [
            Pair(desk, item, records[record])
            for desk, items in linked
            for record, [item, *others] in items.items()
            if counts[record] == 1 and not others and not emails(item) & waiting[desk.address]
            if record in records and not differences(item, records[record])
        ]
        self.random.shuffle(self._pairs)

    def take(self, fits: Callable[[Pair], bool] = lambda pair: True) -> Pair:
        """A linked pair that no other story has. Raises Mismatch where none fits."""
        for pair in self._pairs:
            if pair.id not in self._used and fits(pair):
                self._used.add(pair.id)
                return pair
        raise Mismatch("a linked contact for this story", expected="one that fits", found="none; give more --contacts")

    def desk(self) -> Desk:
        return self.random.choice(self.desks)

    def newcomer(self, company: str = "") -> tuple[Person, Json]:
        """A person whom neither side knows: (Salesforce's fields, Outlook's body); always with an e-mail."""
        while True:
            person = self.people.draw(company, fullness=0.9)
            name = " ".join(person[part] for part in ("FirstName", "LastName") if part in person).casefold()
            if name not in self.known_names and "Email" in person and "FirstName" in person:
                self.known_names.add(name)
                return person, graph_contact(person, company=company)

    def word(self) -> str:
        """A word that stands nowhere else."""
        return f"{self.random.choice(_WORDS)} {self.random.randrange(10**6):06}"

    # -- looking -------------------------------------------------------------------------------------------------------

    def conflicts(self) -> list[Json]:
        """The conflicts of the exported history, as any tool reads them."""
        exports = self.data_dir / "exports"
        files = [str(path) for path in (*exports.glob("conflicts*.parquet"), *exports.glob("conflicts/**/*.parquet"))]
        if not files:
            return []
        relation = duckdb.read_parquet(files)
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


_WORDS: Final = ("Zebra", "Ärger", "O'Clock", "Façade", "Quill", "Ginkgo", "100%", "snake_case", "Ünal", "Zażółć")


def only(items: Mapping[str, list[Json]], record: str, address: str) -> Json:
    """The one contact stamped with this Contact. Raises Mismatch where there is none or several."""
    found = items.get(record, [])
    if len(found) != 1:
        raise Mismatch(f"contacts of {address}'s folder for Contact {record}", expected=1, found=len(found))
    return found[0]


def expect(what: str, found: object, expected: object) -> None:
    """Raises Mismatch where they differ."""
    if found != expected:
        raise Mismatch(what, expected=expected, found=found)


def expect_equal(item: Json, record: Json) -> None:
    """Raises Mismatch naming the first mapped field whose two values differ beyond form."""
    for name, outlook, salesforce in differences(item, record)[:1]:
        raise Mismatch(
            f"{name} of {name_of(item)}", expected=f"{salesforce!r} (Salesforce)", found=f"{outlook!r} (Outlook)"
        )


def expect_in_folder(item: Json) -> None:
    """Raises Mismatch where a contact of the folder lacks the category."""
    expect(f"the category of {name_of(item)}", CATEGORY in item["categories"], True)


def expect_untouched(item: Json, before: Json) -> None:
    """Raises Mismatch where a synchronisation changed what it has no business with."""
    for name in UNMAPPED:
        expect(f"{name} of {name_of(item)}", item[name], before[name])
    for name in ("emailAddresses", "businessPhones", "homePhones"):
        expect(f"the further {name} of {name_of(item)}", item[name][1:], before[name][1:])


def differences(item: Json, record: Json) -> list[tuple[str, str, str]]:
    """(field, Outlook's value, Salesforce's) of every mapped field whose values differ beyond form."""
    found = []
    for each in FIELDS:
        if each.direction is Direction.OFF or (each.name == "company" and not record["AccountId"]):
            continue  # an unresolved Company is never blanked in Outlook
        ours, theirs = outlook_values(item, each), normal(each.kind, salesforce_value(record, each))
        if theirs not in [normal(each.kind, value) for value in ours] and not (each.is_list and not theirs):
            found.append((each.name, ours[0], salesforce_value(record, each)))
    return found


def outlook_values(item: Json, one: Field) -> list[str]:
    """The value, or every entry of a list: the mapped one may stand anywhere."""
    if one.is_extended:
        return [extended(item, one.outlook)]
    if one.is_list:
        entries = item[one.outlook.removesuffix("[]")] or [""]
        return [str(entry.get("address", "") if isinstance(entry, dict) else entry) for entry in entries]
    name, _, part = one.outlook.partition("/")
    value = (item[name] or {}).get(part) if part else item[name]
    return [(value or "")[:10] if one.kind is Kind.DATE else (value or "")]


def salesforce_value(record: Json, one: Field) -> str:
    """The value of a field or of a parent's field, '' where it is empty."""
    name, _, path = one.salesforce.partition(".")
    value = (record[name] or {}).get(path) if path else record[name]
    return str(value or "")


def chosen_but_unlinked(desk: Desk) -> list[Json]:
    """Contacts with the category outside the folder: what still waits, or is held."""
    items = [item for folder in desk.mailbox.other_folders() for item in desk.mailbox.items(folder)]
    return [item for item in items if CATEGORY in item["categories"]]


def emails(item: Json) -> set[str]:
    """All addresses of an item, in lower case."""
    return {str(entry.get("address", "")).lower() for entry in item["emailAddresses"]}


def who(item: Json) -> tuple[str, ...]:
    """By what a person is known again: name and addresses."""
    return (name_of(item), *sorted(emails(item)))


def snapshot(desks: Sequence[Desk]) -> Before:
    """What there is now."""
    records = desks[0].salesforce.contacts()
    names = {f"{row['FirstName'] or ''} {row['LastName']}" for row in records.values()}
    for desk in desks:
        folder = desk.mailbox.folder()
        for each in [*desk.mailbox.other_folders(), *([folder] if folder else [])]:
            names |= {name_of(item) for item in desk.mailbox.items(each)}
    return Before(
        names=frozenset(name.strip().casefold() for name in names),
        members=frozenset((desk.address, record) for desk in desks for record in desk.view_members()),
    )


def personal(desk: Desk) -> dict[str, tuple[Json, bytes | None]]:
    """Every contact that is nobody's business but its owner's, Deleted Items included: id -> (all of it, its photo)."""
    found: dict[str, tuple[Json, bytes | None]] = {}
    for folder in [*desk.mailbox.other_folders(), DELETED_ITEMS]:
        for item in desk.mailbox.items(folder):
            if folder == DELETED_ITEMS or CATEGORY not in item["categories"]:
                found[item["id"]] = (item, desk.mailbox.photo(item["id"]))
    return found
