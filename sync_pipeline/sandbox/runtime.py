"""One call's way through a stand-in: so many at once, latency, fault, one transaction, fault after the effect.

Both ports share one Runtime, and $batch sends its sub-requests the same way as the HTTP server its requests."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from sync_pipeline.sandbox.faults import (
    CLOCK_SKEW,
    CONNECTION_FAULTS,
    Attempt,
    Fault,
    FaultKind,
    Faults,
    Injected,
    under_way,
)
from sync_pipeline.sandbox.state import Actor, State
from sync_pipeline.sandbox.tokens import Tokens

logger = logging.getLogger(__name__)

# A control action gets the state and the request's JSON body and answers JSON; ValueError and LookupError become a 400.
ControlAction = Callable[[State, Mapping[str, Any]], Any]
Seeder = Callable[[State, Mapping[str, Any]], None]
# The fault that the service acts out in the call being handled, see Service.acts_out.
acted_fault: ContextVar[Fault | None] = ContextVar("acted_fault", default=None)
HTML_ERROR: Final = "<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


class ConnectionFault(Exception):
    """The connection itself is to fail. `response` is what would have been sent (truncated_body sends half of it)."""

    def __init__(self, fault: Fault, response: Response | None) -> None:
        super().__init__(fault.name)
        self.fault = fault
        self.response = response


@dataclass(frozen=True)
class Service:
    """What one stand-in gives the core.

    routes: Starlette routes of the API, the OAuth endpoints and the pages ("/" and below "/pages/").
    fault_responses: fault name -> its answer in the service's own error form. "401" and "500" must be among them.
    fault_kinds: fault name -> what it means and which calls it hits; the behaviours have no answer.
    exception_handlers: exception class or status -> Starlette handler; an answer of 400 and above undoes what was done.
    is_public: whether a path needs no bearer token (the OAuth endpoints).
    knows: whether somebody of that name is there at all; another one's token is answered as an unknown token is.
    acts_out: whether the handlers act a fault out themselves (some rows of a call fail, say), from (fault, method,
        path); they find it in `acted_fault`.
    template: the route template that counts a request, from (method, path); None leaves it to the Starlette route.
    opens_own_transactions: true for $batch, whose sub-requests each are a call of their own.
    concurrency_key: what a call counts against while the switch `concurrency_switch` is on; beyond the limit: 429.
    control: name below /_sandbox/ -> action, e.g. "graph/move".
    """

    name: str
    routes: Sequence[BaseRoute]
    fault_responses: Mapping[str, Callable[[Fault], Response]]
    fault_kinds: Mapping[str, FaultKind] = field(default_factory=dict)
    exception_handlers: Mapping[Any, Callable[[Request, Exception], Response | Awaitable[Response]]] = field(
        default_factory=dict
    )
    is_public: Callable[[str], bool] = lambda path: False
    knows: Callable[[str], bool] = lambda user: True
    acts_out: Callable[[Fault, str, str], bool] = lambda fault, method, path: False
    template: Callable[[str, str], str] | None = None
    opens_own_transactions: Callable[[str], bool] = lambda path: False
    concurrency_key: Callable[[str], str | None] = lambda path: None
    concurrency_switch: str = ""
    concurrency_limit: int = 4
    control: Mapping[str, ControlAction] = field(default_factory=dict)


class Runtime:
    """What the two ports share."""

    def __init__(self, state: State, *, seeder: Seeder | None = None) -> None:
        self.state = state
        self.seeder = seeder
        self.faults = Faults()
        self.tokens = Tokens(state)
        self.control: dict[str, ControlAction] = {}
        self._turn = asyncio.Lock()  # a handler may await, so a transaction needs a turn of its own
        self._in_flight: Counter[str] = Counter()
        self.forget_requests()

    def forget_requests(self) -> None:
        self._requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._batched: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.faults.fired.clear()

    def register(self, service: Service) -> None:
        plain = dict.fromkeys(service.fault_responses, FaultKind())
        self.faults.declare(service.name, {**plain, **service.fault_kinds})
        self.control.update(service.control)

    def count(self, actor: Actor, method: str, template: str, *, in_batch: bool = False) -> None:
        (self._batched if in_batch else self._requests)[actor.name][f"{method} {template}"] += 1

    def requests(self) -> dict[str, Any]:
        return {
            "by_actor": {actor: dict(counts) for actor, counts in self._requests.items()},
            "faults": dict(self.faults.fired),
            "batch_subrequests": {actor: counts.total() for actor, counts in self._batched.items()},
            "batch_by_actor": {actor: dict(counts) for actor, counts in self._batched.items()},
        }

    async def perform(
        self,
        service: Service,
        *,
        method: str,
        path: str,
        actor: Actor,
        handle: Callable[[], Awaitable[Response]],
        in_batch: bool = False,
    ) -> Response:
        """Runs one call. Raises ConnectionFault where no answer, or half of one, is to be sent."""
        key = service.concurrency_key(path)
        attempt = Attempt(method, path, in_batch, 0 if key is None else self._in_flight[key])
        if self.state.switches.get(service.concurrency_switch) and attempt.concurrent >= service.concurrency_limit:
            return service.fault_responses["429"](Fault("429", service.name))
        if key is not None:
            self._in_flight[key] += 1
        try:
            latency = float(self.state.switches["latency_ms"]) / 1000
            if latency > 0 and not service.opens_own_transactions(path):  # a $batch takes as long as its parts
                await asyncio.sleep(latency)
            fault = self.faults.take(service.name, attempt, actor.name)
            kind = FaultKind() if fault is None else self.faults.kind(service.name, fault)
            if fault is None:
                acted_fault.set(None)
                return await self._handled(service, path, handle)

            async def fired() -> None:
                async with self._turn:
                    self.state.record_fault(
                        service=service.name, actor=actor.name, fault=fault.name, position=fault.position,
                        method=method, path=path, in_batch=in_batch,
                    )  # fmt: skip

            if kind.behaviour:
                return await self._misbehaving(service, path, handle, fault, fired)
            acted = service.acts_out(fault, method, path)
            acted_fault.set(fault if acted else None)
            is_refused = fault.position == "refused" and not acted and not kind.effect_done
            response = None if is_refused else await self._handled(service, path, handle)
            await fired()
            return response if acted and response is not None else self._answer(service, fault, response)
        finally:
            if key is not None:
                self._in_flight[key] -= 1

    async def _handled(self, service: Service, path: str, handle: Callable[[], Awaitable[Response]]) -> Response:
        return await (handle() if service.opens_own_transactions(path) else self.transacted(handle))

    async def _misbehaving(
        self,
        service: Service,
        path: str,
        handle: Callable[[], Awaitable[Response]],
        fault: Fault,
        fired: Callable[[], Awaitable[None]],
    ) -> Response:
        """The call goes its way under a behaviour; position response_lost then loses the answer too."""
        behaviour = Injected(fault, used=fault.name == CLOCK_SKEW)
        token = under_way.set(behaviour)
        try:
            response = await self._handled(service, path, handle)
        finally:
            under_way.reset(token)
        if not behaviour.used:
            self.faults.give_back(fault)
            return response
        await fired()
        if fault.position == "response_lost":
            raise ConnectionFault(Fault("connection_reset", service.name), response)
        if fault.name == CLOCK_SKEW:
            moment = self.state.now() + timedelta(seconds=fault.skew_seconds)
            response.headers["Date"] = format_datetime(moment, usegmt=True)
        return response

    async def transacted(self, handle: Callable[[], Awaitable[Response]]) -> Response:
        """One transaction, committed before the answer is sent, undone when the answer is an error."""
        behaviour = under_way.get()
        is_skewed = behaviour is not None and behaviour.fault.name == CLOCK_SKEW
        async with self._turn:
            try:
                skew = self.state.skewed(behaviour.fault.skew_seconds) if behaviour and is_skewed else nullcontext()
                with skew, self.state.transaction():
                    response = await handle()
                    if response.status_code >= 400:
                        raise _Undo(response)
                    return response
            except _Undo as undo:
                return undo.response

    @staticmethod
    def _answer(service: Service, fault: Fault, done: Response | None) -> Response:
        if fault.name == "html_error":
            return HTMLResponse(HTML_ERROR, status_code=502)
        if fault.name in CONNECTION_FAULTS:
            raise ConnectionFault(fault, done)
        return service.fault_responses[fault.name](fault)


class _Undo(Exception):
    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response
