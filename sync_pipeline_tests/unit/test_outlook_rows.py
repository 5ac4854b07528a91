"""Items and rows: what is absent, empty and there; and that a write says no more than it was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.model.operation import FieldChange
from sync_pipeline.outlook.properties import COPY_OF, EXTENDED, STAMP, Mark, stamp_text
from sync_pipeline.outlook.rows import copy, creation, differences, patch, row

FIELDS = apply_mapping({})
ORG, CONTACT = "00D000000000001AAA", "003000000000001AAA"
FAX = "String 0x3A24"


def item(**properties: Any) -> dict[str, Any]:
    return {"id": "item", "changeKey": "key", "parentFolderId": "folder", "displayName": "Ann Lee", **properties}


def mirrored(**properties: Any) -> dict[str, Any]:
    return row(item(**properties), FIELDS, "anna@example.com")


def patched(properties: dict[str, Any], *changes: tuple[str, str | None, str], **detail: Any) -> dict[str, Any]:
    return patch(item(**properties), [FieldChange(*change) for change in changes], detail, FIELDS, org_id=ORG)


def test_what_an_item_leaves_out_is_unknown_and_what_it_shows_as_null_is_empty() -> None:
    found = mirrored(givenName=None, businessAddress={}, emailAddresses=[])
    assert (found["first_name"], found["last_name"]) == ("", None)
    assert (found["mailing_city"], found["other_city"]) == ("", None)
    assert (found["email_list"], found["phone_list"]) == ([], None)
    assert "email" not in found, "which entry of a list is mapped is for planning to say"


def test_an_extended_property_that_an_item_does_not_show_is_empty() -> None:
    shown = mirrored()
    assert (shown["fax"], shown["stamp_contact"], shown["copy_of"]) == ("", "", "")


def test_extended_properties_are_found_in_any_spelling_of_their_id() -> None:
    values = [{"id": "String 0x3a24", "value": "55"}, {"id": STAMP.lower(), "value": f"{ORG}/{CONTACT}"}]
    found = row(item(**{EXTENDED: values}), FIELDS, "anna@example.com")
    assert (found["fax"], found["stamp_org"], found["stamp_contact"]) == ("55", ORG, CONTACT)


def test_a_birthday_is_the_date_in_utc_and_the_first_year_is_none() -> None:
    assert mirrored(birthday="1974-07-22T11:59:00Z")["birthdate"] == "1974-07-22"
    assert mirrored(birthday="1974-07-22T23:30:00-05:00")["birthdate"] == "1974-07-23"
    assert mirrored(birthday="0001-01-01T00:00:00Z")["birthdate"] == ""
    assert mirrored(birthday=None)["birthdate"] == ""


def test_times_are_naive_utc() -> None:
    assert mirrored(createdDateTime="2026-01-02T03:04:05Z")["created_at"] == datetime(2026, 1, 2, 3, 4, 5)


def test_an_email_entry_without_an_address_is_no_entry() -> None:
    assert mirrored(emailAddresses=[{"name": "x"}, {"address": "a@example.com"}])["email_list"] == ["a@example.com"]


def test_the_category_is_known_without_case() -> None:
    assert mirrored(categories=["salesforce"])["categorised"] is True
    assert mirrored(categories=["Salesforce: problem"])["categorised"] is False
    assert mirrored()["categorised"] is None


def test_a_patch_sends_the_change_and_the_display_name_and_nothing_else() -> None:
    assert patched({"givenName": "A"}, ("first_name", "A", "B")) == {"displayName": "Ann Lee", "givenName": "B"}
    assert patched({}, ("first_name", "A", ""), display_name="Lee") == {"displayName": "Lee", "givenName": None}


def test_a_changed_entry_of_a_list_stays_in_its_place_and_the_others_as_they_are() -> None:
    entries = [
        {"name": "Home", "address": "h@example.com"},
        {"name": "Ann", "address": "OLD@example.com"},
        {"name": "no address"},
    ]
    body = patched({"emailAddresses": entries}, ("email", "old@example.com", "new@example.com"))
    assert body["emailAddresses"] == [entries[0], {"name": "Ann", "address": "new@example.com"}, entries[2]]


def test_an_entry_named_after_its_address_is_named_after_the_new_one() -> None:
    entries = [{"name": "old@example.com", "address": "old@example.com"}]
    body = patched({"emailAddresses": entries}, ("email", "old@example.com", "new@example.com"))
    assert body["emailAddresses"] == [{"name": "new@example.com", "address": "new@example.com"}]


def test_the_entry_to_replace_is_the_one_that_planning_names() -> None:
    body = patched({"businessPhones": ["+1 (2)", "3"]}, ("phone", "+12", "9"))
    assert body["businessPhones"] == ["9", "3"]


def test_a_cleared_entry_goes_and_a_new_one_comes_first() -> None:
    assert patched({"businessPhones": ["1", "2"]}, ("phone", "1", ""))["businessPhones"] == ["2"]
    assert patched({"businessPhones": ["2"]}, ("phone", "", "1"))["businessPhones"] == ["1", "2"]
    assert patched({"businessPhones": ["2"]}, ("phone", "7", ""))["businessPhones"] == ["2"]
    assert patched({"businessPhones": ["2", "(1)"]}, ("phone", "", "1"))["businessPhones"] == ["2", "(1)"]


def test_the_item_as_read_is_not_touched() -> None:
    read = item(emailAddresses=[{"name": "A", "address": "a@example.com"}], categories=["x"])
    before = repr(read)
    patch(read, [FieldChange("email", "a@example.com", "b@example.com")], {"categorise": True}, FIELDS)
    assert repr(read) == before


def test_a_part_of_an_address_goes_with_its_other_parts() -> None:
    read = {"businessAddress": {"city": "Bern", "street": "S"}}
    body = patched(read, ("mailing_city", "Bern", "Basel"), ("mailing_street", "S", ""))
    assert body["businessAddress"] == {
        "street": None, "city": "Basel", "state": None, "postalCode": None, "countryOrRegion": None
    }  # fmt: skip


def test_an_extended_property_is_written_by_its_id_and_a_date_at_outlooks_hour() -> None:
    body = patched({}, ("fax", "1", "2"), ("birthdate", "", "1974-07-22"))
    assert body[EXTENDED] == [{"id": FAX, "value": "2"}]
    assert body["birthday"] == "1974-07-22T11:59:00Z"


def test_only_our_category_is_put_on_and_taken_off() -> None:
    assert patched({"categories": ["Red"]}, categorise=True)["categories"] == ["Red", "Salesforce"]
    assert "categories" not in patched({"categories": ["Salesforce"]}, categorise=True)
    released = patched({"categories": ["Red", "SALESFORCE"]}, stamp="")
    assert released["categories"] == ["Red"]
    assert released[EXTENDED] == [{"id": STAMP, "value": ""}]


def test_a_stamp_needs_ids_of_18_characters() -> None:
    assert stamp_text(ORG, CONTACT) == f"{ORG}/{CONTACT}"
    with pytest.raises(ValueError, match="18 characters"):
        stamp_text("", CONTACT)


def test_a_creation_carries_stamp_and_category_and_no_empty_value() -> None:
    values = {"first_name": "Ann", "last_name": "Lee", "email": "a@example.com", "phone": "", "other_city": "Bern"}
    body = creation(values, {"stamp": CONTACT}, FIELDS, org_id=ORG)
    assert body == {
        "displayName": "Ann Lee",
        "givenName": "Ann",
        "surname": "Lee",
        "emailAddresses": [{"address": "a@example.com", "name": "a@example.com"}],
        "otherAddress": {"city": "Bern"},
        "categories": ["Salesforce"],
        EXTENDED: [{"id": STAMP, "value": f"{ORG}/{CONTACT}"}, {"id": COPY_OF, "value": CONTACT}],
    }


def test_a_creation_without_any_name_leaves_the_display_name_to_outlook() -> None:
    assert "displayName" not in creation({"email": "a@example.com"}, {}, FIELDS)


def test_a_copy_has_everything_a_client_can_write_and_names_its_original() -> None:
    whole = item(
        nickName="Annie", imAddresses=["im"], homeAddress={"city": "Bern"}, manager=None, categories=["Red"],
        createdDateTime="2026-01-01T00:00:00Z", primaryEmailAddress={"address": "a@example.com"},
        **{EXTENDED: [{"id": FAX, "value": "55"}, {"id": STAMP, "value": "old"}, {"id": COPY_OF, "value": "older"}]},
    )  # fmt: skip
    body = copy(whole, [FieldChange("first_name", "", "Ann")], {"stamp": CONTACT}, FIELDS, org_id=ORG)
    assert body.pop(EXTENDED) == [
        {"id": FAX, "value": "55"},
        {"id": STAMP, "value": f"{ORG}/{CONTACT}"},
        {"id": COPY_OF, "value": "item"},
    ]
    assert body == {
        "displayName": "Ann Lee",
        "nickName": "Annie",
        "imAddresses": ["im"],
        "homeAddress": {"city": "Bern"},
        "categories": ["Red", "Salesforce"],
        "givenName": "Ann",
    }


def test_what_is_missing_from_a_copy_is_named() -> None:
    body = {
        "nickName": "Annie",
        "birthday": "1974-07-22T11:59:00Z",
        "homeAddress": {"city": "Bern"},
        EXTENDED: [{"id": FAX, "value": "5"}],
    }
    same = item(nickName="Annie", birthday="1974-07-22T00:00:00Z", homeAddress={"city": "Bern", "state": ""})
    assert differences(body, {**same, EXTENDED: [{"id": FAX, "value": "5"}]}) == []
    assert differences(body, {**same, "nickName": None}) == ["nickName", FAX]


def test_a_mark_is_read_as_it_was_written_and_nothing_else_is_one() -> None:
    mark = Mark(ORG, "installation/with/slashes", 12)
    assert Mark.parse(mark.text()) == mark
    assert Mark.parse("") is None
    assert Mark.parse("text") is None
