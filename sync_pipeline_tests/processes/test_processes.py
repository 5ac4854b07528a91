"""A process that is killed at a moment, or cannot write: the next run ends where an undisturbed one would have."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline_tests import harness
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, World, person
from sync_pipeline_tests.processes.process import Ended, Installation, ending

Tell = Callable[[World], None]
KILLS = int(os.environ.get("PROCESS_KILLS", "20"))
SEED = os.environ.get("PROCESS_SEED", "1")


def everyday(world: World) -> None:
    """New ones on both sides, edits, a deletion on each side; a first run has linked what is edited and deleted."""
    world.use(ANNA, BEN)
    records = [person(world, number, owner=(ANNA, BEN)[number % 2]) for number in range(6)]
    world.run()
    world.salesforce.update(records[0], Title="Edited in Salesforce")
    world.anna.update(harness.item_of(world.anna, records[2])["id"], jobTitle="Edited in Outlook")
    world.ben.delete(harness.item_of(world.ben, records[1])["id"])
    world.salesforce.delete(records[3])
    for number in (7, 8, 9):
        person(world, number)
    world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.ben.create(world.ben.folder(), givenName="Ida", surname="Ivers", email="ida@example.com")


def load(world: World) -> None:
    """2,000 Contacts, none of which is in Outlook yet."""
    world.use(first_run={"plan_above": 5_000})
    owner = world.user_id(ANNA)
    rows = [
        {"FirstName": f"First{n}", "LastName": f"Last{n}", "Email": f"p{n}@example.com", "OwnerId": owner}
        for n in range(2_000)
    ]
    Org(world.server.state).insert("Contact", rows, actor="user:admin")


def told(directory: Path, tell: Tell, disturb: Callable[[Installation], None]) -> list[str]:
    """Where both sides end after the disturbed run and two quiet ones."""
    directory.mkdir()
    with harness.sandbox() as server, harness.world(server, directory) as world:
        tell(world)
        installation = Installation(world)
        disturb(installation)
        for _ in range(2):
            well(installation.run())
        mark = world.mark()
        well(installation.run())
        assert world.writes(mark) == []
        return ending(world)


def well(ended: Ended) -> Ended:
    assert ended.code in (0, 1), ended.err
    return ended


def timed(installation: Installation, seconds: list[float]) -> None:
    start = time.monotonic()
    well(installation.run())
    seconds.append(time.monotonic() - start)


@pytest.mark.crash
@pytest.mark.timeout(0)
def test_a_process_that_is_killed_at_any_moment_ends_as_one_that_was_not(tmp_path: Path) -> None:
    seconds: list[float] = []
    expected = told(tmp_path / "undisturbed", everyday, lambda installation: timed(installation, seconds))
    dice, killed = random.Random(SEED), 0
    for number in range(KILLS):
        moment, ended = dice.uniform(0.3, 1.0) * seconds[0], list[Ended]()
        directory = tmp_path / str(number)
        found = told(directory, everyday, lambda one, m=moment, e=ended: e.append(one.run(kill_after=m)))  # type: ignore[misc]
        assert found == expected, f"killed after {moment:.2f} s"
        killed += ended[0].code < 0
    print(f"{KILLS} processes, {killed} of them killed before their end, seed {SEED}")
    assert killed > KILLS / 3


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_load_of_two_thousand_contacts_that_is_killed_in_its_middle_ends_whole(tmp_path: Path, share: float) -> None:
    seconds: list[float] = []
    expected = told(tmp_path / "undisturbed", load, lambda installation: timed(installation, seconds))
    ended: list[Ended] = []
    found = told(tmp_path / "killed", load, lambda one: ended.append(one.run(kill_after=share * seconds[0])))
    assert (found, ended[0].code) == (expected, -9)
    assert len(found) == 4_000


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("megabytes", [2, 6])
def test_a_load_for_which_the_disk_has_no_room_ends_whole_once_it_has(tmp_path: Path, megabytes: int) -> None:
    expected = told(tmp_path / "undisturbed", load, lambda one: timed(one, []))
    ended: list[Ended] = []
    full = told(tmp_path / "full", load, lambda one: ended.append(one.run(largest_file=megabytes * 2**20)))
    assert full == expected
    assert ended[0].code == 3, ended[0].err
    assert "room" in ended[0].err


def test_a_warehouse_that_cannot_be_written_stops_the_run_before_it_writes_anywhere(world: World) -> None:
    everyday(world)
    installation = Installation(world)
    mark = world.mark()
    warehouse = installation.data / "warehouse.duckdb"
    content = warehouse.read_bytes()
    # what may not be written, by root too: a directory stands in the file's place
    warehouse.unlink()
    warehouse.mkdir()
    ended = installation.run()
    assert ended.code == 3, ended.err
    assert "warehouse" in ended.err
    assert "Traceback" not in ended.err
    assert world.writes(mark) == []
    warehouse.rmdir()
    warehouse.write_bytes(content)
    well(installation.run())
    assert world.salesforce.contact(Email="mia@example.com")["LastName"] == "Muster"
