"""SOQL, paging and change detection on the Salesforce stand-in, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, BEN, OrgClient, fresh_org


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


@pytest.fixture
def people(org: OrgClient) -> OrgClient:
    """Three contacts: Äpfel at Acme with e-mail, berg without anything, O'Neil with % and _ in the title."""
    account = org.create("Account", Name="Acme")
    org.create(LastName="Äpfel", FirstName="Ida", Email="ida@example.com", AccountId=account, Birthdate="1980-02-29")
    org.create(LastName="berg")
    org.create(LastName="O'Neil", Title="100%_sure\\", Description="long")
    return org


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("LastName = 'äPFEL'", ["Äpfel"]),
        ("LastName != 'berg' AND Email = null", ["O'Neil"]),
        ("Email != 'ida@example.com'", ["berg", "O'Neil"]),
        ("NOT Email = 'ida@example.com'", ["berg", "O'Neil"]),
        ("Title = ''", ["Äpfel", "berg"]),
        ("LastName LIKE '%E_L'", ["O'Neil"]),
        ("LastName LIKE '_PF%'", ["Äpfel"]),
        ("Title LIKE '100\\%\\_sure\\\\'", ["O'Neil"]),
        ("LastName = 'O\\'Neil'", ["O'Neil"]),
        ("LastName = '\\u00c4pfel'", ["Äpfel"]),
        ("LastName IN ('BERG', 'nobody') OR (Email LIKE 'IDA%' AND FirstName = 'Ida')", ["Äpfel", "berg"]),
        ("LastName NOT IN ('berg')", ["Äpfel", "O'Neil"]),
        ("Email NOT IN ('ida@example.com', null)", []),
        ("Account.Name = 'ACME'", ["Äpfel"]),
        ("Account.Name != 'Acme'", ["berg", "O'Neil"]),
        ("AccountId IN (SELECT Id FROM Account WHERE Name LIKE 'ac%')", ["Äpfel"]),
        ("AccountId NOT IN (SELECT Id FROM Account)", ["berg", "O'Neil"]),
        (
            "CreatedDate = TODAY AND CreatedDate >= LAST_N_DAYS:3 AND CreatedDate = THIS_YEAR",
            ["Äpfel", "berg", "O'Neil"],
        ),
        ("CreatedDate < TODAY OR CreatedDate > TODAY OR CreatedDate = LAST_WEEK", []),
        ("CreatedDate > 2020-01-01T00:00:00+02:00 AND IsDeleted = false", ["Äpfel", "berg", "O'Neil"]),
        ("Birthdate = 2001-02-29", []),
        ("Birthdate < 1999-12-31", ["Äpfel"]),
    ],
)
def test_a_condition_finds_what_soql_finds(people: OrgClient, condition: str, found: list[str]) -> None:
    if condition == "Birthdate = 2001-02-29":
        assert people.refused("GET", "query", params={"q": f"SELECT Id FROM Contact WHERE {condition}"})[0] == 400
        return
    assert people.names(condition) == found


@pytest.mark.parametrize(
    ("soql", "code", "part"),
    [
        ("SELECT Id FROM Contact WHERE Name = 'a\\xb'", "MALFORMED_QUERY", "Illegal character sequence"),
        ("SELECT Id FROM Contact WHERE Name = 'a\\%'", "MALFORMED_QUERY", "Illegal character sequence"),
        ('SELECT Id FROM Contact WHERE Name = "a"', "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM Contact WHERE a = 1 AND b = 2 OR c = 3", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Contact GROUP BY Id", "MALFORMED_QUERY", "GROUP is not supported"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT Id FROM Contact WHERE Name INCLUDES ('a')", "MALFORMED_QUERY", "multi-select"),
        ("SELECT Id FROM Contact USING SCOPE team", "MALFORMED_QUERY", "scope 'team' is not supported"),
        ("SELECT Id FROM Contact WHERE CreatedDate = SOMEDAY", "MALFORMED_QUERY", "SOMEDAY"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "<EOF>"),
        ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY", "duplicate field selected: Id"),
        (
            "SELECT Id, Nope FROM Contact",
            "INVALID_FIELD",
            "ERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Contact'.",
        ),
        ("SELECT Boss.Name FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Boss'"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > '2020-01-01T00:00:00Z'",
            "INVALID_FIELD",
            "must be of type dateTime",
        ),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        (
            "select count() from XYZZY",
            "INVALID_TYPE",
            "\nselect count() from XYZZY\n                    ^\nERROR at Row:1:Column:21\n"
            "sObject type 'XYZZY' is not supported. If you are attempting to use a custom object, be sure to append the"
            " '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
        ),
    ],
)
def test_a_query_that_soql_does_not_have_is_refused(org: OrgClient, soql: str, code: str, part: str) -> None:
    status, error_code, message = org.refused("GET", "query", params={"q": soql})
    assert (status, error_code) == (400, code)
    assert part in message


def test_parents_come_nested_and_a_missing_parent_is_null(people: OrgClient) -> None:
    with_parent, without, _ = people.query(
        "SELECT c.Id, toLabel(Salutation), c.Account.Name, Account.Owner.Alias, ReportsTo.Name"
        " FROM Contact c ORDER BY Id"
    )
    assert with_parent["Account"]["Name"] == "Acme"
    assert with_parent["Account"]["Owner"]["Alias"]
    assert with_parent["Account"]["attributes"]["type"] == "Account"
    assert (without["Account"], without["ReportsTo"], without["Salutation"]) == (None, None, None)


def test_ordering_puts_empty_fields_first_and_ignores_case(people: OrgClient) -> None:
    ordered = people.query("SELECT LastName FROM Contact ORDER BY Email, LastName DESC")
    assert [record["LastName"] for record in ordered] == ["O'Neil", "berg", "Äpfel"]
    ordered = people.query("SELECT LastName FROM Contact ORDER BY Email DESC NULLS LAST, LastName LIMIT 2 OFFSET 1")
    assert [record["LastName"] for record in ordered] == ["berg", "O'Neil"]


def test_counts_and_field_groups(people: OrgClient) -> None:
    counted = people.ok("GET", "query", params={"q": "SELECT COUNT() FROM Contact WHERE Email = null"})
    assert counted == {"totalSize": 2, "done": True, "records": []}
    [row] = people.query("SELECT COUNT(Email), MAX(LastName) FROM Contact")
    assert row["expr0"] == 1
    [first, *_] = people.query("SELECT FIELDS(STANDARD) FROM Contact")
    assert {"LastName", "MailingAddress"} <= set(first)


def test_scope_mine_is_the_asking_users(people: OrgClient) -> None:
    people.as_user(ANNA).create(LastName="Annas")
    anna, application = people.as_user(ANNA), people
    soql = "SELECT LastName FROM Contact USING SCOPE mine"
    assert [record["LastName"] for record in anna.query(soql)] == ["Annas"]
    assert len(application.query(soql)) == 3


def test_pages_follow_a_snapshot_of_the_query(org: OrgClient) -> None:
    for number in range(7):
        org.create(LastName=f"n{number}")
    org.control("switches", {"salesforce_page_size": 3})
    page = org.ok("GET", "query/", params={"q": "SELECT LastName FROM Contact ORDER BY LastName DESC"})
    org.create(LastName="late")
    names = [record["LastName"] for record in page["records"]]
    assert (page["totalSize"], page["done"], len(names)) == (7, False, 3)
    while not page["done"]:
        page = org.ok("GET", page["nextRecordsUrl"])
        names += [record["LastName"] for record in page["records"]]
    assert names == [f"n{number}" for number in range(6, -1, -1)]
    assert org.refused("GET", "query/01g000000000000AAA-2000")[1] == "INVALID_QUERY_LOCATOR"


def test_query_all_shows_deleted_records_until_the_bin_is_emptied(org: OrgClient) -> None:
    gone = org.create(LastName="Gone")
    org.ok("DELETE", f"sobjects/Contact/{gone}")
    soql = f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{gone[:15]}'"
    assert org.query(soql) == []
    assert org.query(soql, "queryAll")[0]["IsDeleted"] is True
    assert org.control("salesforce/empty_bin", {}) == {"removed": 1}
    assert org.query(soql, "queryAll") == []
    assert org.refused("GET", f"sobjects/Contact/{gone}")[:2] == (404, "NOT_FOUND")


def test_the_bin_keeps_a_record_for_fifteen_days(org: OrgClient) -> None:
    day = 86_400
    account = org.create("Account", Name="Acme")
    gone, kept = org.create(LastName="Gone", AccountId=account), org.create(LastName="Kept")
    org.ok("DELETE", f"sobjects/Account/{account}")
    org.control("clock", {"advance_seconds": 14 * day})
    org.ok("DELETE", f"sobjects/Contact/{kept}")
    binned = "SELECT Id FROM Contact WHERE IsDeleted = true ORDER BY Id"
    assert [record["Id"] for record in org.query(binned, "queryAll")] == sorted([gone, kept])
    org.control("clock", {"advance_seconds": day + 60})
    late = org.request("POST", "/_sandbox/salesforce/undelete", json={"ids": [account]})
    assert (late.status_code, "not in the recycle bin" in late.text) == (400, True)
    assert org.http.get("/pages/bin").text.count("Undelete") == 1
    assert [record["Id"] for record in org.query(binned, "queryAll")] == [kept]
    assert org.query("SELECT Id FROM Account", "queryAll") == []
    assert org.refused("GET", f"sobjects/Contact/{gone}")[:2] == (404, "NOT_FOUND")
    purged = [(entry["actor"], entry["id"]) for entry in org.log() if entry["action"] == "purge"]
    assert sorted(purged) == sorted([("service", account), ("service", gone)])
    org.control("salesforce/undelete", {"ids": [kept]})
    org.control("clock", {"advance_seconds": 30 * day})
    assert org.get(kept)["LastName"] == "Kept"


def test_updated_and_deleted_tell_what_changed_between_two_minutes(org: OrgClient) -> None:
    org.control("clock", {"set": "2031-05-01T10:00:30Z"})
    kept, gone = org.create(LastName="Kept"), org.create(LastName="Gone")
    org.ok("DELETE", f"sobjects/Contact/{gone}")
    org.control("clock", {"advance_seconds": 120})
    period = {"start": "2031-05-01T10:00:59+00:00", "end": "2031-05-01T10:05:00+00:00"}
    changed = org.ok("GET", "sobjects/Contact/updated/", params=period)
    assert changed == {"ids": [kept], "latestDateCovered": "2031-05-01T10:02:00.000+0000"}
    removed = org.ok("GET", "sobjects/Contact/deleted", params=period)
    assert removed["deletedRecords"] == [{"id": gone, "deletedDate": "2031-05-01T10:00:30.000+0000"}]
    early = {**period, "start": "2031-04-10T00:00:00+00:00"}
    assert org.refused("GET", "sobjects/Contact/deleted", params=early)[1] == "INVALID_REPLICATION_DATE"
    assert org.ok("GET", "sobjects/Contact/updated", params=early)["ids"] == [kept]
    assert org.refused("GET", "sobjects/Contact/updated", params={**period, "end": period["start"]})[0] == 400


def test_with_private_sharing_a_user_sees_and_writes_what_is_his(org: OrgClient) -> None:
    account = org.create("Account", Name="Shared")
    org.create("Account", Name="Unseen")
    anna, ben = org.as_user("anna@example.com"), org.as_user(BEN)
    hers = anna.create(LastName="Hers", AccountId=account)
    assert [record["Id"] for record in ben.query("SELECT Id FROM Contact")] == [hers]
    org.control("switches", {"salesforce_sharing": "private"})
    assert ben.query("SELECT Id FROM Contact") == []
    assert ben.refused("PATCH", f"sobjects/Contact/{hers}", json={"Title": "x"})[:2] == (404, "NOT_FOUND")
    assert [record["Name"] for record in anna.query("SELECT Name FROM Account")] == ["Shared"]
    assert (
        anna.refused("PATCH", f"sobjects/Account/{account}", json={"Site": "x"})[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    assert len(org.query("SELECT Id FROM Contact")) == 1
