"""Limit of P7: Dagster's job `contact_sync` with the same assets, checks and metadata, in which nothing is done.

As a module it runs the job once, in an instance below the directory that is its argument."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import dagster as dg

from sync_pipeline.assets import ASSETS, CHECKS
from sync_pipeline.commands.invocation import DAGSTER_LOG
from sync_pipeline.commands.job import instance

NAME: Final = "empty_contact_sync"
QUIET: Final = "quiet"
Metadata = Mapping[str, Any]


def empty_job(reported: Mapping[str, Metadata]) -> dg.JobDefinition:
    """The job. `reported` is what each asset and check (by name) is to report, as the full one did."""
    assets = [_empty_asset(spec, reported.get(spec.key.to_user_string(), {})) for spec in _specs(ASSETS)]
    checks = [_empty_check(spec, reported.get(spec.name, {})) for each in CHECKS for spec in each.check_specs]
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[dg.define_asset_job(NAME, selection=assets, config={"loggers": {QUIET: {"config": {}}}})],
        executor=dg.in_process_executor,
        loggers={QUIET: quiet_logger()},
    )
    return definitions.resolve_job_def(NAME)


def quiet_logger() -> dg.LoggerDefinition:
    """Dagster's events as a log that nobody shows, as the command line has it."""

    @dg.logger(config_schema={})
    def quiet(context: dg.InitLoggerContext) -> logging.Logger:
        return logging.getLogger(DAGSTER_LOG)

    return quiet


def _specs(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetSpec]:
    return [spec for asset in assets for spec in asset.specs]


def _empty_asset(spec: dg.AssetSpec, metadata: Metadata) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=[spec], name=spec.key.to_python_identifier())
    def nothing() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata=metadata)

    return nothing


def _empty_check(spec: dg.AssetCheckSpec, metadata: Metadata) -> dg.AssetChecksDefinition:
    decorate: Callable[..., Any] = dg.asset_check(asset=spec.asset_key, name=spec.name, blocking=spec.blocking)

    @decorate
    def nothing() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True, metadata=metadata)

    return nothing  # type: ignore[no-any-return]


def main() -> int:
    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    warnings.filterwarnings("ignore", category=dg.PreviewWarning)
    with instance(Path(sys.argv[1])) as opened:
        return 0 if empty_job({}).execute_in_process(instance=opened).success else 1


if __name__ == "__main__":
    sys.exit(main())
