"""Runs the planning SQL: Jinja templates over the field table, one file a stage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import duckdb
import jinja2

from sync_pipeline.model.fields import Kind, normal_sql

_MADE: Final = re.compile(r"^create or replace table (\S+) as", re.MULTILINE)


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
    planning.changes_of(fields): an operation's fields as a list of (field, before, after).
    Also planning.stages, which tells what version made the tables of a stage that can be left out."""
    cases = " ".join(f"when '{kind.value}' then {normal_sql(kind, 'v')}" for kind in Kind)
    shape = '[{"field": "VARCHAR", "before": "VARCHAR", "after": "VARCHAR"}]'
    macros = {
        "normal(kind, v)": f"case kind {cases} end",
        **{f"normal_{kind.value}(v)": normal_sql(kind, "v") for kind in Kind},
        "changes_of(fields)": f"from_json(fields, '{shape}')",
    }
    created = [f"create or replace macro planning.{name} as {meaning};" for name, meaning in macros.items()]
    stages = "create table if not exists planning.stages (name varchar, made_by varchar);"
    connection.execute(" ".join(["begin;", *created, stages, "commit;"]))


def run(connection: duckdb.DuckDBPyConnection, name: str, *, rests_on: Sequence[str] = (), **values: Any) -> None:
    """Render `sql/<name>.sql` and execute its statements in order, in one transaction.

    `rests_on`: relations without whose rows the stage makes nothing. Where all of them are empty its tables are only
    emptied: to bind statements for which there is no work costs more than the rest of a quiet run.
    """
    connection.execute("begin")
    try:
        text = _environment().get_template(f"{name}.sql").render(literal=literal, texts=texts, **values)
        made_by = f"{sources()} {values.get('fields')}"
        is_idle = rests_on and not any(_has_rows(connection, relation) for relation in rests_on)
        if is_idle and _has_rows(connection, f"planning.stages where name = '{name}' and made_by = {literal(made_by)}"):
            text = " ".join(f"delete from {table};" for table in dict.fromkeys(_MADE.findall(text))) or "select 1"
        elif rests_on:
            connection.execute("delete from planning.stages where name = ?", [name])
            connection.execute("insert into planning.stages values (?, ?)", [name, made_by])
        connection.execute(text)
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _has_rows(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    return connection.execute(f"select 1 from {relation} limit 1").fetchone() is not None


@cache
def sources() -> str:
    """Stands for the text of all stages: the tables that another version left behind may have other columns."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((Path(__file__).parent / "sql").glob("*.sql"))]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
