"""The verb that takes a mailbox out of the installation."""

from __future__ import annotations

import click

from sync_pipeline.commands.invocation import (
    MAILBOX,
    Invocation,
    Verb,
    no_run_meanwhile,
    now_for,
    pass_invocation,
    writing,
)


@click.command(cls=Verb)
@click.argument("mailbox", type=MAILBOX)
@pass_invocation
def remove(invocation: Invocation, mailbox: str) -> None:
    """Take a mailbox out: its links are closed, its contacts stay on both sides, its history is kept.

    To take out of the mailbox what came from Salesforce, set `enabled: false` and `on_disable: remove` for it and let
    a run do that first.
    """
    from sync_pipeline.warehouse.removal import remove_mailbox

    settings = invocation.settings()
    with no_run_meanwhile(settings, "remove"), writing(settings) as (reader, writer):
        known = {
            row["mailbox"]
            for row in reader.rows("select mailbox from outlook.mailboxes union select mailbox from sync.links")
        }
        if mailbox not in known:
            raise click.ClickException(
                f"The warehouse knows no mailbox {mailbox}. Known: {', '.join(sorted(known)) or 'none'}."
            )
        closed = remove_mailbox(writer.connection, mailbox, now_for(reader))
    if any(entry.mailbox == mailbox and entry.enabled for entry in settings.mailboxes.listed):
        invocation.say(
            f"[yellow]{mailbox} is still switched on in the settings: the next run would link its contacts again. "
            "Take its entry out, or set `enabled: false`.[/]"
        )
    document = {"mailbox": mailbox, "links_closed": closed}
    text = f"{mailbox} is taken out: {closed} links closed. Its contacts stay, in Outlook and in Salesforce."
    invocation.emit(document, lambda console: console.print(text, highlight=False))
