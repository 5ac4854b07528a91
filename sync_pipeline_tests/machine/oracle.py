"""Judges every write of ours, from the log alone, in the moment it is read: invariants 3 to 9 and 13.

Each exception stands beside its clause in product.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sync_pipeline.model.fields import normal
from sync_pipeline_tests.machine.ledger import (
    APPLICATION,
    BY_NAME,
    COPY_OF,
    TWO_WAY,
    Json,
    Ledger,
    Thing,
    Write,
    entries,
    extended,
    stamp_of,
)

#: What a service keeps itself, or what other checks look at.
_OWN_OUTLOOK = {
    "id", "changeKey", "lastModifiedDateTime", "createdDateTime", "parentFolderId", "fileAs", "displayName",
    "categories", "singleValueExtendedProperties", "companyName", "birthday",
    "primaryEmailAddress", "secondaryEmailAddress", "tertiaryEmailAddress",
}  # fmt: skip
_OWN_SALESFORCE = {
    "LastModifiedDate", "LastModifiedById", "SystemModstamp", "Name", "AccountId", "IsDeleted", "MasterRecordId",
    "Birthdate", "LastViewedDate", "LastReferencedDate",
}  # fmt: skip
_MAPPED_OUTLOOK = {one.outlook.removesuffix("[]").partition("/")[0] for one in TWO_WAY if not one.is_extended}
_MAPPED_SALESFORCE = {one.salesforce for one in TWO_WAY}
_OUR_EXTENDED = {one.outlook for one in TWO_WAY if one.is_extended}
OUR_CATEGORIES = {"Salesforce", "Salesforce: problem"}


class Violation(AssertionError):
    """An invariant that does not hold; the message names it and tells the story's end."""

    def __init__(self, invariant: str, message: str) -> None:
        super().__init__(f"{invariant}: {message}")
        self.invariant = invariant


@dataclass
class Rules:
    """What is in force in a mailbox during a run, as the driver set it up; nothing of it comes from our warehouse."""

    user_id: str
    enabled: bool
    down_sync: bool
    view: str  # mine | all | list
    view_version: int
    outlook_deletion: str
    moved_out: str
    left_view: str
    max_deletes: int
    approved: bool
    on_disable: str = "keep"


@dataclass
class Run:
    """A run that is being judged. `members`: mailbox to Contact Ids.

    Numbers of log entries: `began`, the newest one before it; `heard`, the newest one before it read the first mailbox.
    """

    began: int
    last_good: int
    rules: dict[str, Rules]
    members: dict[str, set[str]]
    no_deletes: bool
    heard: int = 0
    deletes: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True)
class Suspect:
    """A user's value that we overwrote with an older one, or deleted: it must stand in the history as a conflict.

    `item`: where the value stands on an Outlook contact that is to go in a later run; only then is it in the history.
    """

    seq: int
    field: str
    lost: str
    kept: str
    where: str
    item: str = ""


class Oracle:
    """Takes the log in, entry by entry. Raises Violation."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.suspects: list[Suspect] = []
        self.void_at = 0  # the warehouse, hence what it remembers, was lost or replaced at this entry
        #: Outlook contacts whose creation a person approved, though they look like somebody else: one Contact for each
        self.wanted: set[str] = set()
        self.restored_at = 0  # the same, where an old copy took its place
        self.voided: set[str] = set()  # mailboxes that no run has synchronised whole since then
        self.seen: dict[tuple[str, str], int] = {}  # (mailbox, Contact) -> version of the view that showed it
        self.accounts: dict[str, Json] = {}
        self._ours: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def feed(self, log: Iterable[Json], persons: dict[str, int], run: Run | None) -> None:
        """`persons` says whose the things are that users made; `run` is the one under way, None between runs."""
        for entry in log:
            kind = (entry["service"], entry["entity"])
            if kind == ("graph", "folder"):
                self.ledger.note_folder(entry)
            elif kind == ("salesforce", "Account"):
                self.accounts[entry["id"]] = entry["after"] or {"IsDeleted": True, **(entry["before"] or {})}
            elif kind in (("graph", "contact"), ("salesforce", "Contact")):
                self._contact(entry, persons, run)

    def _contact(self, entry: Json, persons: dict[str, int], run: Run | None) -> None:
        thing = self.ledger.thing(entry)
        if thing.person is None:
            thing.person = persons.get(thing.id)
        if entry["actor"] == APPLICATION:
            if run is None:
                raise Violation("1", f"a write of ours outside a run: {entry['action']} {entry['id']}")
            if thing.person is None:
                thing.person = self._origin(entry)
            self._judge(entry, thing, run)
        self.ledger.apply(entry)

    # -- one write of ours ---------------------------------------------------------------------------------------------

    def _judge(self, entry: Json, thing: Thing, run: Run) -> None:
        action = entry["action"]
        self._personal(entry, thing)
        if action == "create":
            self._values(entry, thing, {})
            (self._outlook_copy if thing.side == "graph" else self._salesforce_copy)(entry, thing, run)
        elif action == "update":
            self._unmapped(entry, thing)
            self._values(entry, thing, self.ledger.values(thing.side, entry["before"]))
        elif action in ("delete", "merge"):
            (self._outlook_delete if thing.side == "graph" else self._salesforce_delete)(entry, thing, run)
        if thing.side == "salesforce" and action in ("create", "update"):
            self._account(entry)

    def _origin(self, entry: Json) -> int | None:
        """Whose values a contact that we make holds; several persons' are invariant 4's affair."""
        stamp = stamp_of(entry["after"]) if entry["service"] == "graph" else ""
        if stamp in self.ledger.things:
            return self.ledger.things[stamp].person
        source = extended(entry["after"], COPY_OF) if entry["service"] == "graph" else ""
        if source in self.ledger.things:
            return self.ledger.things[source].person
        found: Counter[int] = Counter()
        for name, value in self.ledger.values(entry["service"], entry["after"]).items():
            newest = [write for write in self.ledger.writes[name] if value and write.value == value]
            found.update({self.ledger.root(write.person) for write in newest})
        return found.most_common(1)[0][0] if found else None

    def _personal(self, entry: Json, thing: Thing) -> None:
        """Invariant 7: what was never in the folder, never categorised and never stamped is not written."""
        if thing.side != "graph" or entry["before"] is None:
            return
        before = entry["before"]
        ours = stamp_of(before) or OUR_CATEGORIES & set(before["categories"]) or self.ledger.is_in_folder(thing)
        if not ours and not (self.ledger.in_deleted(thing.mailbox, before["parentFolderId"]) and thing.was_chosen):
            raise Violation("7", f"{entry['action']} of a personal contact {self._tell(entry)}")

    def _values(self, entry: Json, thing: Thing, before: dict[str, str]) -> None:
        """Invariants 3 and 4, field by field."""
        ledger, seq = self.ledger, entry["seq"]
        for name, value in ledger.values(thing.side, entry["after"]).items():
            old = before.get(name, "")
            if value == old:
                continue
            written = ledger.last_write(name, thing.person, value, before=seq)
            if not written and value:
                others = [write.person for write in ledger.writes[name] if write.value == value]
                raise Violation(
                    "4", f"{name} = {value!r}, which {'is of another person' if others else 'nobody wrote'}: "
                    f"{self._tell(entry)}",
                )  # fmt: skip
            if not value and not written:
                raise Violation("4", f"{name} cleared ({old!r}), which nobody did: {self._tell(entry)}")
            self._overwritten(entry, thing, name, old, value, written)
            self._flip(entry, thing, name, value)

    def _overwritten(self, entry: Json, thing: Thing, name: str, old: str, value: str, written: int) -> None:
        """Invariant 3: what is replaced is older than what replaces it, or stands as a conflict in the history."""
        if entry["action"] == "create":
            return
        ledger, seq = self.ledger, entry["seq"]
        lost = ledger.last_write(name, thing.person, old, before=seq, typed=True)
        if lost <= written or not lost:
            return
        # R10: where a pair has no base an empty side takes the other's value, and nothing counts as cleared
        linked = max(thing.stamped_at or 0, self.void_at, *(
            other.stamped_at or 0 for other in ledger.of_person(thing.person) if other.side == "graph"), 0)  # fmt: skip
        if not old and (lost < linked or self._is_joining(thing.person)):
            return
        # An old copy's base may be what somebody typed again since: that side then looks untouched.
        first = min(
            one.seq for one in ledger.writes[name] if one.value == old and ledger.same(one.person, thing.person)
        )
        if first < lost and max(first, written) < self.restored_at:
            return
        self.suspects.append(Suspect(seq, name, old, value, self._tell(entry)))

    def _is_joining(self, person: int | None) -> bool:
        """Whether an item of the person is linked in this run (R6, R9): it was chosen, and no warehouse knows of it."""
        return any(
            other.side == "graph"
            and other.state is not None
            and (not stamp_of(other.state) or other.mailbox in self.voided)
            and (self.ledger.is_in_folder(other) or bool(OUR_CATEGORIES & set(other.state["categories"])))
            for other in self.ledger.of_person(person)
        )

    def _flip(self, entry: Json, thing: Thing, name: str, value: str) -> None:
        """Invariant 4, no ping-pong: we write a value twice only if a user wrote that field in between."""
        wrote = self._ours.setdefault((thing.id, name), [])
        for seq, earlier in wrote:
            if earlier == value and self.ledger.last_write(name, thing.person, before=entry["seq"]) < seq:
                raise Violation("4", f"{name} = {value!r} written again though nobody wrote it: {self._tell(entry)}")
        wrote.append((entry["seq"], value))

    def _unmapped(self, entry: Json, thing: Thing) -> None:
        """Invariant 8."""
        before, after = entry["before"], entry["after"]
        if thing.side == "salesforce":
            kept = (before.keys() | after.keys()) - _OWN_SALESFORCE - _MAPPED_SALESFORCE
        else:
            kept = (before.keys() | after.keys()) - _OWN_OUTLOOK - _MAPPED_OUTLOOK
            for one in TWO_WAY:
                if one.is_list and [e for e in entries(one, before) if e in self.ledger.unmapped] != [
                    e for e in entries(one, after) if e in self.ledger.unmapped
                ]:
                    raise Violation("8", f"an unmapped entry of {one.outlook} changed: {self._tell(entry)}")
            if set(before["categories"]) - OUR_CATEGORIES != set(after["categories"]) - OUR_CATEGORIES:
                raise Violation("8", f"categories {before['categories']} → {after['categories']}: {self._tell(entry)}")
            if _foreign_extended(before) != _foreign_extended(after):
                raise Violation("8", f"an unmapped extended property changed: {self._tell(entry)}")
        changed = [key for key in sorted(kept) if before.get(key) != after.get(key)]
        if changed:
            raise Violation("8", f"{', '.join(changed)} changed: {self._tell(entry)}")

    # -- copies --------------------------------------------------------------------------------------------------------

    def _outlook_copy(self, entry: Json, thing: Thing, run: Run) -> None:
        """Invariants 5 and 6 in a mailbox."""
        mailbox, contact = thing.mailbox, stamp_of(entry["after"])
        source = extended(entry["after"], COPY_OF)
        for other in self.ledger.items(mailbox):
            is_twice = source and other.state is not None and extended(other.state, COPY_OF) == source
            # R15: that a person moved it out is forgotten with the warehouse (docs/how-it-decides.md)
            is_twice = is_twice and not (mailbox in self.voided and self._is_personal(other))
            if is_twice and other.id != thing.id and other.maker == APPLICATION and not other.brought_back:
                raise Violation("5", f"a second copy of {source} beside {other.id}: {self._tell(entry)}")
        if not contact:
            return  # R6: the stamp of a contact whose Contact is being created comes in another write
        for other in self.ledger.items(mailbox, contact):
            # R6, R15 restore: a copy that names its original stands beside it until that is deleted
            if other.id not in (thing.id, source) and not other.copied:
                raise Violation("5", f"a second copy beside {other.id}: {self._tell(entry)}")
        target = self.ledger.things.get(contact)
        if target is None or (target.state is None and (target.deleted_at or 0) <= run.began):
            raise Violation("6", f"a copy of the Contact {contact}, which is deleted: {self._tell(entry)}")
        for other in self.ledger.things.values():
            released = other.mailbox == mailbox and contact in other.stamps and (other.released_at or 0) > self.void_at
            if released and other.id not in (source, thing.id) and not self._rechosen(mailbox, other, contact):
                raise Violation("6", f"{contact} came back though {other.id} was moved out (R15): {self._tell(entry)}")

    def _rechosen(self, mailbox: str, released: Thing, contact: str) -> bool:
        """R15: dragged in or categorised again, this item or another one of the same person, since the release."""
        return any(
            (other.mailbox == mailbox and other.was_chosen and (other.stamped_at or 0) > (released.released_at or 0))
            or (other.id == released.id and other.state is not None
                and (self.ledger.is_in_folder(other) or "Salesforce" in other.state["categories"]))
            for other in self.ledger.of_person(released.person) if other.side == "graph"
        )  # fmt: skip

    def _salesforce_copy(self, entry: Json, thing: Thing, run: Run) -> None:
        """Invariants 5 and 6 in Salesforce, what was made or deleted earlier in the same run included."""
        ledger, seq = self.ledger, entry["seq"]
        others = [one for one in ledger.of_person(thing.person) if one.side == "salesforce" and one.id != thing.id]
        living = [other for other in others if other.state is not None]
        thing.is_second = bool(living)
        for other in living:
            # R9 matches by e-mail and name: once the warehouse is gone, nothing else tells who was whom
            is_known = other.maker == APPLICATION and other.born > self.void_at
            if (is_known or _is_alike(other.state or {}, entry["after"])) and not self._is_wanted(thing):
                raise Violation("5", f"a second Contact beside {other.id}: {self._tell(entry)}")
        for other in others:
            if other.state is None and not other.winner and other.deleted_at and other.deleted_at < seq:
                # R6: typed in, dragged in or categorised after the deletion, a person is wanted again
                made = [one.chosen_at for one in ledger.of_person(thing.person)]
                made += [one.born for one in ledger.of_person(thing.person) if one.maker == "user"]
                if max(made, default=0) < other.deleted_at and not self._is_wanted(thing):
                    raise Violation("6", f"{other.id} was deleted and comes back: {self._tell(entry)}")

    def _is_wanted(self, thing: Thing) -> bool:
        """R9: whether a person said of an Outlook contact that it is to have a Contact of its own; said for one."""
        said = next((item.id for item in self.ledger.of_person(thing.person) if item.id in self.wanted), None)
        self.wanted.discard(said or "")
        return said is not None

    # -- deletions -----------------------------------------------------------------------------------------------------

    def _count_delete(self, entry: Json, mailbox: str, side: str, run: Run) -> None:
        if run.no_deletes:
            raise Violation("9", f"a deletion in a run that must not delete: {self._tell(entry)}")
        run.deletes[mailbox, side] += 1
        limit = run.rules[mailbox].max_deletes if mailbox in run.rules else 10
        if run.deletes[mailbox, side] > limit and not any(rules.approved for rules in run.rules.values()):
            raise Violation("9", f"deletion {run.deletes[mailbox, side]} of at most {limit}: {self._tell(entry)}")

    def _outlook_delete(self, entry: Json, thing: Thing, run: Run) -> None:
        """Every removal has its ground: R6, R16, R17, R18, and it takes no unsynchronised edit with it."""
        ledger, mailbox, contact = self.ledger, thing.mailbox, stamp_of(entry["before"])
        copies = [
            copy for copy in ledger.items(mailbox) if copy.state and extended(copy.state, COPY_OF) == thing.id
        ]  # fmt: skip
        if copies:
            self._whole_copy(entry, thing, copies)
            return
        rules = run.rules[mailbox]
        self._count_delete(entry, mailbox, "outlook", run)
        target = ledger.things.get(contact)
        losers: set[str] = set()
        if target is None:
            raise Violation("9", f"removal of an item that has no Contact: {self._tell(entry)}")
        if target.winner:
            winner = ledger.successor(contact)
            beside = [
                item for item in ledger.items(mailbox) if item.id != thing.id and winner in {*item.stamps, *_now(item)}
            ]
            if beside:
                return
            # R17, then R18: the link goes to the winner, which may lie outside the view
            contact, target, losers = winner, ledger.things[winner], {contact}
        if target.state is None:  # R16; an edit of the item is kept in the history (R19)
            self._lost_with(entry, thing, ledger.values("salesforce", target.last))
            return
        # R17: two items of one winner, the other one's stamp is rewritten
        if any(item.id != thing.id for item in ledger.items(mailbox, contact)) and any(
            ledger.successor(old) == contact for old in thing.stamps - {contact}
        ):
            return
        is_away = contact not in run.members[mailbox]
        if not (rules.left_view == "remove" and is_away and rules.enabled and rules.down_sync) and not (
            not rules.enabled and rules.on_disable == "remove"
        ):
            raise Violation("9", f"removal without a ground: {self._tell(entry)}")
        has_seen = any(self.seen.get((mailbox, one)) == rules.view_version for one in {contact, *losers})
        if is_away and not has_seen and not rules.approved:
            raise Violation("9", f"removal that follows a changed view or setting, not held: {self._tell(entry)}")
        self._lost_with(entry, thing, ledger.values("salesforce", target.state))

    def _lost_with(self, entry: Json, thing: Thing, held: dict[str, str]) -> None:
        """Invariant 3: what an item that we delete has, later than what is `held` elsewhere, is in the history."""
        ledger, seq = self.ledger, entry["seq"]
        for name, value in ledger.values("graph", entry["before"]).items():
            if value != held[name]:
                lost = ledger.last_write(name, thing.person, value, before=seq)
                kept = ledger.last_write(name, thing.person, held[name], before=seq)
                if lost > kept:
                    self.suspects.append(Suspect(seq, name, value, held[name], self._tell(entry)))

    def _whole_copy(self, entry: Json, thing: Thing, copies: list[Thing]) -> None:
        """R6: the original goes only while a whole copy of it stands (invariant 8 for moves)."""
        before = entry["before"]
        for copy in copies:
            after = copy.state or {}
            kept = before.keys() - _OWN_OUTLOOK - _MAPPED_OUTLOOK
            differs = [key for key in sorted(kept) if before.get(key) != after.get(key)]
            differs += [
                one.name
                for one in TWO_WAY
                if one.is_list and {*entries(one, before)} & self.ledger.unmapped - {*entries(one, after)}
            ]
            if not set(before["categories"]) - OUR_CATEGORIES <= set(after["categories"]):
                differs.append("categories")
            differs = [name for name in differs if name not in copy.changed]  # what a person made of the copy stays
            if not differs:
                self._lost_with(entry, thing, self.ledger.values("graph", after))
                return
        raise Violation("8", f"the original is deleted, its copy lacks {differs}: {self._tell(entry)}")

    def _salesforce_delete(self, entry: Json, thing: Thing, run: Run) -> None:
        """R14, R15 with `delete`: somebody deleted or moved out the item, and nobody edited the Contact since (R19)."""
        ledger = self.ledger
        grounds = []
        for item in ledger.things.values():
            is_linked = thing.id in {ledger.successor(stamp) for stamp in item.stamps}
            # the item of a Contact that we made may be deleted before its stamp was written
            is_source = not item.stamps and thing.maker == APPLICATION and ledger.same(item.person, thing.person)
            if item.side != "graph" or not (is_linked or is_source):
                continue
            rules = run.rules.get(item.mailbox)
            if rules is None or not rules.enabled:
                continue
            is_deleted = not ledger.is_living(item) and item.deleted_by not in (APPLICATION, "")
            if is_deleted and rules.outlook_deletion == "delete":
                grounds.append((item, item.deleted_at or 0))
            elif ledger.is_living(item) and not ledger.is_in_folder(item) and rules.moved_out == "delete":
                grounds.append((item, entry["seq"]))
        if not grounds:
            raise Violation("9", f"a Contact deleted without a ground: {self._tell(entry)}")
        self._count_delete(entry, grounds[0][0].mailbox, "salesforce", run)
        since = run.last_good
        for name, writes in ledger.writes.items():
            for write in writes:
                of_it = write.thing == thing.id or (
                    write.thing in ledger.things and thing.id in ledger.things[write.thing].stamps
                    and all(write.thing != item.id for item, _ in grounds)
                )  # fmt: skip
                if not of_it or write.seq <= since or any(self._had(item, name, write) for item, _ in grounds):
                    continue
                # Edited in another mailbox after that was read: its item goes in the next run, the edit is kept then.
                if write.thing != thing.id and write.seq > run.heard:
                    where, held = self._tell(entry), ledger.values("salesforce", entry["before"])[name]
                    self.suspects.append(Suspect(entry["seq"], name, write.value, held, where, write.thing))
                else:
                    invariant = "9" if write.seq <= run.began else "11"
                    what = f"deletion against an edit of {name} ({write.value!r})"
                    raise Violation(invariant, f"{what}: {self._tell(entry)}")

    def _is_personal(self, item: Thing) -> bool:
        """R5: it is none of ours any more, or never was."""
        assert item.state is not None
        ours = bool(OUR_CATEGORIES & set(item.state["categories"])) or bool(stamp_of(item.state))
        return not ours and not self.ledger.is_in_folder(item)

    def _had(self, item: Thing, name: str, write: Write) -> bool:
        """Whether who deleted this item had that value before them: an edit that had reached them is no objection."""
        shown = self.ledger.values("graph", item.last).get(name) if item.last is not None else None
        return shown == write.value and (item.deleted_at or 0) > write.seq

    # -- accounts ------------------------------------------------------------------------------------------------------

    def _account(self, entry: Json) -> None:
        """Invariant 13: the Account that R7 gives for the Company, and no other."""
        after, before = entry["after"], entry["before"] or {}
        account = after.get("AccountId")
        if account == before.get("AccountId"):
            return
        if not account:
            raise Violation("13", f"the Account was taken off: {self._tell(entry)}")
        person = self.ledger.things[entry["id"]].person
        companies = {
            str(one.state.get("companyName") or "")
            for one in self.ledger.of_person(person)
            if one.side == "graph" and one.state is not None
        }
        if account not in {self.resolve(company) for company in companies}:
            raise Violation("13", f"Account {account} for the Companies {sorted(companies)}: {self._tell(entry)}")

    def resolve(self, company: str) -> str | None:
        """R7 in plain words."""
        wanted = " ".join(company.split()).casefold()
        living = [one for one in self.accounts.values() if not one.get("IsDeleted")]
        names = [(" ".join(str(one["Name"]).split()).casefold(), one["CreatedDate"], one["Id"]) for one in living]
        if not wanted:
            return None
        exact = sorted((made, key) for name, made, key in names if name == wanted)
        if exact:
            return str(exact[0][1])
        within = [key for name, _, key in names if wanted in name]
        return str(within[0]) if len(within) == 1 else None

    # -- conflicts -----------------------------------------------------------------------------------------------------

    def settle_suspects(self, conflicts: Iterable[tuple[str, str, str]], *, is_over: bool = False) -> None:
        """Invariant 3: what was overwritten stands in the history with both values. (field, one, other) in any form.

        What goes in a later run is judged once the story is over.
        """
        known = {
            (name, frozenset(normal(BY_NAME[name].kind, value) for value in pair))
            for name, *pair in conflicts
            if name in BY_NAME
        }
        left = []
        for suspect in self.suspects:
            if suspect.item and (not is_over or not self._went_with_us(suspect)):
                left.append(suspect)
                continue
            found = [pair for name, pair in known if name == suspect.field and suspect.lost in pair]
            # a clearing has no token of its own: the other value must be there too
            if not any(suspect.lost or suspect.kept in pair for pair in found):
                what = "deleted with" if suspect.item else "overwritten by older"
                raise Violation("3", f"{suspect.field} = {suspect.lost!r} {what} {suspect.kept!r}: {suspect.where}")
        self.suspects = left

    def _went_with_us(self, suspect: Suspect) -> bool:
        """Whether the edit lay on the item to the end, and it was we who took the item away."""
        item = self.ledger.things[suspect.item]
        newest = self.ledger.last_write(suspect.field, item.person, before=item.deleted_at or 0)
        value = self.ledger.last_write(suspect.field, item.person, suspect.lost, before=item.deleted_at or 0)
        return item.deleted_by == APPLICATION and newest == value

    def _tell(self, entry: Json) -> str:
        where = entry["mailbox"] or "salesforce"
        return f"log {entry['seq']}: {entry['action']} {entry['id']} in {where}"


def _now(thing: Thing) -> set[str]:
    return {stamp_of(thing.state)} if thing.state else set()


def _is_alike(one: Json, other: Json) -> bool:
    """Whether R9 takes two Contacts for one person: the same e-mail and the same names."""
    return all(
        normal(BY_NAME[name].kind, one.get(key) or "") == normal(BY_NAME[name].kind, other.get(key) or "")
        for name, key in (("email", "Email"), ("last_name", "LastName"), ("first_name", "FirstName"))
    )


def _foreign_extended(state: Json) -> list[tuple[str, Any]]:
    return sorted(
        (entry["id"], entry["value"])
        for entry in state.get("singleValueExtendedProperties", [])
        if "SyncPipeline" not in entry["id"] and entry["id"] not in _OUR_EXTENDED
    )
