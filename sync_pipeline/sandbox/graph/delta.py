"""Change tracking of one contact folder: rounds of pages that all show the state when the round began.

A token is bound to its folder and to the $select of the first request; an unknown or expired one is a 410."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from sync_pipeline.sandbox.faults import injected
from sync_pipeline.sandbox.graph import faults
from sync_pipeline.sandbox.graph.delta_faults import Removed, held_back, misplaced
from sync_pipeline.sandbox.graph.errors import InvalidUrlQuery, SyncStateNotFound
from sync_pipeline.sandbox.graph.odata import Query
from sync_pipeline.sandbox.state import State

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS graph_delta_tokens (
    token TEXT PRIMARY KEY, folder TEXT NOT NULL, initial INTEGER NOT NULL, position INTEGER NOT NULL,
    until INTEGER, chosen TEXT NOT NULL);
"""
REFUSED: Final = ("$orderby", "$filter", "$expand", "$search", "$top", "$skip", "$count")
DEFAULT_PAGE: Final = 200
MAX_PAGE: Final = 1000
PAGE_TOKEN: Final = "$skiptoken"
DELTA_TOKEN: Final = "$deltatoken"


@dataclass(frozen=True)
class Page:
    """Rows of graph_contacts and removals in the order of their changes; the option that continues and its token;
    whether it belongs to a first round."""

    entries: list[sqlite3.Row | Removed]
    chosen: frozenset[str] | None
    continuation: str
    token: str
    initial: bool


@dataclass(frozen=True)
class Round:
    """Changes above `position`, up to `until` (None: the round begins now). The initial round shows no removals."""

    initial: bool
    position: int
    until: int | None
    chosen: str


class DeltaTracking:
    """The rounds of every folder."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._dead: set[str] = set()  # nextLinks that a fault let expire, though the call itself was undone
        state.schema(SCHEMA)

    def page(self, folder_id: str, query: Query, page_size: int, *, immutable: bool) -> Page:
        """The page that the request's options ask for. Raises InvalidUrlQuery and SyncStateNotFound."""
        refused = [*REFUSED, "$select"] if self._state.switches["delta_select_rejected"] else REFUSED
        if any(name in query.options for name in refused):
            raise InvalidUrlQuery(
                "The following parameters are not supported with change tracking over the 'Contacts' resource:"
                " '$orderby, $filter, $select, $expand, $search, $top'."
            )
        query.allow("$select", PAGE_TOKEN, DELTA_TOKEN)
        query.contact_select()
        current = self.round(folder_id, query)
        until = self.newest() if current.until is None else current.until
        chosen = Query({"$select": current.chosen}).contact_select()
        if empty := injected(faults.EMPTY_PAGE):
            empty.used = True
            again = self.store(folder_id, Round(current.initial, current.position, until, current.chosen))
            return Page([], chosen, PAGE_TOKEN, again, current.initial)
        limit = max(1, min(page_size, MAX_PAGE))
        found = self._changes(folder_id, current, until, limit + 1, immutable)
        more = len(found) > limit
        entries = held_back(self._state, folder_id, found[:limit], current.position)
        if more:
            following = Round(current.initial, found[limit - 1][0], until, current.chosen)
        else:
            following = Round(False, until, None, current.chosen)
        token = self.store(folder_id, following)
        shown = misplaced(self._state, entries)
        return Page(shown, chosen, PAGE_TOKEN if more else DELTA_TOKEN, token, current.initial)

    def expire(self) -> int:
        """Every token given so far becomes a 410; returns how many."""
        return self._state.db.execute("DELETE FROM graph_delta_tokens").rowcount

    def round(self, folder_id: str, query: Query) -> Round:
        """Where the request's token goes on; the beginning without one. `folder_id` may be any name of what is tracked.

        Raises SyncStateNotFound."""
        token = query.options.get(PAGE_TOKEN) or query.options.get(DELTA_TOKEN)
        if not token:  # an empty one begins anew, as a 410's Location may ask for
            return Round(True, 0, None, query.options.get("$select", ""))
        row = self._state.db.execute(
            "SELECT * FROM graph_delta_tokens WHERE token = ? AND folder = ?", (token, folder_id)
        ).fetchone()
        expired = injected(faults.EXPIRED_NEXT_LINK) if PAGE_TOKEN in query.options else None
        if expired is not None:
            expired.used = True
            self._dead.add(token)
        if row is None or token in self._dead:
            raise SyncStateNotFound(str(self._state.switches["delta_expired_code"]))
        return Round(bool(row["initial"]), row["position"], row["until"], row["chosen"])

    def _changes(
        self, folder_id: str, current: Round, until: int, limit: int, immutable: bool
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

    def newest(self) -> int:
        row = self._state.db.execute("SELECT value FROM counters WHERE name = 'graph changes'").fetchone()
        return 0 if row is None else int(row["value"])

    def store(self, folder_id: str, following: Round) -> str:
        token = f"{self._state.counter('graph delta tokens'):x}-{self._state.random.getrandbits(128):032x}"
        self._state.db.execute(
            "INSERT INTO graph_delta_tokens VALUES (?, ?, ?, ?, ?, ?)",
            (token, folder_id, following.initial, following.position, following.until, following.chosen),
        )
        return token
