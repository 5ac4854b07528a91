"""What was: one contact's whole story, and links with their values as they stood at a past moment (R23)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import duckdb

from sync_pipeline.model.fields import Field, field_names
from sync_pipeline.warehouse.tables import fetch, statement

Row = dict[str, Any]
_SIDES = ("outlook", "salesforce")
#: The cursor that says from when on the whole history is kept (`keep_history_days`).
KEPT_FROM = "kept_from"


class Past:
    """The part of the reader that looks back. Works on a read-only connection too."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, fields: Iterable[Field] = ()) -> None:
        self.connection = connection
        self.fields = tuple(fields)

    def story_of(self, keys: Collection[str]) -> tuple[list[str], list[str]]:
        """(ids, link ids): these ids and those of the Contacts that were merged into them; every link they ever had."""
        [row] = fetch(self.connection, statement("story_keys"), {"keys": list(keys)})
        return row["keys"] or [], row["links"]

    def links_as_of(
        self,
        moment: datetime,
        *,
        link_ids: Sequence[str] | None = None,
        mailboxes: Collection[str] = (),
        limit: int = 1000,
    ) -> list[Row]:
        """Each link as it stood at `moment` (UTC), at most `limit` of them, with `values` in the order of the mapping:

        [{field, outlook, salesforce, outlook_from, salesforce_from}]. A value is None where it is not known; `…_from`
        is the event that it is known from: {event_id, happened_at, run_id, operation_id, action, rule}, or None.
        `erased_at`: values known before then were erased on request (`forget`), else None.
        """
        stand(self.connection, moment, link_ids=link_ids, mailboxes=mailboxes, limit=limit)
        links = fetch(self.connection, "select * from standing order by mailbox, since, link_id")
        found: dict[str, dict[str, Row]] = {}
        for row in fetch(self.connection, statement("values_as_of"), {"moment": moment}):
            values = found.setdefault(row.pop("link_id"), {}).setdefault(row.pop("field"), {})
            side, value = row.pop("side"), row.pop("value")
            values |= {side: value, f"{side}_from": row}
        erased = {row["id"]: row["erased_at"] for row in fetch(self.connection, _ERASED)}
        nothing = dict.fromkeys((*_SIDES, *(f"{side}_from" for side in _SIDES)))
        for link in links:
            known = found.get(link["link_id"], {})
            names = [*field_names(self.fields), *sorted(known.keys() - set(field_names(self.fields)))]
            link["values"] = [{"field": name, **nothing, **known.get(name, {})} for name in names]
            link["erased_at"] = erased.get(link["link_id"])
        return links

    def kept_from(self) -> datetime | None:
        """From when on the history is whole; before that, what was still in force then. None: from the beginning."""
        found = fetch(
            self.connection,
            "select value::timestamp as moment from sync.cursors where scope = 'history' and name = ?",
            [KEPT_FROM],
        )
        return found[0]["moment"] if found else None


def stand(
    connection: duckdb.DuckDBPyConnection,
    moment: datetime,
    *,
    link_ids: Sequence[str] | None = None,
    mailboxes: Collection[str] = (),
    limit: int | None = None,
) -> None:
    """Fills the temporary table standing: the links as they stood at `moment` (UTC)."""
    most = "" if limit is None else f"limit {int(limit)}"
    connection.execute(
        f"create or replace temp table standing as select * from ({statement('links_as_of')}) {most}",
        {"moment": moment, "links": link_ids, "mailboxes": list(mailboxes) or None},
    )


_ERASED = (
    "select id, max(erased_at) as erased_at from sync.erased_keys join sync.erasures using (erasure_id) group by id"
)
