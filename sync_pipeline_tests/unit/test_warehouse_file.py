"""The warehouse file: opened, locked, migrated, owned; and the lock that keeps runs apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from sync_pipeline.model.errors import WarehouseUnusable
from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunInProgress, RunLock
from sync_pipeline.warehouse.schema import MIGRATIONS, migrate
from sync_pipeline.warehouse.tables import column_types, fetch
from sync_pipeline_tests.unit.warehouse_kit import FIELDS, NOW, warehouse

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def test_a_migration_runs_once_and_the_mapped_fields_are_columns(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        migrate(connection, FIELDS)
        migrate(connection, FIELDS)
        shipped = sorted(int(path.name[:4]) for path in MIGRATIONS.glob("*.sql"))
        assert fetch(connection, "select number from sync.migrations") == [{"number": number} for number in shipped]
        assert column_types(connection, "salesforce.contacts")["email"] == "VARCHAR"
        assert column_types(connection, "outlook.contacts")["email_list"] == "VARCHAR[]"
        assert "email" not in column_types(connection, "outlook.contacts")
        links = column_types(connection, "sync.links")
        assert {"outlook_email", "salesforce_email", "outlook_email_list", "outlook_fax"} <= links.keys()


def test_a_field_added_by_a_setting_becomes_a_column_of_an_existing_warehouse(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        migrate(connection, FIELDS)
        migrate(connection, apply_mapping({"nickname": {"salesforce": "Nickname__c", "outlook": "nickName"}}))
        assert "outlook_nickname" in column_types(connection, "sync.links")


def test_a_warehouse_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "warehouse.duckdb") as connection:
        migrate(connection, FIELDS)
        shipped = fetch(connection, "select * from sync.migrations")
        connection.execute("insert into sync.migrations values (9999, 'later')")
        with pytest.raises(WarehouseUnusable, match="9999"):
            migrate(connection, FIELDS)
        assert len(fetch(connection, "select * from sync.migrations")) == len(shipped) + 1


def test_only_the_owner_reads_the_file_and_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "warehouse" / "warehouse.duckdb"
    with open_warehouse(path):
        pass
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_locked_file_is_waited_for_and_then_its_holder_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "warehouse.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection, FIELDS)
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdout.readline()
        pauses: list[float] = []
        with (
            pytest.raises(WarehouseUnusable, match=f"PID {holder.pid}"),
            open_warehouse(path, wait_seconds=5, sleep=pauses.append),
        ):
            raise AssertionError("a locked file was opened")
        assert sum(pauses) >= 5
        [told] = caplog.messages  # once, while it waits
        assert f"PID {holder.pid}" in told

        def let_go(_: float) -> None:
            assert holder.stdin is not None
            holder.stdin.close()
            holder.wait()

        with open_warehouse(path, sleep=let_go) as connection:
            assert fetch(connection, "select count(*) as runs from sync.runs") == [{"runs": 0}]


def test_a_damaged_or_missing_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with pytest.raises(WarehouseUnusable, match="There is no warehouse"), open_warehouse(path, read_only=True):
        pass
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(WarehouseUnusable, match="cannot be opened"), open_warehouse(path):
        pass


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table sales (amount integer)")
    with (
        pytest.raises(WarehouseUnusable, match="is a DuckDB file of something else"),
        open_warehouse(path, read_only=read_only),
    ):
        pass
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("select table_name from duckdb_tables()").fetchall() == [("sales",)]


def test_a_warehouse_that_no_run_has_filled_yet_is_told_as_missing(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with open_warehouse(path):
        pass
    with pytest.raises(WarehouseUnusable, match="no run has got so far"), open_warehouse(path, read_only=True):
        pass


def test_the_connection_is_closed_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    with open_warehouse(path) as connection:
        migrate(connection, FIELDS)
    with pytest.raises(ZeroDivisionError), open_warehouse(path):
        raise ZeroDivisionError
    with open_warehouse(path, read_only=True, wait_seconds=0):
        pass


def test_a_warehouse_belongs_to_one_org_and_one_tenant(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:

        def check(org: str, tenant: str, installation: str) -> str:
            return writer.claim(org, tenant, NOW, installation)

        assert check("00D000000000001AAA", "tenant-a", "i1") == "i1"
        assert check("00D000000000001AAA", "tenant-a", "i2") == "i1"
        for org, tenant in (("00D000000000002AAA", "tenant-a"), ("00D000000000001AAA", "tenant-b")):
            with pytest.raises(WarehouseUnusable, match="belongs to org"):
                check(org, tenant, "i1")


def test_run_numbers_grow_and_a_run_that_never_ended_is_recorded_as_broken_off(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        assert writer.begin_run("run-1", NOW, plan_only=False, is_full=False, mailboxes=[]) == 1
        assert writer.begin_run("run-2", NOW, plan_only=True, is_full=False, mailboxes=[]) == 2
        writer.finish_run("run-2", NOW, status="done", planned=0, pushed=0, failed=0)
        found = fetch(writer.connection, "select run_id, status from sync.runs order by number")
        assert found == [{"run_id": "run-1", "status": "broken_off"}, {"run_id": "run-2", "status": "done"}]


def test_a_second_runner_leaves_with_the_name_of_the_first(tmp_path: Path) -> None:
    lock = RunLock(tmp_path / "sync.lock")
    other = RunLock(tmp_path / "sync.lock")
    with lock.hold("run-1", since="now"), pytest.raises(RunInProgress, match="run-1"), other.hold("run-2", since="now"):
        pass
    with RunLock(tmp_path / "sync.lock").hold("run-3", since="now"):
        owner = lock.owner()
        assert owner is not None
        assert owner.run_id == "run-3"


def test_the_lock_of_a_dead_runner_is_taken_over(tmp_path: Path) -> None:
    code = (
        "import sys, os, pathlib; from sync_pipeline.warehouse.lock import RunLock\n"
        "with RunLock(pathlib.Path(sys.argv[1])).hold('dead', since='then'): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "sync.lock")], check=False)
    lock = RunLock(tmp_path / "sync.lock")
    owner = lock.owner()
    assert owner is not None
    assert owner.run_id == "dead"
    with lock.hold("run-2", since="now"):
        assert (lock.owner() or owner).run_id == "run-2"
