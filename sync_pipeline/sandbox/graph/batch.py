"""POST /v1.0/$batch: up to 20 requests in one, four at a time per mailbox, in the order that dependsOn asks for.

Each is a call of its own: counted, faulted, delayed and committed alone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from starlette.responses import Response

from sync_pipeline.sandbox.graph.calls import VERSION, Call, json_response
from sync_pipeline.sandbox.graph.errors import BadRequest
from sync_pipeline.sandbox.runtime import HTML_ERROR, ConnectionFault
from sync_pipeline.sandbox.state import Json, State

MAX_REQUESTS: Final = 20
PARALLEL_PER_MAILBOX: Final = 4
INHERITABLE: Final = ("prefer", "client-request-id")
METHODS: Final = ("GET", "POST", "PATCH", "PUT", "DELETE")
# What Graph's gateway says in place of a sub-request whose connection to Outlook failed.
STATUS_OF_CONNECTION_FAULT: Final = {"timeout": 504, "connection_reset": 503, "truncated_body": 502}

Perform = Callable[[Call, str], Awaitable[Response]]  # the call and its decoded path


@dataclass(frozen=True)
class _Part:
    id: str
    call: Call
    depends_on: tuple[str, ...]


async def run_batch(call: Call, state: State, perform: Perform, mailbox_key: Callable[[str], str | None]) -> Response:
    """The outer answer: 200 with one response per request, in no order. Raises BadRequest for a malformed batch."""
    parts = _parse(call, inherits=bool(state.switches["batch_inherits_prefer"]))
    _refuse_mixed_order(parts, same_accepted=bool(state.switches["batch_same_dependency_accepted"]))
    outcomes: dict[str, asyncio.Future[Json]] = {
        part.id.casefold(): asyncio.get_running_loop().create_future() for part in parts
    }
    lanes: defaultdict[str | None, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(PARALLEL_PER_MAILBOX))

    async def run(part: _Part) -> None:
        for needed in part.depends_on:
            if (await outcomes[needed])["status"] >= 400:
                outcomes[part.id.casefold()].set_result(_failed_dependency(part.id))
                return
        path = unquote(part.call.path)
        async with lanes[mailbox_key(path)]:
            try:
                outcome = _outcome(part.id, await perform(part.call, path))
            except ConnectionFault as broken:
                status = STATUS_OF_CONNECTION_FAULT[broken.fault.name]
                outcome = _outcome(part.id, Response(HTML_ERROR, status, media_type="text/html"))
        outcomes[part.id.casefold()].set_result(outcome)

    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(run(part))
    responses = [outcome.result() for outcome in outcomes.values()]
    state.random.shuffle(responses)
    return json_response({"responses": responses}, headers=call.common_headers())


def _parse(call: Call, *, inherits: bool) -> list[_Part]:
    requests = call.json_object().get("requests")
    if not isinstance(requests, list) or not requests:
        raise BadRequest("Invalid batch payload format: 'requests' must be a non-empty array.")
    if len(requests) > MAX_REQUESTS:
        raise BadRequest(f"Number of batch request steps exceeds the maximum value of {MAX_REQUESTS}.")
    inherited = {name: value for name, value in call.headers.items() if inherits and name in INHERITABLE}
    parts = [_part(call, request, inherited) for request in requests]
    seen: set[str] = set()
    for part in parts:
        if part.id.casefold() in seen:
            raise BadRequest(f"Invalid batch payload format: the request id '{part.id}' is not unique.")
        seen.add(part.id.casefold())
    _refuse_impossible_order(parts)
    return parts


def _part(call: Call, request: Any, inherited: Json) -> _Part:
    if not isinstance(request, dict) or not isinstance(request.get("id"), str) or not request["id"]:
        raise BadRequest("Invalid batch payload format: every request needs a non-empty string 'id'.")
    part_id, method, url = request["id"], request.get("method"), request.get("url")
    if not isinstance(method, str) or method.upper() not in METHODS or not isinstance(url, str) or not url:
        raise BadRequest(f"Invalid batch payload format: request '{part_id}' needs a 'method' and a relative 'url'.")
    given = request.get("headers") or {}
    if not isinstance(given, dict):
        raise BadRequest(f"Invalid batch payload format: the headers of request '{part_id}' must be an object.")
    headers = {**inherited, **{str(name).lower(): str(value) for name, value in given.items()}}
    try:
        split = urlsplit(url)
    except ValueError as error:
        raise BadRequest(f"Invalid batch payload format: the url of request '{part_id}': {error}") from None
    if split.scheme or split.netloc:
        raise BadRequest(f"Invalid batch payload format: the url of request '{part_id}' must be relative.")
    path = "/" + split.path.lstrip("/")
    if path.lower() != VERSION and not path.lower().startswith(VERSION + "/"):
        path = VERSION + path
    depends_on = request.get("dependsOn") or []
    if not isinstance(depends_on, list):
        raise BadRequest(f"Invalid batch payload format: dependsOn of request '{part_id}' must be an array.")
    return _Part(
        id=part_id,
        call=Call(
            method=method.upper(),
            path=path,
            query_string=split.query,
            headers=headers,
            body=_body(part_id, headers, request.get("body")),
            actor=call.actor,
            origin=call.origin,
        ),
        depends_on=tuple(str(needed).casefold() for needed in depends_on),
    )


def _body(part_id: str, headers: dict[str, str], body: Any) -> bytes:
    if body is None:
        return b""
    content_type = headers.get("content-type")
    if content_type is None:
        raise BadRequest(f"Write request id : {part_id} does not contain Content-Type header or body.")
    if "json" in content_type:
        return json.dumps(body, ensure_ascii=False).encode()
    try:
        return base64.b64decode(body, validate=True)
    except (TypeError, binascii.Error):
        raise BadRequest(f"The body of request '{part_id}' is not base64 text.") from None


def _refuse_impossible_order(parts: list[_Part]) -> None:
    waiting = {part.id.casefold(): set(part.depends_on) for part in parts}
    for part_id, needed in waiting.items():
        if unknown := needed - set(waiting):
            raise BadRequest(f"Request '{part_id}' depends on '{min(unknown)}', which is not in the batch.")
    while waiting:
        free = {part_id for part_id, needed in waiting.items() if not needed & set(waiting)}
        if not free:
            raise BadRequest(f"The dependsOn of requests {', '.join(sorted(waiting))} form a circle.")
        for part_id in free:
            del waiting[part_id]


def _refuse_mixed_order(parts: list[_Part], *, same_accepted: bool) -> None:
    """A batch is parallel (nothing waits) or sequential (one chain) as a whole, or, with the switch, waits for one."""
    waited_for = [part.depends_on for part in parts if part.depends_on]
    is_single = all(len(set(needed)) == 1 for needed in waited_for)
    distinct = {needed for depends_on in waited_for for needed in depends_on}
    is_chain = is_single and len(waited_for) == len(parts) - 1 == len(distinct)
    is_same = same_accepted and is_single and len(distinct) == 1
    if waited_for and not is_chain and not is_same:
        raise BadRequest(
            "Invalid batch payload format: dependsOn must make the requests either all sequential or all parallel."
        )


def _outcome(part_id: str, response: Response) -> Json:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    shown = {("Content-Type" if name == "content-type" else name): value for name, value in headers.items()}
    if "retry-after" in shown:
        shown["Retry-After"] = shown.pop("retry-after")
    outcome: Json = {"id": part_id, "status": response.status_code, "headers": shown}
    content = bytes(response.body)
    if content:
        kind = headers.get("content-type", "")
        if "json" in kind:
            outcome["body"] = json.loads(content)
        elif kind.startswith("text/"):
            outcome["body"] = content.decode()
        else:
            outcome["body"] = base64.b64encode(content).decode()
    return outcome


def _failed_dependency(part_id: str) -> Json:
    message = "The request depends on another request which has failed."
    error = {"error": {"code": "FailedDependency", "message": message, "innerError": {}}}
    return {"id": part_id, "status": 424, "headers": {"Content-Type": "application/json"}, "body": error}
