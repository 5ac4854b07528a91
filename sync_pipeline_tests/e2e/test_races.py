"""Invariant 11: what somebody does between plan and push is seen before the write, and nothing of it is lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, World, conflicts, item_of, linked, person, see_all, stamp_of
from sync_pipeline_tests.machine.hazards import Seam, seam


def settled(world: World) -> None:
    """Two runs without anybody else: what a lost race left is planned anew."""
    world.run()
    world.run()
    assert world.ready() == []


def test_a_field_edited_in_salesforce_meanwhile_is_not_overwritten(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Outlook's")
    mark = world.mark()
    world.run(before={"push_salesforce": lambda: world.salesforce.update(record, Title="Salesforce's")})
    assert world.writes(mark, service="salesforce") == []
    settled(world)
    assert world.salesforce.record(record)["Title"] == "Salesforce's"
    assert item_of(world.anna, record)["jobTitle"] == "Salesforce's"
    assert conflicts(world) == [("job_title", "salesforce", "Outlook's", "Salesforce's")]


def test_different_fields_edited_on_both_sides_meanwhile_both_survive(world: World) -> None:
    record, item = linked(world, Title="Base", Phone="+49 30 1")
    world.anna.update(item, jobTitle="Outlook's")
    world.run(before={"push_salesforce": lambda: world.salesforce.update(record, Phone="+49 30 2")})
    settled(world)
    found = world.salesforce.record(record)
    assert (found["Title"], found["Phone"]) == ("Outlook's", "+49 30 2")
    assert item_of(world.anna, record)["businessPhones"] == ["+49 30 2"]


def test_a_field_edited_in_outlook_meanwhile_is_not_overwritten(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.salesforce.update(record, Title="Salesforce's")
    mark = world.mark()
    world.run(before={"push_outlook": lambda: world.anna.update(item, jobTitle="Outlook's")})
    assert [row for row in world.writes(mark, service="graph") if row["id"] == item] == []
    settled(world)
    assert conflicts(world) == [("job_title", "salesforce", "Outlook's", "Salesforce's")]


@pytest.mark.parametrize("what", ["an update", "a deletion"])
def test_an_item_moved_out_meanwhile_is_left_where_its_owner_put_it(world: World, what: str) -> None:
    record, item = linked(world, Title="Base")
    if what == "an update":
        world.salesforce.update(record, Title="Salesforce's")
    else:
        world.salesforce.delete(record)
    mark = world.mark()
    world.run(before={"push_outlook": lambda: world.anna.move(item, "contacts")})
    assert [row for row in world.writes(mark, service="graph") if row["id"] == item] == []
    settled(world)
    [kept] = world.anna.contacts("contacts")
    assert (kept["jobTitle"], kept["categories"], stamp_of(kept)) == ("Base", [], None)


def test_an_item_edited_meanwhile_is_not_deleted_unseen(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.salesforce.delete(record)
    mark = world.mark()
    world.run(before={"push_outlook": lambda: world.anna.update(item, jobTitle="Outlook's")})
    assert world.writes(mark, service="graph", action="delete") == []
    settled(world)
    assert [gone["jobTitle"] for gone in world.anna.deleted()] == ["Outlook's"]
    assert any("Outlook's" in repr(row) for row in conflicts(world))  # R19: the edit stands in the history


def test_a_contact_edited_in_salesforce_meanwhile_is_not_deleted(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Base")
    world.anna.delete(item)
    world.run(before={"push_salesforce": lambda: world.salesforce.update(record, Title="Edited")})
    settled(world)
    assert world.salesforce.record(record)["Title"] == "Edited"
    assert item_of(world.anna, record)["jobTitle"] == "Edited"


def test_an_edit_in_another_mailbox_meanwhile_keeps_the_contact_from_being_deleted(world: World) -> None:
    """R19: an edit in another mailbox that is not synchronised yet counts as an edit in Salesforce."""
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record, item = linked(world, Title="Base")
    bens = item_of(world.ben, record)["id"]
    world.anna.delete(item)
    world.run(before={"push_salesforce": lambda: world.ben.update(bens, jobTitle="Ben's")})
    settled(world)
    assert world.salesforce.record(record)["Title"] == "Ben's"
    assert [item_of(mailbox, record)["jobTitle"] for mailbox in (world.anna, world.ben)] == ["Ben's", "Ben's"]


def test_a_contact_deleted_in_salesforce_while_its_item_is_made_leaves_outlook_in_the_next_run(world: World) -> None:
    record = person(world)
    world.run(before={"push_outlook": lambda: world.salesforce.delete(record)})
    settled(world)
    assert world.anna.contacts() == []


def test_two_items_edited_in_one_batch_and_one_of_them_meanwhile_costs_only_that_one(world: World) -> None:
    records = [person(world, number, Title="Base") for number in (1, 2)]
    world.run()
    items = [item_of(world.anna, record)["id"] for record in records]
    for record in records:
        world.salesforce.update(record, Title="Salesforce's")
    world.run(before={"push_outlook": lambda: world.anna.update(items[0], jobTitle="Outlook's")})
    assert world.anna.item(items[0])["jobTitle"] == "Outlook's"
    assert world.anna.item(items[1])["jobTitle"] == "Salesforce's"


def run_while_it_pauses(world: World, act: Callable[[], object]) -> None:
    """A run in whose first pause somebody acts, half a minute after it began."""
    acts = [act]

    def sleep(seconds: float) -> None:
        world.advance(seconds + 30)
        while acts:
            acts.pop()()

    with seam(Seam(), sleep):
        world.run()
    assert acts == [], "the run did not pause"
    settled(world)


@pytest.mark.parametrize("fault", ["429", "UNABLE_TO_LOCK_ROW"])
def test_an_edit_in_salesforce_while_a_refused_update_waits_is_not_overwritten(world: World, fault: str) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Outlook's")
    world.fault(fault, service="salesforce", method="PATCH", path="composite/sobjects")
    run_while_it_pauses(world, lambda: world.salesforce.update(record, Title="Salesforce's"))
    assert world.salesforce.record(record)["Title"] == "Salesforce's"
    assert conflicts(world) == [("job_title", "salesforce", "Outlook's", "Salesforce's")]


def test_a_contact_edited_while_its_refused_deletion_waits_is_not_deleted(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Base")
    world.anna.delete(item)
    world.fault("429", service="salesforce", method="DELETE", path="composite/sobjects")
    run_while_it_pauses(world, lambda: world.salesforce.update(record, Title="Edited"))
    assert item_of(world.anna, record)["jobTitle"] == "Edited"


def test_a_contact_that_somebody_creates_while_our_refused_creation_waits_is_not_created_twice(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), givenName="Mia", surname="Muster", email="mia@example.com")
    theirs = {"FirstName": "Mia", "LastName": "Muster", "Email": "mia@example.com", "OwnerId": world.user_id(ANNA)}
    world.fault("429", service="salesforce", method="POST", path="composite/sobjects$")
    run_while_it_pauses(world, lambda: world.salesforce.create(**theirs))
    assert len(world.salesforce.contacts()) == 1


def test_an_edit_in_outlook_while_a_refused_update_waits_is_not_overwritten_though_if_match_is_ignored(
    world: World,
) -> None:
    record, item = linked(world, Title="Base")
    world.switch(if_match_honoured=False)
    world.salesforce.update(record, Title="Salesforce's")
    world.fault("429", service="graph", method="PATCH", path="contacts/")
    run_while_it_pauses(world, lambda: world.anna.update(item, jobTitle="Outlook's"))
    assert conflicts(world) == [("job_title", "salesforce", "Outlook's", "Salesforce's")]
