"""Several calls in one on the Salesforce stand-in: composite, composite/batch, composite/tree, query?columns=true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

BASE = "/services/data/v60.0"


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def _post(path: str, reference: str, **body: Any) -> dict[str, Any]:
    return {"method": "POST", "url": f"{BASE}/{path}", "referenceId": reference, "body": body}


def _composite(org: OrgClient, *parts: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    answered = org.ok("POST", "composite", json={"allOrNone": all_or_none, "compositeRequest": list(parts)})
    return list(answered["compositeResponse"])


def test_parts_use_what_earlier_ones_answered(org: OrgClient) -> None:
    found = {"method": "GET", "url": f"{BASE}/query?q=SELECT+Name+FROM+Account+WHERE+Id='@{{acme.id}}'",
             "referenceId": "found"}  # fmt: skip
    parts = (
        _post("sobjects/Account", "acme", Name="Acme"),
        _post("sobjects/Contact", "ida", LastName="Adler", AccountId="@{acme.id}"),
        found,
        {"method": "PATCH", "url": f"{BASE}/sobjects/Contact/@{{ida.id}}", "referenceId": "named",
         "body": {"Title": "of @{found.records[0].Name}"}},
    )  # fmt: skip
    acme, ida, _, named = _composite(org, *parts)
    assert (acme["httpStatusCode"], ida["httpStatusCode"], named["httpStatusCode"]) == (201, 201, 204)
    assert named["body"] is None
    contact = org.get(ida["body"]["id"])
    assert (contact["AccountId"], contact["Title"]) == (acme["body"]["id"], "of Acme")
    assert org.ok("GET", "/_sandbox/requests")["batch_subrequests"] == {"user:admin@acme.example.com": 4}


def test_what_depends_on_a_failed_part_is_halted_and_the_rest_stays(org: OrgClient) -> None:
    good, bad, halted, unknown = _composite(
        org,
        _post("sobjects/Account", "acme", Name="Acme"),
        _post("sobjects/Contact", "ida", FirstName="Ida"),
        _post("sobjects/Contact", "ben", LastName="@{ida.id}"),
        _post("sobjects/Contact", "cleo", LastName="@{acme.nothing}"),
    )
    assert (good["httpStatusCode"], bad["httpStatusCode"], halted["httpStatusCode"]) == (201, 400, 400)
    assert bad["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert halted["body"][0]["errorCode"] == unknown["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert len(org.query("SELECT Id FROM Account")) == 1


def test_all_or_none_undoes_every_part(org: OrgClient) -> None:
    good, bad = _composite(
        org,
        _post("sobjects/Account", "acme", Name="Acme"),
        _post("sobjects/Contact", "ida", FirstName="Ida"),
        all_or_none=True,
    )
    assert good["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert bad["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert org.query("SELECT Id FROM Account") == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "LIMIT_EXCEEDED"),
        ([_post("sobjects/Account", f"a{n}", Name="A") for n in range(26)], "LIMIT_EXCEEDED"),
        ([{"method": "GET", "url": f"{BASE}/query?q=x", "referenceId": f"q{n}"} for n in range(6)], "LIMIT_EXCEEDED"),
        ([_post("sobjects/Account", "a", Name="A")] * 2, "INVALID_INPUT"),
        ([_post("sobjects/Account", "a-b", Name="A")], "INVALID_INPUT"),
        ([{"method": "BREW", "url": BASE, "referenceId": "a"}], "JSON_PARSER_ERROR"),
        ([17], "JSON_PARSER_ERROR"),
        ("x", "JSON_PARSER_ERROR"),
    ],
)
def test_a_composite_that_cannot_be_is_refused(org: OrgClient, parts: Any, code: str) -> None:
    assert org.refused("POST", "composite", json={"compositeRequest": parts})[:2] == (400, code)
    assert org.query("SELECT Id FROM Account") == []


def test_an_unknown_address_or_verb_fails_its_part_alone(org: OrgClient) -> None:
    lost, wrong, nested = _composite(
        org,
        _post("nothing/here", "a"),
        {"method": "PUT", "url": f"{BASE}/sobjects/Contact", "referenceId": "b"},
        _post("composite/batch", "c"),
    )
    assert [part["httpStatusCode"] for part in (lost, wrong, nested)] == [404, 405, 404]


def test_a_batch_goes_on_after_an_error_unless_told_to_halt(org: OrgClient) -> None:
    requests = [
        {"method": "POST", "url": "v60.0/sobjects/Contact", "richInput": {"FirstName": "A"}},
        {"method": "POST", "url": "v60.0/sobjects/Contact", "richInput": {"LastName": "B"}},
        {"method": "GET", "url": "v60.0/limits"},
    ]
    answered = org.ok("POST", "composite/batch", json={"batchRequests": requests})
    assert (answered["hasErrors"], [each["statusCode"] for each in answered["results"]]) == (True, [400, 201, 200])
    halted = org.ok("POST", "composite/batch", json={"batchRequests": requests, "haltOnError": True})
    assert [each["statusCode"] for each in halted["results"]] == [400, 412, 412]
    assert len(org.query("SELECT Id FROM Contact")) == 1
    assert org.refused("POST", "composite/batch", json={"batchRequests": requests * 9})[1] == "LIMIT_EXCEEDED"
    assert org.refused("POST", "composite/batch", json=[])[1] == "JSON_PARSER_ERROR"


def _record(kind: str, reference: str, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **values}


def test_a_tree_makes_parents_with_their_children_or_nothing(org: OrgClient) -> None:
    contacts = {"records": [_record("Contact", "c1", LastName="Adler"), _record("Contact", "c2", LastName="Berg")]}
    tree = {"records": [_record("Account", "a1", Name="Acme", Contacts=contacts), _record("Account", "a2", Name="Box")]}
    made = org.ok("POST", "composite/tree/Account", json=tree)
    ids = {each["referenceId"]: each["id"] for each in made["results"]}
    assert (made["hasErrors"], set(ids)) == (False, {"a1", "a2", "c1", "c2"})
    assert org.get(ids["c2"])["AccountId"] == ids["a1"]
    contacts["records"][1].pop("LastName")
    refused = org.request("POST", "composite/tree/Account", json=tree)
    assert refused.status_code == 400
    [error] = refused.json()["results"]
    assert (error["referenceId"], error["errors"][0]["statusCode"]) == ("c2", "REQUIRED_FIELD_MISSING")
    assert len(org.query("SELECT Id FROM Account")) == 2


@pytest.mark.parametrize(
    "records",
    [
        [],
        [_record("Account", f"a{n}", Name="A") for n in range(201)],
        [_record("Account", "a", Name="A")] * 2,
        [_record("Contact", "a", LastName="A")],
        [{"Name": "A"}],
    ],
)
def test_a_tree_that_cannot_be_is_refused(org: OrgClient, records: Any) -> None:
    assert org.refused("POST", "composite/tree/Account", json={"records": records})[:2] == (400, "INVALID_INPUT")


def test_a_querys_columns_are_described(org: OrgClient) -> None:
    soql = "SELECT Id, LastName, Account.Name, Account.Owner.Alias FROM Contact"
    told = org.ok("GET", "query", params={"q": soql, "columns": "true"})
    assert (told["entityName"], told["idSelected"], told["keyPrefix"]) == ("Contact", True, "003")
    own, last_name, account = told["columnMetadata"]
    assert (own["columnName"], last_name["displayName"], last_name["aggregate"]) == ("Id", "LastName", False)
    name, owner = account["joinColumns"]
    assert (account["columnName"], name["columnName"]) == ("Account", "Name")
    assert [column["columnName"] for column in owner["joinColumns"]] == ["Alias"]
    counted = org.ok("GET", "query", params={"q": "SELECT COUNT(Id) FROM Contact", "columns": "true"})
    assert counted["columnMetadata"][0]["aggregate"] is True
    assert org.refused("GET", "query", params={"q": "SELECT x FROM Contact", "columns": "true"})[1] == "INVALID_FIELD"
