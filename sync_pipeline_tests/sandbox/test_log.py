"""No change of state without an entry in the mutation log, by whoever made it: the database before and after a call is
compared with what the log tells, for the pages, the control plane and what only people do.

test_every_route does it for the APIs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.fuzz.calls import Luck
from sync_pipeline_tests.sandbox.fuzz.run import Example, Report, Route, all_routes
from sync_pipeline_tests.sandbox.ledger import snapshot, unlogged
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, OrgClient, fresh_org

ADMIN: Final = "user:admin@acme.example.com"
MAILBOX: Final = "anna@example.com"
TRIES: Final = 4  # calls of a route: which records they write is drawn
#: They write nothing that the log is about: tokens, delta links, the sandbox's own knobs.
SILENT: Final = re.compile(
    r"/pages/act_as |/_sandbox/(clock|switches|requests|faults|expire_tokens|reset|graph/expire_delta) "
    r"|/_sandbox/salesforce/(triggers|validation_rules|duplicate_rules) "
)


def _writes(route: Route) -> bool:
    return route[0] != "api" and route[3] != "GET"  # test_every_route has the others


@pytest.mark.parametrize("route", [each for each in all_routes() if _writes(each)], ids=lambda each: " ".join(each[1:]))
def test_what_a_route_writes_stands_in_the_log(sandbox_server: SandboxServer, route: Route) -> None:
    report = Report(0)
    urls = {"graph": sandbox_server.graph_url, "salesforce": sandbox_server.salesforce_url}
    with httpx.Client(base_url=urls["graph"]) as graph, httpx.Client(base_url=urls["salesforce"]) as salesforce:
        clients = {"graph": graph, "salesforce": salesforce}
        luck = Luck(random.Random(str(route)).getrandbits(32), ["text"], [None])
        example = Example(luck, sandbox_server, clients, report, wrong_in_percent=0)
        for _ in range(TRIES):
            example.step(route)
    assert report.wrong == {}
    assert report.share(route) > 0, dict(report.statuses[route])
    silent = SILENT.search(f"{route[2]} {route[3]} ") is not None
    assert bool(example.entries_seen) is not silent, "the test is blind: the call wrote nothing, or SILENT is wrong"


# -- what only people do, one by one -----------------------------------------------------------------------------------


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        Mailboxes(sandbox_server.state).create_mailbox(MAILBOX, "Anna Adler")
        yield client


def _merge(org: OrgClient) -> None:
    winner, loser, child = (org.create(LastName=name) for name in ("Winner", "Loser", "Child"))
    org.ok("PATCH", f"sobjects/Contact/{child}", json={"ReportsToId": loser})
    org.control("salesforce/merge", {"winner": winner, "losers": [loser], "user": ANNA, "fill": True})


def _account_with_contacts(org: OrgClient) -> str:
    account = org.create("Account", Name="Acme")
    for name in ("One", "Two"):
        org.create(LastName=name, AccountId=account)
    org.ok("DELETE", f"sobjects/Account/{account}")
    return account


def _undelete(org: OrgClient) -> None:
    org.control("salesforce/undelete", {"ids": [_account_with_contacts(org)], "user": ANNA})


def _empty_bin(org: OrgClient) -> None:
    _account_with_contacts(org)
    assert org.control("salesforce/empty_bin", {})["removed"] == 3


def _list_view(org: OrgClient) -> None:
    for body in ({"where": "Title = 'CEO'"}, {"where": "Title = 'CFO'", "visible_to": [ANNA]}, {"delete": True}):
        org.control("salesforce/listviews", {"developer_name": "V", **body})


def _user(org: OrgClient) -> None:
    org.control("salesforce/users", {"username": "new@acme.example.com", "name": "New"})
    org.control("salesforce/users", {"username": "new@acme.example.com", "name": "New", "is_active": False})


def _field(org: OrgClient) -> None:
    for hidden in (False, True):
        org.control("salesforce/fields", {"object": "Contact", "name": "Ext__c", "hidden": hidden})


def _object(org: OrgClient) -> None:
    fields = [{"name": "Code__c", "externalId": True}]
    org.control("salesforce/objects", {"object": "Invoice__c", "label": "Invoice", "fields": fields})
    invoice = org.create("Invoice__c", Name="One", Code__c="1")
    org.ok("DELETE", f"sobjects/Invoice__c/{invoice}")
    org.control("salesforce/undelete", {"ids": [invoice]})


def _person_account(org: OrgClient) -> None:
    org.control("salesforce/person_accounts", {"LastName": "Person"})


def _ingest(org: OrgClient) -> None:
    job = org.ok("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert"})["id"]
    csv = {"content": b"LastName,Email\nGood,good@example.com\nBad,bad\n", "headers": {"Content-Type": "text/csv"}}
    org.request("PUT", f"jobs/ingest/{job}/batches", **csv)
    org.ok("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
    assert org.ok("GET", f"jobs/ingest/{job}")["numberRecordsFailed"] == 1


def _rename_mailbox(org: OrgClient) -> None:
    org.control("graph/rename", {"mailbox": MAILBOX, "address": "other@example.com"})


def _remove_mailbox(org: OrgClient) -> None:
    org.control("graph/mailbox", {"mailbox": "new@example.com", "name": "New"})
    org.control("graph/remove_mailbox", {"mailbox": "new@example.com"})


ACTS: Final[dict[str, tuple[Callable[[OrgClient], Any], set[str], list[str]]]] = {
    "merge": (_merge, {ADMIN, f"user:{ANNA}"}, ["create", "create", "create", "update", "merge", "update", "update"]),
    "undelete": (_undelete, {ADMIN, f"user:{ANNA}"}, ["create"] * 3 + ["delete"] * 3 + ["undelete"] * 3),
    "empty_bin": (_empty_bin, {ADMIN}, ["create"] * 3 + ["delete"] * 3 + ["purge"] * 3),
    "list_view": (_list_view, {ADMIN}, ["create", "update", "delete"]),
    "user": (_user, {ADMIN}, ["create", "update"]),
    "object": (_object, {ADMIN}, ["create", "create", "delete", "undelete"]),
    "field": (_field, {ADMIN}, ["create", "update"]),
    "person_account": (_person_account, {ADMIN}, ["create", "create", "update"]),
    "ingest_job": (_ingest, {ADMIN}, ["create"]),
    "rename_mailbox": (_rename_mailbox, {"user:administrator"}, ["update"]),
    "remove_mailbox": (_remove_mailbox, {"user:administrator"}, ["create", "delete"]),
}


@pytest.mark.parametrize("act", ACTS)
def test_what_a_person_does_stands_in_the_log_with_its_actor(org: OrgClient, act: str) -> None:
    run, actors, actions = ACTS[act]
    state = org.server.state
    before, mark = snapshot(state), len(org.log())
    run(org)
    entries = org.log()[mark:]
    assert unlogged(before, snapshot(state), entries, actors) == []
    assert sorted(entry["action"] for entry in entries) == sorted(actions)
    assert {entry["actor"] for entry in entries} == actors


def test_a_change_of_a_list_views_condition_shows_in_the_log(org: OrgClient) -> None:
    _list_view(org)
    made, changed, gone = org.log()[-3:]
    assert (made["after"]["where"], changed["before"]["where"], changed["after"]["where"], gone["after"]) == (
        "Title = 'CEO'", "Title = 'CEO'", "Title = 'CFO'", None,
    )  # fmt: skip


def test_the_ledger_itself_notices_what_the_log_leaves_out(org: OrgClient) -> None:
    state = org.server.state
    contact = org.create(LastName="Seen")
    before = snapshot(state)
    state.db.execute('UPDATE "sf_Contact" SET Title = ? WHERE Id = ?', ("unseen", contact))
    [told] = unlogged(before, snapshot(state), [], {ADMIN})
    assert "Title: None -> 'unseen'" in told
    entry = {"seq": 1, "entity": "Contact", "id": contact, "action": "update", "actor": "somebody else",
             "before": before["Contact", contact], "after": before["Contact", contact]}  # fmt: skip
    assert len(unlogged(before, snapshot(state), [entry], {ADMIN})) == 2
