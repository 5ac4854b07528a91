"""What the sandbox's log says: every contact of both sides with its fate, and who wrote which value when.

Values are compared in the form of `model.fields.normal`; nothing here knows our warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.model.fields import FIELDS, Direction, Field, normal

Json = dict[str, Any]
APPLICATION = "application"
GUID = "{5d1f5a4e-0b7e-4c53-9a8e-6f6d0f6a7c21}"
STAMP = f"String {GUID} Name SyncPipelineStamp"
COPY_OF = f"String {GUID} Name SyncPipelineCopyOf"
#: The fields that travel both ways and that a Contact itself holds.
TWO_WAY: tuple[Field, ...] = tuple(
    one for one in FIELDS if one.direction is Direction.BOTH and not one.is_parent_path and one.name != "birthdate"
)
BY_NAME = {one.name: one for one in TWO_WAY}


def extended(state: Json, identifier: str) -> str:
    """An extended property of an Outlook contact, whatever the case of its id; "" where it has none."""
    for entry in state.get("singleValueExtendedProperties", []):
        if entry["id"].casefold() == identifier.casefold():
            return str(entry["value"] or "")
    return ""


def stamp_of(state: Json) -> str:
    """The Id of the Contact that an Outlook contact is stamped with; "" for none."""
    return extended(state, STAMP).rpartition("/")[2]


def entries(one: Field, state: Json) -> list[str]:
    """The entries of a list field of an Outlook contact, in normal form."""
    found = state.get(one.outlook.removesuffix("[]")) or []
    texts = [entry.get("address") or "" if isinstance(entry, dict) else entry for entry in found]
    return [normal(one.kind, text) for text in texts if text]


def outlook_value(one: Field, state: Json, unmapped: set[str]) -> str:
    """`unmapped`: entries of lists that a user added behind the mapped one, in normal form."""
    if one.is_list:
        return next((entry for entry in entries(one, state) if entry not in unmapped), "")
    if one.is_extended:
        return normal(one.kind, extended(state, one.outlook))
    holder, _, part = one.outlook.partition("/")
    value = (state.get(holder) or {}).get(part) if part else state.get(holder)
    return normal(one.kind, value or "")


@dataclass
class Thing:
    """A contact of either side. `state` is its newest form, None once it is gone for good or a deleted Contact.

    `last`: the form in which it was deleted, None before that.
    """

    side: str
    mailbox: str
    id: str
    maker: str
    born: int
    person: int | None = None
    state: Json | None = None
    last: Json | None = None
    deleted_at: int | None = None
    deleted_by: str = ""
    winner: str = ""
    stamps: set[str] = field(default_factory=set)
    stamped_at: int | None = None
    was_chosen: bool = False
    released_at: int | None = None
    copied: bool = False
    chosen_at: int = 0  # when a user last brought it into the folder, or put our category on it
    brought_back: bool = False  # a user took it out of the Deleted Items or undeleted it: one more is the user's doing
    is_second: bool = False  # made beside another of the same person, for a reason that a requirement gives
    changed: set[str] = field(default_factory=set)  # the properties that a user wrote after it was made

    @property
    def folder(self) -> str:
        return str((self.state or {}).get("parentFolderId", ""))


@dataclass(frozen=True)
class Write:
    """A user wrote a value ("" clears) of a field of a person; `by_merge`: chose it against a loser's."""

    seq: int
    person: int
    thing: str
    value: str
    by_merge: bool = False


class Ledger:
    """Replays the log. `deleted_items` and `default_folder`: mailbox to folder id."""

    def __init__(self, deleted_items: dict[str, str], name: str) -> None:
        self.things: dict[str, Thing] = {}
        self.writes: defaultdict[str, list[Write]] = defaultdict(list)
        self.unmapped: set[str] = set()
        self.deleted_items, self._folder_name = deleted_items, name
        self._parents: dict[str, str] = {}
        self._folders: defaultdict[str, list[str]] = defaultdict(list)
        self._roots: dict[int, int] = {}

    # -- persons -------------------------------------------------------------------------------------------------------

    def root(self, person: int) -> int:
        while (above := self._roots.get(person, person)) != person:
            person = above
        return person

    def unite(self, one: int, other: int) -> None:
        if self.root(one) != self.root(other):
            self._roots[self.root(one)] = self.root(other)

    def same(self, one: int | None, other: int | None) -> bool:
        return one is not None and other is not None and self.root(one) == self.root(other)

    def of_person(self, person: int | None) -> Iterator[Thing]:
        return (thing for thing in self.things.values() if self.same(thing.person, person))

    def last_write(
        self, field_name: str, person: int | None, value: str | None = None, *, before: int, typed: bool = False
    ) -> int:
        """When a user last wrote this value (None: any) to the field of this person, or 0; `typed`: by no merge."""
        found = (
            write.seq
            for write in self.writes[field_name]
            if write.seq < before and (value is None or write.value == value) and self.same(write.person, person)
            and not (typed and write.by_merge)
        )  # fmt: skip
        return max(found, default=0)

    # -- values --------------------------------------------------------------------------------------------------------

    def values(self, side: str, state: Json | None) -> dict[str, str]:
        """The two-way fields in normal form."""
        if state is None:
            return {one.name: "" for one in TWO_WAY}
        if side == "graph":
            return {one.name: outlook_value(one, state, self.unmapped) for one in TWO_WAY}
        return {one.name: normal(one.kind, state.get(one.salesforce) or "") for one in TWO_WAY}

    # -- folders -------------------------------------------------------------------------------------------------------

    def in_deleted(self, mailbox: str, folder: str) -> bool:
        for _ in range(20):
            if folder == self.deleted_items[mailbox]:
                return True
            if folder not in self._parents:
                return False
            folder = self._parents[folder]
        return False

    def folder(self, mailbox: str) -> str:
        """The synchronised folder; "" where there is none."""
        living = [each for each in self._folders[mailbox] if not self.in_deleted(mailbox, each)]
        return living[-1] if living else ""

    def is_living(self, thing: Thing) -> bool:
        if thing.state is None:
            return False
        return thing.side == "salesforce" or not self.in_deleted(thing.mailbox, thing.folder)

    def is_in_folder(self, thing: Thing) -> bool:
        return thing.state is not None and thing.folder in self._folders[thing.mailbox] and self.is_living(thing)

    def typed_and_lost(self, mailbox: str) -> bool:
        """Whether something no run had linked yet went to the Deleted Items with the folder it lay in."""
        return any(
            thing.state is not None and thing.mailbox == mailbox and not thing.stamps and not self.is_living(thing)
            and thing.folder in self._folders[mailbox]
            for thing in self.things.values() if thing.side == "graph"
        )  # fmt: skip

    def items(self, mailbox: str, contact: str | None = None) -> list[Thing]:
        """The living Outlook contacts of a mailbox, of one stamp where `contact` is given."""
        return [
            thing
            for thing in self.things.values()
            if thing.side == "graph"
            and thing.mailbox == mailbox
            and self.is_living(thing)
            and (contact is None or stamp_of(thing.state or {}) == contact)
        ]

    # -- replay --------------------------------------------------------------------------------------------------------

    def note_folder(self, entry: Json) -> None:
        after = entry["after"]
        if after is None:
            return
        self._parents[entry["id"]] = after["parentFolderId"]
        known = self._folders[entry["mailbox"]]
        if after["displayName"] == self._folder_name and entry["action"] == "create" and entry["id"] not in known:
            known.append(entry["id"])

    def thing(self, entry: Json) -> Thing:
        """The thing that an entry is about, as it was before; made where it is new."""
        found = self.things.get(entry["id"])
        if found is None:
            maker = APPLICATION if entry["actor"] == APPLICATION else "user"
            found = Thing(entry["service"], entry["mailbox"] or "", entry["id"], maker, entry["seq"])
            self.things[entry["id"]] = found
        return found

    def apply(self, entry: Json) -> None:
        """Takes an entry about a contact in: the thing's state, and what a user wrote with it."""
        thing = self.thing(entry)
        is_user = entry["actor"] != APPLICATION and not entry["actor"].startswith("service")
        before, after = self.values(thing.side, entry["before"]), self.values(thing.side, entry["after"])
        if entry["action"] == "merge":
            self._apply_merge(thing, entry)
            return
        is_gone = entry["after"] is None or (entry["action"] == "delete")
        # who copies a contact of ours, stamp and all, types nothing
        is_copy = entry["action"] == "create" and thing.side == "graph" and bool(stamp_of(entry["after"]))
        if is_user and thing.person is not None and not is_gone and not is_copy:
            rewritten = entry["action"] in ("undelete", "create")
            for name, value in after.items():
                if value != before[name] or (rewritten and value):
                    self.writes[name].append(Write(entry["seq"], thing.person, thing.id, value))
        if is_user and entry["action"] == "move" and thing.state is not None and not self.is_living(thing):
            thing.brought_back = True
        thing.brought_back = thing.brought_back or (is_user and entry["action"] == "undelete")
        if is_user and entry["before"] and entry["after"]:
            thing.changed |= {key for key, value in entry["after"].items() if value != entry["before"].get(key)}
        thing.state = entry["after"]
        if is_gone:
            thing.deleted_at, thing.deleted_by, thing.last = entry["seq"], entry["actor"], entry["before"]
        elif entry["action"] in ("undelete", "move"):
            thing.deleted_at = None
        if thing.side == "graph" and thing.state is not None:
            self._note_stamp(thing, entry)
            gained = set(thing.state["categories"]) - set((entry["before"] or {}).get("categories", []))
            if is_user and ("Salesforce" in gained or (entry["action"] == "move" and self.is_in_folder(thing))):
                thing.chosen_at = entry["seq"]

    def _note_stamp(self, thing: Thing, entry: Json) -> None:
        assert thing.state is not None
        stamp = stamp_of(thing.state)
        if stamp and stamp not in thing.stamps:
            thing.stamps.add(stamp)
            thing.stamped_at = entry["seq"]
        if not stamp and entry["before"] is not None and stamp_of(entry["before"]):
            thing.released_at = entry["seq"]
        if stamp or "Salesforce" in thing.state["categories"] or self.is_in_folder(thing):
            thing.was_chosen = True

    def _apply_merge(self, loser: Thing, entry: Json) -> None:
        """A merge is the user's word on every field in which the two differed: against the loser's value, not against
        what somebody else typed for the winner, whose record it leaves as it is."""
        winner = self.things[entry["after"]["MasterRecordId"]]
        loser.state, loser.deleted_at, loser.deleted_by, loser.winner = None, entry["seq"], entry["actor"], winner.id
        assert loser.person is not None
        assert winner.person is not None
        self.unite(loser.person, winner.person)
        lost = self.values("salesforce", entry["before"])
        for name, value in self.values("salesforce", winner.state).items():
            if value != lost[name]:
                self.writes[name].append(Write(entry["seq"], winner.person, winner.id, value, by_merge=True))

    def successor(self, contact: str) -> str:
        """The Id that a Contact goes by after merges."""
        while contact in self.things and self.things[contact].winner:
            contact = self.things[contact].winner
        return contact
