"""The exported files: their columns are those that docs/audit.md names, and DuckDB and pandas read them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from sync_pipeline.model.fields import FIELDS, Direction
from sync_pipeline.warehouse.export import DAILY, TABLES, export
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import column_types, insert

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
MAPPED = [field for field in FIELDS if field.direction is not Direction.OFF]
MOMENT = datetime(2026, 3, 1, 8)
#: A value of each type that is not NULL, so that a tool has to read it.
EXAMPLES = {
    "VARCHAR": "Zoë",
    "JSON": "[]",
    "INTEGER": 1,
    "BIGINT": 2,
    "BOOLEAN": True,
    "TIMESTAMP": MOMENT,
    "VARCHAR[]": ["a"],
}


def documented(name: str) -> dict[str, str]:
    """Column and type as the page has them, the placeholder of a mapped field filled in."""
    part = PAGE.read_text(encoding="utf-8").partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    columns: dict[str, str] = {}
    for column, kind in re.findall(r"^\| ([a-z_`<>]+) \| ([A-Z\[\]]+) \|", part, re.MULTILINE):
        if "<field>" in column:
            chosen = [field.name for field in MAPPED if field.is_list or not column.endswith("_list")]
            columns |= {column.replace("`<field>`", field): kind for field in chosen}
        else:
            columns[column] = kind
    return columns


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One row in every exported table."""
    directory = tmp_path_factory.mktemp("data") / "exports"
    with duckdb.connect() as connection:
        migrate(connection, MAPPED)
        for name in (*TABLES, *DAILY):
            types = column_types(connection, f"sync.{name}")
            insert(connection, f"sync.{name}", [{column: EXAMPLES[kind] for column, kind in types.items()}])
        export(connection, directory, since=MOMENT)
    return directory


@pytest.mark.parametrize("name", [*TABLES, *DAILY])
def test_the_columns_are_those_that_the_page_names_and_any_tool_reads_them(exports: Path, name: str) -> None:
    heading = f"{name}.parquet" if name in TABLES else f"{name}/"
    file = exports / (f"{name}.parquet" if name in TABLES else f"{name}/{MOMENT:%Y-%m-%d}.parquet")
    with duckdb.connect() as connection:
        described = connection.execute(f"describe select * from '{file}'").fetchall()
    assert {row[0]: row[1] for row in described} == documented(heading)
    frame = pd.read_parquet(file)
    assert list(frame.columns) == [row[0] for row in described]
    [row] = frame.to_dict("records")
    texts = [column for column, kind in documented(heading).items() if kind == "VARCHAR"]
    assert {row[column] for column in texts} == {"Zoë"}
    assert {row[column] for column, kind in documented(heading).items() if kind == "TIMESTAMP"} <= {
        pd.Timestamp(MOMENT)
    }
