"""R16: a Contact that was deleted in Salesforce leaves the folder, for the Deleted Items."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, World, item_of, items_of, linked, person, see_all, stamp_of


def test_a_contact_deleted_in_salesforce_goes_to_the_deleted_items(world: World) -> None:
    record, item = linked(world)
    other, _ = linked(world, 2)
    world.salesforce.delete(record)
    mark = world.mark()
    world.run()
    assert [found["id"] for found in world.anna.deleted()] == [item]
    assert [row["action"] for row in world.contact_writes(mark)] == ["delete"]
    assert item_of(world.anna, other)["surname"] == "Last2"


@pytest.mark.parametrize("deletion", ["restore", "delete"])
def test_our_removal_is_not_read_back_as_a_users_deletion(world: World, deletion: str) -> None:
    world.use(outlook_deletion=deletion)
    record, _ = linked(world)
    world.salesforce.delete(record)
    world.run()
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert (world.writes(mark), world.anna.contacts(), world.salesforce.contacts()) == ([], [], [])


def test_it_leaves_every_mailbox_that_holds_it(world: World) -> None:
    see_all(world, ANNA, BEN)
    record = person(world)
    world.run()
    world.salesforce.delete(record)
    world.run()
    assert (world.anna.contacts(), world.ben.contacts()) == ([], [])


def test_a_contact_that_went_with_its_account_goes_too(world: World) -> None:
    account = world.salesforce.create("Account", Name="Acme Ltd")
    _, item = linked(world, AccountId=account)
    world.salesforce.delete(account, "Account")
    world.run()
    assert [found["id"] for found in world.anna.deleted()] == [item]
    assert world.anna.contacts() == []


def test_a_contact_that_was_chosen_in_outlook_goes_too(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), surname="Chosen", email="chosen@example.com")
    world.run()
    world.salesforce.delete(world.salesforce.contact(LastName="Chosen")["Id"])
    world.run()
    assert (world.anna.contacts(), world.salesforce.contacts()) == ([], [])


def test_a_contact_deleted_on_both_sides_needs_no_write(world: World) -> None:
    record, item = linked(world)
    world.salesforce.delete(record)
    world.anna.delete(item)
    mark = world.mark()
    world.run()
    world.run()
    assert (world.writes(mark), world.anna.contacts()) == ([], [])


def test_an_undeleted_contact_comes_back(world: World) -> None:
    record, _ = linked(world)
    world.salesforce.delete(record)
    world.run()
    world.org("undelete", ids=[record])
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert len(world.salesforce.contacts()) == 1


@pytest.mark.parametrize("credentials", ["org", "per_user"])
@pytest.mark.parametrize("left_view", ["keep", "remove"])
def test_a_contact_deleted_for_good_between_two_runs_is_removed_as_a_deleted_one(
    world: World, credentials: str, left_view: str
) -> None:
    if credentials == "per_user":
        world.use_per_user_credentials()
    world.use(left_view=left_view)
    record, _ = linked(world, 1)
    kept, _ = linked(world, 2)
    for _ in range(2):
        world.advance(1800)
        world.run()
    world.salesforce.delete(record)
    world.org("empty_bin")
    world.advance(1800)
    plan = world.plan()
    assert [(row["action"], row["rule"]) for row in plan] == [("delete", "R16")]
    world.run()
    assert [stamp_of(item) for item in world.anna.contacts()] == [kept]
    assert world.problems() == []


def test_a_contact_that_was_undeleted_for_somebody_else_is_not_taken_from_him(world: World) -> None:
    world.use_per_user_credentials().use(ANNA, BEN)
    record, _ = linked(world, 1)
    linked(world, 2)
    world.advance(1800)
    world.run()
    world.salesforce.delete(record)
    world.org("undelete", ids=[record])
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    for _ in range(3):
        world.advance(1800)
        world.run()
    assert items_of(world.anna, record) == []
    assert item_of(world.ben, record)["surname"] == "Last1"
