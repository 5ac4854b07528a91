"""The verbs that synchronise or compare: run, plan, verify. Each is one run of Dagster's job `contact_sync`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import (
    DONE,
    WITH_PROBLEMS,
    Invocation,
    Verb,
    pass_invocation,
    reading,
    several_mailboxes,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.engine import RunOptions
    from sync_pipeline.settings import Settings


@click.command(cls=Verb)
@several_mailboxes
@click.option("--plan-only", is_flag=True, help="Plan and show, write nothing to either service.")
@click.option("--full", is_flag=True, help="Read everything again and compare everything, not only what changed.")
@click.option("--yes", is_flag=True, help="Approve what would wait as a large first run, and nothing else.")
@pass_invocation
def run(invocation: Invocation, mailboxes: tuple[str, ...], plan_only: bool, full: bool, yes: bool) -> int:
    """One synchronisation, in this process, recorded in Dagster."""
    from sync_pipeline.commands.tables import show_plan, show_summary

    settings, summary = _synchronise(invocation, mailboxes, plan_only=plan_only, full=full, yes=yes)

    def show(console: Console) -> None:
        if plan_only:
            show_plan(console, _plan(settings, summary))
        show_summary(console, summary)

    invocation.emit(summary, show)
    return _exit_code(summary)


@click.command(cls=Verb)
@several_mailboxes
@click.option("--full", is_flag=True, help="Compare everything, not only what changed.")
@pass_invocation
def plan(invocation: Invocation, mailboxes: tuple[str, ...], full: bool) -> int:
    """Plan now without pushing, and show every operation (same as run --plan-only)."""
    from sync_pipeline.commands.tables import show_plan, show_summary

    settings, summary = _synchronise(invocation, mailboxes, plan_only=True, full=full)
    document = _plan(settings, summary)

    def show(console: Console) -> None:
        show_plan(console, document)
        show_summary(console, summary)

    invocation.emit(document, show)
    return _exit_code(summary)


@click.command(cls=Verb)
@several_mailboxes
@pass_invocation
def verify(invocation: Invocation, mailboxes: tuple[str, ...]) -> int:
    """Read and compare everything on both sides; nothing is written to either."""
    from sync_pipeline.assets.drift import drift_sql
    from sync_pipeline.commands.tables import show_plan, show_rows, show_summary

    settings, summary = _synchronise(invocation, mailboxes, plan_only=True, full=True)
    with reading(settings) as reader:
        found = reader.rows(drift_sql(settings.fields, settings))
        drifted = [row for row in found if not mailboxes or row["mailbox"] in mailboxes]
    operations = _plan(settings, summary)["operations"]
    waiting = [operation for operation in operations if operation["state"] == "ready"]
    document = {**summary, "equal": not (waiting or drifted), "operations": operations, "drifted": drifted}

    def show(console: Console) -> None:
        if operations:
            show_plan(console, {"operations": operations})
        show_rows(console, "Unchanged on both sides, and yet different", drifted)
        show_summary(console, summary)
        console.print(
            "Both sides are equal." if document["equal"] else f"{len(waiting) + len(drifted)} differences.",
            style="bold",
        )

    invocation.emit(document, show)
    return _exit_code(summary) or (DONE if document["equal"] else WITH_PROBLEMS)


def _synchronise(
    invocation: Invocation, mailboxes: tuple[str, ...], *, plan_only: bool, full: bool = False, yes: bool = False
) -> tuple[Settings, dict[str, Any]]:
    from sync_pipeline.engine import RunOptions

    settings = invocation.settings()
    options = RunOptions(tuple(mailboxes), plan_only=plan_only, full=full, approve_first_run=yes)
    return settings, synchronise(invocation, settings, options)


def synchronise(invocation: Invocation, settings: Settings, options: RunOptions) -> dict[str, Any]:
    """One run with its progress on stderr; the document of `run --json`. Raises the SyncError that ended it."""
    secrets = invocation.secrets(settings)
    from sync_pipeline.commands.progress import shown_progress

    with shown_progress() as progress:
        progress("start", 0, None)
        from sync_pipeline import engine
        from sync_pipeline.commands.job import run_job

        run_id = run_job(settings, secrets, options, progress)
    return engine.summary(settings, run_id)


def _plan(settings: Settings, summary: dict[str, Any]) -> dict[str, Any]:
    from sync_pipeline import engine

    return engine.plan_document(settings, summary["run_id"])


def _exit_code(summary: dict[str, Any]) -> int:
    from sync_pipeline import engine

    return engine.exit_code(summary)
