"""The page: facts, charts and tables of a scope, rendered into one file."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from sync_pipeline.report import charts
from sync_pipeline.report.scope import TREND_DAYS, Rows, Scope, nothing_of, read

_SIDES = {"salesforce": "Salesforce", "outlook": "Outlook"}
#: R7, from the surest rule to none; then what the settings decide.
_RULES = (
    "exact", "earliest_created", "unique_substring", "ambiguous_substring", "no_match", "no_company", "fixed", "none",
)  # fmt: skip


@dataclass(frozen=True)
class Chart:
    """A picture with its title, a sentence below it, and its words for who does not see it; or the sentence alone."""

    title: str
    note: str
    svg: str = ""
    words: str = ""

    @property
    def address(self) -> str:
        """The picture inside of the page itself, apart from all others."""
        return "data:image/svg+xml;base64," + b64encode(self.svg.encode()).decode()


def write_report(connection: duckdb.DuckDBPyConnection, scope: Scope, path: Path, *, allowed_seconds: float) -> None:
    """Writes the report; the file appears whole or not at all, and nobody but the owner reads it.

    `allowed_seconds`: two ticks of the schedule, which an edit may take.
    """
    rows = read(connection, scope)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("page.html").render(
        scope=scope,
        nothing=nothing_of(connection, scope),
        facts=_facts(scope, rows, allowed_seconds),
        charts=_charts(rows, allowed_seconds / 60),
        mailboxes=_mailboxes(rows["activity"]),
    )
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.chmod(0o600)
    os.replace(unfinished, path)


def _facts(scope: Scope, rows: Mapping[str, Rows], allowed: float) -> list[tuple[str, str]]:
    [runs] = rows["runs"]
    measured = [row["minutes"] for row in rows["lag"] if not row["waited"]]
    late = sum(minutes * 60 > allowed for minutes in measured)
    written = sum(row[action] for row in rows["activity"] for action in charts.ACTIONS)
    if scope.run_id is None:
        first = ("Runs", f"{runs['runs']:,}" + (f", {runs['failed']} failed" if runs["failed"] else ""))
    else:
        first = ("Mailboxes", f"{runs['mailboxes']:,}")
    return [
        first,
        ("Writes", f"{written:,}"),
        ("Refused", f"{sum(row['refused'] for row in rows['activity']):,}"),
        ("Conflicts", f"{sum(row['conflicts'] for row in rows['conflicts']):,}"),
        ("Open problems", f"{sum(row['open'] for row in rows['problems'] if row['kind'] == 'problem'):,}"),
        ("On hold", f"{sum(row['open'] for row in rows['problems'] if row['kind'] == 'hold'):,}"),
        ("Edits arrived", f"{len(rows['lag']):,}" + (f", {late} late" if late else "")),
        ("Requests", f"{runs['calls']:,}"),
    ]


def _charts(rows: Mapping[str, Rows], allowed: float) -> list[Chart]:
    return [
        *(_activity(rows["activity"], side) for side in _SIDES),
        _lag(rows["lag"], allowed),
        _conflicts(rows["conflicts"]),
        _problems(rows["problems"]),
        _account_rules(rows["account_rules"]),
        *_trends(rows["trend"], allowed),
    ]


def _activity(rows: Rows, side: str) -> Chart:
    title = f"Written to {_SIDES[side]}, by mailbox"
    here = [row for row in rows if row["side"] == side and any(row[action] for action in charts.ACTIONS)]
    here.sort(key=lambda row: (-sum(row[action] for action in charts.ACTIONS), row["mailbox"]))
    if not here:
        return Chart(title, "Nothing was written.")
    shown, rest = here[: charts.MOST_BARS], here[charts.MOST_BARS :]
    if rest:
        total: dict[str, Any] = {action: sum(row[action] for row in rest) for action in charts.ACTIONS}
        shown = [*shown, {"mailbox": f"{len(rest)} others", **total}]
    parts = {action: [row[action] for row in shown] for action in charts.ACTIONS}
    svg = charts.bars([row["mailbox"] for row in shown], parts, charts.ACTIONS, "operations")
    return Chart(title, "", svg, _words((row["mailbox"], sum(row[a] for a in charts.ACTIONS)) for row in shown))


def _lag(rows: Rows, allowed: float) -> Chart:
    title = "From an edit to its arrival on the other side"
    measured = sorted(row["minutes"] for row in rows if not row["waited"])
    waited = len(rows) - len(measured)
    note = f" {waited} waited for a decision or a problem and are not shown." if waited else ""
    if not measured:
        return Chart(title, f"No edit was measured.{note}")
    middle = measured[len(measured) // 2]
    told = f"{len(measured):,} edits, half of them within {middle:.1f} min, the slowest after {measured[-1]:.1f} min."
    limit = f" Two ticks of the schedule are {allowed:.0f} min."
    return Chart(title, told + limit + note, charts.histogram(measured, "minutes", allowed), told)


def _conflicts(rows: Rows) -> Chart:
    title = "Conflicts, by field and who won"
    if not rows:
        return Chart(title, "No field was changed to different values on both sides.")
    totals = _totals(rows, "field", "conflicts")
    parts = {
        winner: [
            sum(row["conflicts"] for row in rows if row["field"] == field and row["winner"] == winner)
            for field in totals
        ]
        for winner in charts.WINNERS
    }
    note = "hold: a person decides." if any(parts["hold"]) else ""
    return Chart(title, note, charts.bars(list(totals), parts, charts.WINNERS, "conflicts"), _words(totals.items()))


def _problems(rows: Rows) -> Chart:
    title = "What waits at the end, by reason"
    if not rows:
        return Chart(title, "There are no problems, and nothing waits for a person.")
    totals = _totals(rows, "code", "open")
    parts = {
        kind: [sum(row["open"] for row in rows if row["code"] == code and row["kind"] == kind) for code in totals]
        for kind in charts.KINDS
    }
    note = "sync-pipeline problems lists them with what solves each."
    return Chart(title, note, charts.bars(list(totals), parts, charts.KINDS, "open"), _words(totals.items()))


def _account_rules(rows: Rows) -> Chart:
    title = "Account of new Contacts, by the rule that decided"
    counts = {row["account_rule"]: row["contacts"] for row in rows}
    if not counts:
        return Chart(title, "No Account was decided.")
    names = [rule for rule in (*_RULES, *sorted(counts.keys() - {*_RULES})) if rule in counts]
    parts = {"create": [counts[name] for name in names]}
    svg = charts.bars(names, parts, charts.ACTIONS, "Contacts")
    return Chart(title, "", svg, _words((name, counts[name]) for name in names))


def _trends(rows: Rows, allowed: float) -> list[Chart]:
    dates = [row["day"] for row in rows]
    parts = {action: [row[action] for row in rows] for action in charts.ACTIONS}
    found = [_trend("Writes each day", dates, parts, charts.ACTIONS, "operations")]
    if any(row["edits"] for row in rows):
        series = {
            "median": [row["median_minutes"] for row in rows],
            "slowest": [row["slowest_minutes"] for row in rows],
        }
        note = "The higher median of both sides, and the slowest edit."
        found.append(Chart(_last("Lag each day"), note, charts.lines(dates, series, "minutes", allowed), note))
    waiting = {"problem": [row["problems"] for row in rows], "hold": [row["holds"] for row in rows]}
    found.append(_trend("Open at the end of each day", dates, waiting, charts.KINDS, "problems, holds"))
    return found


def _trend(title: str, dates: Sequence[Any], parts: charts.Stack, colours: Mapping[str, str], unit: str) -> Chart:
    total = sum(sum(values) for values in parts.values())
    if not total:
        return Chart(_last(title), "None.")
    return Chart(_last(title), "", charts.days(dates, parts, colours, unit), f"{total:,.0f} in all.")


def _last(title: str) -> str:
    return f"{title}, the last {TREND_DAYS} days"


def _totals(rows: Rows, name: str, count: str) -> dict[str, int]:
    """By name, the most first."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row[name]] = totals.get(row[name], 0) + row[count]
    return dict(sorted(totals.items(), key=lambda entry: (-entry[1], entry[0])))


def _words(entries: Any) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in entries)


def _mailboxes(rows: Rows) -> list[dict[str, Any]]:
    """One row for each mailbox, with both sides' counts."""
    found: dict[str, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: str(row["mailbox"])):
        mailbox = found.setdefault(row["mailbox"], {"mailbox": row["mailbox"], "refused": 0})
        mailbox["refused"] += row["refused"]
        mailbox[row["side"]] = [row[action] for action in charts.ACTIONS]
    return list(found.values())
