"""What the routes below /jobs/ answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from sync_pipeline.sandbox.salesforce import bulk_ingest, bulk_jobs, bulk_query
from sync_pipeline.sandbox.salesforce.bulk_ingest import Outcome
from sync_pipeline.sandbox.salesforce.bulk_jobs import Job, Kind, information
from sync_pipeline.sandbox.salesforce.calls import Call, Handler, answer, answer_csv
from sync_pipeline.sandbox.salesforce.errors import ParseError, SalesforceError


def bulk_routes(data: str) -> dict[str, Mapping[str, Handler]]:
    """Path below `data` (/services/data/v…) -> handlers by method."""
    ingest, query = f"{data}/jobs/ingest", f"{data}/jobs/query"
    routes: dict[str, Mapping[str, Handler]] = {
        ingest: {"POST": _create_ingest, "GET": lambda call: _list(call, "ingest")},
        f"{ingest}/{{id}}": {
            "GET": _ingest, "PATCH": _change_ingest, "DELETE": lambda call: _delete(call, "ingest"),
        },
        f"{ingest}/{{id}}/batches": {"PUT": _upload},
        query: {"POST": _create_query, "GET": lambda call: _list(call, "query")},
        f"{query}/{{id}}": {
            "GET": _query, "PATCH": _change_query, "DELETE": lambda call: _delete(call, "query"),
        },
        f"{query}/{{id}}/results": {"GET": _query_results},
    }  # fmt: skip
    for name, outcome in _RESULTS.items():
        routes[f"{ingest}/{{id}}/{name}"] = {"GET": _results(outcome)}
    return routes


# Clients spell them both ways; Salesforce takes both.
_RESULTS: Final[Mapping[str, Outcome]] = {
    "successfulResults": "successful",
    "successfulresults": "successful",
    "failedResults": "failed",
    "failedresults": "failed",
    "unprocessedRecords": "unprocessed",
    "unprocessedrecords": "unprocessed",
}


def _create_ingest(call: Call) -> Response:
    job = bulk_ingest.create(call.org, call.acting, call.version, call.body)
    return answer(call.request, information(job, whole=False))


def _create_query(call: Call) -> Response:
    job = bulk_query.create(call.org, call.acting, call.version, call.body)
    return answer(call.request, information(job, whole=False))


def _list(call: Call, kind: Kind) -> Response:
    jobs = [
        information(job, whole=False) | {"jobType": f"V2{kind.title()}"} for job in bulk_jobs.listing(call.org, kind)
    ]
    return answer(call.request, {"done": True, "records": jobs, "nextRecordsUrl": None})


def _job(call: Call, kind: Kind) -> Job:
    call.version  # noqa: B018 - a path of no version has no jobs
    return bulk_jobs.find(call.org, kind, str(call.path["id"]))


def _ingest(call: Call) -> Response:
    return answer(call.request, information(bulk_ingest.look(call.org, _job(call, "ingest")), whole=True))


def _query(call: Call) -> Response:
    return answer(call.request, information(bulk_jobs.look(call.org, _job(call, "query")), whole=True))


def _upload(call: Call) -> Response:
    bulk_ingest.upload(call.org, _job(call, "ingest"), call.request.headers.get("content-type", ""), call.text)
    return answer(call.request, status=201)


def _change_ingest(call: Call) -> Response:
    job, wanted = _job(call, "ingest"), _wanted(call)
    if wanted == "UploadComplete":
        bulk_ingest.close(call.org, job)
        return answer(call.request, information(job, whole=False, state="UploadComplete"))
    return answer(call.request, information(bulk_jobs.abort(call.org, job), whole=False))


def _change_query(call: Call) -> Response:
    if _wanted(call) != "Aborted":
        raise SalesforceError(400, "INVALIDJOB", "a query job can only be set to Aborted")
    return answer(call.request, information(bulk_jobs.abort(call.org, _job(call, "query")), whole=False))


def _wanted(call: Call) -> str:
    body = call.body
    state = body.get("state") if isinstance(body, dict) else None
    if not isinstance(state, str):
        raise ParseError("the body must be an object with state at [line:1, column:1]")
    if state not in ("UploadComplete", "Aborted"):
        raise SalesforceError(400, "INVALIDJOBSTATE", f"a job cannot be set to {state}, only UploadComplete or Aborted")
    return state


def _delete(call: Call, kind: Kind) -> Response:
    bulk_jobs.delete(call.org, _job(call, kind))
    return answer(call.request, status=204)


def _results(outcome: Outcome) -> Handler:
    def handler(call: Call) -> Response:
        return answer_csv(call.request, bulk_ingest.results(call.org, _job(call, "ingest"), outcome))

    return handler


def _query_results(call: Call) -> Response:
    given = call.query.get("maxRecords")
    if given is not None and (not given.isascii() or not given.isdigit() or len(given) > 9 or int(given) == 0):
        raise SalesforceError(400, "INVALIDJOB", f"maxRecords is a whole number from 1, got {given}")
    locator = call.query.get("locator")
    text, following, count = bulk_query.results(
        call.org, _job(call, "query"), call.version,
        locator=None if locator in (None, "", "null") else locator, most=None if given is None else int(given),
    )  # fmt: skip
    headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(count)}
    return answer_csv(call.request, text, headers)
