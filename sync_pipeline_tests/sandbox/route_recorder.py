"""A pytest plugin: notes which test got which answer of which route, one JSON line each, in the file $SANDBOX_ROUTES.

Answers that a fault made are left out: they say nothing about a route."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

import pytest
from starlette.responses import Response
from starlette.types import Scope

from sync_pipeline.sandbox.app import _Port
from sync_pipeline.sandbox.runtime import Runtime, Service
from sync_pipeline.sandbox.state import Actor

VARIABLE: Final = "SANDBOX_ROUTES"
_test: str = ""
_refused: ContextVar[bool] = ContextVar("whether the call was refused at the door", default=False)
_template: ContextVar[str] = ContextVar("route template of the call", default="")


def pytest_runtest_logstart(nodeid: str, location: Any) -> None:
    global _test
    _test = nodeid


def pytest_configure(config: pytest.Config) -> None:
    path = Path(os.environ[VARIABLE])
    count, perform, respond = Runtime.count, Runtime.perform, _Port._respond

    def counting(self: Runtime, actor: Actor, method: str, template: str, *, in_batch: bool = False) -> None:
        _template.set(template)
        count(self, actor, method, template, in_batch=in_batch)

    async def performing(
        self: Runtime, service: Service, *, method: str, handle: Callable[[], Awaitable[Response]], **rest: Any
    ) -> Response:
        template, fired = _template.get(), self.faults.fired.total()
        _refused.set(False)
        response = await perform(self, service, method=method, handle=handle, **rest)
        if self.faults.fired.total() == fired:
            seen = [service.name, template, method, response.status_code, _code(response), _test]
            with path.open("a") as file:
                file.write(json.dumps(seen) + "\n")
        return response

    async def responding(self: _Port, scope: Scope, body: bytes) -> Response:
        """A call without a good token gets its answer before it is performed."""
        _refused.set(True)
        response = await respond(self, scope, body)
        template = _template.get()
        if _refused.get() and response.status_code == 401:
            seen = [self._service.name, template, scope["method"], 401, _code(response), _test]
            with path.open("a") as file:
                file.write(json.dumps(seen) + "\n")
        return response

    Runtime.count, Runtime.perform = counting, performing  # type: ignore[method-assign]
    _Port._respond = responding  # type: ignore[method-assign]


def _code(response: Response) -> str:
    """The error code of either service's error form; "" where there is none."""
    if response.status_code < 400:
        return ""
    try:
        told = json.loads(bytes(response.body))
    except ValueError:
        return ""
    if isinstance(told, list) and told:
        return str(told[0].get("errorCode", ""))
    error = told.get("error", "") if isinstance(told, dict) else ""
    return str(error.get("code", "") if isinstance(error, dict) else error)
