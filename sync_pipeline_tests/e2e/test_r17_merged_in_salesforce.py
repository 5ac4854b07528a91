"""R17: Contacts merged in Salesforce: links go to the winner, chains are followed, the loser's edits merge first."""

from __future__ import annotations

import shutil

import pytest

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    World,
    conflicts,
    item_of,
    items_of,
    linked,
    person,
    see_all,
    stamp_of,
)


def test_the_link_of_a_losing_contact_goes_to_the_winner_and_the_stamp_is_rewritten(world: World) -> None:
    view = {"developer_name": "Chosen", "where": "Department = 'Chosen'"}
    world.org("listviews", **view)
    world.use(view="Chosen")
    loser, item = linked(world, 1, Department="Chosen")
    winner = person(world, 2, LastName="Winner")
    world.org("merge", winner=winner, losers=[loser])
    world.salesforce.update(winner, Department="Chosen")
    world.run()
    found = item_of(world.anna, winner)
    assert (found["id"], found["surname"]) == (item, "Winner")
    assert (items_of(world.anna, loser), world.anna.deleted()) == ([], [])


def test_a_chain_of_merges_is_followed(world: World) -> None:
    world.org("listviews", developer_name="Chosen", where="Department = 'Chosen'")
    world.use(view="Chosen")
    first, item = linked(world, 1, Department="Chosen")
    second, third = person(world, 2), person(world, 3, LastName="Winner")
    world.org("merge", winner=second, losers=[first])
    world.org("merge", winner=third, losers=[second])
    world.salesforce.update(third, Department="Chosen")
    world.run()
    found = item_of(world.anna, third)
    assert (found["id"], found["surname"]) == (item, "Winner")
    assert world.anna.deleted() == []


def test_where_the_mailbox_holds_the_winner_too_the_losers_item_is_removed(world: World) -> None:
    loser, gone = linked(world, 1)
    winner, kept = linked(world, 2)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    world.run()
    assert [item["id"] for item in world.anna.contacts()] == [kept]
    assert [item["id"] for item in world.anna.deleted()] == [gone]
    assert [row["Id"] for row in world.salesforce.contacts()] == [winner]


def test_the_losers_edits_since_the_base_merge_into_the_winner_first(world: World) -> None:
    loser, gone = linked(world, 1, Title="Base")
    winner, kept = linked(world, 2)
    world.anna.update(gone, jobTitle="Edited on the loser")
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    world.run()
    assert world.salesforce.record(winner)["Title"] == "Edited on the loser"
    assert world.anna.item(kept)["jobTitle"] == "Edited on the loser"
    assert [item["id"] for item in world.anna.contacts()] == [kept]


def test_what_the_losing_contact_held_unedited_does_not_overwrite_the_winner(world: World) -> None:
    loser, _ = linked(world, 1, Title="Loser's", Department="Loser's")
    winner, kept = linked(world, 2, Title="Winner's", Department=None)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    world.run()
    found, item = world.salesforce.record(winner), world.anna.item(kept)
    assert (found["Title"], found["Department"]) == ("Winner's", None)
    assert (item["jobTitle"], item["department"], item["surname"]) == ("Winner's", None, "Last2")


def test_several_losers_of_one_merge_leave_one_item(world: World) -> None:
    first, _ = linked(world, 1)
    second, _ = linked(world, 2)
    winner, kept = linked(world, 3)
    world.org("merge", winner=winner, losers=[first, second])
    world.run()
    world.run()
    assert [item["id"] for item in world.anna.contacts()] == [kept]


def test_each_mailbox_follows_the_merge_by_itself(world: World) -> None:
    see_all(world, ANNA)
    loser, winner = person(world, 1), person(world, 2, LastName="Winner")
    world.run()
    world.use(ANNA, BEN)
    world.mailboxes[BEN] = {"view": "Losers"}
    world.org("listviews", developer_name="Losers", where="LastName = 'Last1'")
    world.run()
    bens = item_of(world.ben, loser)["id"]
    world.org("merge", winner=winner, losers=[loser])
    world.org("listviews", developer_name="Losers", where="LastName = 'Winner'")
    world.run()
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Winner"]
    assert [(item["id"], item["surname"]) for item in world.ben.contacts()] == [(bens, "Winner")]


def test_a_merge_is_not_read_as_a_deletion_where_deletions_in_outlook_delete(world: World) -> None:
    world.use(outlook_deletion="delete")
    loser, _ = linked(world, 1)
    winner, _ = linked(world, 2)
    world.org("merge", winner=winner, losers=[loser])
    for _ in range(3):
        world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [winner]
    assert item_of(world.anna, winner)["surname"] == "Last2"


def test_a_losing_item_that_was_deleted_meanwhile_does_not_touch_the_winner(world: World) -> None:
    world.use(outlook_deletion="delete")
    loser, gone = linked(world, 1)
    winner, kept = linked(world, 2)
    world.anna.delete(gone)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [winner]
    assert [item["id"] for item in world.anna.contacts()] == [kept]


def test_the_edits_of_two_losers_reach_the_winner_in_one_run(world: World) -> None:
    first, one = linked(world, 1, Title="Base", Department="Base")
    second, two = linked(world, 2, Title="Base", Department="Base")
    winner, kept = linked(world, 3)
    world.anna.update(one, jobTitle="Edited on the first")
    world.anna.update(two, department="Edited on the second")
    world.org("merge", winner=winner, losers=[first, second])
    world.run()
    found, item = world.salesforce.record(winner), world.anna.item(kept)
    assert (found["Title"], found["Department"]) == ("Edited on the first", "Edited on the second")
    assert (item["jobTitle"], item["department"]) == ("Edited on the first", "Edited on the second")
    assert [item["id"] for item in world.anna.contacts()] == [kept]
    assert sorted(item["id"] for item in world.anna.deleted()) == sorted([one, two])
    assert world.ready() == []


def test_two_losers_whose_winner_the_mailbox_does_not_hold_become_one_item_in_one_run(world: World) -> None:
    world.use(left_view="keep")
    first, one = linked(world, 1, Title="Base", Department="Base")
    second, two = linked(world, 2, Title="Base", Department="Base")
    winner = person(world, 3, owner=BEN, Title="Base", Department="Base")
    world.anna.update(one, jobTitle="Edited on the first")
    world.anna.update(two, department="Edited on the second")
    world.org("merge", winner=winner, losers=[first, second])
    world.run()
    found, item = world.salesforce.record(winner), item_of(world.anna, winner)
    assert (found["Title"], found["Department"]) == ("Edited on the first", "Edited on the second")
    assert (item["id"], item["surname"]) == (one, "Last3")
    assert (item["jobTitle"], item["department"]) == ("Edited on the first", "Edited on the second")
    assert [row["id"] for row in world.anna.contacts()] == [one]
    assert world.ready() == []


# -- a merge of which only the stamps tell: the warehouse was lost ---------------------------------------------------


def lose_the_warehouse(world: World) -> None:
    shutil.rmtree(world.directory / "data")


def approve_the_removals(world: World) -> None:
    """A folder that a later run has marked holds every deletion (R21)."""
    held = [operation for operation in world.held() if operation["action"] == "delete"]
    assert {operation["rule"] for operation in held} == {"R17"}
    world.judge("approved", held)
    world.run()


@pytest.mark.parametrize("order", ["the loser first", "the winner first"])
def test_after_a_lost_warehouse_the_losers_item_is_removed_and_the_winners_stays(world: World, order: str) -> None:
    loser, gone = linked(world, 1 if order == "the loser first" else 2)
    winner, kept = linked(world, 2 if order == "the loser first" else 1)
    if order == "the winner first":
        loser, gone, winner, kept = winner, kept, loser, gone
    lose_the_warehouse(world)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    approve_the_removals(world)
    world.run()
    assert [item["id"] for item in world.anna.contacts()] == [kept]
    assert [item["id"] for item in world.anna.deleted()] == [gone]
    assert [row["Id"] for row in world.salesforce.contacts()] == [winner]
    assert stamp_of(world.anna.item(kept)) == winner
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []


def test_after_a_lost_warehouse_what_only_the_loser_held_goes_up_before_its_item_goes(world: World) -> None:
    loser, gone = linked(world, 1)
    winner, kept = linked(world, 2, Title="Winner's")
    world.anna.update(gone, jobTitle="Loser's", department="Only in the loser's item")
    lose_the_warehouse(world)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    approve_the_removals(world)
    world.run()
    found = world.salesforce.record(winner)
    assert (found["Title"], found["Department"]) == ("Winner's", "Only in the loser's item")
    assert world.anna.item(kept)["department"] == "Only in the loser's item"
    assert ("job_title", "salesforce", "Loser's", "Winner's") in conflicts(world)
    assert [item["id"] for item in world.anna.contacts()] == [kept]


@pytest.mark.slow
def test_after_a_lost_warehouse_a_removal_waits_for_values_that_salesforce_refuses(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Department", contains="secret", message="No.")
    loser, gone = linked(world, 1)
    winner, _ = linked(world, 2)
    world.anna.update(gone, department="secret")
    lose_the_warehouse(world)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    approve_the_removals(world)
    world.run()
    assert gone in [item["id"] for item in world.anna.contacts()]


@pytest.mark.slow
def test_after_a_lost_warehouse_two_losers_without_the_winner_become_one_item(world: World) -> None:
    first, one = linked(world, 1)
    second, two = linked(world, 2)
    winner = person(world, 3)
    lose_the_warehouse(world)
    world.org("merge", winner=winner, losers=[first, second])
    world.run()
    approve_the_removals(world)
    world.run()
    [item] = world.anna.contacts()
    assert (item["id"], item["surname"], stamp_of(item)) == (one, "Last3", winner)
    assert [row["id"] for row in world.anna.deleted()] == [two]


def test_a_copy_of_a_losers_item_is_not_removed_with_it(world: World) -> None:
    loser, gone = linked(world, 1)
    winner, kept = linked(world, 2)
    copy = world.anna.copy(gone, world.anna.folder())
    world.org("merge", winner=winner, losers=[loser])
    for _ in range(4):
        world.run()
    assert sorted(item["id"] for item in world.anna.contacts()) == sorted([kept, copy])
    assert [item["id"] for item in world.anna.deleted()] == [gone]


@pytest.mark.slow
def test_after_a_lost_warehouse_of_a_losers_item_and_its_copy_only_the_item_is_removed(world: World) -> None:
    loser, gone = linked(world, 1)
    winner, kept = linked(world, 2)
    world.advance(2)
    copy = world.anna.copy(gone, world.anna.folder())
    lose_the_warehouse(world)
    world.org("merge", winner=winner, losers=[loser])
    world.run()
    approve_the_removals(world)
    for _ in range(3):
        world.run()
    assert sorted(item["id"] for item in world.anna.contacts()) == sorted([kept, copy])
    assert [item["id"] for item in world.anna.deleted()] == [gone]
