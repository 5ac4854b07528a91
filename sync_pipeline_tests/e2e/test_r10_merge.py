"""R10: the three-way merge field by field, its policies, what has no base, and what only comes from Salesforce."""

from __future__ import annotations

import shutil
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
    of,
    person,
    see_all,
)


def both_edited(world: World, *, later: str) -> tuple[str, str]:
    """A linked contact whose title a user changed on both sides since, on the side `later` last: the Ids."""
    record, item = linked(world, Title="Base")
    edits = {
        "outlook": lambda: world.anna.update(item, jobTitle="Outlook"),
        "salesforce": lambda: world.salesforce.update(record, Title="Salesforce"),
    }
    world.advance(60)
    for side in sorted(edits, key=lambda name: name == later):
        edits[side]()
        world.advance(60)
    return record, item


def titles(world: World, record: str, item: str) -> tuple[Any, Any]:
    """The title in Outlook and in Salesforce."""
    return world.anna.item(item)["jobTitle"], world.salesforce.record(record)["Title"]


def test_a_change_in_outlook_is_copied_to_salesforce(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Changed")
    world.run()
    assert titles(world, record, item) == ("Changed", "Changed")


def test_a_change_in_salesforce_is_copied_to_outlook(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.salesforce.update(record, Title="Changed")
    world.run()
    assert titles(world, record, item) == ("Changed", "Changed")


def test_changes_of_different_fields_on_both_sides_are_both_kept(world: World) -> None:
    record, item = linked(world, Title="Base", Department="Base")
    world.anna.update(item, jobTitle="Outlook")
    world.salesforce.update(record, Department="Salesforce")
    document = world.run()
    assert titles(world, record, item) == ("Outlook", "Outlook")
    assert world.salesforce.record(record)["Department"] == "Salesforce"
    assert world.anna.item(item)["department"] == "Salesforce"
    assert of(document, ANNA)["conflicts"] == 0


def test_parts_of_one_address_merge_each_by_itself(world: World) -> None:
    record, item = linked(world, MailingStreet="1 Main Street", MailingCity="London")
    world.anna.update(item, businessAddress={"street": "2 Main Street", "city": "London"})
    world.salesforce.update(record, MailingCity="Leeds")
    world.run()
    found, address = world.salesforce.record(record), world.anna.item(item)["businessAddress"]
    assert (found["MailingStreet"], found["MailingCity"]) == ("2 Main Street", "Leeds")
    assert (address["street"], address["city"]) == ("2 Main Street", "Leeds")


def test_a_field_changed_to_the_same_value_on_both_sides_is_no_conflict(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Same")
    world.salesforce.update(record, Title="Same")
    mark = world.mark()
    document = world.run()
    assert (
        of(document, ANNA)["conflicts"],
        world.writes(mark, entity="contact"),
        world.writes(mark, entity="Contact"),
    ) == (0, [], [])
    world.salesforce.update(record, Title="Next")
    world.run()
    assert titles(world, record, item) == ("Next", "Next"), "the base moved along"


# ── policies ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("later", ["outlook", "salesforce"])
@pytest.mark.parametrize(
    ("policy", "winner"), [(None, "Salesforce"), ("salesforce", "Salesforce"), ("outlook", "Outlook")]
)
def test_a_conflict_goes_by_the_policy_and_stands_in_the_history_with_both_values(
    world: World, policy: str | None, winner: str, later: str
) -> None:
    if policy:
        world.use(conflicts={"default": policy})
    record, item = both_edited(world, later=later)
    document = world.run()
    assert titles(world, record, item) == (winner, winner)
    assert of(document, ANNA)["conflicts"] == 1
    assert conflicts(world) == [("job_title", winner.lower(), "Outlook", "Salesforce")]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


@pytest.mark.parametrize("later", ["outlook", "salesforce"])
def test_latest_takes_the_side_that_was_changed_last(world: World, later: str) -> None:
    world.use(conflicts={"default": "latest"})
    record, item = both_edited(world, later=later)
    world.run()
    assert titles(world, record, item) == (later.capitalize(), later.capitalize())
    assert conflicts(world) == [("job_title", later, "Outlook", "Salesforce")]


def test_latest_takes_salesforce_where_the_times_differ_by_no_more_than_two_seconds(world: World) -> None:
    world.use(conflicts={"default": "latest"})
    record, item = linked(world, Title="Base")
    world.advance(60)
    world.salesforce.update(record, Title="Salesforce")
    world.advance(1)
    world.anna.update(item, jobTitle="Outlook")
    world.run()
    assert titles(world, record, item) == ("Salesforce", "Salesforce")


def test_latest_takes_salesforce_where_the_item_was_last_written_by_us(world: World) -> None:
    world.use(conflicts={"default": "hold"})
    record, item = both_edited(world, later="salesforce")
    world.salesforce.update(record, Department="New")
    world.advance(60)
    world.run()
    assert world.anna.item(item)["department"] == "New", "our write to the item is the later one now"
    world.use(conflicts={"default": "latest"})
    world.run()
    assert titles(world, record, item) == ("Salesforce", "Salesforce")


def test_latest_takes_salesforce_where_the_contact_was_last_written_by_us(world: World) -> None:
    world.use(conflicts={"default": "hold"})
    record, item = both_edited(world, later="outlook")
    world.anna.update(item, department="New")
    world.run()
    assert world.salesforce.record(record)["Department"] == "New", "our write to the Contact is the last one there"
    world.advance(60)
    world.anna.update(item, nickName="Later than our write")
    world.use(conflicts={"default": "latest"})
    world.run()
    assert titles(world, record, item) == ("Salesforce", "Salesforce")


def test_hold_leaves_both_values_and_lets_the_other_fields_travel(world: World) -> None:
    world.use(conflicts={"default": "hold"})
    record, item = both_edited(world, later="outlook")
    world.anna.update(item, department="Travels")
    document = world.run()
    assert titles(world, record, item) == ("Outlook", "Salesforce")
    assert world.salesforce.record(record)["Department"] == "Travels"
    assert of(document, ANNA)["holds"] == 1
    [held] = world.held()
    assert (held["rule"], [change["field"] for change in held["fields"]]) == ("R10", ["job_title"])
    assert held["reason"]


@pytest.mark.parametrize(("verdict", "winner"), [("take_outlook", "Outlook"), ("take_salesforce", "Salesforce")])
def test_a_held_conflict_is_settled_by_a_persons_answer(world: World, verdict: str, winner: str) -> None:
    world.use(conflicts={"default": "hold"})
    record, item = both_edited(world, later="outlook")
    world.judge(verdict, world.held())
    document = world.run()
    assert titles(world, record, item) == (winner, winner)
    assert of(document, ANNA)["holds"] == 0
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_field_can_have_a_policy_of_its_own(world: World) -> None:
    world.use(conflicts={"default": "salesforce", "fields": {"job_title": "outlook"}})
    record, item = linked(world, Title="Base", Department="Base")
    world.anna.update(item, jobTitle="Outlook", department="Outlook")
    world.salesforce.update(record, Title="Salesforce", Department="Salesforce")
    world.run()
    assert titles(world, record, item) == ("Outlook", "Outlook")
    assert world.anna.item(item)["department"] == "Salesforce"


def test_a_mailbox_can_have_a_policy_of_its_own(world: World) -> None:
    see_all(world, ANNA, BEN)
    world.mailboxes[BEN] = {"conflicts": {"default": "outlook"}}
    ours, bens = person(world, 1, Title="Base"), person(world, 2, Title="Base")
    world.run()
    world.anna.update(item_of(world.anna, ours)["id"], jobTitle="Outlook")
    world.ben.update(item_of(world.ben, bens)["id"], jobTitle="Outlook")
    world.salesforce.update(ours, Title="Salesforce")
    world.salesforce.update(bens, Title="Salesforce")
    world.run()
    assert world.salesforce.record(ours)["Title"] == "Salesforce"
    assert world.salesforce.record(bens)["Title"] == "Outlook"


# ── without a base ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_at_a_first_link_an_empty_side_takes_the_others_value(world: World) -> None:
    record = person(world, 1, Title=None, Department="Sales")
    folder = world.anna.create_folder("Salesforce Contacts")
    world.anna.create(folder, givenName="First1", surname="Last1", email="person1@example.com", jobTitle="Plumber")
    world.run()
    world.run()
    item = item_of(world.anna, record)
    assert (item["jobTitle"], item["department"]) == ("Plumber", "Sales")
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Plumber", "Sales")
    assert conflicts(world) == []


@pytest.mark.parametrize(("policy", "winner"), [("salesforce", "Salesforce"), ("outlook", "Outlook")])
def test_at_a_first_link_different_values_are_a_conflict(world: World, policy: str, winner: str) -> None:
    world.use(conflicts={"default": policy})
    folder = world.anna.create_folder("Salesforce Contacts")
    world.anna.create(folder, givenName="First1", surname="Last1", email="person1@example.com", jobTitle="Outlook")
    record = person(world, 1, Title="Salesforce")
    world.run()
    assert titles(world, record, item_of(world.anna, record)["id"]) == (winner, winner)
    assert conflicts(world) == [("job_title", policy, "Outlook", "Salesforce")]


def test_with_a_lost_warehouse_nothing_counts_as_cleared(world: World) -> None:
    record, item = linked(world, Title="Kept", Department="Kept")
    world.anna.update(item, jobTitle=None)
    world.salesforce.update(record, Department=None)
    shutil.rmtree(world.directory / "data")
    world.run()
    world.run()
    assert titles(world, record, item) == ("Kept", "Kept")
    assert (world.anna.item(item)["department"], world.salesforce.record(record)["Department"]) == ("Kept", "Kept")
    assert len(world.anna.contacts()) == 1


def test_with_a_lost_warehouse_different_values_are_a_conflict(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Outlook")
    shutil.rmtree(world.directory / "data")
    world.run()
    assert titles(world, record, item) == ("Base", "Base")
    assert conflicts(world) == [("job_title", "salesforce", "Outlook", "Base")]


def test_a_field_that_is_mapped_later_has_no_base_and_nothing_is_cleared(world: World) -> None:
    world.org("fields", object="Contact", name="Nickname__c", length=40)
    world.org("fields", object="Contact", name="Partner__c", length=40)
    record, item = linked(world, Nickname__c="Addy")
    world.anna.update(item, spouseName="William")
    world.use(mapping={
        "nickname": {"salesforce": "Nickname__c", "outlook": "nickName"},
        "partner": {"salesforce": "Partner__c", "outlook": "spouseName"},
    })  # fmt: skip
    world.run(full=True)
    found, shown = world.salesforce.record(record), world.anna.item(item)
    assert (found["Nickname__c"], shown["nickName"]) == ("Addy", "Addy")
    assert (found["Partner__c"], shown["spouseName"]) == ("William", "William")


# ── fields and contacts that only come from Salesforce ───────────────────────────────────────────────────────────────


def test_an_edited_company_is_taken_back_and_recorded_as_a_conflict(world: World) -> None:
    account = world.salesforce.create("Account", Name="Acme Ltd")
    world.salesforce.create("Account", Name="Birch Ltd")
    record, item = linked(world, AccountId=account)
    world.anna.update(item, companyName="Birch Ltd")
    document = world.run()
    assert world.anna.item(item)["companyName"] == "Acme Ltd"
    assert world.salesforce.record(record)["AccountId"] == account
    assert of(document, ANNA)["conflicts"] == 1
    assert conflicts(world) == [("company", "salesforce", "Birch Ltd", "Acme Ltd")]


def test_an_edit_of_a_person_accounts_contact_is_taken_back_and_recorded_as_a_conflict(world: World) -> None:
    made = world.org("person_accounts", LastName="Private", FirstName="Pia", Email="pia@example.com", Title="Base",
                     OwnerId=world.user_id(ANNA))  # fmt: skip
    world.run()
    item = item_of(world.anna, made["contact"])["id"]
    fax = [{"id": "String 0x3A24", "value": "+1 555 0100"}]
    world.anna.update(item, jobTitle="Outlook", singleValueExtendedProperties=fax)
    mark = world.mark()
    world.run()
    assert world.writes(mark, service="salesforce") == []
    assert titles(world, made["contact"], item) == ("Base", "Base")
    assert not extended(world.anna.item(item), "String 0x3A24")
    assert ("job_title", "salesforce", "Outlook", "Base") in conflicts(world)


def test_a_person_accounts_contact_goes_on_taking_over_from_salesforce(world: World) -> None:
    made = world.org("person_accounts", LastName="Private", Email="pia@example.com", OwnerId=world.user_id(ANNA))
    world.run()
    world.salesforce.update(made["contact"], Title="Changed")
    world.run()
    assert item_of(world.anna, made["contact"])["jobTitle"] == "Changed"


# ── fields that are read from now on: what was read without them is read again ───────────────────────────────────────

HOBBY = {"hobby": {"salesforce": "Hobby__c", "outlook": "spouseName"}}


@pytest.mark.parametrize("credentials", ["org", "per_user"])
def test_a_field_mapped_long_after_the_contacts_were_read_takes_the_value_from_salesforce(
    world: World, credentials: str
) -> None:
    if credentials == "per_user":
        world.use_per_user_credentials()
    world.org("fields", object="Contact", name="Hobby__c", type="string")
    record, item = linked(world, Hobby__c="Chess")
    for _ in range(2):
        world.advance(3600)
        world.run()
    world.use(mapping=HOBBY)
    for _ in range(2):
        world.advance(60)
        world.run()
    assert world.anna.item(item)["spouseName"] == "Chess"
    world.anna.update(item, spouseName="Go")
    world.run()
    assert world.salesforce.record(record)["Hobby__c"] == "Go"


def test_a_field_mapped_long_after_the_contacts_were_read_takes_the_value_from_outlook(world: World) -> None:
    world.org("fields", object="Contact", name="Hobby__c", type="string")
    record, item = linked(world)
    world.anna.update(item, spouseName="Go")
    for _ in range(2):
        world.advance(3600)
        world.run()
    world.use(mapping=HOBBY)
    for _ in range(2):
        world.advance(60)
        world.run()
    assert world.salesforce.record(record)["Hobby__c"] == "Go"


def test_a_field_mapped_long_after_the_contacts_were_read_is_a_conflict_where_both_sides_differ(world: World) -> None:
    world.org("fields", object="Contact", name="Hobby__c", type="string")
    record, item = linked(world, Hobby__c="Chess")
    world.anna.update(item, spouseName="Go")
    for _ in range(2):
        world.advance(3600)
        world.run()
    world.use(mapping=HOBBY)
    for _ in range(2):
        world.advance(60)
        world.run()
    assert conflicts(world) == [("hobby", "salesforce", "Go", "Chess")]
    assert (world.anna.item(item)["spouseName"], world.salesforce.record(record)["Hobby__c"]) == ("Chess", "Chess")


def remapped(world: World, side: str, there: str) -> tuple[Json, Json]:
    """The Contact and the item after the hobby Chess got another counterpart on one side, which holds `there`."""
    for name in ("Hobby__c", "Sport__c"):
        world.org("fields", object="Contact", name=name, type="string")
    record, item = linked(world, Hobby__c="Chess", Sport__c=there if side == "salesforce" else None)
    world.anna.update(item, profession=there)
    world.use(mapping=HOBBY)
    world.run()
    assert world.anna.item(item)["spouseName"] == "Chess"
    world.use(mapping={"hobby": HOBBY["hobby"] | {side: "Sport__c" if side == "salesforce" else "profession"}})
    for _ in range(3):
        world.advance(60)
        document = world.run()
    assert document["planned"] == 0
    return world.salesforce.record(record), world.anna.item(item)


def test_a_field_that_gets_another_counterpart_in_outlook_is_cleared_nowhere(world: World) -> None:
    contact, item = remapped(world, "outlook", "")
    assert (contact["Hobby__c"], item["spouseName"], item["profession"]) == ("Chess", "Chess", "Chess")


def test_a_field_that_gets_another_counterpart_in_salesforce_is_cleared_nowhere(world: World) -> None:
    contact, item = remapped(world, "salesforce", "")
    assert (contact["Hobby__c"], contact["Sport__c"], item["spouseName"]) == ("Chess", "Chess", "Chess")


def test_a_field_that_gets_another_counterpart_is_a_conflict_where_that_differs(world: World) -> None:
    contact, item = remapped(world, "outlook", "Judoka")
    assert (contact["Hobby__c"], item["spouseName"], item["profession"]) == ("Chess", "Chess", "Chess")
    assert conflicts(world) == [("hobby", "salesforce", "Judoka", "Chess")]


@pytest.mark.parametrize("side", ["salesforce", "outlook"])
def test_an_edit_of_a_field_that_was_hidden_meanwhile_travels_when_the_field_is_shown_again(
    world: World, side: str
) -> None:
    record, item = linked(world, Phone="111")
    world.advance(3600)
    world.run()
    world.org("fields", object="Contact", name="Phone", hidden=True)
    world.run()
    if side == "outlook":
        world.anna.update(item, phone="222")
    else:
        world.salesforce.update(record, Title="Edited too")
        world.server.state.db.execute('UPDATE "sf_Contact" SET Phone = ? WHERE Id = ?', ("222", record))
    for _ in range(2):
        world.advance(3600)
        world.run()
    world.org("fields", object="Contact", name="Phone", hidden=False)
    for _ in range(2):
        world.advance(60)
        world.run()
    assert (world.anna.item(item)["businessPhones"], world.salesforce.record(record)["Phone"]) == (["222"], "222")
    assert conflicts(world) == []


def test_a_conflict_that_waits_stands_in_the_history_once(world: World) -> None:
    record, _ = both_edited(world, later="outlook")
    world.use(conflicts={"default": "hold"})
    for plan_only in (True, False, True, False, False):
        world.run(plan_only=plan_only)
    assert conflicts(world) == [("job_title", "hold", "Outlook", "Salesforce")]
    world.salesforce.update(record, Title="Later")
    world.run()
    assert len(conflicts(world)) == 2


def test_a_conflict_that_a_dry_run_shows_is_no_history(world: World) -> None:
    both_edited(world, later="outlook")
    document = world.run(plan_only=True)
    assert of(document, ANNA)["conflicts"] == 1
    assert conflicts(world) == []
    world.run()
    assert len(conflicts(world)) == 1
