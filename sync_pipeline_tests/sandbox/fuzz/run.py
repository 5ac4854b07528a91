"""Sends calls at random to a sandbox of its own, and judges each: the answer's form, the data, the mutation log.

A call that is refused must have changed nothing; one that changed something must stand in the log, with its actor."""

from __future__ import annotations

import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sync_pipeline.sandbox.graph.errors import GraphError
from sync_pipeline.sandbox.graph.routes import graph_service
from sync_pipeline.sandbox.runtime import Runtime, Service
from sync_pipeline.sandbox.salesforce.errors import SalesforceError
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.salesforce.routes import salesforce_service
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.sandbox.state import Json, State
from sync_pipeline_tests import loopback
from sync_pipeline_tests.sandbox.fuzz.calls import JUNK, TEXT, WRONG_IN_PERCENT, Luck, Sent, spoilt
from sync_pipeline_tests.sandbox.fuzz.graph_calls import GraphCalls
from sync_pipeline_tests.sandbox.fuzz.other_calls import OtherCalls, control_calls
from sync_pipeline_tests.sandbox.fuzz.salesforce_calls import ADMIN, SalesforceCalls, page_routes
from sync_pipeline_tests.sandbox.graph_client import application_token
from sync_pipeline_tests.sandbox.ledger import snapshot, unlogged

CALLS_PER_EXAMPLE: Final = 20
EXAMPLES_PER_ROUND: Final = 20
FAULTS_IN_PERCENT: Final = 4
LEAST_SHARE: Final = 0.2
JUDGED_FROM: Final = 30  # calls of a route; below, its share says nothing
GIVEN_UP: Final = (SalesforceError, GraphError)
Route = tuple[str, str, str, str]  # kind (api, page, control), service, template, method


@dataclass
class Report:
    """What a run saw: statuses by route, and what was wrong with which call, each kind once."""

    seed: int
    statuses: defaultdict[Route, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: dict[str, str] = field(default_factory=dict)
    injected: int = 0
    given_up: Counter[str] = field(default_factory=Counter)

    @property
    def calls(self) -> int:
        return sum(counts.total() for counts in self.statuses.values())

    def share(self, route: Route) -> float:
        """Of successes: 2xx, and for a page also the way back to the list that follows a form."""
        counts = self.statuses[route]
        good = sum(n for status, n in counts.items() if status < 300 or (route[0] == "page" and status == 303))
        return good / counts.total()

    def poor(self, least_calls: int = JUDGED_FROM) -> list[Route]:
        judged = [route for route, counts in self.statuses.items() if counts.total() >= least_calls]
        return [route for route in judged if self.share(route) < LEAST_SHARE]

    def table(self) -> str:
        lines = [f"{'2xx':>5} {'calls':>6}  route"]
        for route in sorted(self.statuses, key=self.share):
            lines.append(f"{self.share(route):5.0%} {self.statuses[route].total():6}  {' '.join(route[1:])}")
        return "\n".join(lines)


class Example:
    """One fresh org and mailboxes, and the calls sent to them."""

    def __init__(
        self,
        luck: Luck,
        server: SandboxServer,
        http: Mapping[str, httpx.Client],
        report: Report,
        *,
        wrong_in_percent: int = WRONG_IN_PERCENT,
    ) -> None:
        self.luck, self.server, self.http, self.report = luck, server, http, report
        self.wrong_in_percent, self.entries_seen = wrong_in_percent, 0
        self.statements: set[str] = set()  # that the calls sent to SQLite, while `is_traced`
        self.is_traced = False
        self.state: State = server.state
        self._control("POST", "reset", {"empty": True})
        self._control("POST", "clock", {"advance_seconds": 0})
        self.application = application_token(server.graph_url)
        self.graph = GraphCalls(self.luck, self.state, self.application)
        self.salesforce = SalesforceCalls(self.luck, self.state, ADMIN)
        self.other = OtherCalls(self.luck, self.graph, self.salesforce)
        self.prepare()

    def _control(self, method: str, name: str, body: Any = None) -> Any:
        return self.http["graph"].request(method, f"/_sandbox/{name}", json=body).raise_for_status().json()

    def prepare(self) -> None:
        self.graph.populate()
        self.salesforce.org = Org(self.state)  # makes the org's base anew after a reset
        self.salesforce.acting = self.salesforce.org.administrator()
        if self.salesforce.org.object("Contact").field("Ext__c") is None:
            new = {"object": "Contact", "name": "Ext__c", "externalId": True, "unique": True}
            self._control("POST", "salesforce/fields", new)
        self.salesforce.populate()

    def step(self, route: Route) -> None:
        self.prepare()
        sent = self.build(route)
        if self.luck.chance(self.wrong_in_percent):
            sent = spoilt(sent, self.luck)
        is_injected = route[0] == "api" and bool(self.wrong_in_percent) and self.luck.chance(FAULTS_IN_PERCENT)
        if is_injected:
            self._inject(sent.service)
        before, mark, switches = snapshot(self.state), self._mark(), dict(self.state.switches)
        answer: httpx.Response | None = None
        self.state.db.set_trace_callback(self.statements.add if self.is_traced else None)
        # a connection that a fault broke off after its answer is nothing for a later call to find in the pool
        http = loopback.client(str(self.http[sent.service].base_url)) if is_injected else self.http[sent.service]
        try:
            answer = http.request(
                sent.method,
                sent.address,
                content=sent.content,
                headers={
                    **({"Authorization": f"Bearer {sent.token}"} if sent.token is not None else {}),
                    **sent.headers,
                },
            )
        except (httpx.LocalProtocolError, httpx.InvalidURL):
            return  # nothing was sent
        except httpx.TransportError as error:
            if not is_injected:
                self._wrong(sent, f"no answer: {type(error).__name__}")
        finally:
            self.state.db.set_trace_callback(None)
            if is_injected:
                http.close()
                self.report.injected += 1
                self._control("DELETE", "faults")
        if answer is not None and answer.status_code >= 400 and self.state.switches != switches:
            self._wrong(sent, f"refused with {answer.status_code}, yet switches changed")
        if answer is not None and not is_injected:
            self.report.statuses[route][answer.status_code] += 1
        self._judge(sent, route, answer, is_injected, before, mark)

    def build(self, route: Route) -> Sent:
        kind, service, template, method = route
        if kind == "control":
            return self.other.control(template, method)
        if kind == "page":
            return self.other.page(service, template, method)
        return (self.graph if service == "graph" else self.salesforce).build(template, method)

    def _inject(self, service: str) -> None:
        known = self._control("GET", "faults/known")[service]
        position = self.luck.one(["refused", "response_lost"])
        fault = {"fault": self.luck.one(sorted(known)), "position": position, "hold_seconds": 0.01, "skew_seconds": 60}
        self._control("POST", "faults", [fault])

    def _mark(self) -> int:
        return int(self.state.db.execute("SELECT coalesce(max(seq), 0) FROM mutations").fetchone()[0])

    def _judge(
        self, sent: Sent, route: Route, answer: httpx.Response | None, is_injected: bool, before: Any, mark: int
    ) -> None:
        own_defect = answer is not None and "sandbox_error" in answer.text[:200]
        unasked = answer is not None and answer.status_code >= 500 and not is_injected and not _is_soap_fault(answer)
        if answer is not None and (own_defect or unasked):
            self._wrong(sent, f"{answer.status_code}: {answer.text[:300]}")
        elif answer is not None and route[0] == "api" and not is_injected and not _is_in_form(sent.service, answer):
            self._wrong(sent, f"no error of this service: {answer.status_code} {answer.text[:300]}")
        if sent.path.rstrip("/") == "/_sandbox/reset":
            return
        after, entries = snapshot(self.state), self.state.log(mark)
        self.entries_seen += len(entries)
        refused = answer is not None and answer.status_code >= 400 and not is_injected
        if refused and (after != before or entries):
            told = unlogged(before, after, [], ()) or [f"log entries {[entry['action'] for entry in entries]}"]
            self._wrong(sent, f"refused with {answer and answer.status_code}, yet: {told[0]}")
        for told_once in [] if refused else unlogged(before, after, entries, _actors(sent, entries, self.application)):
            self._wrong(sent, told_once)

    def _wrong(self, sent: Sent, what: str) -> None:
        kind = re.sub(r"\w*\d\w*", "#", f"{sent.service} {sent.method} {what}")[:120]
        self.report.wrong.setdefault(kind, f"{what}\n    {sent}")


def _actors(sent: Sent, entries: list[Json], application: str) -> set[str]:
    """In whose name the call may write. Pages and the control plane name the person in what they send."""
    if not sent.path.lstrip("/").lower().startswith(("v1.0", "services")):
        named = (entry for entry in entries if entry["actor"].startswith("user:") or entry["action"] == "purge")
        return {entry["actor"] for entry in named}  # what has been in the bin for too long goes by itself
    if sent.token in (application, None) or not str(sent.token).startswith("user:"):
        # A spoilt Authorization header may name another person.
        return {"application", "service", sent.headers.get("Authorization", "").partition(" ")[2]}
    return {str(sent.token), "service", ADMIN if "/jobs/" in sent.path else str(sent.token)}


def _is_soap_fault(answer: httpx.Response) -> bool:
    return answer.status_code == 500 and "<soapenv:Fault>" in answer.text  # SOAP's own status for a refusal


def _is_in_form(service: str, answer: httpx.Response) -> bool:
    """Whether a refusal has the service's own form: Graph's envelope, Salesforce's list, OAuth's object, SOAP."""
    if answer.status_code < 400 or _is_soap_fault(answer):
        return True
    if answer.headers.get("content-type", "").startswith("text/html"):
        return "/pages/" in str(answer.request.url) or answer.request.url.path == "/"
    try:
        told = answer.json()
    except ValueError:
        return False
    if isinstance(told, list):
        return bool(told) and all("errorCode" in each and "message" in each for each in told)
    error = told.get("error")
    tree = isinstance(told.get("results"), list) and "hasErrors" in told
    return tree or isinstance(error, str) or (service == "graph" and {"code", "message"} <= set(error or {}))


def all_routes() -> list[Route]:
    """Every route and method of both services, their pages and the control plane."""
    runtime = Runtime(State(None))
    services: list[Service] = [graph_service(runtime.state), salesforce_service(runtime.state)]
    for service in services:
        runtime.register(service)
    luck: Any = None
    apis: dict[str, GraphCalls | SalesforceCalls] = {
        "graph": GraphCalls(luck, runtime.state, ""),
        "salesforce": SalesforceCalls(luck, runtime.state, ""),
    }
    found: list[Route] = [("api", name, *each) for name, calls in apis.items() for each in calls.routes()]
    found += [("page", service.name, *each) for service in services for each in page_routes(list(service.routes))]
    return [*found, *(("control", "both", *each) for each in control_calls(runtime.control))]


def explore(seed_: int, *, until: Callable[[Report], bool]) -> Report:
    """Sends calls until `until` says that it is enough; every route in turn, so that each gets its share."""
    report, routes = Report(seed_), all_routes()
    turn = count()
    with SandboxServer() as server:
        urls = {"graph": server.graph_url, "salesforce": server.salesforce_url}
        clients = {name: httpx.Client(base_url=url, timeout=20, trust_env=False) for name, url in urls.items()}

        @settings(
            max_examples=EXAMPLES_PER_ROUND, derandomize=False, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(st.integers(0, 2**64), st.lists(TEXT, min_size=8, max_size=8), st.lists(JUNK, min_size=8, max_size=8))
        def some(number: int, texts: list[str], junk: list[Any]) -> None:
            if until(report):
                return
            try:
                example = Example(Luck(number, texts, junk), server, clients, report)
                for _ in range(CALLS_PER_EXAMPLE):
                    example.step(routes[next(turn) % len(routes)])
            except (
                GIVEN_UP
            ) as error:  # an earlier call left an org in which the next cannot be prepared: a validation rule
                report.given_up[f"{type(error).__name__}: {error}"[:100]] += 1

        for number in count():
            if until(report):
                break
            seed(seed_ * 1_000_003 + number)(some)()
        for client in clients.values():
            client.close()
    return report


def for_minutes(minutes: float) -> Callable[[Report], bool]:
    deadline = time.monotonic() + minutes * 60
    return lambda report: time.monotonic() > deadline


def for_calls(most: int) -> Callable[[Report], bool]:
    return lambda report: report.calls >= most
