"""Builds a stand-in's ASGI application: who asks (401 otherwise), then the runtime's way for a call, then the routes.

The routes' own code sees a Starlette Request whose state has `actor`, and app.state `sandbox` (State) and `runtime`."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from email.utils import format_datetime
from typing import Any, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync_pipeline.sandbox.control import CONTROL_PREFIX, control_routes
from sync_pipeline.sandbox.faults import Fault
from sync_pipeline.sandbox.runtime import ConnectionFault, Runtime, Service
from sync_pipeline.sandbox.state import Actor

logger = logging.getLogger(__name__)
ANONYMOUS: Final = Actor("anonymous")


def build(service: Service, runtime: Runtime) -> ASGIApp:
    """The ASGI application of one port."""
    runtime.register(service)
    inner = Starlette(routes=[*control_routes(), *service.routes], exception_handlers=dict(service.exception_handlers))
    inner.state.sandbox = runtime.state
    inner.state.runtime = runtime
    inner.state.service = service
    return _Port(service, runtime, inner)


class _Port:
    """The outermost ASGI callable, so that `send` is the HTTP server's own and a fault can reach the connection."""

    def __init__(self, service: Service, runtime: Runtime, inner: Starlette) -> None:
        self._service = service
        self._runtime = runtime
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the sandbox serves HTTP only, not {scope['type']}")
        body = await _read(receive)
        try:
            response = await self._respond(scope, body)
        except ConnectionFault as broken:
            await _break(broken, scope, receive, send)
            return
        # The sandbox's own clock, unless a fault made it another one.
        response.headers.setdefault("Date", format_datetime(self._runtime.state.now(), usegmt=True))
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, body: bytes) -> Response:
        service, runtime, path, method = self._service, self._runtime, str(scope["path"]), str(scope["method"])

        async def handle() -> Response:
            try:
                return await _buffered(self._inner, scope, body)
            except Exception as error:  # the sandbox's own defect: told in full, never hidden behind a service's 500
                logger.exception("the sandbox failed at %s %s", method, path)
                told = {"sandbox_error": f"{type(error).__name__}: {error}", "request": f"{method} {path}"}
                return JSONResponse(told, status_code=500)

        if path.startswith(CONTROL_PREFIX):
            scope.setdefault("state", {})["actor"] = ANONYMOUS
            return await runtime.transacted(handle)
        needs_token = path != "/" and not path.startswith("/pages/") and not service.is_public(path)
        actor = self._actor(scope) if needs_token else ANONYMOUS
        scope.setdefault("state", {})["actor"] = actor or ANONYMOUS
        raw_path = scope.get("raw_path", path.encode()).decode("latin-1")
        template = service.template(method, raw_path) if service.template else _template(service.routes, scope)
        runtime.count(actor or ANONYMOUS, method, template)
        if actor is None:
            return service.fault_responses["401"](Fault("401", service.name))
        return await runtime.perform(service, method=method, path=path, actor=actor, handle=handle)

    def _actor(self, scope: Scope) -> Actor | None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, token = value.decode("utf-8", "replace").partition(" ")
                if scheme.lower() == "bearer":
                    actor = self._runtime.tokens.look_up(self._service.name, token.strip())
                    is_unknown = actor is not None and actor.user is not None and not self._service.knows(actor.user)
                    return None if is_unknown else actor
        return None


def _template(routes: Sequence[BaseRoute], scope: Scope) -> str:
    for route in routes:
        match, _ = route.matches(scope)
        if match is Match.FULL and isinstance(route, Route):
            return route.path
    return "(unknown)"


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


async def _buffered(app: ASGIApp, scope: Scope, body: bytes) -> Response:
    """The whole answer before any of it is sent: the transaction has to be committed first."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def collect(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, collect)
    response = Response(b"".join(m.get("body", b"") for m in messages[1:]), status_code=messages[0]["status"])
    response.raw_headers = list(messages[0]["headers"])
    return response


async def _break(broken: ConnectionFault, scope: Scope, receive: Receive, send: Send) -> None:
    fault = broken.fault
    if fault.name == "truncated_body":
        body = bytes(broken.response.body) if broken.response is not None else b'{"value": [{"id": "'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body) + 64).encode())]
        status = broken.response.status_code if broken.response is not None else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[: max(1, len(body) // 2)], "more_body": True})
        await asyncio.sleep(0)
    if fault.name == "timeout":
        with suppress(TimeoutError):
            await asyncio.wait_for(_disconnected(receive), fault.hold_seconds)
    _abort(send, reset=fault.name == "connection_reset")
    await _disconnected(receive)  # the HTTP server would answer 500 in our place if we left before it noticed


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort(send: Send, *, reset: bool) -> None:
    # ASGI has no word for it; uvicorn's `send` is a method of the cycle that owns the transport.
    transport: Any = send.__self__.transport  # type: ignore[attr-defined]
    if reset:
        linger_zero = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
        transport.abort()
    else:
        transport.close()
