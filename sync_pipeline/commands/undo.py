"""The verb that takes back what a run wrote (R24): shown as a plan first, pushed with --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import MAILBOX, WITH_PROBLEMS, Invocation, Verb, pass_invocation, reading
from sync_pipeline.commands.run import synchronise

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.settings import Settings
    from sync_pipeline.warehouse.reader import Reader

RULE = "R24"


@click.command(cls=Verb)
@click.option(
    "--run", "runs", multiple=True, metavar="R",
    help="What this run wrote; can be given several times. By default the newest that wrote to what is named.",
)  # fmt: skip
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only what was written for this mailbox.")
@click.option("--contact", metavar="C", help="Only this contact: an e-mail, a name, an Outlook or a Salesforce id.")
@click.option("--field", metavar="F", help="Only the values of this mapped field, such as job_title.")
@click.option("--yes", is_flag=True, help="Push it; without this it is only shown.")
@pass_invocation
def undo(
    invocation: Invocation,
    runs: tuple[str, ...],
    mailbox: str | None,
    contact: str | None,
    field: str | None,
    yes: bool,
) -> int:
    """Take back a run, a mailbox's part of it, a contact or a field; what changed since is held.

    Shows the inverse as a plan; with --yes it is pushed by a run that synchronises as any other. What waits is listed
    by `problems`, and answered with `approve` or `drop`.
    """
    from sync_pipeline import engine
    from sync_pipeline.commands.tables import show_plan, show_summary
    from sync_pipeline.engine.undoing import runs_to_undo

    if not (runs or mailbox or contact or field):
        raise click.UsageError("Say what to take back: --run, --mailbox, --contact or --field.")
    settings = invocation.settings()
    with reading(settings) as reader:
        runs = runs_to_undo(reader, settings.fields, runs, field or "")
        keys = _keys(reader, contact, mailbox)
        chosen = _runs(reader, runs, mailbox or "", keys, field or "")
    options = engine.RunOptions(
        plan_only=not yes, undo_runs=chosen, undo_mailbox=mailbox or "", undo_contacts=keys, undo_field=field or ""
    )
    summary = synchronise(invocation, settings, options)
    operations, others, waiting = _planned(settings, summary["run_id"])
    with reading(settings) as reader:
        impossible = reader.impossible_to_undo()
    if yes and waiting:
        # what was edited before it was deleted: its values follow once its Contact is back
        summary = synchronise(invocation, settings, engine.RunOptions())
        more, others, waiting = _planned(settings, summary["run_id"])
        operations += more
    document = {**summary, "undone": list(chosen), "operations": operations, "others": others, "follow_later": waiting}
    document["not_possible"] = impossible

    def show(console: Console) -> None:
        if operations:
            show_plan(console, {"operations": operations})
        elif not impossible:
            console.print("There is nothing to take back: everything is as it was before.")
        for row in impossible:
            console.print(
                f"Not possible now: what was written for {row['mailbox']} ({row['contacts']} contacts). The mailbox is "
                "switched off or not in the settings. Switch it on and ask again; nothing is kept of this question.",
                style="bold",
            )
        if waiting:
            console.print(f"{waiting} values follow once their Contacts are back.")
        if yes:
            show_summary(console, summary)
            return
        if others:
            console.print(
                f"Besides, the run would synchronise as any other: `sync-pipeline plan` shows what ({others})."
            )
        if operations:
            console.print("Nothing was written. The same with --yes pushes it.", style="bold")

    invocation.emit(document, show)
    return max(engine.exit_code(summary), WITH_PROBLEMS) if impossible else engine.exit_code(summary)


def _planned(settings: Settings, run_id: str) -> tuple[list[dict[str, Any]], int, int]:
    """The operations that take something back, the number of others, the number of values that wait for a Contact."""
    from sync_pipeline import engine

    planned = engine.plan_document(settings, run_id)["operations"]
    ours = [operation for operation in planned if operation["rule"] == RULE]
    others = [operation for operation in planned if operation["rule"] != RULE and operation["state"] == "ready"]
    with reading(settings) as reader:
        return ours, len(others), reader.values_waiting_for_undo()


def _keys(reader: Reader, contact: str | None, mailbox: str | None) -> tuple[str, ...]:
    """The ids of the contact that is meant, on both sides."""
    if contact is None:
        return ()
    found = reader.find_contact(contact, [mailbox] if mailbox else ())
    if not found:
        raise click.ClickException(f"No contact {contact!r} is known. `sync-pipeline history` shows the ids.")
    # an Outlook contact whose link has ended is the one person with the Contact that it was linked to
    were = reader.last_contact_ids([row["outlook_id"] for row in found if not row["salesforce_id"]] or ["-"])
    people = {row["salesforce_id"] or were.get(row["outlook_id"], row["outlook_id"]): row["name"] for row in found}
    if len(people) > 1:
        listed = ", ".join(sorted(f"{name} {key}" for key, name in people.items()))
        raise click.ClickException(f"{contact!r} means several contacts: {listed}. Give the id of one.")
    return tuple(sorted({key for row in found for key in (row["outlook_id"], row["salesforce_id"], *people) if key}))


def _runs(reader: Reader, runs: tuple[str, ...], mailbox: str, keys: tuple[str, ...], field: str) -> tuple[str, ...]:
    if runs:
        return runs
    newest = reader.newest_writing_run(mailbox=mailbox, contact_keys=keys, field=field)
    if newest is None:
        raise click.ClickException("No run has written to that. `sync-pipeline history` shows what was written.")
    return (newest,)
