"""The org: its records' life (create, update, upsert, delete, undelete, merge) with all its rules. No HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.access import ADMINISTRATOR_ACTOR, NAME_PARTS, Acting, Row
from sync_pipeline.sandbox.salesforce.address_picklists import apply_address_picklists
from sync_pipeline.sandbox.salesforce.base import insert_row
from sync_pipeline.sandbox.salesforce.bulk_insert import BulkInsert
from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.checks import not_writable, read_body
from sync_pipeline.sandbox.salesforce.conditions import ANY, Conditions
from sync_pipeline.sandbox.salesforce.errors import (
    NotFound,
    ParseError,
    RowError,
    SeveralRecords,
)
from sync_pipeline.sandbox.salesforce.ids import full_id
from sync_pipeline.sandbox.salesforce.rules import (
    check_duplicates,
    check_unique,
    check_validation_rules,
    rewrite,
)
from sync_pipeline.sandbox.salesforce.storage import stamp

__all__ = ["ADMINISTRATOR_ACTOR", "Acting", "Org", "Row"]
MOST_MERGED: Final = 2
BIN_LIFE: Final = timedelta(days=15)
SERVICE_ACTOR: Final = "service"  # what nobody asked for


class Org(BulkInsert):
    """The org in one State. A call that writes belongs in a transaction of the state."""

    @property
    def _loose_email(self) -> bool:
        return bool(self.state.switches["salesforce_email_rule"] == "at_sign")

    # -- writing -------------------------------------------------------------------------------------------------------

    def create(self, acting: Acting, target: ObjectDef, body: Any) -> str:
        """A new record and its id. Raises ParseError or RowError."""
        if not target.createable:
            raise RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", f"entity type cannot be inserted: {target.label}")
        if isinstance(body, Mapping) and any(name.lower() == "id" for name in body):
            raise RowError("INVALID_FIELD", "cannot specify Id in an insert call")
        changes = read_body(target, body, creating=True, loose_email=self._loose_email)
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
        self, acting: Acting, target: ObjectDef, record_id: str, body: Any, *, conditions: Conditions = ANY
    ) -> None:
        """Stamps the record even where nothing changes, as Salesforce does. Raises ParseError, RowError, NotFound,
        PreconditionFailed."""
        before = self.read(acting, target, record_id)
        conditions.check(target, before)
        changes = read_body(target, body, creating=False, loose_email=self._loose_email)
        self._check_writable(acting, target, before, changes)
        record = {**before, **changes}
        self._check(acting, target, record, changes, before["Id"])
        changed = {name: value for name, value in record.items() if value != before.get(name)}
        self._save(acting, target, before, changed, "update")
        renamed = target.name == "Account" and "Name" in changed
        if renamed and self.state.switches["salesforce_account_rename_stamps_contacts"]:
            contacts = self.object("Contact")
            for child in self._children(contacts, "AccountId", before["Id"]):
                self._save(acting, contacts, child, {}, "update")

    def upsert(
        self, acting: Acting, target: ObjectDef, field_name: str, value: str, body: Any, *, update_only: bool = False,
        conditions: Conditions = ANY,
    ) -> tuple[str, bool]:  # fmt: skip
        """(id, whether it was created). Raises SeveralRecords where several have the value, NotFound where none has it
        and none is to be created."""
        found = self.having(acting, target, field_name, value)
        one = target.field(field_name)
        ambiguous = one is not None and one.type != "id" and not one.unique
        if ambiguous and self.state.switches["salesforce_upsert_needs_view_all"] and not acting.is_administrator:
            raise RowError("INSUFFICIENT_ACCESS", f"upsert by {field_name}, which is not unique, needs View All Data")
        if len(found) > 1 and self.state.switches["salesforce_shared_email_upsert"] == "first":
            found = found[:1]
        if len(found) > 1:
            raise SeveralRecords([f"/sobjects/{target.name}/{each}" for each in found])
        if found:
            self.update(acting, target, found[0], body, conditions=conditions)
            return found[0], False
        if not isinstance(body, Mapping):
            raise ParseError("The HTTP entity body must be an object at [line:1, column:1]")
        if update_only or (one is not None and one.type == "id"):
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
        if ids is None:
            return self._purge(self.administrator(), "1", [])
        return self._purge(
            self.administrator(), f"Id IN ({', '.join('?' * len(ids))})", [full_id(each) for each in ids]
        )

    def expire_bin(self) -> None:
        """Removes for good what has been in the bin for too long, as the service does by itself. Before every call."""
        oldest = stamp(self.state.now() - BIN_LIFE)
        self._purge(self.administrator(SERVICE_ACTOR), "SystemModstamp < ?", [oldest])

    def _purge(self, acting: Acting, condition: str, values: Sequence[str | None]) -> int:
        removed = 0
        for target in self.catalogue.objects.values():
            if not target.undeletable:
                continue
            rows = self.state.db.execute(
                f"SELECT * FROM {target.table} WHERE IsDeleted = 1 AND {condition}", values
            ).fetchall()
            for row in rows:
                self.state.db.execute(f"DELETE FROM {target.table} WHERE Id = ?", (row["Id"],))
                self._log(acting, target, row["Id"], "purge", dict(row), None)
            removed += len(rows)
        return removed

    # -- inside --------------------------------------------------------------------------------------------------------

    def _check_writable(self, acting: Acting, target: ObjectDef, row: Row, changes: Mapping[str, Any]) -> None:
        private = self.state.switches["salesforce_sharing"] != "public" and not acting.is_administrator
        if not target.updateable or (private and row["OwnerId"] != acting.user_id):
            raise RowError("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
        if target.name == "Contact" and row["IsPersonAccount"]:
            refused = [name for name in ("Salutation", *NAME_PARTS, "AccountId") if name in changes]
            if refused:
                raise not_writable(refused)

    def _check(self, acting: Acting, target: ObjectDef, record: Row, changes: Row, own_id: str | None) -> None:
        """What saving does before it saves; `record` is changed by triggers and gets its name."""
        rewrite(self.state, target, record)
        apply_address_picklists(target, record, changes)
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
        if own_id is None or parent is not target or not self.state.switches["salesforce_reporting_loop_refused"]:
            return
        above: set[str] = set()  # a loop may be there already, from a time when the switch was off
        while found is not None and found["Id"] not in above:
            if found["Id"] == own_id:
                raise RowError("CIRCULAR_DEPENDENCY", f"{one.label}: a record cannot be above itself", [name])
            above.add(found["Id"])
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
        values = {"IsDeleted": 1, "SystemModstamp": now, "LastModifiedDate": now, "LastModifiedById": acting.user_id}
        if target.mergeable:
            values["MasterRecordId"] = master
        if target.name == "Contact":
            values["_deleted_with"] = deleted_with
        assignments = ", ".join(f'"{name}" = ?' for name in values)
        self.state.db.execute(f"UPDATE {target.table} SET {assignments} WHERE Id = ?", (*values.values(), row["Id"]))
        self.state.db.execute("INSERT OR REPLACE INTO sf_deleted VALUES (?, ?, ?)", (target.name, row["Id"], now))
        after = None if master is None else self._row(target, row["Id"])
        self._log(acting, target, row["Id"], "delete" if master is None else "merge", row, after)

    def _restore(self, acting: Acting, target: ObjectDef, row: Row) -> None:
        self.state.db.execute("DELETE FROM sf_deleted WHERE object = ? AND id = ?", (target.name, row["Id"]))
        changed: Row = {"IsDeleted": 0} | ({"MasterRecordId": None} if target.mergeable else {})
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
