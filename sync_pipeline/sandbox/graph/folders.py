"""Mailboxes, their contact folders and master categories: state and rules, no HTTP."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sync_pipeline.sandbox.graph.errors import (
    BadRequest,
    CategoryExists,
    DistinguishedFolder,
    FolderExists,
    InvalidArgument,
    ItemNotFound,
    MoveFailed,
    RequestBodyRead,
    UserNotFound,
)
from sync_pipeline.sandbox.graph.extended import ExtendedProperties
from sync_pipeline.sandbox.graph.switches import SWITCHES
from sync_pipeline.sandbox.state import Json, State

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS graph_users (id TEXT PRIMARY KEY, address TEXT NOT NULL, name TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS graph_users_address ON graph_users (fold(address));
CREATE INDEX IF NOT EXISTS graph_users_name ON graph_users (fold(name));
CREATE TABLE IF NOT EXISTS graph_folders (
    id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, parent TEXT, name TEXT NOT NULL, well_known TEXT);
CREATE INDEX IF NOT EXISTS graph_folders_parent ON graph_folders (parent);
CREATE INDEX IF NOT EXISTS graph_folders_name ON graph_folders (mailbox, fold(name));
CREATE UNIQUE INDEX IF NOT EXISTS graph_folders_well_known ON graph_folders (mailbox, well_known)
    WHERE well_known IS NOT NULL;
CREATE TABLE IF NOT EXISTS graph_categories (
    id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, name TEXT NOT NULL, color TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS graph_folder_changes (sequence INTEGER PRIMARY KEY, mailbox TEXT NOT NULL,
    folder TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS graph_folder_changes_mailbox ON graph_folder_changes (mailbox, sequence);
CREATE UNIQUE INDEX IF NOT EXISTS graph_categories_name ON graph_categories (mailbox, fold(name));
"""
ROOT: Final = "msgfolderroot"
CONTACTS: Final = "contacts"
DELETED: Final = "deleteditems"
WELL_KNOWN: Final = {ROOT: "Top of Information Store", CONTACTS: "Contacts", DELETED: "Deleted Items"}
COLORS: Final = frozenset({"none", *(f"preset{number}" for number in range(25))})


@dataclass(frozen=True)
class User:
    """`id` is the object id, `address` mail and user principal name in one."""

    id: str
    address: str
    name: str

    def wire(self) -> Json:
        return {"id": self.id, "displayName": self.name, "mail": self.address, "userPrincipalName": self.address}


def opaque_id(state: State, prefix: str, number: int) -> str:
    """An Exchange-looking id that no other thing has: `number` never comes twice."""
    return prefix + base64.urlsafe_b64encode(state.random.randbytes(20) + number.to_bytes(6, "big")).decode()


class Folders:
    """What a mailbox has besides its contacts. Every `mailbox` argument is a user object id or an address."""

    def __init__(self, state: State) -> None:
        self.state = state
        state.schema(SCHEMA)
        state.declare_switches(SWITCHES)  # all of this service, since everything begins here
        self.extended = ExtendedProperties(state)

    # -- users ---------------------------------------------------------------------------------------------------------

    def create_mailbox(self, address: str, name: str, *, actor: str | None = None) -> str:
        """A user with default folders; returns the object id. Logged as `actor`'s; None: as found at the start."""
        with self.state.transaction():
            user_id = str(UUID(int=self.state.random.getrandbits(128), version=4))
            self.state.db.execute("INSERT INTO graph_users VALUES (?, ?, ?)", (user_id, address, name))
            root = self._insert_folder(user_id, None, WELL_KNOWN[ROOT], ROOT)
            for well_known in (CONTACTS, DELETED):
                self._insert_folder(user_id, root, WELL_KNOWN[well_known], well_known)
            if actor is not None:
                user = User(user_id, address, name)
                self._record_user(user, "create", None, user.wire(), actor)
        return user_id

    def rename_mailbox(self, mailbox: str, address: str, *, actor: str) -> User:
        """Another address for the same mailbox: mail and user principal name, ids and all it holds stay."""
        before = self.user(mailbox)
        self.state.db.execute("UPDATE graph_users SET address = ? WHERE id = ?", (address, before.id))
        self.state.db.execute("UPDATE people SET mailbox = ? WHERE fold(mailbox) = fold(?)", (address, before.address))
        after = self.user(before.id)
        self._record_user(after, "update", before.wire(), after.wire(), actor)
        return after

    def remove_mailbox(self, mailbox: str, *, actor: str) -> None:
        """The user is gone, as when an account is deleted: every route below it answers 404."""
        user = self.user(mailbox)
        self.state.db.execute("DELETE FROM graph_users WHERE id = ?", (user.id,))
        self._record_user(user, "delete", user.wire(), None, actor)

    def _record_user(self, user: User, action: str, before: Json | None, after: Json | None, actor: str) -> None:
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="mailbox",
            id=user.id,
            action=action,
            before=before,
            after=after,
        )

    def users(self) -> list[User]:
        rows = self.state.db.execute("SELECT id, address, name FROM graph_users ORDER BY rowid")
        return [User(*row) for row in rows]

    def users_after(self, row_id: int, limit: int, condition: str, parameters: Sequence[Any]) -> list[tuple[int, User]]:
        """Up to `limit` users that were added after the one of that row id, and fit an SQL condition; with row ids."""
        rows = self.state.db.execute(
            f"SELECT rowid, id, address, name FROM graph_users WHERE rowid > ? AND {condition} ORDER BY rowid LIMIT ?",
            (row_id, *parameters, limit),
        )
        return [(row["rowid"], User(*row[1:])) for row in rows]

    def count_users(self, condition: str, parameters: Sequence[Any]) -> int:
        row = self.state.db.execute(f"SELECT count(*) FROM graph_users WHERE {condition}", parameters).fetchone()
        return int(row[0])

    def is_taken(self, address: str) -> bool:
        """Whether a mailbox has that address."""
        sql = "SELECT 1 FROM graph_users WHERE fold(address) = fold(?)"
        return self.state.db.execute(sql, (address,)).fetchone() is not None

    def user(self, mailbox: str) -> User:
        """Raises UserNotFound."""
        row = self.state.db.execute(
            "SELECT id, address, name FROM graph_users WHERE id = ? OR fold(address) = fold(?)", (mailbox, mailbox)
        ).fetchone()
        if row is None:
            raise UserNotFound(mailbox)
        return User(*row)

    # -- folders -------------------------------------------------------------------------------------------------------

    def folder(self, mailbox: str, key: str) -> sqlite3.Row:
        """By id or well-known name, wherever it lies. Raises ItemNotFound."""
        row = self.state.db.execute(
            "SELECT * FROM graph_folders WHERE mailbox = ?1 AND (id = ?2 OR well_known = lower(?2))",
            (self.user(mailbox).id, key),
        ).fetchone()
        if row is None:
            raise ItemNotFound()
        return row  # type: ignore[no-any-return]

    def folder_id(self, mailbox: str, key: str) -> str:
        return str(self.folder(mailbox, key)["id"])

    def folder_by_any_name(self, mailbox: str, key: str) -> sqlite3.Row:
        """By id, well-known name or display name: a person points at it, a program does not. Raises ItemNotFound."""
        try:
            return self.folder(mailbox, key)
        except ItemNotFound:
            row = self.state.db.execute(
                "SELECT * FROM graph_folders WHERE mailbox = ? AND fold(name) = fold(?) ORDER BY rowid",
                (self.user(mailbox).id, key),
            ).fetchone()
            if row is None:
                raise
            return row  # type: ignore[no-any-return]

    def child_folders(self, mailbox: str, parent: str, *, user_made: bool = False) -> list[sqlite3.Row]:
        """In order of creation; `user_made` leaves out the well-known ones, as the list of contactFolders does."""
        only = " AND well_known IS NULL" if user_made else ""
        return self.state.db.execute(
            f"SELECT * FROM graph_folders WHERE parent = ?{only} ORDER BY rowid", (self.folder_id(mailbox, parent),)
        ).fetchall()

    def folder_wire(self, row: sqlite3.Row) -> Json:
        return {"id": row["id"], "parentFolderId": row["parent"], "displayName": row["name"]}

    def create_folder(self, mailbox: str, name: str, *, parent: str = ROOT, actor: str, extended: Any = None) -> str:
        """Returns the folder's id. Raises FolderExists when the parent has a folder of that name."""
        user = self.user(mailbox)
        entries = self.extended.check([] if extended is None else extended)
        parent_id = self.folder_id(user.id, parent)
        self._refuse_duplicate(parent_id, name, None)
        folder_id = self._insert_folder(user.id, parent_id, name, None)
        self.extended.write(folder_id, entries)
        self._record_folder(user, folder_id, "create", None, actor)
        return folder_id

    def update_folder(self, mailbox: str, key: str, body: Json, *, actor: str) -> sqlite3.Row:
        """PATCH: displayName, parentFolderId (moves the folder) and singleValueExtendedProperties."""
        user, row = self.user(mailbox), self.folder(mailbox, key)
        before = self._folder_log(row["id"])
        name = body.get("displayName", row["name"])
        if not isinstance(name, str) or not name:
            raise RequestBodyRead("displayName must be a non-empty Edm.String.")
        parent = row["parent"]
        if "parentFolderId" in body:
            parent = self._new_parent(mailbox, row, body["parentFolderId"])
        self._refuse_duplicate(parent, name, row["id"])
        self.state.db.execute("UPDATE graph_folders SET name = ?, parent = ? WHERE id = ?", (name, parent, row["id"]))
        self.extended.write(row["id"], self.extended.check(body.get("singleValueExtendedProperties", [])))
        self._record_folder(user, row["id"], "move" if parent != row["parent"] else "update", before, actor)
        return self.folder(mailbox, row["id"])

    def _new_parent(self, mailbox: str, row: sqlite3.Row, key: Any) -> str:
        if not isinstance(key, str):
            raise RequestBodyRead("parentFolderId must be an Edm.String.")
        parent = self.folder_id(mailbox, key)
        if parent != row["parent"] and row["well_known"] is not None:
            raise DistinguishedFolder("ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved.")
        if parent in self.descendants(row["id"]):
            raise MoveFailed()
        return parent

    def bury_folder(self, mailbox: str, key: str, *, actor: str, for_good: bool = False) -> list[str]:
        """DELETE: the folder goes below Deleted Items with all it holds. What lies there already goes for good: then
        the ids of the folder and its descendants are returned, whose contacts are the caller's to remove."""
        user, row = self.user(mailbox), self.folder(mailbox, key)
        if row["well_known"] is not None:
            raise DistinguishedFolder()
        before = self._folder_log(row["id"])
        if not for_good and not self.is_deleted(mailbox, row["id"]):
            deleted = self.folder_id(mailbox, DELETED)
            self.state.db.execute("UPDATE graph_folders SET parent = ? WHERE id = ?", (deleted, row["id"]))
            self._record_folder(user, row["id"], "delete", before, actor)
            return []
        gone = self.descendants(row["id"])
        for folder_id in gone:
            before = self._folder_log(folder_id)
            self.extended.forget(folder_id)
            self.state.db.execute("DELETE FROM graph_folders WHERE id = ?", (folder_id,))
            self._note_folder_change(user, folder_id)
            self.state.record(
                service="graph",
                actor=actor,
                mailbox=user.address,
                entity="folder",
                id=folder_id,
                action="delete",
                before=before,
                after=None,
            )
        return gone

    def descendants(self, folder_id: str) -> list[str]:
        """The folder itself and everything below it."""
        rows = self.state.db.execute(
            "WITH RECURSIVE below (id) AS"
            " (SELECT ? UNION SELECT f.id FROM graph_folders f JOIN below b ON f.parent = b.id)"
            " SELECT id FROM below",
            (folder_id,),
        )
        return [row["id"] for row in rows]

    def is_deleted(self, mailbox: str, folder_id: str) -> bool:
        """Whether a folder is Deleted Items or lies below it."""
        return folder_id in self.descendants(self.folder_id(mailbox, DELETED))

    def _insert_folder(self, mailbox: str, parent: str | None, name: str, well_known: str | None) -> str:
        folder_id = opaque_id(self.state, "AAMkAGF", self.state.counter("graph folders"))
        row = (folder_id, mailbox, parent, name, well_known)
        self.state.db.execute("INSERT INTO graph_folders VALUES (?, ?, ?, ?, ?)", row)
        return folder_id

    def _refuse_duplicate(self, parent: str, name: str, own_id: str | None) -> None:
        twin = self.state.db.execute(
            "SELECT 1 FROM graph_folders WHERE parent = ? AND fold(name) = fold(?) AND id IS NOT ?",
            (parent, name, own_id),
        ).fetchone()
        if twin is not None:
            raise FolderExists(name, int(self.state.switches["folder_exists_status"]))

    def _note_folder_change(self, user: User, folder_id: str) -> None:
        """What contactFolders/delta reads."""
        row = (self.state.counter("graph changes"), user.id, folder_id)
        self.state.db.execute("INSERT INTO graph_folder_changes VALUES (?, ?, ?)", row)

    def _folder_log(self, folder_id: str) -> Json:
        row = self.state.db.execute("SELECT * FROM graph_folders WHERE id = ?", (folder_id,)).fetchone()
        return {**self.folder_wire(row), "singleValueExtendedProperties": self.extended.of(folder_id)}

    def _record_folder(self, user: User, folder_id: str, action: str, before: Json | None, actor: str) -> None:
        self._note_folder_change(user, folder_id)
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="folder",
            id=folder_id,
            action=action,
            before=before,
            after=self._folder_log(folder_id),
        )

    # -- master categories ---------------------------------------------------------------------------------------------

    def categories(self, mailbox: str) -> list[Json]:
        rows = self.state.db.execute(
            "SELECT id, name, color FROM graph_categories WHERE mailbox = ? ORDER BY rowid", (self.user(mailbox).id,)
        )
        return [{"id": row["id"], "displayName": row["name"], "color": row["color"]} for row in rows]

    def category(self, mailbox: str, category_id: str) -> Json:
        for category in self.categories(mailbox):
            if category["id"] == category_id:
                return category
        raise ItemNotFound()

    def create_category(self, mailbox: str, name: str, color: str = "none", *, actor: str) -> Json:
        user = self.user(mailbox)
        if not name:
            raise InvalidArgument("The displayName of a category must not be empty.")
        _check_color(color)
        if any(name.casefold() == category["displayName"].casefold() for category in self.categories(user.id)):
            raise CategoryExists(name, int(self.state.switches["category_exists_status"]))
        category_id = str(UUID(int=self.state.random.getrandbits(128), version=4))
        row = (category_id, user.id, name, color)
        self.state.db.execute("INSERT INTO graph_categories VALUES (?, ?, ?, ?)", row)
        return self._record_category(user, category_id, "create", None, actor)

    def check_categories(self, mailbox: str, names: Iterable[str]) -> None:
        """Refuses names that the master list lacks, where the switch says that the service does."""
        if self.state.switches["unlisted_categories_accepted"]:
            return
        listed = {category["displayName"].casefold() for category in self.categories(mailbox)}
        for name in names:
            if name.casefold() not in listed:
                raise InvalidArgument(f"The category '{name}' is not in the master category list.")

    def update_category(self, mailbox: str, category_id: str, body: Json, *, actor: str) -> Json:
        user, before = self.user(mailbox), self.category(mailbox, category_id)
        if body.get("displayName", before["displayName"]) != before["displayName"]:
            raise BadRequest("The displayName of a category cannot be changed.")
        color = body.get("color", before["color"])
        _check_color(color)
        self.state.db.execute("UPDATE graph_categories SET color = ? WHERE id = ?", (color, category_id))
        return self._record_category(user, category_id, "update", before, actor)

    def delete_category(self, mailbox: str, category_id: str, *, actor: str) -> None:
        user, before = self.user(mailbox), self.category(mailbox, category_id)
        self.state.db.execute("DELETE FROM graph_categories WHERE id = ?", (category_id,))
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="category",
            id=category_id,
            action="delete",
            before=before,
            after=None,
        )

    def _record_category(self, user: User, category_id: str, action: str, before: Json | None, actor: str) -> Json:
        after = self.category(user.id, category_id)
        self.state.record(
            service="graph",
            actor=actor,
            mailbox=user.address,
            entity="category",
            id=category_id,
            action=action,
            before=before,
            after=after,
        )
        return after


def _check_color(color: Any) -> None:
    if not isinstance(color, str) or color not in COLORS:
        raise RequestBodyRead(f"The value '{color}' is not a member of 'microsoft.graph.categoryColor'.")
