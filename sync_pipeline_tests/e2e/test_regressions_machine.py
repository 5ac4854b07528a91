"""Defects that the machine found, each under the name of what it did to people's contacts."""

from __future__ import annotations

from sync_pipeline_tests.harness import CATEGORY, World


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
