"""R19: a deletion on one side against an edit on the other."""

from __future__ import annotations

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    World,
    conflicts,
    item_of,
    items_of,
    linked,
    linked_with_a_conflict_on_hold,
    person,
    see_all,
)


def test_a_deletion_in_outlook_loses_to_an_edit_in_salesforce(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Base")
    world.anna.delete(item)
    world.salesforce.update(record, Title="Edited")
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited"
    assert item_of(world.anna, record)["jobTitle"] == "Edited"


def test_a_move_out_that_means_deletion_loses_to_an_edit_in_salesforce(world: World) -> None:
    world.use(moved_out="delete")
    record, item = linked(world, Title="Base")
    world.anna.move(item, "contacts")
    world.salesforce.update(record, Title="Edited")
    for _ in range(3):
        world.run()
    assert world.salesforce.record(record)["Title"] == "Edited"
    assert item_of(world.anna, record)["jobTitle"] == "Edited"


def test_an_edit_that_both_sides_had_agreed_on_does_not_stop_the_deletion(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Base")
    world.salesforce.update(record, Title="Edited")
    world.run()
    world.anna.delete(item)
    world.run()
    assert world.salesforce.get(record) is None


def test_a_change_of_form_only_does_not_stop_the_deletion(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Phone="+1 555 0100")
    world.salesforce.update(record, Phone="+1 (555) 0100")
    world.anna.delete(item)
    world.run()
    assert world.salesforce.get(record) is None


def test_a_deletion_in_salesforce_wins_over_an_edit_in_outlook_and_the_edit_is_in_the_history(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Edited")
    world.salesforce.delete(record)
    world.run()
    assert (items_of(world.anna, record), world.salesforce.get(record)) == ([], None)
    assert [found["jobTitle"] for found in world.anna.deleted()] == ["Edited"]
    [conflict] = conflicts(world)
    assert (conflict[0], conflict[1], conflict[2]) == ("job_title", "salesforce", "Edited")


def test_an_edit_in_another_mailbox_counts_as_an_edit_in_salesforce(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world, Title="Base")
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited by Ben")
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited by Ben"
    assert item_of(world.anna, record)["jobTitle"] == "Edited by Ben"
    assert item_of(world.ben, record)["jobTitle"] == "Edited by Ben"


def test_deletions_in_two_mailboxes_delete_the_contact_once(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world)
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.delete(item_of(world.ben, record)["id"])
    mark = world.mark()
    world.run()
    world.run()
    assert world.salesforce.get(record) is None
    assert [row["action"] for row in world.contact_writes(mark)] == ["delete"]


def test_a_deletion_waits_for_a_mailbox_that_this_run_does_not_read(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world, Title="Base")
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited by Ben")
    document = world.run(ANNA)
    assert world.salesforce.get(record) is not None
    assert (document["mailboxes"][0]["holds"], [p["code"] for p in world.problems()]) == (0, ["other_mailbox_not_read"])
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited by Ben"
    assert item_of(world.anna, record)["jobTitle"] == "Edited by Ben"
    assert world.problems() == []


def test_a_deletion_waits_for_a_mailbox_that_cannot_be_read(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world, Title="Base")
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited by Ben")
    world.fault("403", times=1000, service="graph", path=BEN, actor="application")
    world.run()
    world.run()
    assert world.salesforce.get(record) is not None


def test_a_deletion_that_waited_is_done_once_the_other_mailbox_was_read(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world)
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.run(ANNA)
    world.run()
    world.run()
    assert (world.salesforce.get(record), items_of(world.ben, record)) == (None, [])


def test_an_approval_does_not_delete_what_a_mailbox_that_was_not_read_may_have_edited(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    record = person(world, Title="Base")
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.run()
    world.judge("approved", world.held())
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited by Ben")
    world.run(ANNA)
    assert world.salesforce.get(record) is not None
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Edited by Ben"


def test_a_held_deletion_stays_held_while_another_mailbox_is_not_read(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    record = person(world)
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.run()
    world.run(ANNA)
    world.use(max_deletes={"count": 10})
    world.run()
    assert world.salesforce.get(record) is not None
    assert [operation["salesforce_id"] for operation in world.held()] == [record]


def test_a_mailbox_that_is_switched_off_or_taken_off_the_list_keeps_no_deletion_waiting(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    first, second = person(world, 1), person(world, 2)
    world.run()
    world.mailboxes[BEN] = {"enabled": False}
    world.run()
    world.anna.delete(item_of(world.anna, first)["id"])
    world.run()
    assert world.salesforce.get(first) is None
    world.use(ANNA)
    world.run()
    world.anna.delete(item_of(world.anna, second)["id"])
    world.run()
    assert world.salesforce.get(second) is None


def test_what_outlook_held_against_a_first_conflict_is_kept_in_the_history_when_the_contact_is_deleted(
    world: World,
) -> None:
    record = linked_with_a_conflict_on_hold(world)
    assert item_of(world.anna, record)["jobTitle"] == "Plumber"
    world.salesforce.delete(record)
    world.run()
    assert items_of(world.anna, record) == []
    assert ("job_title", "salesforce", "Plumber", "Director") in conflicts(world)
