"""R24: what a run did is taken back, through the same plan, guard and push; what changed since is held."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    Json,
    World,
    conflicts,
    exported,
    item_of,
    items_of,
    linked,
    person,
    see_all,
    stamp_of,
)


def held(operations: list[Json]) -> list[Json]:
    return [row for row in operations if row["state"] == "held"]


def quiet(world: World) -> bool:
    """Whether the next run writes nothing and finds both sides equal."""
    mark = world.mark()
    world.run()
    return world.contact_writes(mark) == [] and world.ready() == []


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_an_edit_made_in_outlook_is_taken_back_on_both_sides(world: World) -> None:
    record, item = linked(world, Title="Director", Phone="1")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    [up, down] = world.undo(run)
    assert (up["side"], up["fields"]) == (
        "salesforce",
        [{"field": "job_title", "before": "Wrong", "after": "Director"}],
    )
    assert (down["side"], down["fields"]) == (
        "outlook",
        [{"field": "job_title", "before": "Wrong", "after": "Director"}],
    )
    assert run["run_id"] in up["reason"]
    assert run["run_id"] in down["reason"]
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Director", "Director")
    assert quiet(world)


@pytest.mark.slow
def test_an_edit_made_in_salesforce_is_taken_back_on_both_sides_once_it_is_approved(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.salesforce.update(record, Title="Wrong")
    run = world.run()
    waiting = world.undo(run)
    assert [row["hold"] for row in waiting] == ["edited_since"]
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Wrong", "Wrong")
    world.judge("approved", waiting)
    world.run()
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Director", "Director")
    assert quiet(world)
    assert conflicts(world) == []


@pytest.mark.slow
def test_planning_an_undo_writes_nothing_and_is_forgotten(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    mark = world.mark()
    assert len(world.undo(run, plan_only=True)) == 2
    assert world.writes(mark) == []
    assert quiet(world)
    assert world.salesforce.record(record)["Title"] == "Wrong"


@pytest.mark.parametrize("side", ["outlook", "salesforce"])
@pytest.mark.parametrize("synchronised", [False, True])
def test_a_value_that_changed_since_is_held_and_not_overwritten(world: World, side: str, synchronised: bool) -> None:
    record, item = linked(world, Title="Director", Department="Sales")
    world.anna.update(item, jobTitle="Wrong", department="Wrong")
    run = world.run()
    if side == "outlook":
        world.anna.update(item, jobTitle="Right")
    else:
        world.salesforce.update(record, Title="Right")
    if synchronised:
        world.run()
    [waiting] = held(world.undo(run))
    assert (waiting["hold"], waiting["fields"]) == (
        "edited_since",
        [{"field": "job_title", "before": "Right", "after": "Director"}],
    )
    world.run()
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Right", "Sales")
    shown = world.anna.item(item)
    assert (shown["jobTitle"], shown["department"]) == ("Right", "Sales")
    assert [row["id"] for row in world.held()] == [waiting["id"]]


@pytest.mark.slow
def test_a_held_value_is_taken_back_once_it_is_approved(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.salesforce.update(record, Title="Right")
    world.judge("approved", held(world.undo(run)))
    world.run()
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Director", "Director")
    assert quiet(world)


@pytest.mark.slow
def test_a_held_value_stays_once_it_is_dropped(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.salesforce.update(record, Title="Right")
    world.judge("dropped", held(world.undo(run)))
    world.run()
    assert quiet(world)
    assert (world.salesforce.record(record)["Title"], world.held()) == ("Right", [])
    assert world.anna.item(item)["jobTitle"] == "Right"


def test_an_undo_that_is_undone_leaves_nothing_waiting(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong", department="Wrong")
    run = world.run()
    world.salesforce.update(record, Department="Right")
    world.run()
    undone = world.run(undo_runs=(run["run_id"],))
    assert [row["hold"] for row in world.held()] == ["edited_since"]
    world.undo(undone)
    assert world.held() == []
    world.anna.update(item, department="Wrong")
    world.run()
    assert world.salesforce.record(record)["Department"] == "Wrong"
    assert quiet(world)


def test_an_undo_is_undone(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Chief", department="Sales")
    run = world.run()
    world.undo(run)
    again = exported(world, "runs")
    newest = max(again, key=lambda row: row["number"])
    assert world.salesforce.record(record)["Department"] is None
    world.undo({"run_id": newest["run_id"]})
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Chief", "Sales")
    assert world.anna.item(item)["jobTitle"] == "Chief"
    assert quiet(world)


@pytest.mark.slow
def test_only_the_field_that_is_named_is_taken_back(world: World) -> None:
    record, item = linked(world, Title="Director", Department="Sales")
    world.anna.update(item, jobTitle="Wrong", department="Meant")
    run = world.run()
    world.undo(run, field="job_title")
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Director", "Meant")
    assert quiet(world)


@pytest.mark.slow
def test_only_the_contact_that_is_named_is_taken_back(world: World) -> None:
    one, first = linked(world, 1, Title="Director")
    two, second = linked(world, 2, Title="Director")
    for item in (first, second):
        world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.undo(run, contacts=(one,))
    assert [world.salesforce.record(record)["Title"] for record in (one, two)] == ["Director", "Wrong"]


@pytest.mark.slow
def test_only_the_mailbox_that_is_named_is_taken_back_and_through_the_hub_everywhere(world: World) -> None:
    see_all(world, ANNA, BEN)
    one, two = person(world, 1, Title="Director"), person(world, 2, Title="Director")
    world.run()
    world.anna.update(item_of(world.anna, one)["id"], jobTitle="Wrong")
    world.ben.update(item_of(world.ben, two)["id"], jobTitle="Wrong")
    run = world.run()
    world.undo(run, mailbox=BEN, contacts=(two,))
    assert [world.salesforce.record(record)["Title"] for record in (one, two)] == ["Wrong", "Director"]
    assert [item_of(mailbox, two)["jobTitle"] for mailbox in (world.anna, world.ben)] == ["Director", "Director"]
    assert quiet(world)


@pytest.mark.slow
def test_two_runs_are_taken_back_to_what_was_before_the_first(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    first = world.run()
    world.salesforce.update(record, Title="Worse")
    second = world.run()
    waiting = world.undo(first, second)
    assert [(row["hold"], row["fields"][0]["after"]) for row in waiting] == [("edited_since", "Director")]
    world.judge("approved", waiting)  # "Worse" is somebody's own in Salesforce
    world.run()
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Director", "Director")
    assert quiet(world)


@pytest.mark.slow
def test_what_was_filled_at_the_first_comparison_is_held_and_nothing_is_lost(world: World) -> None:
    world.run()
    world.anna.create(
        world.anna.folder(), givenName="First1", surname="Last1", email="person1@example.com", jobTitle="Chief"
    )
    record = person(world, Department="Sales")
    run = world.run()
    waiting = held(world.undo(run))
    assert {row["hold"] for row in waiting} == {"not_undoable"}
    world.judge("approved", waiting)
    world.run()
    item = item_of(world.anna, record)
    assert (item["jobTitle"], world.salesforce.record(record)["Department"]) == ("Chief", "Sales")


@pytest.mark.slow
def test_undoing_twice_changes_nothing_more(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.undo(run)
    assert world.undo(run) == []
    world.anna.update(item, jobTitle="Later")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Later"
    assert quiet(world)


# ── creations ────────────────────────────────────────────────────────────────────────────────────────────────────────


def created_in_outlook(world: World) -> tuple[Json, str, str]:
    """The run, the Contact that it made, and the person's own contact."""
    world.run()
    item = world.anna.create(world.anna.folder(), givenName="Nora", surname="New", email="nora@example.com")
    run = world.run()
    return run, world.salesforce.contact(LastName="New")["Id"], item


@pytest.mark.slow
def test_a_contact_made_in_salesforce_goes_and_the_persons_own_stays(world: World) -> None:
    run, record, item = created_in_outlook(world)
    [removal] = world.undo(run)
    assert (removal["side"], removal["action"]) == ("salesforce", "delete")
    assert world.salesforce.get(record) is None
    assert world.anna.item(item)["surname"] == "New"
    assert quiet(world)
    world.run(full=True)
    assert [found["id"] for found in world.anna.contacts()] == [item]
    assert world.salesforce.contacts() == []


@pytest.mark.slow
def test_a_creation_taken_back_is_made_again_by_undoing_that(world: World) -> None:
    run, record, item = created_in_outlook(world)
    world.undo(run)
    world.undo(newest_run(world))
    assert world.salesforce.record(record)["LastName"] == "New"
    assert [found["id"] for found in world.anna.contacts()] == [item]
    assert quiet(world)
    world.anna.update(item, jobTitle="Chief")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Chief"


@pytest.mark.slow
@pytest.mark.parametrize("side", ["outlook", "salesforce"])
def test_a_creation_edited_since_is_held(world: World, side: str) -> None:
    run, record, item = created_in_outlook(world)
    if side == "outlook":
        world.anna.update(item, jobTitle="Chief")
    else:
        world.salesforce.update(record, Title="Chief")
    [waiting] = held(world.undo(run))
    assert waiting["hold"] == "edited_since"
    world.run()
    assert world.salesforce.record(record)["Title"] == "Chief"


@pytest.mark.slow
def test_a_creation_linked_in_another_mailbox_is_held(world: World) -> None:
    see_all(world, ANNA, BEN)
    run, record, _ = created_in_outlook(world)
    world.run()
    assert len(items_of(world.ben, record)) == 1
    [waiting] = held(world.undo(run))
    assert BEN in waiting["hold_reason"]
    assert world.salesforce.record(record)["LastName"] == "New"


@pytest.mark.slow
def test_with_the_other_mailboxs_copy_the_contact_goes_too(world: World) -> None:
    see_all(world, ANNA, BEN)
    first, record, item = created_in_outlook(world)
    second = world.run()
    world.undo(first, second)
    assert (world.salesforce.get(record), world.ben.contacts()) == (None, [])
    assert [found["id"] for found in world.anna.contacts()] == [item]
    assert quiet(world)


@pytest.mark.slow
def test_an_outlook_copy_that_we_made_goes_and_does_not_come_back(world: World) -> None:
    record = person(world)
    run = world.run()
    world.undo(run)
    assert world.anna.contacts() == []
    assert world.salesforce.record(record)["LastName"] == "Last1"
    undone = newest_run(world)
    assert quiet(world)
    world.undo(undone, full=True)
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert quiet(world)


@pytest.mark.slow
def test_an_outlook_copy_edited_since_is_held(world: World) -> None:
    record = person(world)
    run = world.run()
    world.anna.update(item_of(world.anna, record)["id"], nickName="Firsty")
    [waiting] = held(world.undo(run))
    assert waiting["hold"] == "edited_since"
    assert item_of(world.anna, record)["nickName"] == "Firsty"
    world.judge("approved", [waiting])
    world.run()
    assert world.anna.contacts() == []


@pytest.mark.slow
def test_copies_beyond_max_deletes_wait_for_a_person(world: World) -> None:
    records = [person(world, number) for number in range(1, 14)]
    run = world.run()
    waiting = held(world.undo(run))
    assert {row["hold"] for row in waiting} == {"guard"}
    assert len(world.anna.contacts()) == len(waiting) == 13
    world.judge("approved", waiting)
    world.run()
    assert world.anna.contacts() == []
    assert len(world.salesforce.contacts()) == len(records)
    assert quiet(world)


# ── deletions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def newest_run(world: World) -> Json:
    return {"run_id": max(exported(world, "runs"), key=lambda row: row["number"])["run_id"]}


def test_a_deletion_in_salesforce_is_undeleted_and_the_item_comes_back(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Director")
    world.anna.update(item, nickName="Firsty")
    world.run()
    world.anna.delete(item)
    run = world.run()
    assert world.salesforce.get(record) is None
    operations = world.undo(run)
    undone = newest_run(world)
    assert [row["action"] for row in operations] == ["undelete", "restore"]
    assert world.salesforce.record(record)["Title"] == "Director"
    back = item_of(world.anna, record)
    assert (back["jobTitle"], back["nickName"]) == ("Director", "Firsty")
    assert quiet(world)
    world.undo(undone)
    assert (world.salesforce.get(record), world.anna.contacts()) == (None, [])
    assert quiet(world)


@pytest.mark.slow
def test_a_removal_that_followed_a_deletion_in_salesforce_brings_both_back(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, nickName="Firsty")
    world.run()
    world.salesforce.delete(record)
    run = world.run()
    world.undo(run)
    assert world.salesforce.record(record)["LastName"] == "Last1"
    assert item_of(world.anna, record)["nickName"] == "Firsty"
    assert quiet(world)


@pytest.mark.slow
def test_a_removed_item_that_is_gone_for_good_is_made_from_salesforce(world: World) -> None:
    record, item = linked(world, Title="Director")
    world.salesforce.delete(record)
    run = world.run()
    world.anna.purge(item)
    world.undo(run)
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Director"
    assert quiet(world)


@pytest.mark.slow
def test_what_is_not_in_the_recycle_bin_any_more_waits_with_its_values(world: World) -> None:
    record, _ = linked(world, Title="Director")
    world.salesforce.delete(record)
    run = world.run()
    world.org("empty_bin")
    world.undo(run)
    [waiting] = held([row for row in world.plan() if row["rule"] == "R24"])
    assert waiting["hold"] == "not_in_bin"
    assert {"field": "job_title", "before": "", "after": "Director"} in waiting["fields"]
    world.run()
    assert (world.salesforce.contacts(), world.anna.contacts()) == ([], [])
    world.judge("approved", [waiting])
    world.run()
    made = world.salesforce.contact(LastName="Last1")
    assert made["Title"] == "Director"
    assert item_of(world.anna, made["Id"])["jobTitle"] == "Director"
    assert quiet(world)


@pytest.mark.slow
def test_a_contact_removed_for_its_view_comes_back_and_stays(world: World) -> None:
    record, _ = linked(world)
    linked(world, 2)
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    run = world.run()
    assert items_of(world.anna, record) == []
    world.undo(run)
    assert len(items_of(world.anna, record)) == 1
    assert quiet(world)
    world.salesforce.update(record, Title="Chief")
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == "Chief"


# ── a wrecked mailbox ────────────────────────────────────────────────────────────────────────────────────────────────

OURS = ("jobTitle", "department", "givenName", "surname", "displayName", "emailAddresses", "businessPhones", "nickName")


def state(world: World) -> tuple[dict[str, Json], dict[str, Json]]:
    """What both services show: the Contacts by their Id, and the folder's contacts by the Contact of their stamp."""
    contacts = {
        row.pop("Id"): row
        for row in world.salesforce.query(
            "SELECT Id, FirstName, LastName, Email, Phone, Title, Department, OwnerId, AccountId FROM Contact"
        )
    }
    shown = {stamp_of(item) or item["id"]: {name: item[name] for name in OURS} for item in world.anna.contacts()}
    return contacts, shown


@pytest.mark.parametrize(
    ("edits", "deletions"), [(6, 2), pytest.param(500, 50, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_a_wrecked_mailbox_is_taken_back_by_one_undo(world: World, edits: int, deletions: int) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    records = [
        person(world, n, Title=f"Title {n}", Phone=f"+49 {n}", Department="Sales") for n in range(edits + deletions)
    ]
    world.run()
    items = {stamp_of(item): item["id"] for item in world.anna.contacts()}
    for record in records[edits:]:
        world.anna.update(items[record], nickName="Kept")
    world.run()
    before = state(world)
    for record in records[:edits]:
        world.anna.update(items[record], jobTitle="Wrecked", phone="+1 000", department="Nowhere")
    for record in records[edits:]:
        world.anna.delete(items[record])
    world.run(plan_only=True)
    world.judge("approved", world.held())
    run = world.run()
    assert len(world.salesforce.contacts()) == edits
    assert {row["Title"] for row in world.salesforce.contacts()} == {"Wrecked"}
    world.salesforce.update(records[0], Title="Corrected by hand")

    waiting = held(world.undo(run))

    contacts, shown = state(world)
    assert [(row["fields"][0]["field"], row["salesforce_id"]) for row in waiting] == [("job_title", records[0])]
    assert (contacts[records[0]].pop("Title"), shown[records[0]].pop("jobTitle")) == ("Corrected by hand",) * 2
    assert (before[0][records[0]].pop("Title"), before[1][records[0]].pop("jobTitle")) == ("Title 0",) * 2
    assert (contacts, shown) == before
    mark = world.mark()
    world.run(full=True)
    assert world.contact_writes(mark) == []


# ── killed in the middle, refused, told ──────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """The process ends here: nothing of the engine may catch it."""


@pytest.mark.parametrize("moment", ["open_intents", "close"])
@pytest.mark.parametrize("nth", [1, 2, 3])
def test_an_undo_that_was_killed_is_finished_by_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: str, nth: int
) -> None:
    world.use(outlook_deletion="delete")
    edited, item = linked(world, 1, Title="Director")
    deleted, other = linked(world, 2)
    world.anna.update(item, jobTitle="Wrong")
    world.anna.delete(other)
    run = world.run()
    whole = getattr(Writer, moment)
    calls = iter(range(1, 1000))

    def dies(self: Writer, *arguments: Any) -> None:
        if moment == "close" and arguments[0] and next(calls) == nth:
            raise Killed  # after the call
        whole(self, *arguments)
        if moment == "open_intents" and next(calls) == nth:
            raise Killed  # before the call

    monkeypatch.setattr(Writer, moment, dies)
    with pytest.raises(Killed):
        world.undo(run)
    monkeypatch.undo()
    world.run()
    world.run()
    assert (world.salesforce.record(edited)["Title"], world.anna.item(item)["jobTitle"]) == ("Director", "Director")
    assert world.salesforce.record(deleted)["LastName"] == "Last2"
    assert len(items_of(world.anna, deleted)) == 1
    assert len([row for row in world.log() if row["action"] == "undelete"]) == 1
    assert quiet(world)


@pytest.mark.slow
def test_what_was_edited_and_then_deleted_has_its_values_back_in_the_run_after(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    first = world.run()
    world.anna.delete(item)
    second = world.run()
    world.undo(first, second)
    assert world.salesforce.record(record)["Title"] == "Wrong"
    world.run()
    assert (world.salesforce.record(record)["Title"], item_of(world.anna, record)["jobTitle"]) == ("Director",) * 2
    assert quiet(world)


@pytest.mark.slow
def test_the_history_names_the_run_that_was_taken_back(world: World) -> None:
    _, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    world.undo(run)
    told = [row for row in exported(world, "history") if row["rule"] == "R24"]
    assert sorted(row["side"] for row in told) == ["outlook", "salesforce"]
    assert all(run["run_id"] in row["reason"] for row in told)
