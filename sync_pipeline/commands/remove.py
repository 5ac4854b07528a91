"""The verb that takes a mailbox out of the installation: shown first, done with --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from sync_pipeline.settings import Settings


@click.command(cls=Verb)
@click.argument("mailbox", type=MAILBOX)
@click.option("--yes", is_flag=True, help="Take it out; without this it is only shown.")
@click.option(
    "--while-enabled", is_flag=True, help="Also where the settings still name it: the next run links its contacts anew."
)
@pass_invocation
def remove(invocation: Invocation, mailbox: str, yes: bool, while_enabled: bool) -> None:
    """Take a mailbox out: its links are closed, its contacts stay on both sides, its history is kept.

    To take out of the mailbox what came from Salesforce, set `enabled: false` and `on_disable: remove` for it and let
    a run do that first. What is closed cannot be opened again: a later run would match the contacts anew.
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
        held = reader.held_of(mailbox)
        is_enabled = any(entry.mailbox == mailbox and entry.enabled for entry in settings.mailboxes.listed)
        if yes and is_enabled and not while_enabled:
            raise click.ClickException(
                f"{mailbox} is still switched on in the settings: the next run would link its contacts again. Nothing "
                "was done. Take its entry out or set `enabled: false`, then the same again; or add --while-enabled if "
                "its contacts are to be linked anew."
            )
        closed = remove_mailbox(writer.connection, mailbox, now_for(reader)) if yes else 0
    document = {"mailbox": mailbox, "removed": yes, "links_closed": closed, "is_enabled": is_enabled, **held}
    stays = "Its contacts stay, in Outlook and in Salesforce; so does its history."
    waiting = f"{held['holds']} that wait for a decision and {held['problems']} problems"
    if yes:
        text = f"{mailbox} is taken out: {closed} links closed. {stays}"
    else:
        text = (
            f"Would take out {mailbox}: close {held['links']} links, and forget {waiting}. {stays}"
            f"{_warning(settings, mailbox, is_enabled)}\nNothing was done. The same with --yes"
            f"{' --while-enabled' if is_enabled else ''} does it."
        )
    invocation.emit(document, lambda console: console.print(text, highlight=False, markup=False))


def _warning(settings: Settings, mailbox: str, is_enabled: bool) -> str:
    """What the next run would do about it, as far as the settings say."""
    if is_enabled:
        return (
            f"\n{mailbox} is still switched on in the settings: the next run would link its contacts again. Take its "
            "entry out, or set `enabled: false`, before it is taken out."
        )
    if settings.mailboxes.discover is not None:
        return "\nIf the rule of `discover` still finds it, the next run links its contacts again."
    return ""
