"""The control plane below /_sandbox on both ports: reset, people, mutation log, request counts, faults, clock.

It needs no token, is never faulted or counted, and refuses what it does not know with a 400 that says what it knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sync_pipeline.sandbox.state import State, iso, within
from sync_pipeline.sandbox.strict_json import read_json

if TYPE_CHECKING:
    from sync_pipeline.sandbox.runtime import Runtime

CONTROL_PREFIX: Final = "/_sandbox/"
#: What a reset takes, with bounds; seed_sandbox's defaults where left out. `empty` is a boolean beside them.
RESET_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "seed": (-(10**12), 10**12),
    "mailboxes": (0, 10_000),
    "contacts": (0, 1_000_000),
    "accounts": (0, 5_000_000),
}
FARTHEST_SECONDS: Final = 1e10  # of the clock's going on; the state's own bound is in years
LAST_ENTRY: Final = 10**15


def control_routes() -> list[Route]:
    """The routes; services add actions of their own by name (Service.control)."""
    table: dict[tuple[str, str], Callable[[Runtime, Request, Any], Any]] = {
        ("GET", "mailboxes"): _mailboxes,
        ("GET", "log"): lambda runtime, request, body: runtime.state.log(_after(request)),
        ("GET", "log/faults"): lambda runtime, request, body: runtime.state.fault_log(_after(request)),
        ("GET", "requests"): lambda runtime, request, body: runtime.requests(),
        ("DELETE", "requests"): _forget_requests,
        ("GET", "faults/known"): lambda runtime, request, body: runtime.faults.known(),
        ("GET", "faults"): lambda runtime, request, body: runtime.faults.describe(),
        ("POST", "faults"): _add_faults,
        ("DELETE", "faults"): _clear_faults,
        ("GET", "clock"): lambda runtime, request, body: {"now": iso(runtime.state.now())},
        ("POST", "clock"): _clock,
        ("GET", "switches"): lambda runtime, request, body: runtime.state.switches,
        ("GET", "switches/known"): lambda runtime, request, body: runtime.state.declared_switches(),
        ("POST", "switches"): _switches,
        ("POST", "expire_tokens"): _expire_tokens,
        ("POST", "reset"): _reset,
        ("POST", "{name:path}"): _service_action,
    }
    routes = [
        Route(CONTROL_PREFIX + name, _endpoint(action), methods=[method]) for (method, name), action in table.items()
    ]
    # Last, so that nothing below the prefix is taken for a call of the service.
    return [*routes, Route(CONTROL_PREFIX + "{name:path}", _unknown, methods=["GET", "PUT", "PATCH", "DELETE"])]


async def _unknown(request: Request) -> Response:
    known = sorted(
        f"{method} {route.path}"
        for route in control_routes()
        for method in (route.methods or set()) - {"HEAD"}
        if not route.path.endswith("{name:path}")
    )
    told = f"unknown: {request.method} {request.url.path}; known: {', '.join(known)}, and actions by POST"
    return JSONResponse({"error": told}, status_code=404)


def _endpoint(action: Callable[[Runtime, Request, Any], Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        text = await request.body()
        try:
            body = read_json(text) if text else {}
            return JSONResponse(action(request.app.state.runtime, request, body))
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            message = str(error.args[0]) if error.args else type(error).__name__
            return JSONResponse({"error": message}, status_code=400)

    return endpoint


def _mailboxes(runtime: Runtime, request: Request, body: Any) -> list[dict[str, str]]:
    return [
        {"mailbox": row["mailbox"], "salesforce_user": row["salesforce_user"]}
        for row in runtime.state.people()
        if row["mailbox"] and row["salesforce_user"]
    ]


def _after(request: Request) -> int:
    after = request.query_params.get("after", "0")
    if unknown := sorted(set(request.query_params) - {"after"}):
        raise ValueError(f"unknown parameter {unknown[0]!r}; known: after")
    number = int(after) if after.isascii() and after.isdigit() and len(after) < 20 else after
    return int(within("after", number, (0, LAST_ENTRY)))


def _forget_requests(runtime: Runtime, request: Request, body: Any) -> dict[str, Any]:
    runtime.forget_requests()
    return runtime.requests()


def _add_faults(runtime: Runtime, request: Request, body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, list):
        raise ValueError("give a list of {match, fault, position, times}")
    runtime.faults.add(body)
    return runtime.faults.describe()


def _clear_faults(runtime: Runtime, request: Request, body: Any) -> list[dict[str, Any]]:
    runtime.faults.clear()
    return []


def _clock(runtime: Runtime, request: Request, body: Any) -> dict[str, str]:
    keys = _keys(body, ("advance_seconds", "set"))
    if keys == {"advance_seconds"}:
        bounds = (-FARTHEST_SECONDS, FARTHEST_SECONDS)
        runtime.state.advance(within("advance_seconds", body["advance_seconds"], bounds))
    elif keys == {"set"} and isinstance(body["set"], str):
        moment = datetime.fromisoformat(body["set"])
        runtime.state.set_clock(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    else:
        raise ValueError('give either {"advance_seconds": number} or {"set": "2026-01-31T08:00:00Z"}')
    return {"now": iso(runtime.state.now())}


def _switches(runtime: Runtime, request: Request, body: Any) -> dict[str, Any]:
    switches = runtime.state.switches
    _keys(body, tuple(sorted(switches)))
    for name, value in body.items():
        runtime.state.check_switch(name, value)  # all or none: the switches are in memory too, which nothing undoes
    for name, value in body.items():
        runtime.state.set_switch(name, value)
    return switches


def _expire_tokens(runtime: Runtime, request: Request, body: Any) -> dict[str, Any]:
    _keys(body, ())
    runtime.tokens.expire_all()
    return {}


def _reset(runtime: Runtime, request: Request, body: Any) -> list[dict[str, str]]:
    _keys(body, (*RESET_NUMBERS, "empty"))
    for name in RESET_NUMBERS.keys() & body.keys():
        within(name, body[name], RESET_NUMBERS[name])
    is_empty = body.get("empty", False)
    if not isinstance(is_empty, bool):
        raise TypeError(f"empty is true or false, got {is_empty!r:.80}")
    runtime.faults.clear()
    runtime.forget_requests()
    runtime.state.reset()
    if runtime.seeder is not None and not is_empty:
        runtime.seeder(runtime.state, body)
    return _mailboxes(runtime, request, body)


def _service_action(runtime: Runtime, request: Request, body: Any) -> Any:
    name = cast(str, request.path_params["name"])
    if name not in runtime.control:
        raise LookupError(f"unknown control action {name!r}; known: {', '.join(sorted(runtime.control))}")
    if not isinstance(body, dict):
        raise ValueError(f"{name} takes a JSON object")
    action: Callable[[State, Mapping[str, Any]], Any] = runtime.control[name]
    return action(runtime.state, body)


def _keys(body: Any, allowed: tuple[str, ...]) -> set[str]:
    if not isinstance(body, dict):
        raise ValueError(f"give a JSON object with {', '.join(allowed) or 'nothing in it'}")
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; known: {', '.join(allowed) or 'none'}")
    return set(body)
