"""What a client can send wrongly is its mistake, never the stand-ins': found by the fuzz run, kept here one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient
from sync_pipeline_tests.sandbox.ledger import snapshot
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

NESTED = b"[" * 100_000
HALF = b'{"displayName": "\\ud800"}'
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


# -- Graph -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["²", "١", "9" * 30, "9" * 5000])
@pytest.mark.parametrize("option", ["$top", "$skip", "$skiptoken"])
def test_a_number_that_is_none_is_a_bad_request(graph: GraphClient, option: str, text: str) -> None:
    assert graph.error("GET", "contacts", params={option: text})[:2] == (400, "BadRequest")


@pytest.mark.parametrize("body", [NESTED, HALF, b'{"displayName": NaN}'])
@pytest.mark.parametrize("path", ["contacts", "contactFolders", "outlook/masterCategories", "/v1.0/$batch"])
def test_json_that_cannot_be_stored_is_a_bad_request(graph: GraphClient, path: str, body: bytes) -> None:
    assert graph.error("POST", path, content=body, headers=JSON)[:2] == (400, "BadRequest")
    assert graph.log() == []


@pytest.mark.parametrize("parent", [{}, ["x"], 5, None])
def test_a_folders_parent_that_is_no_text_is_refused(graph: GraphClient, parent: Any) -> None:
    folder = graph.folder()
    assert graph.error("PATCH", f"contactFolders/{folder}", json={"parentFolderId": parent})[:2] == (
        400, "RequestBodyRead",
    )  # fmt: skip


def test_a_folder_cannot_go_below_itself_and_a_default_one_cannot_go_at_all(graph: GraphClient) -> None:
    folder = graph.folder()
    child = graph.ok("POST", f"contactFolders/{folder}/childFolders", json={"displayName": "Below"})["id"]
    for target in (folder, child):
        told = graph.error("PATCH", f"contactFolders/{folder}", json={"parentFolderId": target})
        assert told[:2] == (400, "ErrorMoveCopyFailed")
    told = graph.error("PATCH", "contactFolders/contacts", json={"parentFolderId": folder})
    assert told[:2] == (400, "ErrorMoveDistinguishedFolder")
    assert graph.ok("GET", f"contactFolders/{child}")["parentFolderId"] == folder


@pytest.mark.parametrize("extended", [5, {"id": "x"}, "text"])
def test_extended_properties_of_a_folder_that_are_no_list_are_refused(graph: GraphClient, extended: Any) -> None:
    body = {"displayName": "X", "singleValueExtendedProperties": extended}
    assert graph.error("POST", "contactFolders", json=body)[:2] == (400, "RequestBodyRead")


@pytest.mark.parametrize("color", [[], {}, 5, None])
def test_a_colour_that_is_no_text_is_refused(graph: GraphClient, color: Any) -> None:
    category = graph.ok("POST", "outlook/masterCategories", json={"displayName": "C"})["id"]
    for method, path in (("POST", "outlook/masterCategories"), ("PATCH", f"outlook/masterCategories/{category}")):
        assert graph.error(method, path, json={"displayName": "C", "color": color})[:2] == (400, "RequestBodyRead")


def test_an_address_with_a_line_end_is_answered_in_graphs_form(graph: GraphClient) -> None:
    assert graph.error("GET", "/v1.0/users/%0A/contacts")[:2] == (400, "BadRequest")
    assert graph.error("OPTIONS", "contacts")[0] == 405


def test_a_form_that_is_no_text_gets_no_token(graph: GraphClient) -> None:
    answer = graph.request("POST", "/contoso/oauth2/v2.0/token", content=b"\xff\xfe")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("header", ["client-request-id", "Prefer"])
def test_a_part_of_a_batch_may_name_headers_that_http_cannot_carry(graph: GraphClient, header: str) -> None:
    value = "odata.maxpagesize=²" if header == "Prefer" else "Ünïcödé 🙂\n"
    part = {"id": "1", "method": "GET", "url": f"/users/{ANNA}/contacts/delta", "headers": {header: value}}
    assert graph.batch(part)["1"]["status"] == (400 if header == "Prefer" else 200)


def test_a_photos_type_that_http_cannot_carry_is_refused(graph: GraphClient) -> None:
    made = graph.contact(surname="Face")
    url = f"/users/{ANNA}/contacts/{made['id']}/photo/$value"
    part = {"id": "1", "method": "PUT", "url": url, "headers": {"Content-Type": "image/🙂"}, "body": "iVBO"}
    assert graph.batch(part)["1"]["status"] == 400


def test_an_address_that_is_none_in_a_batch_refuses_the_batch(graph: GraphClient) -> None:
    parts = {"requests": [{"id": "1", "method": "GET", "url": "http://["}]}
    assert graph.error("POST", "/v1.0/$batch", json=parts)[:2] == (400, "BadRequest")


# -- Salesforce --------------------------------------------------------------------------------------------------------


def test_an_address_that_is_none_in_a_composite_is_refused(org: OrgClient) -> None:
    part = {"method": "GET", "url": "http://[", "referenceId": "a"}
    assert org.refused("POST", "composite", json={"compositeRequest": [part]})[:2] == (400, "JSON_PARSER_ERROR")
    batch = {"batchRequests": [{"method": "GET", "url": "//["}]}
    assert org.request("POST", "composite/batch", json=batch).status_code < 500


@pytest.mark.parametrize("value", [[None], {"a": 1}, ["LF"], 5, True, [], "", "SPACE"])
@pytest.mark.parametrize("key", ["lineEnding", "columnDelimiter", "contentType", "operation", "object"])
def test_a_jobs_format_that_is_none_is_refused(org: OrgClient, key: str, value: Any) -> None:
    bodies = {
        "jobs/ingest": {"object": "Contact", "operation": "insert", key: value},
        "jobs/query": {"operation": "query", "query": "SELECT Id FROM Contact", key: value},
    }
    for path, body in bodies.items():
        status, code, _ = org.refused("POST", path, json=body)
        assert (status, code in ("INVALIDJOB", "INVALIDENTITY", "JSON_PARSER_ERROR")) == (400, True)
    kept = org.ok("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert", "lineEnding": None})
    assert (kept["lineEnding"], kept["columnDelimiter"]) == ("LF", "COMMA")


@pytest.mark.parametrize("value", ["1e300", "9" * 40, "2147483648", "1.5", "[]", '{"a": 1}', "true"])
def test_a_number_that_a_field_cannot_hold_is_refused(org: OrgClient, value: str) -> None:
    org.control("salesforce/fields", {"object": "Contact", "name": "Count__c", "type": "int"})
    body = f'{{"LastName": "A", "Count__c": {value}}}'
    assert org.refused("POST", "sobjects/Contact", content=body)[:2] == (400, "JSON_PARSER_ERROR")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "The HTTP entity body is required, but this request has no entity body."),
        (b"\xff{}", "Invalid UTF-8 at [line:1, column:1]"),
        (b"{", "Unexpected character or end of input at [line:1, column:2]"),
        (b'{"LastName": ["a"]}', "Cannot deserialize instance of string from START_ARRAY value ["),
        (b'{"LastName": {"a": null}}', "Cannot deserialize instance of string from START_OBJECT value {"),
        (b'{"LastName": true}', "Cannot deserialize instance of string from VALUE_TRUE value true"),
        (b'{"Birthdate": 5}', "Cannot deserialize instance of date from VALUE_NUMBER_INT value 5"),
    ],
)
def test_what_cannot_be_read_is_told_in_the_services_words(org: OrgClient, content: bytes, told: str) -> None:
    status, code, message = org.refused("POST", "sobjects/Contact", content=content)
    assert (status, code, message.startswith(told)) == (400, "JSON_PARSER_ERROR", True), message


def test_no_message_shows_what_language_the_stand_in_is_written_in(org: OrgClient) -> None:
    sent = [
        ("jobs/ingest", {"operation": "insert"}), ("jobs/ingest", {"object": "Contact"}),
        ("jobs/query", {"query": "SELECT Id FROM Contact"}),
        ("jobs/ingest", {"object": "Contact", "operation": "insert", "contentType": None}),
        ("composite", {"compositeRequest": []}), ("composite/batch", {"batchRequests": []}),
    ]  # fmt: skip
    for path, body in sent:
        status, _, message = org.refused("POST", path, json=body)
        assert (status, "None" in message, "more than" in message) == (400, False, False), message


@pytest.mark.parametrize("key", ["error_code", "message", "contains"])
def test_a_validation_rule_that_could_not_be_told_is_refused(org: OrgClient, key: str) -> None:
    rule = {"object": "Contact", "field": "Title", "contains": "x", "message": "No.", key: ["X"]}
    assert org.request("POST", "/_sandbox/salesforce/validation_rules", json=rule).status_code == 400


def test_a_page_acts_for_known_users_only(org: OrgClient) -> None:
    answer = org.http.post("/pages/act_as", data={"user": "Ünïcödé 🙂"})
    assert (answer.status_code, "no such user" in answer.text) == (400, True)


# -- the control plane -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [NESTED, HALF, b"{", b"\xff"])
def test_the_control_plane_refuses_json_that_is_none(graph: GraphClient, content: bytes) -> None:
    for name in ("reset", "faults", "switches", "clock", "graph/move", "salesforce/users"):
        assert graph.request("POST", f"/_sandbox/{name}", content=content).status_code == 400, name


@pytest.mark.parametrize(
    "body",
    [
        {"set": "9999-12-31T23:59:59Z"},
        {"set": "0001-01-01T00:00:00Z"},
        {"advance_seconds": 1e300},
        {"advance_seconds": -1e12},
        {"advance_seconds": []},
    ],
)
def test_the_clock_stays_where_dates_can_be_written(graph: GraphClient, body: Any) -> None:
    assert graph.request("POST", "/_sandbox/clock", json=body).status_code == 400
    assert graph.contact(surname="Still there")["id"]


def test_one_wrong_switch_leaves_the_others_as_they_were(graph: GraphClient) -> None:
    body = {"delta_partial_rows": True, "delta_removed_reason": "nonsense"}
    assert graph.request("POST", "/_sandbox/switches", json=body).status_code == 400
    assert graph.control("GET", "switches")["delta_partial_rows"] is False


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "log"), ("PUT", "clock"), ("GET", "nonsense"), ("GET", "%0A/known"), ("PATCH", "graph/move")],
)
def test_an_unknown_control_call_is_told_what_is_known(graph: GraphClient, method: str, path: str) -> None:
    answer = graph.request(method, f"/_sandbox/{path}")
    assert answer.status_code in (400, 404)
    assert "sandbox_error" not in answer.text


def test_a_log_after_a_number_without_end_is_refused(graph: GraphClient) -> None:
    assert graph.request("GET", f"/_sandbox/log?after={'9' * 30}").status_code == 400


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("fields", {"object": "Contact", "name": 'A" TEXT; --__c'}),
        ("fields", {"object": "Contact", "name": "A__c", "length": "long"}),
        ("fields", {"object": "Contact", "name": "A__c", "type": "reference"}),
        ("fields", {"object": "Contact", "name": "A__c", "type": "reference", "referenceTo": ["Nothing"]}),
        ("fields", {"object": "Contact", "name": "A__c", "label": 5}),
        ("fields", {"object": "Contact", "name": "A__c", "switch": "no such switch"}),
        ("fields", {"object": "Contact", "name": "A__c", "type": "picklist", "picklistValues": [5]}),
        ("objects", {"object": "Invoice"}),
        ("objects", {"object": 'I" TEXT; --__c'}),
        ("objects", {"object": ["Invoice__c"]}),
        ("objects", {"object": "Invoice__c", "label": ["x"]}),
        ("objects", {"object": "Invoice__c", "keyPrefix": "003"}),
        ("objects", {"object": "Invoice__c", "keyPrefix": "a"}),
        ("objects", {"object": "Invoice__c", "fields": {"name": "A__c"}}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": ["A__c"]}]}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": "Amount"}]}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": "A__c"}, {"name": "a__c"}]}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": "A__c", "type": ["int"]}]}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": "A__c", "type": "reference"}]}),
        ("objects", {"object": "Invoice__c", "fields": [{"name": "A__c", "nonsense": 1}]}),
        ("listviews", {"developer_name": "V", "where": {"a": 1}}),
        ("listviews", {"developer_name": "V", "label": ["V"]}),
        ("listviews", {"developer_name": "V", "visible_to": [5]}),
        ("users", {"username": {}, "name": "N"}),
        ("users", {"username": "new@acme.example.com", "name": 5}),
        ("users", {"username": "new@acme.example.com", "name": "N", "is_active": "yes"}),
        ("person_accounts", {"LastName": ["x"]}),
        ("triggers", {"object": "Contact", "field": "Title", "rewrite": {"set": {}}}),
        ("triggers", {"object": "Contact", "field": "Title", "rewrite": "trim", "times": "x"}),
        ("validation_rules", {"object": "Contact", "field": "Title", "contains": "x", "message": "m", "times": "x"}),
    ],
)
def test_what_would_break_later_calls_is_refused_at_once(org: OrgClient, name: str, body: Any) -> None:
    before = snapshot(org.server.state)
    answer = org.request("POST", f"/_sandbox/salesforce/{name}", json=body)
    assert answer.status_code == 400, answer.text
    assert snapshot(org.server.state) == before
    assert org.create(LastName="After")
