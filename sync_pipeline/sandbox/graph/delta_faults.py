"""How change tracking goes wrong under a fault: items of a page held back, told as removed, repeated, misplaced.

What is held back gets a later place in the order of changes, so that the next round shows it; no contact changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync_pipeline.sandbox.faults import injected
from sync_pipeline.sandbox.graph import faults
from sync_pipeline.sandbox.graph.folders import opaque_id
from sync_pipeline.sandbox.state import State


@dataclass(frozen=True)
class Removed:
    """What left the folder, by both ids it had there."""

    immutable_id: str
    default_id: str


Entry = sqlite3.Row | Removed  # a row of graph_contacts, or a removal
Change = tuple[int, Entry]  # with its place in the order of changes


def held_back(state: State, folder_id: str, changes: Sequence[Change], position: int) -> list[Entry]:
    """The entries of a page without those that a fault keeps back. `position`: where the round began."""
    kept = list(changes)
    for name, choose in _HELD_BACK.items():
        if behaviour := injected(name):
            for change in choose(state, folder_id, kept, position):
                behaviour.used = True
                kept.remove(change)
                _postpone(state, change)
    if behaviour := injected(faults.NEVER_READDED):
        for change in _returned(state, folder_id, kept, position):
            behaviour.used = True
            row = change[1]
            assert isinstance(row, sqlite3.Row)
            gone = Removed(row["immutable_id"], row["default_id"])
            told = any(isinstance(entry, Removed) and entry.immutable_id == gone.immutable_id for _, entry in kept)
            kept[kept.index(change)] = (change[0], gone)
            if told:  # by its former default id
                kept.remove((change[0], gone))
    return [entry for _, entry in kept]


def misplaced(state: State, entries: list[Entry]) -> list[Entry]:
    """The same page with items twice, in the opposite order, or with a removal of what never was."""
    if entries and (behaviour := injected(faults.REPEATED)):
        behaviour.used = True
        return [*entries, *entries]
    if len(entries) > 1 and (behaviour := injected(faults.REORDERED)):
        behaviour.used = True
        return entries[::-1]
    if behaviour := injected(faults.UNKNOWN_REMOVED):
        behaviour.used = True
        number = state.counter("graph unknown ids")
        return [*entries, Removed(opaque_id(state, "AAkALgAA", number), opaque_id(state, "AAMkAGI2", number))]
    return entries


def _postpone(state: State, change: Change) -> None:
    place, entry = change
    table = "graph_departures" if isinstance(entry, Removed) else "graph_contacts"
    later = state.counter("graph changes")
    state.db.execute(f"UPDATE {table} SET sequence = ? WHERE sequence = ?", (later, place))


def _first_created(state: State, folder_id: str, changes: Sequence[Change], position: int) -> list[Change]:
    """One contact that nobody changed since its creation."""
    untouched = [
        change
        for change in changes
        if isinstance(change[1], sqlite3.Row) and change[1]["created_at"] == change[1]["modified_at"]
    ]
    return untouched[:1]


def _arrived(state: State, folder_id: str, changes: Sequence[Change], position: int) -> list[Change]:
    """Contacts that came from another folder since the round's beginning."""
    return [change for change in changes if _departed(state, change, position, "folder <> ?", folder_id)]


def _returned(state: State, folder_id: str, changes: Sequence[Change], position: int) -> list[Change]:
    """Contacts that were away from this folder since the round's beginning, and are there again."""
    return [change for change in changes if _departed(state, change, position, "folder = ?", folder_id)]


def _departed(state: State, change: Change, position: int, where: str, folder_id: str) -> bool:
    entry = change[1]
    if isinstance(entry, Removed):
        return False
    sql = f"SELECT 1 FROM graph_departures WHERE immutable_id = ? AND sequence > ? AND {where}"
    return state.db.execute(sql, (entry["immutable_id"], position, folder_id)).fetchone() is not None


def _left(state: State, folder_id: str, changes: Sequence[Change], position: int) -> list[Change]:
    """Removals of contacts that are elsewhere now."""
    sql = "SELECT 1 FROM graph_contacts WHERE immutable_id = ? AND folder <> ?"
    return [
        change
        for change in changes
        if isinstance(change[1], Removed)
        and state.db.execute(sql, (change[1].immutable_id, folder_id)).fetchone() is not None
    ]


_HELD_BACK: dict[str, Callable[[State, str, Sequence[Change], int], list[Change]]] = {
    faults.MISSING: _first_created,
    faults.REMOVAL_FIRST: _arrived,
    faults.UPSERT_FIRST: _left,
}
