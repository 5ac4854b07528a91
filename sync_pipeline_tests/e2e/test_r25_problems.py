"""R25: problems are shown with their remedy, tried again with growing pauses, and stop nobody else."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from sync_pipeline_tests.harness import ANNA, BEN, World, item_of, items_of, linked, of, person, see_all

PROBLEM = "Salesforce: problem"


def poisoned(world: World, number: int = 1) -> tuple[str, str]:
    """A linked contact whose edit Salesforce refuses."""
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    record, item = linked(world, number)
    world.anna.update(item, jobTitle="The boss")
    return record, item


def test_a_problem_is_shown_with_its_mailbox_and_its_remedy(world: World) -> None:
    poisoned(world)
    document = world.run()
    [problem] = world.problems()
    assert (problem["mailbox"], "No bosses here." in problem["message"]) == (ANNA, True)
    assert problem["remedy"]
    assert isinstance(problem["since"], datetime)
    assert of(document, ANNA)["problems"] == 1


def test_a_problem_stops_no_other_contact_and_no_other_mailbox(world: World) -> None:
    world.use(ANNA, BEN)
    bens, other = person(world, 2, owner=BEN), person(world, 3)
    poisoned(world)
    world.anna.update(item_of(world.anna, other)["id"], jobTitle="Plumber")
    world.ben.update(item_of(world.ben, bens)["id"], jobTitle="Sailor")
    world.run()
    assert world.salesforce.record(other)["Title"] == "Plumber"
    assert world.salesforce.record(bens)["Title"] == "Sailor"


def test_a_contact_that_cannot_be_created_stops_no_other(world: World) -> None:
    world.org("validation_rules", object="Contact", field="LastName", contains="poison", message="Never.")
    world.run()
    for surname in ("First", "Poisoned", "Last"):
        world.anna.create(world.anna.folder(), surname=surname, email=f"{surname.lower()}@example.com")
    document = world.run()
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["First", "Last"]
    assert of(document, ANNA)["problems"] == 1


def test_a_mailbox_that_fails_stops_no_other(world: World) -> None:
    world.use(ANNA, BEN)
    bens = person(world, 2, owner=BEN)
    world.fault("403", times=1000, service="graph", path=ANNA, actor="application")
    document = world.run()
    assert [of(document, address)["status"] for address in (ANNA, BEN)] == ["stopped", "ok"]
    assert item_of(world.ben, bens)["surname"] == "Last2"


def test_a_full_mailbox_is_called_full_and_stops_no_other(world: World) -> None:
    world.use(ANNA, BEN)
    persons = [person(world, number, owner=owner) for number, owner in ((1, ANNA), (2, BEN))]
    world.fault("507", times=1000, service="graph", path=f"{ANNA}/.*/contacts$", method="POST")
    document = world.run()
    full = of(document, ANNA)
    assert (full["status"], full["code"], of(document, BEN)["status"]) == ("stopped", "mailbox_full", "ok")
    assert "room" in full["remedy"]
    assert world.problems() == []
    assert item_of(world.ben, persons[1])["surname"] == "Last2"
    world.control.delete("faults").raise_for_status()
    world.run()
    assert item_of(world.anna, persons[0])["surname"] == "Last1"


def test_a_full_mailbox_still_takes_edits_and_deletions(world: World) -> None:
    edited, deleted = person(world, 1), person(world, 2)
    world.run()
    world.salesforce.update(edited, Title="Changed")
    world.salesforce.delete(deleted)
    new = [person(world, number) for number in range(3, 6)]
    world.fault("507", times=1000, service="graph", path=f"{ANNA}/.*/contacts$", method="POST")
    document = world.run()
    assert of(document, ANNA)["code"] == "mailbox_full"
    assert item_of(world.anna, edited)["jobTitle"] == "Changed"
    assert items_of(world.anna, deleted) == []
    world.control.delete("faults").raise_for_status()
    world.run()
    assert [len(items_of(world.anna, record)) for record in new] == [1, 1, 1]


def test_a_refused_operation_is_tried_again_with_growing_pauses(world: World) -> None:
    record, item = poisoned(world)
    attempts = []
    for half_hour in range(10):
        before = world.requests("PATCH", service="services/data")
        world.run()
        if world.requests("PATCH", service="services/data") > before:
            attempts.append(half_hour)
        world.advance(1800)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert 3 <= len(attempts) < 10
    assert gaps == sorted(gaps)
    assert gaps[-1] > gaps[0]
    assert world.salesforce.record(record)["Title"] is None
    assert world.anna.item(item)["jobTitle"] == "The boss"


def test_a_problem_is_over_when_its_cause_is(world: World) -> None:
    record, _ = poisoned(world)
    world.run()
    world.org("validation_rules", object="Contact", clear=True)
    world.advance(30 * 24 * 3600)
    document = world.run()
    assert world.salesforce.record(record)["Title"] == "The boss"
    assert (of(document, ANNA)["problems"], world.problems()) == (0, [])


def test_a_user_who_mends_the_value_does_not_have_to_wait(world: World) -> None:
    record, item = poisoned(world)
    world.run()
    world.anna.update(item, jobTitle="Director")
    document = world.run()
    assert world.salesforce.record(record)["Title"] == "Director"
    assert of(document, ANNA)["problems"] == 0


def test_the_problem_category_is_off_by_default(world: World) -> None:
    _, item = poisoned(world)
    world.run()
    world.run()
    assert world.anna.item(item)["categories"] == ["Salesforce"]


def test_with_the_problem_category_on_the_owner_sees_it_in_outlook_until_it_is_over(world: World) -> None:
    world.use(problem_category=True)
    _, item = poisoned(world)
    world.run()
    world.run()
    assert sorted(world.anna.item(item)["categories"]) == ["Salesforce", PROBLEM]
    world.anna.update(item, jobTitle="Director")
    world.run()
    world.run()
    assert world.anna.item(item)["categories"] == ["Salesforce"]


def test_a_refused_edit_that_is_taken_back_is_no_problem_any_more(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    world.anna.update(item, jobTitle="The boss", phone="+1 555 0100")
    world.run()
    assert [problem["field"] for problem in world.problems()] == ["job_title"]
    world.anna.update(item, jobTitle="Base")
    document = world.run()
    assert (of(document, ANNA)["problems"], world.problems()) == (0, [])
    assert world.salesforce.record(record)["Title"] == "Base"


def test_a_refused_contact_whose_edits_are_taken_back_is_no_problem_any_more(world: World) -> None:
    _, item = linked(world, LeadSource="Web")
    world.org("validation_rules", object="Contact", field="LeadSource", contains="web", message="Not from the web.")
    world.anna.update(item, jobTitle="Refused whatever it is")
    world.run()
    assert [problem["field"] for problem in world.problems()] == [""]
    world.anna.update(item, jobTitle="")
    document = world.run()
    assert (of(document, ANNA)["problems"], world.problems()) == (0, [])


def test_a_refused_edit_stays_a_problem_while_it_waits_for_its_next_attempt(world: World) -> None:
    poisoned(world)
    for _ in range(4):
        world.run()
        assert [problem["field"] for problem in world.problems()] == ["job_title"]


def test_a_contact_that_was_refused_and_is_deleted_in_outlook_is_no_problem_any_more(world: World) -> None:
    world.org("validation_rules", object="Contact", field="LastName", contains="poison", message="Never.")
    world.run()
    item = world.anna.create(world.anna.folder(), surname="Poisoned", email="poisoned@example.com")
    world.run()
    assert len(world.problems()) == 1
    world.anna.delete(item)
    world.run()
    assert world.problems() == []


def refused_without_a_name(world: World, **properties: str) -> str:
    """Ben's edit of a Contact that Anna holds too is refused by Salesforce, which names no field: the Contact's Id."""
    see_all(world, ANNA, BEN)
    record = person(world, Title="Base")
    world.run()
    world.ben.update(item_of(world.ben, record)["id"], **(properties or {"jobTitle": "Refused"}))
    refusal = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    world.fault(refusal, times=1000, service="salesforce", method="PATCH", actor="application")
    world.run()
    assert [(problem["mailbox"], problem["field"]) for problem in world.problems()] == [(BEN, "")]
    return record


def test_a_refused_update_keeps_no_other_change_from_other_mailboxes(world: World) -> None:
    record = refused_without_a_name(world)
    world.salesforce.update(record, Phone="12345")
    world.run()  # the change in Salesforce is a ground to try the edit again
    anna, ben = item_of(world.anna, record), item_of(world.ben, record)
    assert (anna["businessPhones"], anna["jobTitle"]) == (["12345"], "Base")
    assert (ben["businessPhones"], ben["jobTitle"]) == (["12345"], "Refused")
    assert [(problem["mailbox"], problem["field"], problem["attempts"]) for problem in world.problems()] == [
        (BEN, "", 2)
    ]


def test_an_update_that_waits_for_its_next_attempt_keeps_no_other_change_from_other_mailboxes(world: World) -> None:
    record = refused_without_a_name(world)
    world.anna.update(item_of(world.anna, record)["id"], categories=[])
    world.run()
    anna = item_of(world.anna, record)
    assert (anna["jobTitle"], anna["categories"]) == ("Base", ["Salesforce"])
    assert [problem["attempts"] for problem in world.problems()] == [1]


def test_a_refused_name_reaches_no_display_name(world: World) -> None:
    record = refused_without_a_name(world, givenName="Refused")
    world.salesforce.update(record, Phone="12345")
    world.run()
    anna = item_of(world.anna, record)
    assert (anna["businessPhones"], anna["givenName"], anna["displayName"]) == (["12345"], "First1", "First1 Last1")


def test_a_refused_update_that_is_accepted_later_reaches_every_mailbox(world: World) -> None:
    see_all(world, ANNA, BEN)
    record = person(world, Title="Base")
    world.run()
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited by Ben")
    refusal = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
    world.fault(refusal, times=2, service="salesforce", method="PATCH", actor="application")
    world.run()
    world.salesforce.update(record, Phone="12345")
    for _ in range(3):
        world.advance(3600)
        world.run()
    assert world.salesforce.record(record)["Title"] == "Edited by Ben"
    for mailbox in (world.anna, world.ben):
        item = item_of(mailbox, record)
        assert (item["jobTitle"], item["businessPhones"]) == ("Edited by Ben", ["12345"])
    assert world.problems() == []
