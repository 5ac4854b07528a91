"""What `doctor` says of this machine: data directory, warehouse, Dagster's storage.

It only reads. But where a dagster.yaml names a storage that is not there yet, Dagster makes it by opening it."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

from sync_pipeline.commands.finding import Finding
from sync_pipeline.commands.invocation import DONE, NOT_SYNCHRONISED, WITH_PROBLEMS
from sync_pipeline.commands.job import HOME
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.engine.session import LOCK_FILE
from sync_pipeline.model.errors import SyncError
from sync_pipeline.settings import Settings
from sync_pipeline.transport import redact
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline.warehouse.reader import Reader

_ROOM = 1 << 30


def machine(settings: Settings, org_id: str) -> Iterator[Finding]:
    """Every line; `org_id` is "" where Salesforce did not say which org it is."""
    place = _data_dir(settings.data_dir)
    yield place
    if place.code == NOT_SYNCHRONISED:
        return  # nothing can lie there
    yield from _warehouse(settings, org_id)
    yield _dagster(settings)


def _data_dir(directory: Path) -> Finding:
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        said = f"{there} cannot be written to, so {directory} cannot be used"
        return Finding("data_dir", NOT_SYNCHRONISED, said, "Give this user the right, or set another data_dir.")
    free = shutil.disk_usage(there).free
    said = f"{directory}, {free / _ROOM:,.1f} GiB free"
    if free < _ROOM:
        return Finding("data_dir", WITH_PROBLEMS, said, "Make room: a run that finds none breaks off.")
    return Finding("data_dir", DONE, said)


def _warehouse(settings: Settings, org_id: str) -> Iterator[Finding]:
    path = warehouse_path(settings)
    if owner := RunLock(settings.data_dir / LOCK_FILE).owner():
        yield Finding(
            "run", DONE, f"run {owner.run_id} goes on, or died, in process {owner.process} since {owner.since}"
        )
    if not path.exists():
        yield Finding("warehouse", DONE, f"{path} is made by the first run")
        return
    try:
        with open_warehouse(path, read_only=True, wait_seconds=5.0) as connection:
            reader = Reader(connection)
            identity, last, unfinished = reader.identity(), reader.run(), reader.unfinished_erasures()
    except SyncError as error:
        yield Finding("warehouse", NOT_SYNCHRONISED, error.message, error.remedy)
        return
    if identity and org_id and (identity["org_id"], identity["tenant"]) != (org_id, settings.graph.tenant):
        said = f"{path} belongs to org {identity['org_id']} and tenant {identity['tenant']}"
        yield Finding("warehouse", NOT_SYNCHRONISED, said, "Set another data_dir for this org and tenant.")
        return
    ran = f"; last run {last['run_id']} at {last['started_at']:%Y-%m-%d %H:%M} UTC, {last['status']}" if last else ""
    yield Finding("warehouse", DONE, f"{path} can be opened{ran}")
    if unfinished:
        yield Finding(
            "forget", WITH_PROBLEMS,
            f"an erasure of {unfinished[0]:%Y-%m-%d %H:%M} UTC broke off: exports and freed blocks still hold values",
            "Type `sync-pipeline forget nobody@example.com --yes`: with any address it finishes what is left.",
        )  # fmt: skip


def _dagster(settings: Settings) -> Finding:
    """Whether Dagster's storage answers, and lets a run take its time."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.data_dir / HOME).absolute()
    if not (home / "dagster.yaml").exists():
        if "DAGSTER_HOME" in os.environ:
            remedy = "Let DAGSTER_HOME name the directory that holds dagster.yaml, or unset it."
            return Finding("Dagster", NOT_SYNCHRONISED, f"DAGSTER_HOME is {home}, which has no dagster.yaml", remedy)
        return Finding("Dagster", DONE, f"{home} is made by the first run")
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            runs = instance.get_runs_count()
            longest = instance.run_monitoring_max_runtime_seconds if instance.run_monitoring_enabled else 0
    except Exception as error:  # whatever storage is configured, in the words of its own driver
        remedy = "Check the storage in its dagster.yaml, that it answers, and the file permissions."
        return Finding("Dagster", NOT_SYNCHRONISED, redact(f"{home} cannot be opened: {error}".strip()), remedy)
    if 0 < longest <= settings.time_budget_minutes * 60:
        said = f"{home} ends runs after {longest} s, and time_budget_minutes is {settings.time_budget_minutes}"
        remedy = "Raise run_monitoring.max_runtime_seconds in dagster.yaml, or lower time_budget_minutes."
        return Finding("Dagster", WITH_PROBLEMS, said, remedy)
    return Finding("Dagster", DONE, f"{home} can be opened; {runs:,} runs")
