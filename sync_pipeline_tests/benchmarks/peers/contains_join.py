"""Peer of P3: the join that SQL offers for "the name contains the Company"."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from sync_pipeline.warehouse.connection import MEMORY_LIMIT, THREADS

Answers = dict[str, tuple[int, str | None]]


def resolved(companies: pd.DataFrame, accounts: pd.DataFrame) -> Answers:
    """By key the number of Accounts, and the Account where it is one; with the product's threads and memory."""
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY_LIMIT}) as connection:
        connection.register("companies", companies)
        connection.register("accounts", accounts)
        rows = connection.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")).fetchall()
    return {key: (count, account if count == 1 else None) for key, count, account in rows}
