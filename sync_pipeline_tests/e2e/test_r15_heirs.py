"""R14, R15: a linked contact whose id is new, or of which only a copy is left, is still the linked contact."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.harness import ANNA, CATEGORY, STAMP, World, item_of, items_of, linked, stamp_of


def living(world: World) -> list[str]:
    """The ids of every contact of Anna's outside the Deleted Items."""
    folders = ["contacts", *world.anna.folders().values()]
    return sorted(item["id"] for folder in folders for item in world.anna.contacts(folder))


def is_linked(world: World, record: str, item: str) -> None:
    """Edits travel both ways between the two, and nothing is written after that."""
    world.anna.update(item, jobTitle="From Outlook")
    world.salesforce.update(record, Department="From Salesforce")
    world.run()
    assert world.salesforce.record(record)["Title"] == "From Outlook"
    assert world.anna.item(item)["department"] == "From Salesforce"
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []


# -- moves that change the id ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("categories", [[CATEGORY, "Family"], ["Family"]])
def test_a_contact_moved_out_under_a_new_id_is_personal_again(world: World, categories: list[str]) -> None:
    world.switch(move_changes_immutable_id=True)
    record, item = linked(world)
    world.anna.update(item, categories=categories)
    moved = world.anna.move(item, "contacts")
    world.run()
    world.run()
    found = world.anna.item(moved)
    assert (found["categories"], stamp_of(found)) == (["Family"], None)
    assert (living(world), world.anna.contacts()) == ([moved], [])
    assert world.salesforce.get(record) is not None
    mark = world.mark()
    world.run(full=True)
    assert world.writes(mark) == []


def test_with_restore_a_contact_moved_out_under_a_new_id_is_moved_back(world: World) -> None:
    world.use(moved_out="restore").switch(move_changes_immutable_id=True)
    record, item = linked(world)
    world.anna.update(item, nickName="Addy")
    world.run()
    world.anna.move(item, "contacts")
    for _ in range(3):
        world.run()
    back = item_of(world.anna, record)
    assert (back["nickName"], living(world)) == ("Addy", [back["id"]])
    is_linked(world, record, back["id"])


def test_with_delete_a_contact_moved_out_under_a_new_id_is_deleted_in_salesforce(world: World) -> None:
    world.use(moved_out="delete").switch(move_changes_immutable_id=True)
    record, item = linked(world)
    moved = world.anna.move(item, "contacts")
    world.run()
    world.run()
    assert world.salesforce.get(record) is None
    assert living(world) == [moved]


def test_moved_out_and_back_under_new_ids_is_the_linked_contact(world: World) -> None:
    world.switch(move_changes_immutable_id=True)
    record, item = linked(world)
    back = world.anna.move(world.anna.move(item, "contacts"), world.anna.folder())
    assert back != item
    mark = world.mark()
    world.run()
    assert world.contact_writes(mark) == []
    assert living(world) == [back]
    is_linked(world, record, back)
    assert len(world.salesforce.contacts()) == 1


def test_an_edit_made_along_with_the_move_still_travels(world: World) -> None:
    world.switch(move_changes_immutable_id=True)
    record, item = linked(world)
    back = world.anna.move(world.anna.move(item, "contacts"), world.anna.folder())
    world.anna.update(back, jobTitle="Edited", surname="Married")
    world.run()
    found = world.salesforce.record(record)
    assert (found["Title"], found["LastName"], found["Email"]) == ("Edited", "Married", "person1@example.com")
    assert living(world) == [back]


@pytest.mark.parametrize("rule", ["restore", "delete"])
def test_moved_to_the_deleted_items_under_a_new_id_is_a_deletion(world: World, rule: str) -> None:
    world.use(outlook_deletion=rule, moved_out="unlink").switch(move_changes_immutable_id=True)
    record, item = linked(world)
    world.anna.move(item, "deleteditems")
    world.run()
    world.run()
    assert (world.salesforce.get(record) is None) == (rule == "delete")
    assert len(items_of(world.anna, record)) == (rule == "restore")


def test_a_contact_moved_out_under_a_new_id_is_still_released_where_it_was_edited_before_the_push(world: World) -> None:
    world.switch(move_changes_immutable_id=True)
    _, item = linked(world)
    moved = world.anna.move(item, "contacts")
    world.run(before={"push_outlook": lambda: world.anna.update(moved, nickName="Addy")})
    assert stamp_of(world.anna.item(moved)) is not None
    world.run()
    assert stamp_of(world.anna.item(moved)) is None
    assert living(world) == [moved]


# -- a copy whose original went --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["restore", "delete"])
@pytest.mark.parametrize("how", ["deleted", "purged"])
def test_a_copy_takes_the_place_of_its_deleted_original(world: World, how: str, rule: str) -> None:
    world.use(outlook_deletion=rule)
    record, item = linked(world)
    copy = world.anna.copy(item, world.anna.folder())
    (world.anna.delete if how == "deleted" else world.anna.purge)(item)
    mark = world.mark()
    world.run()
    assert world.contact_writes(mark) == []
    assert living(world) == [copy]
    is_linked(world, record, copy)


def test_an_edit_of_the_copy_goes_up_when_its_original_was_deleted(world: World) -> None:
    record, item = linked(world, Title="Base")
    copy = world.anna.copy(item, world.anna.folder())
    world.anna.update(copy, jobTitle="Edited in the copy")
    world.anna.delete(item)
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited in the copy"
    assert [row["id"] for row in items_of(world.anna, record)] == [copy]


def test_of_several_copies_the_first_takes_the_place_and_the_others_are_held(world: World) -> None:
    record, item = linked(world)
    folder = world.anna.folder()
    first = world.anna.copy(item, folder)
    world.advance(2)
    second = world.anna.copy(item, folder)
    world.anna.delete(item)
    world.run()
    world.run()
    world.anna.update(first, jobTitle="Of the first")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Of the first"
    assert world.anna.item(second)["jobTitle"] is None
    assert len(world.salesforce.contacts()) == 1
    assert [row["outlook_id"] for row in world.held()] == [second]


def test_a_copy_beside_its_living_original_changes_nothing_of_it(world: World) -> None:
    record, item = linked(world, Title="Original")
    copy = world.anna.copy(item, world.anna.folder())
    world.run()
    world.anna.update(copy, givenName="Otto", surname="Other", email="otto@example.com", jobTitle="Template")
    world.run()
    world.run()
    found = world.salesforce.record(record)
    assert (found["LastName"], found["Title"]) == ("Last1", "Original")
    assert world.anna.item(item)["surname"] == "Last1"
    other = world.salesforce.contact(Email="otto@example.com")
    assert stamp_of(world.anna.item(copy)) == other["Id"] != record


def test_a_copy_that_became_somebody_else_does_not_overwrite_its_deleted_original(world: World) -> None:
    record, item = linked(world)
    copy = world.anna.copy(item, world.anna.folder())
    world.anna.update(copy, givenName="Otto", surname="Other", email="otto@example.com")
    world.anna.delete(item)
    for _ in range(3):
        world.run()
    assert world.salesforce.record(record)["LastName"] == "Last1"
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert stamp_of(world.anna.item(copy)) == world.salesforce.contact(Email="otto@example.com")["Id"]


@pytest.mark.parametrize("edits", [{"surname": "Miller"}, {"givenName": "Anton"}])
def test_a_copy_with_another_e_mail_and_half_of_the_name_does_not_overwrite_its_deleted_original(
    world: World, edits: dict[str, str]
) -> None:
    """A first name or a surname alone is shared by many: it is another person, and a contact of its own at once."""
    record, item = linked(world, FirstName="Anna", LastName="Smith", Email="anna.smith@example.com")
    copy = world.anna.copy(item, world.anna.folder())
    world.anna.update(copy, email="other@example.com", **edits)
    world.anna.delete(item)
    world.run()
    found = world.salesforce.record(record)
    assert (found["FirstName"], found["LastName"], found["Email"]) == ("Anna", "Smith", "anna.smith@example.com")
    assert item_of(world.anna, record)["surname"] == "Smith"
    assert stamp_of(world.anna.item(copy)) == world.salesforce.contact(Email="other@example.com")["Id"] != record


def test_a_contact_with_the_stamp_of_another_org_takes_nobodys_place(world: World) -> None:
    record, item = linked(world)
    copy = world.anna.copy(item, world.anna.folder())
    foreign = [{"id": STAMP, "value": f"00D000000000001AAA/{record}"}]
    world.anna.update(copy, givenName="First1", singleValueExtendedProperties=foreign)
    world.anna.delete(item)
    world.run()
    world.run()
    [back] = [row["id"] for row in items_of(world.anna, record) if row["id"] != copy]
    is_linked(world, record, back)
    assert (world.anna.item(copy)["jobTitle"], len(world.salesforce.contacts())) == (None, 1)


def test_a_copy_elsewhere_does_not_keep_a_lost_folder_from_being_refilled(world: World) -> None:
    record, item = linked(world)
    copy = world.anna.copy(item, "contacts")
    world.anna._checked(world.anna.http.delete(f"contactFolders/{world.anna.folder()}"))
    for _ in range(3):
        world.run()
    assert item_of(world.anna, record)["id"] != copy
    assert len(world.salesforce.contacts()) == 1
    assert copy in living(world)


def test_an_item_that_was_unlinked_by_hand_takes_nobodys_place(world: World) -> None:
    record, item = linked(world)
    copy = world.anna.copy(item, world.anna.folder())
    world.run()
    settings = world.settings()
    with open_warehouse(warehouse_path(settings)) as connection:
        writer = Writer(connection, settings.fields)
        [link] = Reader(connection).rows("select link_id from sync.links where state = 'linked'")
        writer.unlink_by_hand(ANNA, link["link_id"], "by_hand", datetime(2030, 1, 1))
        writer.link_by_hand(ANNA, copy, record, "by_hand", datetime(2030, 1, 1))
    world.run()
    world.anna.delete(copy)
    world.run()
    world.anna.update(item, jobTitle="Of my own")
    world.run()
    assert world.salesforce.record(record)["Title"] is None
    assert len(items_of(world.anna, record)) == 2
