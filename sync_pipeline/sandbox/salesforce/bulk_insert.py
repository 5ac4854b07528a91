"""Many records at once, for prepared data: values are trusted, not checked, and each is in the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.access import (
    ADMINISTRATOR_ACTOR,
    NAME_PARTS,
    SERVICE,
    Access,
    CompleteRow,
    Row,
)
from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.storage import record_of, stamp

_CHUNK: Final = 5000


class BulkInsert(Access):
    """The org with a way to fill it."""

    def insert(
        self,
        object_name: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        actor: str = ADMINISTRATOR_ACTOR,
        created_at: datetime | None = None,
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
                entries = ((record["Id"], record_of(target, CompleteRow(record))) for record in records)
                self.state.record_many(
                    service=SERVICE, actor=actor, mailbox=None, entity=target.name, action="create", rows=entries
                )
                ids.extend(new_ids)
        return ids

    def insert_person_account(
        self, values: Mapping[str, Any], *, actor: str = ADMINISTRATOR_ACTOR, created_at: datetime | None = None
    ) -> tuple[str, str]:
        """A Person Account: (account id, contact id). `values` are the contact's."""
        name = " ".join(values[part] for part in NAME_PARTS if values.get(part))
        [account] = self.insert(
            "Account", [{"Name": name, "IsPersonAccount": True}], actor=actor, created_at=created_at
        )
        row = {**values, "AccountId": account, "IsPersonAccount": True}
        [contact] = self.insert("Contact", [row], actor=actor, created_at=created_at)
        before = self.row("Account", account)
        self.state.db.execute('UPDATE "sf_Account" SET PersonContactId = ? WHERE Id = ?', (contact, account))
        self.log_change("Account", account, "update", before)
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
