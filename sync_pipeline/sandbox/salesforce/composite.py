"""POST composite and composite/batch: several calls in one, each answered as if it had come alone.

A part is a call like any other for faults and counting. Parts of `composite` may use what earlier ones answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from sync_pipeline.sandbox.faults import Attempt, Fault, Injected, under_way
from sync_pipeline.sandbox.runtime import Runtime, acted_fault
from sync_pipeline.sandbox.salesforce.calls import Call, Handler, answer
from sync_pipeline.sandbox.salesforce.errors import MethodNotAllowed, NotFound, ParseError, SalesforceError
from sync_pipeline.sandbox.salesforce.fault_answers import acts_out, fault_responses
from sync_pipeline.sandbox.salesforce.uncertain import as_switched
from sync_pipeline.sandbox.state import Json

MOST_PARTS: Final = 25
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_REFERENCE: Final = re.compile(r"@\{([^}]*)\}")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]*")
_COUNTED: Final = re.compile(r"/(query|queryAll|composite/sobjects)\b", re.IGNORECASE)
_REFUSED_HERE: Final = re.compile(r"/composite(/batch|/tree/.*)?/?$|/jobs/", re.IGNORECASE)
_HALTED: Final = {
    "errorCode": "PROCESSING_HALTED",
    "message": "The transaction was rolled back since another operation in the same transaction failed.",
}
_INVALID: Final = {
    "errorCode": "PROCESSING_HALTED",
    "message": "Invalid reference specified. No value for {} found in {}",
}
# Routes in the order they are looked through, with the handlers of each by method.
Routes = Sequence[tuple[Route, Mapping[str, Handler]]]


class _AllUndone(Exception):
    pass


class _PartUndone(Exception):
    pass


@dataclass(frozen=True)
class _Part:
    method: str
    url: str
    body: Any
    headers: Mapping[str, str]
    reference: str


def composite_handlers(routes: Callable[[], Routes]) -> tuple[Handler, Handler]:
    """The handlers of composite and of composite/batch, over the port's routes."""
    return (lambda call: _composite(call, routes()), lambda call: _batch(call, routes()))


# -- composite ---------------------------------------------------------------------------------------------------------


def _composite(call: Call, routes: Routes) -> Response:
    body = call.body
    if not isinstance(body, dict) or not isinstance(body.get("compositeRequest"), list):
        raise ParseError("the body needs a list `compositeRequest` at [line:1, column:1]")
    parts = [_part(each) for each in body["compositeRequest"]]
    _check(call, parts)
    results: list[Json] = []
    try:
        with call.org.state.savepoint():
            _perform(call, routes, parts, results)
            failed = any(result["httpStatusCode"] >= 400 for result in results)
            if failed and body.get("allOrNone") is True:
                raise _AllUndone
    except _AllUndone:
        results = [
            result if result["httpStatusCode"] >= 400 else _result([_HALTED], 400, {}, result["referenceId"])
            for result in results
        ]
    return answer(call.request, {"compositeResponse": results})


def _perform(call: Call, routes: Routes, parts: Sequence[_Part], results: list[Json]) -> None:
    known: dict[str, Any] = {}
    failed: set[str] = set()
    for part in parts:
        try:
            url = _REFERENCE.sub(lambda match: quote(str(_referred(match[1], known, failed)), safe=""), part.url)
            body = _filled(part.body, known, failed)
        except LookupError as missing:
            failed.add(part.reference)
            results.append(_result([missing.args[0]], 400, {}, part.reference))
            continue
        response = _send(call, routes, part, url, body)
        content = json.loads(bytes(response.body)) if response.body else None
        headers = {name.title(): value for name, value in response.headers.items() if name == "location"}
        if response.status_code >= 400:
            failed.add(part.reference)
        else:
            known[part.reference] = content
        results.append(_result(content, response.status_code, headers, part.reference))


def _part(each: Any) -> _Part:
    fields = each if isinstance(each, dict) else {}
    method, url, reference = fields.get("method"), fields.get("url"), fields.get("referenceId")
    if method not in _METHODS or not isinstance(url, str) or not isinstance(reference, str):
        raise ParseError("each part needs method, url and referenceId at [line:1, column:1]")
    headers = fields.get("httpHeaders") or {}
    if not isinstance(headers, dict):
        raise ParseError("httpHeaders must be an object at [line:1, column:1]")
    return _Part(method, url, fields.get("body"), headers, reference)


def _check(call: Call, parts: Sequence[_Part]) -> None:
    _check_count(len(parts))
    most = int(call.org.state.switches["salesforce_composite_most_queries"])
    if sum(1 for part in parts if _COUNTED.search(_split(part.url).path)) > most:
        message = f"The request cannot have more than {most} query and sObject collection subrequests"
        raise SalesforceError(400, "LIMIT_EXCEEDED", message)
    references = [part.reference for part in parts]
    wrong = next((name for name in references if not _NAME.fullmatch(name)), None)
    if wrong is not None or len(set(references)) < len(references):
        what = f"'{wrong}' is no referenceId" if wrong is not None else "a referenceId stands twice"
        raise SalesforceError(400, "INVALID_INPUT", f"Invalid referenceId: {what}")


def _filled(value: Any, known: Mapping[str, Any], failed: set[str]) -> Any:
    """A body with its references replaced; one that is the whole text keeps its type."""
    if isinstance(value, dict):
        return {key: _filled(each, known, failed) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known, failed) for each in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _referred(whole[1], known, failed)
    return _REFERENCE.sub(lambda match: str(_referred(match[1], known, failed)), value)


def _referred(path: str, known: Mapping[str, Any], failed: set[str]) -> Any:
    """The value of `ref.records[0].Id`. Raises LookupError with the part's error."""
    name, *steps = re.split(r"[.\[]", path)
    if name in failed:
        raise LookupError(_HALTED)
    value = known.get(name)
    for step in steps:
        key = step.removesuffix("]")
        if isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 9 and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict) and key in value:
            value = value[key]
        else:
            value = None
    if value is None:
        raise LookupError(_INVALID | {"message": _INVALID["message"].format(".".join(steps) or path, name)})
    return value


def _result(body: Any, status: int, headers: Mapping[str, str], reference: str) -> Json:
    return {"body": body, "httpHeaders": dict(headers), "httpStatusCode": status, "referenceId": reference}


# -- batch -------------------------------------------------------------------------------------------------------------


def _batch(call: Call, routes: Routes) -> Response:
    body = call.body
    if not isinstance(body, dict) or not isinstance(body.get("batchRequests"), list):
        raise ParseError("the body needs a list `batchRequests` at [line:1, column:1]")
    _check_count(len(body["batchRequests"]))
    parts = [_batch_part(each) for each in body["batchRequests"]]
    results: list[Json] = []
    for part in parts:
        if body.get("haltOnError") is True and any(result["statusCode"] >= 400 for result in results):
            halted = {"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}
            results.append({"statusCode": 412, "result": [halted]})
            continue
        url = "/services/data/" + part.url.lstrip("/").removeprefix("services/data/")
        response = _send(call, routes, part, url, part.body)
        content = json.loads(bytes(response.body)) if response.body else None
        results.append({"statusCode": response.status_code, "result": content})
    failed = any(result["statusCode"] >= 400 for result in results)
    return answer(call.request, {"hasErrors": failed, "results": results})


def _batch_part(each: Any) -> _Part:
    fields = each if isinstance(each, dict) else {}
    method, url = fields.get("method"), fields.get("url")
    if method not in _METHODS or not isinstance(url, str):
        raise ParseError("each part needs method and url at [line:1, column:1]")
    return _Part(method, url, fields.get("richInput"), {}, "")


# -- both --------------------------------------------------------------------------------------------------------------


def _check_count(parts: int) -> None:
    if parts > MOST_PARTS:
        raise SalesforceError(400, "LIMIT_EXCEEDED", f"The request cannot have more than {MOST_PARTS} subrequests")
    if parts == 0:
        raise SalesforceError(400, "LIMIT_EXCEEDED", "The request must have at least one subrequest")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ParseError(f"{url} is no address at [line:1, column:1]") from None


def _send(call: Call, routes: Routes, part: _Part, url: str, body: Any) -> Response:
    """One part as a call of its own: counted, faulted, undone alone if it fails."""
    runtime: Runtime = call.request.app.state.runtime
    split = _split(url)
    scope = {
        **call.request.scope,
        "method": part.method,
        "path": split.path,
        "raw_path": split.path.encode(),
        "query_string": split.query.encode(),
        "headers": [
            *((name, value) for name, value in call.request.scope["headers"] if name in _KEPT_HEADERS),
            *((str(name).lower().encode(), str(value).encode()) for name, value in part.headers.items()),
        ],
    }
    found = _route(routes, scope)
    actor = call.request.state.actor
    runtime.count(actor, part.method, found[0].path if found else "(unknown)", in_batch=True)
    text = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    fault = runtime.faults.take("salesforce", Attempt(part.method, split.path, in_batch=True), actor.name)
    if fault is None:
        return _handle(call, found, scope, text)
    if runtime.faults.kind("salesforce", fault).behaviour:
        behaviour = Injected(fault)
        with _for_this_part(under_way, behaviour):
            response = _handle(call, found, scope, text)
        if not behaviour.used:
            runtime.faults.give_back(fault)
        return response if not behaviour.used or fault.position == "refused" else _faulted(fault)
    if acts_out(fault, part.method, split.path):
        with _for_this_part(acted_fault, fault):
            return _handle(call, found, scope, text)
    if fault.position == "response_lost":
        _handle(call, found, scope, text)
    return _faulted(fault)


Value = TypeVar("Value")


@contextmanager
def _for_this_part(variable: ContextVar[Value], value: Value) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


_KEPT_HEADERS: Final = (b"host", b"authorization", b"sforce-duplicate-rule-header", b"sforce-query-options")


def _faulted(fault: Fault) -> Response:
    # A part has no connection of its own that could break.
    name = fault.name if fault.name in fault_responses() else "500"
    return fault_responses()[name](replace(fault, name=name))


def _route(routes: Routes, scope: dict[str, Any]) -> tuple[Route, Mapping[str, Handler]] | None:
    for route, handlers in routes:
        match, child = route.matches({**scope, "type": "http"})
        if match is not Match.NONE:
            scope["path_params"] = child["path_params"]
            return route, handlers
    return None


def _handle(
    call: Call, found: tuple[Route, Mapping[str, Handler]] | None, scope: dict[str, Any], text: bytes
) -> Response:
    request = Request(scope)
    response: Response | None = None
    try:
        with call.org.state.savepoint():
            if found is None or _REFUSED_HERE.search(scope["path"]):
                raise NotFound()
            if scope["method"] not in found[1]:
                raise MethodNotAllowed(scope["method"], list(found[1]))
            response = found[1][scope["method"]](Call(request, text))
            if response.status_code >= 400:
                raise _PartUndone
    except _PartUndone:
        pass
    except SalesforceError as error:
        as_switched(error, call.org.state.switches)
        return answer(request, error.body(), error.status)
    assert response is not None
    return response
