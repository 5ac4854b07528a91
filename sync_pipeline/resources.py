"""Dagster's resources: `session`, the engine's session of one run, open from the first step to the last; and
`installation`, the settings alone.

The in-process executor makes it once for the whole run, so the run's lock is held as long; its run id is Dagster's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from sync_pipeline.engine import RunOptions, Session
from sync_pipeline.engine.session import Progress
from sync_pipeline.settings import Secrets, Settings
from sync_pipeline.settings.location import find_settings

Load = Callable[[], tuple[Settings, Secrets]]

#: Every event in Dagster's log stays for ever, so a long step reports only so often.
_SECONDS_BETWEEN_REPORTS = 30.0


class SyncConfig(dg.Config):
    """What one run does; without any of it, everything that the settings name."""

    mailboxes: list[str] = Field(default=[], description="Only these mailboxes; empty: all that are switched on.")
    plan_only: bool = Field(default=False, description="Plan and show, but write nothing to either service.")
    full: bool = Field(
        default=False, description="Read everything again and compare everything, not only what changed."
    )
    approve_first_run: bool = Field(
        default=False, description="Push what would wait for approval as a first run (R22)."
    )
    undo_runs: list[str] = Field(default=[], description="Take back what these runs wrote (R24); empty: nothing.")
    undo_mailbox: str = Field(default="", description="Of these runs, only what they wrote for this mailbox.")
    undo_contacts: list[str] = Field(
        default=[], description="Of these runs, only what they wrote to these contacts: Salesforce or Outlook ids."
    )
    undo_field: str = Field(default="", description="Of these runs, only the values of this mapped field.")


@dataclass(frozen=True)
class Installation:
    """Settings for what asks neither service: the warehouse's place, who is alerted."""

    settings: Callable[[], Settings]


def installation_resource(load: Callable[[], Settings] = find_settings) -> dg.ResourceDefinition:
    """The resource `installation`. Its settings are read when they are asked for."""
    return dg.ResourceDefinition.hardcoded_resource(
        Installation(load), description="The installation's settings and files; no connection to either service."
    )


def load_from_environment() -> tuple[Settings, Secrets]:
    """Settings and credentials as this process finds them. Raises SettingsInvalid."""
    settings = find_settings()
    return settings, Secrets.from_environment(settings)


def session_resource(load: Load = load_from_environment, progress: Progress | None = None) -> dg.ResourceDefinition:
    """The resource. `load` gives settings and credentials when a run starts; `progress` hears (label, done, total)."""

    @dg.resource(
        config_schema=SyncConfig.to_config_schema(),
        description="The session of one run: holds the run's lock, the warehouse and the connections to both services.",
    )
    def session(context: dg.InitResourceContext) -> Iterator[Session]:
        config = SyncConfig(**context.resource_config)
        settings, secrets = load()
        options = RunOptions(
            mailboxes=tuple(config.mailboxes),
            plan_only=config.plan_only,
            full=config.full,
            approve_first_run=config.approve_first_run,
            undo_runs=tuple(config.undo_runs),
            undo_mailbox=config.undo_mailbox.lower(),
            undo_contacts=tuple(config.undo_contacts),
            undo_field=config.undo_field,
        )
        run_id = context.run.run_id if context.run else ""
        with Session(settings, secrets, options, run_id=run_id, progress=progress or _logged(context)) as opened:
            yield opened

    return session


def _logged(context: dg.InitResourceContext) -> Progress:
    last = time.monotonic()

    def report(label: str, done: int, total: int | None) -> None:
        nonlocal last
        if context.log is not None and time.monotonic() - last >= _SECONDS_BETWEEN_REPORTS:
            last = time.monotonic()
            context.log.info(f"{label}: {done}" + (f" of {total}" if total is not None else ""))

    return report
