"""Records on the Salesforce stand-in over HTTP: field checks, rules, collections, recycle bin, merge, the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, OrgClient, fresh_org


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


@pytest.mark.parametrize(
    ("values", "code", "message", "fields"),
    [
        ({"FirstName": "A"}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        ({"LastName": "  "}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        (
            {"LastName": "x" * 81},
            "STRING_TOO_LONG",
            f"Last Name: data value too large: {'x' * 81} (max length=80)",
            ["LastName"],
        ),
        ({"LastName": "A", "Email": "x"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: x", ["Email"]),
        (
            {"LastName": "A", "Birthdate": "x"},
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of date from VALUE_STRING value x or request may be missing a required field"
            " at [line:1, column:2]",
            None,
        ),
        ({"LastName": "A", "foo": 1}, "INVALID_FIELD", "No such column 'foo' on sobject of type Contact", None),
        (
            {"LastName": "A", "AccountId": "1"},
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: 1",
            ["AccountId"],
        ),
        (
            {"LastName": "A", "AccountId": "001000000000000AAA"},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            ["AccountId"],
        ),
    ],
)
def test_a_bad_value_is_refused_in_salesforces_words(
    org: OrgClient, values: dict[str, Any], code: str, message: str, fields: list[str] | None
) -> None:
    response = org.request("POST", "sobjects/Contact/", json=values)
    assert response.status_code == 400
    [error] = response.json()
    assert (error["errorCode"], error["message"], error.get("fields")) == (code, message, fields)
    assert org.query("SELECT Id FROM Contact") == []


def test_a_read_only_field_is_refused(org: OrgClient) -> None:
    refused = org.refused("POST", "sobjects/Contact", json={"LastName": "A", "Name": "B", "CreatedDate": None})
    assert refused[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert "Name, CreatedDate" in refused[2]


def test_a_created_contact_has_its_name_stamps_and_owner(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:30.900Z"})
    anna = org.as_user("anna@example.com")
    created = anna.get(anna.create(LastName=" Adler\t", FirstName="Ida", Suffix="", MailingCity="Köln"))
    assert (created["Name"], created["LastName"], created["Suffix"]) == ("Ida Adler", "Adler", None)
    assert created["CreatedDate"] == created["SystemModstamp"]
    assert created["CreatedDate"].startswith("2031-05-01T10:00:")  # the clock goes on, and machines are slow at times
    assert created["CreatedDate"].endswith(".000+0000")
    assert (
        created["OwnerId"]
        == created["CreatedById"]
        == org.query(f"SELECT Id FROM User WHERE Username = '{ANNA}'")[0]["Id"]
    )
    assert created["MailingAddress"]["city"] == "Köln"
    assert created["OtherAddress"] is None
    [entry] = [each for each in org.log() if each["entity"] == "Contact"]
    assert (entry["service"], entry["actor"], entry["mailbox"], entry["action"], entry["before"]) == (
        "salesforce", "user:anna@example.com", None, "create", None,
    )  # fmt: skip
    assert entry["after"]["LastName"] == "Adler"


def test_an_update_that_changes_nothing_still_stamps_the_record(org: OrgClient) -> None:
    contact = org.create(LastName="A")
    before = org.get(contact)
    org.control("clock", {"advance_seconds": 60})
    org.ok("PATCH", f"sobjects/Contact/{contact[:15]}", json={"lastname": "A"})
    assert org.get(contact)["LastModifiedDate"] > before["LastModifiedDate"]
    assert org.log()[-1]["action"] == "update"


def test_if_unmodified_since_guards_an_update(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:30Z"})
    contact = org.create(LastName="A")
    path = f"sobjects/Contact/{contact}"
    since = {"If-Unmodified-Since": "Thu, 01 May 2031 10:00:29 GMT"}
    assert org.refused("PATCH", path, json={"Title": "x"}, headers=since)[0] == 412
    same_second = {"If-Unmodified-Since": "Thu, 01 May 2031 10:00:30 GMT"}
    org.ok("PATCH", path, json={"Title": "x"}, headers=same_second)
    assert org.refused("PATCH", path, json={}, headers={"If-Unmodified-Since": "soon"})[0] == 400


def test_a_record_is_read_only_if_it_is_as_old_or_as_new_as_asked(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:30Z"})
    path = f"sobjects/Contact/{org.create(LastName='A')}"
    early, late = "Thu, 01 May 2031 10:00:29 GMT", "Thu, 01 May 2031 10:01:30 GMT"
    refused = org.refused("GET", path, headers={"If-Unmodified-Since": early})
    assert refused[:2] == (412, "PRECONDITION_FAILED")
    assert org.ok("GET", path, headers={"If-Unmodified-Since": late})["LastName"] == "A"
    assert org.ok("GET", path, headers={"If-Modified-Since": early})["LastName"] == "A"
    unchanged = org.request("GET", path, headers={"If-Modified-Since": late})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Match"):
        assert org.ok("GET", path, headers={name: "soon"})["LastName"] == "A"  # only a write is refused for that
    org.ok("DELETE", path, headers={"If-Unmodified-Since": early})


def test_an_accounts_etag_guards_it_and_a_contact_has_none(org: OrgClient) -> None:
    path = f"sobjects/Account/{org.create('Account', Name='Acme')}"
    first = org.request("GET", path).headers["ETag"]
    changed = org.request("PATCH", path, json={"Phone": "1"}, headers={"If-Match": f'"x", {first}'})
    assert (changed.status_code, changed.headers["ETag"] != first) == (204, True)
    assert org.request("GET", path).headers["ETag"] == changed.headers["ETag"]
    expected = (412, "PRECONDITION_FAILED")
    for headers in ({"If-Match": first}, {"If-None-Match": "*"}, {"If-None-Match": changed.headers["ETag"]}):
        assert org.refused("PATCH", path, json={"Phone": "2"}, headers=headers)[:2] == expected
    assert org.refused("GET", path, headers={"If-Match": first})[:2] == expected
    assert org.request("GET", path, headers={"If-None-Match": changed.headers["ETag"]}).status_code == 304
    for name in ("If-Match", "If-None-Match"):
        assert org.refused("PATCH", path, json={}, headers={name: "bare"})[:2] == (400, "INVALID_HEADER")
    assert org.ok("GET", path)["Phone"] == "1"
    contact = org.request("GET", f"sobjects/Contact/{org.create(LastName='A')}")
    assert "ETag" not in contact.headers
    org.ok("PATCH", f"sobjects/Contact/{contact.json()['Id']}", json={"Title": "T"}, headers={"If-Match": first})


def test_deleted_records_stay_in_the_bin_and_come_back(org: OrgClient) -> None:
    account = org.create("Account", Name="Acme")
    contact = org.create(LastName="A", AccountId=account)
    org.ok("DELETE", f"sobjects/Account/{account}")
    for method in ("GET", "PATCH", "DELETE"):
        refused = org.refused(method, f"sobjects/Contact/{contact}", **({"json": {}} if method == "PATCH" else {}))
        assert refused == (404, "ENTITY_IS_DELETED", "entity is deleted")
    org.control("salesforce/undelete", {"ids": [account], "user": ANNA})
    assert org.get(contact)["AccountId"] == account
    actions = [(each["entity"], each["action"], each["actor"]) for each in org.log()][-4:]
    assert actions[:2] == [(name, "delete", "user:admin@acme.example.com") for name in ("Account", "Contact")]
    assert actions[2:] == [(name, "undelete", f"user:{ANNA}") for name in ("Account", "Contact")]


def test_a_merge_leaves_the_losers_deleted_with_their_master(org: OrgClient) -> None:
    winner, loser = org.create(LastName="A"), org.create(LastName="B", Phone="1")
    report = org.create(LastName="C", ReportsToId=loser)
    org.control("salesforce/merge", {"winner": winner, "losers": [loser], "user": ANNA, "fill": True})
    [gone] = org.query(f"SELECT IsDeleted, MasterRecordId FROM Contact WHERE Id = '{loser}'", "queryAll")
    assert (gone["IsDeleted"], gone["MasterRecordId"]) == (True, winner)
    assert (org.get(winner)["Phone"], org.get(report)["ReportsToId"]) == ("1", winner)
    merged = [each for each in org.log() if each["action"] == "merge"]
    assert [(each["id"], each["actor"], each["after"]["MasterRecordId"]) for each in merged] == [
        (loser, f"user:{ANNA}", winner)
    ]


def test_collections_answer_row_by_row_or_all_or_none(org: OrgClient) -> None:
    rows = [{"attributes": {"type": "Contact"}, "LastName": name} for name in ("A", "", "C")]
    first, second, third = org.ok("POST", "composite/sobjects", json={"records": rows})
    assert (first["success"], third["success"]) == (True, True)
    assert second == {
        "success": False,
        "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [LastName]",
                    "fields": ["LastName"]}],
    }  # fmt: skip
    results = org.ok("POST", "composite/sobjects", json={"records": rows, "allOrNone": True})
    codes = [result["errors"][0]["statusCode"] for result in results]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    assert org.names("LastName != null") == ["A", "C"]

    ids = [first["id"], third["id"]]
    changes = [{"attributes": {"type": "Contact"}, "id": each, "Title": "T"} for each in (*ids, "003000000000000AAA")]
    updated = org.ok("PATCH", "composite/sobjects/", json={"records": changes})
    assert [result["success"] for result in updated] == [True, True, False]
    asked = {"ids": [*ids, "003000000000000AAA"], "fields": ["Id", "Title"]}
    retrieved = org.ok("POST", "composite/sobjects/Contact", json=asked)
    assert [record and record["Title"] for record in retrieved] == ["T", "T", None]
    removed = org.ok("DELETE", "composite/sobjects", params={"ids": ",".join([ids[0], ids[0]]), "allOrNone": "false"})
    assert [result["success"] for result in removed] == [True, False]
    assert removed[1]["errors"][0]["statusCode"] == "ENTITY_IS_DELETED"
    assert org.refused("POST", "composite/sobjects", json={"records": rows * 67})[1] == "EXCEEDED_ID_LIMIT"


def test_a_collection_of_more_than_ten_runs_of_a_type_is_refused(org: OrgClient) -> None:
    contact = {"attributes": {"type": "Contact"}, "LastName": "C"}
    account = {"attributes": {"type": "Account"}, "Name": "A"}
    ten, eleven = [contact, contact, account] * 5, [contact, account] * 5 + [contact]
    assert all(result["success"] for result in org.ok("POST", "composite/sobjects", json={"records": ten}))
    for method in ("POST", "PATCH"):
        refused = org.refused(method, "composite/sobjects", json={"records": eleven})
        assert refused[:2] == (400, "LIMIT_EXCEEDED")
    assert len(org.query("SELECT Id FROM Contact")) == 10
    org.control("switches", {"salesforce_too_many_chunks_code": "EXCEEDED_ID_LIMIT"})
    assert org.refused("POST", "composite/sobjects", json={"records": eleven})[1] == "EXCEEDED_ID_LIMIT"


def test_an_unreadable_value_refuses_the_whole_collection_unless_switched(org: OrgClient) -> None:
    rows = [{"attributes": {"type": "Contact"}, "LastName": "A", "Birthdate": value} for value in ("2000-01-01", "x")]
    assert org.refused("POST", "composite/sobjects", json={"records": rows})[:2] == (400, "JSON_PARSER_ERROR")
    assert org.query("SELECT Id FROM Contact") == []
    org.control("switches", {"salesforce_parse_errors_fail_collection": False})
    results = org.ok("POST", "composite/sobjects", json={"records": rows})
    assert [result["success"] for result in results] == [True, False]


def test_a_custom_external_id_is_unique_and_upserts(org: OrgClient) -> None:
    field = {"object": "Contact", "name": "SyncKey__c", "length": 64, "externalId": True, "unique": True}
    org.control("salesforce/fields", field)
    described = {each["name"]: each for each in org.ok("GET", "sobjects/Contact/describe")["fields"]}
    assert (described["SyncKey__c"]["externalId"], described["SyncKey__c"]["custom"]) == (True, True)
    created = org.request("PATCH", "sobjects/Contact/SyncKey__c/k%201", json={"LastName": "A"})
    assert (created.status_code, created.json()["created"]) == (201, True)
    again = org.request("PATCH", "sobjects/Contact/SyncKey__c/K%201", json={"LastName": "B"})
    assert (again.status_code, again.json()["id"], again.json()["created"]) == (200, created.json()["id"], False)
    refused = org.refused("POST", "sobjects/Contact", json={"LastName": "C", "SyncKey__c": "k 1"})
    duplicate = f"duplicate value found: SyncKey__c duplicates value on record with id: {created.json()['id'][:15]}"
    assert refused == (400, "DUPLICATE_VALUE", duplicate)
    rows = [
        {"attributes": {"type": "Contact"}, "LastName": name, "SyncKey__c": key}
        for name, key in (("D", "k 1"), ("E", "k 2"))
    ]
    results = org.ok("PATCH", "composite/sobjects/Contact/SyncKey__c", json={"records": rows})
    assert [result["created"] for result in results] == [False, True]


def test_an_upsert_that_may_only_update_creates_nothing(org: OrgClient) -> None:
    path = "sobjects/Contact/Email/a@example.com?updateOnly="
    expected = (404, "NOT_FOUND", "The requested resource does not exist")
    assert org.refused("PATCH", f"{path}true", json={"LastName": "A"}) == expected
    assert org.names("LastName != null") == []
    assert org.ok("PATCH", f"{path}false", json={"LastName": "A"})["created"] is True
    assert org.ok("PATCH", f"{path}true", json={"LastName": "B"})["created"] is False
    assert org.names("LastName != null") == ["B"]


def test_an_e_mail_that_several_contacts_have_does_not_upsert(org: OrgClient) -> None:
    ids = [org.create(LastName=name, Email="a@example.com") for name in ("A", "B")]
    several = org.request("PATCH", "sobjects/Contact/Email/a@example.com", json={"LastName": "C"})
    assert several.status_code == 300
    assert several.json() == [f"/services/data/v60.0/sobjects/Contact/{each}" for each in ids]
    row = {"attributes": {"type": "Contact"}, "LastName": "C", "Email": "a@example.com"}
    [result] = org.ok("PATCH", "composite/sobjects/Contact/Email", json={"records": [row]})
    assert result["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"
    refused = org.refused("PATCH", "sobjects/Contact/Title/x", json={"LastName": "C"})
    assert refused == (404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Title")


def test_fields_can_be_hidden_required_or_not_updateable(org: OrgClient) -> None:
    contact = org.create(LastName="A", Department="D")
    for change in (
        {"name": "Fax", "hidden": True},
        {"name": "Title", "required": True},
        {"name": "Department", "updateable": False},
    ):
        org.control("salesforce/fields", {"object": "Contact", **change})
    described = {each["name"]: each for each in org.ok("GET", "sobjects/Contact/describe")["fields"]}
    assert "Fax" not in described
    assert (described["Title"]["nillable"], described["Department"]["updateable"]) == (False, False)
    assert org.refused("GET", "query", params={"q": "SELECT Fax FROM Contact"})[1] == "INVALID_FIELD"
    assert org.refused("POST", "sobjects/Contact", json={"LastName": "B"})[2] == "Required fields are missing: [Title]"
    refused = org.refused("PATCH", f"sobjects/Contact/{contact}", json={"Title": "x", "Department": "E"})
    assert refused[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    org.control("switches", {"salesforce_name_fields": False})
    names = {each["name"] for each in org.ok("GET", "sobjects/Contact/describe")["fields"]}
    assert not {"MiddleName", "Suffix"} & names


def test_validation_rules_triggers_and_restricted_picklists_act_on_saving(org: OrgClient) -> None:
    rule = {"object": "Contact", "field": "Title", "contains": "boss", "message": "No bosses."}
    org.control("salesforce/validation_rules", rule)
    refused = org.refused("POST", "sobjects/Contact", json={"LastName": "A", "Title": "Big Boss"})
    assert refused == (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "No bosses.")
    lock = {"object": "Contact", "field": "LastName", "contains": "lock", "message": "locked", "times": 1}
    org.control("salesforce/validation_rules", {**lock, "error_code": "UNABLE_TO_LOCK_ROW"})
    assert org.refused("POST", "sobjects/Contact", json={"LastName": "lock"})[1] == "UNABLE_TO_LOCK_ROW"
    org.create(LastName="lock")

    org.control("salesforce/triggers", {"object": "Contact", "field": "Phone", "rewrite": "upper", "times": 1})
    org.control("salesforce/triggers", {"object": "Contact", "field": "Department", "rewrite": {"set": "Set"}})
    first, second = (org.get(org.create(LastName="A", Phone="x")) for _ in range(2))
    assert (first["Phone"], second["Phone"], second["Department"]) == ("X", "x", "Set")

    org.control("salesforce/fields", {"object": "Contact", "name": "Salutation", "restrictedPicklist": True})
    refused = org.refused("POST", "sobjects/Contact", json={"LastName": "A", "Salutation": "Lord"})
    assert refused[1] == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"


def test_a_duplicate_rule_names_its_matches_and_can_be_overridden(org: OrgClient) -> None:
    first = org.create(LastName="A", Email="a@example.com")
    org.control("salesforce/duplicate_rules", {"object": "Contact"})
    body = {"LastName": "B", "Email": "A@example.com"}
    single = org.request("POST", "sobjects/Contact", json=body).json()[0]
    assert single["errorCode"] == "DUPLICATES_DETECTED"
    assert single["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    rows = {"records": [{"attributes": {"type": "Contact"}, **body}]}
    [result] = org.ok("POST", "composite/sobjects", json=rows)
    assert result["errors"][0]["statusCode"] == "DUPLICATES_DETECTED"
    assert result["errors"][0]["duplicateResult"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == first
    allow = {"Sforce-Duplicate-Rule-Header": "allowSave=true; includeRecordDetails=true"}
    [result] = org.ok("POST", "composite/sobjects", json=rows, headers=allow)
    assert result["success"]


def test_a_version_before_52_does_not_know_the_duplicate_header(org: OrgClient) -> None:
    org.control("salesforce/duplicate_rules", {"object": "Contact"})
    values = {"LastName": "A", "Email": "a@example.com"}
    org.create(**values)
    options: dict[str, Any] = {"json": values, "headers": {"Sforce-Duplicate-Rule-Header": "allowSave=true"}}
    path = "/services/data/v{}/sobjects/Contact"
    assert org.request("POST", path.format("51.0"), **options).json()[0]["errorCode"] == "DUPLICATES_DETECTED"
    assert org.ok("POST", path.format("52.0"), **options)["success"] is True


def test_an_external_id_that_ends_like_a_file_is_not_found(org: OrgClient) -> None:
    contact = org.create(LastName="A", Email="a@example.inc")
    path = "sobjects/Contact/Email/a@example.inc"
    assert org.refused("GET", path)[:2] == (404, "NOT_FOUND")
    assert org.refused("PATCH", path, json={"LastName": "B"})[:2] == (404, "NOT_FOUND")
    rows = [{"attributes": {"type": "Contact"}, "Email": "a@example.inc", "LastName": "C"}]
    [result] = org.ok("PATCH", "composite/sobjects/Contact/Email", json={"records": rows})
    assert (result["created"], org.get(contact)["LastName"]) == (False, "C")


def test_a_person_accounts_contact_keeps_its_name(org: OrgClient) -> None:
    pair = org.control("salesforce/person_accounts", {"FirstName": "Pia", "LastName": "Person"})
    contact = org.get(pair["contact"])
    assert (contact["IsPersonAccount"], contact["AccountId"]) == (True, pair["account"])
    refused = org.refused("PATCH", f"sobjects/Contact/{pair['contact']}", json={"LastName": "Other"})
    assert refused[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    org.ok("PATCH", f"sobjects/Contact/{pair['contact']}", json={"Phone": "1"})


def test_an_inactive_owner_and_a_reporting_loop_are_refused(org: OrgClient) -> None:
    org.control("salesforce/users", {"username": ANNA, "name": "Anna Adler", "is_active": False})
    anna = org.query(f"SELECT Id FROM User WHERE Username = '{ANNA}'")[0]["Id"]
    assert (
        org.refused("POST", "sobjects/Contact", json={"LastName": "A", "OwnerId": anna})[1] == "INACTIVE_OWNER_OR_USER"
    )
    boss = org.create(LastName="Boss")
    staff = org.create(LastName="Staff", ReportsToId=boss)
    assert org.refused("PATCH", f"sobjects/Contact/{boss}", json={"ReportsToId": staff})[1] == "CIRCULAR_DEPENDENCY"


def test_writes_can_be_stamped_in_the_past_as_a_late_commit_is(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:00Z"})
    org.control("switches", {"salesforce_commit_lag_seconds": 300})
    assert org.get(org.create(LastName="Late"))["SystemModstamp"] == "2031-05-01T09:55:00.000+0000"
