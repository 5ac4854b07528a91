"""R24: what people did between a run and its undo is theirs: it is held, and what they made is not made twice."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.e2e.test_r24_undo import created_in_outlook, held, quiet
from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    CLEO,
    Json,
    World,
    item_of,
    items_of,
    linked,
    person,
    see_all,
)


def wrong(world: World) -> tuple[str, str, Json]:
    """A Contact and its item, and the run that carried a wrong job title up."""
    record, item = linked(world, 1, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    return record, item, world.run()


def titles(world: World, record: str, item: str) -> tuple[str, str]:
    return world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]


# ── merged since ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("owner", [ANNA, pytest.param(CLEO, marks=pytest.mark.slow)])
def test_the_winner_of_a_merge_was_never_made_by_us_and_is_not_deleted(world: World, owner: str) -> None:
    run, record, _ = created_in_outlook(world)
    winner = person(world, 7, owner=owner, FirstName="Nora", LastName="New", Title="Chief")
    world.run()
    world.org("merge", winner=winner, losers=[record])
    world.run()
    [waiting] = world.undo(run)
    assert (waiting["state"], waiting["hold"], waiting["salesforce_id"]) == ("held", "not_undoable", record)
    world.judge("approved", [waiting])
    world.run()
    assert world.salesforce.record(winner)["Title"] == "Chief"
    world.judge("dropped", [waiting])
    world.run()
    assert (quiet(world), world.held()) == (True, [])


@pytest.mark.slow
def test_the_winner_of_a_merge_keeps_its_own_value(world: World) -> None:
    record, item = linked(world, 1, Title="Director")
    winner = person(world, 2, Title="Wrong")
    world.run()
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.org("merge", winner=winner, losers=[record])
    world.run()
    [waiting] = world.undo(run)
    assert (waiting["state"], waiting["hold"], waiting["salesforce_id"]) == ("held", "edited_since", winner)
    assert world.salesforce.record(winner)["Title"] == "Wrong"


# ── what somebody else wrote ─────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_written_in_outlook_only_is_not_written_in_salesforce_unasked(world: World) -> None:
    record, item = linked(world, 1, Title="Manager")
    world.salesforce.update(record, Title="Director")
    world.anna.update(item, jobTitle="Plumber")
    conflict = world.run()
    [waiting] = held(world.undo(conflict))
    assert waiting["fields"] == [{"field": "job_title", "before": "Director", "after": "Plumber"}]
    assert titles(world, record, item) == ("Director", "Director")
    world.judge("dropped", [waiting])
    world.anna.update(item, jobTitle="Wrong")
    later = world.run()
    world.undo(conflict, later)
    assert titles(world, record, item) == ("Director", "Director"), "and not what only Outlook ever held"


@pytest.mark.parametrize("between", ["an undo", pytest.param("a person", marks=pytest.mark.slow)])
def test_a_value_that_somebody_chose_again_since_is_held(world: World, between: str) -> None:
    record, item, run = wrong(world)
    if between == "an undo":
        world.undo(run)
    else:
        world.salesforce.update(record, Title="Right")
        world.run()
    world.salesforce.update(record, Title="Wrong")
    world.run()
    [waiting] = world.undo(run)
    assert (waiting["state"], waiting["hold"]) == ("held", "edited_since")
    assert titles(world, record, item) == ("Wrong", "Wrong")
    world.judge("approved", [waiting])
    world.run()
    assert titles(world, record, item) == ("Director", "Director")
    world.salesforce.update(record, Title="Wrong")
    world.run()
    assert held(world.undo(run)) != [], "an approval holds once"
    assert titles(world, record, item) == ("Wrong", "Wrong")


@pytest.mark.slow
def test_what_was_written_by_another_mapping_is_not_written_elsewhere(world: World) -> None:
    record, item = linked(world, 1, Title="Director", Department="Wrong", Phone="1")
    world.anna.update(item, jobTitle="Wrong", businessPhones=["2"])
    run = world.run()
    other = {"salesforce": "Department", "outlook": "jobTitle"}
    world.use(mapping={"department": {"direction": "off"}, "job_title": other})
    waiting = held(world.undo(run))
    assert [(row["hold"], row["fields"][0]["field"]) for row in waiting] == [("not_undoable", "job_title")]
    world.judge("approved", waiting)
    world.run()
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"], found["Phone"]) == ("Wrong", "Wrong", "1")


# ── made anew since ──────────────────────────────────────────────────────────────────────────────────────────────────


def deleted(world: World) -> tuple[Json, str]:
    """The run that carried a wrong deletion in Salesforce down, and the Contact."""
    record, _ = linked(world, 1, Title="Director")
    world.salesforce.delete(record)
    return world.run(), record


def test_whoever_was_made_anew_by_hand_is_not_brought_back_besides(world: World) -> None:
    run, record = deleted(world)
    new = person(world, 1, Title="Director")
    [waiting] = world.undo(run)  # the undo's own run is the first that reads her
    assert (waiting["action"], waiting["state"], waiting["hold"]) == ("undelete", "held", "duplicate")
    assert new in waiting["hold_reason"]
    world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [new]
    assert len(world.anna.contacts()) == 1
    world.judge("dropped", [row for row in world.held() if row["rule"] == "R24"])
    world.run()
    assert (quiet(world), world.held()) == (True, [])
    assert world.salesforce.get(record) is None


@pytest.mark.slow
def test_whoever_was_made_anew_in_outlook_is_not_brought_back_besides(world: World) -> None:
    run, _ = deleted(world)
    item = world.anna.create(world.anna.folder(), givenName="First1", surname="Last1", email="person1@example.com")
    [waiting] = world.undo(run)
    assert (waiting["state"], waiting["hold"]) == ("held", "duplicate")
    assert item in waiting["hold_reason"]
    world.run()
    assert len(world.salesforce.contacts()) == len(world.anna.contacts()) == 1


@pytest.mark.slow
def test_an_approval_to_make_somebody_anew_is_void_once_she_is_there(world: World) -> None:
    run, _ = deleted(world)
    world.org("empty_bin")
    world.undo(run)
    [waiting] = held([row for row in world.plan() if row["rule"] == "R24"])
    assert waiting["hold"] == "not_in_bin"
    new = person(world, 1, Title="Director")
    world.judge("approved", [waiting])
    world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [new]
    [again] = [row for row in world.held() if row["rule"] == "R24"]
    assert (again["hold"], new in again["hold_reason"]) == ("duplicate", True)


@pytest.mark.parametrize("bin_is_empty", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_whoever_is_made_while_the_undo_runs_is_seen_by_the_last_look(world: World, bin_is_empty: bool) -> None:
    run, _ = deleted(world)
    made: list[str] = []
    if bin_is_empty:
        world.org("empty_bin")
        world.undo(run)
        world.judge("approved", held([row for row in world.plan() if row["rule"] == "R24"]))
        world.run(before={"push_salesforce": lambda: made.append(person(world, 1))})
    else:
        world.undo(run, before={"push_salesforce": lambda: made.append(person(world, 1))})
    assert [row["Id"] for row in world.salesforce.contacts()] == made
    world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == made
    assert {row["hold"] for row in world.held() if row["rule"] == "R24"} == {"duplicate"}


# ── several mailboxes ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", [{"mailbox": ANNA}, pytest.param({}, marks=pytest.mark.slow)])
def test_every_mailbox_gets_back_its_own_item_of_a_deletion(world: World, scope: dict[str, Any]) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    record = person(world, 1, Title="Director")
    world.run()
    world.ben.update(item_of(world.ben, record)["id"], nickName="Firsty")
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    run = world.run()
    world.run()  # removes Ben's
    assert (world.salesforce.get(record), world.ben.contacts()) == (None, [])
    operations = world.undo(run, **scope)
    assert sorted((row["action"], row["mailbox"]) for row in operations) == [
        ("restore", ANNA),
        ("restore", BEN),
        ("undelete", ANNA),
    ]
    assert [item["nickName"] for item in items_of(world.ben, record)] == ["Firsty"]
    assert len(items_of(world.anna, record)) == 1
    assert quiet(world)
