"""The stages of planning, in order; each reads and writes tables of the schema `planning`."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import duckdb
import pandas as pd

from sync_pipeline.model.fields import IDENTITY_FIELDS, JOINED, NAME_FIELDS, field_names
from sync_pipeline.planning.accounts import resolve_accounts, suggest_accounts
from sync_pipeline.planning.context import PlanContext, load_context
from sync_pipeline.planning.render import create_macros, run
from sync_pipeline.planning.scope import choose_mailboxes, tell_compared

#: What Salesforce accepts as an e-mail, in RE2's syntax.
EMAIL_PATTERN = r"[^\s@,;:<>()\[\]\\\"]+@[^\s@,;:<>()\[\]\\\".]+(\.[^\s@,;:<>()\[\]\\\".]+)+"

#: What a Contact is shown as in Outlook where nobody chose a display name.
_DISPLAY_NAME: Final = "nullif(trim(concat_ws(' ', nullif(contact.first_name, ''), nullif(contact.last_name, ''))), '')"

_RESULTS = resources.files(__package__).joinpath("sql", "results.sql")

#: A Person Account is a person, not where somebody works: no other Contact is given to it (R7, R9).
_ACCOUNTS: Final = (
    "select id, name, created_at from salesforce.accounts where id not in "
    "(select account_id from salesforce.contacts where is_person_account and account_id is not null)"
)

#: Where any of these has a row, something has to be looked at.
_LOOKED_AT: Final = (
    "sync.marks",
    "planning.unlike",
    "planning.unlinked",
    "planning.unheld",
    "planning.undo_parts",
    "sync.problems",
    "sync.conflicts where is_open",
    "outlook.contacts where lost_with_folder and place = 'deleted'",
)
#: What of one's own a mailbox may need besides: its folder, its category.
_PLANNED_FOR: Final = (
    "planning.links",
    "planning.scope_items",
    "outlook.mailboxes where folder_state in ('missing', 'lost') or not coalesce(category_listed, false)",
)
#: Links whose Outlook contact is made again.
_MADE_ANEW: Final = "planning.decisions where decision = 'restore' and place = 'gone'"
#: Fields that an update empties.
_CLEARED: Final = (
    "(select unnest(planning.changes_of(fields)) as change from planning.operations where action = 'update') "
    "where change.after = '' and change.before <> ''"
)


def match_contacts(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> int:
    """The state of every link, and who is whom among the unlinked (R9). Returns the unlinked Outlook contacts."""
    load_context(connection, context)
    create_macros(connection)
    values: dict[str, Any] = {
        "fields": context.fields,
        "known": field_names(context.fields),
        "now": context.now.isoformat(),
        "run_id": context.run_id,
        "org_id": context.org_id,
    }
    run(
        connection,
        "states",
        instance_url=context.instance_url,
        joined=JOINED,
        identity=field_names(IDENTITY_FIELDS),
        lists=[field.name for field in context.fields if field.is_list],
        **values,
    )
    asked = ["(select 1)"] if context.undo.runs else ["sync.undos where closed_at is null"]
    run(connection, "undo_parts", rests_on=asked, undo=context.undo, **values)
    choose_mailboxes(connection, context)
    run(connection, "whole", rests_on=["planning.whole"], **values)
    run(connection, "scope", rests_on=_LOOKED_AT, **values)
    run(connection, "heirs", rests_on=["planning.bereft"], **values)
    run(connection, "links", rests_on=["planning.open_links"])
    run(connection, "newcomers", rests_on=["planning.scope_items"], **values)
    run(connection, "match", rests_on=["planning.newcomers"], **values)
    run(connection, "arrivals", rests_on=["planning.members"])
    return _count(connection, "planning.contact_matches")


def compare_fields(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> int:
    """Three-way merge (R10–R13) and the fate of every link (R14–R19). Returns the fields that differ."""
    values: dict[str, Any] = {"fields": context.fields, "now": context.now.isoformat(), "email_pattern": EMAIL_PATTERN}
    run(connection, "touched", rests_on=["planning.links", "sync.problems"], **values)
    run(connection, "changes", rests_on=["planning.touched"], **values)
    run(connection, "reversals", rests_on=["planning.undo_parts"], **values)
    run(connection, "decisions", rests_on=["planning.links"], **values)
    tell_compared(connection)
    return _count(connection, "planning.contact_changes where course not in ('agree', 'differ')")


def resolve_companies(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> int:
    """Resolve Companies to Accounts (R7) as a dataframe step; writes planning.account_resolution. Returns the rows."""
    run(connection, "companies", rests_on=["planning.contact_matches", "planning.links"])
    contacts = connection.execute("select key, company from planning.companies order by key").df()
    # an org has many more Accounts than a run has new Companies, and most runs have none
    accounts = connection.execute(_ACCOUNTS if len(contacts) else f"{_ACCOUNTS} limit 0").df()
    resolved = resolve_accounts(contacts, accounts)
    unresolved = contacts[contacts["key"].isin(resolved.loc[resolved["account_id"].isna(), "key"])]
    suggested = suggest_accounts(unresolved, accounts, limit=context.suggestions)
    frame = resolved.merge(suggested, on="key", how="left")
    connection.register("resolved", _as_text(frame))
    connection.execute(
        "create or replace table planning.account_resolution as select cast(key as varchar) as key, "
        "cast(account_id as varchar) as account_id, cast(rule as varchar) as rule, "
        "cast(candidates as integer) as candidates, "
        "coalesce(cast(suggestions as varchar[]), []) as suggestions from resolved"
    )
    connection.unregister("resolved")
    return len(frame)


def build_plan(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> int:
    """Verdicts become operations, bases and link changes; what must wait is held (R20, R22). Returns the ready ones."""
    connection.execute(_RESULTS.read_text())
    values: dict[str, Any] = {
        "fields": context.fields,
        "now": context.now.isoformat(),
        "run_id": context.run_id,
        "org_id": context.org_id,
    }
    run(connection, "creations", rests_on=["planning.contact_matches"], email_pattern=EMAIL_PATTERN, **values)
    run(connection, "new_items", rests_on=["planning.arrivals", _MADE_ANEW], display_name=_DISPLAY_NAME, **values)
    run(connection, "operations", rests_on=_PLANNED_FOR, known=field_names(context.fields), **values)
    run(
        connection, "undo_operations", rests_on=["planning.undo_parts"], display_name=_DISPLAY_NAME,
        known=field_names(context.fields), **values,
    )  # fmt: skip
    run(connection, "problem_marks", rests_on=["planning.scope_items", "sync.problems"])
    run(connection, "clearings", rests_on=[_CLEARED], names=sorted(NAME_FIELDS), **values)
    guarded = ["planning.operations", "planning.decisions"]
    run(
        connection, "guard", rests_on=guarded, approve_first_run=context.approve_first_run, names=sorted(NAME_FIELDS),
        **values,
    )  # fmt: skip
    run(connection, "kept_marks")
    return _count(connection, "planning.planned where state = 'ready'")


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({"key": object, "account_id": object, "rule": object}).where(frame.notna(), None)


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"select count(*) from {relation}").fetchone()
    return int(row[0]) if row else 0
