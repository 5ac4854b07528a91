"""The verbs that look at what is now: explain, problems. They ask neither service, and only `--retry` writes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import (
    DONE,
    MAILBOX,
    WITH_PROBLEMS,
    Invocation,
    Verb,
    must_know,
    now_for,
    pass_invocation,
    reading,
    writing,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.settings import Settings

_NOBODY = (
    "No contact {contact!r} is known. An Outlook contact outside the folder and without the category is personal and is"
    " never read; a Contact is known once a run has read it. Names and e-mail addresses are compared whole."
    " `sync-pipeline run` reads what is new."
)
_ELSEWHERE = (
    "{contact!r} is in the mailbox {elsewhere}, and no Contact in Salesforce belongs to it, so {mailbox} does not get"
    " it. `sync-pipeline explain` without --mailbox says why."
)


@click.command(cls=Verb)
@click.argument("contact")
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only in this mailbox.")
@pass_invocation
def explain(invocation: Invocation, contact: str, mailbox: str | None) -> int:
    """Why a contact is, or is not, synchronised. CONTACT is an e-mail, a name, an Outlook or a Salesforce id."""
    from sync_pipeline.commands.explaining import sentences

    settings = invocation.settings()
    with reading(settings) as reader:
        known = reader.find_contact(contact)
        found = _in_mailbox(known, mailbox) if mailbox else known
        told = [(row, reader.story(row["mailbox"], row["outlook_id"], row["salesforce_id"])) for row in found]
        living = {_person(row) for row, story in told if story["item"]}
        held = {row["salesforce_id"] for row in found if row["mailbox"]}
        stories = dict[tuple[str, str], dict[str, Any]]()
        for row, story in told:
            if not row["mailbox"] and row["salesforce_id"] in held:
                continue  # the mailbox that had it tells of it
            if _person(row) in stories or (not story["item"] and _person(row) in living):
                continue  # an earlier item of the same contact: the living one's story tells of its links too
            recent = reader.history(
                contact_keys=[key for key in (row["outlook_id"], row["salesforce_id"]) if key],
                mailboxes=[row["mailbox"]] if row["mailbox"] else (),
                limit=5,
            )
            stories[_person(row)] = {**row, "explanation": sentences(row, story, recent)}

    def show(console: Console) -> None:
        for story in stories.values():
            where = story["mailbox"] or "in no mailbox"
            console.print(f"{story['name'] or contact}, {where}", style="bold", highlight=False, markup=False)
            for line in story["explanation"]:
                console.print(f"  {line}", highlight=False, markup=False)
        if not stories:
            text = _ELSEWHERE if known else _NOBODY
            elsewhere = ", ".join(sorted({row["mailbox"] for row in known}))
            told = text.format(contact=contact, mailbox=mailbox, elsewhere=elsewhere)
            console.print(told, highlight=False, markup=False)

    invocation.emit({"contacts": list(stories.values())}, show)
    return DONE if stories else WITH_PROBLEMS


@click.command(cls=Verb)
@click.argument("subjects", nargs=-1, metavar="[ID]...")
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only in this mailbox.")
@click.option("--retry", is_flag=True, help="Let the next run try again what was refused: of contacts ID, or all.")
@pass_invocation
def problems(invocation: Invocation, subjects: tuple[str, ...], mailbox: str | None, retry: bool) -> int:
    """What cannot be synchronised now, why, since when, and what would solve it; and what waits for a decision.

    What a service refused is tried again after a growing pause; --retry ends the pause. ID is the subject of a problem,
    or its Contact's Id. All other problems are looked at by every run.
    """
    settings = invocation.settings()
    if retry:
        return _retry(invocation, settings, subjects, mailbox)
    if subjects:
        raise click.UsageError("ID goes with --retry. `sync-pipeline explain ID` tells of one contact.")
    mailboxes = [mailbox] if mailbox else []
    with reading(settings) as reader:
        must_know(reader, settings, mailbox)
        found = [
            {
                name: row[name]
                for name in (
                    "mailbox",
                    "name",
                    "subject",
                    "field",
                    "code",
                    "message",
                    "remedy",
                    "since",
                    "attempts",
                    "next_try",
                )
            }
            for row in reader.problems(mailboxes)
        ]
        holds = [row | {"fields": json.loads(row["fields"] or "[]")} for row in reader.holds(mailboxes)]
        stopped = [
            {name: row[name] for name in ("mailbox", "code", "message", "remedy")}
            for row in reader.mailboxes()
            if row["status"] == "stopped" and (not mailboxes or row["mailbox"] in mailboxes)
        ]

    def show(console: Console) -> None:
        from sync_pipeline.commands.tables import changes, show_rows

        show_rows(console, "Mailboxes that could not be synchronised", stopped)
        show_rows(console, "Problems: `problems --retry` lets the next run try what was refused", found)
        waiting = [
            {
                "operation": row["operation_id"],
                "mailbox": row["mailbox"],
                "kind": row["kind"],
                "verdict": row["verdict"],
                "contact": f"{row['name']} {row['subject']}".strip(),
                "candidates": row["candidates"],
                "would": f"{row['action']} in {str(row['side']).capitalize()}" if row["action"] else "",
                "fields": changes(row["fields"]),
                "why": row["reason"],
                "since": row["since"],
            }
            for row in holds
        ]
        show_rows(console, "On hold: `approve` or `drop` them, `resolve` conflicts, `link` what is one person", waiting)
        if not (stopped or found or holds):
            console.print("No problems, and nothing waits.")

    invocation.emit({"problems": found, "holds": holds, "stopped": stopped}, show)
    return WITH_PROBLEMS if stopped or found or holds else DONE


def _retry(invocation: Invocation, settings: Settings, subjects: tuple[str, ...], mailbox: str | None) -> int:
    """Ends the pause of refused writes, and says which."""
    with writing(settings) as (reader, writer):
        must_know(reader, settings, mailbox)
        found = reader.problems([mailbox] if mailbox else [])
        unknown = set(subjects) - {row[key] for row in found for key in ("subject", "outlook_id", "salesforce_id")}
        if unknown:
            raise click.ClickException(
                f"No problem of {', '.join(sorted(unknown))} is known. `sync-pipeline problems` lists the subjects."
            )
        meant = [
            row
            for row in found
            if not subjects or {row["subject"], row["outlook_id"], row["salesforce_id"]}.intersection(subjects)
        ]
        refused = [row for row in meant if row["attempts"]]
        writer.retry_problems(refused, now_for(reader))
    names = ("mailbox", "name", "subject", "field", "code", "attempts")
    retried = [{name: row[name] for name in names} for row in refused]
    others = len(meant) - len(refused)

    def show(console: Console) -> None:
        from sync_pipeline.commands.tables import show_rows

        show_rows(console, "The next run tries again; `sync-pipeline run` does it now", retried)
        if not refused:
            console.print("Nothing waits for its next try.")
        if others:
            console.print(f"{others} other problems are looked at by every run.", highlight=False)

    invocation.emit({"retried": retried, "others": others}, show)
    return DONE


def _in_mailbox(found: Sequence[dict[str, Any]], mailbox: str) -> list[dict[str, Any]]:
    """The rows of this mailbox; of Contacts that it never held, one that says so."""
    here = [row for row in found if row["mailbox"] == mailbox]
    missing = {row["salesforce_id"]: row for row in found if row["salesforce_id"]}.keys() - {
        row["salesforce_id"] for row in here
    }
    names = {row["salesforce_id"]: row["name"] for row in found}
    return here + [
        {"mailbox": mailbox, "outlook_id": "", "salesforce_id": contact, "name": names[contact]}
        for contact in sorted(missing)
    ]


def _person(row: dict[str, Any]) -> tuple[str, str]:
    return row["mailbox"], row["salesforce_id"] or row["outlook_id"]
