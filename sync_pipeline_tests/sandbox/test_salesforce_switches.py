"""Each switch of the Salesforce stand-in both ways: what nobody could check against a live org can be turned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sync_pipeline.sandbox.salesforce.switches import SWITCHES
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, OrgClient, fresh_org


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def _turn(org: OrgClient, name: str, value: Any) -> None:
    org.control("switches", {name: value})


def test_every_switch_has_a_default_and_says_why(org: OrgClient) -> None:
    known = org.ok("GET", "/_sandbox/switches")
    for name, switch in SWITCHES.items():
        assert known[name] == switch.default
        assert switch.why.endswith(".")
        assert switch.choices == () or switch.default in switch.choices


def test_emails_are_checked_by_syntax_or_for_an_at_sign(org: OrgClient) -> None:
    for odd in ("a@b", "a..b@@x"):
        assert org.refused("POST", "sobjects/Contact", json={"LastName": "A", "Email": odd})[1] == (
            "INVALID_EMAIL_ADDRESS"
        )
    _turn(org, "salesforce_email_rule", "at_sign")
    org.create(LastName="A", Email="a@b")
    assert org.refused("POST", "sobjects/Contact", json={"LastName": "A", "Email": "ab"})[1] == "INVALID_EMAIL_ADDRESS"


@pytest.mark.parametrize(
    ("switch", "method", "path", "body"),
    [
        ("salesforce_read_only_field_code", "POST", "sobjects/Contact", {"LastName": "A", "Name": "B"}),
        ("salesforce_bad_reference_code", "POST", "sobjects/Contact", {"LastName": "A", "AccountId": "1"}),
        ("salesforce_too_many_records_code", "POST", "composite/sobjects", {"records": [{}] * 201}),
        ("salesforce_lost_cursor_code", "GET", "query/01g000000000001AAA-2000", None),
    ],
)
def test_uncertain_error_codes_can_be_others(org: OrgClient, switch: str, method: str, path: str, body: Any) -> None:
    assert org.refused(method, path, json=body)[:2] == (400, SWITCHES[switch].default)
    _turn(org, switch, "ANOTHER_CODE")
    assert org.refused(method, path, json=body)[:2] == (400, "ANOTHER_CODE")


def test_statuses_of_refused_records_can_be_others(org: OrgClient) -> None:
    _turn(org, "salesforce_row_error_status", 409)
    assert org.refused("POST", "sobjects/Contact", json={})[0] == 409
    contact = org.create(LastName="A")
    _turn(org, "salesforce_sharing", "private")
    _turn(org, "salesforce_no_access_status", 403)
    record = {"LastName": "A", "OwnerId": org.user_id(ANNA)}
    anna = org.as_user(ANNA)
    assert anna.refused("PATCH", f"sobjects/Contact/{contact}", json=record)[0] == 404  # not even seen
    account = anna.create("Account", Name="Acme")
    org.create(AccountId=account, LastName="B")
    assert anna.request("PATCH", f"sobjects/User/{org.user_id(ANNA)}", json={}).status_code == 403


def test_the_position_in_a_query_error_can_be_left_out(org: OrgClient) -> None:
    query = {"q": "SELECT Nope FROM Contact"}
    assert "ERROR at Row:1:Column:8" in org.refused("GET", "query", params=query)[2]
    _turn(org, "salesforce_query_error_position", False)
    assert org.refused("GET", "query", params=query)[2].startswith("No such column 'Nope'")


def test_queries_treat_empty_fields_as_the_switches_say(org: OrgClient) -> None:
    org.create(LastName="A", Title="x")
    org.create(LastName="B")
    assert (org.names("Title != 'x'"), org.names("Title = ''"), org.names("Title != ''")) == (["B"], ["B"], ["A"])
    _turn(org, "salesforce_not_equal_includes_null", False)
    assert org.names("Title != 'x'") == []
    _turn(org, "salesforce_empty_text_is_null", False)
    assert (org.names("Title = ''"), org.names("Title = null"), org.names("Title != ''")) == ([], ["B"], ["A"])


def test_a_missing_parent_can_be_left_out(org: OrgClient) -> None:
    org.create(LastName="A")
    [record] = org.query("SELECT Id, Account.Name FROM Contact")
    assert record["Account"] is None
    _turn(org, "salesforce_missing_parent_is_null", False)
    [record] = org.query("SELECT Id, Account.Name FROM Contact")
    assert "Account" not in record


def test_fields_all_needs_a_limit_unless_switched(org: OrgClient) -> None:
    assert org.refused("GET", "query", params={"q": "SELECT FIELDS(ALL) FROM Contact"})[1] == "MALFORMED_QUERY"
    _turn(org, "salesforce_fields_all_limit", 0)
    assert org.query("SELECT FIELDS(ALL) FROM Contact") == []


def test_stamps_can_keep_milliseconds_and_guards_still_compare_seconds(org: OrgClient) -> None:
    _turn(org, "salesforce_stamp_milliseconds", True)
    org.control("clock", {"set": "2031-05-01T10:00:00.250Z"})
    contact = org.create(LastName="A")
    stamp = org.get(contact)["LastModifiedDate"]
    assert not stamp.endswith(".000+0000")
    assert len(org.names(f"SystemModstamp = {stamp.replace('+', '%2B').replace('%2B', '+')}")) == 1
    headers = {"If-Unmodified-Since": f"Thu, 01 May 2031 10:00:{stamp[17:19]} GMT"}
    changed = org.request("PATCH", f"sobjects/Contact/{contact}", json={"Title": "T"}, headers=headers)
    assert changed.status_code == 204


def test_list_views_can_come_without_paging_keys(org: OrgClient) -> None:
    assert org.ok("GET", "sobjects/Contact/listviews")["nextRecordsUrl"] is None
    _turn(org, "salesforce_listviews_paging_keys", False)
    assert set(org.ok("GET", "sobjects/Contact/listviews")) == {"done", "listviews"}


def test_a_renamed_account_can_stamp_its_contacts(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:00Z"})
    account = org.create("Account", Name="Acme")
    contact = org.create(LastName="A", AccountId=account)
    before = org.get(contact)["SystemModstamp"]
    org.control("clock", {"advance_seconds": 60})
    org.ok("PATCH", f"sobjects/Account/{account}", json={"Name": "Acme 2"})
    assert org.get(contact)["SystemModstamp"] == before
    _turn(org, "salesforce_account_rename_stamps_contacts", True)
    org.ok("PATCH", f"sobjects/Account/{account}", json={"Name": "Acme 3"})
    assert org.get(contact)["SystemModstamp"] > before


def test_upserts_answer_and_refuse_as_the_switches_say(org: OrgClient) -> None:
    first = org.create(LastName="A", Email="a@example.com")
    path = "sobjects/Contact/Email/a@example.com"
    assert org.request("PATCH", path, json={"Title": "T"}).status_code == 200
    _turn(org, "salesforce_upsert_update_body_from_version", 61)
    assert org.request("PATCH", path, json={"Title": "T"}).status_code == 204
    org.create(LastName="B", Email="a@example.com")
    assert org.request("PATCH", path, json={"Title": "T"}).status_code == 300
    _turn(org, "salesforce_shared_email_upsert", "first")
    assert org.request("PATCH", path, json={"Title": "U"}).status_code == 204
    assert org.get(first)["Title"] == "U"
    _turn(org, "salesforce_upsert_needs_view_all", True)
    assert org.as_user(ANNA).refused("PATCH", path, json={"Title": "T"})[1] == "INSUFFICIENT_ACCESS"


def test_conditional_headers_can_count_for_rows_by_an_external_id(org: OrgClient) -> None:
    contact = org.create(LastName="A", Email="a@example.com")
    path, old = "sobjects/Contact/Email/a@example.com", {"If-Unmodified-Since": "Thu, 01 May 2008 10:00:00 GMT"}
    org.ok("PATCH", path, json={"Title": "T"}, headers=old)
    assert org.ok("GET", path, headers=old)["Title"] == "T"
    _turn(org, "salesforce_conditions_by_external_id", True)
    assert org.refused("PATCH", path, json={"Title": "U"}, headers=old)[:2] == (412, "PRECONDITION_FAILED")
    assert org.refused("GET", path, headers=old)[:2] == (412, "PRECONDITION_FAILED")
    assert org.refused("PATCH", path, json={}, headers={"If-Unmodified-Since": "soon"})[:2] == (400, "INVALID_HEADER")
    assert org.get(contact)["Title"] == "T"
    new = "sobjects/Contact/Email/b@example.com"
    assert org.ok("PATCH", new, json={"LastName": "B"}, headers=old)["created"] is True


def test_more_queries_fit_in_a_composite(org: OrgClient) -> None:
    query = "/services/data/v60.0/query?q=SELECT+Id+FROM+Contact"
    parts = [{"method": "GET", "url": query, "referenceId": f"q{n}"} for n in range(6)]
    assert org.refused("POST", "composite", json={"compositeRequest": parts})[1] == "LIMIT_EXCEEDED"
    _turn(org, "salesforce_composite_most_queries", 25)
    answered = org.ok("POST", "composite", json={"compositeRequest": parts})["compositeResponse"]
    assert [part["httpStatusCode"] for part in answered] == [200] * 6


def test_a_bulk_job_can_honour_the_duplicate_header(org: OrgClient) -> None:
    org.control("salesforce/duplicate_rules", {"object": "Contact", "fields": ["Email"]})
    org.create(LastName="A", Email="a@example.com")
    header = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    for honoured, failed in ((False, 1), (True, 0)):
        _turn(org, "salesforce_bulk_duplicate_header", honoured)
        body = {"object": "Contact", "operation": "insert"}
        job = org.ok("POST", "jobs/ingest", json=body, headers=header)["id"]
        text = b"LastName,Email\nB,a@example.com\n"
        org.request("PUT", f"jobs/ingest/{job}/batches", content=text, headers={"Content-Type": "text/csv"})
        org.ok("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
        assert org.ok("GET", f"jobs/ingest/{job}")["numberRecordsFailed"] == failed


def test_bulk_query_results_follow_their_switches(org: OrgClient) -> None:
    for number in range(3):
        org.create(LastName=f"P{number}")
    switches = {"salesforce_bulk_zulu_stamps": False, "salesforce_bulk_page_rows": 2, "salesforce_bulk_polls": 0}
    org.control("switches", switches)
    body = {"operation": "query", "query": "SELECT CreatedDate FROM Contact"}
    job = org.ok("POST", "jobs/query", json=body)["id"]
    assert org.ok("GET", f"jobs/query/{job}")["state"] == "JobComplete"
    page: httpx.Response = org.request("GET", f"jobs/query/{job}/results")
    assert page.headers["Sforce-NumberOfRecords"] == "2"
    assert page.headers["Sforce-Locator"] != "null"
    assert "+0000" in page.text


def test_a_reporting_loop_can_be_accepted(org: OrgClient) -> None:
    boss = org.create(LastName="Boss")
    aide = org.create(LastName="Aide", ReportsToId=boss)
    path = f"sobjects/Contact/{boss}"
    assert org.refused("PATCH", path, json={"ReportsToId": aide})[1] == "CIRCULAR_DEPENDENCY"
    _turn(org, "salesforce_reporting_loop_refused", False)
    org.ok("PATCH", path, json={"ReportsToId": aide})
    _turn(org, "salesforce_reporting_loop_refused", True)
    org.create(LastName="C", ReportsToId=boss)  # a loop that is there does not catch the server


def test_state_and_country_picklists_refuse_free_text(org: OrgClient) -> None:
    fields = {field["name"] for field in org.ok("GET", "sobjects/Contact/describe")["fields"]}
    assert "MailingCountryCode" not in fields
    org.create(LastName="A", MailingCountry="Schlaraffenland")
    _turn(org, "salesforce_state_country_picklists", True)
    refused = org.refused("POST", "sobjects/Contact", json={"LastName": "B", "MailingCountry": "Schlaraffenland"})
    assert refused[:2] == (400, "FIELD_INTEGRITY_EXCEPTION")
    assert org.refused("POST", "sobjects/Contact", json={"LastName": "B", "MailingState": "Texas"})[1] == (
        "FIELD_INTEGRITY_EXCEPTION"
    )
    contact = org.get(org.create(LastName="B", MailingCountryCode="US", MailingState="Texas"))
    assert (contact["MailingCountry"], contact["MailingStateCode"]) == ("United States", "TX")
    assert contact["MailingAddress"]["country"] == "United States"
