"""The control plane, the injected faults and the pages of the Graph port, and what survives a restart."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.server import SandboxError, SandboxServer
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient


def test_people_requests_and_the_log_are_told(graph: GraphClient) -> None:
    assert graph.control("GET", "mailboxes")[0] == {"mailbox": ANNA, "salesforce_user": f"{ANNA}.org"}
    graph.contact(surname="Seen")
    graph.ok("GET", "contactFolders/contacts/childFolders")
    counts = graph.control("GET", "requests")["by_actor"]["application"]
    assert counts["GET /v1.0/users/{id}/contactFolders/{id}/childFolders"] == 1
    [entry] = graph.log()
    assert set(entry) == {"seq", "at", "service", "actor", "mailbox", "entity", "id", "action", "before", "after"}
    assert (entry["actor"], entry["before"], entry["after"]["surname"]) == ("application", None, "Seen")
    assert graph.log(after=entry["seq"]) == []


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("401", 401),
        ("403", 403),
        ("404", 404),
        ("409", 409),
        ("410_resync", 410),
        ("412", 412),
        ("429", 429),
        ("429_without_retry_after", 429),
        ("500", 500),
        ("502", 502),
        ("503", 503),
        ("504", 504),
        ("507", 507),
    ],
)
def test_a_refused_call_has_no_effect_and_graphs_error_form(graph: GraphClient, fault: str, status: int) -> None:
    graph.control("POST", "faults", [{"match": {"method": "post"}, "fault": fault}])
    answer = graph.request("POST", "contacts", json={"surname": "Never"})
    assert (answer.status_code, "error" in answer.json()) == (status, True)
    assert ("Retry-After" in answer.headers) == (fault == "429")
    assert graph.log() == []
    assert graph.request("POST", "contacts", json={"surname": "Now"}).status_code == 201


@pytest.mark.parametrize("fault", ["timeout", "connection_reset", "truncated_body", "html_error"])
def test_a_lost_response_leaves_its_effect(graph: GraphClient, fault: str) -> None:
    graph.control("POST", "faults", [{"fault": fault, "position": "response_lost", "hold_seconds": 0.05}])
    if fault == "html_error":
        assert graph.request("POST", "contacts", json={"surname": "Done"}).text.startswith("<html>")
    else:
        with pytest.raises(httpx.TransportError):
            graph.request("POST", "contacts", json={"surname": "Done"})
    assert [row["after"]["surname"] for row in graph.log()] == ["Done"]
    assert graph.request("GET", "contacts").status_code == 200


def test_faults_match_by_actor_count_and_can_be_cleared(graph: GraphClient) -> None:
    match = {"actor": "application", "path": "/contacts$", "nth": 2}
    graph.control("POST", "faults", [{"match": match, "fault": "503", "times": 2}])
    assert [graph.request("GET", "contacts").status_code for _ in range(4)] == [200, 503, 503, 200]
    graph.control("POST", "faults", [{"fault": "503", "times": 9}])
    graph.control("DELETE", "faults")
    assert graph.request("GET", "contacts").status_code == 200


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"fault": "nonsense"}, "unknown fault"),
        ({"fault": "500", "position": "never"}, "unknown position"),
        ({"fault": "500", "match": {"route": "x"}}, "unknown key"),
        ({"fault": "500", "times": 0}, "whole number"),
    ],
)
def test_a_fault_that_is_described_wrongly_is_refused_with_what_is_known(
    graph: GraphClient, fault: dict[str, object], told: str
) -> None:
    answer = graph.request("POST", "/_sandbox/faults", json=[fault])
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_the_clock_goes_forward_and_can_be_set(graph: GraphClient) -> None:
    graph.control("POST", "clock", {"set": "2030-01-01T00:00:00Z"})
    person = {"Authorization": f"Bearer user:{ANNA}"}  # the application's token has expired by now
    made = graph.ok("POST", "/v1.0/me/contacts", json={"surname": "Later"}, headers=person)
    assert made["createdDateTime"].startswith("2030-01-01T00:00:0")
    graph.control("POST", "clock", {"advance_seconds": 3600})
    assert graph.control("GET", "clock")["now"].startswith("2030-01-01T01:00:0")


def test_a_reset_empties_everything_but_the_tokens(graph: GraphClient) -> None:
    graph.contact(surname="Old")
    graph.control("POST", "switches", {"if_match_honoured": False})
    graph.control("POST", "reset", {"empty": True})
    assert graph.log() == graph.control("GET", "mailboxes") == graph.ok("GET", "/v1.0/users")["value"] == []
    assert graph.control("GET", "switches")["if_match_honoured"] is True


def test_state_survives_a_restart(tmp_path: Path) -> None:
    with SandboxServer(tmp_path) as server:
        mailboxes = Mailboxes(server.state)
        mailboxes.create_mailbox(ANNA, "Anna Berg")
        client = GraphClient(server.graph_url, f"user:{ANNA}")
        with client.http:
            made = client.contact(surname="Lasting")
            _, link = client.delta("contacts/delta")
    with SandboxServer(tmp_path) as server:
        client = GraphClient(server.graph_url, f"user:{ANNA}")
        with client.http:
            assert client.ok("GET", f"contacts/{made['id']}")["surname"] == "Lasting"
            other = client.contact(surname="Next")
            assert other["id"] != made["id"]
            token = link.split("?")[1]
            assert [row["surname"] for row in client.delta(f"contacts/delta?{token}")[0]] == ["Next"]


def test_a_port_in_use_is_told_with_the_option_that_changes_it(graph: GraphClient) -> None:
    port = graph.http.base_url.port
    assert port is not None
    with pytest.raises(SandboxError, match=f"port {port} .*--graph-port"):
        SandboxServer(graph_port=port)


def test_a_person_adds_edits_categorises_moves_and_deletes_on_the_pages(graph: GraphClient) -> None:
    folder = graph.folder("Salesforce Contacts")
    base = f"/pages/{ANNA}"
    with httpx.Client(base_url=graph.http.base_url, follow_redirects=True) as browser:
        assert "Anna Berg" in browser.get("/").text
        default = graph.ok("GET", "contactFolders/contacts")["id"]
        fields = {"folder": default, "givenName": "Zoë", "surname": "<Zimt>", "emailAddresses": "zoe@example.com"}
        assert "Zoë &lt;Zimt&gt;" in browser.post(f"{base}/contacts", data=fields).text
        contact = f"{base}/contacts/{graph.log()[-1]['id']}"
        assert 'value="Zoë"' in browser.get(contact).text
        browser.post(contact, data={"givenName": "Zoé", "surname": "<Zimt>", "emailAddresses": "zoe@example.com"})
        browser.post(f"{contact}/categorise", data={"category": "Salesforce"})
        browser.post(f"{contact}/move", data={"folder": folder})
        assert "Zoé" in browser.get(f"{base}?folder={folder}").text
        browser.post(f"{contact}/delete")
        deleted = graph.ok("GET", "contactFolders/deleteditems")["id"]
        assert "Zoé" in browser.get(f"{base}?folder={deleted}").text
        assert browser.get("/pages/nobody@example.com").status_code == 404
    acts = [(row["action"], row["actor"]) for row in graph.log()[1:]]
    assert acts == [(action, f"user:{ANNA}") for action in ("create", "update", "update", "move", "delete")]
