"""R21: one run at a time, chosen mailboxes, stamps and the folder's mark, foreign marks, old copies of a warehouse."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from sync_pipeline.warehouse.lock import RunInProgress
from sync_pipeline_tests.harness import ANNA, BEN, STAMP, World, extended, item_of, linked, of, person

RUNNER = "sync_pipeline.engine.session.time"
MARK = STAMP.replace("Stamp", "Mark")


def mark_of(world: World) -> list[str]:
    """The parts of the mark on Anna's folder: org, installation, run."""
    answer = world.anna.http.get(
        f"contactFolders/{world.anna.folder()}",
        params={"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')"},
    )
    value = extended(answer.json(), MARK)
    assert value, "the folder has no mark"
    return value.split("/")


def set_mark(world: World, *parts: str) -> None:
    body = {"singleValueExtendedProperties": [{"id": MARK, "value": "/".join(parts)}]}
    world.anna.http.patch(f"contactFolders/{world.anna.folder()}", json=body).raise_for_status()


def org_id(world: World) -> str:
    return str(world.salesforce.query("SELECT Id FROM Organization")[0]["Id"])


def copy_of_warehouse(world: World) -> Path:
    """A copy of the data directory as it is now."""
    return Path(shutil.copytree(world.directory / "data", world.directory / "old"))


def restore_warehouse(world: World, copy: Path) -> None:
    shutil.rmtree(world.directory / "data")
    shutil.copytree(copy, world.directory / "data")


def test_a_stamp_carries_the_orgs_id(world: World) -> None:
    record, _ = linked(world)
    assert extended(item_of(world.anna, record), STAMP) == f"{org_id(world)}/{record}"


def test_the_folder_carries_the_org_the_installation_and_the_number_of_the_last_run_that_pushed(world: World) -> None:
    linked(world, 1)
    org, installation, number = mark_of(world)
    assert (org, installation != "") == (org_id(world), True)
    world.run()
    assert mark_of(world) == [org, installation, number], "a run that pushed nothing"
    linked(world, 2)
    assert mark_of(world)[:2] == [org, installation]
    assert int(mark_of(world)[2]) > int(number)


def test_a_folder_of_another_installation_stops_that_mailbox_and_no_other(world: World) -> None:
    world.use(ANNA, BEN)
    person(world, 1)
    world.run()
    org, _, number = mark_of(world)
    set_mark(world, org, "another-installation", number)
    person(world, 2)
    bens = person(world, 3, owner=BEN)
    mark = world.mark()
    document = world.run()
    assert [of(document, address)["status"] for address in (ANNA, BEN)] == ["stopped", "ok"]
    assert world.writes(mark, mailbox=ANNA) == []
    assert item_of(world.ben, bens)["surname"] == "Last3"
    assert mark_of(world)[1] == "another-installation"


def test_a_folder_of_another_org_stops_that_mailbox(world: World) -> None:
    linked(world, 1)
    _, installation, number = mark_of(world)
    set_mark(world, "00D000000000000EAA", installation, number)
    person(world, 2)
    mark = world.mark()
    document = world.run()
    assert of(document, ANNA)["status"] == "stopped"
    assert world.writes(mark) == []


def test_two_installations_never_fight(world: World, tmp_path: Path) -> None:
    linked(world, 1)
    person(world, 2)
    mark = world.mark()
    first, world.directory = world.directory, tmp_path / "second"
    document = world.run()
    assert of(document, ANNA)["status"] == "stopped"
    assert world.writes(mark) == []
    world.directory = first
    world.run()
    assert len(world.anna.contacts()) == 2


def test_an_old_copy_of_the_warehouse_makes_nothing_twice_and_holds_every_deletion(world: World) -> None:
    world.use(outlook_deletion="delete")
    first, _ = linked(world, 1)
    linked(world, 2)
    copy = copy_of_warehouse(world)
    linked(world, 3)
    world.anna.create(world.anna.folder(), surname="Fourth", email="fourth@example.com")
    world.run()
    restore_warehouse(world, copy)
    world.salesforce.delete(first)
    mark = world.mark()
    document = world.run()
    assert world.writes(mark, action="delete") == []
    assert world.writes(mark, action="create") == []
    assert of(document, ANNA)["holds"] == 1
    assert [row["hold"] for row in world.held()] == ["old_copy"]
    assert (len(world.anna.contacts()), len(world.salesforce.contacts())) == (4, 3)


@pytest.mark.slow
def test_an_old_copy_is_one_for_every_mailbox_whichever_is_looked_at_first(world: World) -> None:
    world.use(ANNA, BEN)
    ours, bens = person(world, 1), person(world, 2, owner=BEN)
    world.run()
    copy = copy_of_warehouse(world)
    person(world, 3), person(world, 4, owner=BEN)
    world.run()
    restore_warehouse(world, copy)
    world.salesforce.delete(ours)
    world.salesforce.delete(bens)
    mark = world.mark()
    world.run(ANNA)
    world.run(BEN)
    world.run()
    assert world.writes(mark, action="delete") == []
    assert {row["hold"] for row in world.held()} == {"old_copy"}
    assert (len(world.anna.contacts()), len(world.ben.contacts())) == (2, 2)


@pytest.mark.parametrize("broken", ["stopped", "ended"])
def test_an_old_copy_is_still_known_when_the_run_that_noticed_it_broke_off(world: World, broken: str) -> None:
    record, _ = linked(world, 1)
    linked(world, 2)
    copy = copy_of_warehouse(world)
    linked(world, 3)
    restore_warehouse(world, copy)
    world.salesforce.delete(record)
    mark = world.mark()
    if broken == "stopped":  # the reading of everything that follows the notice fails
        world.fault("403", service="graph", method="GET", path="/contacts", nth=2, times=50)
        world.run()
        world.control.delete("faults").raise_for_status()
    else:

        def die() -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            world.run(before={"match_contacts": die})
    for _ in range(2):
        world.run()
    assert world.writes(mark, action="delete") == []
    assert [row["hold"] for row in world.held()] == ["old_copy"]
    assert len(world.anna.contacts()) == 3


def test_a_deletion_after_the_old_copy_was_compared_goes_on(world: World) -> None:
    linked(world, 1)
    copy = copy_of_warehouse(world)
    record, _ = linked(world, 2)
    restore_warehouse(world, copy)
    world.run()
    world.salesforce.delete(record)
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Last1"]


@pytest.mark.slow
def test_with_an_old_copy_everything_is_compared(world: World) -> None:
    record, item = linked(world, Title="Base")
    copy = copy_of_warehouse(world)
    world.anna.update(item, jobTitle="First")
    world.run()
    world.salesforce.update(record, Department="Second")
    world.run()
    restore_warehouse(world, copy)
    world.run()
    world.run()
    found, shown = world.salesforce.record(record), world.anna.item(item)
    assert (found["Title"], shown["jobTitle"]) == ("First", "First")
    assert (found["Department"], shown["department"]) == ("Second", "Second")
    assert world.ready() == []


def test_with_an_old_copy_earlier_approvals_are_void(world: World) -> None:
    world.use(max_deletes={"count": 0, "percent": 0})
    first, _ = linked(world, 1)
    linked(world, 2)
    world.salesforce.delete(first)
    world.run()
    world.judge("approved", world.held())
    copy = copy_of_warehouse(world)
    world.judge("dropped", world.held())
    linked(world, 3)
    restore_warehouse(world, copy)
    mark = world.mark()
    world.run()
    assert world.writes(mark, action="delete") == []


def test_a_lost_warehouse_is_the_same_installation_and_makes_nothing_twice(world: World) -> None:
    linked(world, 1)
    linked(world, 2)
    shutil.rmtree(world.directory / "data")
    mark = world.mark()
    document = world.run()
    assert of(document, ANNA)["status"] == "ok"
    assert [row["action"] for row in world.writes(mark, entity="contact") + world.writes(mark, entity="Contact")] == []
    assert len(world.anna.contacts()) == 2


def test_of_two_runs_at_a_time_one_works_and_the_other_leaves(world: World) -> None:
    refused: list[RunInProgress] = []

    def second_run() -> None:
        with pytest.raises(RunInProgress) as caught:
            world.run(settle=False)
        refused.append(caught.value)

    record = person(world)
    world.run(before={"build_plan": second_run})
    assert len(refused) == 1
    assert item_of(world.anna, record)["surname"] == "Last1"
    world.run()


def test_a_run_of_chosen_mailboxes_leaves_the_others(world: World) -> None:
    world.use(ANNA, BEN)
    person(world, 1)
    bens = person(world, 2, owner=BEN)
    document = world.run(BEN)
    assert [row["mailbox"] for row in document["mailboxes"]] == [BEN]
    assert item_of(world.ben, bens)["surname"] == "Last2"
    assert world.writes(0, mailbox=ANNA) == []


# ── the time budget ──────────────────────────────────────────────────────────────────────────────────────────────────


class Stopwatch:
    """The engine's clock for its time budget, which is over after so many looks at it."""

    def __init__(self, looks: int) -> None:
        self.looks = looks + 2  # the run looks when it begins, and when Salesforce's share does

    def monotonic(self) -> float:
        self.looks -= 1
        return time.monotonic() + (0 if self.looks >= 0 else 1e6)


def test_what_is_left_when_the_time_is_over_is_done_in_the_next_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(world, 1)
    record = person(world, 2)
    with monkeypatch.context() as patched:
        patched.setattr(RUNNER, Stopwatch(0))
        mark = world.mark()
        world.run()
        assert world.writes(mark, entity="contact") == []
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last2"


def test_mailboxes_take_turns_so_that_a_large_load_starves_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(ANNA, BEN)
    ours = [person(world, number) for number in range(1, 6)]
    bens = person(world, 9, owner=BEN)
    world.run()
    for record in ours:
        world.anna.delete(item_of(world.anna, record)["id"])
    world.ben.delete(item_of(world.ben, bens)["id"])
    monkeypatch.setattr(RUNNER, Stopwatch(2))
    world.run()
    assert item_of(world.ben, bens)["surname"] == "Last9"
    assert len(world.anna.contacts()) < 5


def test_a_copy_of_the_warehouse_taken_while_a_run_pushes_is_an_old_one(world: World) -> None:
    world.use(outlook_deletion="delete")
    person(world, 2)
    record, item = linked(world, 1)
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    world.run(before={"push_outlook": lambda: copy_of_warehouse(world)})
    assert [gone["id"] for gone in world.anna.deleted()] == [item]
    restore_warehouse(world, world.directory / "old")
    mark = world.mark()
    for _ in range(2):
        world.run()
    assert world.salesforce.get(record) is not None
    assert world.contact_writes(mark) == []


def test_a_push_that_broke_off_gets_its_end_from_the_next_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, item = linked(world, 1)
    world.anna.update(item, jobTitle="Edited")
    number = int(mark_of(world)[2])
    with monkeypatch.context() as broken:
        broken.setattr("sync_pipeline.engine.steps.mark_end", lambda session: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            world.run()
    started = int(mark_of(world)[2])
    world.run()
    ended = int(mark_of(world)[2])
    assert number < started < ended
    assert world.held() == []
    world.run()
    assert int(mark_of(world)[2]) == ended
