"""The verb that looks back: what was done, and with --as-of how things stood. It asks neither service."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.invocation import (
    DONE,
    MAILBOX,
    Invocation,
    Verb,
    now_for,
    pass_invocation,
    reading,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.warehouse.reader import Reader

_MORE = "A larger --limit shows them, a CONTACT or --mailbox narrows it down, and all of it stands in data/exports."
#: As Dagster's UI shows a run's id; every --run takes it.
_SHORT = 8
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LEFT = {
    "unlinked": "moved out of the folder, personal since",
    "deleted_in_salesforce": "deleted in Salesforce",
    "deleted_in_outlook": "deleted in Outlook",
    "left_view": "left the mailbox's view",
    "merged": "merged in Salesforce",
    "by_hand": "unlinked by hand",
    "undone": "its creation was undone",
    "disabled": "the mailbox was switched off",
    "mailbox_removed": "the mailbox was taken out",
}


@click.command(cls=Verb)
@click.argument("contact", required=False)
@click.option("--mailbox", type=MAILBOX, metavar="M", help="Only in this mailbox.")
@click.option("--run", "run_id", metavar="R", help="Only of this run: its id, or the beginning of it.")
@click.option(
    "--since", metavar="T", help="From a time on (2026-01-31, 2026-01-31T08:00) or for so long (90m, 12h, 7d)."
)
@click.option("--as-of", "as_of", metavar="T", help="How it stood at this time, or so long ago.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="At most so many.")
@pass_invocation
def history(
    invocation: Invocation,
    contact: str | None,
    mailbox: str | None,
    run_id: str | None,
    since: str | None,
    as_of: str | None,
    limit: int,
) -> int:
    """Who changed what, when, why: every operation with before and after; without CONTACT, of all contacts.

    With --as-of the values of both sides as they were known then, and from which operation: of CONTACT, of a mailbox,
    or of all.
    """
    if as_of and (run_id or since):
        raise click.UsageError(
            "--as-of asks for a state and not for events: it goes with CONTACT, --mailbox and --limit."
        )
    from sync_pipeline.engine.run_ids import resolve_run

    settings = invocation.settings()
    mailboxes = [mailbox] if mailbox else []
    with reading(settings) as reader:
        now = now_for(reader)
        keys, links = _meant(reader, contact)
        if as_of:
            moment = _moment(as_of, now, "--as-of")
            if not moment.microsecond:  # what happened in the second that people read counts
                moment += timedelta(microseconds=999_999)
            chosen = links if contact is not None else None
            found = reader.links_as_of(moment, link_ids=chosen, mailboxes=mailboxes, limit=limit + 1)
            standing, more = found[:limit], len(found) > limit
            kept = reader.kept_from()
            hint = f"There are more links; these are the first {limit} by mailbox. {_MORE}" if more else None

            def show_state(console: Console) -> None:
                _show_state(console, moment, standing, contact, kept)
                _show_hint(console, hint)

            document = {"as_of": moment, "kept_from": kept, "links": standing, "more": more, "hint": hint}
            invocation.emit(document, show_state)
            return DONE
        begin = _moment(since, now, "--since") if since else None
        if run_id is not None:
            run_id = resolve_run(reader, run_id)
        found = reader.history(
            contact_keys=keys, link_ids=links, mailboxes=mailboxes, run_id=run_id, since=begin, limit=limit + 1
        )
    events, more = found[-limit:], len(found) > limit
    hint = f"There are earlier events; these are the last {limit}. {_MORE}" if more else None

    def show_events(console: Console) -> None:
        _show_events(console, events)
        _show_hint(console, hint)

    invocation.emit({"events": events, "more": more, "hint": hint}, show_events)
    return DONE


def _show_hint(console: Console, hint: str | None) -> None:
    if hint:
        console.print(hint, style="bold", highlight=False, markup=False)


def _meant(reader: Reader, contact: str | None) -> tuple[list[str], list[str]]:
    """The ids and links of whoever is meant; all of them, as a Contact has one story across all mailboxes."""
    if contact is None:
        return [], []
    found = reader.find_contact(contact)
    keys = {key for row in found for key in (row["outlook_id"], row["salesforce_id"]) if key} or {contact}
    return reader.story_of(sorted(keys))


def _show_events(console: Console, events: Sequence[Mapping[str, Any]]) -> None:
    from sync_pipeline.commands.tables import changes, show_rows

    rows = [
        {
            "when (UTC)": event["happened_at"],
            "run": event["run_id"][:_SHORT],
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


def _show_state(
    console: Console,
    moment: datetime,
    links: Sequence[Mapping[str, Any]],
    contact: str | None,
    kept: datetime | None,
) -> None:
    from sync_pipeline.commands.tables import show_rows

    if kept is not None and moment < kept:
        console.print(
            f"The history is kept from {kept:%Y-%m-%d} on (keep_history_days): of earlier moments only what was "
            "still so then is known.",
            highlight=False,
        )
    if not links:
        console.print(f"No link is known that stood at {moment:%Y-%m-%d %H:%M:%S} (UTC).", highlight=False)
    elif contact is None:
        rows = [
            {
                "mailbox": link["mailbox"],
                "contact": _name(link),
                "state": _state(link),
                "since (UTC)": link["since"],
                "Contact": link["salesforce_id"],
                "Outlook contact": link["outlook_id"],
            }
            for link in links
        ]
        show_rows(console, f"{len(rows)} links as of {moment:%Y-%m-%d %H:%M:%S} (UTC)", rows)
    else:
        for link in links:
            _show_link(console, moment, link)


def _show_link(console: Console, moment: datetime, link: Mapping[str, Any]) -> None:
    from sync_pipeline.commands.tables import show_rows

    since = f" since {link['since']:%Y-%m-%d %H:%M:%S}" if link["since"] else ""
    console.print(
        f"{_name(link) or link['salesforce_id']}, {link['mailbox']}: {_state(link)}{since}", style="bold",
        highlight=False, markup=False,
    )  # fmt: skip
    for side, there, key in (
        ("Outlook", "outlook_there", "outlook_id"),
        ("Salesforce", "salesforce_there", "salesforce_id"),
    ):
        console.print(f"  {side}: {link[key]}{'' if link[there] else ', deleted'}", highlight=False, markup=False)
    rows = [
        {
            "field": value["field"],
            "Outlook": _shown(value["outlook"]),
            "Salesforce": _shown(value["salesforce"]),
            "known from": _source(value),
        }
        for value in link["values"]
        if value["outlook"] or value["salesforce"]
    ]
    show_rows(console, f"Values as of {moment:%Y-%m-%d %H:%M:%S} (UTC)", rows)
    unknown = [value["field"] for value in link["values"] if value["outlook"] is None and value["salesforce"] is None]
    if link["erased_at"]:
        console.print(f"What was known of it before {link['erased_at']:%Y-%m-%d %H:%M:%S} was erased on request.")
    if unknown:
        console.print(f"Not known: {', '.join(unknown)}.", highlight=False, markup=False)


def _state(link: Mapping[str, Any]) -> str:
    return (
        "linked" if link["state"] == "linked" else f"closed: {_LEFT.get(link['closed_reason'], link['closed_reason'])}"
    )


def _name(link: Mapping[str, Any]) -> str:
    values = {value["field"]: value["salesforce"] or value["outlook"] for value in link["values"]}
    return " ".join(values[name] for name in ("first_name", "last_name") if values.get(name))


def _shown(value: str | None) -> str:
    return "(not known)" if value is None else " ".join(value.split()) or "(empty)"


def _source(value: Mapping[str, Any]) -> str:
    """The event that gave the newest of the two values."""
    event = max((value[side] for side in ("outlook_from", "salesforce_from") if value[side]), key=_when)
    rule = f" by {event['rule']}" if event["rule"] else ""
    return f"{event['happened_at']:%Y-%m-%d %H:%M:%S} {event['action']}{rule} {event['operation_id']}".rstrip()


def _when(event: Mapping[str, Any]) -> datetime:
    happened: datetime = event["happened_at"]
    return happened


def _moment(text: str, now: datetime, option: str) -> datetime:
    """A point in time, UTC without a zone, from a date, a time or a duration before `now`."""
    if match := re.fullmatch(r"(\d+)([mhdw])", text):
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        allowed = "allowed: 2026-01-31, 2026-01-31T08:00 (UTC unless a zone is given), 90m, 12h, 7d, 2w"
        raise click.BadParameter(f"{text!r} is no time; {allowed}", param_hint=option) from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
