"""What somebody does between a write whose answer was lost and the next run, which looks whether it took effect."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, World, conflicts, item_of, linked, person, stamp_of

POST, PATCH, DELETE = "POST", "PATCH", "DELETE"
MIA = {"givenName": "Mia", "surname": "Muster"}


def lose(world: World, method: str, service: str = "salesforce", position: str = "response_lost") -> None:
    """The answers to such writes are lost until the faults are taken away."""
    path = "composite/sobjects" if service == "salesforce" else "contacts"
    world.fault("connection_reset", position=position, service=service, method=method, path=path, times=5)
    world.run()
    world.control.delete("faults").raise_for_status()


def names(world: World) -> list[tuple[str, str, str]]:
    return sorted((row["FirstName"] or "", row["LastName"], row["Email"] or "") for row in world.salesforce.contacts())


@pytest.mark.parametrize("email", ["mia@example.com", ""])
@pytest.mark.parametrize("fate", ["deleted", "merged"])
def test_a_contact_whose_creation_was_in_doubt_and_that_a_person_took_away_does_not_come_back(
    world: World, email: str, fate: str
) -> None:
    winner = person(world, 7)
    world.run()
    world.anna.create(world.anna.folder(), **MIA, **({"email": email} if email else {}))
    lose(world, POST)
    made = world.salesforce.contact(LastName="Muster")["Id"]
    if fate == "deleted":
        world.salesforce.delete(made)
    else:
        world.org("merge", winner=winner, losers=[made])
    for _ in range(3):
        world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [winner]
    assert [stamp_of(item) for item in world.anna.contacts()] == [winner]


@pytest.mark.parametrize(
    ("values", "correction"),
    [
        ({"email": "mia@exmaple.com"}, {"Email": "mia@example.com"}),
        ({"email": "mia@example.com"}, {"LastName": "Master"}),
        ({"phone": "+49 30 1"}, {"LastName": "Master"}),
    ],
    ids=["e-mail", "name", "name without e-mail"],
)
def test_a_contact_whose_creation_was_in_doubt_is_recognised_though_a_person_corrected_it(
    world: World, values: dict[str, str], correction: dict[str, str]
) -> None:
    world.run()
    world.anna.create(world.anna.folder(), **MIA, **values)
    lose(world, POST)
    [made] = world.salesforce.contacts()
    world.salesforce.update(made["Id"], **correction)
    for _ in range(3):
        world.run()
    [contact] = world.salesforce.contacts()
    assert {key: contact[key] for key in correction} == correction
    assert [stamp_of(item) for item in world.anna.contacts()] == [made["Id"]]


def test_a_contact_whose_creation_was_in_doubt_is_recognised_though_a_trigger_rewrote_it(world: World) -> None:
    world.org("triggers", object="Contact", field="Title", rewrite="upper")
    world.run()
    world.anna.create(world.anna.folder(), **MIA, jobTitle="Boss")
    lose(world, POST)
    for _ in range(2):
        world.run()
    [contact] = world.salesforce.contacts()
    assert [stamp_of(item) for item in world.anna.contacts()] == [contact["Id"]]


def test_a_contact_that_the_user_typed_is_not_taken_for_a_creation_that_had_no_effect(world: World) -> None:
    world.use_per_user_credentials()
    world.run()
    world.anna.create(world.anna.folder(), surname="Smith")
    lose(world, POST, position="refused")
    world.as_user(ANNA).create(FirstName="Bob", LastName="Smith", Email="bob@example.com")
    for _ in range(3):
        world.run()
    assert ("Bob", "Smith", "bob@example.com") in names(world)
    assert {item["givenName"] or "" for item in world.anna.contacts()} == {"", "Bob"}


def test_a_contact_that_may_be_the_one_in_doubt_is_asked_about_and_not_made_twice(world: World) -> None:
    """The user's own login makes what he types and what we create: which of the two it is, only he knows."""
    world.use_per_user_credentials()
    world.run()
    world.anna.create(world.anna.folder(), **MIA, email="mia@exmaple.com")
    lose(world, POST)
    [made] = world.salesforce.contacts()
    world.as_user(ANNA).update(made["Id"], Email="mia@example.com")
    for _ in range(3):
        world.run()
        world.anna.update(world.anna.contact("mia@exmaple.com")["id"], jobTitle=f"Boss {world.mark()}")
    assert len(world.salesforce.contacts()) == 1
    [held] = [row for row in world.held() if row["side"] == "salesforce"]
    assert "answer" in held["hold_reason"]
    assert held["detail"]["candidates"] == [made["Id"]]
    world.judge("approved", [held])
    world.run()
    assert len(world.salesforce.contacts()) == 2


def test_a_contact_undeleted_after_a_deletion_in_doubt_stays(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Old")
    world.anna.delete(item)
    lose(world, DELETE)
    assert world.salesforce.get(record) is None
    world.org("undelete", ids=[record])
    for _ in range(3):
        world.run()
    assert world.salesforce.record(record)["Title"] == "Old"
    assert item_of(world.anna, record)["jobTitle"] == "Old"


@pytest.mark.parametrize("side", ["salesforce", "graph"])
def test_a_value_put_back_after_a_write_in_doubt_is_a_conflict_and_not_written_again_unseen(
    world: World, side: str
) -> None:
    record, item = linked(world, Title="Old")
    if side == "salesforce":
        world.anna.update(item, jobTitle="New")
    else:
        world.salesforce.update(record, Title="New")
    lose(world, PATCH, side)
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("New", "New")
    if side == "salesforce":
        world.salesforce.update(record, Title="Old")
    else:
        world.anna.update(item, jobTitle="Old")
    for _ in range(2):
        world.run()
    assert [{outlooks, salesforces} for _, _, outlooks, salesforces in conflicts(world)] == [{"Old", "New"}]
    assert world.salesforce.record(record)["Title"] == world.anna.item(item)["jobTitle"]


def test_a_contact_dragged_back_after_a_removal_in_doubt_stays(world: World) -> None:
    record, item = linked(world)
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    lose(world, DELETE, "graph")
    assert [row["id"] for row in world.anna.deleted()] == [item]
    world.anna.move(item, world.anna.folder())
    for _ in range(3):
        world.run()
    assert [stamp_of(one) for one in world.anna.contacts()] == [record]
