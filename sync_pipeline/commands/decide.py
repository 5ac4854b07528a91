"""The verbs by which a person decides: approve, drop, resolve, link, unlink."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import (
    MAILBOX,
    Invocation,
    Verb,
    must_know,
    no_run_meanwhile,
    now_for,
    pass_invocation,
    writing,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.warehouse.reader import Reader

_CONFLICT = "conflict"
_chosen = (
    click.argument("operations", nargs=-1, metavar="[OPERATION]..."),
    click.option("--mailbox", type=MAILBOX, metavar="M", help="Everything that waits in this mailbox."),
    click.option("--run", "run_id", metavar="R", help="Everything that run R held back."),
    click.option("--all", "everything", is_flag=True, help="Everything that waits."),
)


def _which(command: Any) -> Any:
    for option in reversed(_chosen):
        command = option(command)
    return command


@click.command(cls=Verb)
@_which
@pass_invocation
def approve(
    invocation: Invocation, operations: tuple[str, ...], mailbox: str | None, run_id: str | None, everything: bool
) -> None:
    """Let operations that wait be pushed by the next run; lapses after 7 days."""
    _decide(invocation, "approved", operations, mailbox, run_id, everything)


@click.command(cls=Verb)
@_which
@pass_invocation
def drop(
    invocation: Invocation, operations: tuple[str, ...], mailbox: str | None, run_id: str | None, everything: bool
) -> None:
    """Turn operations down until either side changes; a dropped deletion in Outlook is restored."""
    _decide(invocation, "dropped", operations, mailbox, run_id, everything)


@click.command(cls=Verb)
@click.argument("operation")
@click.option("--take", type=click.Choice(["salesforce", "outlook"]), required=True, help="Whose value stays.")
@pass_invocation
def resolve(invocation: Invocation, operation: str, take: str) -> None:
    """Answer a conflict on hold; the next run writes the answer."""
    settings = invocation.settings()
    with writing(settings) as (reader, writer):
        hold = next((row for row in reader.holds() if row["operation_id"] == operation), None)
        if hold is None:
            raise click.ClickException(_unknown([operation]))
        if hold["kind"] != _CONFLICT:
            raise click.ClickException(
                f"{operation} is on hold as {hold['kind']}, which is no conflict. "
                f"Answer it with `sync-pipeline approve {operation}` or `drop`."
            )
        writer.save_verdicts([(operation, hold["mailbox"])], f"take_{take}", now_for(reader))
    document = {"verdict": f"take_{take}", "operations": [operation]}
    invocation.emit(document, lambda console: console.print(f"The next run takes the value of {take}."))


@click.command(cls=Verb)
@click.argument("mailbox", type=MAILBOX)
@click.argument("outlook_id")
@click.argument("salesforce_id")
@pass_invocation
def link(invocation: Invocation, mailbox: str, outlook_id: str, salesforce_id: str) -> None:
    """Link an Outlook contact and a Contact by hand; the next run compares every field."""
    settings = invocation.settings()
    with no_run_meanwhile(settings, "link"), writing(settings) as (reader, writer):
        _must_hold(reader, mailbox, outlook_id)
        contacts = reader.rows(
            "select id, is_deleted from salesforce.contacts where id = ? or left(id, 15) = ?", [salesforce_id] * 2
        )
        if not contacts or contacts[0]["is_deleted"]:
            raise click.ClickException(
                f"No Contact {salesforce_id} is known, or it was deleted. Give its Id, and run `sync-pipeline run` "
                "first if it is new."
            )
        contact_id = contacts[0]["id"]
        taken = [
            row
            for row in _links(reader, mailbox)
            if row["outlook_id"] == outlook_id or row["salesforce_id"] == contact_id
        ]
        if taken:
            pair = f"{taken[0]['outlook_id']} and {taken[0]['salesforce_id']}"
            raise click.ClickException(
                f"{pair} are linked in {mailbox}; close that link with `sync-pipeline unlink` first."
            )
        link_id = writer.link_by_hand(mailbox, outlook_id, contact_id, "by_hand", now_for(reader))
    document = {"link_id": link_id, "mailbox": mailbox, "outlook_id": outlook_id, "salesforce_id": contact_id}
    invocation.emit(document, lambda console: console.print("Linked. The next run compares every field."))


@click.command(cls=Verb)
@click.argument("mailbox", type=MAILBOX)
@click.argument("outlook_id")
@click.argument("salesforce_id", required=False)
@pass_invocation
def unlink(invocation: Invocation, mailbox: str, outlook_id: str, salesforce_id: str | None) -> None:
    """Close the link of an Outlook contact by hand; both contacts stay as they are."""
    settings = invocation.settings()
    with no_run_meanwhile(settings, "unlink"), writing(settings) as (reader, writer):
        found = [
            row
            for row in _links(reader, mailbox)
            if row["outlook_id"] == outlook_id
            and (salesforce_id is None or row["salesforce_id"].startswith(salesforce_id))
        ]
        if not found:
            raise click.ClickException(
                f"No link of {outlook_id} in {mailbox}. `sync-pipeline explain CONTACT` shows the ids of a contact."
            )
        for row in found:
            writer.unlink_by_hand(mailbox, row["link_id"], "by_hand", now_for(reader))
    document = {"mailbox": mailbox, "closed": [row["link_id"] for row in found]}
    invocation.emit(document, lambda console: console.print("The link is closed. Both contacts stay as they are."))


def _decide(
    invocation: Invocation,
    verdict: str,
    operations: Sequence[str],
    mailbox: str | None,
    run_id: str | None,
    everything: bool,
) -> None:
    if not (operations or mailbox or run_id or everything):
        raise click.UsageError("Say which operations: by their ids, or by --mailbox, --run or --all.")
    settings = invocation.settings()
    with writing(settings) as (reader, writer):
        must_know(reader, settings, mailbox)
        chosen = _choose(reader, operations, mailbox, run_id)
        conflicts = [row for row in chosen if row["kind"] == _CONFLICT] if verdict == "approved" else []
        if conflicts and operations:
            raise click.ClickException(
                f"{conflicts[0]['operation_id']} is a conflict; answer it with `sync-pipeline resolve "
                f"{conflicts[0]['operation_id']} --take salesforce|outlook`."
            )
        # what a person turned down by name is not approved by the way: it has to be named again
        dropped = (
            [row for row in chosen if row.get("verdict") == "dropped"]
            if verdict == "approved" and not operations
            else []
        )
        decided = [row for row in chosen if row not in conflicts and row not in dropped]
        writer.save_verdicts([(row["operation_id"], row["mailbox"]) for row in decided], verdict, now_for(reader))
    document = {"verdict": verdict, "operations": [row["operation_id"] for row in decided]}
    left = [row["operation_id"] for row in conflicts]

    def show(console: Console) -> None:
        console.print(f"{len(decided)} operations {verdict}. The next run plans afresh and follows this.")
        if dropped:
            console.print(f"{len(dropped)} were dropped before and stay so; approve them by their ids.")
        if left:
            console.print(
                f"{len(left)} conflicts still wait: `sync-pipeline resolve OPERATION --take salesforce|outlook`."
            )

    invocation.emit(
        {**document, "conflicts_left": left, "dropped_before": [row["operation_id"] for row in dropped]}, show
    )


def _choose(reader: Reader, operations: Sequence[str], mailbox: str | None, run_id: str | None) -> list[dict[str, Any]]:
    """The operations that are meant: rows with operation_id, mailbox, kind."""
    from sync_pipeline.engine.run_ids import resolve_run

    if run_id is not None:
        run_id = resolve_run(reader, run_id)
    last = reader.run(run_id)
    planned = reader.plan(last["run_id"]) if last else []
    waiting = {row["operation_id"]: row for row in reader.holds()}
    if operations:
        known = {row["operation_id"]: {**row, "kind": row["hold_kind"]} for row in planned} | waiting
        if unknown := [operation for operation in operations if operation not in known]:
            raise click.ClickException(_unknown(unknown))
        rows = [known[operation] for operation in operations]
    elif run_id is not None:
        held = (row["operation_id"] for row in planned if row["state"] == "held")
        rows = [waiting[operation] for operation in held if operation in waiting]
    else:
        rows = list(waiting.values())
    return [row for row in rows if mailbox is None or row["mailbox"] == mailbox]


def _unknown(operations: Sequence[str]) -> str:
    return (
        f"Nothing that waits is called {', '.join(operations)}; it may have been planned otherwise since. "
        "`sync-pipeline problems` lists what waits."
    )


def _links(reader: Reader, mailbox: str) -> list[dict[str, Any]]:
    return reader.rows(
        "select link_id, outlook_id, salesforce_id from sync.links where mailbox = ? and state = 'linked'", [mailbox]
    )


def _must_hold(reader: Reader, mailbox: str, outlook_id: str) -> None:
    found = reader.rows(
        "select place from outlook.contacts where mailbox = ? and id = ? and place in ('folder', 'elsewhere')",
        [mailbox, outlook_id],
    )
    if not found:
        raise click.ClickException(
            f"{mailbox} has no contact {outlook_id} in its folder or with the category, as far as the last run saw. "
            "`sync-pipeline explain CONTACT` shows the ids of a contact."
        )
