"""The jobs: the synchronisation, and what a person starts from the launchpad. All but `marts` run the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from pydantic import Field

from sync_pipeline.assets import ASSETS, MART_ASSETS, REPORT
from sync_pipeline.resources import SyncConfig

#: Dagster's run queue lets one run of a shard at a time through (dagster.yaml); the lock that safety rests on is ours.
SHARD_TAG = "sync/shard"
SHARD = "0"
NAME = "contact_sync"
#: A first load reads for longer than dagster.yaml lets a run of the schedule live.
_HOURS_OF_A_LOAD = 12
_ONLY = "Only these mailboxes; empty: all that are switched on."


class PlanOnlyConfig(dg.Config):
    """What is planned."""

    mailboxes: list[str] = Field(default=[], description=_ONLY)
    full: bool = Field(default=False, description="Read and compare everything, not only what changed.")


class FullComparisonConfig(dg.Config):
    """What is compared."""

    mailboxes: list[str] = Field(default=[], description=_ONLY)
    push: bool = Field(
        default=False,
        description="Also write what differs, under the same guard as any run. Otherwise nothing is written.",
    )


class UndoConfig(dg.Config):
    """What is taken back (R24), and whether it is only shown."""

    runs: list[str] = Field(description="The ids of the runs whose writes are taken back, as they stand in Dagster.")
    mailbox: str = Field(default="", description="Only what they wrote for this mailbox; empty: for all.")
    contacts: list[str] = Field(
        default=[],
        description="Only what they wrote to these contacts; empty: to all. Salesforce or Outlook ids, because what "
        "stands here stays in Dagster's log for ever: `sync-pipeline history` shows them.",
    )
    field: str = Field(default="", description="Only the values of this mapped field, such as job_title; empty: all.")
    push: bool = Field(default=False, description="Push it. Otherwise it is only planned: look at the asset sync_plan.")


class InitialLoadConfig(dg.Config):
    """Which mailboxes are read anew."""

    mailboxes: list[str] = Field(description="These mailboxes; at least one.")
    approve_first_run: bool = Field(
        default=False, description="Push a large first run at once, and not only when a person approved it (R22)."
    )


def contact_sync_job(*loggers: str) -> UnresolvedAssetJobDefinition:
    """The job; it logs to these loggers of the definitions, by default to Dagster's own console logger."""
    return _synchronisation(
        NAME,
        SyncConfig,
        lambda config: config,
        "Reads both sides, plans every difference, pushes the plan: all mailboxes, or those of the config.",
        loggers=loggers,
    )


def _synchronisation(
    name: str,
    config_class: type[dg.Config],
    session: Callable[[dict[str, Any]], dict[str, Any]],
    description: str,
    *,
    tags: Mapping[str, str] | None = None,
    loggers: tuple[str, ...] = (),
) -> UnresolvedAssetJobDefinition:
    """A job of all steps; `session` makes the session's SyncConfig of what the launchpad asks for."""

    @dg.config_mapping(config_schema=config_class.to_fields_dict())
    def config(values: dict[str, Any]) -> dict[str, Any]:
        # So that the launchpad asks for the run's options alone.
        return {
            "resources": {"session": {"config": session(values)}},
            **({"loggers": {logger: {} for logger in loggers}} if loggers else {}),
        }

    return dg.define_asset_job(
        name, selection=ASSETS, config=config, tags={SHARD_TAG: SHARD, **(tags or {})}, description=description
    )


def _plan_only(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "plan_only": True}


def _full_comparison(config: dict[str, Any]) -> dict[str, Any]:
    return {"mailboxes": config["mailboxes"], "full": True, "plan_only": not config["push"]}


def _undo(config: dict[str, Any]) -> dict[str, Any]:
    _refuse_empty(config["runs"], "runs", "Name the runs to take back; `sync-pipeline history` shows them.")
    scope = {f"undo_{name}": config[name] for name in ("runs", "mailbox", "contacts", "field")}
    return {**scope, "plan_only": not config["push"]}


def _initial_load(config: dict[str, Any]) -> dict[str, Any]:
    _refuse_empty(config["mailboxes"], "mailboxes", "Name the mailboxes to load; `full_comparison` takes all.")
    return {**config, "full": True}


def _refuse_empty(values: list[str], name: str, remedy: str) -> None:
    if not any(value.strip() for value in values):
        raise dg.DagsterInvalidInvocationError(f"{name} is empty. {remedy}")


contact_sync = contact_sync_job()
plan_only = _synchronisation(
    "plan_only",
    PlanOnlyConfig,
    _plan_only,
    "Plans every difference and pushes nothing. `sync-pipeline plan` shows the plan; sync_plan counts it.",
)
full_comparison = _synchronisation(
    "full_comparison",
    FullComparisonConfig,
    _full_comparison,
    "Reads everything on both sides again and compares everything (R27). Writes to neither unless `push` is set.",
)
undo = _synchronisation(
    "undo",
    UndoConfig,
    _undo,
    "Takes back what runs wrote (R24), as a plan first; with `push` through the same guard and push as any run. What "
    "changed since waits for a person.",
)
initial_load = _synchronisation(
    "initial_load",
    InitialLoadConfig,
    _initial_load,
    "Reads chosen mailboxes anew and synchronises them: the first load, or a re-extraction (R27).",
    tags={"dagster/max_runtime": str(_HOURS_OF_A_LOAD * 3600)},
)
#: Runs that hold the lock of the shard.
SYNCHRONISATIONS = [contact_sync, plan_only, full_comparison, undo, initial_load]

marts = dg.define_asset_job(
    "marts",
    selection=[asset.key for asset in (*MART_ASSETS, REPORT)],
    description="Makes the marts and the report of a day, or by a backfill of any days, anew from the history.",
)
JOBS = [*SYNCHRONISATIONS, marts]
