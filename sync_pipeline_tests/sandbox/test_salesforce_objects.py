"""Custom objects on the Salesforce stand-in, from a JSON description: the API serves them as it does Contact."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, OrgClient, fresh_org

INVOICE: Final[dict[str, Any]] = {
    "object": "Invoice__c",
    "label": "Invoice",
    "fields": [
        {"name": "Number__c", "label": "Number", "length": 20, "externalId": True, "unique": True},
        {"name": "Amount__c", "type": "currency", "required": True},
        {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]},
        {"name": "Corrects__c", "type": "reference", "referenceTo": ["Invoice__c"]},
        {"name": "Paid__c", "type": "boolean"},
    ],
}


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        client.control("salesforce/objects", INVOICE)
        yield client


def test_it_is_described_like_any_other_object(org: OrgClient) -> None:
    described = org.ok("GET", "sobjects/Invoice__c/describe")
    assert (described["label"], described["labelPlural"], described["custom"]) == ("Invoice", "Invoices", True)
    fields = {one["name"]: one for one in described["fields"]}
    assert list(fields)[:4] == ["Id", "OwnerId", "IsDeleted", "Name"]
    number, amount, account = (fields[name] for name in ("Number__c", "Amount__c", "Account__c"))
    assert (number["externalId"], number["unique"], number["length"], number["custom"]) == (True, True, 20, True)
    assert (amount["type"], amount["nillable"], amount["label"]) == ("currency", False, "Amount")
    assert (account["relationshipName"], account["referenceTo"]) == ("Account__r", ["Account"])
    assert "Invoice__c" in [one["name"] for one in org.ok("GET", "sobjects")["sobjects"]]
    children = org.ok("GET", "sobjects/Account/describe")["childRelationships"]
    assert "Invoice__c" in [child["childSObject"] for child in children]


def test_its_records_live_as_contacts_do(org: OrgClient) -> None:
    account = org.create("Account", Name="Acme")
    refused = org.refused("POST", "sobjects/Invoice__c", json={"Name": "A"})
    assert refused[1:] == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Amount__c]")
    invoice = org.as_user(ANNA).create("Invoice__c", Name="One", Amount__c=9.5, Account__c=account)
    assert invoice[:3] == org.ok("GET", "sobjects/Invoice__c/describe")["keyPrefix"]
    org.ok("PATCH", f"sobjects/Invoice__c/{invoice}", json={"Paid__c": True})
    again = org.create("Invoice__c", Amount__c=1, Corrects__c=invoice)
    [found] = org.query(
        "SELECT Name, Amount__c, Paid__c, Account__r.Name, Owner.Username FROM Invoice__c WHERE Paid__c = true"
    )
    assert (found["Amount__c"], found["Account__r"]["Name"], found["Owner"]["Username"]) == (9.5, "Acme", ANNA)
    [child] = org.query("SELECT Id, Corrects__r.Name FROM Invoice__c WHERE Corrects__r.Amount__c > 9")
    assert (child["Id"], child["Corrects__r"]["Name"]) == (again, "One")
    org.ok("DELETE", f"sobjects/Invoice__c/{invoice}")
    assert org.refused("GET", f"sobjects/Invoice__c/{invoice}")[:2] == (404, "ENTITY_IS_DELETED")
    [binned] = org.query("SELECT Id FROM Invoice__c WHERE IsDeleted = true", "queryAll")
    org.control("salesforce/undelete", {"ids": [binned["Id"]]})
    assert org.get(invoice, "Invoice__c")["Name"] == "One"
    assert {entry["entity"] for entry in org.log()} >= {"Object", "Invoice__c"}


def test_an_own_external_id_upserts_by_every_way(org: OrgClient) -> None:
    path = "sobjects/Invoice__c/Number__c/R-1"
    assert org.ok("PATCH", path, json={"Amount__c": 1})["created"] is True
    assert org.ok("PATCH", path, json={"Amount__c": 2})["created"] is False
    kind = {"attributes": {"type": "Invoice__c"}}
    records = [{**kind, "Number__c": "r-1", "Amount__c": 3}, {**kind, "Number__c": "R-2", "Amount__c": 4}]
    results = org.ok("PATCH", "composite/sobjects/Invoice__c/Number__c", json={"records": records})
    assert [result["created"] for result in results] == [False, True]
    job = {"object": "Invoice__c", "operation": "upsert", "externalIdFieldName": "Number__c"}
    made = org.ok("POST", "jobs/ingest", json=job)["id"]
    csv = b"Number__c,Amount__c\nR-2,5\nR-3,6\n"
    org.request("PUT", f"jobs/ingest/{made}/batches", content=csv, headers={"Content-Type": "text/csv"})
    org.ok("PATCH", f"jobs/ingest/{made}", json={"state": "UploadComplete"})
    found = org.query("SELECT Number__c, Amount__c FROM Invoice__c ORDER BY Number__c")
    assert [(one["Number__c"], one["Amount__c"]) for one in found] == [("R-1", 3), ("R-2", 5), ("R-3", 6)]
    twice = org.refused("POST", "sobjects/Invoice__c", json={"Number__c": "R-1", "Amount__c": 1})
    assert twice[:2] == (400, "DUPLICATE_VALUE")


def test_replication_and_list_views_know_it(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:30Z"})
    first, second = (org.create("Invoice__c", Amount__c=number) for number in (1, 2))
    org.ok("DELETE", f"sobjects/Invoice__c/{second}")
    period = "start=2031-05-01T10:00:00Z&end=2031-05-01T10:05:00Z"
    assert org.ok("GET", f"sobjects/Invoice__c/updated?{period}")["ids"] == [first]
    [gone] = org.ok("GET", f"sobjects/Invoice__c/deleted?{period}")["deletedRecords"]
    assert gone["id"] == second
    view = {"developer_name": "Small", "object": "Invoice__c", "where": "Amount__c < 5"}
    made = org.control("salesforce/listviews", view)["id"]
    assert org.ok("GET", f"sobjects/Invoice__c/listviews/{made}/results")["size"] == 1


def test_it_takes_further_fields_and_is_gone_with_a_reset(org: OrgClient) -> None:
    org.control("salesforce/fields", {"object": "Invoice__c", "name": "Note__c"})
    assert org.get(org.create("Invoice__c", Amount__c=1, Note__c="n"), "Invoice__c")["Note__c"] == "n"
    again = org.request("POST", "/_sandbox/salesforce/objects", json=INVOICE)
    assert (again.status_code, "already" in again.text) == (400, True)
    org.control("reset", {"empty": True})
    assert org.refused("GET", "sobjects/Invoice__c/describe")[:2] == (404, "NOT_FOUND")
    assert org.refused("GET", "query?q=SELECT+Id+FROM+Invoice__c")[1] == "INVALID_TYPE"
    numbers = [{"name": "Number__c", "type": "int"}]
    org.control("salesforce/objects", {"object": "Invoice__c", "fields": numbers})
    assert org.query("SELECT Id FROM Invoice__c", "queryAll") == []
    assert org.get(org.create("Invoice__c", Number__c=7), "Invoice__c")["Number__c"] == 7
