"""Defects that were found and mended, each under the name of what it did to people's contacts."""

from __future__ import annotations

import shutil

from sync_pipeline_tests.harness import ANNA, BEN, FOLDER, World, item_of, linked, person


def _lose_the_warehouse(world: World) -> None:
    shutil.rmtree(world.directory / "data")


def test_a_contact_moved_out_after_a_lost_warehouse_stays_where_its_owner_put_it(world: World) -> None:
    _, item = linked(world)
    world.run()
    _lose_the_warehouse(world)
    world.run()
    world.run()
    world.anna.update(item, categories=[])
    world.anna.move(item, "contacts")
    world.run()
    assert [found["id"] for found in world.anna.contacts("contacts")] == [item]
    assert world.anna.contacts() == []


def test_a_look_alike_is_not_linked_beside_the_stamped_item_of_the_same_contact(world: World) -> None:
    world.use(ANNA, outlook_deletion="delete")
    contact, item = linked(world)
    _lose_the_warehouse(world)
    folder = world.anna.folder()
    twin = world.anna.create(folder, givenName="First1", surname="Last1", email="person1@example.com")
    world.run()
    world.run()
    world.anna.delete(twin)
    world.run()
    world.run()
    assert world.salesforce.get(contact) is not None
    assert [found["id"] for found in world.anna.contacts()] == [item]


def test_a_contact_whose_edit_was_refused_is_not_removed_when_it_leaves_the_view(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    contact, item = linked(world)
    world.anna.update(item, jobTitle="big boss", phone="+1 555 777")
    world.salesforce.update(contact, OwnerId=world.user_id(BEN))
    world.run()
    [kept] = world.anna.contacts()
    assert (kept["id"], kept["jobTitle"]) == (item, "big boss")


def test_a_contact_whose_clearing_is_held_is_not_removed_when_it_leaves_the_view(world: World) -> None:
    world.use(ANNA, max_deletes={"count": 1, "percent": 0})
    first, one = linked(world, 1, Title="T1")
    _, two = linked(world, 2, Title="T2")
    linked(world, 3)
    world.anna.update(one, jobTitle="", phone="+1 555 9")
    world.anna.update(two, jobTitle="")
    world.salesforce.update(first, OwnerId=world.user_id(BEN))
    world.run()
    assert one in [found["id"] for found in world.anna.contacts()]


def test_a_stamp_does_not_link_what_the_mailboxs_credential_may_not_read(world: World) -> None:
    world.use_per_user_credentials()
    world.use(ANNA, BEN, view="all")
    contact = person(world, 1)
    world.run()
    item = item_of(world.anna, contact)["id"]
    world.salesforce.update(contact, OwnerId=world.user_id(BEN))
    world.run()
    world.as_user(BEN).update(contact, Title="Secret")
    world.anna.move(item, world.anna.folder())
    world.run()
    world.run()
    shown = world.anna.get(item)
    assert shown is not None
    assert shown["jobTitle"] is None


def test_a_large_first_run_stays_held_in_the_runs_after_it(world: World) -> None:
    world.use(ANNA, first_run={"plan_above": 1})
    for number in range(1, 6):
        person(world, number)
    folder = world.anna.create_folder(FOLDER)
    world.anna.create(folder, givenName="First1", surname="Last1", email="person1@example.com")
    mark = world.mark()
    world.run()
    world.run()
    assert world.writes(mark, entity="contact") == []
    assert world.writes(mark, service="salesforce") == []
