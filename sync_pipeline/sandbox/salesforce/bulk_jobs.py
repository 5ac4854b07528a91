"""Bulk API 2.0 jobs of both kinds: their table, their life from Open to its end, and how the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sync_pipeline.sandbox.salesforce.errors import NotFound, SalesforceError
from sync_pipeline.sandbox.salesforce.ids import full_id, make_id
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.state import Json

Kind = Literal["ingest", "query"]
JOB_PREFIX: Final = "750"
FINAL_STATES: Final = ("JobComplete", "Failed", "Aborted")
MOST_LISTED: Final = 1000


@dataclass(frozen=True)
class Job:
    """One row of sf_jobs. `done` counts the rows worked off, `failed` those of them that were refused."""

    id: str
    kind: Kind
    object: str
    operation: str
    external_id: str | None
    delimiter: str
    line_ending: str
    version: str
    soql: str | None
    state: str
    error: str | None
    actor: str
    user_id: str
    username: str
    is_administrator: int
    allow_save: int
    created_at: str
    modified_at: str
    content: bytes | None
    header: str | None
    done: int
    failed: int
    looks: int

    @property
    def acting(self) -> Acting:
        """Whoever made the job; its rows are written in his name, whoever looks at it."""
        return Acting(self.actor, self.user_id, self.username, bool(self.is_administrator), bool(self.allow_save))


def create(org: Org, acting: Acting, kind: Kind, values: Mapping[str, Any]) -> Job:
    """Keeps a new job; `values` are the columns that the kind decides."""
    now = stamp(org.state.now())
    row = {
        "id": make_id(JOB_PREFIX, org.state.counter("salesforce.job")),
        "kind": kind,
        "actor": acting.actor,
        "user_id": acting.user_id,
        "username": acting.username,
        "is_administrator": int(acting.is_administrator),
        "allow_save": int(acting.allow_duplicates and org.state.switches["salesforce_bulk_duplicate_header"]),
        "created_at": now,
        "modified_at": now,
        **values,
    }
    names, places = ", ".join(row), ", ".join("?" * len(row))
    org.state.db.execute(f"INSERT INTO sf_jobs ({names}) VALUES ({places})", tuple(row.values()))
    return find(org, kind, str(row["id"]))


def find(org: Org, kind: Kind, job_id: str) -> Job:
    """Raises NotFound."""
    row = org.state.db.execute("SELECT * FROM sf_jobs WHERE id = ? AND kind = ?", (full_id(job_id), kind)).fetchone()
    if row is None:
        raise NotFound()
    return Job(**dict(row))


def listing(org: Org, kind: Kind) -> list[Job]:
    """The newest jobs of a kind, newest first."""
    rows = org.state.db.execute(
        "SELECT * FROM sf_jobs WHERE kind = ? ORDER BY id DESC LIMIT ?", (kind, MOST_LISTED)
    ).fetchall()
    return [Job(**dict(row)) for row in rows]


def change(org: Org, job: Job, **values: Any) -> Job:
    """The job with other values, stamped."""
    values["modified_at"] = stamp(org.state.now())
    assignments = ", ".join(f"{name} = ?" for name in values)
    org.state.db.execute(f"UPDATE sf_jobs SET {assignments} WHERE id = ?", (*values.values(), job.id))
    return find(org, job.kind, job.id)


def look(org: Org, job: Job) -> Job:
    """One look at a job whose rows are all worked off: InProgress for a few looks, then JobComplete."""
    if job.state in FINAL_STATES or job.state == "Open":
        return job
    if job.looks < int(org.state.switches["salesforce_bulk_polls"]):
        return change(org, job, looks=job.looks + 1, state="InProgress")
    return change(org, job, state="JobComplete")


def abort(org: Org, job: Job) -> Job:
    """Raises SalesforceError for a job that has ended."""
    if job.state in FINAL_STATES:
        raise wrong_state(f"Aborting already Completed Job not allowed: {job.id} is {job.state}")
    return change(org, job, state="Aborted")


def delete(org: Org, job: Job) -> None:
    """The job with its data and results. Raises SalesforceError for one that is Open or InProgress."""
    if job.state in ("Open", "InProgress"):
        raise wrong_state(f"a job in the state {job.state} cannot be deleted; abort it first")
    org.state.db.execute("DELETE FROM sf_job_rows WHERE job = ?", (job.id,))
    org.state.db.execute("DELETE FROM sf_jobs WHERE id = ?", (job.id,))


def wrong_state(message: str) -> SalesforceError:
    """The job is not where that can be done."""
    return SalesforceError(400, "INVALIDJOBSTATE", message)


def invalid(message: str) -> SalesforceError:
    """There can be no such job."""
    return SalesforceError(400, "INVALIDJOB", message)


def information(job: Job, *, whole: bool, state: str | None = None) -> Json:
    """A job as the API shows it; `whole` adds what only GET of the job tells. `state`: shown instead of the job's."""
    told: Json = {
        "id": job.id,
        "operation": job.operation,
        "object": job.object,
        "createdById": job.user_id,
        "createdDate": job.created_at,
        "systemModstamp": job.modified_at,
        "state": state or job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": float(job.version),
    }
    if job.kind == "ingest":
        told["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
        if job.external_id is not None:
            told["externalIdFieldName"] = job.external_id
    told |= {"lineEnding": job.line_ending, "columnDelimiter": job.delimiter}
    if whole:
        told |= {
            "jobType": "V2Ingest" if job.kind == "ingest" else "V2Query",
            "numberRecordsProcessed": job.done,
            "retries": 0,
            "totalProcessingTime": job.done,
        }
        if job.kind == "ingest":
            told |= {
                "numberRecordsFailed": job.failed,
                "apiActiveProcessingTime": job.done,
                "apexProcessingTime": 0,
            }
        else:
            told["isPkChunkingSupported"] = True
    if job.error is not None:
        told["errorMessage"] = job.error
    return told
