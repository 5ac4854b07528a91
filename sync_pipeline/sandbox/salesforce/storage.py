"""The org's tables: one per object with a column per field, indexed for what SOQL and the rules look things up by.

Times are stored as Salesforce prints them (UTC, whole seconds, `.000+0000`), so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import (
    NUMBER_TYPES,
    OBJECTS,
    FieldDef,
    ObjectDef,
    make_field,
    raw_description,
)
from sync_pipeline.sandbox.salesforce.switches import SWITCHES
from sync_pipeline.sandbox.state import Json, State

# Columns that no API shows.
_INTERNAL: Final = {
    "Contact": ("_deleted_with TEXT",),
    "User": ("_is_administrator INTEGER NOT NULL DEFAULT 0",),
    "ListView": ("_scope TEXT", "_where TEXT", "_visible_to TEXT"),
}
_INDEXES: Final = {
    "Account": ("fold(Name)", "SystemModstamp", "OwnerId", "ParentId"),
    "Contact": ("fold(Name)", "fold(Email)", "fold(LastName)", "SystemModstamp", "AccountId", "OwnerId", "ReportsToId",
                "MasterRecordId"),
    "Lead": ("fold(Name)", "fold(Email)", "SystemModstamp", "OwnerId"),
    "User": ("fold(Username)", "fold(Email)"),
    "ListView": ("fold(DeveloperName)",),
}  # fmt: skip
_CUSTOM_INDEXES: Final = ("fold(Name)", "SystemModstamp", "OwnerId")
_OTHER_TABLES: Final = """
CREATE TABLE IF NOT EXISTS sf_objects (name TEXT PRIMARY KEY, definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sf_fields (object TEXT NOT NULL, name TEXT NOT NULL, definition TEXT NOT NULL,
    PRIMARY KEY (object, name));
CREATE TABLE IF NOT EXISTS sf_deleted (object TEXT NOT NULL, id TEXT NOT NULL, deleted_at TEXT NOT NULL,
    PRIMARY KEY (object, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sf_deleted_at ON sf_deleted (object, deleted_at);
CREATE TABLE IF NOT EXISTS sf_rules (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, object TEXT NOT NULL,
    definition TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sf_cursors (id TEXT PRIMARY KEY, soql TEXT NOT NULL, include_deleted INTEGER NOT NULL,
    user_id TEXT NOT NULL, total INTEGER NOT NULL, page_size INTEGER NOT NULL, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sf_jobs (id TEXT PRIMARY KEY, kind TEXT NOT NULL, object TEXT NOT NULL,
    operation TEXT NOT NULL, external_id TEXT, delimiter TEXT NOT NULL, line_ending TEXT NOT NULL,
    version TEXT NOT NULL, soql TEXT, state TEXT NOT NULL, error TEXT, actor TEXT NOT NULL, user_id TEXT NOT NULL,
    username TEXT NOT NULL, is_administrator INTEGER NOT NULL, allow_save INTEGER NOT NULL, created_at TEXT NOT NULL,
    modified_at TEXT NOT NULL, content BLOB, header TEXT, done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0, looks INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS sf_job_rows (job TEXT NOT NULL, position INTEGER NOT NULL, outcome TEXT NOT NULL,
    id TEXT, told TEXT, line TEXT NOT NULL, PRIMARY KEY (job, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sf_cursor_rows (cursor TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (cursor, position)) WITHOUT ROWID;
"""


def prepare(state: State) -> None:
    """Creates what is not there yet. Call it at start, outside a transaction."""
    if "salesforce_sharing" in state.switches:
        return
    tables = [statement for name in OBJECTS for statement in _table(raw_description(name), _INDEXES.get(name, ()))]
    state.schema("\n".join([_OTHER_TABLES, *tables]))
    state.declare_switches(SWITCHES)
    for name in OBJECTS:
        for one in (make_field(raw) for raw in raw_description(name)["fields"]):
            add_column(state, name, one)


def create_table(state: State, raw: Json) -> None:
    """A custom object's table, empty. One of that name can be there still: a reset forgets the object alone."""
    state.db.execute(f'DROP TABLE IF EXISTS "sf_{raw["name"]}"')
    for statement in _table(raw, _CUSTOM_INDEXES):
        state.db.execute(statement)
    for one in map(make_field, raw["fields"]):
        add_column(state, raw["name"], one)


def _table(raw: Json, indexed: tuple[str, ...]) -> list[str]:
    name = raw["name"]
    columns = [_column(make_field(one)) for one in raw["fields"] if one["type"] != "address"]
    body = ", ".join([*columns, *_INTERNAL.get(name, ())])
    indexes = [
        f'CREATE INDEX IF NOT EXISTS "sf_{name}_{number}" ON "sf_{name}" ({expression});'
        for number, expression in enumerate(indexed)
    ]
    if "_deleted_with TEXT" in _INTERNAL.get(name, ()):
        on = f'"sf_{name}" (_deleted_with) WHERE _deleted_with IS NOT NULL'
        indexes.append(f'CREATE INDEX IF NOT EXISTS "sf_{name}_deleted_with" ON {on};')
    if "IsDeleted" in (one["name"] for one in raw["fields"]):
        # The recycle bin of a large table is found without reading the table.
        on = f'"sf_{name}" (SystemModstamp) WHERE IsDeleted = 1'
        indexes.append(f'CREATE INDEX IF NOT EXISTS "sf_{name}_deleted" ON {on};')
    return [f'CREATE TABLE IF NOT EXISTS "sf_{name}" ({body}) WITHOUT ROWID;', *indexes]


def _column(one: FieldDef) -> str:
    if one.type == "id":
        return f'"{one.name}" TEXT PRIMARY KEY'
    if one.type == "boolean":
        return f'"{one.name}" INTEGER NOT NULL DEFAULT 0'
    return f'"{one.name}" {"REAL" if one.type in NUMBER_TYPES else "TEXT"}'


def add_column(state: State, object_name: str, one: FieldDef) -> None:
    """Gives a field its column, and an index where it is looked up by; both may be there already."""
    if one.type == "address":
        return
    present = {row["name"] for row in state.db.execute(f'PRAGMA table_info("sf_{object_name}")')}
    if one.name not in present:
        state.db.execute(f'ALTER TABLE "sf_{object_name}" ADD COLUMN {_column(one)}')
    if one.custom and (one.externalId or one.unique or one.type == "reference"):
        expression = f'"{one.name}"' if one.caseSensitive or not one.is_text else f'fold("{one.name}")'
        state.db.execute(
            f'CREATE INDEX IF NOT EXISTS "sf_{object_name}_{one.name}" ON "sf_{object_name}" ({expression})'
        )


def stamp(moment: datetime, *, milliseconds: bool = False) -> str:
    """2026-01-31T08:00:00.000+0000; the milliseconds are dropped, as Salesforce does, unless they are asked for."""
    kept = moment.microsecond // 1000 if milliseconds else 0
    return moment.astimezone(UTC).strftime(f"%Y-%m-%dT%H:%M:%S.{kept:03d}+0000")


def from_stamp(text: str) -> datetime:
    """What `stamp` made, as an aware datetime."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def shown(one: FieldDef, stored: Any) -> Any:
    """A stored value as JSON shows it."""
    if one.type == "boolean":
        return bool(stored)
    if one.type == "int" and stored is not None:
        return int(stored)
    return stored


def record_of(target: ObjectDef, row: Any) -> Json:
    """A table row as a dict of API names, empty fields left out: the form the mutation log keeps."""
    return {one.name: shown(one, row[one.name]) for one in target.stored() if row[one.name] is not None}
