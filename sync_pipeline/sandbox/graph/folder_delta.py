"""Change tracking of a mailbox's contact folders: contactFolders/delta, with the tokens of sandbox.graph.delta.

The first round shows every folder, later ones those created, renamed, moved or deleted since."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from sync_pipeline.sandbox.graph.delta import DELTA_TOKEN, MAX_PAGE, PAGE_TOKEN, DeltaTracking, Round
from sync_pipeline.sandbox.graph.errors import InvalidUrlQuery
from sync_pipeline.sandbox.graph.folders import CONTACTS, DELETED, ROOT, Folders
from sync_pipeline.sandbox.graph.odata import Query

IGNORED: Final = ("$top", "$filter")


@dataclass(frozen=True)
class FolderPage:
    """Rows of graph_folders, and ids of those that are gone; the option that continues and its token."""

    folders: list[sqlite3.Row]
    gone: list[str]
    chosen: str
    continuation: str
    token: str


def folder_page(folders: Folders, tracking: DeltaTracking, mailbox: str, query: Query, size: int) -> FolderPage:
    """The page that the request's options ask for. Raises InvalidUrlQuery and SyncStateNotFound."""
    if folders.state.switches["folder_delta_options_refused"] and set(query.options) & set(IGNORED):
        raise InvalidUrlQuery(
            "The following parameters are not supported with change tracking over the 'ContactFolders' resource:"
            " '$orderby, $filter, $expand, $search, $top'."
        )
    query.allow("$select", PAGE_TOKEN, DELTA_TOKEN, *IGNORED)
    user = folders.user(mailbox)
    tracked = f"folders of {user.id}"
    current = tracking.round(tracked, query)
    until = tracking.newest() if current.until is None else current.until
    living = _living(folders, user.id)
    if current.initial:  # the position is how many were shown
        changes = list(enumerate(living, start=1))[current.position :]
    else:
        rows = folders.state.db.execute(
            "SELECT max(sequence) AS place, folder FROM graph_folder_changes"
            " WHERE mailbox = ? AND sequence > ? AND sequence <= ? GROUP BY folder ORDER BY place",
            (user.id, current.position, until),
        )
        changes = [(row["place"], row["folder"]) for row in rows]
    shown = changes[: max(1, min(size, MAX_PAGE))]
    if len(shown) < len(changes):
        following = Round(current.initial, shown[-1][0], until, current.chosen)
    else:
        following = Round(False, until, None, current.chosen)
    return FolderPage(
        folders=[living[folder_id] for _, folder_id in shown if folder_id in living],
        gone=[folder_id for _, folder_id in shown if folder_id not in living],
        chosen=current.chosen,
        continuation=PAGE_TOKEN if len(shown) < len(changes) else DELTA_TOKEN,
        token=tracking.store(tracked, following),
    )


def _living(folders: Folders, mailbox: str) -> dict[str, sqlite3.Row]:
    """Every contact folder outside Deleted Items by id, parents first; the default one where the switch says so."""
    found: dict[str, sqlite3.Row] = {}

    def walk(parent: str) -> None:
        for row in folders.child_folders(mailbox, parent):
            if row["well_known"] == DELETED:
                continue
            if row["well_known"] != CONTACTS or folders.state.switches["folder_delta_includes_default"]:
                found[row["id"]] = row
            walk(row["id"])

    walk(ROOT)
    return found
