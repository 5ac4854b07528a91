"""R13: several mailboxes hold one Contact; Salesforce is the hub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, CLEO, World, conflicts, item_of, of, person, see_all


def shared(world: World, **fields: str) -> tuple[str, str, str]:
    """A Contact that Anna and Ben hold: the Ids of the Contact, of Anna's and of Ben's item."""
    see_all(world, ANNA, BEN)
    record = person(world, **fields)
    world.run()
    return record, item_of(world.anna, record)["id"], item_of(world.ben, record)["id"]


def test_an_edit_in_one_mailbox_reaches_salesforce_and_every_mailbox_that_sees_the_contact(world: World) -> None:
    see_all(world, ANNA, BEN, CLEO)
    record = person(world, Title="Base")
    world.run()
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Changed by Ben")
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Changed by Ben"
    for mailbox in (world.anna, world.ben, world.cleo):
        assert item_of(mailbox, record)["jobTitle"] == "Changed by Ben"


def test_an_edit_in_one_mailbox_is_written_once_to_each_other_side(world: World) -> None:
    _, anna, ben = shared(world, Title="Base")
    world.ben.update(ben, jobTitle="Changed by Ben")
    mark = world.mark()
    world.run()
    world.run()
    world.run()
    assert len(world.writes(mark, entity="Contact")) == 1
    assert [write["mailbox"] for write in world.writes(mark, entity="contact")] == [ANNA]
    assert world.anna.item(anna)["jobTitle"] == "Changed by Ben"


def test_a_mailbox_that_does_not_see_the_contact_does_not_get_it(world: World) -> None:
    world.use(ANNA, BEN)
    record = person(world, owner=ANNA)
    world.run()
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="Changed")
    world.run()
    assert world.ben.contacts() == []


def test_edits_of_different_fields_in_two_mailboxes_merge(world: World) -> None:
    record, anna, ben = shared(world, Title="Base", Department="Base")
    world.anna.update(anna, jobTitle="Anna's")
    world.ben.update(ben, department="Ben's")
    document = world.run()
    world.run()
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Anna's", "Ben's")
    for item in (world.anna.item(anna), world.ben.item(ben)):
        assert (item["jobTitle"], item["department"]) == ("Anna's", "Ben's")
    assert [of(document, address)["conflicts"] for address in (ANNA, BEN)] == [0, 0]


@pytest.mark.parametrize("last", [ANNA, BEN])
def test_for_the_same_field_the_later_edit_wins_and_the_other_is_a_conflict(world: World, last: str) -> None:
    record, anna, ben = shared(world, Title="Base")
    edits = {ANNA: lambda: world.anna.update(anna, jobTitle=ANNA), BEN: lambda: world.ben.update(ben, jobTitle=BEN)}
    for address in sorted(edits, key=lambda name: name == last):
        world.advance(30)
        edits[address]()
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == last
    assert (world.anna.item(anna)["jobTitle"], world.ben.item(ben)["jobTitle"]) == (last, last)
    [conflict] = conflicts(world)
    assert (conflict[0], set(conflict[2:])) == ("job_title", {ANNA, BEN})


def test_for_edits_of_the_same_moment_the_lower_address_wins(world: World) -> None:
    record, anna, ben = shared(world, Title="Base")
    moment = datetime.now(UTC) + timedelta(hours=1)
    world.set_clock(moment.replace(microsecond=0))
    world.ben.update(ben, jobTitle=BEN)
    world.set_clock(moment.replace(microsecond=0))
    world.anna.update(anna, jobTitle=ANNA)
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == ANNA
    assert (world.anna.item(anna)["jobTitle"], world.ben.item(ben)["jobTitle"]) == (ANNA, ANNA)


def test_the_same_edit_in_two_mailboxes_is_no_conflict(world: World) -> None:
    _, anna, ben = shared(world, Title="Base")
    world.anna.update(anna, jobTitle="Same")
    world.ben.update(ben, jobTitle="Same")
    mark = world.mark()
    world.run()
    world.run()
    assert len(world.writes(mark, entity="Contact")) == 1
    assert world.writes(mark, entity="contact") == []
    assert conflicts(world) == []


def test_edits_in_two_mailboxes_and_in_salesforce_go_by_the_policy_and_end_the_same_everywhere(world: World) -> None:
    record, anna, ben = shared(world, Title="Base")
    world.anna.update(anna, jobTitle="Anna's")
    world.ben.update(ben, jobTitle="Ben's")
    world.salesforce.update(record, Title="Salesforce's")
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Salesforce's"
    assert (world.anna.item(anna)["jobTitle"], world.ben.item(ben)["jobTitle"]) == ("Salesforce's", "Salesforce's")
    assert {conflict[2] for conflict in conflicts(world)} == {"Anna's", "Ben's"}


def test_a_value_that_salesforce_refuses_reaches_no_other_mailbox(world: World) -> None:
    record, anna, ben = shared(world, Title="Base")
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    world.anna.update(anna, jobTitle="The boss", phone="+1 555 0100")
    mark = world.mark()
    world.run()
    assert (world.salesforce.record(record)["Title"], world.salesforce.record(record)["Phone"]) == (
        "Base",
        "+1 555 0100",
    )
    assert (world.ben.item(ben)["jobTitle"], world.ben.item(ben)["businessPhones"]) == ("Base", ["+1 555 0100"])
    world.run()
    assert "The boss" not in repr(world.writes(mark, mailbox=BEN))
    world.org("validation_rules", object="Contact", clear=True)
    world.advance(24 * 3600)
    world.run()
    assert world.salesforce.record(record)["Title"] == "The boss"
    assert (world.anna.item(anna)["jobTitle"], world.ben.item(ben)["jobTitle"]) == ("The boss", "The boss")


def test_a_refused_value_gives_way_to_a_later_edit_in_another_mailbox(world: World) -> None:
    record, anna, ben = shared(world, Title="Base")
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    world.anna.update(anna, jobTitle="The boss", phone="+1 555 0100")
    world.run()
    world.ben.update(ben, jobTitle="Ben's")
    world.run()
    world.run()
    titles = (
        world.anna.item(anna)["jobTitle"],
        world.ben.item(ben)["jobTitle"],
        world.salesforce.record(record)["Title"],
    )
    assert titles == ("Ben's", "Ben's", "Ben's")


def test_a_part_of_a_name_that_salesforce_refuses_shows_in_no_other_mailbox(world: World) -> None:
    record, anna, ben = shared(world)
    world.org("validation_rules", object="Contact", field="FirstName", contains="boss", message="No bosses here.")
    world.anna.update(anna, givenName="Boss", surname="Married")
    mark = world.mark()
    world.run()
    assert (world.salesforce.record(record)["FirstName"], world.salesforce.record(record)["LastName"]) == (
        "First1",
        "Married",
    )
    world.run()
    world.run()
    assert "Boss" not in repr(world.writes(mark, mailbox=BEN))
    found = world.ben.item(ben)
    assert (found["givenName"], found["surname"], found["displayName"]) == ("First1", "Married", "First1 Married")


def test_an_edit_that_does_not_fit_and_gives_way_to_another_mailboxs_is_in_the_history(world: World) -> None:
    record, anna, ben = shared(world, Title="Base")
    world.ben.update(ben, jobTitle="Ben's")
    world.advance(30)
    world.anna.update(anna, jobTitle="x" * 129)
    world.run()
    world.run()
    assert world.salesforce.record(record)["Title"] == "Ben's"
    assert "x" * 129 in (
        world.anna.item(anna)["jobTitle"],
        *(value for conflict in conflicts(world) for value in conflict),
    )
