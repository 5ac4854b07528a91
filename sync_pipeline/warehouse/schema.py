"""Brings the warehouse's tables to this version: numbered migrations, each once, then the mapped fields' columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import duckdb

from sync_pipeline.model.errors import WarehouseUnusable
from sync_pipeline.model.fields import IDENTITY_FIELDS, Field
from sync_pipeline.warehouse.tables import column_types, replace, transaction

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: duckdb.DuckDBPyConnection, fields: Iterable[Field]) -> None:
    """Applies what is missing, in one transaction. A second call changes nothing.

    The base is kept per pair of mapped fields (R10): where a field has another counterpart now, its bases and what the
    mirrors hold of it are forgotten.

    Raises WarehouseUnusable where the file was written by a newer version.
    """
    with transaction(connection):
        connection.execute("create schema if not exists sync")
        connection.execute("create table if not exists sync.migrations (number integer, name varchar)")
        applied = {number for (number,) in connection.execute("select number from sync.migrations").fetchall()}
        known = {int(path.name.partition("_")[0]): path for path in sorted(MIGRATIONS.glob("*.sql"))}
        if unknown := applied - known.keys():
            raise WarehouseUnusable(
                f"The warehouse has migration {max(unknown)}, which this version does not know.",
                remedy="Install the newer version again, or use another data_dir.",
                code="warehouse_newer",
            )
        for number, path in known.items():
            if number not in applied:
                connection.execute(path.read_text(encoding="utf-8"))
                connection.execute("insert into sync.migrations values (?, ?)", [number, path.stem])
        table = tuple(fields)
        _add_field_columns(connection, table)
        _forget_other_counterparts(connection, table)


def field_columns(fields: Iterable[Field]) -> dict[str, list[tuple[str, str]]]:
    """By table, the columns that the field table adds: (name, type)."""
    columns: dict[str, list[tuple[str, str]]] = {"salesforce.contacts": [], "outlook.contacts": [], "sync.links": []}
    for field in fields:
        columns["salesforce.contacts"].append((field.name, "varchar"))
        columns["sync.links"] += [(f"outlook_{field.name}", "varchar"), (f"salesforce_{field.name}", "varchar")]
        if field.is_list:
            columns["outlook.contacts"].append((field.list_column, "varchar[]"))
            columns["sync.links"].append((f"outlook_{field.list_column}", "varchar[]"))
        else:
            columns["outlook.contacts"].append((field.name, "varchar"))
    return columns


def _add_field_columns(connection: duckdb.DuckDBPyConnection, fields: Iterable[Field]) -> None:
    for table, wanted in field_columns((*IDENTITY_FIELDS, *fields)).items():
        present = column_types(connection, table)
        for name, kind in dict.fromkeys(wanted):
            if name not in present:
                connection.execute(f'alter table {table} add column "{name}" {kind}')


def _forget_other_counterparts(connection: duckdb.DuckDBPyConnection, fields: tuple[Field, ...]) -> None:
    pairs = {field.name: (field.salesforce, field.outlook) for field in fields}
    query = "select field, salesforce, outlook, coalesce(other_until, 0) from sync.mapped_fields"
    found = connection.execute(query).fetchall()
    known = {name: (salesforce, outlook) for name, salesforce, outlook, _ in found}
    other_until = {name: until for name, _, _, until in found}
    newest = connection.execute("select coalesce(max(number), 0) from sync.runs").fetchall()[0][0]
    for field in fields:
        if known.get(field.name, pairs[field.name]) != pairs[field.name]:
            other_until[field.name] = newest
            for table, columns in field_columns([field]).items():
                for name, _ in columns:
                    connection.execute(f'update {table} set "{name}" = null where "{name}" is not null')
    if known.items() >= pairs.items():
        return
    connection.execute("delete from sync.compared")
    rows = [
        {"field": name, "salesforce": pair[0], "outlook": pair[1], "other_until": other_until.get(name, 0)}
        for name, pair in (known | pairs).items()
    ]
    replace(connection, "sync.mapped_fields", rows)
