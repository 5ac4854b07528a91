"""Bulk API 2.0 query: runs SOQL once, keeps its rows as they are at that moment, and gives them out by pages of CSV."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Final

from sync_pipeline.sandbox.salesforce import bulk_csv, bulk_jobs
from sync_pipeline.sandbox.salesforce.bulk_ingest import formats
from sync_pipeline.sandbox.salesforce.bulk_jobs import Job, invalid, wrong_state
from sync_pipeline.sandbox.salesforce.errors import ParseError, SalesforceError, as_sent
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.queries import compile_for
from sync_pipeline.sandbox.salesforce.soql_compile import Statement

OPERATIONS: Final = ("query", "queryAll")
_KEYS: Final = ("operation", "query", "contentType", "columnDelimiter", "lineEnding")


def create(org: Org, acting: Acting, version: str, body: Any) -> Job:
    """POST jobs/query. Raises SalesforceError."""
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise ParseError("the body must be an object with operation and query at [line:1, column:1]")
    unknown = sorted(set(body) - set(_KEYS))
    if unknown:
        raise ParseError(f'Unrecognized field "{unknown[0]}" (class QueryJobInfo), not marked as ignorable')
    operation = body.get("operation")
    if operation not in OPERATIONS:
        raise invalid(f"InvalidJob : Unknown operation: {as_sent(operation)}")
    statement = compile_for(org, acting, body["query"], include_deleted=operation == "queryAll")
    _refuse(statement)
    header = [".".join([*output.parents, output.key]) for output in statement.outputs]
    job = bulk_jobs.create(
        org,
        acting,
        "query",
        {
            "object": statement.object.name,
            "operation": operation,
            "soql": body["query"],
            **formats(body),
            "version": version,
            "state": "UploadComplete",
            "header": json.dumps(header),
        },
    )
    return bulk_jobs.change(org, job, done=_keep(org, job, statement))


def _refuse(statement: Statement) -> None:
    if statement.is_count or statement.aggregates:
        raise SalesforceError(400, "FEATURENOTENABLED", "Aggregate functions are not supported in a bulk query")
    if statement.offset:
        raise SalesforceError(400, "MALFORMED_QUERY", "OFFSET is not supported in a bulk query")
    compound = next((output.key for output in statement.outputs if output.one.type == "address"), None)
    if compound is not None:
        raise SalesforceError(
            400, "FUNCTIONALITY_NOT_ENABLED", f"Selecting compound data not supported in Bulk Query: {compound}"
        )


def _keep(org: Org, job: Job, statement: Statement) -> int:
    named = [f"{column} AS c{number}" for number, column in enumerate(statement.columns)]
    shown = ", ".join(f"c{output.column}" for output in statement.outputs)
    limit = -1 if statement.limit is None else statement.limit
    # Without ORDER BY no order is promised: the last places of the id first, so that neighbours part.
    shuffled = org.state.switches["salesforce_bulk_results_shuffled"] and not statement.is_ordered
    over = "ORDER BY substr(c0, 15, 1), substr(c0, 14, 1), c0" if shuffled else ""
    return org.state.db.execute(
        "INSERT INTO sf_job_rows (job, position, outcome, line)"
        f" SELECT ?, row_number() OVER ({over}) - 1, 'result', json_array({shown})"
        f" FROM (SELECT {', '.join(named)} {statement.source}{statement.order} LIMIT {limit})",
        (job.id, *statement.parameters),
    ).rowcount


def results(org: Org, job: Job, version: str, *, locator: str | None, most: int | None) -> tuple[bytes, str, int]:
    """(CSV, the next page's locator or "null", rows on this page). Raises SalesforceError."""
    if version != job.version:
        raise SalesforceError(409, "CONFLICT", f"the job {job.id} was created with API version {job.version}")
    if job.state != "JobComplete":
        raise wrong_state(f"the job {job.id} is {job.state}; its results are there when it is complete")
    start = 0 if locator is None else _position(locator)
    size = most or int(org.state.switches["salesforce_bulk_page_rows"]) or max(job.done, 1)
    if start and start >= job.done:
        raise _no_such_locator(locator)
    rows = org.state.db.execute(
        "SELECT line FROM sf_job_rows WHERE job = ? AND position >= ? AND position < ? ORDER BY position",
        (job.id, start, start + size),
    ).fetchall()
    kinds = _kinds(org, job)
    lines = ([_cell(kind, value) for kind, value in zip(kinds, json.loads(row["line"]), strict=True)] for row in rows)
    text = bulk_csv.write(json.loads(job.header or "[]"), lines, delimiter=job.delimiter, line_ending=job.line_ending)
    following = start + len(rows)
    return text, _locator(following) if following < job.done else "null", len(rows)


def _kinds(org: Org, job: Job) -> list[str]:
    """The columns' types; those of times tell whether they are shown with Z."""
    statement = compile_for(org, job.acting, job.soql or "", include_deleted=job.operation == "queryAll")
    zulu = "zulu" if org.state.switches["salesforce_bulk_zulu_stamps"] else "datetime"
    return [zulu if output.one.type == "datetime" else output.one.type for output in statement.outputs]


def _cell(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "int":
        return str(int(value))
    return str(value).removesuffix("+0000") + "Z" if kind == "zulu" else str(value)


def _locator(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode().rstrip("=")


def _position(locator: str) -> int:
    try:
        text = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        raise _no_such_locator(locator) from None
    if not text.isdecimal() or len(text) > 12 or int(text) == 0:
        raise _no_such_locator(locator)
    return int(text)


def _no_such_locator(locator: str | None) -> SalesforceError:
    return SalesforceError(400, "INVALID_QUERY_LOCATOR", f"invalid query locator: {locator}")
