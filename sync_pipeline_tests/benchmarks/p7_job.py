"""P7: a quiet run as Dagster's job, in a process that is warm and as a process of its own."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from sync_pipeline.assets import ASSETS, CHECKS
from sync_pipeline.commands.job import instance
from sync_pipeline.jobs import NAME, contact_sync_job
from sync_pipeline.resources import session_resource
from sync_pipeline.settings import Secrets
from sync_pipeline_tests.benchmarks.limits.empty_job import QUIET, empty_job, quiet_logger
from sync_pipeline_tests.benchmarks.measure import Size, fastest, finished, same
from sync_pipeline_tests.benchmarks.services import Fill, Services, services
from sync_pipeline_tests.benchmarks.table import Goal, Row

GOAL = Goal(of_limit=1.3)


def measure(size: Size) -> Iterator[Row]:
    mailboxes, linked = (2, 20) if size.quick else (10, 1_000)
    told = f"{mailboxes} mailboxes, {mailboxes * linked:,} links"
    with services(size.directory / "p7", Fill(mailboxes=mailboxes, linked=linked)) as both:
        settings = both.settings("installation")
        for _ in range(2):
            both.run(settings)
        same("P7, a quiet run's writes", both.run(settings)["planned"], 0)
        yield _warm(both, told, size)
        yield _cold(both, told, size)


def _warm(both: Services, told: str, size: Size) -> Row:
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    settings = both.settings("installation")
    definitions = dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=[contact_sync_job(QUIET)],
        resources={"session": session_resource(lambda: (settings, Secrets.sandbox()))},
        executor=dg.in_process_executor,
        loggers={QUIET: quiet_logger()},
    )
    full = definitions.resolve_job_def(NAME)
    with instance(size.directory / "p7-dagster") as opened:
        ran = full.execute_in_process(instance=opened)
        empty = empty_job(_reported(ran))
        emptied = empty.execute_in_process(instance=opened)
        same("P7, materialised and checked", _done(emptied), _done(ran))
        ours, limit = fastest(
            size.rounds,
            lambda: full.execute_in_process(instance=opened),
            lambda: empty.execute_in_process(instance=opened),
        )
    return Row(f"P7 quiet run as a job in a warm process, {told}", "s", ours, GOAL, limit, remark="limit: empty bodies")


def _cold(both: Services, told: str, size: Size) -> Row:
    run = [str(Path(sys.executable).with_name("sync-pipeline")), "--json", "run"]
    run += ["--settings", str(both.settings_file("installation"))]
    empty = [sys.executable, "-m", "sync_pipeline_tests.benchmarks.limits.empty_job", str(size.directory / "p7-empty")]
    env = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    ours, limit = fastest(size.rounds, lambda: _ended(run, env), lambda: _ended(empty, env))
    return Row(
        f"P7 quiet run as a process of its own, {told}", "s", ours, GOAL, limit,
        remark="start of Python and imports included; limit: empty bodies",
    )  # fmt: skip


def _ended(command: list[str], env: Mapping[str, str]) -> None:
    same("P7, the process's exit code", finished(command, env=env).code, 0)


def _reported(ran: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    """By asset and check what it reported of itself."""
    events = ran.get_asset_materialization_events()
    assets = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in events
        if event.asset_key and event.partition is None
    }
    return assets | {check.check_name: check.metadata for check in ran.get_asset_check_evaluations()}


def _done(ran: dg.ExecuteInProcessResult) -> set[str]:
    """The assets and checks of a run, the partitions of mailbox_sync left out: they are no step."""
    return set(_reported(ran))
