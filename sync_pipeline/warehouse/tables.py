"""Rows in bulk between Python and DuckDB: dictionaries become one Arrow relation, so thousands cost milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

Row = Mapping[str, Any]

_ARROW = {
    "VARCHAR": pa.string(),
    "JSON": pa.string(),
    "BOOLEAN": pa.bool_(),
    "TIMESTAMP": pa.timestamp("us"),
    "BIGINT": pa.int64(),
    "INTEGER": pa.int32(),
    "DOUBLE": pa.float64(),
    "VARCHAR[]": pa.list_(pa.string()),
}


@cache
def statement(name: str) -> str:
    """The text of `sql/<name>.sql`."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")


def column_types(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Column names and DuckDB types of a table, in order."""
    described = connection.execute(f"select * from {table} limit 0")
    types = {column[0]: str(column[1]) for column in described.description or ()}
    described.fetchall()
    return types


@contextmanager
def staged(
    connection: duckdb.DuckDBPyConnection, name: str, rows: Sequence[Row], types: Mapping[str, str]
) -> Iterator[None]:
    """The rows as a relation `name` with the columns of `types` (DuckDB types); what a row lacks is NULL."""
    columns = {column: pa.array([row.get(column) for row in rows], type=_ARROW[kind]) for column, kind in types.items()}
    connection.complete()  # DuckDB registers nothing while a result, of which only one row was fetched, is open
    connection.register(name, pa.table(columns))
    try:
        yield
    finally:
        connection.unregister(name)


def insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """Appends rows; columns that no row names are NULL."""
    if rows:
        types = _named(column_types(connection, table), rows)
        with staged(connection, "incoming", rows, types):
            connection.execute(f"insert into {table} by name select * from incoming")


def replace(connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Row]) -> None:
    """The rows in the place of all that the table holds."""
    connection.execute(f"delete from {table}")
    insert(connection, table, rows)


def upsert(connection: duckdb.DuckDBPyConnection, table: str, key: Sequence[str], rows: Sequence[Row]) -> None:
    """Inserts rows or updates those with the same key.

    A column that is None in a row keeps its old value: absent is not empty.
    Where a key occurs twice in `rows` the last one counts.
    """
    if not rows:
        return
    types = _named(column_types(connection, table), rows)
    same = _same(key)
    values = [column for column in types if column not in key]
    with staged(connection, "incoming", _latest(key, rows), types):
        if values:
            sets = ", ".join(f'"{column}" = coalesce(incoming."{column}", target."{column}")' for column in values)
            connection.execute(f"update {table} as target set {sets} from incoming where {same}")
        connection.execute(
            f"insert into {table} by name select * from incoming "
            f"where not exists (select 1 from {table} as target where {same})"
        )


def differing(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    key: Sequence[str],
    rows: Sequence[Row],
    *,
    besides: Sequence[str] = (),
) -> list[tuple[Any, ...]]:
    """The keys of the rows that `upsert` would add, or whose columns it would change, those `besides` not counted."""
    if not rows:
        return []
    types = _named(column_types(connection, table), rows)
    alike = [
        f'(incoming."{column}" is null or incoming."{column}" is not distinct from target."{column}")'
        for column in types
        if column not in {*key, *besides}
    ]
    with staged(connection, "incoming", _latest(key, rows), types):
        return connection.execute(
            f"select {', '.join(key)} from incoming "
            f"where not exists (select 1 from {table} as target where {' and '.join([_same(key), *alike])})"
        ).fetchall()


def fetch(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()
) -> list[dict[str, Any]]:
    """The result as dictionaries."""
    result = connection.execute(query, dict(parameters) if isinstance(parameters, Mapping) else list(parameters))
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def scalar(connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()) -> Any:
    """The first value of the first row; None where there is no row."""
    found = connection.execute(query, list(parameters)).fetchall()
    return found[0][0] if found else None


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        with suppress(duckdb.TransactionException, duckdb.FatalException):  # what ended it already is what is told
            connection.execute("rollback")
        raise
    connection.execute("commit")


def _named(types: Mapping[str, str], rows: Sequence[Row]) -> dict[str, str]:
    named = {column for row in rows for column in row}
    if unknown := named - types.keys():
        raise KeyError(f"the table has no column {', '.join(sorted(unknown))}")
    return {column: kind for column, kind in types.items() if column in named}


def _latest(key: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    return list({tuple(row[column] for column in key): row for row in rows}.values())


def _same(key: Sequence[str]) -> str:
    return " and ".join(f"target.{column} = incoming.{column}" for column in key)
