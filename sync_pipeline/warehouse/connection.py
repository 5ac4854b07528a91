"""Opens the warehouse file for one step and closes it after it.

A locked file is waited for, then its holder is named."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from sync_pipeline.model.errors import WarehouseUnusable

logger = logging.getLogger(__name__)

MEMORY_LIMIT = "512MB"
THREADS = 2
TELL_AFTER_SECONDS = 2.0


@contextmanager
def open_warehouse(
    path: Path,
    *,
    read_only: bool = False,
    wait_seconds: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that is closed in any case.

    Raises WarehouseUnusable where the file stays locked for `wait_seconds`, is damaged, holds other tables, does not
    exist (read only), or cannot be read or written on, as where the disk is full.
    """
    if read_only and not path.exists():
        raise WarehouseUnusable(
            f"There is no warehouse at {path}.", remedy="Run `sync-pipeline run` first.", code="warehouse_missing"
        )
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)
    config: dict[str, Any] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": str(THREADS),
        "preserve_insertion_order": "false",
    }
    connection = _connect(path, read_only, config, wait_seconds, sleep)
    try:
        _refuse_foreign(path, connection, read_only)
        yield connection
    except (duckdb.IOException, duckdb.FatalException, duckdb.TransactionException) as error:
        # a commit for which the disk has no room is a TransactionException; what follows it a FatalException
        raise unwritable(path, error) from error
    finally:
        connection.close()


def _connect(
    path: Path, read_only: bool, config: dict[str, Any], wait_seconds: float, sleep: Callable[[float], None]
) -> duckdb.DuckDBPyConnection:
    waited, pause, told = 0.0, 0.05, False
    while True:
        try:
            connection = duckdb.connect(str(path), read_only=read_only, config=config)
        except duckdb.Error as error:
            if not is_locked(error):
                raise _unusable(path, error) from error
            if waited >= wait_seconds:
                raise _locked(path, waited, error) from error
            if not told and waited >= TELL_AFTER_SECONDS:
                told = True
                logger.warning("%s is in use by %s: waiting for it, at most %.0f s", path, _holder(error), wait_seconds)
            sleep(pause)
            waited, pause = waited + pause, min(pause * 2, 1.0)
        else:
            if not read_only:
                _make_owner_only(path)
            return connection


def _refuse_foreign(path: Path, connection: duckdb.DuckDBPyConnection, read_only: bool) -> None:
    try:
        connection.execute("select 1 from sync.migrations limit 0")
    except duckdb.CatalogException:
        tables = connection.execute("select schema_name || '.' || table_name from duckdb_tables() where not internal")
    else:
        return
    names = {name for (name,) in tables.fetchall()}
    if not names and not read_only:
        return
    if not names:
        raise WarehouseUnusable(
            f"The warehouse {path} is empty: no run has got so far.",
            remedy="Run `sync-pipeline run` first.",
            code="warehouse_missing",
        )
    raise WarehouseUnusable(
        f"{path} is a DuckDB file of something else: it holds {min(names)}, and nothing of a warehouse.",
        remedy="Choose another data_dir; the file was not changed.",
        code="warehouse_foreign",
    )


def is_locked(error: duckdb.Error) -> bool:
    """Whether somebody else has the file open."""
    # The second text is another connection of this very process that was opened the other way (read only or not).
    text = str(error)
    return "Could not set lock" in text or "different configuration" in text


def _make_owner_only(path: Path) -> None:
    # The write-ahead log appears later; it is kept from others by the directory, which is made for the owner only.
    if os.name == "posix" and path.stat().st_mode & 0o077 and path.stat().st_uid == os.getuid():
        path.chmod(0o600)


def _holder(error: duckdb.Error) -> str:
    return str(error).partition("lock is held in ")[2].partition(". See")[0] or "another connection of this process"


def _locked(path: Path, waited: float, error: duckdb.Error) -> WarehouseUnusable:
    return WarehouseUnusable(
        f"The warehouse {path} is in use by {_holder(error)}, for {waited:.0f} s now.",
        remedy="Wait for it to end, or close the program that has it open.",
        code="warehouse_locked",
    )


def unwritable(path: Path, error: duckdb.Error) -> WarehouseUnusable:
    """The error of a file that could not be read or written on."""
    said = str(error).splitlines()[0]
    return WarehouseUnusable(
        f"The warehouse {path} could not be read or written: {said}",
        remedy="Make room on its disk and check its permissions, then run again: what was begun is taken up there.",
        code="warehouse_unwritable",
    )


def _unusable(path: Path, error: duckdb.Error) -> WarehouseUnusable:
    said = str(error).splitlines()[0]
    return WarehouseUnusable(
        f"The warehouse {path} cannot be opened: {said}",
        remedy="Check the path, its permissions and the disk; replace a damaged file by a copy, or move it away: "
        "the next run rebuilds it from both services.",
        code="warehouse_damaged",
    )
