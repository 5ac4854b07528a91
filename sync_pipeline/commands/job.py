"""Runs Dagster's job `contact_sync` in this process, recorded in Dagster's instance as any other run of it."""

from __future__ import annotations

import logging
import os
import uuid
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sync_pipeline.commands.invocation import DAGSTER_LOG

if TYPE_CHECKING:
    import dagster as dg

    from sync_pipeline.commands.progress import Progress
    from sync_pipeline.engine import RunOptions
    from sync_pipeline.settings import Secrets, Settings

HOME = "dagster"
_LOGGER = "own"


def run_job(settings: Settings, secrets: Secrets, options: RunOptions, progress: Progress) -> str:
    """One synchronisation; returns its run id, in Dagster and in the warehouse.

    Raises the SyncError that ended it. A failed check is no error: the run's summary tells what it found.
    """
    import dagster as dg

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    from sync_pipeline.assets import ASSETS, CHECKS
    from sync_pipeline.jobs import NAME, contact_sync_job
    from sync_pipeline.resources import session_resource

    definitions = dg.Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=[contact_sync_job(_LOGGER)],
        resources={"session": session_resource(lambda: (settings, secrets), progress)},
        executor=dg.in_process_executor,
        loggers={_LOGGER: _own_log()},
    )
    run_id = str(uuid.uuid4())
    with instance(settings.data_dir) as opened:
        try:
            definitions.resolve_job_def(NAME).execute_in_process(
                instance=opened, run_id=run_id, run_config=_config(options)
            )
        except dg.DagsterError as error:
            raise _cause(error) from None
        except dg.DagsterExecutionInterruptedError as error:
            raise KeyboardInterrupt from error
    return run_id


def _config(options: RunOptions) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(options).items()}


def instance(data_dir: Path) -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME, else one of its own below `data_dir`: nothing depends on the current directory."""
    import dagster as dg

    home = os.environ.get("DAGSTER_HOME") or str(dagster_home(data_dir))
    return dg.DagsterInstance.from_config(home)


def dagster_home(data_dir: Path) -> Path:
    """A DAGSTER_HOME below `data_dir`: storage and telemetry as in our dagster.yaml, and no queue or monitoring.

    `dagster dev`, started where `data_dir` is ./data, keeps its state at the same place, so both show the same runs.
    It is made where it is missing.
    """
    home = (data_dir / HOME).resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    base = {"base_dir": str(home)}
    document: dict[str, Any] = {
        "storage": {"sqlite": base},
        "local_artifact_storage": {
            "module": "dagster._core.storage.root",
            "class": "LocalArtifactStorage",
            "config": base,
        },
        # A run in this process writes to this process's own terminal.
        "compute_logs": {
            "module": "dagster._core.storage.noop_compute_log_manager",
            "class": "NoOpComputeLogManager",
            "config": {},
        },
        "telemetry": {"enabled": False},
        "nux": {"enabled": False},
    }
    text = yaml.safe_dump(document, sort_keys=False)
    file = home / "dagster.yaml"
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")
    return home


def _own_log() -> dg.LoggerDefinition:
    """Dagster's events as this process's own log, which shows them only with --verbose."""
    import dagster as dg

    @dg.logger(config_schema={})
    def quiet(context: dg.InitLoggerContext) -> logging.Logger:
        return logging.getLogger(DAGSTER_LOG)

    return quiet


def _cause(error: dg.DagsterError) -> BaseException:
    """The error that Dagster wrapped, if there is one."""
    import dagster as dg

    found: BaseException = error
    while isinstance(found, dg.DagsterError) and (inner := found.__cause__ or found.__context__) is not None:
        found = inner
    return found
