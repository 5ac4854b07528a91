"""Runs the planning SQL: Jinja templates over the field table, one file a stage."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from sync_pipeline.model.fields import Kind, normal_sql


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "sql")
    return jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, autoescape=False)


def literal(value: str) -> str:
    """An SQL string literal."""
    return "'" + value.replace("'", "''") + "'"


def texts(values: Iterable[str]) -> str:
    """An SQL list of string literals."""
    return f"[{', '.join(map(literal, values))}]"


def create_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """planning.normal(kind, value): the comparison form of a value, generated from the field table's own rule.
    planning.changes_of(fields): an operation's fields as a list of (field, before, after)."""
    cases = " ".join(f"when '{kind.value}' then {normal_sql(kind, 'v')}" for kind in Kind)
    shape = '[{"field": "VARCHAR", "before": "VARCHAR", "after": "VARCHAR"}]'
    macros = {
        "normal(kind, v)": f"case kind {cases} end",
        **{f"normal_{kind.value}(v)": normal_sql(kind, "v") for kind in Kind},
        "changes_of(fields)": f"from_json(fields, '{shape}')",
    }
    created = [f"create or replace macro planning.{name} as {meaning};" for name, meaning in macros.items()]
    connection.execute(" ".join(["begin;", *created, "commit;"]))


def run(connection: duckdb.DuckDBPyConnection, name: str, **values: Any) -> None:
    """Render `sql/<name>.sql` and execute its statements in order, in one transaction."""
    connection.execute("begin")
    try:
        connection.execute(_environment().get_template(f"{name}.sql").render(literal=literal, texts=texts, **values))
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")
