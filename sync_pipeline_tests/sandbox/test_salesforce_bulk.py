"""Bulk API 2.0 on the Salesforce stand-in over HTTP, plain and by simple_salesforce (salesforce.md D, I.6, I.7)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import BEN, OrgClient, fresh_org

Lines = list[dict[str, str]]


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def _open(org: OrgClient, operation: str = "insert", **more: Any) -> str:
    return str(org.ok("POST", "jobs/ingest", json={"object": "Contact", "operation": operation, **more})["id"])


def _upload(org: OrgClient, job: str, text: str | bytes) -> httpx.Response:
    content = text if isinstance(text, bytes) else text.encode()
    headers = {"Content-Type": "text/csv; charset=UTF-8"}
    return org.request("PUT", f"jobs/ingest/{job}/batches", content=content, headers=headers)


def _close(org: OrgClient, job: str) -> Any:
    return org.ok("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})


def _end(org: OrgClient, job: str, kind: str = "ingest") -> Any:
    for _ in range(20):
        told = org.ok("GET", f"jobs/{kind}/{job}")
        if told["state"] in ("JobComplete", "Failed", "Aborted"):
            return told
    raise AssertionError(told)


def _run(org: OrgClient, text: str, operation: str = "insert", **more: Any) -> tuple[str, Any]:
    job = _open(org, operation, **more)
    assert _upload(org, job, text).status_code == 201
    _close(org, job)
    return job, _end(org, job)


def _results(org: OrgClient, job: str, which: str, delimiter: str = ",") -> Lines:
    response = org.request("GET", f"jobs/ingest/{job}/{which}")
    assert response.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(response.text, newline=""), delimiter=delimiter))


def test_an_insert_job_goes_from_open_to_complete_and_tells_of_each_row(org: OrgClient) -> None:
    created = org.ok("POST", "jobs/ingest", json={"object": "contact", "operation": "insert", "contentType": "CSV"})
    assert (created["state"], created["object"], created["apiVersion"]) == ("Open", "Contact", 60.0)
    assert created["contentUrl"] == f"services/data/v60.0/jobs/ingest/{created['id']}/batches"
    job = created["id"]
    assert (
        _upload(org, job, 'LastName,Email,Description\nAdler,ida@example.com,"a\nb"\n,x@example.com,\n').status_code
        == 201
    )
    assert _close(org, job)["state"] == "UploadComplete"
    assert org.ok("GET", f"jobs/ingest/{job}")["state"] == "InProgress"
    ended = org.ok("GET", f"jobs/ingest/{job}")
    assert (ended["state"], ended["numberRecordsProcessed"], ended["numberRecordsFailed"]) == ("JobComplete", 2, 1)
    [good] = _results(org, job, "successfulResults")
    assert (good["sf__Created"], good["LastName"], good["Description"]) == ("true", "Adler", "a\nb")
    assert org.get(good["sf__Id"])["Description"] == "a\nb"
    [bad] = _results(org, job, "failedResults")
    assert bad["sf__Id"] == ""
    assert bad["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    assert bad["Email"] == "x@example.com"
    for spelling in ("unprocessedrecords", "unprocessedRecords"):
        assert _results(org, job, spelling) == []
    assert org.request("DELETE", f"jobs/ingest/{job}").status_code == 204
    assert org.refused("GET", f"jobs/ingest/{job}")[:2] == (404, "NOT_FOUND")
    assert [entry["actor"] for entry in org.log() if entry["entity"] == "Contact"] == ["user:admin@acme.example.com"]


def test_blank_cells_are_ignored_and_na_empties(org: OrgClient) -> None:
    contact = org.create(LastName="Adler", Title="T", Department="D")
    _, ended = _run(org, f"Id,LastName,Title,Department\n{contact},,#N/A,\n", "update")
    assert ended["numberRecordsFailed"] == 0
    assert {name: org.get(contact)[name] for name in ("LastName", "Title", "Department")} == {
        "LastName": "Adler", "Title": None, "Department": "D",
    }  # fmt: skip


def test_upsert_by_email_creates_and_updates(org: OrgClient) -> None:
    contact = org.create(LastName="Adler", Email="ida@example.com")
    org.create(LastName="A", Email="two@example.com")
    org.create(LastName="B", Email="two@example.com")
    text = "Email,LastName\nida@example.com,Berg\nnew@example.com,Neu\ntwo@example.com,C\n,D\n"
    job, _ = _run(org, text, "upsert", externalIdFieldName="Email")
    good = {line["Email"]: line for line in _results(org, job, "successfulResults")}
    assert (good["ida@example.com"]["sf__Id"], good["ida@example.com"]["sf__Created"]) == (contact, "false")
    assert good["new@example.com"]["sf__Created"] == "true"
    assert [line["sf__Error"].partition(":")[0] for line in _results(org, job, "failedResults")] == [
        "DUPLICATE_EXTERNAL_ID", "MISSING_ARGUMENT",
    ]  # fmt: skip
    org.control("switches", {"salesforce_bulk_upsert_by_email": False})
    body = {"object": "Contact", "operation": "upsert", "externalIdFieldName": "Email"}
    assert org.refused("POST", "jobs/ingest", json=body)[:2] == (400, "INVALIDJOB")


def test_parents_are_found_by_their_external_id(org: OrgClient) -> None:
    org.control("salesforce/fields", {"object": "Account", "name": "Number__c", "externalId": True, "unique": True})
    account = org.create("Account", Name="Acme", Number__c="7")
    job, _ = _run(org, "LastName,Account.Number__c\nAdler,7\nBerg,8\n")
    [good] = _results(org, job, "successfulResults")
    assert org.get(good["sf__Id"])["AccountId"] == account
    [bad] = _results(org, job, "failedResults")
    assert bad["sf__Error"] == (
        "INVALID_FIELD:Foreign key external ID: 8 not found for field Number__c in entity Account:--"
    )


def test_delete_takes_ids_alone(org: OrgClient) -> None:
    contact = org.create(LastName="Adler")
    job, ended = _run(org, f"Id\n{contact}\n003000000000000AAA\n", "delete")
    assert ended["numberRecordsFailed"] == 1
    assert org.query("SELECT Id FROM Contact") == []
    [bad] = _results(org, job, "failedResults")
    assert (bad["sf__Id"], bad["Id"]) == ("003000000000000AAA", "003000000000000AAA")
    assert bad["sf__Error"].startswith("INVALID_CROSS_REFERENCE_KEY:")
    _, ended = _run(org, f"Id,LastName\n{contact},A\n", "delete")
    assert ended["state"] == "Failed"


@pytest.mark.parametrize(
    ("more", "text", "state"),
    [
        ({"lineEnding": "CRLF"}, "LastName,Title\r\nA,b\r\n", "JobComplete"),
        ({"lineEnding": "CRLF"}, "LastName,Title\nA,b\n", "Failed"),
        ({}, "LastName,Title\r\nA,b\r\n", "Failed"),
        ({"columnDelimiter": "SEMICOLON"}, "LastName;Title\nA;b\n", "JobComplete"),
        ({"columnDelimiter": "TAB"}, "\ufeffLastName\tTitle\nA\tb\n", "JobComplete"),
        ({}, "LastName,Nonsense\nA,b\n", "Failed"),
        ({}, "LastName,Title\nA\n", "Failed"),
        ({}, 'LastName,Title\n"A,b\n', "Failed"),
        ({}, "", "Failed"),
    ],
)
def test_data_that_cannot_be_read_fails_the_job_and_writes_nothing(
    org: OrgClient, more: dict[str, str], text: str, state: str
) -> None:
    job, ended = _run(org, text, **more)
    assert ended["state"] == state, ended
    assert ("errorMessage" in ended) == (state == "Failed")
    assert len(org.query("SELECT Id FROM Contact")) == (1 if state == "JobComplete" else 0)
    delimiter = {"SEMICOLON": ";", "TAB": "\t"}.get(more.get("columnDelimiter", ""), ",")
    assert len(_results(org, job, "successfulResults", delimiter)) == (1 if state == "JobComplete" else 0)


def test_a_job_that_never_began_gives_its_data_back_as_unprocessed(org: OrgClient) -> None:
    failed, ended = _run(org, 'LastName,Nonsense\nA,"b\nc"\nB,d\n')
    assert (ended["state"], ended["numberRecordsProcessed"]) == ("Failed", 0)
    expected = [{"LastName": "A", "Nonsense": "b\nc"}, {"LastName": "B", "Nonsense": "d"}]
    assert _results(org, failed, "unprocessedrecords") == _results(org, failed, "unprocessedRecords") == expected
    aborted = _open(org)
    _upload(org, aborted, "LastName\nA\n")
    org.ok("PATCH", f"jobs/ingest/{aborted}", json={"state": "Aborted"})
    assert _results(org, aborted, "unprocessedrecords") == [{"LastName": "A"}]
    for job in (failed, aborted):
        assert _results(org, job, "failedResults") == _results(org, job, "successfulResults") == []
    assert org.query("SELECT Id FROM Contact") == []


def test_values_of_the_wrong_type_fail_their_row(org: OrgClient) -> None:
    job, ended = _run(org, "LastName,Birthdate\nA,1990-02-30\nB,1990-02-28\n")
    assert (ended["numberRecordsProcessed"], ended["numberRecordsFailed"]) == (2, 1)
    [bad] = _results(org, job, "failedResults")
    assert bad["sf__Error"].startswith("INVALID_TYPE_ON_FIELD_IN_RECORD:Birthdate: value not of required type")


def test_large_jobs_are_worked_off_in_slices_and_can_be_aborted_between(org: OrgClient) -> None:
    org.control("switches", {"salesforce_bulk_slice_rows": 2})
    job = _open(org)
    _upload(org, job, "LastName\n" + "".join(f"P{n}\n" for n in range(5)))
    _close(org, job)
    assert org.ok("GET", f"jobs/ingest/{job}")["numberRecordsProcessed"] == 4
    assert org.refused("GET", f"jobs/ingest/{job}/successfulResults")[:2] == (400, "INVALIDJOBSTATE")
    assert org.ok("PATCH", f"jobs/ingest/{job}", json={"state": "Aborted"})["state"] == "Aborted"
    assert [line["LastName"] for line in _results(org, job, "unprocessedrecords")] == ["P4"]
    assert len(_results(org, job, "successfulResults")) == len(org.query("SELECT Id FROM Contact")) == 4


def test_results_can_come_in_another_order(org: OrgClient) -> None:
    org.control("switches", {"salesforce_bulk_results_shuffled": True})
    names = [f"P{n:02d}" for n in range(30)]
    job, _ = _run(org, "LastName\n" + "\n".join(names) + "\n")
    shuffled = [line["LastName"] for line in _results(org, job, "successfulResults")]
    assert shuffled != names
    assert sorted(shuffled) == names


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Contact", "operation": "guess"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "hardDelete"}, "FEATURENOTENABLED"),
        ({"object": "Nothing", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Title"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "lineEnding": "CR"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "contentType": "JSON"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "insert", "nonsense": 1}, "JSON_PARSER_ERROR"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_a_job_that_cannot_be_is_refused(org: OrgClient, body: Any, code: str) -> None:
    assert org.refused("POST", "jobs/ingest", json=body)[:2] == (400, code)


def test_a_jobs_life_has_one_direction(org: OrgClient) -> None:
    job = _open(org)
    assert org.refused("DELETE", f"jobs/ingest/{job}")[1] == "INVALIDJOBSTATE"
    json_upload = org.request("PUT", f"jobs/ingest/{job}/batches", json={})
    assert json_upload.status_code == 415
    assert _upload(org, job, "LastName\nA\n").status_code == 201
    assert "Found multiple contents" in _upload(org, job, "LastName\nA\n").json()[0]["message"]
    assert org.refused("PATCH", f"jobs/ingest/{job}", json={"state": "Open"})[1] == "INVALIDJOBSTATE"
    assert org.refused("PATCH", f"jobs/ingest/{job}", json=[])[1] == "JSON_PARSER_ERROR"
    _close(org, job)
    assert org.refused("PATCH", f"jobs/ingest/{job}", json={"state": "UploadComplete"})[1] == "INVALIDJOBSTATE"
    _end(org, job)
    assert org.refused("PATCH", f"jobs/ingest/{job}", json={"state": "Aborted"})[1] == "INVALIDJOBSTATE"
    assert [each["id"] for each in org.ok("GET", "jobs/ingest")["records"]] == [job]
    assert org.refused("GET", "jobs/query/" + job)[:2] == (404, "NOT_FOUND")


def test_a_jobs_rows_are_written_as_who_made_it(org: OrgClient) -> None:
    ben = org.as_user(BEN)
    job = _open(ben)
    _upload(org, job, "LastName\nA\n")
    _close(org, job)
    [contact] = org.query("SELECT Owner.Username FROM Contact")
    assert contact["Owner"]["Username"] == BEN


# -- query -------------------------------------------------------------------------------------------------------------


def _query(org: OrgClient, soql: str, operation: str = "query", **more: str) -> str:
    job = str(org.ok("POST", "jobs/query", json={"operation": operation, "query": soql, **more})["id"])
    assert _end(org, job, "query")["state"] == "JobComplete"
    return job


def test_a_bulk_query_gives_pages_of_csv(org: OrgClient) -> None:
    account = org.create("Account", Name='Acme, "Inc"')
    for number in range(5):
        org.create(LastName=f"P{number}", AccountId=account if number else None)
    job = _query(org, "SELECT LastName, account.name, IsDeleted, CreatedDate, Email FROM Contact ORDER BY LastName")
    whole = org.request("GET", f"jobs/query/{job}/results")
    assert (whole.headers["Sforce-Locator"], whole.headers["Sforce-NumberOfRecords"]) == ("null", "5")
    lines = list(csv.DictReader(io.StringIO(whole.text)))
    assert lines[0]["Account.Name"] == lines[0]["Email"] == ""
    assert (lines[1]["Account.Name"], lines[1]["IsDeleted"]) == ('Acme, "Inc"', "false")
    assert lines[1]["CreatedDate"].endswith(".000Z")
    names, locator, pages = list[str](), "", 0
    while locator != "null":
        parameters = {"maxRecords": "2", **({"locator": locator} if locator else {})}
        page = org.request("GET", f"jobs/query/{job}/results", params=parameters)
        names += [line["LastName"] for line in csv.DictReader(io.StringIO(page.text))]
        locator, pages = page.headers["Sforce-Locator"], pages + 1
    assert (names, pages) == ([f"P{n}" for n in range(5)], 3)
    assert org.refused("GET", f"jobs/query/{job}/results?locator=nonsense")[1] == "INVALID_QUERY_LOCATOR"
    assert org.refused("GET", f"jobs/query/{job}/results?maxRecords=x")[1] == "INVALIDJOB"
    assert org.refused("GET", f"/services/data/v61.0/jobs/query/{job}/results")[0] == 409
    assert org.request("DELETE", f"jobs/query/{job}").status_code == 204


def test_a_bulk_query_shows_rows_as_they_were_when_it_was_made(org: OrgClient) -> None:
    contact = org.create(LastName="Adler")
    job = _query(org, "SELECT LastName FROM Contact")
    org.ok("PATCH", f"sobjects/Contact/{contact}", json={"LastName": "Berg"})
    assert "Adler" in org.request("GET", f"jobs/query/{job}/results").text


def test_query_all_shows_deleted_rows(org: OrgClient) -> None:
    contact = org.create(LastName="Adler")
    org.ok("DELETE", f"sobjects/Contact/{contact}")
    for operation, found in (("query", "0"), ("queryAll", "1")):
        job = _query(org, "SELECT Id, IsDeleted FROM Contact", operation)
        assert org.request("GET", f"jobs/query/{job}/results").headers["Sforce-NumberOfRecords"] == found


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT COUNT() FROM Contact", "FEATURENOTENABLED"),
        ("SELECT Id FROM Contact LIMIT 3 OFFSET 1", "MALFORMED_QUERY"),
        ("SELECT MailingAddress FROM Contact", "FUNCTIONALITY_NOT_ENABLED"),
        ("SELECT (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY"),
        ("SELECT OwnerId FROM Contact GROUP BY OwnerId", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
    ],
)
def test_what_a_bulk_query_does_not_support_is_refused(org: OrgClient, soql: str, code: str) -> None:
    assert org.refused("POST", "jobs/query", json={"operation": "query", "query": soql})[:2] == (400, code)


@pytest.mark.slow  # the library waits ten seconds before it looks at a job
def test_simple_salesforce_runs_bulk_jobs(org: OrgClient) -> None:
    org.control("switches", {"salesforce_bulk_polls": 0})
    bulk: Any = org.library().bulk2
    [inserted] = bulk.Contact.insert(records=[{"LastName": "Adler"}, {"LastName": "Berg"}, {"LastName": "x" * 81}])
    assert (inserted["numberRecordsTotal"], inserted["numberRecordsFailed"]) == (3, 1)
    good = list(csv.DictReader(io.StringIO(bulk.Contact.get_successful_records(inserted["job_id"]))))
    assert {line["LastName"] for line in good} == {"Adler", "Berg"}
    assert "STRING_TOO_LONG" in bulk.Contact.get_failed_records(inserted["job_id"])
    bulk.Contact.get_unprocessed_records(inserted["job_id"])
    bulk.Contact.update(records=[{"Id": good[0]["sf__Id"], "Title": "T"}])
    assert org.get(good[0]["sf__Id"])["Title"] == "T"
    pages = "".join(bulk.Contact.query("SELECT LastName FROM Contact", max_records=1))
    assert pages.count("Adler") == pages.count("Berg") == 1
    bulk.Contact.delete(records=[{"Id": line["sf__Id"]} for line in good])
    assert org.query("SELECT Id FROM Contact") == []
