"""Mailboxes with their contacts: two ids each, change keys, soft deletion, moves, photos; every mutation is logged.

Callable without HTTP: the pages and the demo data use it as the routes do."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sync_pipeline.sandbox.graph import properties
from sync_pipeline.sandbox.graph.errors import IrresolvableConflict, ItemNotFound, UserNotFound
from sync_pipeline.sandbox.graph.folders import CONTACTS, DELETED, Folders, User, opaque_id
from sync_pipeline.sandbox.graph.properties import EXTENDED
from sync_pipeline.sandbox.state import Json, State, iso

# `sequence` is a contact's last change, `departures` where it no longer is: both are what delta reads.
SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS graph_contacts (
    number INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, folder TEXT NOT NULL, immutable_id TEXT NOT NULL UNIQUE,
    default_id TEXT NOT NULL UNIQUE, change_key TEXT NOT NULL, created_at TEXT NOT NULL, modified_at TEXT NOT NULL,
    sequence INTEGER NOT NULL, properties TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS graph_contacts_folder ON graph_contacts (folder, number);
CREATE INDEX IF NOT EXISTS graph_contacts_changed ON graph_contacts (folder, sequence);
CREATE TABLE IF NOT EXISTS graph_addresses (contact INTEGER NOT NULL, address TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS graph_addresses_contact ON graph_addresses (contact);
CREATE INDEX IF NOT EXISTS graph_addresses_address ON graph_addresses (fold(address));
CREATE TABLE IF NOT EXISTS graph_photos (owner TEXT PRIMARY KEY, media_type TEXT NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS graph_departures (
    sequence INTEGER PRIMARY KEY, folder TEXT NOT NULL, immutable_id TEXT NOT NULL, default_id TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS graph_departures_folder ON graph_departures (folder, sequence);
"""
SORTED_UP_TO: Final = 5000  # contacts of a folder
SERVICE: Final = "service"  # the log's actor where the stand-in acts by itself, for a fault


class Mailboxes(Folders):
    """All mailboxes. `mailbox` is an object id or an address, `contact` either id, `folder` an id or well-known name.

    `actor` is the log's: "application" or "user:NAME". Errors are those of graph.errors. Callers bring the transaction.
    """

    def __init__(self, state: State) -> None:
        super().__init__(state)
        state.schema(SCHEMA)

    def contact(self, mailbox: str, contact: str) -> sqlite3.Row:
        """Anywhere in the mailbox, Deleted Items included. Raises ItemNotFound."""
        row = self.state.db.execute(
            "SELECT * FROM graph_contacts WHERE mailbox = ?1 AND (default_id = ?2 OR immutable_id = ?2)",
            (self.user(mailbox).id, contact),
        ).fetchone()
        if row is None:
            raise ItemNotFound()
        return row  # type: ignore[no-any-return]

    def contacts(self, mailbox: str, folder: str = CONTACTS) -> list[sqlite3.Row]:
        """All contacts of a folder, oldest first."""
        return self.state.db.execute(
            "SELECT * FROM graph_contacts WHERE folder = ? ORDER BY number", (self.folder_id(mailbox, folder),)
        ).fetchall()

    def shelf(self, mailbox: str, folder: str, search: str, limit: int) -> tuple[list[sqlite3.Row], int]:
        """For people: up to `limit` contacts of a folder in which a text occurs, with has_photo, by name (by age where
        the folder is large); and how many there are."""
        folder_id = self.folder_id(mailbox, folder)
        condition, parameters = "folder = ?", [folder_id]
        if search:
            condition, parameters = f"{condition} AND instr(fold(properties), fold(?))", [folder_id, search]
        counted = self.state.db.execute(f"SELECT count(*) FROM graph_contacts WHERE {condition}", parameters)
        count = int(counted.fetchone()[0])
        order = "fold(json_extract(properties, '$.displayName')), number" if count <= SORTED_UP_TO else "number"
        rows = self.state.db.execute(
            "SELECT *, EXISTS (SELECT 1 FROM graph_photos WHERE owner = immutable_id) AS has_photo"
            f" FROM graph_contacts WHERE {condition} ORDER BY {order} LIMIT ?",
            (*parameters, limit),
        )
        return rows.fetchall(), count

    def shelf_size(self, folder_id: str) -> int:
        row = self.state.db.execute("SELECT count(*) FROM graph_contacts WHERE folder = ?", (folder_id,)).fetchone()
        return int(row[0])

    def has_photo(self, row: sqlite3.Row) -> bool:
        sql = "SELECT 1 FROM graph_photos WHERE owner = ?"
        return self.state.db.execute(sql, (row["immutable_id"],)).fetchone() is not None

    def full_form(self, row: sqlite3.Row) -> Json:
        """As the log shows it: every property, `id` the immutable one, extended properties included."""
        return {
            "id": row["immutable_id"],
            "changeKey": row["change_key"],
            "createdDateTime": row["created_at"],
            "lastModifiedDateTime": row["modified_at"],
            "parentFolderId": row["folder"],
            **properties.wire(json.loads(row["properties"])),
            EXTENDED: self.extended.of(row["immutable_id"]),
        }

    def owned_by(self, name: str) -> User | None:
        """The mailbox of a person, who is named by its address or object id, or by the paired Salesforce user."""
        row = self.state.db.execute(
            "SELECT mailbox FROM people WHERE fold(salesforce_user) = fold(?) AND mailbox IS NOT NULL", (name,)
        ).fetchone()
        for key in (name, row["mailbox"] if row else None):
            try:
                if key is not None:
                    return self.user(key)
            except UserNotFound:
                continue
        return None

    # -- writing -------------------------------------------------------------------------------------------------------

    def create_contact(self, mailbox: str, folder: str, body: Mapping[str, Any], *, actor: str) -> Json:
        """Returns the full form. `body` is a Graph contact; extended properties stand in it as Graph has them."""
        [created] = self.create_contacts(mailbox, folder, [body], actor=actor)
        return created

    def create_contacts(
        self, mailbox: str, folder: str, bodies: Sequence[Mapping[str, Any]], *, actor: str
    ) -> list[Json]:
        """Many at once; all or none when called in a transaction."""
        user, folder_id = self.user(mailbox), self.folder_id(mailbox, folder)
        numbers = self.state.reserve("graph contacts", len(bodies))
        sequences = self.state.reserve("graph changes", len(bodies))
        now = iso(self.state.now())
        contacts: list[tuple[Any, ...]] = []
        addresses: list[tuple[int, str]] = []
        extended: list[tuple[str, str, str, str]] = []
        forms: list[Json] = []
        for number, sequence, body in zip(numbers, sequences, bodies, strict=True):
            values = properties.check(body, self.state.switches)
            self.check_categories(user.id, values.get("categories", []))
            stored = properties.created(values, self.state.switches["file_as_rule"])
            entries = [entry for entry in self.extended.check(body.get(EXTENDED, [])) if entry[2]]
            immutable_id = opaque_id(self.state, "AAkALgAA", number)
            default_id, change_key = self._default_id(), self._change_key(sequence)
            text = json.dumps(stored, ensure_ascii=False)
            contacts.append(
                (number, user.id, folder_id, immutable_id, default_id, change_key, now, now, sequence, text)
            )
            addresses.extend(_addresses(number, stored))
            extended.extend((immutable_id, key, id, value or "") for key, id, value in entries)
            forms.append(
                {
                    "id": immutable_id,
                    "changeKey": change_key,
                    "createdDateTime": now,
                    "lastModifiedDateTime": now,
                    "parentFolderId": folder_id,
                    **properties.wire(stored),
                    EXTENDED: [{"id": id, "value": value} for _, id, value in entries],
                }
            )
        self.state.db.executemany("INSERT INTO graph_contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", contacts)
        self.state.db.executemany("INSERT INTO graph_addresses VALUES (?, ?)", addresses)
        self.extended.insert(extended)
        self.state.record_many(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="contact",
            action="create",
            rows=((form["id"], form) for form in forms),
        )
        return forms

    def update_contact(
        self, mailbox: str, contact: str, body: Mapping[str, Any], *, actor: str, if_match: str | None = None
    ) -> sqlite3.Row:
        """PATCH. Returns the row as it is now. Raises IrresolvableConflict where if_match is another version's."""
        user, row = self.user(mailbox), self.contact(mailbox, contact)
        self._check_version(row, if_match)
        before = self.full_form(row)
        stored = json.loads(row["properties"])
        values = properties.check(body, self.state.switches)
        entries = self.extended.check(body.get(EXTENDED, []))
        self.check_categories(user.id, values.get("categories", []))
        merge, rule = bool(self.state.switches["address_patch_merges"]), self.state.switches["file_as_rule"]
        after = properties.updated(stored, values, merge_addresses=merge, rule=rule)
        self.state.db.execute(
            "UPDATE graph_contacts SET properties = ? WHERE number = ?",
            (json.dumps(after, ensure_ascii=False), row["number"]),
        )
        if "emailAddresses" in values:
            self.state.db.execute("DELETE FROM graph_addresses WHERE contact = ?", (row["number"],))
            self.state.db.executemany("INSERT INTO graph_addresses VALUES (?, ?)", _addresses(row["number"], after))
        self.extended.write(row["immutable_id"], entries)
        quiet = not values and not self.state.switches["delta_shows_extended_only_changes"]
        return self._touch(user, row, "update", before, actor, in_delta=not quiet)

    def move_contact(self, mailbox: str, contact: str, folder: str, *, actor: str) -> sqlite3.Row:
        """A user's drag and drop (Graph has no move): a new default id, the immutable one stays unless the switch
        move_changes_immutable_id is on."""
        user, row = self.user(mailbox), self.contact(mailbox, contact)
        is_new = bool(self.state.switches["move_changes_immutable_id"])
        return self._relocate(user, row, self.folder_id(mailbox, folder), "move", actor, new_identity=is_new)

    def copy_contact(self, mailbox: str, contact: str, folder: str, *, actor: str) -> Json:
        """A user's copy and paste: another contact with the same values, and the photo."""
        row = self.contact(mailbox, contact)
        body = json.loads(row["properties"])
        if self.state.switches["copy_keeps_extended"]:
            body[EXTENDED] = self.extended.of(row["immutable_id"])
        made = self.create_contact(mailbox, folder, body, actor=actor)
        try:
            media_type, content = self.photo(mailbox, row["immutable_id"])
        except ItemNotFound:
            return made
        self.put_photo(mailbox, made["id"], media_type, content, actor=actor)
        return made

    def renew_change_keys(self, mailbox: str, folder_id: str) -> int:
        """A fault: every contact of a folder has a new version, without a change. Returns how many there are."""
        user = self.user(mailbox)
        rows = self.state.db.execute("SELECT * FROM graph_contacts WHERE folder = ?", (folder_id,)).fetchall()
        for row in rows:
            self._touch(user, row, "update", self.full_form(row), SERVICE)
        return len(rows)

    def drop_copies(self, mailbox: str, contact: str) -> int:
        """A fault: a contact's later copies, by name, are gone if it and they have photos. Returns how many."""
        user, row = self.user(mailbox), self.contact(mailbox, contact)
        copies = self.state.db.execute(
            "SELECT c.* FROM graph_contacts c JOIN graph_photos p ON p.owner = c.immutable_id"
            " WHERE c.mailbox = ? AND c.number > ? AND EXISTS (SELECT 1 FROM graph_photos WHERE owner = ?)"
            " AND json_extract(c.properties, '$.displayName') = json_extract(?, '$.displayName')",
            (user.id, row["number"], row["immutable_id"], row["properties"]),
        ).fetchall()
        for copy in copies:
            self._remove(user, copy, SERVICE)
        return len(copies)

    def delete_contact(
        self, mailbox: str, contact: str, *, actor: str, if_match: str | None = None, for_good: bool = False
    ) -> None:
        """Moves it to Deleted Items, with a new default id; what lies there already, or below, goes for good."""
        user, row = self.user(mailbox), self.contact(mailbox, contact)
        self._check_version(row, if_match)
        if for_good or self.is_deleted(mailbox, row["folder"]):
            self._remove(user, row, actor)
        else:
            self._relocate(user, row, self.folder_id(mailbox, DELETED), "delete", actor)

    def delete_folder(self, mailbox: str, folder: str, *, actor: str, for_good: bool = False) -> None:
        """Soft, as for contacts; from Deleted Items for good, with the contacts in it."""
        user = self.user(mailbox)
        for gone in self.bury_folder(mailbox, folder, actor=actor, for_good=for_good):
            for row in self.state.db.execute("SELECT * FROM graph_contacts WHERE folder = ?", (gone,)).fetchall():
                self._remove(user, row, actor)

    # -- photos --------------------------------------------------------------------------------------------------------

    def photo(self, mailbox: str, contact: str) -> tuple[str, bytes]:
        """(media type, bytes). Raises ItemNotFound when the contact has none."""
        row = self.state.db.execute(
            "SELECT media_type, content FROM graph_photos WHERE owner = ?",
            (self.contact(mailbox, contact)["immutable_id"],),
        ).fetchone()
        if row is None:
            raise ItemNotFound()
        return row["media_type"], row["content"]

    def put_photo(self, mailbox: str, contact: str, media_type: str, content: bytes, *, actor: str) -> None:
        user, row = self.user(mailbox), self.contact(mailbox, contact)
        try:
            before: Json | None = _photo_form(*self.photo(mailbox, contact))
        except ItemNotFound:
            before = None
        self.state.db.execute(
            "INSERT OR REPLACE INTO graph_photos VALUES (?, ?, ?)", (row["immutable_id"], media_type, content)
        )
        self._set_version(row)
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="photo",
            id=row["immutable_id"],
            action="create" if before is None else "update",
            before=before,
            after=_photo_form(media_type, content),
        )

    # -- inside --------------------------------------------------------------------------------------------------------

    def _default_id(self) -> str:
        return opaque_id(self.state, "AAMkAGI2", self.state.counter("graph default ids"))

    def _change_key(self, sequence: int) -> str:
        return opaque_id(self.state, "EQAAABYAAA", sequence)

    def _check_version(self, row: sqlite3.Row, if_match: str | None) -> None:
        if if_match is None or if_match.strip() == "*" or not self.state.switches["if_match_honoured"]:
            return
        given = if_match.strip().removeprefix("W/").strip('"')
        if given not in (row["change_key"], self.etag(row)):
            raise IrresolvableConflict()

    def etag(self, row: sqlite3.Row) -> str:
        """What stands in W/"…": the change key, or another text where the switch says so."""
        key = str(row["change_key"])
        return key if self.state.switches["etag_is_change_key"] else hashlib.sha256(key.encode()).hexdigest()[:32]

    def _set_version(self, row: sqlite3.Row, *, in_delta: bool = True) -> None:
        sequence = self.state.counter("graph changes")
        self.state.db.execute(
            "UPDATE graph_contacts SET change_key = ?, modified_at = ?, sequence = ? WHERE number = ?",
            (
                self._change_key(sequence),
                iso(self.state.now()),
                sequence if in_delta else row["sequence"],
                row["number"],
            ),
        )

    def _touch(
        self, user: User, row: sqlite3.Row, action: str, before: Json, actor: str, *, in_delta: bool = True
    ) -> sqlite3.Row:
        self._set_version(row, in_delta=in_delta)
        after = self.contact(user.id, row["immutable_id"])
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="contact",
            id=row["immutable_id"],
            action=action,
            before=before,
            after=self.full_form(after),
        )
        return after

    def _relocate(
        self,
        user: User,
        row: sqlite3.Row,
        folder_id: str,
        action: str,
        actor: str,
        *,
        new_identity: bool = False,
    ) -> sqlite3.Row:
        before = self.full_form(row)
        self._depart(row)
        immutable_id = row["immutable_id"]
        if new_identity:
            immutable_id = opaque_id(self.state, "AAkALgAA", self.state.counter("graph contacts"))
            self.extended.hand_over(row["immutable_id"], immutable_id)
            self.state.db.execute(
                "UPDATE graph_photos SET owner = ? WHERE owner = ?", (immutable_id, row["immutable_id"])
            )
        self.state.db.execute(
            "UPDATE graph_contacts SET folder = ?, default_id = ?, immutable_id = ? WHERE number = ?",
            (folder_id, self._default_id(), immutable_id, row["number"]),
        )
        moved = self.contact(user.id, immutable_id)
        return self._touch(user, moved, action, before, actor)

    def _remove(self, user: User, row: sqlite3.Row, actor: str) -> None:
        before = self.full_form(row)
        self._depart(row)
        self._remove_photo(user, row, actor)
        self.extended.forget(row["immutable_id"])
        self.state.db.execute("DELETE FROM graph_addresses WHERE contact = ?", (row["number"],))
        self.state.db.execute("DELETE FROM graph_contacts WHERE number = ?", (row["number"],))
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="contact",
            id=row["immutable_id"],
            action="delete",
            before=before,
            after=None,
        )

    def _remove_photo(self, user: User, row: sqlite3.Row, actor: str) -> None:
        gone = self.state.db.execute(
            "DELETE FROM graph_photos WHERE owner = ? RETURNING media_type, content", (row["immutable_id"],)
        ).fetchone()
        if gone is not None:
            self.state.record(
                service="graph",
                actor=actor,
                mailbox=user.address,
                entity="photo",
                id=row["immutable_id"],
                action="delete",
                before=_photo_form(gone["media_type"], gone["content"]),
                after=None,
            )

    def _depart(self, row: sqlite3.Row) -> None:
        self.state.db.execute(
            "INSERT INTO graph_departures VALUES (?, ?, ?, ?)",
            (self.state.counter("graph changes"), row["folder"], row["immutable_id"], row["default_id"]),
        )


def _addresses(number: int, stored: Json) -> Iterable[tuple[int, str]]:
    return [(number, entry["address"]) for entry in stored.get("emailAddresses", []) if entry.get("address")]


def _photo_form(media_type: str, content: bytes) -> Json:
    return {"mediaContentType": media_type, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
