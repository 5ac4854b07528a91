"""R15: a linked contact that lies in another folder: unlink, restore or delete."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    CATEGORY,
    STAMP,
    Outlook,
    World,
    extended,
    item_of,
    items_of,
    linked,
    stamp_of,
)


def everywhere(outlook: Outlook) -> list[dict[str, Any]]:
    """The contacts of the default folder and of every other one, Deleted Items apart."""
    return [item for folder in ["contacts", *outlook.folders().values()] for item in outlook.contacts(folder)]


def test_a_contact_that_was_moved_out_is_personal_again_by_default(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, categories=["Family", CATEGORY])
    world.run()
    world.anna.move(item, "contacts")
    mark = world.mark()
    world.run()
    found = world.anna.item(item)
    assert (found["categories"], stamp_of(found)) == (["Family"], None)
    assert world.salesforce.get(record) is not None
    assert world.anna.contacts() == []
    assert [row["action"] for row in world.contact_writes(mark)] == ["update"], "category and stamp go in one write"


def test_nothing_else_of_a_contact_that_was_moved_out_changes(world: World) -> None:
    _, item = linked(world, Fax="+1 555 0100")
    world.anna.move(item, "contacts")
    before = world.anna.item(item)
    world.run()
    after = world.anna.item(item)
    free = {"categories", "changeKey", "lastModifiedDateTime", "@odata.etag", "singleValueExtendedProperties", "id"}
    assert {k: v for k, v in after.items() if k not in free} == {k: v for k, v in before.items() if k not in free}
    assert extended(after, "String 0x3A24") == "+1 555 0100"
    assert not extended(after, STAMP)


def test_a_contact_that_was_moved_out_does_not_come_back_and_is_no_longer_synchronised(world: World) -> None:
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.run()
    world.anna.update(item, jobTitle="Personal")
    world.salesforce.update(record, Title="Business")
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []
    assert world.salesforce.record(record)["Title"] == "Business"
    assert (world.anna.contacts(), world.anna.item(item)["jobTitle"]) == ([], "Personal")


def test_a_contact_that_was_moved_out_is_linked_again_when_it_is_dragged_in(world: World) -> None:
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.run()
    world.anna.move(item, world.anna.folder())
    world.run()
    world.run()
    world.salesforce.update(record, Title="Business")
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Business"
    assert len(world.salesforce.contacts()) == 1


def test_a_contact_that_was_moved_out_is_linked_again_when_it_is_categorised(world: World) -> None:
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.run()
    world.anna.update(item, categories=[CATEGORY])
    world.run()
    world.run()
    world.salesforce.update(record, Title="Business")
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Business"
    assert len(world.salesforce.contacts()) == 1
    assert len(everywhere(world.anna)) == 1


def test_a_linked_contact_in_another_folder_is_moved_out_whatever_category_it_wears(world: World) -> None:
    record, item = linked(world)
    friends = world.anna.create_folder("Friends")
    world.anna.move(item, friends)
    assert world.anna.item(item)["categories"] == [CATEGORY]
    world.run()
    world.run()
    assert world.anna.contacts() == []
    assert [found["id"] for found in world.anna.contacts(friends)] == [item]
    assert (world.anna.item(item)["categories"], items_of(world.anna, record)) == ([], [])


def test_moved_out_and_back_before_a_run_is_no_change(world: World) -> None:
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.anna.move(item, world.anna.folder())
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []
    assert item_of(world.anna, record)["id"] == item


def test_with_restore_this_very_item_is_moved_back(world: World) -> None:
    world.use(moved_out="restore")
    record, item = linked(world)
    world.anna.update(item, nickName="Addy", businessHomePage="https://www.example.com/")
    world.run()
    world.anna.move(item, "contacts")
    for _ in range(3):
        world.run()
    found = item_of(world.anna, record)
    assert (found["nickName"], found["businessHomePage"]) == ("Addy", "https://www.example.com/")
    assert found["categories"] == [CATEGORY]
    assert len(everywhere(world.anna)) == 1
    world.salesforce.update(record, Title="Business")
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Business"


def test_with_restore_an_edit_made_outside_goes_up(world: World) -> None:
    world.use(moved_out="restore")
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.anna.update(item, jobTitle="Edited outside")
    for _ in range(3):
        world.run()
    assert world.salesforce.record(record)["Title"] == "Edited outside"
    assert item_of(world.anna, record)["jobTitle"] == "Edited outside"


def test_with_delete_the_contact_is_deleted_in_salesforce(world: World) -> None:
    world.use(moved_out="delete")
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.run()
    world.run()
    assert world.salesforce.get(record) is None
    found = world.anna.get(item)
    assert found is not None, "the person's own contact stays where it was put"
    assert (found["categories"], stamp_of(found)) == ([], None)


def test_with_delete_the_item_becomes_personal_though_that_failed_at_first(world: World) -> None:
    """Found by the crash sweep: killed between the two writes, the item kept our category and stamp for ever."""
    world.use(moved_out="delete")
    record, item = linked(world)
    world.anna.move(item, "contacts")
    world.fault("409", service="graph", method="PATCH", path="/contacts/", times=1)
    world.run()
    assert world.salesforce.get(record) is None
    world.advance(24 * 3600)
    world.run()
    found = world.anna.get(item)
    assert found is not None
    assert (found["categories"], stamp_of(found)) == ([], None)
    assert (world.salesforce.contacts(), world.ready(), world.held()) == ([], [], [])


@pytest.mark.parametrize("where", ["back", "deleteditems"])
def test_with_delete_a_contact_that_was_moved_again_before_the_deletion_is_kept(world: World, where: str) -> None:
    world.use(moved_out="delete")
    record, item = linked(world)
    world.anna.move(item, "contacts")
    target = world.anna.folder() if where == "back" else where
    mark = world.mark()
    world.run(before={"push_salesforce": lambda: world.anna.move(item, target)})
    world.run()
    assert world.writes(mark, action="delete") == []
    assert item_of(world.anna, record)["surname"] == "Last1"


@pytest.mark.parametrize("rule", ["unlink", "restore", "delete"])
def test_the_contact_of_a_person_account_is_never_deleted(world: World, rule: str) -> None:
    world.use(moved_out=rule)
    made = world.org("person_accounts", LastName="Private", Email="pia@example.com", OwnerId=world.user_id(ANNA))
    world.run()
    world.anna.move(item_of(world.anna, made["contact"])["id"], "contacts")
    world.run()
    assert world.salesforce.get(made["contact"]) is not None


@pytest.mark.parametrize("rule", ["unlink", "restore", "delete"])
def test_moving_to_the_deleted_items_is_a_deletion_and_not_a_move(world: World, rule: str) -> None:
    world.use(moved_out=rule, outlook_deletion="restore")
    record, item = linked(world)
    world.anna.move(item, "deleteditems")
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert world.salesforce.get(record) is not None


def test_a_contact_that_was_dragged_out_and_in_again_comes_back_when_it_re_enters_the_view(world: World) -> None:
    record, item = linked(world)
    linked(world, 2)
    world.anna.create_folder("Friends")
    world.anna.move(item, "Friends")
    world.run()
    world.anna.move(item, world.anna.folder())
    world.run()
    assert len(items_of(world.anna, record)) == 1
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    world.run()
    assert items_of(world.anna, record) == []
    world.salesforce.update(record, OwnerId=world.user_id(ANNA))
    world.run()
    assert len(items_of(world.anna, record)) == 1
