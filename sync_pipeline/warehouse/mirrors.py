"""The writing half that follows extraction: each page's rows and the cursors that cover them in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from sync_pipeline.warehouse.erasure import KEPT_OF_A_CONTACT
from sync_pipeline.warehouse.marks import mark_accounts, mark_contacts, mark_items
from sync_pipeline.warehouse.tables import Row, differing, replace, staged, transaction, upsert

_IDS = {"id": "VARCHAR"}
#: What says that a row was read, and nothing of what it holds.
_READ = ("seen_run",)


class Mirrors:
    """Every public method is one transaction. A value that a row leaves out, or gives as None, stays as it was.

    What a method changes it marks, so that the next planning looks at it. A row that comes again as it is known is no
    change: each reading of Salesforce goes back some minutes, and each listing of a mailbox shows all of it.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection

    def save_mailbox(self, mailbox: str, run_id: str) -> None:
        """The mailbox could be read; what stopped it before is over."""
        row = {
            "mailbox": mailbox,
            "extracted_run": run_id,
            "status": "ok",
            "code": "",
            "message": "",
            "remedy": "",
        }
        with transaction(self.connection):
            upsert(self.connection, "outlook.mailboxes", ("mailbox",), [row])

    def stop_mailbox(self, mailbox: str, *, code: str, message: str, remedy: str) -> None:
        """The mailbox cannot be synchronised now; its mirror stays as it is."""
        row = {"mailbox": mailbox, "status": "stopped", "code": code, "message": message, "remedy": remedy}
        with transaction(self.connection):
            upsert(self.connection, "outlook.mailboxes", ("mailbox",), [row])

    def save_mailbox_page(
        self,
        mailbox: str,
        run_id: str,
        *,
        state: Mapping[str, Any] | None = None,
        folders: Sequence[Row] = (),
        contacts: Sequence[Row] = (),
        vanished: Mapping[str, str] | None = None,
        cursors: Mapping[str, str] | None = None,
        listed: Collection[str] = (),
        now: datetime | None = None,
        selected: str = "",
    ) -> None:
        """One page of a mailbox.

        `state` holds columns of outlook.mailboxes, `folders` and `contacts` rows of their mirrors,
        `vanished` ids with their new place (gone, or personal: its row is erased), `cursors` the delta link by folder
        id, `listed` the folders whose full listing ended with this page at `now`, `selected` the fingerprint of the
        fields that it was listed with.
        """
        with transaction(self.connection):
            if state:
                upsert(self.connection, "outlook.mailboxes", ("mailbox",), [{**state, "mailbox": mailbox}])
            if folders:
                rows = [{**row, "mailbox": mailbox} for row in folders]
                upsert(self.connection, "outlook.folders", ("mailbox", "id"), rows)
            key, rows = ("mailbox", "id"), [{**row, "mailbox": mailbox, "seen_run": run_id} for row in contacts]
            mark_items(self.connection, differing(self.connection, "outlook.contacts", key, rows, besides=_READ))
            upsert(self.connection, "outlook.contacts", key, rows)
            self._place(mailbox, run_id, vanished or {})
            mark_items(self.connection, [(mailbox, item) for item in vanished or {}])
            rows = [{"mailbox": mailbox, "id": folder, "delta_link": link} for folder, link in (cursors or {}).items()]
            upsert(self.connection, "outlook.folders", ("mailbox", "id"), rows)
            rows = [{"mailbox": mailbox, "id": folder, "listed_at": now} for folder in listed]
            upsert(self.connection, "outlook.folders", ("mailbox", "id"), rows)
            if listed:
                # a mailbox that was listed is compared whole, so that nothing is overlooked for longer than a day
                self.connection.execute("delete from sync.compared where mailbox = ?", [mailbox])
            if listed and now:
                self._save_cursor((mailbox, selected, now), "outlook_fields")

    def _place(self, mailbox: str, run_id: str, vanished: Mapping[str, str]) -> None:
        if not vanished:
            return
        rows = [{"id": item, "place": place} for item, place in vanished.items()]
        with staged(self.connection, "vanished", rows, {"id": "VARCHAR", "place": "VARCHAR"}):
            self.connection.execute(
                "update outlook.contacts as item set place = vanished.place, seen_run = ? from vanished "
                "where item.mailbox = ? and item.id = vanished.id and vanished.place <> 'personal'",
                [run_id, mailbox],
            )
            # R5: a personal contact leaves no trace; of one that is gone, only a link's mirror is still of use
            self.connection.execute(
                "delete from outlook.contacts where mailbox = ? and id in ("
                "select id from vanished where place = 'personal' "
                "or (place = 'gone' and id not in ("
                "select outlook_id from sync.links where mailbox = ? and state = 'linked')))",
                [mailbox, mailbox],
            )

    def rename_mailbox(self, former: str, address: str) -> None:
        """R1: a mailbox is known by its object id, so all that is known of it goes on under its new address."""
        tables = self.connection.execute(
            "select schema_name || '.' || table_name from duckdb_columns() "
            "where column_name = 'mailbox' and schema_name in ('outlook', 'sync', 'salesforce')"
        ).fetchall()
        with transaction(self.connection):
            # what stands under the new address already: that it could not be read, and what its credential just read
            self.connection.execute("delete from outlook.mailboxes where mailbox = ?", [address])
            self.connection.execute(
                "delete from salesforce.readers where mailbox = ? "
                "and exists (select 1 from salesforce.readers where mailbox = ?)",
                [former, address],
            )
            for (table,) in tables:
                self.connection.execute(f"update {table} set mailbox = ? where mailbox = ?", [address, former])
            self.connection.execute("update sync.cursors set scope = ? where scope = ?", [address, former])
            # a delta link names the address under which it was got
            self.connection.execute("update outlook.folders set delta_link = null where mailbox = ?", [address])

    def keep_folders(self, mailbox: str, folder_ids: Collection[str]) -> None:
        """Forgets the folders (and their delta links) that the mailbox no longer shows."""
        with transaction(self.connection), staged(self.connection, "kept", [{"id": f} for f in folder_ids], _IDS):
            self.connection.execute(
                "delete from outlook.folders where mailbox = ? and id not in (select id from kept)", [mailbox]
            )

    def save_contacts(
        self, rows: Sequence[Row], run_id: str, cursor: tuple[str, str, datetime] | None = None, selected: str = ""
    ) -> None:
        """A page of Contacts; `cursor` is (scope, watermark, now) where the page is the last that it covers.

        `selected` is the fingerprint of the fields that were read, all of them since the watermark before. Of a
        forgotten person's Contact that lies in the recycle bin no value is saved, until somebody brings it back.
        """
        read = self._without_forgotten([{"is_readable": True, **row, "seen_run": run_id} for row in rows])
        with transaction(self.connection):
            changed = differing(self.connection, "salesforce.contacts", ("id",), read, besides=_READ)
            mark_contacts(self.connection, [contact for (contact,) in changed])
            upsert(self.connection, "salesforce.contacts", ("id",), read)
            self._save_cursor(cursor, "contacts")
            self._save_cursor((cursor[0], selected, cursor[2]) if cursor else None, "contact_fields")

    def _without_forgotten(self, rows: Sequence[Row]) -> list[Row]:
        """The rows; of deleted Contacts that were erased on request, and that no open link needs, without values."""
        deleted = [{"id": row["id"]} for row in rows if row.get("is_deleted")]
        if not deleted:
            return list(rows)
        with staged(self.connection, "deleted", deleted, _IDS):
            found = self.connection.execute(
                "select id from deleted where id in (select id from sync.erased_keys where kind = 'salesforce') "
                "and id not in (select salesforce_id from sync.links where state = 'linked' and salesforce_id <> '')"
            ).fetchall()
        forgotten = {contact for (contact,) in found}
        return [
            {column: row[column] for column in row if column in KEPT_OF_A_CONTACT}
            if row.get("is_deleted") and row["id"] in forgotten
            else row
            for row in rows
        ]

    def save_accounts(self, rows: Sequence[Row], cursor: tuple[str, str, datetime] | None = None) -> None:
        """A page of Accounts; deleted ones come with `is_deleted` and leave the mirror."""
        gone = [row["id"] for row in rows if row.get("is_deleted")]
        kept = [{key: row[key] for key in row if key != "is_deleted"} for row in rows if not row.get("is_deleted")]
        with transaction(self.connection):
            changed = differing(self.connection, "salesforce.accounts", ("id",), kept)
            mark_accounts(self.connection, [*(account for (account,) in changed), *gone])
            upsert(self.connection, "salesforce.accounts", ("id",), kept)
            with staged(self.connection, "gone", [{"id": account} for account in gone], _IDS):
                self.connection.execute("delete from salesforce.accounts where id in (select id from gone)")
            self._save_cursor(cursor, "accounts")

    def forget_accounts(self, seen_ids: Collection[str]) -> None:
        """After a complete scan: Accounts that it did not show leave the mirror."""
        with (
            transaction(self.connection),
            staged(self.connection, "seen", [{"id": account} for account in seen_ids], _IDS),
        ):
            forgotten = self.connection.execute(
                "delete from salesforce.accounts where id not in (select id from seen) returning id"
            ).fetchall()
            mark_accounts(self.connection, [account for (account,) in forgotten])

    def mark_unreadable(self, contact_ids: Collection[str], run_id: str) -> None:
        """Contacts that the credential cannot read any more and that are not known to be deleted."""
        with transaction(self.connection), staged(self.connection, "unread", [{"id": c} for c in contact_ids], _IDS):
            self.connection.execute(
                "update salesforce.contacts set is_readable = false, seen_run = ? where id in (select id from unread)",
                [run_id],
            )
            mark_contacts(self.connection, contact_ids)

    def mark_deleted(self, contact_ids: Collection[str], run_id: str) -> None:
        """Contacts of the mirror that are deleted for good, whether they were readable last or not."""
        with transaction(self.connection), staged(self.connection, "purged", [{"id": c} for c in contact_ids], _IDS):
            self.connection.execute(
                "update salesforce.contacts set is_deleted = true, is_readable = true, seen_run = ? "
                "where id in (select id from purged)",
                [run_id],
            )
            mark_contacts(self.connection, contact_ids)

    def replace_describe(self, rows: Sequence[Row]) -> None:
        with transaction(self.connection):
            replace(self.connection, "salesforce.describe", rows)

    def replace_users(self, rows: Sequence[Row]) -> None:
        with transaction(self.connection):
            replace(self.connection, "salesforce.users", rows)

    def save_members(self, view_key: str, label: str, definition: str, contact_ids: Iterable[str]) -> None:
        """A complete scan of a list view in the place of the last one."""
        rows = [{"view_key": view_key, "contact_id": contact} for contact in contact_ids]
        view = {"view_key": view_key, "label": label, "definition": definition}
        with transaction(self.connection):
            self._replace_shown("salesforce.view_members", "view_key", view_key, rows)
            upsert(self.connection, "salesforce.views", ("view_key",), [view])

    def save_readers(self, mailbox: str, contact_ids: Iterable[str]) -> None:
        """Which Contacts a mailbox's own credential returned, all of them."""
        rows = [{"mailbox": mailbox, "contact_id": contact} for contact in contact_ids]
        with transaction(self.connection):
            self._replace_shown("salesforce.readers", "mailbox", mailbox, rows)

    def _replace_shown(self, table: str, key: str, value: str, rows: Sequence[Row]) -> None:
        """The rows in the place of those with this key; the Contacts that came or went are marked."""
        with staged(self.connection, "shown", rows, {key: "VARCHAR", "contact_id": "VARCHAR"}):
            changed = self.connection.execute(
                f"(select contact_id from {table} where {key} = $key except select contact_id from shown) "
                f"union (select contact_id from shown except select contact_id from {table} where {key} = $key)",
                {"key": value},
            ).fetchall()
            self.connection.execute(f"delete from {table} where {key} = ?", [value])
            self.connection.execute(f"insert into {table} by name select * from shown")
        mark_contacts(self.connection, [contact for (contact,) in changed])

    def save_cursor(self, scope: str, name: str, value: str, now: datetime) -> None:
        with transaction(self.connection):
            self._save_cursor((scope, value, now), name)

    def _save_cursor(self, cursor: tuple[str, str, datetime] | None, name: str) -> None:
        if cursor is not None:
            scope, value, now = cursor
            row = {"scope": scope, "name": name, "value": value, "saved_at": now}
            upsert(self.connection, "sync.cursors", ("scope", "name"), [row])
