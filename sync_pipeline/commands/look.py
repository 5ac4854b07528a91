"""The verbs that only look: explain, history, problems. They read the warehouse and ask neither service."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
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
)

if TYPE_CHECKING:
    from rich.console import Console

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_NOBODY = (
    "No contact {contact!r} is known. An Outlook contact outside the folder and without the category is personal and is"
    " never read; a Contact is known once a run has read it. Names and e-mail addresses are compared whole."
    " `sync-pipeline run` reads what is new."
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
        found = reader.find_contact(contact, [mailbox] if mailbox else ())
        told = [(row, reader.story(row["mailbox"], row["outlook_id"], row["salesforce_id"])) for row in found]
        living = {_person(row) for row, story in told if story["item"]}
        stories = []
        for row, story in told:
            if not story["item"] and _person(row) in living:
                continue  # an earlier item of the same contact: the living one's story tells of its links too
            recent = reader.history(
                contact_keys=[key for key in (row["outlook_id"], row["salesforce_id"]) if key],
                mailboxes=[row["mailbox"]] if row["mailbox"] else (),
                limit=5,
            )
            stories.append({**row, "explanation": sentences(row, story, recent)})

    def show(console: Console) -> None:
        for story in stories:
            where = story["mailbox"] or "in no mailbox"
            console.print(f"{story['name'] or contact}, {where}", style="bold", highlight=False, markup=False)
            for line in story["explanation"]:
                console.print(f"  {line}", highlight=False, markup=False)
        if not stories:
            console.print(_NOBODY.format(contact=contact), highlight=False, markup=False)

    invocation.emit({"contacts": stories}, show)
    return DONE if stories else WITH_PROBLEMS


@click.command(cls=Verb)
@click.argument("contact", required=False)
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only in this mailbox.")
@click.option("--run", "run_id", metavar="R", help="Only of this run.")
@click.option(
    "--since", metavar="T", help="From a time on (2026-01-31, 2026-01-31T08:00) or for so long (90m, 12h, 7d)."
)
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="At most so many, the newest.")
@pass_invocation
def history(
    invocation: Invocation, contact: str | None, mailbox: str | None, run_id: str | None, since: str | None, limit: int
) -> int:
    """Who changed what, when, why: every operation with before and after; without CONTACT, of all contacts."""
    settings = invocation.settings()
    mailboxes = [mailbox] if mailbox else []
    with reading(settings) as reader:
        begin = _moment(since, now_for(reader)) if since else None
        if run_id is not None and reader.run(run_id) is None:
            known = ", ".join(row["run_id"] for row in reader.runs(5)) or "none"
            raise click.ClickException(
                f"No run {run_id} is known. The last ones: {known}. `sync-pipeline history` shows what each did."
            )
        keys: list[str] = []
        if contact is not None:
            found = reader.find_contact(contact, mailboxes)
            keys = sorted({key for row in found for key in (row["outlook_id"], row["salesforce_id"]) if key}) or [
                contact
            ]
        events = reader.history(contact_keys=keys, mailboxes=mailboxes, run_id=run_id, since=begin, limit=limit)

    def show(console: Console) -> None:
        from sync_pipeline.commands.tables import changes, show_rows

        rows = [
            {
                "when (UTC)": event["happened_at"],
                "mailbox": event["mailbox"],
                "side": event["side"],
                "action": event["action"],
                "contact": event["contact_key"],
                "fields": changes(event["fields"]),
                "rule": event["rule"],
                "why": event["reason"],
                "outcome": event["outcome"] + (f": {event['message']}" if event["message"] else ""),
            }
            for event in events
        ]
        show_rows(console, f"History: {len(rows)} events", rows)
        if not rows:
            console.print("Nothing in the history fits this.")

    invocation.emit({"events": events}, show)
    return DONE


@click.command(cls=Verb)
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only in this mailbox.")
@pass_invocation
def problems(invocation: Invocation, mailbox: str | None) -> int:
    """What cannot be synchronised now, why, since when, and what would solve it; and what waits for a decision."""
    settings = invocation.settings()
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
        show_rows(console, "Problems", found)
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


def _person(row: dict[str, Any]) -> tuple[str, str]:
    return row["mailbox"], row["salesforce_id"] or row["outlook_id"]


def _moment(text: str, now: datetime) -> datetime:
    """A point in time, UTC without a zone, from a date, a time or a duration before `now`."""
    if match := re.fullmatch(r"(\d+)([mhdw])", text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        allowed = "allowed: 2026-01-31, 2026-01-31T08:00 (UTC unless a zone is given), 90m, 12h, 7d, 2w"
        raise click.BadParameter(f"{text!r} is no time; {allowed}", param_hint="--since") from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
