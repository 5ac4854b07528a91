"""Change tracking of one contact folder: rounds of pages that all show the state when the round began.

A token is bound to its folder and to the $select of the first request; an unknown or expired one is a 410."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from sync_pipeline.sandbox.graph.errors import InvalidUrlQuery, SyncStateNotFound
from sync_pipeline.sandbox.graph.odata import Query
from sync_pipeline.sandbox.state import Json, State

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS graph_delta_tokens (
    token TEXT PRIMARY KEY, folder TEXT NOT NULL, initial INTEGER NOT NULL, position INTEGER NOT NULL,
    until INTEGER, chosen TEXT NOT NULL);
"""
SWITCHES: Final[Json] = {"delta_select_rejected": False}
REFUSED: Final = ("$orderby", "$filter", "$expand", "$search", "$top", "$skip", "$count")
DEFAULT_PAGE: Final = 200
MAX_PAGE: Final = 1000
PAGE_TOKEN: Final = "$skiptoken"
DELTA_TOKEN: Final = "$deltatoken"


@dataclass(frozen=True)
class Removed:
    """What left the folder, by both ids it had there."""

    immutable_id: str
    default_id: str


@dataclass(frozen=True)
class Page:
    """Rows of graph_contacts and removals in the order of their changes; the option that continues and its token."""

    entries: list[sqlite3.Row | Removed]
    chosen: frozenset[str] | None
    continuation: str
    token: str


@dataclass(frozen=True)
class _Round:
    """Changes above `position`, up to `until` (None: the round begins now). The initial round shows no removals."""

    initial: bool
    position: int
    until: int | None
    chosen: str


class DeltaTracking:
    """The rounds of every folder."""

    def __init__(self, state: State) -> None:
        self._state = state
        state.schema(SCHEMA)
        state.declare_switches(SWITCHES)

    def page(self, folder_id: str, query: Query, page_size: int, *, immutable: bool) -> Page:
        """The page that the request's options ask for. Raises InvalidUrlQuery and SyncStateNotFound."""
        refused = [*REFUSED, "$select"] if self._state.switches["delta_select_rejected"] else REFUSED
        if any(name in query.options for name in refused):
            raise InvalidUrlQuery(
                "The following parameters are not supported with change tracking over the 'Contacts' resource:"
                " '$orderby, $filter, $select, $expand, $search, $top'."
            )
        query.allow("$select", PAGE_TOKEN, DELTA_TOKEN)
        current = self._round(folder_id, query)
        until = self._newest() if current.until is None else current.until
        limit = max(1, min(page_size, MAX_PAGE))
        found = self._changes(folder_id, current, until, limit + 1, immutable)
        more = len(found) > limit
        entries = [entry for _, entry in found[:limit]]
        if more:
            following = _Round(current.initial, found[limit - 1][0], until, current.chosen)
        else:
            following = _Round(False, until, None, current.chosen)
        chosen = Query({"$select": current.chosen}).contact_select()
        return Page(entries, chosen, PAGE_TOKEN if more else DELTA_TOKEN, self._store(folder_id, following))

    def expire(self) -> int:
        """Every token given so far becomes a 410; returns how many."""
        return self._state.db.execute("DELETE FROM graph_delta_tokens").rowcount

    def _round(self, folder_id: str, query: Query) -> _Round:
        token = query.options.get(PAGE_TOKEN) or query.options.get(DELTA_TOKEN)
        if token is None:
            Query(query.options).contact_select()
            return _Round(True, 0, None, query.options.get("$select", ""))
        row = self._state.db.execute(
            "SELECT * FROM graph_delta_tokens WHERE token = ? AND folder = ?", (token, folder_id)
        ).fetchone()
        if row is None:
            raise SyncStateNotFound()
        return _Round(bool(row["initial"]), row["position"], row["until"], row["chosen"])

    def _changes(
        self, folder_id: str, current: _Round, until: int, limit: int, immutable: bool
    ) -> list[tuple[int, sqlite3.Row | Removed]]:
        span = (folder_id, current.position, until, limit)
        changed: list[tuple[int, sqlite3.Row | Removed]] = [
            (row["sequence"], row)
            for row in self._state.db.execute(
                "SELECT * FROM graph_contacts WHERE folder = ? AND sequence > ? AND sequence <= ?"
                " ORDER BY sequence LIMIT ?",
                span,
            )
        ]
        if not current.initial:
            # What came back is told by its own row where its id is the same as before.
            returned = (
                " AND NOT EXISTS (SELECT 1 FROM graph_contacts c"
                " WHERE c.immutable_id = d.immutable_id AND c.folder = d.folder)"
            )
            changed += [
                (row["sequence"], Removed(row["immutable_id"], row["default_id"]))
                for row in self._state.db.execute(
                    "SELECT d.* FROM graph_departures d WHERE d.folder = ? AND d.sequence > ? AND d.sequence <= ?"
                    + (returned if immutable else "")
                    + " ORDER BY d.sequence LIMIT ?",
                    span,
                )
            ]
        return sorted(changed, key=lambda change: change[0])[:limit]

    def _newest(self) -> int:
        row = self._state.db.execute("SELECT value FROM counters WHERE name = 'graph changes'").fetchone()
        return 0 if row is None else int(row["value"])

    def _store(self, folder_id: str, following: _Round) -> str:
        token = f"{self._state.counter('graph delta tokens'):x}-{self._state.random.getrandbits(128):032x}"
        self._state.db.execute(
            "INSERT INTO graph_delta_tokens VALUES (?, ?, ?, ?, ?, ?)",
            (token, folder_id, following.initial, following.position, following.until, following.chosen),
        )
        return token
