"""Limit of P1: one bare join of links, items and Contacts that compares every mapped field with its base."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import duckdb
import jinja2

from sync_pipeline.model.fields import JOINED, Field
from sync_pipeline_tests.benchmarks.links import Change, compared


@cache
def join_sql(fields: Sequence[Field]) -> str:
    """The statement for these fields; it makes the temporary table `found`."""
    held = {field.name for field in fields if field.salesforce not in JOINED}
    entries = [
        {**entry, "contact": f"contact.{entry['name']}" if entry["name"] in held else "account.name"}
        for entry in compared(fields)
    ]
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    return str(jinja2.Template(text, undefined=jinja2.StrictUndefined).render(fields=entries))


def changes(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field]) -> set[Change]:
    """What differs: (link, side, field, before, after)."""
    connection.execute(join_sql(tuple(fields)))
    return set(connection.execute("select link_id, side, field, before, after from found").fetchall())
