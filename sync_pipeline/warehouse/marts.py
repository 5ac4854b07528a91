"""The marts: summaries by day of what the history, the runs and the waits say, rebuilt for any days and exported.

Their columns are described in docs/marts.md."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from pathlib import Path

import duckdb

from sync_pipeline.warehouse.export import copy_to_file
from sync_pipeline.warehouse.past import KEPT_FROM
from sync_pipeline.warehouse.tables import column_types, fetch, scalar, statement, transaction

#: Tables of the schema `marts`; a row of the mailbox '*' is over all mailboxes.
MARTS = (
    "operations_daily",
    "conflicts_daily",
    "problems_daily",
    "lag_daily",
    "requests_daily",
    "account_rules_daily",
)


#: By mart what is told of a day, from its rows over all mailboxes.
_FIGURES = {
    "operations_daily": "coalesce(sum(operations), 0)::bigint as operations, "
    + ", ".join(
        f"coalesce(sum(operations) filter (outcome = 'done' and counted_as = '{action}'), 0)::bigint as {name}"
        for name, action in (("adds", "create"), ("updates", "update"), ("deletes", "delete"))
    )
    + ", coalesce(sum(operations) filter (outcome = 'refused'), 0)::bigint as refused",
    "conflicts_daily": "coalesce(sum(conflicts), 0)::bigint as conflicts",
    "problems_daily": ", ".join(
        f"coalesce(sum({count}) filter (kind = '{kind}'), 0)::bigint as {kind}s_{count}"
        for kind in ("problem", "hold")
        for count in ("began", "ended", "open")
    ),
    "lag_daily": "coalesce(sum(edits), 0)::bigint as edits, coalesce(sum(waited), 0)::bigint as waited, "
    "max(median_seconds) as median_seconds, max(slowest_seconds) as slowest_seconds",
    "requests_daily": "coalesce(sum(calls), 0)::bigint as calls, coalesce(sum(subrequests), 0)::bigint as subrequests, "
    "coalesce(sum(seconds), 0) as seconds",
    "account_rules_daily": "coalesce(sum(contacts), 0)::bigint as contacts, "
    "coalesce(sum(contacts) filter (account_rule in ('no_match', 'ambiguous_substring')), 0)::bigint as unresolved",
}


def figures(
    connection: duckdb.DuckDBPyConnection, mart: str, first: date, last: date
) -> dict[date, dict[str, int | float]]:
    """What is told of a mart's days, over all mailboxes: every day has its entry; what was not measured is left out."""
    series = "select unnest(generate_series(?::date, ?::date, interval 1 day))::date as day"
    rows = fetch(
        connection,
        f"select days.day, {_FIGURES[mart]} from ({series}) as days "
        f"left join marts.{mart} as mart on mart.day = days.day and mart.mailbox = '*' group by days.day",
        [first, last],
    )
    return {
        row["day"]: {name: value for name, value in row.items() if name != "day" and value is not None} for row in rows
    }


def rebuild(
    connection: duckdb.DuckDBPyConnection,
    first: date,
    last: date,
    *,
    directory: Path,
    marts: Collection[str] = MARTS,
) -> dict[str, dict[date, int]]:
    """Makes the rows of these days (UTC, both included) anew and exports them, a Parquet file for each mart and day.

    What the marts held of the days is replaced, so a second call changes nothing; days whose history was dropped keep
    what they hold. Returns rows by mart and day.
    """
    kept_from = scalar(
        connection,
        "select max(value::timestamp)::date from sync.cursors where scope = 'history' and name = ?",
        [KEPT_FROM],
    )
    earliest = max(first, kept_from) if kept_from else first
    begin = datetime.combine(earliest, time.min)
    until = datetime.combine(last + timedelta(days=1), time.min)
    with transaction(connection):
        for mart in marts:
            connection.execute(f"delete from marts.{mart} where day between ? and ?", [earliest, last])
            columns = ", ".join(column_types(connection, f"marts.{mart}"))
            connection.execute(
                f"insert into marts.{mart} by name select {columns} from ({statement(f'marts/{mart}')}) order by all",
                {"first": begin, "until": until},
            )
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    counts = {}
    for mart in marts:
        folder = directory / "marts" / mart
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        counts[mart] = {
            day: copy_to_file(
                connection,
                f"select * from marts.{mart} where day = '{day}'::date order by all",
                folder / f"{day}.parquet",
            )
            for day in days
        }
    return counts
