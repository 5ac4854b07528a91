"""A process that is killed at a moment, or cannot write: the next run ends where an undisturbed one would have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sync_pipeline_tests.harness import World
from sync_pipeline_tests.processes.__main__ import MEGABYTES, SHARES
from sync_pipeline_tests.processes.process import Installation
from sync_pipeline_tests.processes.stories import Undisturbed, everyday, load, moments, well

KILLS = int(os.environ.get("PROCESS_KILLS", "20"))
SEED = int(os.environ.get("PROCESS_SEED", "1"))


@pytest.mark.crash
@pytest.mark.timeout(0)
def test_a_process_that_is_killed_at_any_moment_ends_as_one_that_was_not(tmp_path: Path) -> None:
    undisturbed, killed = Undisturbed(tmp_path, everyday), 0
    for moment in moments(undisturbed, SEED, KILLS):
        ended, differs = undisturbed.disturbed(lambda one, after=moment: one.run(kill_after=after))  # type: ignore[misc]
        assert differs == [], f"killed after {moment:.2f} s"
        killed += ended.code < 0
    print(f"{KILLS} processes, {killed} of them killed before their end, seed {SEED}")
    assert killed > KILLS / 3


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("share", SHARES)
def test_a_load_of_two_thousand_contacts_that_is_killed_in_its_middle_ends_whole(tmp_path: Path, share: float) -> None:
    undisturbed = Undisturbed(tmp_path, load)
    ended, differs = undisturbed.disturbed(lambda one: one.run(kill_after=share * undisturbed.seconds))
    assert (differs, ended.code) == ([], -9)
    assert len(undisturbed.end) == 4_000


@pytest.mark.crash
@pytest.mark.timeout(0)
@pytest.mark.parametrize("megabytes", MEGABYTES)
def test_a_load_for_which_the_disk_has_no_room_ends_whole_once_it_has(tmp_path: Path, megabytes: int) -> None:
    ended, differs = Undisturbed(tmp_path, load).disturbed(lambda one: one.run(largest_file=megabytes * 2**20))
    assert (differs, ended.code) == ([], 3), ended.err
    assert "room" in ended.err


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
