"""What docs/sandbox.md promises by name is there in the running server."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl

import pytest

from sync_pipeline.sandbox.seed import seeder
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests import loopback
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient

PAGE: Final = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
#: The service faults that are to be had (reliability.md), word by word; those of the process are the harness's.
BOTH: Final = (
    "401 mid-run", "429 with Retry-After", "429 without Retry-After", "500", "502", "503", "504", "timeout",
    "connection reset", "truncated body", "HTML error page", "clock skew",
)  # fmt: skip
GRAPH: Final = (
    "410 resync", "expired nextLink", "repeated delta items", "reordered delta items", "empty page with nextLink",
    "@removed of an unknown id", "a created item missing from delta for n polls", "changeKey changed without a change",
    "a move seen as removal, then upsert", "a move seen as upsert, then removal",
    "moved away and back and never re-added", "404", "409", "412", "403", "507", "$batch with failing parts",
    "per-part Retry-After", "more than 4 concurrent calls refused", "DELETE answering 404 although it succeeded",
    "server rewriting values: trim", "server rewriting values: e-mail order", "server rewriting values: display name",
)  # fmt: skip
SALESFORCE: Final = (
    "REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "DUPLICATES_DETECTED", "DUPLICATE_VALUE",
    "300 on an ambiguous external id", "ENTITY_IS_DELETED", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "STRING_TOO_LONG",
    "INVALID_CROSS_REFERENCE_KEY", "invalid query locator", "partial failure of a collection call", "merge",
    "undelete", "owner change", "a trigger that rewrites fields", "equal SystemModstamps at the watermark",
    "a row committed late with an old stamp", "shuffled bulk results", "a view that was deleted",
    "a view that was edited",
)  # fmt: skip


def rows(name: str) -> list[list[str]]:
    """The cells of the table between the marks of that name, without its head."""
    text = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    lines = [line.strip().strip("|") for line in text.strip().splitlines()]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]


def test_every_fault_that_is_to_be_had_is_told_with_what_produces_it() -> None:
    mapped = {(service, what) for service, what, _ in rows("mapping")}
    wanted = {("both", each) for each in BOTH} | {("graph", each) for each in GRAPH}
    assert (wanted | {("salesforce", each) for each in SALESFORCE}) - mapped == set()


@pytest.mark.parametrize(("service", "what", "means"), rows("mapping"), ids=lambda text: str(text)[:40])
def test_what_produces_a_fault_is_there(graph: GraphClient, service: str, what: str, means: str) -> None:
    faults, switches = graph.control("GET", "faults/known"), graph.control("GET", "switches/known")
    services = ["graph", "salesforce"] if service == "both" else [service]
    named = re.findall(r"(fault|switch|action|call) `([^`]+)`", means)
    assert named, f"{what}: the table names nothing that produces it"
    for kind, name in named:
        if kind == "fault":
            assert [each for each in services if name not in faults[each]] == []
        elif kind == "switch":
            assert name in switches
        elif kind == "action":
            assert name in actions(graph)
        else:
            method, path = name.split()
            assert (
                f"| {service} | `{path.replace('v60.0', 'v{version}').replace('Contact', '{object}')}` | {method} |"
                in PAGE
            )


def test_every_action_of_the_running_server_is_told_with_an_example(graph: GraphClient) -> None:
    told = {name for cell, _, _ in rows("actions") for name in re.findall(r"`([^`]+)`", cell)}
    assert told | {"expire_tokens"} == set(actions(graph))
    for name in ("reset", "mailboxes", "log", "log/faults", "requests", "faults", "switches", "clock", "expire_tokens"):
        assert f"/_sandbox/{name}" in PAGE


def test_the_examples_of_the_actions_are_accepted_as_they_stand() -> None:
    with SandboxServer(seeder=seeder(mailboxes=1, contacts=0, accounts=1)) as server:
        loopback.post(f"{server.graph_url}/_sandbox/reset", json={}).raise_for_status()
        org, graph = OrgClient(server), GraphClient(server.graph_url, f"user:{ANNA}")
        with org.http, graph.http:
            if "Customers" not in {each["displayName"] for each in graph.ok("GET", "contactFolders")["value"]}:
                graph.folder("Customers")
            ids = {name: org.create(LastName=name) for name in ("first", "second", "deleted", "binned")}
            for name in ("deleted", "binned"):
                org.ok("DELETE", f"sobjects/Contact/{ids[name]}")
            ids["outlook"] = graph.contact(surname="Dragged")["id"]
            for cell, example, _ in rows("actions"):
                body = re.sub(r"<(\w+)>", lambda found: ids[found[1]], example.strip("`"))
                for name in re.findall(r"`([^`]+)`", cell):
                    answer = loopback.post(f"{server.salesforce_url}/_sandbox/{name}", json=json.loads(body))
                    assert answer.status_code == 200, f"{name} {body}: {answer.text}"


def test_each_login_of_the_page_gives_a_token() -> None:
    with SandboxServer(seeder=seeder(mailboxes=1, contacts=0, accounts=0)) as server:
        loopback.post(f"{server.graph_url}/_sandbox/reset", json={}).raise_for_status()
        forms = re.findall(r"`(grant_type=[^`]+)`", PAGE)
        assert len(forms) == 5
        claims = {"iss": "sandbox-consumer", "sub": "anna@acme.example.com"}
        assertion = f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()}.c2ln"
        for form in forms:
            is_graph = "sandbox-app" in form
            path = (
                f"{server.graph_url}/any/oauth2/v2.0/token"
                if is_graph
                else f"{server.salesforce_url}/services/oauth2/token"
            )
            answer = loopback.post(path, data=dict(parse_qsl(form.replace("…", assertion))))
            assert answer.status_code == 200, f"{form}: {answer.text}"
            token = {"Authorization": f"Bearer {answer.json()['access_token']}"}
            with loopback.client(server.graph_url if is_graph else server.salesforce_url, headers=token) as client:
                client.get("/v1.0/users" if is_graph else "/services/data/v60.0/sobjects").raise_for_status()


#: What the page says is not there, by a call that shows it.
REFUSED_QUERIES: Final = {
    "GROUP BY": "SELECT LastName, COUNT(Id) n FROM Contact GROUP BY LastName",
    "child subqueries": "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
    "TYPEOF": "SELECT TYPEOF Owner WHEN User THEN Name END FROM Contact",
    "THIS_FISCAL_YEAR": "SELECT Id FROM Contact WHERE LastModifiedDate = THIS_FISCAL_YEAR",
    "CALENDAR_YEAR": "SELECT Id FROM Contact WHERE CALENDAR_YEAR(LastModifiedDate) = 2024",
    "FORMAT": "SELECT FORMAT(CreatedDate) FROM Contact",
    "FOR UPDATE": "SELECT Id FROM Contact FOR UPDATE",
    "ALL ROWS": "SELECT Id FROM Contact ALL ROWS",
    "Task": "SELECT Id FROM Task",
}


@pytest.mark.parametrize("what", sorted(REFUSED_QUERIES))
def test_what_the_page_says_of_soql_is_refused_is(sandbox_server: SandboxServer, what: str) -> None:
    assert what in PAGE.split("## What it does not do")[1].split("## Who asks")[0]
    org = OrgClient(sandbox_server)
    with org.http:
        assert org.request("GET", "query", params={"q": REFUSED_QUERIES[what]}).status_code == 400


def actions(graph: GraphClient) -> list[str]:
    """The control actions that the running server knows, by its own words."""
    answer = graph.request("POST", "/_sandbox/no/such/action", json={})
    assert answer.status_code == 400
    return [*answer.json()["error"].partition("known: ")[2].split(", "), "expire_tokens"]
