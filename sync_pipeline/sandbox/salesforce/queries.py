"""Runs SOQL in the org: the first page, its cursor, and the pages after it. A cursor lists the ids of the whole answer.

Rows of pages already passed are dropped, so that a million do not stay; the last page asked for can be asked again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.errors import SalesforceError
from sync_pipeline.sandbox.salesforce.fault_answers import page_rows
from sync_pipeline.sandbox.salesforce.ids import make_id
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.soql_compile import Statement, compile_query
from sync_pipeline.sandbox.salesforce.soql_names import Asker
from sync_pipeline.sandbox.salesforce.storage import from_stamp, stamp
from sync_pipeline.sandbox.state import Json

LEAST_PAGE: Final = 200
CURSOR_LIFE: Final = timedelta(days=2)
CURSOR_PREFIX: Final = "01g"
_POSITION: Final = re.compile(r"[0-9]{1,12}")


def run_query(
    org: Org, acting: Acting, soql: str, *, include_deleted: bool, batch_size: int | None, version: str
) -> Json:
    """The answer of GET query or queryAll: at most one page, with nextRecordsUrl where there is more."""
    statement = compile_for(org, acting, soql, include_deleted=include_deleted)
    if statement.is_count or statement.aggregates:
        return _aggregate(org, statement)
    size = page_rows(_page_size(org, batch_size))
    sql, parameters = statement.page(size + 1)
    rows = [tuple(row) for row in org.state.db.execute(sql, parameters).fetchall()]
    if len(rows) <= size:
        return {"totalSize": len(rows), "done": True, "records": statement.records(rows, version)}
    cursor, total = _open_cursor(org, acting, soql, statement, size, include_deleted=include_deleted)
    return _page(statement.records(rows[:size], version), total, cursor, size, version)


def next_page(org: Org, acting: Acting, locator: str, version: str) -> Json:
    """The page a nextRecordsUrl names. Raises SalesforceError INVALID_QUERY_LOCATOR."""
    cursor_id, _, start_text = locator.partition("-")
    found = org.state.db.execute("SELECT * FROM sf_cursors WHERE id = ?", (cursor_id,)).fetchone()
    if found is None or found["user_id"] != acting.user_id or not _POSITION.fullmatch(start_text):
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    start, size, total = int(start_text), page_rows(int(found["page_size"])), int(found["total"])
    first = org.state.db.execute("SELECT min(position) FROM sf_cursor_rows WHERE cursor = ?", (cursor_id,)).fetchone()[
        0
    ]
    expired = org.state.now() - from_stamp(found["created_at"]) > CURSOR_LIFE
    if expired or first is None or not first <= start < total:
        raise SalesforceError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    include_deleted = bool(found["include_deleted"])
    statement = compile_for(org, acting, found["soql"], include_deleted=include_deleted)
    rows = org.state.db.execute(
        statement.of_ids("SELECT position, id FROM sf_cursor_rows WHERE cursor = ? AND position >= ? AND position < ?"),
        (cursor_id, start, start + size),
    ).fetchall()
    org.state.db.execute("DELETE FROM sf_cursor_rows WHERE cursor = ? AND position < ?", (cursor_id, start))
    return _page(statement.records([tuple(row) for row in rows], version), total, cursor_id, start + size, version)


def compile_for(org: Org, acting: Acting, soql: str, *, include_deleted: bool) -> Statement:
    """The query as that user asks it now. Raises QueryError."""
    asker = Asker(
        catalogue=org.catalogue,
        user_id=acting.user_id,
        now=org.state.now(),
        include_deleted=include_deleted,
        visible=lambda target, alias: org.visible(acting, target, alias),
        switches=org.state.switches,
    )
    return compile_query(soql, asker)


def _aggregate(org: Org, statement: Statement) -> Json:
    if statement.is_count:
        sql, parameters = statement.ids()
        total = org.state.db.execute(f"SELECT count(*) FROM ({sql})", parameters).fetchone()[0]
        return {"totalSize": total, "done": True, "records": []}
    row = org.state.db.execute(
        f"SELECT {', '.join(statement.aggregates)} {statement.source}", statement.parameters
    ).fetchone()
    values = {f"expr{number}": value for number, value in enumerate(tuple(row))}
    return {"totalSize": 1, "done": True, "records": [{"attributes": {"type": "AggregateResult"}, **values}]}


def _page_size(org: Org, batch_size: int | None) -> int:
    most = int(org.state.switches["salesforce_page_size"])
    return most if batch_size is None else min(max(batch_size, LEAST_PAGE), most)


def _open_cursor(
    org: Org, acting: Acting, soql: str, statement: Statement, size: int, *, include_deleted: bool
) -> tuple[str, int]:
    database, now = org.state.db, org.state.now()
    old = [row["id"] for row in database.execute(
        "SELECT id FROM sf_cursors WHERE created_at < ?", (stamp(now - CURSOR_LIFE),)
    )]  # fmt: skip
    database.executemany("DELETE FROM sf_cursor_rows WHERE cursor = ?", [(each,) for each in old])
    database.executemany("DELETE FROM sf_cursors WHERE id = ?", [(each,) for each in old])
    cursor_id = make_id(CURSOR_PREFIX, org.state.counter("salesforce.cursor"))
    sql, parameters = statement.ids()
    total = database.execute(
        f"INSERT INTO sf_cursor_rows SELECT ?, row_number() OVER () - 1, Id FROM ({sql})", (cursor_id, *parameters)
    ).rowcount
    # The first page goes out at once; its rows are not needed again.
    database.execute("DELETE FROM sf_cursor_rows WHERE cursor = ? AND position < ?", (cursor_id, size))
    values = (cursor_id, soql, int(include_deleted), acting.user_id, total, size, stamp(now))
    database.execute("INSERT INTO sf_cursors VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    return cursor_id, total


def _page(records: list[Json], total: int, cursor_id: str, next_position: int, version: str) -> Json:
    answer: dict[str, Any] = {"totalSize": total, "done": next_position >= total, "records": records}
    if not answer["done"]:
        answer["nextRecordsUrl"] = f"/services/data/v{version}/query/{cursor_id}-{next_position}"
    return answer
