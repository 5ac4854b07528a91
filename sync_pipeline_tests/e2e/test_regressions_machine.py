"""Defects that the machine found, each under the name of what it did to people's contacts."""

from __future__ import annotations

from sync_pipeline_tests.harness import CATEGORY, World, linked


def test_a_moved_contacts_original_that_is_taken_out_of_the_deleted_items_into_the_folder_is_not_passed_over(
    world: World,
) -> None:
    other = world.anna.create_folder("Other")
    original = world.anna.create(
        other, givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY]
    )
    world.run()
    assert [item["id"] for item in world.anna.deleted()] == [original]
    world.anna.move(original, world.anna.folder())
    world.run()
    [held] = [operation for operation in world.held() if operation["outlook_id"] == original]
    assert held["hold_reason"] == "It matches a Contact that is linked to another Outlook contact of this mailbox."
    assert len(world.salesforce.contacts()) == 1
    assert len(world.anna.contacts()) == 2


def test_an_edit_of_the_original_after_its_move_broke_off_is_in_the_copy_before_the_original_goes(world: World) -> None:
    original = world.anna.create(None, givenName="Mia", surname="Muster", nickName="Mimi", categories=[CATEGORY])
    world.fault("connection_reset", position="response_lost", service="graph", method="POST", path="/contacts$")
    world.run()
    world.anna.update(original, nickName="Addy")
    for _ in range(2):
        world.run()
    assert [item["nickName"] for item in world.anna.contacts()] == ["Addy"]
    assert world.anna.contacts("contacts") == []


def test_a_copy_of_a_contact_does_not_bring_its_contact_back_after_that_was_deleted(world: World) -> None:
    record, item = linked(world)
    linked(world, 2)
    world.anna.copy(item, world.anna.folder())
    world.run()
    world.salesforce.delete(record)
    for _ in range(3):
        world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Last2"]
    [held] = world.held()
    assert held["hold_reason"].startswith("It belonged to a Contact that was deleted in Salesforce")
