"""Every fault of the Salesforce list in reliability.md on the stand-in, at both positions, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

ROW_CODES = (
    "CIRCULAR_DEPENDENCY", "DELETE_FAILED", "DUPLICATES_DETECTED", "DUPLICATE_VALUE", "ENTITY_IS_DELETED",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION", "INSUFFICIENT_ACCESS_OR_READONLY", "INVALID_CROSS_REFERENCE_KEY",
    "STRING_TOO_LONG", "UNABLE_TO_LOCK_ROW",
)  # fmt: skip


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def _fault(org: OrgClient, name: str, *, path: str = "/", position: str = "refused", **more: Any) -> None:
    description = {"match": {"service": "salesforce", "path": path}, "fault": name, "position": position, **more}
    faults: Any = [description]
    org.control("faults", faults)


def _people(org: OrgClient) -> list[str]:
    return [record["LastName"] for record in org.query("SELECT LastName FROM Contact ORDER BY LastName")]


@pytest.mark.parametrize("position", ["refused", "response_lost"])
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("401", 401, "INVALID_SESSION_ID"),
        ("409", 409, "CONFLICT"),
        ("412", 412, "PRECONDITION_FAILED"),
        ("420", 420, "REQUEST_LIMIT_EXCEEDED"),
        ("429", 429, "REQUEST_LIMIT_EXCEEDED"),
        ("500", 500, "UNKNOWN_EXCEPTION"),
        ("API_DISABLED_FOR_ORG", 403, "API_DISABLED_FOR_ORG"),
        ("REQUEST_LIMIT_EXCEEDED", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("SERVER_UNAVAILABLE", 503, "SERVER_UNAVAILABLE"),
        ("partial_failure", 400, "UNABLE_TO_LOCK_ROW"),
        *((code, 404 if code == "ENTITY_IS_DELETED" else 400, code) for code in ROW_CODES),
    ],
)
def test_a_fault_hits_the_call_before_or_after_its_effect(
    org: OrgClient, fault: str, status: int, code: str, position: str
) -> None:
    _fault(org, fault, position=position)
    response = org.request("POST", "sobjects/Contact", json={"LastName": "Adler"})
    assert (response.status_code, response.json()[0]["errorCode"]) == (status, code)
    assert _people(org) == (["Adler"] if position == "response_lost" else [])
    assert org.ok("GET", "/_sandbox/requests")["faults"] == {fault: 1}


@pytest.mark.parametrize("position", ["refused", "response_lost"])
@pytest.mark.parametrize("fault", ROW_CODES)
def test_a_fault_hits_rows_of_a_collection(org: OrgClient, fault: str, position: str) -> None:
    _fault(org, fault, path="/composite/sobjects", position=position, rows=[1, 2])
    records = [{"attributes": {"type": "Contact"}, "LastName": f"P{n}"} for n in range(4)]
    results = org.ok("POST", "composite/sobjects", json={"records": records})
    assert [result["success"] for result in results] == [True, False, False, True]
    assert results[1]["errors"][0]["statusCode"] == fault
    assert _people(org) == (["P0", "P1", "P2", "P3"] if position == "response_lost" else ["P0", "P3"])
    assert org.ok("GET", "/_sandbox/requests")["faults"] == {fault: 1}


def test_every_second_row_fails_partially_and_all_or_none_undoes_the_others(org: OrgClient) -> None:
    _fault(org, "partial_failure", path="/composite/", times=2)
    records = [{"attributes": {"type": "Contact"}, "LastName": f"P{n}"} for n in range(3)]
    results = org.ok("POST", "composite/sobjects", json={"records": records})
    assert [result["success"] for result in results] == [True, False, True]
    results = org.ok("POST", "composite/sobjects", json={"records": records, "allOrNone": True})
    assert [result["errors"][0]["statusCode"] for result in results] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK", "UNABLE_TO_LOCK_ROW", "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    ]  # fmt: skip
    assert len(_people(org)) == 2


def test_rows_of_a_bulk_job_and_of_a_tree_fail(org: OrgClient) -> None:
    job = org.ok("POST", "jobs/ingest", json={"object": "Contact", "operation": "insert"})["id"]
    headers = {"Content-Type": "text/csv"}
    org.request("PUT", f"jobs/ingest/{job}/batches", content=b"LastName\nP0\nP1\nP2\n", headers=headers)
    _fault(org, "UNABLE_TO_LOCK_ROW", path="/jobs/ingest/", rows=[2])
    org.ok("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})
    org.ok("GET", f"jobs/ingest/{job}")
    assert org.ok("GET", f"jobs/ingest/{job}")["numberRecordsFailed"] == 1
    assert "UNABLE_TO_LOCK_ROW:unable to obtain" in org.request("GET", f"jobs/ingest/{job}/failedResults").text
    assert _people(org) == ["P0", "P1"]
    _fault(org, "DUPLICATE_VALUE", path="/composite/tree", rows=[0])
    record = {"attributes": {"type": "Contact", "referenceId": "a"}, "LastName": "A"}
    refused = org.request("POST", "composite/tree/Contact", json={"records": [record]})
    assert refused.json()["results"][0]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    assert len(_people(org)) == 2


def test_an_ambiguous_external_id_answers_300_with_addresses(org: OrgClient) -> None:
    _fault(org, "300")
    response = org.request("PATCH", "sobjects/Contact/Email/a@example.com", json={"LastName": "A"})
    assert (response.status_code, len(response.json())) == (300, 2)
    assert all(each.startswith("/services/data/v") for each in response.json())


def test_a_duplicate_fault_has_the_misspelt_key(org: OrgClient) -> None:
    _fault(org, "DUPLICATES_DETECTED")
    assert "duplicateResut" in org.request("POST", "sobjects/Contact", json={"LastName": "A"}).json()[0]


def test_a_cursor_is_lost_between_pages(org: OrgClient) -> None:
    org.control("switches", {"salesforce_page_size": 1})
    org.create(LastName="A")
    org.create(LastName="B")
    first = org.ok("GET", "query", params={"q": "SELECT Id FROM Contact"})
    _fault(org, "INVALID_QUERY_LOCATOR", path="/query/01g")
    assert org.refused("GET", first["nextRecordsUrl"])[:2] == (400, "INVALID_QUERY_LOCATOR")


def test_a_page_can_be_shorter_than_it_might_be(org: OrgClient) -> None:
    for number in range(4):
        org.create(LastName=f"P{number}")
    org.control("switches", {"salesforce_page_size": 4})
    _fault(org, "short_page", times=2)
    found = org.ok("GET", "query", params={"q": "SELECT LastName FROM Contact ORDER BY LastName"})
    names = [record["LastName"] for record in found["records"]]
    assert (names, found["done"], found["totalSize"]) == (["P0", "P1"], False, 4)
    while not found["done"]:
        found = org.ok("GET", found["nextRecordsUrl"])
        names += [record["LastName"] for record in found["records"]]
    assert names == ["P0", "P1", "P2", "P3"]


def test_a_late_commit_has_an_old_stamp(org: OrgClient) -> None:
    early = org.get(org.create(LastName="A"))["SystemModstamp"]
    _fault(org, "late_commit", hold_seconds=600)
    late = org.get(org.create(LastName="B"))
    assert late["SystemModstamp"] < early
    assert org.get(org.create(LastName="C"))["SystemModstamp"] >= early


def test_many_records_can_share_a_stamp(org: OrgClient) -> None:
    org.control("switches", {"salesforce_stamp_granularity_seconds": 3600})
    org.control("clock", {"set": "2031-05-01T10:10:00Z"})
    first = org.get(org.create(LastName="A"))
    org.control("clock", {"advance_seconds": 1200})
    second = org.get(org.create(LastName="B"))
    assert first["SystemModstamp"] == second["SystemModstamp"] == "2031-05-01T10:00:00.000+0000"


def test_a_fault_hits_one_part_of_a_composite(org: OrgClient) -> None:
    _fault(org, "UNABLE_TO_LOCK_ROW", path="/sobjects/Contact")
    parts = [
        {"method": "POST", "url": f"/services/data/v60.0/sobjects/{kind}", "referenceId": kind, "body": body}
        for kind, body in (("Account", {"Name": "Acme"}), ("Contact", {"LastName": "A"}))
    ]
    answered = org.ok("POST", "composite", json={"compositeRequest": parts})["compositeResponse"]
    assert [part["httpStatusCode"] for part in answered] == [201, 400]
    assert _people(org) == []


def test_unknown_faults_are_refused_with_the_known_ones(org: OrgClient) -> None:
    described: Any = [{"match": {"service": "salesforce"}, "fault": "NONSENSE"}]
    refused = org.request("POST", "/_sandbox/faults", json=described)
    assert refused.status_code == 400
    for name in (*ROW_CODES, "300", "partial_failure", "short_page", "late_commit", "timeout"):
        assert name in refused.json()["error"]
    wrong: Any = [{"fault": "UNABLE_TO_LOCK_ROW", "rows": ["x"]}]
    assert org.request("POST", "/_sandbox/faults", json=wrong).status_code == 400


def test_a_fault_of_some_rows_is_told_in_the_log_of_faults(org: OrgClient) -> None:
    _fault(org, "partial_failure", path="/composite/sobjects")
    records = [{"attributes": {"type": "Contact"}, "LastName": f"P{n}"} for n in range(2)]
    org.ok("POST", "composite/sobjects", json={"records": records})
    [entry] = org.ok("GET", "/_sandbox/log/faults")
    assert (entry["fault"], entry["service"], entry["path"]) == (
        "partial_failure", "salesforce", "/services/data/v60.0/composite/sobjects",
    )  # fmt: skip
    assert entry["actor"] == "user:admin@acme.example.com"
