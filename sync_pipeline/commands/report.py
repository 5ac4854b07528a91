"""The verb that draws: a report of a run or a day as one HTML file."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sync_pipeline.commands.invocation import DONE, Invocation, Verb, pass_invocation, reading

if TYPE_CHECKING:
    from rich.console import Console


@click.command(cls=Verb)
@click.option("--run", "run_id", metavar="R", help="Of this run; `history` and Dagster's UI show the ids.")
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), metavar="D", help="Of this day in UTC, such as 2026-01-31; by default "
    "the day of the last run.",
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where it is written; by default below exports/reports of the data directory.",
)  # fmt: skip
@pass_invocation
def report(invocation: Invocation, run_id: str | None, day: datetime | None, output: Path | None) -> int:
    """A report of a run or a day as one HTML file: what was written, lag, conflicts, problems, Accounts.

    It needs nothing else to be shown or printed, and holds no contact's data.
    """
    from sync_pipeline.engine.paths import reports_path
    from sync_pipeline.report import newest_day, nothing_of, of_day, of_run, write_report
    from sync_pipeline.ticks import allowed_lag

    if run_id is not None and day is not None:
        raise click.UsageError("Say either --run or --day.")
    settings = invocation.settings()
    with reading(settings) as reader:
        if run_id is not None:
            scope = of_run(reader.connection, run_id)
        else:
            chosen: date | None = day.date() if day else newest_day(reader.connection)
            if chosen is None:
                raise click.ClickException("No run is known yet. `sync-pipeline run` makes the first.")
            scope = of_day(chosen)
        nothing = nothing_of(reader.connection, scope)
        path = output or reports_path(settings) / f"{scope.name}.html"
        write_report(reader.connection, scope, path, allowed_seconds=allowed_lag(settings.schedule).total_seconds())

    def show(console: Console) -> None:
        console.print(f"{scope.title}: {path}", highlight=False, markup=False, soft_wrap=True)
        if nothing:
            console.print(nothing, highlight=False, markup=False, style="yellow")

    invocation.emit({"report": path, "title": scope.title, "nothing": nothing}, show)
    return DONE
