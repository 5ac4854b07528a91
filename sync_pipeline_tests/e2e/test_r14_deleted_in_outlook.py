"""R14: what becomes of a Contact whose contact was deleted in Outlook: restore or delete."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, World, extended, item_of, linked, person, see_all, stamp_of

PHOTO = b"\xff\xd8\xff\xe0 a small photo \xff\xd9"


def test_a_contact_deleted_in_outlook_is_brought_back_by_default(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.delete(item)
    mark = world.mark()
    world.run()
    found = item_of(world.anna, record)
    assert (found["surname"], found["jobTitle"], found["categories"]) == ("Last1", "Director", ["Salesforce"])
    assert world.writes(mark, service="salesforce") == []


def test_the_deleted_item_is_copied_back_so_that_nothing_unmapped_is_lost(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, nickName="Addy", children=["Anne"], homeAddress={"city": "Ockham"})
    world.anna.put_photo(item, PHOTO)
    world.run()
    world.anna.delete(item)
    world.run()
    found = item_of(world.anna, record)
    assert (found["nickName"], found["children"], found["homeAddress"]) == ("Addy", ["Anne"], {"city": "Ockham"})
    assert world.anna.photo(found["id"]) == PHOTO


def test_a_contact_deleted_for_good_is_created_from_salesforce(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.purge(item)
    world.run()
    found = item_of(world.anna, record)
    assert (found["surname"], found["jobTitle"]) == ("Last1", "Director")


def test_a_contact_is_brought_back_once(world: World) -> None:
    record, item = linked(world)
    world.anna.delete(item)
    world.run()
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []
    assert stamp_of(item_of(world.anna, record)) == record


def test_a_contact_dragged_to_the_deleted_items_counts_as_deleted(world: World) -> None:
    record, item = linked(world)
    world.anna.move(item, "deleteditems")
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"


def test_a_contact_that_was_brought_back_is_linked_both_ways(world: World) -> None:
    record, item = linked(world)
    world.anna.delete(item)
    world.run()
    back = item_of(world.anna, record)["id"]
    world.anna.update(back, jobTitle="Outlook")
    world.salesforce.update(record, Department="Salesforce")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Outlook"
    assert world.anna.item(back)["department"] == "Salesforce"


def test_a_contact_deleted_twice_is_brought_back_twice(world: World) -> None:
    record, item = linked(world)
    for _ in range(2):
        world.anna.delete(item)
        world.run()
        item = item_of(world.anna, record)["id"]


def test_an_edit_made_just_before_the_deletion_still_arrives(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, department="Edited last")
    world.anna.delete(item)
    world.run()
    world.run()
    assert item_of(world.anna, record)["department"] in ("Edited last", None)
    assert world.salesforce.record(record)["Department"] == item_of(world.anna, record)["department"], "both agree"


def test_extended_properties_come_back_with_the_deleted_item(world: World) -> None:
    record, item = linked(world, Fax="+1 555 0100")
    world.anna.delete(item)
    world.run()
    assert extended(item_of(world.anna, record), "String 0x3A24") == "+1 555 0100"


def test_with_delete_a_contact_deleted_in_outlook_is_deleted_in_salesforce(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world)
    world.anna.delete(item)
    mark = world.mark()
    world.run()
    assert world.salesforce.get(record) is None
    assert [row["action"] for row in world.contact_writes(mark)] == ["delete"]
    mark = world.mark()
    world.run()
    assert (world.writes(mark), world.anna.contacts()) == ([], [])


def test_with_delete_a_contact_brought_back_before_the_deletion_is_kept(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world)
    other, gone = linked(world, 2)
    world.anna.delete(item)
    world.anna.delete(gone)
    mark = world.mark()
    world.run(before={"push_salesforce": lambda: world.anna.move(item, world.anna.folder())})
    assert (world.salesforce.get(record) is not None, world.salesforce.get(other)) == (True, None)
    world.run()
    assert item_of(world.anna, record)["id"] == item
    assert [row["id"] for row in world.writes(mark, action="delete", entity="Contact")] == [other]
    world.anna.update(item, jobTitle="Still synchronised")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Still synchronised"


def test_deletions_in_outlook_are_looked_at_together_before_they_reach_salesforce(world: World) -> None:
    world.use(outlook_deletion="delete")
    items = [linked(world, number)[1] for number in range(1, 6)]
    calls = []
    for some in (items[:1], items[1:]):
        for item in some:
            world.anna.delete(item)
        before = world.requests("POST", "$batch")
        world.run()
        calls.append(world.requests("POST", "$batch") - before)
    assert world.salesforce.contacts() == []
    assert calls[0] == calls[1]


def test_with_delete_a_mailbox_that_cannot_be_read_any_more_deletes_nothing(world: World) -> None:
    world.use(ANNA, BEN, outlook_deletion="delete")
    record, bens = person(world, 1), person(world, 2, owner=BEN)
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.delete(item_of(world.ben, bens)["id"])
    path = f"{ANNA}/contacts"
    world.run(before={"push_salesforce": lambda: world.fault("403", times=1000, path=path, actor="application")})
    assert (world.salesforce.get(record) is not None, world.salesforce.get(bens)) == (True, None)


def test_with_delete_the_contact_leaves_every_mailbox(world: World) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world)
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.run()
    world.run()
    assert world.salesforce.get(record) is None
    assert (world.anna.contacts(), world.ben.contacts()) == ([], [])


def test_a_mailbox_can_have_a_rule_of_its_own(world: World) -> None:
    see_all(world, ANNA, BEN)
    world.mailboxes[BEN] = {"outlook_deletion": "delete"}
    kept, gone = person(world, 1), person(world, 2)
    world.run()
    world.anna.delete(item_of(world.anna, kept)["id"])
    world.ben.delete(item_of(world.ben, gone)["id"])
    world.run()
    assert world.salesforce.get(kept) is not None
    assert world.salesforce.get(gone) is None


@pytest.mark.parametrize("rule", ["restore", "delete"])
def test_the_contact_of_a_person_account_is_never_deleted(world: World, rule: str) -> None:
    world.use(outlook_deletion=rule)
    made = world.org("person_accounts", LastName="Private", Email="pia@example.com", OwnerId=world.user_id(ANNA))
    world.run()
    world.anna.delete(item_of(world.anna, made["contact"])["id"])
    world.run()
    assert world.salesforce.get(made["contact"]) is not None
    assert item_of(world.anna, made["contact"])["surname"] == "Private"


def test_a_contact_purged_just_before_it_is_put_back_is_created_from_salesforce(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.delete(item)
    world.run(before={"push_outlook": lambda: world.anna.purge(item)})
    world.run()
    found = item_of(world.anna, record)
    assert (found["surname"], found["jobTitle"]) == ("Last1", "Director")


def test_a_contact_purged_while_its_restoration_waited_is_created_from_salesforce(world: World) -> None:
    record, item = linked(world)
    world.anna.delete(item)
    world.run(plan_only=True)
    world.anna.purge(item)
    world.run()
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
