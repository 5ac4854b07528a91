"""The default field mapping, row by row and both ways, lists, display names, and what no row names."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    Json,
    World,
    conflicts,
    extended,
    item_of,
    linked,
    person,
    see_all,
    stamp_of,
)  # fmt: skip

FAX, ASSISTANT_PHONE, OTHER_PHONE = "String 0x3A24", "String 0x3A2E", "String 0x3A1F"
PARTS = {"Street": "street", "City": "city", "State": "state", "PostalCode": "postalCode", "Country": "countryOrRegion"}
PLAIN = {
    "FirstName": "givenName", "MiddleName": "middleName", "LastName": "surname", "Salutation": "title",
    "Suffix": "generation", "Title": "jobTitle", "Department": "department", "AssistantName": "assistantName",
    "MobilePhone": "mobilePhone", "Description": "personalNotes",
}  # fmt: skip
ADDRESSES = {"Mailing": "businessAddress", "Other": "otherAddress"}
EXTENDED = {"Fax": FAX, "AssistantPhone": ASSISTANT_PHONE, "OtherPhone": OTHER_PHONE}
ADA = {
    "FirstName": "Ada", "MiddleName": "Byron", "LastName": "Lovelace", "Salutation": "Dr.", "Suffix": "Jr.",
    "Title": "Analyst", "Department": "Engines", "AssistantName": "Charles", "MobilePhone": "+1 555 0103",
    "Description": "Met in London.", "Email": "ada@example.com", "Phone": "+1 555 0101", "HomePhone": "+1 555 0102",
    "Fax": "+1 555 0104", "AssistantPhone": "+1 555 0105", "OtherPhone": "+1 555 0106", "Birthdate": "1985-12-10",
    "MailingStreet": "1 Main Street", "MailingCity": "London", "MailingState": "Essex", "MailingPostalCode": "N1 1AA",
    "MailingCountry": "England", "OtherStreet": "2 Side Street", "OtherCity": "Paris", "OtherState": "Seine",
    "OtherPostalCode": "75001", "OtherCountry": "France",
}  # fmt: skip
GRACE = {
    "FirstName": "Grace", "MiddleName": "Brewster", "LastName": "Hopper", "Salutation": "Prof.", "Suffix": "III",
    "Title": "Admiral", "Department": "Compilers", "AssistantName": "Howard", "MobilePhone": "+1 555 0203",
    "Description": "Found the bug.", "Email": "grace@example.com", "Phone": "+1 555 0201", "HomePhone": "+1 555 0202",
    "Fax": "+1 555 0204", "AssistantPhone": "+1 555 0205", "OtherPhone": "+1 555 0206", "Birthdate": "1976-12-09",
    "MailingStreet": "3 Bridge Road", "MailingCity": "Boston", "MailingState": "MA", "MailingPostalCode": "02101",
    "MailingCountry": "USA", "OtherStreet": "4 Hill Road", "OtherCity": "Rome", "OtherState": "Lazio",
    "OtherPostalCode": "00100", "OtherCountry": "Italy",
}  # fmt: skip


def as_outlook(values: dict[str, str]) -> Json:
    """The Graph properties in which Outlook holds the values of these Salesforce fields."""
    return {
        **{outlook: values[name] for name, outlook in PLAIN.items()},
        **{
            outlook: {part: values[prefix + name] for name, part in PARTS.items()}
            for prefix, outlook in ADDRESSES.items()
        },
        "email": values["Email"],
        "phone": values["Phone"],
        "homePhones": [values["HomePhone"]],
        "birthday": values["Birthdate"] + "T00:00:00Z",
        "singleValueExtendedProperties": [{"id": key, "value": values[name]} for name, key in EXTENDED.items()],
    }


def in_outlook(item: Json) -> dict[str, Any]:
    """What a contact in Outlook holds, by Salesforce field."""
    emails, phones, homes = item["emailAddresses"], item["businessPhones"], item["homePhones"]
    return {
        **{name: item[outlook] for name, outlook in PLAIN.items()},
        **{
            prefix + name: item[outlook].get(part)
            for prefix, outlook in ADDRESSES.items()
            for name, part in PARTS.items()
        },
        **{name: extended(item, key) for name, key in EXTENDED.items()},
        "Email": emails[0]["address"] if emails else None,
        "Phone": phones[0] if phones else None,
        "HomePhone": homes[0] if homes else None,
        "Birthdate": item["birthday"][:10] if item["birthday"] else None,
    }


def in_salesforce(world: World, record: str) -> dict[str, Any]:
    """What a Contact holds in the mapped fields."""
    found = world.salesforce.record(record)
    return {name: found.get(name) for name in ADA}


def test_every_mapped_field_of_a_new_contact_arrives_in_outlook(world: World) -> None:
    record, _ = linked(world, **ADA)
    assert in_outlook(item_of(world.anna, record)) == ADA


def test_every_mapped_property_of_a_new_contact_arrives_in_salesforce(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), **as_outlook(ADA))
    world.run()
    assert in_salesforce(world, world.salesforce.contact(Email="ada@example.com")["Id"]) == ADA


def test_every_edit_in_salesforce_arrives_in_outlook(world: World) -> None:
    record, item = linked(world, **ADA)
    world.salesforce.update(record, **GRACE)
    world.run()
    assert in_outlook(world.anna.item(item)) == GRACE
    assert in_salesforce(world, record) == GRACE


def test_every_edit_in_outlook_arrives_in_salesforce(world: World) -> None:
    record, item = linked(world, **ADA)
    world.anna.update(item, **as_outlook(GRACE))
    world.run()
    assert in_salesforce(world, record) == GRACE
    assert in_outlook(world.anna.item(item)) == GRACE


# ── Company ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_company_is_the_name_of_the_account(world: World) -> None:
    account = world.salesforce.create("Account", Name="Acme Ltd")
    _, item = linked(world, AccountId=account)
    assert world.anna.item(item)["companyName"] == "Acme Ltd"


def test_a_renamed_account_renames_the_company(world: World) -> None:
    account = world.salesforce.create("Account", Name="Acme Ltd")
    _, item = linked(world, AccountId=account)
    world.salesforce.update(account, "Account", Name="Acme plc")
    world.run()
    assert world.anna.item(item)["companyName"] == "Acme plc"


def test_another_account_changes_the_company(world: World) -> None:
    first = world.salesforce.create("Account", Name="Acme Ltd")
    second = world.salesforce.create("Account", Name="Birch Ltd")
    record, item = linked(world, AccountId=first)
    world.salesforce.update(record, AccountId=second)
    world.run()
    assert world.anna.item(item)["companyName"] == "Birch Ltd"


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def emails(*values: str) -> list[Json]:
    return [{"address": value, "name": value} for value in values]


LISTS = [
    ("Email", "emailAddresses", emails, "a@example.com", "b@example.com", "c@example.com"),
    ("Phone", "businessPhones", lambda *v: list(v), "+1 555 0001", "+1 555 0002", "+1 555 0003"),
    ("HomePhone", "homePhones", lambda *v: list(v), "+1 555 0001", "+1 555 0002", "+1 555 0003"),
]
each_list = pytest.mark.parametrize(
    ("field", "name", "entries", "first", "second", "third"), LISTS, ids=[row[0] for row in LISTS]
)


def values_of(item: Json, name: str) -> list[str]:
    return [entry["address"] if isinstance(entry, dict) else entry for entry in item[name]]


@each_list
def test_an_edit_in_salesforce_replaces_the_mapped_entry_wherever_it_stands(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    record, item = linked(world, **{field: first})
    world.anna.update(item, **{name: entries(second, first)})
    world.run()
    assert world.salesforce.record(record)[field] == first, "a new order is no change"
    world.salesforce.update(record, **{field: third})
    world.run()
    assert values_of(world.anna.item(item), name) == [second, third]


@each_list
def test_a_new_order_of_a_list_is_no_change(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    _, item = linked(world, **{field: first})
    world.anna.update(item, **{name: entries(first, second)})
    world.run()
    world.anna.update(item, **{name: entries(second, first)})
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []
    assert values_of(world.anna.item(item), name) == [second, first]


@each_list
def test_an_entry_that_is_new_in_the_list_takes_the_place_of_the_mapped_one(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    record, item = linked(world, **{field: first})
    world.anna.update(item, **{name: entries(first, second)})
    world.run()
    world.anna.update(item, **{name: entries(second, third)})
    world.run()
    assert world.salesforce.record(record)[field] == third
    assert values_of(world.anna.item(item), name) == [second, third]


@each_list
def test_another_entry_is_never_promoted_when_the_mapped_one_is_removed(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    record, item = linked(world, **{field: first})
    world.anna.update(item, **{name: entries(first, second)})
    world.run()
    world.anna.update(item, **{name: entries(second)})
    world.run()
    assert world.salesforce.record(record)[field] is None
    assert values_of(world.anna.item(item), name) == [second]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == [], "nor later"


@each_list
def test_clearing_the_field_in_salesforce_removes_only_the_mapped_entry(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    record, item = linked(world, **{field: first})
    world.anna.update(item, **{name: entries(first, second)})
    world.run()
    world.salesforce.update(record, **{field: None})  # type: ignore[arg-type]
    world.run()
    assert values_of(world.anna.item(item), name) == [second]
    world.salesforce.update(record, **{field: third})
    world.run()
    assert sorted(values_of(world.anna.item(item), name)) == sorted([second, third])


@each_list
def test_without_a_base_the_mapped_entry_is_the_first(
    world: World, field: str, name: str, entries: Any, first: str, second: str, third: str
) -> None:
    world.run()
    world.anna.create(world.anna.folder(), **{"surname": "Listed", name: entries(first, second)})
    world.run()
    assert world.salesforce.contact(LastName="Listed")[field] == first


def test_other_entries_of_a_list_keep_every_byte_when_the_mapped_one_changes(world: World) -> None:
    record, item = linked(world, Email="a@example.com")
    other = {"address": "Work.Second@Example.com", "name": "Second, at work"}
    world.anna.update(item, emailAddresses=[other, {"address": "a@example.com", "name": "Anne, herself"}])
    world.run()
    world.salesforce.update(record, Email="z@example.com")
    world.run()
    found = world.anna.item(item)["emailAddresses"]
    assert (found[0], found[1]["address"], len(found)) == (other, "z@example.com", 2)


# ── display names ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ("Ada Lovelace", "Ada King"),
        ("Lovelace, Ada", "King, Ada"),
        ("Dr. Ada Lovelace", "Dr. Ada King"),
        ("Ada Byron Lovelace", "Ada Byron King"),
        ("Ada Byron Lovelace Jr.", "Ada Byron King Jr."),
        ("Lovelace, Ada Byron", "King, Ada Byron"),
        ("Countess of Computing", "Countess of Computing"),
    ],
)
def test_the_display_name_follows_the_name_in_its_form_unless_the_user_chose_it(
    world: World, shown: str, expected: str
) -> None:
    record, item = linked(
        world, FirstName="Ada", MiddleName="Byron", LastName="Lovelace", Salutation="Dr.", Suffix="Jr."
    )
    world.anna.update(item, displayName=shown)
    world.run()
    assert world.anna.item(item)["displayName"] == shown, "choosing a name is no reason to write"
    world.salesforce.update(record, LastName="King")
    world.run()
    found = world.anna.item(item)
    assert (found["surname"], found["displayName"]) == ("King", expected)


def test_the_display_name_follows_where_each_side_corrects_a_part_of_the_name(world: World) -> None:
    record, item = linked(world, FirstName="Jon", LastName="Smyth")
    world.anna.update(item, surname="Smith")  # Outlook shows "Jon Smith" then
    world.salesforce.update(record, FirstName="John")
    world.run()
    world.run()
    assert world.anna.item(item)["displayName"] == world.salesforce.record(record)["Name"] == "John Smith"


def test_a_chosen_display_name_stays_when_another_field_changes(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, displayName="The plumber")
    world.run()
    world.salesforce.update(record, Title="Director")
    world.run()
    found = world.anna.item(item)
    assert (found["jobTitle"], found["displayName"]) == ("Director", "The plumber")


# ── rows that are off, settings that change the mapping ──────────────────────────────────────────────────────────────


def test_the_link_and_the_manager_are_off_by_default(world: World) -> None:
    boss = person(world, 9, LastName="Boss")
    record, item = linked(world, ReportsToId=boss)
    world.anna.update(item, businessHomePage="https://www.example.com/", manager="Someone else")
    world.salesforce.update(record, Title="Director")
    world.run()
    found = world.anna.item(item)
    assert (found["businessHomePage"], found["manager"]) == ("https://www.example.com/", "Someone else")


def test_the_home_page_is_a_link_to_the_contact_once_it_is_switched_on(world: World) -> None:
    world.use(mapping={"record_link": {"direction": "from_salesforce"}})
    record, item = linked(world)
    link = world.anna.item(item)["businessHomePage"]
    assert link.startswith("http")
    assert link.endswith("/" + record)


def test_the_manager_is_the_name_of_whom_the_contact_reports_to_once_it_is_switched_on(world: World) -> None:
    world.use(mapping={"manager": {"direction": "from_salesforce"}})
    boss = person(world, 9, FirstName="Bea", LastName="Boss")
    _, item = linked(world, ReportsToId=boss)
    assert world.anna.item(item)["manager"] == "Bea Boss"


def test_another_property_can_hold_the_name_of_the_account_too(world: World) -> None:
    world.use(
        mapping={"employer": {"salesforce": "Account.Name", "outlook": "profession", "direction": "from_salesforce"}}
    )
    account = world.salesforce.create("Account", Name="Acme Ltd")
    _, item = linked(world, AccountId=account)
    found = world.anna.item(item)
    assert (found["companyName"], found["profession"]) == ("Acme Ltd", "Acme Ltd")
    world.salesforce.update(account, "Account", Name="Acme plc")
    world.run()
    found = world.anna.item(item)
    assert (found["companyName"], found["profession"]) == ("Acme plc", "Acme plc")


def test_the_home_page_can_be_a_field_of_the_org_instead(world: World) -> None:
    world.org("fields", object="Contact", name="My_Link__c", length=255)
    world.use(mapping={"record_link": {"salesforce": "My_Link__c", "direction": "both"}})
    record, item = linked(world, My_Link__c="https://www.example.com/ada")
    assert world.anna.item(item)["businessHomePage"] == "https://www.example.com/ada"
    world.anna.update(item, businessHomePage="https://www.example.com/king")
    world.run()
    assert world.salesforce.record(record)["My_Link__c"] == "https://www.example.com/king"


def test_a_field_that_is_switched_off_does_not_travel(world: World) -> None:
    world.use(mapping={"job_title": {"direction": "off"}})
    record, item = linked(world, Title="Director", Department="Sales")
    found = world.anna.item(item)
    assert (found["jobTitle"], found["department"]) == (None, "Sales")
    world.anna.update(item, jobTitle="Plumber")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Director"


def test_a_field_that_only_comes_from_salesforce_is_taken_back_in_outlook(world: World) -> None:
    world.use(mapping={"job_title": {"direction": "from_salesforce"}})
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Plumber")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Director"
    assert world.anna.item(item)["jobTitle"] == "Director"
    assert conflicts(world) == [("job_title", "salesforce", "Plumber", "Director")]


def test_a_field_that_only_comes_from_outlook_goes_up_and_never_down(world: World) -> None:
    world.use(mapping={"job_title": {"direction": "from_outlook"}})
    record, item = linked(world)
    world.anna.update(item, jobTitle="Plumber")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Plumber"
    world.salesforce.update(record, Title="Director")
    world.run()
    assert world.anna.item(item)["jobTitle"] == "Plumber"
    assert world.salesforce.record(record)["Title"] == "Director", "nobody edited Outlook since"
    world.anna.update(item, jobTitle="Carpenter")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Carpenter"
    assert ("job_title", "outlook", "Carpenter", "Director") in conflicts(world)


def test_a_field_that_only_comes_from_outlook_keeps_the_edit_of_one_of_two_mailboxes(world: World) -> None:
    see_all(world, ANNA, BEN)
    for own in world.mailboxes.values():
        own["mapping"] = {"job_title": {"direction": "from_outlook"}}
    record = person(world, 1)
    world.run()
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="Anna's")
    world.run()
    mark = world.mark()
    for _ in range(3):
        world.run()
    assert world.contact_writes(mark) == []
    assert world.salesforce.record(record)["Title"] == "Anna's"


def test_a_field_that_only_comes_from_outlook_wipes_no_edit_of_another_mailbox(world: World) -> None:
    see_all(world, ANNA, BEN)
    world.mailboxes[ANNA]["mapping"] = {"job_title": {"direction": "from_outlook"}}
    record = person(world, 1, Title="Base")
    world.run()
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Ben's")
    for _ in range(3):
        world.run()
    assert world.salesforce.record(record)["Title"] == item_of(world.ben, record)["jobTitle"] == "Ben's"


def test_a_field_of_ones_own_travels_both_ways(world: World) -> None:
    world.org("fields", object="Contact", name="Nickname__c", length=40)
    world.use(mapping={"nickname": {"salesforce": "Nickname__c", "outlook": "nickName"}})
    record, item = linked(world, Nickname__c="Addy")
    assert world.anna.item(item)["nickName"] == "Addy"
    world.anna.update(item, nickName="Countess")
    world.run()
    assert world.salesforce.record(record)["Nickname__c"] == "Countess"


def test_an_existing_field_can_be_mapped_to_another_property(world: World) -> None:
    world.use(mapping={"department": {"outlook": "profession"}})
    _, item = linked(world, Department="Sales")
    found = world.anna.item(item)
    assert (found["profession"], found["department"]) == ("Sales", None)


def test_a_mailbox_can_have_a_direction_of_its_own(world: World) -> None:
    world.mailboxes[ANNA] = {"mapping": {"job_title": {"direction": "off"}}}
    _, item = linked(world, Title="Director")
    assert world.anna.item(item)["jobTitle"] is None


def test_fields_that_the_org_does_not_have_are_left_out(world: World) -> None:
    world.switch(salesforce_name_fields=False)
    record, item = linked(world, Title="Director")
    world.anna.update(item, middleName="Byron", generation="Jr.", jobTitle="Plumber")
    world.run()
    found = world.anna.item(item)
    assert (found["middleName"], found["generation"]) == ("Byron", "Jr.")
    assert world.salesforce.record(record)["Title"] == "Plumber"


def test_a_field_that_the_org_does_not_let_us_write_is_left_out(world: World) -> None:
    world.org("fields", object="Contact", name="Title", createable=False, updateable=False)
    record, item = linked(world)
    world.anna.update(item, jobTitle="Plumber", department="Sales")
    world.run()
    assert world.salesforce.record(record)["Department"] == "Sales"
    assert world.anna.item(item)["jobTitle"] == "Plumber"


# ── fields that planning itself asks for ─────────────────────────────────────────────────────────────────────────────

ASKED = {"first_name": "FirstName", "last_name": "LastName", "company": "AccountId", "email": "Email", "phone": "Phone"}
each_asked = pytest.mark.parametrize(
    "name", [name if name in ("company", "email") else pytest.param(name, marks=pytest.mark.slow) for name in ASKED]
)


def goes_on(world: World) -> tuple[str, str]:
    """Runs a new installation: a Contact goes down, its other fields travel, nothing is written twice."""
    record = person(world, 1, Title="Director")
    world.run()
    [item] = world.anna.contacts()
    assert item["jobTitle"] == "Director"
    world.anna.update(item["id"], jobTitle="Plumber")
    world.salesforce.update(record, Department="Sales")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Plumber"
    assert world.anna.item(item["id"])["department"] == "Sales"
    mark = world.mark()
    world.run(full=True)
    assert world.contact_writes(mark) == []
    return record, item["id"]


@each_asked
def test_a_new_installation_works_with_the_field_switched_off(world: World, name: str) -> None:
    world.use(mapping={name: {"direction": "off"}}, create={"defaults": {"LastName": "Unknown"}})
    record, _ = goes_on(world)
    world.anna.create(
        world.anna.folder(), givenName="Ada", surname="Lovelace", companyName="Engines Ltd", email="ada@example.com",
        phone="+1 555 0199", jobTitle="Analyst",
    )  # fmt: skip
    world.run()
    [_, created] = sorted(world.salesforce.contacts(), key=lambda row: row["Id"] != record)
    kept = {key: created[key] for key in ("FirstName", "LastName", "Email", "Phone", "Title")}
    expected = {
        "FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com", "Phone": "+1 555 0199",
        "Title": "Analyst",
    }  # fmt: skip
    missing: Json = {ASKED[name]: "Unknown" if name == "last_name" else None} if name != "company" else {}
    assert kept == expected | missing
    mark = world.mark()
    world.run(full=True)
    assert world.contact_writes(mark) == []
    assert (len(world.salesforce.contacts()), len(world.anna.contacts())) == (2, 2)


@each_asked
def test_a_new_installation_works_where_the_org_hides_the_field(world: World, name: str) -> None:
    world.org("fields", object="Contact", name=ASKED[name], hidden=True)
    fields = {"FirstName": "First1", "LastName": "Last1", "Email": "person1@example.com"}
    world.salesforce.create(
        **{field: value for field, value in fields.items() if field != ASKED[name]},
        OwnerId=world.user_id(ANNA), Title="Director",
    )  # fmt: skip
    world.run()
    [item] = world.anna.contacts()
    assert item["jobTitle"] == "Director"
    world.anna.update(item["id"], jobTitle="Plumber", email="other@example.com")
    world.run()
    assert [row["Title"] for row in world.salesforce.query("SELECT Title FROM Contact")] == ["Plumber"]
    mark = world.mark()
    world.run(full=True)
    assert world.contact_writes(mark) == []
    world.anna.create(world.anna.folder(), surname="New", displayName="New", jobTitle="Newcomer")
    world.run()
    assert {row["Title"] for row in world.salesforce.query("SELECT Title FROM Contact")} == {"Plumber", "Newcomer"}


def test_without_the_e_mail_nobody_is_linked_by_it(world: World) -> None:
    """R9: the same full name where no e-mail is known is held, also where an earlier run had read the e-mails."""
    person(world, 1)
    world.anna.create(
        givenName="First1", surname="Last1", emailAddresses=emails("person1@example.com"), categories=["Salesforce"]
    )
    [planned] = [operation for operation in world.plan() if operation["action"] == "move"]
    assert planned["state"] == "ready", "with the e-mail they are one person"
    world.use(mapping={"email": {"direction": "off"}})
    mark = world.mark()
    world.run()
    assert world.contact_writes(mark) == []
    assert {operation["hold"] for operation in world.held()} == {"duplicate"}


@pytest.mark.parametrize("name", ["first_name", "last_name"])
def test_without_a_name_two_people_at_one_address_are_not_linked(world: World, name: str) -> None:
    """R9: whether their names contradict is judged by the whole names that both sides show."""
    world.use(mapping={name: {"direction": "off"}})
    person(world, 1, FirstName="Ada", LastName="Lovelace", Email="info@example.com")
    person(world, 2, FirstName="Grace", LastName="Hopper", Email="grace@example.com")
    world.anna.create(
        givenName="Ada", surname="Byron", displayName="Ada Byron", categories=["Salesforce"], email="info@example.com"
    )
    world.anna.create(
        givenName="Grace",
        surname="Hopper",
        displayName="Grace Hopper",
        categories=["Salesforce"],
        email="grace@example.com",
    )
    world.run()
    assert {operation["hold"] for operation in world.held()} == {"duplicate"}
    found = {(item["displayName"], bool(stamp_of(item))) for item in world.anna.contacts()}
    assert found == {("Grace Hopper", True)}
    assert len(world.salesforce.contacts()) == 2


# ── what no row names ────────────────────────────────────────────────────────────────────────────────────────────────

UNMAPPED = {
    "nickName": "Addy", "spouseName": "William", "children": ["Byron", "Anne"], "imAddresses": ["ada@im.example.com"],
    "officeLocation": "B 12", "profession": "Countess", "businessHomePage": "https://www.example.com/ada",
    "manager": "Babbage", "initials": "AL", "yomiGivenName": "エイダ", "fileAs": "Enchantress",
    "homeAddress": {"street": "5 Home Street", "city": "Ockham"},
}  # fmt: skip
FOREIGN = {"id": "String {00020329-0000-0000-C000-000000000046} Name CustomerNumber", "value": "C-1815"}


def test_unmapped_properties_of_a_contact_in_outlook_stay_as_they_are(world: World) -> None:
    record, item = linked(world, **ADA)
    before = world.anna.item(item)
    world.anna.update(
        item, **UNMAPPED, categories=[*before["categories"], "Family"], singleValueExtendedProperties=[FOREIGN]
    )
    world.run()
    world.salesforce.update(record, **(GRACE | {name: ADA[name] for name in ("FirstName", "MiddleName", "LastName")}))
    mark = world.mark()
    world.run()
    found = world.anna.item(item)
    assert found["jobTitle"] == "Admiral"
    assert {name: found[name] for name in UNMAPPED} == UNMAPPED
    assert "Family" in found["categories"]
    [write] = world.writes(mark, service="graph", entity="contact")
    kept = [entry for entry in write["after"]["singleValueExtendedProperties"] if "CustomerNumber" in entry["id"]]
    assert [entry["value"] for entry in kept] == ["C-1815"]


def test_unmapped_fields_of_a_contact_in_salesforce_stay_as_they_are(world: World) -> None:
    world.org("fields", object="Contact", name="Level__c", length=40)
    record, item = linked(world, LeadSource="Web", Level__c=" Gold ", **ADA)
    world.anna.update(item, **as_outlook(GRACE))
    mark = world.mark()
    world.run()
    [write] = world.writes(mark, service="salesforce", entity="Contact")
    changed = {name for name in write["after"] if write["after"][name] != write["before"].get(name)}
    system = {"Name", "LastModifiedDate", "LastModifiedById", "SystemModstamp"}
    assert changed - system == set(GRACE)
    found = world.salesforce.record(record)
    assert (found["LeadSource"], found["OwnerId"]) == ("Web", world.user_id(ANNA))


def test_only_the_changed_fields_are_written(world: World) -> None:
    record, item = linked(world, **ADA)
    world.salesforce.update(record, Title="Director")
    mark = world.mark()
    world.run()
    [write] = world.writes(mark, entity="contact")
    ours = {"jobTitle", "changeKey", "lastModifiedDateTime"}
    assert {name for name in write["after"] if write["after"][name] != write["before"].get(name)} == ours
    assert item_of(world.anna, record)["id"] == item


def test_a_property_that_a_delta_leaves_out_is_not_read_as_empty(world: World) -> None:
    record, item = linked(world, **ADA)
    world.anna.update(item, jobTitle="Director")
    world.run()
    assert in_salesforce(world, record) == ADA | {"Title": "Director"}
