"""Limits of P9: the story of one Contact, and the events of one day, by scans of the columns that they are made of."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from sync_pipeline.warehouse.tables import fetch


def story(connection: duckdb.DuckDBPyConnection, contact: str, item: str) -> list[dict[str, Any]]:
    """The events of a Contact and of its item with their values, the oldest first."""
    return fetch(connection, _statement("story_scan"), {"contact": contact, "item": item})


def day(connection: duckdb.DuckDBPyConnection, chosen: date) -> None:
    """Makes the temporary tables day_events and day_values."""
    connection.execute(f"set variable day = date '{chosen}'")
    connection.execute(_statement("day_scan"))


def _statement(name: str) -> str:
    return Path(__file__).with_name(f"{name}.sql").read_text(encoding="utf-8")
