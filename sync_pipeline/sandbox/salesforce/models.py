"""The org: its records' life (create, update, delete, undelete, merge), who may do what, and the log. No HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR, INTEGRATION_USER, ensure_base, insert_row, insert_user
from sync_pipeline.sandbox.salesforce.catalogue import Catalogue, ObjectDef, catalogue
from sync_pipeline.sandbox.salesforce.checks import not_writable, read_body, stored_value
from sync_pipeline.sandbox.salesforce.errors import NotFound, PreconditionFailed, RowError, SeveralRecords
from sync_pipeline.sandbox.salesforce.ids import full_id, make_id
from sync_pipeline.sandbox.salesforce.rules import (
    check_duplicates,
    check_unique,
    check_validation_rules,
    having,
    rewrite,
)
from sync_pipeline.sandbox.salesforce.storage import from_stamp, prepare, record_of, stamp
from sync_pipeline.sandbox.state import Actor, State

Row = dict[str, Any]
SERVICE: Final = "salesforce"
ADMINISTRATOR_ACTOR: Final = f"user:{ADMINISTRATOR}"
MOST_MERGED: Final = 2
_CHUNK: Final = 5000
_NAME_PARTS: Final = ("FirstName", "MiddleName", "LastName", "Suffix")
_PERSON_NAMED: Final = ("Contact", "Lead")


@dataclass(frozen=True)
class Acting:
    """Who acts: `actor` as the log shows it, the user whose rights and name apply, the duplicate header."""

    actor: str
    user_id: str
    username: str
    is_administrator: bool
    allow_duplicates: bool = False
    duplicate_details: bool = True


class Org:
    """The org in one State. Cheap to make; a call that writes belongs in a transaction of the state."""

    def __init__(self, state: State) -> None:
        prepare(state)
        ensure_base(state)
        self.state = state

    # -- who and what --------------------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        return catalogue(self.state)

    def object(self, name: str) -> ObjectDef:
        """Raises NotFound."""
        found = self.catalogue.object(name)
        if found is None:
            raise NotFound()
        return found

    def organization_id(self) -> str:
        return str(self.state.db.execute("SELECT Id FROM sf_Organization").fetchone()["Id"])

    def user(self, username: str) -> Row | None:
        """The User with that username, in any case."""
        row = self.state.db.execute("SELECT * FROM sf_User WHERE fold(Username) = fold(?)", (username,)).fetchone()
        return None if row is None else dict(row)

    def acting(self, actor: Actor) -> Acting:
        """The application without a user is the integration user; an unknown person acts as the administrator."""
        if actor.user is None:
            user = self.user(INTEGRATION_USER)
        else:
            paired = self.state.db.execute(
                "SELECT salesforce_user FROM people WHERE fold(mailbox) = fold(?)", (actor.user,)
            ).fetchone()
            user = self.user(actor.user) or self.user((paired and paired["salesforce_user"]) or ADMINISTRATOR)
        user = user or self.user(ADMINISTRATOR)
        if user is None:
            raise LookupError("the org has lost its administrator; reset the sandbox")
        return Acting(actor.name, user["Id"], user["Username"], bool(user["_is_administrator"]))

    def administrator(self, actor: str = ADMINISTRATOR_ACTOR) -> Acting:
        """The administrator, under the given name in the log."""
        return self.acting(Actor(actor, ADMINISTRATOR))

    def create_user(self, username: str, name: str, **more: Any) -> str:
        """A new User (see base.insert_user) and its id; logged as made by the administrator."""
        user_id = insert_user(self.state, username, name, **more)
        target = self.object("User")
        self._log(self.administrator(), target, user_id, "create", None, self._row(target, user_id))
        return user_id

    # -- reading -------------------------------------------------------------------------------------------------------

    def visible(self, acting: Acting, target: ObjectDef, alias: str) -> tuple[str, list[Any]] | None:
        """The condition that sharing puts on an object's rows; None when everyone reads all of them."""
        if target.name == "ListView":
            told = f"EXISTS (SELECT 1 FROM json_each({alias}._visible_to) WHERE value = ?)"
            return f"({alias}._visible_to IS NULL OR {told})", [acting.username.casefold()]
        if not target.has_owner or acting.is_administrator or self.state.switches["salesforce_sharing"] == "public":
            return None
        own = f"{alias}.OwnerId = ?"
        if target.name != "Account":
            return own, [acting.user_id]
        # Whoever reads a contact reads its account.
        child = f'SELECT 1 FROM "sf_Contact" c WHERE c.AccountId = {alias}.Id AND c.OwnerId = ? AND c.IsDeleted = 0'
        return f"({own} OR EXISTS ({child}))", [acting.user_id, acting.user_id]

    def read(self, acting: Acting, target: ObjectDef, record_id: str) -> Row:
        """A living record. Raises NotFound, or RowError ENTITY_IS_DELETED (404) for one in the recycle bin."""
        row = self._find(acting, target, record_id)
        if row is None:
            raise NotFound()
        if row.get("IsDeleted"):
            raise RowError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def read_many(self, acting: Acting, target: ObjectDef, ids: Sequence[str]) -> dict[str, Row]:
        """The living ones among these ids, by the id as it was given."""
        found: dict[str, Row] = {}
        for given in ids:
            row = self._find(acting, target, given)
            if row is not None and not row.get("IsDeleted"):
                found[given] = row
        return found

    def having(self, acting: Acting, target: ObjectDef, field_name: str, value: str) -> list[str]:
        """Ids of the living, visible records whose external id (or idLookup) field has a value."""
        one = target.field(field_name)
        if one is None or not (one.externalId or one.idLookup):
            message = f"Provided external ID field does not exist or is not accessible: {field_name}"
            raise NotFound(message)
        stored = stored_value(one, value)
        found = [] if stored is None else having(self.state, target, one, stored)
        return [each for each in found if self._find(acting, target, each) is not None]

    def _find(self, acting: Acting, target: ObjectDef, record_id: str) -> Row | None:
        clause, values = self.visible(acting, target, "t0") or ("1", [])
        row = self.state.db.execute(
            f"SELECT * FROM {target.table} t0 WHERE t0.Id = ? AND {clause}", (full_id(record_id), *values)
        ).fetchone()
        return None if row is None else dict(row)

    def _row(self, target: ObjectDef, record_id: str) -> Row:
        return dict(self.state.db.execute(f"SELECT * FROM {target.table} WHERE Id = ?", (record_id,)).fetchone())

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, acting: Acting, target: ObjectDef, body: Any) -> str:
        """A new record and its id. Raises ParseError or RowError."""
        if not target.createable:
            raise RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {target.label}")
        if isinstance(body, Mapping) and any(name.lower() == "id" for name in body):
            raise RowError("INVALID_FIELD", "cannot specify Id in an insert call")
        changes = read_body(target, body, creating=True)
        record = {
            one.name: one.defaultValue for one in target.fields.values() if one.defaultValue is not None
        } | changes
        if target.has_owner:
            record["OwnerId"] = record.get("OwnerId") or acting.user_id
        self._check(acting, target, record, changes, None)
        now = self._stamp()
        record |= {
            "Id": self._new_ids(target, 1)[0],
            "CreatedDate": now,
            "CreatedById": acting.user_id,
            "LastModifiedDate": now,
            "LastModifiedById": acting.user_id,
            "SystemModstamp": now,
        }
        insert_row(self.state, target.name, record)
        self._log(acting, target, record["Id"], "create", None, self._row(target, record["Id"]))
        return str(record["Id"])

    def update(
        self, acting: Acting, target: ObjectDef, record_id: str, body: Any, *, unmodified_since: datetime | None = None
    ) -> None:
        """Stamps the record even where nothing changes, as Salesforce does. Raises ParseError, RowError, NotFound,
        PreconditionFailed."""
        before = self.read(acting, target, record_id)
        if unmodified_since is not None and from_stamp(before["LastModifiedDate"]) > unmodified_since:
            raise PreconditionFailed()
        changes = read_body(target, body, creating=False)
        self._check_writable(acting, target, before, changes)
        record = {**before, **changes}
        self._check(acting, target, record, changes, before["Id"])
        changed = {name: value for name, value in record.items() if value != before.get(name)}
        self._save(acting, target, before, changed, "update")

    def upsert(self, acting: Acting, target: ObjectDef, field_name: str, value: str, body: Any) -> tuple[str, bool]:
        """(id, whether it was created). Raises SeveralRecords where several have the value."""
        found = self.having(acting, target, field_name, value)
        if len(found) > 1:
            raise SeveralRecords([f"/sobjects/{target.name}/{each}" for each in found])
        if found:
            self.update(acting, target, found[0], body)
            return found[0], False
        one = target.field(field_name)
        if one is not None and one.type == "id":
            raise NotFound()
        return self.create(acting, target, {**body, field_name: value}), True

    def delete(self, acting: Acting, target: ObjectDef, record_id: str) -> None:
        """Into the recycle bin; an Account takes its Contacts along."""
        if not target.deletable:
            raise RowError("INSUFFICIENT_ACCESS_OR_READONLY", f"entity type cannot be deleted: {target.label}")
        row = self.read(acting, target, record_id)
        self._check_writable(acting, target, row, {})
        if target.name == "Contact" and row["IsPersonAccount"]:
            raise RowError("DELETE_FAILED", "a person account's contact is deleted with its account")
        self._bin(acting, target, row)
        if target.name == "Account":
            contacts = self.object("Contact")
            for child in self._children(contacts, "AccountId", row["Id"]):
                self._bin(acting, contacts, child, deleted_with=row["Id"])

    def undelete(self, acting: Acting, record_id: str) -> None:
        """Out of the recycle bin; an Account brings back the Contacts that went with it. Raises RowError."""
        target = self.catalogue.of_id(record_id)
        row = None if target is None else self._find(acting, target, record_id)
        if target is None or row is None or not row.get("IsDeleted"):
            raise RowError("UNDELETE_FAILED", f"entity is not in the recycle bin: {record_id}")
        self._restore(acting, target, row)
        if target.name == "Account":
            contacts = self.object("Contact")
            children = self.state.db.execute('SELECT * FROM "sf_Contact" WHERE _deleted_with = ?', (row["Id"],))
            for child in children.fetchall():
                self._restore(acting, contacts, dict(child))

    def merge(self, acting: Acting, winner_id: str, loser_ids: Sequence[str], *, fill: bool = False) -> None:
        """At most two losers go into the recycle bin with MasterRecordId; what hung on them hangs on the winner.

        fill: the winner takes values it lacks from the losers.
        """
        target = self.catalogue.of_id(winner_id)
        if target is None or not target.mergeable or not 1 <= len(loser_ids) <= MOST_MERGED:
            raise RowError(
                "INVALID_FIELD", f"merge takes a winner and 1 to {MOST_MERGED} losers of one mergeable object"
            )
        winner = self.read(acting, target, winner_id)
        losers = [self.read(acting, target, each) for each in loser_ids]
        if len({winner["Id"], *(row["Id"] for row in losers)}) != 1 + len(losers):
            raise RowError("INVALID_FIELD", "a record cannot be merged with itself")
        changed: Row = {}
        for loser in losers:
            writable = (one.name for one in target.fields.values() if fill and one.updateable)
            changed |= {
                name: loser[name]
                for name in writable
                if winner[name] is None and name not in changed and loser[name] is not None
            }
            self._bin(acting, target, loser, master=winner["Id"])
            self._move_children(acting, target, loser["Id"], winner["Id"])
        if changed:
            self._name({**winner, **changed}, target, changed)
        self._save(acting, target, self._row(target, winner["Id"]), changed, "update")

    def empty_bin(self, ids: Sequence[str] | None = None) -> int:
        """Removes deleted records for good (all, or these) and says how many."""
        removed = 0
        for target in self.catalogue.objects.values():
            if not target.undeletable:
                continue
            if ids is None:
                removed += self.state.db.execute(f"DELETE FROM {target.table} WHERE IsDeleted = 1").rowcount
            else:
                rows = [(full_id(each),) for each in ids]
                statement = f"DELETE FROM {target.table} WHERE IsDeleted = 1 AND Id = ?"
                removed += self.state.db.executemany(statement, rows).rowcount
        return removed

    # -- bulk, for the seed --------------------------------------------------------------------------------------------

    def insert(
        self,
        object_name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        actor: str = ADMINISTRATOR_ACTOR,
        created_at: datetime | None = None,
        log: bool = True,
    ) -> list[str]:
        """Many new records at once and their ids, in order; values are trusted, not checked.

        A row may preset CreatedDate, LastModifiedDate, SystemModstamp (datetime or stamp), OwnerId, IsDeleted.
        """
        target, ids = self.object(object_name), list[str]()
        names = [one.name for one in target.stored()]
        places = ", ".join("?" * len(names))
        columns = ", ".join(f'"{name}"' for name in names)
        owner = self.administrator().user_id
        with self.state.transaction():
            remaining = iter(rows)
            while chunk := list(islice(remaining, _CHUNK)):
                new_ids = self._new_ids(target, len(chunk))
                made = stamp(created_at or self.state.now())
                records = [
                    self._trusted(target, row, each, made, owner) for row, each in zip(chunk, new_ids, strict=True)
                ]
                self.state.db.executemany(
                    f"INSERT INTO {target.table} ({columns}) VALUES ({places})",
                    ([record.get(name) for name in names] for record in records),
                )
                if log:
                    entries = ((record["Id"], record_of(target, _Complete(record))) for record in records)
                    self.state.record_many(
                        service=SERVICE, actor=actor, mailbox=None, entity=target.name, action="create", rows=entries
                    )
                ids.extend(new_ids)
        return ids

    def insert_person_account(
        self, values: Mapping[str, Any], *, actor: str = ADMINISTRATOR_ACTOR, created_at: datetime | None = None
    ) -> tuple[str, str]:
        """A Person Account: (account id, contact id). `values` are the contact's."""
        name = " ".join(values[part] for part in _NAME_PARTS if values.get(part))
        [account] = self.insert(
            "Account", [{"Name": name, "IsPersonAccount": True}], actor=actor, created_at=created_at
        )
        row = {**values, "AccountId": account, "IsPersonAccount": True}
        [contact] = self.insert("Contact", [row], actor=actor, created_at=created_at)
        self.state.db.execute('UPDATE "sf_Account" SET PersonContactId = ? WHERE Id = ?', (contact, account))
        return account, contact

    def _trusted(self, target: ObjectDef, given: Mapping[str, Any], record_id: str, made: str, owner: str) -> Row:
        unknown = [name for name in given if name not in target.fields]
        if unknown:
            raise KeyError(f"{target.name} has no field {unknown[0]}")
        record: Row = {
            "CreatedDate": made, "CreatedById": owner, "LastModifiedById": owner, "OwnerId": owner,
            **{one.name: 0 for one in target.fields.values() if one.type == "boolean"},
        }  # fmt: skip
        for name, value in given.items():
            record[name] = stamp(value) if isinstance(value, datetime) else None if value == "" else value
        record.setdefault("LastModifiedDate", record["CreatedDate"])
        record.setdefault("SystemModstamp", record["LastModifiedDate"])
        record["Id"] = record_id
        self._name(record, target, record)
        return record

    # -- inside --------------------------------------------------------------------------------------------------------

    def _new_ids(self, target: ObjectDef, count: int) -> list[str]:
        numbers = self.state.reserve(f"salesforce.{target.name}", count)
        return [make_id(target.keyPrefix, number) for number in numbers]

    def _stamp(self) -> str:
        lag = timedelta(seconds=float(self.state.switches["salesforce_commit_lag_seconds"]))
        return stamp(self.state.now() - lag)

    @staticmethod
    def _name(record: Row, target: ObjectDef, into: Row) -> None:
        if target.name in _PERSON_NAMED:
            parts = (record.get(part) for part in _NAME_PARTS if part in target.fields)
            into["Name"] = " ".join(part for part in parts if part)[: target.fields["Name"].length]

    def _check_writable(self, acting: Acting, target: ObjectDef, row: Row, changes: Mapping[str, Any]) -> None:
        private = self.state.switches["salesforce_sharing"] != "public" and not acting.is_administrator
        if not target.updateable or (private and row["OwnerId"] != acting.user_id):
            raise RowError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        if target.name == "Contact" and row["IsPersonAccount"]:
            refused = [name for name in ("Salutation", *_NAME_PARTS, "AccountId") if name in changes]
            if refused:
                raise not_writable(refused)

    def _check(self, acting: Acting, target: ObjectDef, record: Row, changes: Row, own_id: str | None) -> None:
        """What saving does before it saves; `record` is changed by triggers and gets its name."""
        rewrite(self.state, target, record)
        missing = [one.name for one in target.fields.values() if one.is_required and record.get(one.name) is None]
        if missing:
            raise RowError("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", missing)
        for name in changes:
            if record[name] is not None and target.fields[name].type == "reference":
                self._check_reference(target, name, record[name], own_id)
        check_validation_rules(self.state, target, record)
        check_unique(self.state, target, changes, own_id)
        check_duplicates(self.state, target, record, changes, own_id, allowed=acting.allow_duplicates,
                         details=acting.duplicate_details)  # fmt: skip
        self._name(record, target, record)

    def _check_reference(self, target: ObjectDef, name: str, record_id: str, own_id: str | None) -> None:
        one = target.fields[name]
        parents = [self.catalogue.object(each) for each in one.referenceTo]
        parent = next((each for each in parents if each is not None and each.keyPrefix == record_id[:3]), None)
        if parent is None:
            raise RowError("MALFORMED_ID", f"{one.label}: id value of incorrect type: {record_id}", [name])
        found = self.state.db.execute(f"SELECT * FROM {parent.table} WHERE Id = ?", (record_id,)).fetchone()
        if found is None or ("IsDeleted" in parent.fields and found["IsDeleted"]):
            raise RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [name])
        if parent.name == "User" and not found["IsActive"]:
            message = f"operation performed with inactive user [{record_id[:15]}] as owner of {target.name.lower()}"
            raise RowError("INACTIVE_OWNER_OR_USER", message, [name])
        while own_id is not None and parent is target and found is not None:
            if found["Id"] == own_id:
                raise RowError("CIRCULAR_DEPENDENCY", f"{one.label}: a record cannot be above itself", [name])
            found = self.state.db.execute(f"SELECT * FROM {parent.table} WHERE Id = ?", (found[name],)).fetchone()

    def _save(self, acting: Acting, target: ObjectDef, before: Row, changed: Row, action: str) -> None:
        now = self._stamp()
        stamps = {"LastModifiedDate": now, "LastModifiedById": acting.user_id, "SystemModstamp": now}
        values = {**changed, **stamps}
        assignments = ", ".join(f'"{name}" = ?' for name in values)
        self.state.db.execute(f"UPDATE {target.table} SET {assignments} WHERE Id = ?", (*values.values(), before["Id"]))
        self._log(acting, target, before["Id"], action, before, self._row(target, before["Id"]))

    def _bin(
        self, acting: Acting, target: ObjectDef, row: Row, *, deleted_with: str | None = None, master: str | None = None
    ) -> None:
        now = self._stamp()
        values = {"IsDeleted": 1, "MasterRecordId": master, "SystemModstamp": now, "LastModifiedDate": now,
                  "LastModifiedById": acting.user_id}  # fmt: skip
        if target.name == "Contact":
            values["_deleted_with"] = deleted_with
        assignments = ", ".join(f'"{name}" = ?' for name in values)
        self.state.db.execute(f"UPDATE {target.table} SET {assignments} WHERE Id = ?", (*values.values(), row["Id"]))
        self.state.db.execute("INSERT OR REPLACE INTO sf_deleted VALUES (?, ?, ?)", (target.name, row["Id"], now))
        after = None if master is None else self._row(target, row["Id"])
        self._log(acting, target, row["Id"], "delete" if master is None else "merge", row, after)

    def _restore(self, acting: Acting, target: ObjectDef, row: Row) -> None:
        self.state.db.execute("DELETE FROM sf_deleted WHERE object = ? AND id = ?", (target.name, row["Id"]))
        changed: Row = {"IsDeleted": 0, "MasterRecordId": None}
        if target.name == "Contact":
            changed["_deleted_with"] = None
        self._save(acting, target, row, changed, "undelete")

    def _children(self, target: ObjectDef, field_name: str, parent_id: str) -> list[Row]:
        rows = self.state.db.execute(
            f'SELECT * FROM {target.table} WHERE "{field_name}" = ? AND IsDeleted = 0 ORDER BY Id', (parent_id,)
        )
        return [dict(row) for row in rows.fetchall()]

    def _move_children(self, acting: Acting, target: ObjectDef, loser_id: str, winner_id: str) -> None:
        for child in self.catalogue.objects.values():
            for one in child.fields.values():
                if target.name in one.referenceTo and one.updateable and "IsDeleted" in child.fields:
                    for row in self._children(child, one.name, loser_id):
                        parent = None if row["Id"] == winner_id else winner_id
                        self._save(acting, child, row, {one.name: parent}, "update")

    def _log(
        self, acting: Acting, target: ObjectDef, record_id: str, action: str, before: Row | None, after: Row | None
    ) -> None:
        self.state.record(
            service=SERVICE,
            actor=acting.actor,
            mailbox=None,
            entity=target.name,
            id=record_id,
            action=action,
            before=None if before is None else record_of(target, _Complete(before)),
            after=None if after is None else record_of(target, _Complete(after)),
        )


class _Complete(dict[str, Any]):
    """A row in which a column that was not given is empty."""

    def __missing__(self, key: str) -> None:
        return None
