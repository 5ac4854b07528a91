"""What a planning looks at: which mailboxes are compared whole, which marks it takes away, whether it got so far."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import replace
from typing import Final

import duckdb
import pyarrow as pa

from sync_pipeline.planning.context import PlanContext
from sync_pipeline.planning.render import sources

#: From so many marks on, comparing everything by fingerprints costs less than looking at each mark.
MOST_MARKS: Final = 50_000


def choose_mailboxes(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> None:
    """Write planning.whole, planning.fingerprints and planning.seen_marks.

    planning.whole: the mailboxes of which every link is compared: all with `full` or where there are many marks; and
    those that sat out the plan before this one, or were planned with other settings or by another version.
    planning.fingerprints: what each mailbox is planned with. planning.seen_marks: the last mark that is looked at.
    """
    found = fingerprints(context)
    connection.register("incoming", pa.table({"mailbox": [*found], "fingerprint": [*found.values()]}, schema=_SHAPE))
    connection.execute("create or replace table planning.fingerprints as select * from incoming")
    connection.unregister("incoming")
    connection.execute(
        "create or replace table planning.seen_marks as "
        "select uuid()::varchar as planning, coalesce(max(number), 0) as number from sync.marks"
    )
    connection.execute(
        "create or replace table planning.whole as select mailbox from planning.fingerprints as wanted "
        "where ? or (select count(*) from sync.marks) > ? or not exists ("
        "select 1 from sync.compared as compared "
        "where compared.mailbox = wanted.mailbox and compared.fingerprint = wanted.fingerprint)",
        [context.full, MOST_MARKS],
    )


def tell_compared(connection: duckdb.DuckDBPyConnection) -> None:
    """Write planning.compared_marks: that the links which the last `choose_mailboxes` led to were compared.

    Marks are only taken away where the two tell of the same planning, whatever stages are run alone.
    """
    connection.execute("create or replace table planning.compared_marks as select planning from planning.seen_marks")


def fingerprints(context: PlanContext) -> dict[str, str]:
    """By mailbox, what decides whether one of its links needs anything: settings, fields, org, the planner itself.

    Left out is what only judges operations that are planned anyway (R20, R22).
    """
    common = repr((context.org_id, context.instance_url, context.fields, sources()))
    parts: dict[str, list[str]] = defaultdict(list)
    for field in context.mailbox_fields:
        parts[field.mailbox].append(repr(field))
    for rule in context.create_rules:
        parts[rule.mailbox].append(repr(rule))
    found = {}
    for mailbox in context.mailboxes:
        judged = replace(
            mailbox, guard_count=0, guard_percent=0.0, guard_cap=0, guard_org=0, plan_above=0, is_first_run=False,
            suggestions=0,
        )  # fmt: skip
        text = "\n".join([common, repr(judged), *parts[mailbox.mailbox]])
        found[mailbox.mailbox] = hashlib.sha256(text.encode()).hexdigest()
    return found


_SHAPE: Final = pa.schema([("mailbox", pa.string()), ("fingerprint", pa.string())])
