"""Contact records <-> mirror rows, and the bodies of writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sync_pipeline.model.fields import Direction, Field, Kind, apply_mapping
from sync_pipeline.model.operation import FieldChange
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import body, row, selectable, stored
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient

FIELDS = apply_mapping({})
MANAGER = apply_mapping({"manager": {"direction": "from_salesforce"}, "record_link": {"direction": "from_salesforce"}})
CONTACT = {
    "attributes": {"type": "Contact"},
    "Id": "003A",
    "Name": "Ida Adler",
    "SystemModstamp": "2026-01-31T08:00:00.000+0000",
}


def described(**types: str) -> list[dict[str, Any]]:
    return [{"name": name, "type": kind} for name, kind in types.items()]


def changes(**values: str) -> list[FieldChange]:
    return [FieldChange(name, None, value) for name, value in values.items()]


def test_only_what_the_org_has_is_selected() -> None:
    names = selectable(FIELDS, described(Id="id", LastName="string", AccountId="reference", IsDeleted="boolean"))
    assert names == ["Id", "AccountId", "IsDeleted", "LastName"]


def test_a_parents_field_is_selected_where_its_lookup_is_there() -> None:
    assert "ReportsTo.Name" in selectable(MANAGER, described(ReportsToId="reference"))
    assert "ReportsTo.Name" not in selectable(MANAGER, described(LastName="string"))
    own = (Field("office", "Office__r.Name", "officeLocation"),)
    assert "Office__r.Name" in selectable(own, described(Office__c="reference"))


def test_company_and_record_link_are_not_stored() -> None:
    assert {"company", "record_link"}.isdisjoint(field.name for field in stored(MANAGER))
    assert "manager" in {field.name for field in stored(MANAGER)}


def test_what_is_null_is_empty_and_what_is_absent_is_unknown() -> None:
    found = row({**CONTACT, "LastName": "Adler", "FirstName": None, "MasterRecordId": None}, FIELDS)
    assert (found["last_name"], found["first_name"], found["suffix"]) == ("Adler", "", None)
    assert (found["master_id"], found["account_id"]) == ("", None)
    assert found["modstamp"] == datetime(2026, 1, 31, 8)
    assert (found["created_at"], found["is_deleted"], found["is_person_account"]) == (None, False, False)


def test_a_parents_field_is_empty_where_there_is_no_parent() -> None:
    assert row({**CONTACT, "ReportsTo": {"Name": "Boss"}}, MANAGER)["manager"] == "Boss"
    assert row({**CONTACT, "ReportsTo": None}, MANAGER)["manager"] == ""
    assert row(CONTACT, MANAGER)["manager"] is None


def test_other_types_become_text() -> None:
    fields = (
        Field("vip", "Vip__c", "x"),
        Field("score", "Score__c", "y"),
        Field("share", "Share__c", "z"),
        Field("met", "Met__c", "w", Kind.DATE, Direction.BOTH),
    )
    found = row(
        {**CONTACT, "Vip__c": True, "Score__c": 3.0, "Share__c": 2.5, "Met__c": "2026-01-31T08:00:00.000+0000"}, fields
    )
    assert [found[field.name] for field in fields] == ["true", "3", "2.5", "2026-01-31"]


def test_a_row_has_the_columns_of_the_mirror(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler", Birthdate="1980-02-29", MailingStreet="One\nTwo")
    names = selectable(FIELDS, org.describe())
    [page] = org.query(f"SELECT {', '.join(names)} FROM Contact", include_deleted=True)
    found = row(page[0], FIELDS)
    columns = "id name is_deleted master_id account_id owner_id created_at created_by modified_at modified_by modstamp"
    expected = {*columns.split(), "is_person_account", "is_readable", *(field.name for field in stored(FIELDS))}
    assert set(found) == expected
    assert (found["id"], found["birthdate"], found["mailing_street"]) == (contact, "1980-02-29", "One\nTwo")
    assert None not in found.values()
    [again] = org.retrieve([contact], names).values()
    assert again is not None
    assert row(again, FIELDS) == found


def test_a_clearing_is_null_and_a_creation_leaves_it_out() -> None:
    wanted = changes(last_name="Adler", phone="")
    assert body(wanted, {}, FIELDS, []) == {"LastName": "Adler", "Phone": None}
    assert body(wanted, {}, FIELDS, [], creating=True) == {"LastName": "Adler"}


def test_company_travels_as_the_account_and_nothing_else_sets_it() -> None:
    assert body(changes(company="Acme"), {"account_id": "001A"}, FIELDS, []) == {"AccountId": "001A"}
    assert body(changes(company="Acme"), {"account_id": ""}, FIELDS, []) == {"AccountId": None}
    assert body(changes(company="Acme", manager="Boss", record_link="x"), {}, MANAGER, []) == {}


def test_owner_and_further_values_are_taken_from_the_detail() -> None:
    detail = {"owner_id": "005A", "extra": {"LeadSource": "Web", "Vip__c": "true", "Score__c": "3", "Count__c": 4}}
    types = described(Vip__c="boolean", Score__c="double", Count__c="int")
    assert body([], detail, FIELDS, types, creating=True) == {
        "LeadSource": "Web", "Vip__c": True, "Score__c": 3.0, "Count__c": 4, "OwnerId": "005A",
    }  # fmt: skip


def test_what_is_no_number_goes_as_it_is_and_salesforce_says_so() -> None:
    assert body([], {"extra": {"Score__c": "many"}}, FIELDS, described(Score__c="double")) == {"Score__c": "many"}
