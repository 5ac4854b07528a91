"""R18: Contacts that left the view of a mailbox or can no longer be read: removed or kept."""

from __future__ import annotations

from contextlib import suppress

import pytest

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline_tests.harness import ANNA, BEN, World, item_of, items_of, linked, of, person, see_all


def leave(world: World, record: str) -> None:
    """The Contact goes to another owner, so it leaves the view My contacts of Anna's."""
    world.salesforce.update(record, OwnerId=world.user_id(BEN))


def test_a_contact_that_left_the_view_is_removed_to_the_deleted_items_and_stays_in_salesforce(world: World) -> None:
    record, item = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    mark = world.mark()
    world.run()
    assert [found["id"] for found in world.anna.deleted()] == [item]
    assert items_of(world.anna, record) == []
    assert world.salesforce.get(record) is not None
    assert world.writes(mark, service="salesforce") == []


@pytest.mark.parametrize("deletion", ["restore", "delete"])
def test_our_removal_is_never_read_back_as_a_users_deletion(world: World, deletion: str) -> None:
    world.use(outlook_deletion=deletion)
    record, _ = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    world.run()
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []
    assert world.salesforce.get(record) is not None


def test_a_contact_that_left_a_list_view_is_removed(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    record, _ = linked(world, 1, Department="Sales")
    linked(world, 2, Department="Sales")
    world.salesforce.update(record, Department="Support")
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Last2"]


def test_a_contact_that_comes_into_the_view_again_comes_back(world: World) -> None:
    record, _ = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    world.run()
    world.salesforce.update(record, OwnerId=world.user_id(ANNA))
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert len(world.salesforce.contacts()) == 2


def test_with_keep_the_contact_stays_linked_both_ways(world: World) -> None:
    world.use(left_view="keep")
    record, item = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    world.run()
    world.anna.update(item, jobTitle="Outlook")
    world.salesforce.update(record, Department="Salesforce")
    world.run()
    assert item_of(world.anna, record)["department"] == "Salesforce"
    assert world.salesforce.record(record)["Title"] == "Outlook"


def test_with_keep_a_contact_that_can_no_longer_be_read_freezes_as_a_problem(world: World) -> None:
    world.use_per_user_credentials().use(left_view="keep")
    record, item = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    document = world.run()
    world.anna.update(item, jobTitle="Edited")
    mark = world.mark()
    document = world.run()
    assert (world.anna.item(item)["jobTitle"], world.writes(mark)) == ("Edited", [])
    assert [found["id"] for found in items_of(world.anna, record)] == [item]
    assert of(document, ANNA)["problems"] == 1
    assert [problem["remedy"] != "" for problem in world.problems()] == [True]


def test_a_contact_that_can_no_longer_be_read_is_removed(world: World) -> None:
    world.use_per_user_credentials()
    record, item = linked(world, 1)
    linked(world, 2)
    leave(world, record)
    world.run()
    assert [found["surname"] for found in world.anna.contacts()] == ["Last2"]
    assert [found["id"] for found in world.anna.deleted()] == [item]
    assert world.salesforce.get(record) is not None


def test_edits_that_cannot_go_up_because_the_contact_is_not_readable_hold_the_removal(world: World) -> None:
    world.use_per_user_credentials()
    record, item = linked(world, 1)
    linked(world, 2)
    world.anna.update(item, jobTitle="Edited")
    leave(world, record)
    document = world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Edited"
    assert of(document, ANNA)["holds"] == 1


def test_before_the_removal_the_edits_made_in_outlook_go_up(world: World) -> None:
    record, item = linked(world, 1)
    linked(world, 2)
    world.anna.update(item, jobTitle="Edited")
    leave(world, record)
    mark = world.mark()
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited"
    assert items_of(world.anna, record) == []
    assert [(row["service"], row["action"]) for row in world.contact_writes(mark)][:2] == [
        ("salesforce", "update"),
        ("graph", "delete"),
    ], "up first, then away"


def test_the_removal_is_held_where_salesforce_refuses_the_edit(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    record, item = linked(world, 1)
    linked(world, 2)
    world.anna.update(item, jobTitle="The boss")
    leave(world, record)
    world.run()
    document = world.run()
    assert item_of(world.anna, record)["jobTitle"] == "The boss"
    assert of(document, ANNA)["holds"] + of(document, ANNA)["problems"] >= 1
    assert [operation["action"] for operation in world.held()] == ["delete"]


def test_the_removal_is_held_where_the_value_does_not_fit(world: World) -> None:
    record, item = linked(world, 1)
    linked(world, 2)
    world.anna.update(item, jobTitle="x" * 129)
    leave(world, record)
    document = world.run()
    assert item_of(world.anna, record)["jobTitle"] == "x" * 129
    assert of(document, ANNA)["holds"] == 1
    world.judge("approved", world.held())
    world.run()
    assert items_of(world.anna, record) == [], "a person released it"


def test_a_contact_that_was_chosen_in_outlook_and_never_was_in_the_view_stays_linked_both_ways(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    linked(world, 1, Department="Sales")
    world.anna.create(world.anna.folder(), surname="Chosen", email="chosen@example.com")
    world.run()
    record = world.salesforce.contact(LastName="Chosen")["Id"]
    world.salesforce.update(record, Title="Salesforce")
    world.run()
    item = item_of(world.anna, record)
    assert item["jobTitle"] == "Salesforce"
    world.anna.update(item["id"], nickName="Stays", middleName="Outlook")
    world.run(full=True)
    assert world.salesforce.record(record)["MiddleName"] == "Outlook"
    assert item_of(world.anna, record)["id"] == item["id"]


def test_a_contact_that_was_chosen_in_outlook_leaves_with_the_view_once_it_was_in_it(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    linked(world, 1, Department="Sales")
    world.anna.create(world.anna.folder(), surname="Chosen", email="chosen@example.com", department="Sales")
    world.run()
    world.run()
    record = world.salesforce.contact(LastName="Chosen")["Id"]
    world.salesforce.update(record, Department="Support")
    world.run()
    assert items_of(world.anna, record) == []


def test_a_contact_matched_in_the_folder_that_never_was_in_the_view_stays(world: World) -> None:
    record = person(world, 1, owner=BEN)
    linked(world, 2)
    world.anna.create(world.anna.folder(), givenName="First1", surname="Last1", email="person1@example.com")
    world.run()
    world.run(full=True)
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert len(world.salesforce.contacts()) == 2


def test_a_scan_of_the_view_that_failed_removes_nothing(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    record, _ = linked(world, 1, Department="Sales")
    linked(world, 2, Department="Sales")
    world.salesforce.update(record, Department="Support")
    world.fault("500", times=50, service="salesforce", path="listviews", actor="application")
    mark = world.mark()
    with suppress(SideUnavailable):
        world.run()
    assert world.writes(mark, action="delete") == []
    assert len(world.anna.contacts()) == 2


def test_a_mailbox_can_have_a_rule_of_its_own(world: World) -> None:
    world.use(ANNA, BEN)
    world.mailboxes[BEN] = {"left_view": "keep"}
    ours, bens = person(world, 1, owner=ANNA), person(world, 2, owner=BEN)
    others = [person(world, 3, owner=ANNA), person(world, 4, owner=BEN)]
    world.run()
    world.salesforce.update(ours, OwnerId=world.salesforce.user_id("cleo@acme.example.com"))
    world.salesforce.update(bens, OwnerId=world.salesforce.user_id("cleo@acme.example.com"))
    world.run()
    assert items_of(world.anna, ours) == []
    assert item_of(world.ben, bens)["surname"] == "Last2"
    assert len(others) == 2


def test_a_contact_that_left_one_mailboxs_view_stays_in_the_others(world: World) -> None:
    see_all(world, ANNA, BEN)
    world.mailboxes[ANNA] = {"view": "mine"}
    record = person(world, 1)
    person(world, 2)
    world.run()
    leave(world, record)
    world.run()
    assert items_of(world.anna, record) == []
    assert item_of(world.ben, record)["surname"] == "Last1"


# -- what the credential sees no longer, and sees again ---------------------------------------------------------------


def integration_user_sees(world: World, *records: str, everything: bool = False) -> None:
    """What the org's credential reads from now on, checked by the next run because a day has passed."""
    database = world.server.state.db
    user = world.salesforce.user_id("integration@acme.example.com")
    database.execute('UPDATE "sf_User" SET "_is_administrator" = ? WHERE Id = ?', (everything, user))
    for record in records:
        database.execute('UPDATE "sf_Contact" SET OwnerId = ? WHERE Id = ?', (user, record))
    world.switch(salesforce_sharing="public" if everything else "private")
    world.advance(26 * 3600)


@pytest.mark.slow
def test_a_kept_contact_that_can_be_read_again_is_linked_both_ways_again(world: World) -> None:
    world.use(left_view="keep")
    record, item = linked(world, 1)
    other, _ = linked(world, 2)
    integration_user_sees(world, other)
    world.run()
    assert [problem["code"] for problem in world.problems()] == ["contact_unreadable"]
    world.anna.update(item, jobTitle="Edited meanwhile")
    integration_user_sees(world, everything=True)
    world.run()
    world.run()
    assert world.problems() == []
    assert world.salesforce.record(record)["Title"] == "Edited meanwhile"


def test_a_contact_that_was_removed_as_unreadable_comes_back_when_it_can_be_read_again(world: World) -> None:
    see_all(world, ANNA)
    record, _ = linked(world, 1)
    other, _ = linked(world, 2)
    integration_user_sees(world, other)
    world.run()
    assert items_of(world.anna, record) == []
    integration_user_sees(world, everything=True)
    world.run()
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"


def test_a_contact_that_was_there_before_a_credential_could_read_it_appears_once_it_can(world: World) -> None:
    world.use(view="all").use_per_user_credentials()
    linked(world, 1)
    record = person(world, 2, owner="cleo@example.com")
    for _ in range(2):
        world.advance(3600)
        world.run()
    assert items_of(world.anna, record) == []
    world.switch(salesforce_sharing="public")
    world.run()
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last2"


def test_a_listing_of_all_contacts_that_comes_back_empty_makes_nothing_unreadable(world: World) -> None:
    linked(world, 1)
    linked(world, 2)
    before = world.anna.contacts()
    integration_user_sees(world)
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert (world.contact_writes(mark), world.held(), world.problems()) == ([], [], [])
    assert world.anna.contacts() == before
