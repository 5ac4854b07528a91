"""The columns that Dagster's UI shows of each asset's table: the warehouse's own, with what they mean."""

from __future__ import annotations

from functools import cache

import dagster as dg
import duckdb

from sync_pipeline.model.fields import FIELDS, Direction
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import column_types

# fmt: off
_MEANING = {
    "mailbox": "address of the mailbox",
    "id": "Id in its own service (Salesforce: 18 characters, Outlook: immutable id)",
    "outlook_id": "immutable id of the Outlook contact",
    "salesforce_id": "Id of the Contact, 18 characters",
    "contact_id": "Id of the Contact, 18 characters",
    "account_id": "Id of the Account, 18 characters",
    "link_id": "the pair of Outlook contact and Contact",
    "run_id": "the run, as in Dagster",
    "seen_run": "the run that read the row last",
    "modstamp": "SystemModstamp, UTC",
    "is_deleted": "lies in Salesforce's recycle bin",
    "master_id": "the Contact that this one was merged into",
    "is_readable": "the credential still returns it",
    "view_key": "which view: mine, all, or a list view",
    "place": "folder | elsewhere | deleted | gone",
    "folder_id": "the contact folder it lies in",
    "change_key": "Graph's changeKey when it was read",
    "categorised": "carries the category Salesforce",
    "stamp_contact": "the Contact that its stamp names",
    "copy_of": "the item it was copied from, or the Contact it was made from",
    "verdict": "link | hold | wait | create",
    "rule": "the rule that decided",
    "reason": "why, in a sentence",
    "key": "whose Company it is: a link id, or `mailbox|item id`",
    "candidates": "how many Accounts the Company could mean",
    "suggestions": "the nearest Account names; listed, never used",
    "field": "the mapped field",
    "course": "what becomes of the field: agree, up, down, hold, differ, resolve",
    "obstacle": "why Salesforce would refuse the value",
    "winner": "which side's value stays in a conflict, or hold",
    "operation_id": "the operation by its content: the same plan gives the same id",
    "seq": "order of pushing",
    "side": "salesforce or outlook: the service that is written to, or asked",
    "action": "create, update, delete, restore, undelete, move, finish_move, release, create_folder, create_category",
    "fields": "each field with before and after",
    "detail": "what the push needs besides",
    "state": "ready | held | problem | dropped",
    "hold_kind": "what keeps it back",
    "hold_reason": "what keeps it back, in a sentence",
    "depends_on": "the operation that must be done first",
    "planned_key": "the changeKey planned from: another one is a lost race",
    "planned_stamp": "the SystemModstamp planned from: another one is a lost race",
    "outcome": "done, refused, stale, skipped, unsent; empty while in doubt",
    "intent": "the operation as it was about to be sent",
    "result": "what came back",
    "contact_key": "whose history: the Contact, else the Outlook contact",
    "edited_at": "when the edit that it carries was made, UTC; empty: it carries none",
    "account_rule": "R7: the rule that decided the Account",
    "day": "UTC",
    "counted_as": "create, update, delete; empty: what is not counted, such as a link",
    "operations": "how many",
    "policy": "the policy of the field: salesforce, outlook, latest, hold",
    "conflicts": "how many, by the day on which they were found first",
    "kind": "problem or hold",
    "code": "the code of a problem, or what keeps a hold back",
    "began": "how many began on the day",
    "ended": "how many ended on the day",
    "open": "how many were open when the day ended; today: now",
    "edits": "edits that arrived on the day",
    "waited": "of these, those that waited for a person or for a problem; no lag is measured of them",
    "mean_seconds": "from the edit to its arrival, on average",
    "median_seconds": "half of the edits were faster",
    "p95_seconds": "95 of 100 edits were faster",
    "slowest_seconds": "the slowest edit",
    "calls": "HTTP requests",
    "subrequests": "requests inside of batches",
    "seconds": "in requests, over all that went on at a time",
    "contacts": "how many",
    "event_id": "joins sync.history_values, which holds before and after",
}
#: Tables that planning makes anew in each run.
_PLANNING = {
    "planning.contact_matches": {
        "mailbox": "varchar", "outlook_id": "varchar", "contact_id": "varchar", "verdict": "varchar",
        "reason": "varchar",
    },
    "planning.contact_changes": {
        "link_id": "varchar", "mailbox": "varchar", "contact_id": "varchar", "outlook_id": "varchar",
        "field": "varchar", "course": "varchar", "winner": "varchar", "obstacle": "varchar",
    },
    "planning.account_resolution": {
        "key": "varchar", "account_id": "varchar", "rule": "varchar", "candidates": "integer",
        "suggestions": "varchar[]",
    },
}
# fmt: on


def table(name: str) -> dict[str, dg.TableSchema | str]:
    """An asset's metadata: the table it fills, and that table's columns in the default mapping."""
    fields = {field.name: f"{field.salesforce} ⇄ {field.outlook}" for field in FIELDS}
    columns = [
        dg.TableColumn(column, kind.lower(), description=_MEANING.get(column) or fields.get(column))
        for column, kind in (_PLANNING.get(name) or _warehouse()[name]).items()
    ]
    return {"dagster/table_name": name, "dagster/column_schema": dg.TableSchema(columns=columns)}


@cache
def _warehouse() -> dict[str, dict[str, str]]:
    """The columns of every table, from the migrations themselves."""
    with duckdb.connect(":memory:") as connection:
        migrate(connection, [field for field in FIELDS if field.direction is not Direction.OFF])
        names = connection.execute("select schema_name || '.' || table_name from duckdb_tables()").fetchall()
        return {name: column_types(connection, name) for (name,) in names}
