"""Extended (MAPI) properties of contacts and folders: their three id forms, storing, reading back and clearing."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from sync_pipeline.sandbox.graph.errors import InvalidArgument, RequestBodyRead
from sync_pipeline.sandbox.state import Json, State

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS graph_extended (
    owner TEXT NOT NULL, property TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (owner, property)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS graph_extended_value ON graph_extended (property, fold(value));
"""
_NAMED = re.compile(r"^(\w+)\s+\{([0-9a-fA-F-]{36})\}\s+Name\s+(.+)$")
_NUMBERED = re.compile(r"^(\w+)\s+\{([0-9a-fA-F-]{36})\}\s+Id\s+0x([0-9a-fA-F]{1,8})$")
_TAGGED = re.compile(r"^(\w+)\s+0x([0-9a-fA-F]{1,4})$")


def property_key(id: str) -> str:
    """What two spellings of one property share: only the name's case counts. Raises GraphError."""
    if match := _NAMED.match(id):
        return f"{match[1].capitalize()} {{{match[2].lower()}}} Name {match[3]}"
    if match := _NUMBERED.match(id):
        return f"{match[1].capitalize()} {{{match[2].lower()}}} Id 0x{int(match[3], 16):x}"
    if match := _TAGGED.match(id):
        return f"{match[1].capitalize()} 0x{int(match[2], 16):x}"
    raise InvalidArgument(
        f"The extended property id '{id}' is malformed. Use 'String {{GUID}} Name X',"
        " 'String {GUID} Id 0x804F' or 'String 0x3A24'."
    )


class ExtendedProperties:
    """Of any owner: an immutable contact id or a folder id."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.schema(SCHEMA)

    def check(self, body: Any) -> list[tuple[str, str, str | None]]:
        """(property, id, value) of each entry of a body's singleValueExtendedProperties. Raises GraphError."""
        if not isinstance(body, list):
            raise RequestBodyRead("singleValueExtendedProperties must be a collection.")
        checked = []
        for entry in body:
            if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
                raise RequestBodyRead("An entry of singleValueExtendedProperties needs an 'id' and a 'value'.")
            value = entry.get("value")
            if value is not None and not isinstance(value, str):
                raise RequestBodyRead(f"The value of extended property '{entry['id']}' must be an Edm.String.")
            checked.append((property_key(entry["id"]), entry["id"], value))
        return checked

    def write(self, owner: str, entries: Iterable[tuple[str, str, str | None]]) -> None:
        for key, id, value in entries:
            if not value and self._state.switches["extended_null_removes"]:
                self._state.db.execute("DELETE FROM graph_extended WHERE owner = ? AND property = ?", (owner, key))
            else:
                self.insert([(owner, key, id, value or "")])

    def insert(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Rows of (owner, property, id, value), for many owners at once."""
        self._state.db.executemany("INSERT OR REPLACE INTO graph_extended VALUES (?, ?, ?, ?)", rows)

    def of(self, owner: str) -> list[Json]:
        """All of an owner's, as {id, value}: for the log and the pages; the wire shows them only on $expand."""
        rows = self._state.db.execute("SELECT id, value FROM graph_extended WHERE owner = ? ORDER BY id", (owner,))
        return [{"id": row["id"], "value": row["value"]} for row in rows]

    def expanded(self, owner: str, ids: Iterable[str]) -> list[Json]:
        """Those asked for that the owner has, with the id as it was asked for."""
        found = []
        for id in ids:
            key = property_key(id)
            row = self._state.db.execute(
                "SELECT value FROM graph_extended WHERE owner = ? AND property = ?", (owner, key)
            ).fetchone()
            if row is not None:
                shown = key if self._state.switches["extended_ids_rewritten"] else id
                found.append({"id": shown, "value": row["value"]})
        return found

    def hand_over(self, owner: str, heir: str) -> None:
        """All of an owner's are another one's from now on: its id changed."""
        self._state.db.execute("UPDATE graph_extended SET owner = ? WHERE owner = ?", (heir, owner))

    def forget(self, owner: str) -> None:
        self._state.db.execute("DELETE FROM graph_extended WHERE owner = ?", (owner,))
