"""Salesforce's documented refusals on every route that can produce them: salesforce.md A, B, C, D, E."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sync_pipeline.sandbox.salesforce import replication
from sync_pipeline.sandbox.salesforce.ids import make_id
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, BEN, OrgClient, fresh_org

NOWHERE: Final = make_id("003", 10**6)
UNKNOWN_JOB: Final = make_id("750", 10**6)
PERIOD: Final = "start=2026-01-01T00:00:00Z&end=2026-01-02T00:00:00Z"
#: errorCode -> what a record holds that is refused with it (beside the LastName that a new one needs).
BAD: Final[dict[str, dict[str, Any]]] = {
    "REQUIRED_FIELD_MISSING": {"LastName": None},
    "STRING_TOO_LONG": {"LastName": "x" * 81},
    "INVALID_EMAIL_ADDRESS": {"Email": "nobody"},
    "JSON_PARSER_ERROR": {"Birthdate": "yesterday"},
    "INVALID_FIELD": {"foo": 1},
    "INVALID_FIELD_FOR_INSERT_UPDATE": {"Name": "x"},
    "MALFORMED_ID": {"AccountId": "x"},
    "INVALID_CROSS_REFERENCE_KEY": {"AccountId": make_id("001", 10**6)},
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": {"Salutation": "Zz."},
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": {"Title": "a forbidden one"},
    "DUPLICATES_DETECTED": {"Email": "taken@example.com"},
    "DUPLICATE_VALUE": {"Unique__c": "taken"},
    "FIELD_INTEGRITY_EXCEPTION": {"MailingCountry": "Nowhere"},
}


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


@pytest.fixture
def strict(org: OrgClient) -> OrgClient:
    """An org with every rule there is."""
    org.control("salesforce/fields", {"object": "Contact", "name": "Salutation", "restrictedPicklist": True})
    for name in ("Unique__c", "Ext__c"):
        org.control("salesforce/fields", {"object": "Contact", "name": name, "externalId": True, "unique": True})
    rule = {"object": "Contact", "field": "Title", "contains": "forbidden", "message": "No."}
    org.control("salesforce/validation_rules", rule)
    org.control("salesforce/duplicate_rules", {"object": "Contact"})
    org.control("switches", {"salesforce_state_country_picklists": True})
    org.create(LastName="Taken", Email="taken@example.com", Unique__c="taken")
    return org


@pytest.mark.parametrize(
    "route", ["POST sobjects/Contact", "PATCH sobjects/Contact/ID", "PATCH sobjects/Contact/Ext__c/new"]
)
@pytest.mark.parametrize("code", BAD)
def test_a_record_that_cannot_be_saved_is_refused_by_whichever_route(strict: OrgClient, code: str, route: str) -> None:
    known = strict.create(LastName="Known")
    method, _, path = route.replace("/ID", f"/{known}").partition(" ")
    record = BAD[code] if known in path else {"LastName": "New", **BAD[code]}
    before = len(strict.log())
    answer = strict.request(method, path, json=record)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    assert len(strict.log()) == before


@pytest.mark.parametrize("name", ["Contact", "Account"])
def test_what_is_not_there_is_not_found(org: OrgClient, name: str) -> None:
    missing = make_id({"Contact": "003", "Account": "001"}[name], 10**6)
    for method, path in (
        ("GET", f"sobjects/{name}/{missing}"), ("PATCH", f"sobjects/{name}/{missing}"),
        ("DELETE", f"sobjects/{name}/{missing}"), ("GET", f"sobjects/{name}/Id/{missing}"),
        ("GET", f"sobjects/{name}/Phone/1"), ("GET", f"sobjects/{name}/listviews/{make_id('00B', 10**6)}"),
        ("GET", f"sobjects/{name}/listviews/{make_id('00B', 10**6)}/describe"),
        ("GET", f"sobjects/{name}/listviews/{make_id('00B', 10**6)}/results"),
    ):  # fmt: skip
        assert org.refused(method, path, json={} if method == "PATCH" else None)[:2] == (404, "NOT_FOUND"), path


def test_an_object_that_the_org_does_not_have_is_not_found(org: OrgClient) -> None:
    record, many = {"Name": "x"}, {"records": [{"attributes": {"type": "Nothing__c", "referenceId": "a"}}]}
    calls: list[tuple[str, str, Any]] = [
        ("GET", "", None), ("POST", "", record), ("GET", "/describe", None), ("GET", "/listviews", None),
        ("GET", "/listviews/recent", None), ("GET", f"/updated?{PERIOD}", None), ("GET", f"/deleted?{PERIOD}", None),
        ("PATCH", "/Ext__c/1", record), ("GET", f"/{NOWHERE}", None),
    ]  # fmt: skip
    for method, rest, body in calls:
        assert org.refused(method, f"sobjects/Nothing__c{rest}", json=body)[:2] == (404, "NOT_FOUND"), rest
    for method, path, body in (
        ("POST", "composite/sobjects/Nothing__c", {"ids": [], "fields": []}),
        ("GET", f"composite/sobjects/Nothing__c?ids={NOWHERE}&fields=Id", None),
        ("PATCH", "composite/sobjects/Nothing__c/Id", many),
        ("POST", "composite/tree/Nothing__c", many),
    ):  # fmt: skip
        assert org.refused(method, path, json=body)[:2] == (404, "NOT_FOUND"), path


def test_deleting_is_refused_where_it_must_not_happen(org: OrgClient) -> None:
    person = org.control("salesforce/person_accounts", {"LastName": "Person"})["contact"]
    assert org.refused("DELETE", f"sobjects/Contact/{person}")[:2] == (400, "DELETE_FAILED")
    annas = org.as_user(ANNA).create(LastName="Annas")
    org.control("switches", {"salesforce_sharing": "private"})
    shared = org.as_user(BEN).request("DELETE", f"sobjects/Contact/{annas}")
    assert shared.status_code == 404  # what he does not see is not there for him
    user = org.user_id(ANNA)
    assert org.refused("DELETE", f"sobjects/User/{user}")[:2] == (400, "INSUFFICIENT_ACCESS_OR_READONLY")


def test_several_records_of_one_address_are_listed(org: OrgClient) -> None:
    ids = [org.create(LastName=name, Email="shared@example.com") for name in ("One", "Two")]
    answer = org.request("GET", "sobjects/Contact/Email/shared@example.com")
    assert answer.status_code == 300
    assert [address.rpartition("/")[2] for address in answer.json()] == ids


def test_a_field_that_is_asked_for_must_exist(org: OrgClient) -> None:
    made = org.create(LastName="One")
    assert org.refused("GET", f"sobjects/Contact/{made}?fields=LastName,foo")[:2] == (400, "INVALID_FIELD")


@pytest.mark.parametrize("resource", ["query", "queryAll"])
def test_both_query_resources_refuse_alike(org: OrgClient, resource: str) -> None:
    for soql, code in (("SELECT", "MALFORMED_QUERY"), ("SELECT foo FROM Contact", "INVALID_FIELD"),
                       ("SELECT Id FROM Nothing", "INVALID_TYPE")):  # fmt: skip
        assert org.refused("GET", resource, params={"q": soql})[:2] == (400, code)
    assert org.refused("GET", resource, params={"q": "x" * 17_000})[:2] == (414, "URI_TOO_LONG")
    assert org.refused("GET", f"{resource}/01g5g000000001AAA-2000")[:2] == (400, "INVALID_QUERY_LOCATOR")


def test_a_page_of_query_all_is_found_below_both_names(org: OrgClient) -> None:
    org.control("switches", {"salesforce_page_size": 1})
    for name in ("One", "Two"):
        org.create(LastName=name)
    following = org.ok("GET", "queryAll", params={"q": "SELECT LastName FROM Contact"})["nextRecordsUrl"]
    for path in (following, following.replace("/query/", "/queryAll/")):
        assert [each["LastName"] for each in org.ok("GET", path)["records"]] == ["Two"]


def test_calls_about_many_are_limited_and_must_be_json(org: OrgClient) -> None:
    contact = {"attributes": {"type": "Contact"}, "LastName": "x", "id": NOWHERE}
    many = {"records": [contact] * 201}
    for method, path in (("POST", "composite/sobjects"), ("PATCH", "composite/sobjects"),
                         ("PATCH", "composite/sobjects/Contact/Id")):  # fmt: skip
        assert org.refused(method, path, json=many)[:2] == (400, "EXCEEDED_ID_LIMIT")
        assert org.refused(method, path, content=b"{")[:2] == (400, "JSON_PARSER_ERROR")
    ids = ",".join([NOWHERE] * 201)
    assert org.refused("DELETE", "composite/sobjects", params={"ids": ids})[:2] == (400, "EXCEEDED_ID_LIMIT")
    asked = {"ids": [NOWHERE] * 2001, "fields": ["Id"]}
    assert org.refused("POST", "composite/sobjects/Contact", json=asked)[:2] == (400, "EXCEEDED_ID_LIMIT")
    assert org.refused("POST", "composite/sobjects/Contact", content=b"{")[:2] == (400, "JSON_PARSER_ERROR")
    assert org.refused("POST", "composite/tree/Account", content=b"{")[:2] == (400, "JSON_PARSER_ERROR")
    assert org.log()[2:] == []  # the two users


def test_more_changed_records_than_one_answer_tells_of_are_refused(
    org: OrgClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "MOST_IDS", 1)  # in place of 600,001 contacts
    for name in ("One", "Two"):
        org.create(LastName=name)
    org.control("clock", {"advance_seconds": 120})
    now = org.ok("GET", "/_sandbox/clock")["now"]
    period = {
        "start": "2026-01-01T00:00:00Z" if now < "2026-01-31" else f"{now[:4]}-{now[5:8]}01T00:00:00Z",
        "end": now,
    }
    assert org.refused("GET", "sobjects/Contact/updated", params=period)[:2] == (400, "EXCEEDED_ID_LIMIT")


def test_a_list_views_results_have_a_limit(org: OrgClient) -> None:
    view = org.ok("GET", "sobjects/Contact/listviews")["listviews"][0]["id"]
    for limit in ("0", "2001", "many"):
        told = org.refused("GET", f"sobjects/Contact/listviews/{view}/results", params={"limit": limit})
        assert told[:2] == (400, "INVALID_QUERY_LIMIT")


def test_a_job_is_found_in_its_state_only(org: OrgClient) -> None:
    results = ("successfulResults", "successfulresults", "failedResults", "failedresults", "unprocessedRecords",
               "unprocessedrecords")  # fmt: skip
    made = org.ok("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert"})["id"]
    for name in results:
        assert org.refused("GET", f"jobs/ingest/{made}/{name}")[:2] == (400, "INVALIDJOBSTATE")
        assert org.refused("GET", f"jobs/ingest/{UNKNOWN_JOB}/{name}")[:2] == (404, "NOT_FOUND")
    closing, csv = {"state": "UploadComplete"}, {"content": b"LastName\nx\n", "headers": {"Content-Type": "text/csv"}}
    assert org.refused("DELETE", f"jobs/ingest/{made}")[:2] == (400, "INVALIDJOBSTATE")
    assert org.refused("PUT", f"jobs/ingest/{UNKNOWN_JOB}/batches", **csv)[:2] == (404, "NOT_FOUND")
    for kind in ("ingest", "query"):
        assert org.refused("PATCH", f"jobs/{kind}/{UNKNOWN_JOB}", json={"state": "Aborted"})[:2] == (404, "NOT_FOUND")
        assert org.refused("DELETE", f"jobs/{kind}/{UNKNOWN_JOB}")[:2] == (404, "NOT_FOUND")
        assert org.refused("GET", f"jobs/{kind}/{UNKNOWN_JOB}")[:2] == (404, "NOT_FOUND")
    org.ok("PATCH", f"jobs/ingest/{made}", json={"state": "Aborted"})
    assert org.refused("PATCH", f"jobs/ingest/{made}", json=closing)[:2] == (400, "INVALIDJOBSTATE")


def test_a_query_job_is_refused_in_the_words_of_a_query(org: OrgClient) -> None:
    for soql, code in (("SELECT", "MALFORMED_QUERY"), ("SELECT foo FROM Contact", "INVALID_FIELD"),
                       ("SELECT Id FROM Nothing", "INVALID_TYPE")):  # fmt: skip
        body = {"operation": "query", "query": soql}
        assert org.refused("POST", "jobs/query", json=body)[:2] == (400, code)
    body = {"operation": "nonsense", "query": "SELECT Id FROM Contact"}
    assert org.refused("POST", "jobs/query", json=body)[:2] == (400, "INVALIDJOB")
    assert org.refused("POST", "jobs/query", content=b"{")[:2] == (400, "JSON_PARSER_ERROR")
    made = org.ok("POST", "jobs/query", json={**body, "operation": "query"})["id"]
    assert org.refused("GET", f"jobs/query/{made}/results")[:2] == (400, "INVALIDJOBSTATE")
    assert org.refused("GET", f"jobs/query/{UNKNOWN_JOB}/results")[:2] == (404, "NOT_FOUND")
    while org.ok("GET", f"jobs/query/{made}")["state"] != "JobComplete":
        assert org.refused("DELETE", f"jobs/query/{made}")[:2] == (400, "INVALIDJOBSTATE")
    told = org.refused("PATCH", f"jobs/query/{made}", json={"state": "Aborted"})
    assert told[:2] == (400, "INVALIDJOBSTATE")


def test_an_identity_is_told_to_its_own_user_only(org: OrgClient) -> None:
    organization = org.query("SELECT Id FROM Organization")[0]["Id"]
    others = org.refused("GET", f"/id/{organization}/{org.user_id(ANNA)}")
    assert others[:2] == (403, "Missing_OAuth_Token")
    assert org.refused("GET", f"/id/{make_id('00D', 10**6)}/{org.user_id(ANNA)}")[:2] == (404, "NOT_FOUND")


def test_an_unknown_grant_gets_no_token(org: OrgClient) -> None:
    answer = org.http.post("/services/oauth2/token", data={"grant_type": "nonsense"})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
