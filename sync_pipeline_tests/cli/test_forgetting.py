"""forget: a person's values go from warehouse and exports, freed blocks included; what was done stays known."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from sync_pipeline.commands.forget import _erase
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.engine.session import LOCK_FILE
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, World, exported, item_of, person, see_all
from sync_pipeline_tests.kept import kept

PLANTED = "Xq7"
EMAIL = "xq7@example.com"


def planted(world: World) -> str:
    """Mia, with a past in two mailboxes, merged once, with a conflict, a problem and a hold; and Tom beside her."""
    see_all(world, ANNA, BEN)
    person(world, 1, Title="Manager")
    world.anna.create(
        givenName=f"{PLANTED}Mia", surname=f"{PLANTED}Muster", email=EMAIL.upper(), personalNotes=f"{PLANTED} notes",
        companyName=f"{PLANTED} Ltd", categories=[CATEGORY],
    )  # fmt: skip
    world.run()
    mia = str(world.salesforce.contact(LastName=f"{PLANTED}Muster")["Id"])
    world.run()
    world.anna.update(item_of(world.anna, mia)["id"], jobTitle=f"{PLANTED} Boss", department=f"{PLANTED}{'x' * 90}")
    world.salesforce.update(mia, Title=f"{PLANTED} Director", MailingCity=f"{PLANTED} City")
    world.run()
    world.salesforce.update(mia, Email=f"{PLANTED}.new@example.com", Description=None)
    world.run()
    loser = person(world, 2, LastName=f"{PLANTED}Muster", Email="other@example.com", HomePhone=f"{PLANTED}2")
    world.run()
    world.org("merge", winner=mia, losers=[loser])
    world.run()
    return mia


def rows(world: World, query: str) -> list[tuple[object, ...]]:
    with open_warehouse(warehouse_path(world.settings()), read_only=True) as connection:
        return connection.execute(query).fetchall()


def counts(world: World) -> list[list[tuple[object, ...]]]:
    """What was done by day: it is the same before and after."""
    files = str(world.directory / "data" / "exports" / "history" / "*.parquet")
    query = "select happened_at::date, mailbox, side, action, rule, outcome, count(*) from {} group by all order by all"
    sources = ("sync.history", f"read_parquet('{files}')")
    with open_warehouse(warehouse_path(world.settings()), read_only=True) as connection:
        return [connection.execute(query.format(source)).fetchall() for source in sources]


@pytest.mark.slow
def test_what_was_known_of_a_deleted_contact_is_nowhere_any_more_but_what_was_done_is(world: World, call: Call) -> None:
    mia = planted(world)
    edits = world.run()
    world.salesforce.delete(mia)
    gone = world.run()
    world.set_clock(datetime(2031, 1, 1, tzinfo=UTC))  # her history lies in days that no later run exports
    world.run()
    settings, data = settings_of(world), world.directory / "data"
    before, events = counts(world), rows(world, "select count(*) from sync.history_values")
    assert PLANTED.encode() in warehouse_path(world.settings()).read_bytes(), "the search does not find what is kept"
    places = {place.rpartition("/")[2] for place in kept(data, PLANTED)}
    assert {
        f"warehouse.duckdb:sync.{table}" for table in ("history_values", "history_bases", "plan", "links")
    } <= places
    shown = call("forget", EMAIL, "--settings", settings)
    assert shown.code == 0
    assert "Nothing was erased" in shown.out
    assert mia in shown.out
    assert {place.rpartition("/")[2] for place in kept(data, PLANTED)} == places
    answer = call("forget", EMAIL, "--yes", "--settings", settings, "--json")
    assert answer.code == 0
    assert (answer.document["stays"], answer.document["left"]) == ([], {})
    assert answer.document["files"] > 0
    assert kept(data, PLANTED) == []
    assert kept(data, EMAIL) == []
    assert kept(data, "other@example.com") == [], "of the record that was merged into hers too"
    assert kept(data, "person1@example.com") != [], "nobody else's"
    assert counts(world) == before
    assert rows(world, "select count(*) from sync.history_values") == events
    [(asked_by, contacts, number, files, finished)] = rows(
        world, "select asked_by, contacts, rows, files, finished_at from sync.erasures"
    )
    assert None not in (asked_by, finished)
    assert (contacts, files) == (2, answer.document["files"])
    assert number == sum(answer.document["rows"].values())
    assert len(exported(world, "erasures")) == 1
    # what reads the past goes on
    assert "erased on request" in call("explain", mia, "--settings", settings).out
    story = call("history", mia, "--settings", settings, "--json").document["events"]
    assert {"job_title"} <= {change["field"] for event in story for change in event["fields"]}
    links = call("history", mia, "--as-of", "0m", "--settings", settings, "--json").document["links"]
    assert {(link["state"], link["erased_at"] is None) for link in links} == {("closed", False)}
    assert {value["outlook"] for link in links for value in link["values"]} == {None}
    mark = world.mark()
    undone = world.undo(edits, gone)
    assert [operation["hold"] for operation in undone] == ["not_undoable"] * len(undone)
    assert undone != []
    world.run(full=True)
    assert world.contact_writes(mark) == []
    assert kept(data, PLANTED) == []
    assert "Nothing is kept" in call("forget", EMAIL, "--yes", "--settings", settings).out


def test_of_a_contact_that_is_still_synchronised_only_the_past_is_erased(world: World, call: Call) -> None:
    world.use(ANNA)
    record = person(world, 1, Title=f"{PLANTED} former", Email=EMAIL)
    world.run()
    world.salesforce.update(record, Title="Director")
    world.run()
    answer = call("forget", EMAIL.upper(), "--yes", "--settings", settings_of(world), "--json")
    assert answer.code == 1
    assert {row["kind"] for row in answer.document["stays"]} == {"contact", "item", "link"}
    assert "salesforce.contacts" in answer.document["left"]
    assert "sync.history_values" not in answer.document["left"]
    assert kept(world.directory / "data", f"{PLANTED} former") == []
    assert "let `sync-pipeline run` see that" in call("forget", EMAIL, "--settings", settings_of(world)).out
    assert world.ready() == []
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="Boss")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Boss"


def test_who_lies_in_the_bins_is_read_again_only_when_somebody_brings_it_back(world: World, call: Call) -> None:
    world.use(ANNA)
    person(world, 2)
    record = person(world, 1, Title=f"{PLANTED} Boss", LastName=f"{PLANTED}Muster", Email=EMAIL)
    world.run()
    world.salesforce.delete(record)
    world.run()
    settings, data = settings_of(world), world.directory / "data"
    assert call("forget", EMAIL, "--yes", "--settings", settings).code == 0
    world.run()
    assert kept(data, PLANTED) == [], "read again from the recycle bin"
    world.expire_delta()
    world.run(full=True)
    assert kept(data, PLANTED) == [], "read again by a full comparison"
    assert call("explain", EMAIL, "--settings", settings).code == 1
    world.org("undelete", ids=[record])
    world.run()
    assert item_of(world.anna, record)["jobTitle"] == f"{PLANTED} Boss"
    assert kept(data, PLANTED) != []
    assert world.ready() == []


def test_an_erasure_that_broke_off_is_finished_by_the_next_one(world: World, call: Call) -> None:
    world.use(ANNA)
    record = person(world, 1, Title=f"{PLANTED} former", Email=EMAIL)
    world.run()
    world.salesforce.delete(record)
    world.run()
    settings, data = settings_of(world), world.directory / "data"
    _erase(world.settings(), EMAIL, True)  # and here the machine is switched off
    (data / "warehouse.duckdb.rewritten").write_bytes(PLANTED.encode())
    assert any("exports" in place for place in kept(data, PLANTED))
    assert PLANTED.encode() in warehouse_path(world.settings()).read_bytes()
    told = call("doctor", "--settings", settings)
    assert (told.code, "sync-pipeline forget nobody@example.com --yes" in " ".join(told.out.split())) == (1, True)
    assert call("forget", "nobody@example.com", "--yes", "--settings", settings).code == 0
    assert kept(data, PLANTED) == []
    assert "forget" not in call("doctor", "--settings", settings).out
    assert rows(world, "select count(*) from sync.erasures where finished_at is null") == [(0,)]


def test_nothing_is_forgotten_while_a_run_goes_on_or_a_write_is_in_doubt(world: World, call: Call) -> None:
    record = person(world, 1, Email=EMAIL)
    world.run()
    settings = settings_of(world)
    with RunLock(world.settings().data_dir / LOCK_FILE).hold("a run", since="now"):
        assert call("forget", EMAIL, "--yes", "--settings", settings).code == 3
    with open_warehouse(warehouse_path(world.settings())) as connection:
        connection.execute(
            "insert into sync.journal by name select 'r' as run_id, 'o' as operation_id, ? as salesforce_id, "
            "'{}'::json as intent", [record],
        )  # fmt: skip
    answer = call("forget", EMAIL, "--yes", "--settings", settings)
    assert answer.code == 3
    assert "sync-pipeline run" in answer.err
    assert kept(world.directory / "data", EMAIL) != []


@pytest.mark.parametrize("by", ["Contact", "item"])
def test_who_has_no_email_is_forgotten_by_an_id(world: World, call: Call, by: str) -> None:
    world.use(ANNA)
    record = person(world, 1, LastName=f"{PLANTED}Muster", Email=None)
    world.run()
    item = item_of(world.anna, record)["id"]
    world.salesforce.delete(record)
    world.run()
    settings, data = settings_of(world), world.directory / "data"
    assert "Nothing is kept" in call("forget", "0035g00000000XX", "--yes", "--settings", settings).out
    answer = call("forget", record[:15] if by == "Contact" else item, "--yes", "--settings", settings, "--json")
    assert (answer.code, answer.document["stays"], answer.document["left"]) == (0, [], {})
    assert kept(data, PLANTED) == []
    world.run()
    assert kept(data, PLANTED) == []


@pytest.mark.parametrize("written", [f"smtp:{EMAIL}", f"{PLANTED} Mia <{EMAIL.upper()}>"])
def test_an_address_is_found_however_it_is_written(world: World, call: Call, written: str) -> None:
    world.use(ANNA)
    world.run()
    item = world.anna.create(world.anna.folder(), givenName="Mia", surname=f"{PLANTED}Muster", email=written)
    world.run()
    for contact in world.salesforce.contacts():
        world.salesforce.delete(contact["Id"])
    world.anna.purge(item)
    world.run()
    answer = call("forget", EMAIL, "--yes", "--settings", settings_of(world), "--json")
    assert (answer.document["found"], answer.document["left"]) == (True, {})
    assert kept(world.directory / "data", PLANTED) == []


@pytest.mark.parametrize("email", ["mia", "@"])
def test_what_is_no_address_is_wrong_usage(world: World, call: Call, email: str) -> None:
    assert call("forget", email, "--settings", settings_of(world)).code == 2


def test_the_rewritten_warehouse_holds_the_rows_in_their_order(tmp_path: Path) -> None:
    from sync_pipeline.warehouse.rewriting import rewrite

    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema sync; create table sync.migrations (number integer, name varchar)")
        connection.execute("create table sync.erasures (finished_at timestamp)")
        connection.execute("create table sync.t as select n, 'x' || n as v from range(500000) as numbers(n)")
        connection.execute("delete from sync.t where n % 3 = 0")
    size = path.stat().st_size
    rewrite(path, datetime(2031, 1, 1))
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute(
            "select count(*), count(*) filter (where n <= before) "
            "from (select n, lag(n) over (order by rowid) as before from sync.t)"
        ).fetchall() == [(333333, 0)]
    assert path.stat().st_size < size
    assert [entry.name for entry in tmp_path.iterdir()] == ["warehouse.duckdb"]
    assert path.stat().st_mode & 0o077 == 0
