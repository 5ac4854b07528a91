"""What each route answers: reads the call, asks the org, puts the answer in Salesforce's form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, Response

from sync_pipeline.sandbox.salesforce import auth, conditions, listviews, replication, sobject_collections, tree
from sync_pipeline.sandbox.salesforce.calls import DAILY_CALLS, Call, answer, calls_used
from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.columns import describe_columns
from sync_pipeline.sandbox.salesforce.conditions import Conditions
from sync_pipeline.sandbox.salesforce.describe import describe_briefly, describe_object
from sync_pipeline.sandbox.salesforce.errors import NotFound, ParseError, SalesforceError, SeveralRecords
from sync_pipeline.sandbox.salesforce.ids import full_id
from sync_pipeline.sandbox.salesforce.models import Row
from sync_pipeline.sandbox.salesforce.queries import next_page, run_query
from sync_pipeline.sandbox.salesforce.soql_compile import address
from sync_pipeline.sandbox.salesforce.storage import shown
from sync_pipeline.sandbox.state import Actor, Json

_LIMITS: Final = {
    "ConcurrentAsyncGetReportInstances": 200,
    "DailyApiRequests": DAILY_CALLS,
    "DailyBulkApiBatches": 15_000,
    "DailyBulkV2QueryFileStorageMB": 976_562,
    "DailyBulkV2QueryJobs": 10_000,
    "DataStorageMB": 10_240,
    "FileStorageMB": 10_240,
}
VERSIONS: Final = range(41, 69)
_SEASONS: Final = ("Winter", "Spring", "Summer")

# -- who ---------------------------------------------------------------------------------------------------------------


def token(call: Call) -> Response:
    """POST /services/oauth2/token."""
    form = {name: value for name, value in parse_qsl(call.text.decode("utf-8", "replace"))}
    form = {**dict(call.query), **auth.basic_credentials(call.request.headers.get("authorization", "")), **form}
    try:
        granted = auth.grant(call.org, form)
    except auth.TokenRefused as refused:
        return JSONResponse(refused.body, refused.status)
    acting = call.org.acting(Actor("application", granted.user))
    tokens = call.request.app.state.runtime.tokens
    return JSONResponse(auth.token_answer(call.org, tokens, granted, acting, call.base_url))


def revoke(call: Call) -> Response:
    """POST /services/oauth2/revoke."""
    form = dict(parse_qsl(call.text.decode("utf-8", "replace")))
    call.request.app.state.runtime.tokens.revoke("salesforce", form.get("token", ""))
    return Response(status_code=200)


def user_info(call: Call) -> Response:
    """GET /services/oauth2/userinfo."""
    return answer(call.request, auth.user_info(call.org, call.acting, call.base_url))


def identity(call: Call) -> Response:
    """GET /id/ORG/USER: of the token's own user only."""
    if full_id(call.path["organization"]) != call.org.organization_id():
        raise NotFound()
    if full_id(call.path["user"]) != call.acting.user_id:
        raise SalesforceError(403, "Missing_OAuth_Token", "the token is another user's")
    return answer(call.request, auth.identity(call.org, call.acting, call.base_url))


# -- what there is -----------------------------------------------------------------------------------------------------


def versions(call: Call) -> Response:
    """GET /services/data."""
    named = [
        {"label": f"{_SEASONS[(number - 1) % 3]} '{(number + 13) // 3:02d}", "url": f"/services/data/v{number}.0",
         "version": f"{number}.0"}
        for number in VERSIONS
    ]  # fmt: skip
    return answer(call.request, named)


def resources(call: Call) -> Response:
    """GET /services/data/vNN.N, with the identity URL."""
    base = f"/services/data/v{call.version}"
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs")
    identity_url = f"{call.base_url}/id/{call.org.organization_id()}/{call.acting.user_id}"
    return answer(call.request, {**{name: f"{base}/{name}" for name in names}, "identity": identity_url})


def composite_resources(call: Call) -> Response:
    """GET composite."""
    base = f"/services/data/v{call.version}/composite"
    return answer(call.request, {"tree": f"{base}/tree", "batch": f"{base}/batch", "sobjects": f"{base}/sobjects"})


def limits(call: Call) -> Response:
    """GET limits."""
    used = {"DailyApiRequests": calls_used(call.request)}
    return answer(
        call.request, {name: {"Max": most, "Remaining": most - used.get(name, 0)} for name, most in _LIMITS.items()}
    )


def objects(call: Call) -> Response:
    """GET sobjects."""
    described = [describe_briefly(one, call.version) for one in call.org.catalogue.objects.values()]
    return answer(call.request, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": described})


def basic_information(call: Call) -> Response:
    """GET sobjects/X."""
    return answer(call.request, {"objectDescribe": describe_briefly(call.target, call.version), "recentItems": []})


def describe(call: Call) -> Response:
    """GET sobjects/X/describe."""
    return answer(call.request, describe_object(call.target, call.org.catalogue, call.version))


# -- queries -----------------------------------------------------------------------------------------------------------


def query(call: Call) -> Response:
    """GET query?q=."""
    return _query(call, include_deleted=False)


def query_all(call: Call) -> Response:
    """GET queryAll?q=: deleted and merged records too."""
    return _query(call, include_deleted=True)


def _query(call: Call, *, include_deleted: bool) -> Response:
    if "q" not in call.query:
        raise SalesforceError(400, "MALFORMED_QUERY", "A query string has to be specified")
    if call.query.get("columns", "").lower() == "true":
        described = describe_columns(call.org, call.acting, call.query["q"], include_deleted=include_deleted)
        return answer(call.request, described)
    found = run_query(
        call.org, call.acting, call.query["q"], include_deleted=include_deleted, batch_size=call.batch_size,
        version=call.version,
    )  # fmt: skip
    return answer(call.request, found)


def query_more(call: Call) -> Response:
    """GET query/LOCATOR: a nextRecordsUrl."""
    return answer(call.request, next_page(call.org, call.acting, call.path["locator"], call.version))


def updated(call: Call) -> Response:
    """GET sobjects/X/updated?start=&end=."""
    start, end = _period(call)
    return answer(call.request, replication.updated(call.org, call.acting, call.target, start, end))


def deleted(call: Call) -> Response:
    """GET sobjects/X/deleted?start=&end=."""
    start, end = _period(call)
    return answer(call.request, replication.deleted(call.org, call.target, start, end))


def _period(call: Call) -> tuple[str, str]:
    try:
        return call.query["start"], call.query["end"]
    except KeyError as missing:
        raise SalesforceError(400, "MISSING_ARGUMENT", f"{missing.args[0]} is needed") from missing


# -- one record --------------------------------------------------------------------------------------------------------


def create(call: Call) -> Response:
    """POST sobjects/X."""
    record_id = call.org.create(call.acting, call.target, call.body)
    return answer(call.request, {"id": record_id, "success": True, "errors": []}, 201)


def read(call: Call) -> Response:
    """GET sobjects/X/ID?fields=."""
    return _shown(call, call.org.read(call.acting, call.target, _record_id(call)), *_asked_for(call))


def update(call: Call) -> Response:
    """PATCH sobjects/X/ID, under conditions."""
    if isinstance(call.body, dict) and any(name.lower() == "id" for name in call.body):
        raise SalesforceError(400, "INVALID_FIELD", "The Id field should not be specified in the sobject data.", [])
    record_id, guard = _record_id(call), conditions.for_writing(call.request.headers)
    call.org.update(call.acting, call.target, record_id, call.body, conditions=guard)
    return _tagged(answer(call.request, status=204), call, call.org.row(call.target.name, record_id))


def delete(call: Call) -> Response:
    """DELETE sobjects/X/ID."""
    call.org.delete(call.acting, call.target, _record_id(call))
    return answer(call.request, status=204)


def read_by_external_id(call: Call) -> Response:
    """GET sobjects/X/FIELD/VALUE."""
    guards = _asked_for(call) if _guards_external_ids(call) else (conditions.ANY, conditions.ANY)
    return _shown(call, call.org.read(call.acting, call.target, _only(call)), *guards)


def upsert(call: Call) -> Response:
    """PATCH sobjects/X/FIELD/VALUE?updateOnly=."""
    field_name, value = call.path["field"], _external_id(call)
    if isinstance(call.body, dict) and any(name.lower() == field_name.lower() for name in call.body):
        raise SalesforceError(
            400, "INVALID_FIELD", f"The {field_name} field should not be specified in the sobject data.", [field_name]
        )
    update_only = call.query.get("updateOnly", "").lower() == "true"
    guard = conditions.for_writing(call.request.headers) if _guards_external_ids(call) else conditions.ANY
    try:
        record_id, created = call.org.upsert(
            call.acting, call.target, field_name, value, call.body, update_only=update_only, conditions=guard
        )
    except SeveralRecords as several:
        raise _addressed(several, call) from several
    with_body_from = float(call.org.state.switches["salesforce_upsert_update_body_from_version"])
    if not created and float(call.version) < with_body_from:
        return answer(call.request, status=204)
    result = {"id": record_id, "success": True, "errors": [], "created": created}
    return answer(call.request, result, 201 if created else 200)


def _asked_for(call: Call) -> tuple[Conditions, Conditions]:
    return conditions.for_reading(call.request.headers)


def _guards_external_ids(call: Call) -> bool:
    return bool(call.org.state.switches["salesforce_conditions_by_external_id"])


def _shown(call: Call, row: Row, must_hold: Conditions, has_already: Conditions) -> Response:
    must_hold.check(call.target, row)
    names = _field_names(call.query.get("fields"))
    if has_already.is_known(call.target, row):
        return _tagged(answer(call.request, status=304), call, row)
    return _tagged(answer(call.request, _record(call.target, row, names, call.version)), call, row)


def _tagged(response: Response, call: Call, row: Row) -> Response:
    if call.target.name == conditions.TAGGED:
        response.headers["ETag"] = conditions.etag(row)
    return response


def _external_id(call: Call) -> str:
    """The value in the path. Salesforce takes one that ends with .inc for a file (resources-sobject-upsert-patch)."""
    value = str(call.path["value"])
    if value.lower().endswith(".inc"):
        raise NotFound()
    return value


def _only(call: Call) -> str:
    found = call.org.having(call.acting, call.target, call.path["field"], _external_id(call))
    if not found:
        raise NotFound()
    if len(found) > 1:
        raise _addressed(SeveralRecords([f"/sobjects/{call.target.name}/{each}" for each in found]), call)
    return found[0]


def _addressed(several: SeveralRecords, call: Call) -> SeveralRecords:
    return SeveralRecords([f"/services/data/v{call.version}{address}" for address in several.addresses])


def _record_id(call: Call) -> str:
    given = str(call.path["id"])
    found = full_id(given)
    if found is None:
        raise NotFound(f"Provided external ID field does not exist or is not accessible: {given}")
    return found


def _field_names(listed: str | None) -> list[str] | None:
    return None if listed is None else [name.strip() for name in listed.split(",") if name.strip()]


def _record(target: ObjectDef, row: Row, names: Sequence[str] | None, version: str) -> Json:
    record: Json = {
        "attributes": {"type": target.name, "url": f"/services/data/v{version}/sobjects/{target.name}/{row['Id']}"}
    }
    for name in list(target.fields) if names is None else names:
        one = target.field(name)
        if one is None:
            raise ParseError.unknown_field(name, target.name)
        if one.type == "address":
            record[one.name] = address({part: row[column] for part, column in target.address_parts(one).items()})
        else:
            record[one.name] = shown(one, row[one.name])
    return record


# -- collections -------------------------------------------------------------------------------------------------------


def create_many(call: Call) -> Response:
    """POST composite/sobjects."""
    return answer(call.request, sobject_collections.create(call.org, call.acting, call.body))


def update_many(call: Call) -> Response:
    """PATCH composite/sobjects."""
    return answer(call.request, sobject_collections.update(call.org, call.acting, call.body))


def upsert_many(call: Call) -> Response:
    """PATCH composite/sobjects/X/FIELD."""
    found = sobject_collections.upsert(call.org, call.acting, call.target, call.path["field"], call.body)
    return answer(call.request, found)


def delete_many(call: Call) -> Response:
    """DELETE composite/sobjects?ids=&allOrNone=."""
    ids = [each for each in call.query.get("ids", "").split(",") if each]
    all_or_none = call.query.get("allOrNone", "false").lower() == "true"
    return answer(call.request, sobject_collections.delete(call.org, call.acting, ids, all_or_none=all_or_none))


def create_tree(call: Call) -> Response:
    """POST composite/tree/X."""
    created, results = tree.create(call.org, call.acting, call.target, call.body)
    return answer(call.request, {"hasErrors": not created, "results": results}, 201 if created else 400)


def retrieve_many(call: Call) -> Response:
    """POST with {ids, fields}, or GET with both in the address."""
    asked: Any = call.body if call.text else {name: call.query.get(name, "").split(",") for name in ("ids", "fields")}
    if not isinstance(asked, dict) or not all(isinstance(asked.get(name), list) for name in ("ids", "fields")):
        raise ParseError("the body needs lists `ids` and `fields` at [line:1, column:1]")
    ids = [str(each) for each in asked["ids"]]
    sobject_collections.check_retrieved(len(ids))
    for each in ids:
        if full_id(each) is None:
            raise SalesforceError(400, "MALFORMED_ID", f"malformed id {each}")
    found = call.org.read_many(call.acting, call.target, ids)
    names = [str(name) for name in asked["fields"]]
    rows = [found.get(each) for each in ids]
    return answer(
        call.request, [None if row is None else _record(call.target, row, names, call.version) for row in rows]
    )


# -- list views --------------------------------------------------------------------------------------------------------


def list_views(call: Call) -> Response:
    """GET sobjects/X/listviews, and /recent."""
    return answer(call.request, listviews.listing(call.org, call.acting, call.target, call.version))


def list_view(call: Call) -> Response:
    """GET sobjects/X/listviews/ID."""
    return answer(call.request, listviews.entry(_view(call), call.version))


def list_view_describe(call: Call) -> Response:
    """GET sobjects/X/listviews/ID/describe."""
    return answer(call.request, listviews.describe(_view(call), call.target))


def list_view_results(call: Call) -> Response:
    """GET sobjects/X/listviews/ID/results?limit=&offset=."""
    try:
        limit, offset = int(call.query.get("limit", "25")), int(call.query.get("offset", "0"))
    except ValueError as error:
        raise SalesforceError(400, "INVALID_QUERY_LIMIT", "limit and offset are whole numbers") from error
    found = listviews.results(call.org, call.acting, _view(call), call.target, call.version, limit=limit, offset=offset)
    return answer(call.request, found)


def _view(call: Call) -> Row:
    return listviews.find(call.org, call.acting, call.target, call.path["id"])
