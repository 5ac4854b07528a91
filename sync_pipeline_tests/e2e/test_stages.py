"""A stage of planning that has no work is left out: it would have made nothing, and what it made before is gone."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from sync_pipeline.planning import render
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline_tests.harness import ANNA, World, item_of, of, person

#: Who could be a newcomer's match: filled without one too, and read by its own stage alone.
_KNOWN = {"planning.people", "planning.addresses"}
LEFT_OUT = ("match", "changes", "creations", "new_items", "clearings")


def rows(world: World) -> dict[str, int]:
    """By table of the stages that can be left out, its rows after the last run."""
    tables = [
        table
        for stage in LEFT_OUT
        for table in re.findall(
            r"^create or replace table (\S+) as",
            resources.files("sync_pipeline.planning").joinpath("sql", f"{stage}.sql").read_text(),
            re.MULTILINE,
        )
    ]
    with open_warehouse(world.directory / "data" / "warehouse.duckdb", read_only=True) as connection:
        counts = [connection.execute(f"select count(*) from {table}").fetchall()[0][0] for table in tables]
    return dict(zip(tables, counts, strict=True))


@pytest.mark.parametrize("is_forced", [False, True], ids=["left out", "forced"])
def test_nothing_is_left_of_the_stages_in_a_quiet_run(
    world: World, monkeypatch: pytest.MonkeyPatch, is_forced: bool
) -> None:
    edited, cleared = person(world, 1, Title="Director"), person(world, 2, Title="Director")
    world.run()
    world.use(max_deletes={"count": 0, "percent": 0})
    world.anna.update(item_of(world.anna, cleared)["id"], jobTitle=None)
    world.salesforce.update(edited, Title="Chair")
    world.anna.create(world.anna.folder(), surname="New", email="new@example.com")
    person(world, 3)
    world.run()
    filled = rows(world)
    assert {"planning.contact_matches", "planning.contact_changes", "planning.new_items", "planning.clearings"} <= {
        table for table, count in filled.items() if count
    }
    world.judge("dropped", world.held())
    world.salesforce.update(cleared, Title=None)
    for _ in range(2):
        world.run()
    if is_forced:
        monkeypatch.setattr(render, "_has_rows", lambda connection, relation: True)
    world.run()
    assert [table for table, count in rows(world).items() if count and table not in _KNOWN] == []


def test_tables_of_another_version_are_made_anew_though_there_is_no_work(world: World) -> None:
    person(world, 1)
    for _ in range(2):
        world.run()
    with open_warehouse(world.directory / "data" / "warehouse.duckdb") as connection:
        connection.execute("create or replace table planning.finals as select 1 as what_it_had_then")
        connection.execute("update planning.stages set made_by = 'another version'")
    assert of(world.run(), ANNA)["status"] == "ok"
