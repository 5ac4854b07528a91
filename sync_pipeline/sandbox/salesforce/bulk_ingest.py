"""Bulk API 2.0 ingest: takes a job's CSV, works its rows off by the org's own rules, tells what became of each.

Rows are worked off in slices, one when the job is closed and one at each look at it, so that no call takes long."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from sync_pipeline.sandbox.salesforce import bulk_csv, bulk_jobs
from sync_pipeline.sandbox.salesforce.bulk_csv import NULL, UnreadableCsv
from sync_pipeline.sandbox.salesforce.bulk_jobs import Job, invalid, wrong_state
from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.checks import stored_value
from sync_pipeline.sandbox.salesforce.errors import NotFound, ParseError, RowError, SalesforceError, as_sent
from sync_pipeline.sandbox.salesforce.fault_answers import RowFault
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.sobject_collections import known_id, upsert_record
from sync_pipeline.sandbox.salesforce.uncertain import as_switched
from sync_pipeline.sandbox.state import Json

Outcome = Literal["successful", "failed", "unprocessed"]
OPERATIONS: Final = ("insert", "update", "upsert", "delete")
MOST_BYTES: Final = 150 * 1024 * 1024
_KEYS: Final = (
    "object", "operation", "externalIdFieldName", "lineEnding", "columnDelimiter", "contentType", "assignmentRuleId",
)  # fmt: skip


def create(org: Org, acting: Acting, version: str, body: Any) -> Job:
    """POST jobs/ingest. Raises SalesforceError."""
    if not isinstance(body, dict):
        raise ParseError("the body must be an object at [line:1, column:1]")
    unknown = sorted(set(body) - set(_KEYS))
    if unknown:
        raise ParseError(f'Unrecognized field "{unknown[0]}" (class JobInfo), not marked as ignorable')
    operation = body.get("operation")
    if operation == "hardDelete":
        raise SalesforceError(400, "FEATURENOTENABLED", "hardDelete is not enabled for this user")
    if operation not in OPERATIONS:
        raise invalid(f"InvalidJob : Unknown operation: {as_sent(operation)}")
    named = as_sent(body.get("object"))
    target = org.catalogue.object(named)
    if target is None:
        raise SalesforceError(400, "INVALIDENTITY", f"Entity '{named}' is not supported by the Bulk API.")
    return bulk_jobs.create(
        org,
        acting,
        "ingest",
        {
            "object": target.name,
            "operation": operation,
            "external_id": _external_id(org, target, body) if operation == "upsert" else None,
            **formats(body),
            "version": version,
            "state": "Open",
        },
    )


def formats(body: Mapping[str, Any]) -> Json:
    """Delimiter and line ending of a new job. Raises SalesforceError."""
    if body.get("contentType", "CSV") != "CSV":
        raise invalid(f"InvalidJob : contentType {as_sent(body['contentType'])} is not supported, only CSV")
    return {
        "delimiter": _format(body, "columnDelimiter", bulk_csv.DELIMITERS, "COMMA"),
        "line_ending": _format(body, "lineEnding", bulk_csv.LINE_ENDINGS, "LF"),
    }


def _format(body: Mapping[str, Any], key: str, known: Mapping[str, str], default: str) -> str:
    given = body.get(key)
    if given is None:
        return default
    if not isinstance(given, str) or given not in known:
        raise invalid(f"InvalidJob : unknown {key}, known are {', '.join(known)}")
    return given


def _external_id(org: Org, target: ObjectDef, body: Mapping[str, Any]) -> str:
    name = body.get("externalIdFieldName")
    if not isinstance(name, str) or not name:
        raise invalid("InvalidJob : External ID was blank. An upsert needs externalIdFieldName")
    one = target.field(name)
    fits = one is not None and (one.externalId or one.idLookup)
    if one is None or not fits or (one.name == "Email" and not org.state.switches["salesforce_bulk_upsert_by_email"]):
        raise invalid(
            f"InvalidJob : Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field"
            f" for {target.name}"
        )
    return one.name


def upload(org: Org, job: Job, content_type: str, content: bytes) -> None:
    """PUT batches: once, while the job is Open. Raises SalesforceError."""
    if content_type.partition(";")[0].strip().lower() != "text/csv":
        raise SalesforceError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type text/csv is needed, not {content_type}")
    if job.state != "Open":
        raise wrong_state(f"the job {job.id} is {job.state} and takes no data")
    if job.content is not None:
        message = (
            f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job then"
            " create a new Job and make sure you only do 'PUT' once on a given Job."
        )
        raise wrong_state(message)
    if len(content) > MOST_BYTES:
        raise SalesforceError(413, "REQUEST_ENTITY_TOO_LARGE", f"a job takes at most {MOST_BYTES} bytes")
    bulk_jobs.change(org, job, content=content)


def close(org: Org, job: Job) -> Job:
    """PATCH state UploadComplete: reads the data and works off the first slice. Raises SalesforceError."""
    if job.state != "Open":
        raise wrong_state(f"Invalid state transition: the job {job.id} is {job.state}")
    try:
        header, rows = bulk_csv.read(job.content or b"", delimiter=job.delimiter, line_ending=job.line_ending)
        _check_header(org, job, header)
    except UnreadableCsv as error:
        return bulk_jobs.change(org, job, state="Failed", error=str(error))
    org.state.db.executemany(
        "INSERT INTO sf_job_rows (job, position, outcome, line) VALUES (?, ?, 'unprocessed', ?)",
        ((job.id, position, json.dumps(row, ensure_ascii=False)) for position, row in enumerate(rows)),
    )
    job = bulk_jobs.change(org, job, state="InProgress", content=None, header=json.dumps(header, ensure_ascii=False))
    return work(org, job)


def _check_header(org: Org, job: Job, header: Sequence[str]) -> None:
    target = org.object(job.object)
    if job.operation == "delete" and [name.lower() for name in header] != ["id"]:
        raise UnreadableCsv("InvalidBatch : The column header must be Id alone for a delete")
    lowered = [name.lower() for name in header]
    if len(set(lowered)) < len(lowered):
        raise UnreadableCsv("InvalidBatch : a column stands twice in the header")
    for name in header:
        if _column(org, target, name) is None:
            raise UnreadableCsv(f"InvalidBatch : Field name not found : {name}")
    needed = {"update": "Id", "upsert": job.external_id}.get(job.operation)
    if needed and needed.lower() not in lowered:
        raise UnreadableCsv(f"InvalidBatch : the header has no column {needed}, which an {job.operation} needs")


def _column(org: Org, target: ObjectDef, name: str) -> tuple[FieldDef, ObjectDef | None, FieldDef | None] | None:
    """(field, parent, the parent's external id) of a column: `AccountId`, or `Account.Ext__c` by way of a parent."""
    relationship, dot, key = name.partition(".")
    one = target.relationship(relationship) if dot else target.field(name)
    if one is None or not dot:
        return None if one is None else (one, None, None)
    parent = org.catalogue.object(one.referenceTo[0])
    other = None if parent is None else parent.field(key)
    if other is None or not (other.externalId or other.idLookup):
        return None
    return one, parent, other


def look(org: Org, job: Job) -> Job:
    """A look at the job works off its next slice, if it has one."""
    if job.state == "InProgress" and _waiting(org, job, 1):
        return work(org, job)
    return bulk_jobs.look(org, job)


def _waiting(org: Org, job: Job, most: int) -> list[tuple[int, list[str]]]:
    rows = org.state.db.execute(
        "SELECT position, line FROM sf_job_rows WHERE job = ? AND position >= ? ORDER BY position LIMIT ?",
        (job.id, job.done, most),
    )
    return [(row["position"], json.loads(row["line"])) for row in rows]


def work(org: Org, job: Job) -> Job:
    """Works off one slice of the rows, each for itself."""
    waiting = _waiting(org, job, max(1, int(org.state.switches["salesforce_bulk_slice_rows"])))
    header: list[str] = json.loads(job.header or "[]")
    lowered = [name.lower() for name in header]
    target, fault, failed = org.object(job.object), RowFault(), 0
    outcomes: list[tuple[str, str | None, str, str, int]] = []
    for position, values in waiting:
        record_id: str | None = None
        error: SalesforceError | None = fault.error(position)
        created = False
        if error is None or fault.has_effect:
            try:
                with org.state.savepoint():
                    record_id, created = _write(org, job, target, dict(zip(header, values, strict=True)))
            except (RowError, NotFound, ParseError) as refused:
                error = error or refused
        if error is None:
            outcomes.append(("successful", record_id, str(created).lower(), job.id, position))
        else:
            failed += 1
            given = values[lowered.index("id")] if "id" in lowered else ""
            outcomes.append(("failed", given, _told(org, error), job.id, position))
    org.state.db.executemany(
        "UPDATE sf_job_rows SET outcome = ?, id = ?, told = ? WHERE job = ? AND position = ?", outcomes
    )
    return bulk_jobs.change(org, job, done=job.done + len(waiting), failed=job.failed + failed)


def _told(org: Org, error: SalesforceError) -> str:
    """CODE:message:fields --, as failedResults has it."""
    if isinstance(error, NotFound):
        error = RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    as_switched(error, org.state.switches)
    return f"{error.code}:{error.message}:{','.join(error.fields or [])}{' ' if error.fields else ''}--"


def _write(org: Org, job: Job, target: ObjectDef, line: Mapping[str, str]) -> tuple[str, bool]:
    """(id, whether it was created). Raises RowError, NotFound, ParseError."""
    acting = job.acting
    record = dict(_values(org, acting, target, line))
    if job.operation == "insert":
        return org.create(acting, target, record), True
    if job.operation == "upsert":
        return upsert_record(org, acting, target, target.fields[job.external_id or "Id"], record)
    given = record.pop("Id", None)
    if not given:
        raise RowError("MISSING_ARGUMENT", f"Id not specified in an {job.operation} call")
    record_id = known_id(org, target, str(given))
    if job.operation == "delete":
        org.delete(acting, target, record_id)
    else:
        org.update(acting, target, record_id, record)
    return record_id, False


def _values(org: Org, acting: Acting, target: ObjectDef, line: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
    """What a line sets: blank cells are left out, #N/A is null. Raises RowError."""
    for name, text in line.items():
        column = _column(org, target, name)
        if text == "" or column is None:
            continue
        one, parent, key = column
        if text == NULL:
            yield one.name, None
        elif parent is not None and key is not None:
            found = org.having(acting, parent, key.name, text)
            if len(found) != 1:
                message = f"Foreign key external ID: {text} not found for field {key.name} in entity {parent.name}"
                raise RowError("INVALID_FIELD", message)
            yield one.name, found[0]
        else:
            value = text.lower() if one.type == "boolean" else text
            try:
                stored_value(one, value)
            except ParseError:
                message = f"{one.label}: value not of required type: {text}"
                raise RowError("INVALID_TYPE_ON_FIELD_IN_RECORD", message, [one.name]) from None
            except RowError:
                pass  # told when the record is saved, like everything else that is wrong with it
            yield one.name, value


def results(org: Org, job: Job, outcome: Outcome) -> bytes:
    """The CSV of successfulResults, failedResults or unprocessedrecords. Raises SalesforceError."""
    if job.state not in bulk_jobs.FINAL_STATES:
        raise wrong_state(f"the job {job.id} is {job.state}; its results are there when it has ended")
    if outcome == "unprocessed" and job.content is not None:
        return job.content  # no row of it was ever looked at
    rows = org.state.db.execute(
        "SELECT id, told, line FROM sf_job_rows WHERE job = ? AND outcome = ? ORDER BY position", (job.id, outcome)
    ).fetchall()
    if org.state.switches["salesforce_bulk_results_shuffled"]:
        org.state.random.shuffle(rows)
    header: list[str] = json.loads(job.header or "[]")
    own = {"successful": ["sf__Id", "sf__Created"], "failed": ["sf__Id", "sf__Error"], "unprocessed": []}[outcome]
    lines = ([*([row["id"] or "", row["told"]] if own else []), *json.loads(row["line"])] for row in rows)
    return bulk_csv.write([*own, *header], lines, delimiter=job.delimiter, line_ending=job.line_ending)
