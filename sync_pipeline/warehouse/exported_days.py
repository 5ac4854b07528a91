"""The exported days of the history: who is found in them, values erased in them, days dropped that are too old."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import duckdb

from sync_pipeline.warehouse.erasure import ERASED, address_of
from sync_pipeline.warehouse.export import DAILY, copy_to_file, quoted
from sync_pipeline.warehouse.tables import scalar

#: Of erasures that are not finished: what was erased from the tables is still to be erased from the exports.
_KEYS = "select id from sync.erased_keys join sync.erasures using (erasure_id) where finished_at is null"
_OF_PERSON = f"(salesforce_id in ({_KEYS}) or outlook_id in ({_KEYS}) or link_id in ({_KEYS}))"


def exported_keys(
    connection: duckdb.DuckDBPyConnection, directory: Path, email: str, names: Iterable[str]
) -> list[str]:
    """The contact keys under which the exported days show the address in one of these fields, or that it is itself."""
    keys: set[str] = set()
    told = f"list_contains($1, field) and $2 in ({address_of('before')}, {address_of('after')})"
    for path in _days(directory, "history_values"):
        found = connection.execute(
            f"select distinct contact_key from read_parquet('{quoted(path)}') "
            f"where contact_key <> '' and (contact_key = $2 or ({told}))",
            [list(names), email],
        ).fetchall()
        keys |= {key for (key,) in found}
    return sorted(keys)


def days_to_erase(connection: duckdb.DuckDBPyConnection, directory: Path) -> list[Path]:
    """The files that hold values of someone whose erasure is not finished."""
    found = []
    for name in DAILY:
        for path in _days(directory, name):
            source = f"read_parquet('{quoted(path)}')"
            if scalar(connection, f"select count(*) from {source} where {_holds(name, path)}"):
                found.append(path)
    return found


def erase_exported(connection: duckdb.DuckDBPyConnection, directory: Path) -> int:
    """Writes these files anew without the values: the rows of events stay. Returns the number of files."""
    for unfinished in directory.rglob(".*.unfinished"):
        unfinished.unlink()
    files = days_to_erase(connection, directory)
    for path in files:
        name, source = path.parent.name, f"read_parquet('{quoted(path)}')"
        holds = _holds(name, path)
        if name == "history_bases":
            query = f"select * from {source} where not coalesce({holds}, false)"
        elif name == "history_values":
            query = (
                f"select * replace (case when {holds} then null else before end as before, "
                f"case when {holds} then null else after end as after) from {source}"
            )
        else:
            query = (
                f"select * replace (case when {holds} then '{ERASED}' else reason end as reason, "
                f"case when {holds} then '' else message end as message) from {source}"
            )
        copy_to_file(connection, query, path)
    return len(files)


def drop_days(directory: Path, before: date) -> int:
    """Deletes the exported days before that one. Returns the number of files."""
    old = [path for name in DAILY for path in _days(directory, name) if date.fromisoformat(path.stem) < before]
    for path in old:
        path.unlink()
    return len(old)


def _days(directory: Path, name: str) -> Iterator[Path]:
    yield from sorted((directory / name).glob("*.parquet"))


def _holds(name: str, path: Path) -> str:
    """The condition by which a row of that file holds a value that is to go."""
    if name == "history":
        return f"({_OF_PERSON} and side is not null and (reason <> '{ERASED}' or coalesce(message, '') <> ''))"
    beside = path.parent.parent / "history" / path.name
    events = f"select event_id from read_parquet('{quoted(beside)}') where {_OF_PERSON}" if beside.exists() else ""
    theirs = f"contact_key in ({_KEYS})" + (f" or event_id in ({events})" if events else "")
    if name == "history_bases":
        return f"({theirs} or link_id in ({_KEYS}))"
    return f"(({theirs}) and (before is not null or after is not null))"
