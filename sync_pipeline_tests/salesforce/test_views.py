"""R2: list views, found in three ways and scanned whole; one that cannot be used is an error and never empty."""

from __future__ import annotations

import pytest

from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.extract import contact_ids, members
from sync_pipeline.salesforce.views import (
    ListView,
    ViewError,
    ViewGone,
    ViewNotCompatible,
    ViewNotReadable,
    member_query,
)
from sync_pipeline_tests.salesforce.kit import Connect, fault, with_key
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, BEN, OrgClient


def make_view(person: OrgClient, name: str = "Key", **definition: object) -> str:
    return str(person.control("salesforce/listviews", {"developer_name": name, **definition})["id"])


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT Name, Id FROM Contact", "SELECT Id FROM Contact"),
        ("SELECT Name FROM Contact ORDER BY Name ASC NULLS FIRST", "SELECT Id FROM Contact"),
        (
            "SELECT toLabel(Salutation), Name FROM Contact USING SCOPE mine WHERE (A = 1 OR B = 2) ORDER BY Name",
            "SELECT Id FROM Contact USING SCOPE mine WHERE ((A = 1 OR B = 2))",
        ),
        (
            "select Id from contact where Name = 'ORDER BY x' and City IN ('LIMIT', 'it''s') order by Id",
            "SELECT Id FROM contact WHERE (Name = 'ORDER BY x' and City IN ('LIMIT', 'it''s'))",
        ),
        (
            "SELECT Id FROM Contact WHERE Name = 'a\\' ORDER BY \\\\' ORDER BY Id",
            "SELECT Id FROM Contact WHERE (Name = 'a\\' ORDER BY \\\\')",
        ),
        (
            "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'x' LIMIT 5) ORDER BY Id",
            "SELECT Id FROM Contact WHERE (AccountId IN (SELECT Id FROM Account WHERE Name = 'x' LIMIT 5))",
        ),
        ("SELECT Id FROM Contact USING SCOPE everything", "SELECT Id FROM Contact"),
    ],
)
def test_a_views_query_keeps_what_decides_who_is_a_member(soql: str, expected: str) -> None:
    assert str(member_query(soql, owner="")) == expected


def test_mine_becomes_the_owner_under_org_credentials() -> None:
    soql = "SELECT Name FROM Contact USING SCOPE mine WHERE A = 1 OR B = 2"
    assert str(member_query(soql, owner="005000000000001AAA")) == (
        "SELECT Id FROM Contact WHERE ((A = 1 OR B = 2) AND OwnerId = '005000000000001AAA')"
    )
    assert str(member_query("SELECT Id FROM Contact", scope="mine", owner="005000000000001AAA")) == (
        "SELECT Id FROM Contact WHERE (OwnerId = '005000000000001AAA')"
    )


def test_a_condition_with_or_keeps_its_meaning_from_page_to_page() -> None:
    query = member_query("SELECT Id FROM Contact WHERE A = 1 OR B = 2", owner="")
    assert query.page() == "SELECT Id FROM Contact WHERE (A = 1 OR B = 2) ORDER BY Id LIMIT 2000"
    assert query.page("003X") == "SELECT Id FROM Contact WHERE (A = 1 OR B = 2) AND Id > '003X' ORDER BY Id LIMIT 2000"
    assert member_query("SELECT Id FROM Contact", owner="").page("003X") == (
        "SELECT Id FROM Contact WHERE Id > '003X' ORDER BY Id LIMIT 2000"
    )


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Contact WHERE A = 1 ORDER BY Name LIMIT 10",
        "SELECT Id FROM Contact WHERE A = 1 FOR VIEW",
        "SELECT Id FROM Contact WITH SECURITY_ENFORCED",
        "SELECT Id FROM Lead",
        "SELECT Id FROM Contact WHERE Name = 'cut",
        "",
    ],
)
def test_a_query_that_cannot_be_scanned_is_refused(soql: str) -> None:
    with pytest.raises(ViewNotCompatible):
        member_query(soql, owner="")


def test_a_scope_that_only_the_users_own_credentials_can_tell_is_refused_under_org_credentials() -> None:
    soql = "SELECT Id FROM Contact USING SCOPE team"
    assert str(member_query(soql, owner="")) == soql
    with pytest.raises(ViewNotCompatible, match="per_user"):
        member_query(soql, owner="005000000000001AAA")


def test_columns_and_order_do_not_change_the_definition_and_conditions_do() -> None:
    def definition(soql: str) -> str:
        return ListView("00B", "Key", soql, "").definition

    first = definition("SELECT Name FROM Contact WHERE A = 1 ORDER BY Name")
    assert definition("SELECT Email, Phone FROM Contact WHERE A = 1") == first
    assert definition("SELECT Name FROM Contact WHERE A = 2 ORDER BY Name") != first


def test_a_view_of_ones_own_is_mirrored_by_owner() -> None:
    assert ListView("00B1", "Key", "SELECT Id FROM Contact", "").key("005A") == "00B1"
    assert ListView("00B1", "Key", "SELECT Id FROM Contact", "mine").key("005A") == "00B1|005A"


def test_a_view_is_found_by_id_short_id_developer_name_and_label(org: Org, person: OrgClient) -> None:
    view_id = make_view(person, "Key_People", label="Key people", where="Title = 'CEO'")
    found = [org.list_view(name) for name in (view_id, view_id[:15], "key_people", "KEY PEOPLE")]
    assert {(view.id, view.label) for view in found} == {(view_id, "Key people")}


def test_a_view_shows_its_members_only(org: Org, person: OrgClient) -> None:
    boss = person.create(LastName="Adler", Title="O'Boss")
    person.create(LastName="Berg", Title="Clerk")
    make_view(person, where="Title = 'O\\'Boss' OR Title = 'none'")
    assert members(org, org.list_view("Key")) == {boss}


def test_a_view_of_ones_own_contacts_depends_on_the_owner(org: Org, person: OrgClient, connect: Connect) -> None:
    mine = {name: person.create(LastName=name, OwnerId=person.user_id(name)) for name in (ANNA, BEN)}
    make_view(person, scope="mine")
    view = org.list_view("Key")
    assert view.scope == "mine"
    for name, contact in mine.items():
        assert members(org, view, person.user_id(name)) == {contact}
    anna = connect(auth="jwt", credentials="per_user", secrets=with_key(), domain="test").as_user(ANNA)
    assert members(anna, anna.list_view("Key")) == {mine[ANNA]}


def test_a_scan_is_complete_over_many_pages(org: Org, person: OrgClient) -> None:
    person.control("switches", {"salesforce_page_size": 300})
    results = org.create([{"LastName": f"Name {number}"} for number in range(2100)])
    expected = {result.id for result in results}
    make_view(person, where="LastName LIKE 'Name%' OR LastName = 'x'")
    assert len(expected) == 2100
    assert members(org, org.list_view("Key")) == expected == contact_ids(org)


def test_a_scan_whose_cursor_is_dropped_goes_on_where_it_was(org: Org, person: OrgClient) -> None:
    person.control("switches", {"salesforce_page_size": 200})
    expected = {result.id for result in org.create([{"LastName": f"Name {number}"} for number in range(500)])}
    fault(person, "INVALID_QUERY_LOCATOR", "/query/.*-200")
    assert contact_ids(org) == expected


def test_a_deleted_view_is_gone_and_not_empty(org: Org, person: OrgClient) -> None:
    view_id = make_view(person)
    person.control("salesforce/listviews", {"developer_name": "Key", "delete": True})
    for name in (view_id, "Key", "00B000000000000AAA", "never there"):
        with pytest.raises(ViewGone, match="no list view"):
            org.list_view(name)


def test_a_view_that_is_not_shared_with_the_user_is_gone_for_him(person: OrgClient, connect: Connect) -> None:
    view_id = make_view(person, visible_to=[BEN])
    org = connect(auth="jwt", credentials="per_user", secrets=with_key(), domain="test")
    assert org.as_user(BEN).list_view(view_id).id == view_id
    for name in (view_id, "Key"):
        with pytest.raises(ViewGone):
            org.as_user(ANNA).list_view(name)


def test_a_view_that_soql_cannot_express_is_an_error(org: Org, person: OrgClient) -> None:
    make_view(person, soql_compatible=False)
    with pytest.raises(ViewNotCompatible, match="cannot be expressed"):
        org.list_view("Key")


def test_a_forbidden_view_is_an_error_of_the_view_only(org: Org, person: OrgClient) -> None:
    view_id = make_view(person)
    fault(person, "403", "/listviews/")
    with pytest.raises(ViewNotReadable, match="may not be read"):
        org.list_view(view_id)


def test_two_views_of_one_label_must_be_told_apart(org: Org, person: OrgClient) -> None:
    first, second = make_view(person, "One", label="Same"), make_view(person, "Two", label="Same")
    with pytest.raises(ViewError) as caught:
        org.list_view("Same")
    assert caught.value.code == "view_ambiguous"
    assert first in caught.value.remedy
    assert second in caught.value.remedy
