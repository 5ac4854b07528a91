"""What holds for every route of both APIs, from the route tables: it succeeds, its writes stand in the log, it reads no
large table from end to end, it asks who calls, it fails in its service's own form and has then done nothing."""

from __future__ import annotations

import random
import re
from typing import Final

import httpx
import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.fuzz.calls import Luck
from sync_pipeline_tests.sandbox.fuzz.run import Example, Report, Route, all_routes
from sync_pipeline_tests.sandbox.ledger import snapshot
from sync_pipeline_tests.sandbox.test_plans import scans

#: /me is /users/{id} with a person's token, by the same handlers.
ROUTES: Final = [route for route in all_routes() if route[0] == "api" and "/me" not in route[2]]
CALLS: Final = 2
TRIES: Final = 6  # a route's right calls differ, and a few of them name something that another one took away
PUBLIC: Final = ("/oauth2/token", "/oauth2/revoke", "/oauth2/v2.0/token", "/Soap/", "/services/data GET")
#: They write nothing that the log is about: tokens, sessions, jobs as such, cursors.
SILENT: Final = re.compile(
    r"/token |/revoke |/Soap/|/userinfo |/jobs/query|/jobs/ingest |/jobs/ingest/\{id\} DELETE|/batches "
    r"|/composite/sobjects/\{object\} "
)
#: The client's SOQL decides what they read.
SOQL: Final = re.compile(r"/(query|queryAll|composite|composite/batch|jobs/query|listviews/\{id\}/results)$")
#: Salesforce tells its limits with 403, Graph with 429; the other statuses they share.
FAULTS: Final = {
    "graph": {"429": 429, "503": 503, "504": 504},
    "salesforce": {"REQUEST_LIMIT_EXCEEDED": 403, "500": 500, "503": 503},
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: " ".join(route[1:]))
def test_a_route_succeeds_asks_who_calls_and_fails_as_its_service_does(
    sandbox_server: SandboxServer, route: Route
) -> None:
    report = Report(0)
    silent = route[3] == "GET" or SILENT.search(f"{route[2]} {route[3]}") is not None
    urls = {"graph": sandbox_server.graph_url, "salesforce": sandbox_server.salesforce_url}
    with httpx.Client(base_url=urls["graph"]) as graph, httpx.Client(base_url=urls["salesforce"]) as salesforce:
        luck = Luck(random.Random(str(route)).getrandbits(32), ["text"], [None])
        clients = {"graph": graph, "salesforce": salesforce}
        example = Example(luck, sandbox_server, clients, report, wrong_in_percent=0)
        example.is_traced = True
        for number in range(1, TRIES + 1):
            example.step(route)
            if number >= CALLS and report.share(route) > 0 and bool(example.entries_seen) is not silent:
                break
        assert report.share(route) > 0, dict(report.statuses[route])
        assert report.wrong == {}
        assert bool(example.entries_seen) is not silent, "the test is blind: nothing was written, or SILENT is wrong"
        if not SOQL.search(route[2]):
            assert [scan for each in sorted(example.statements) for scan in scans(sandbox_server.state.db, each)] == []
        example.prepare()
        sent = example.build(route)
        before, mark = snapshot(sandbox_server.state), len(sandbox_server.state.log())
        client, service = clients[sent.service], sent.service

        def send(token: str | None) -> httpx.Response:
            headers = {**sent.headers, **({} if token is None else {"Authorization": f"Bearer {token}"})}
            return client.request(sent.method, sent.address, content=sent.content, headers=headers)

        if not any(part in f"{route[2]} {route[3]}" for part in PUBLIC):
            for token in (None, "an old one"):
                answer = send(token)
                assert answer.status_code == 401
                told = answer.json()
                code = told["error"]["code"] if service == "graph" else told[0]["errorCode"]
                assert code == {"graph": "InvalidAuthenticationToken", "salesforce": "INVALID_SESSION_ID"}[service]
        for fault, status in FAULTS[service].items():
            client.post("/_sandbox/faults", json=[{"fault": fault, "match": {"in_batch": False}}]).raise_for_status()
            answer = send(sent.token)
            told = answer.json()
            assert answer.status_code == status
            assert told["error"]["innerError"]["request-id"] if service == "graph" else told[0]["errorCode"]
            assert ("Retry-After" in answer.headers) is (fault == "429")
        assert (snapshot(sandbox_server.state), len(sandbox_server.state.log())) == (before, mark)
