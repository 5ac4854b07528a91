"""Marks what a write touched, so that the next planning looks at it. Called inside the transaction of that write."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from sync_pipeline.warehouse.tables import Row, insert


def mark_contacts(connection: duckdb.DuckDBPyConnection, contact_ids: Iterable[str]) -> None:
    """Contacts of Salesforce that changed, came or went, also from a view or from what a credential reads."""
    _mark(connection, ({"kind": "contact", "mailbox": "", "id": contact} for contact in contact_ids))


def mark_items(connection: duckdb.DuckDBPyConnection, items: Iterable[tuple[str, str]]) -> None:
    """(mailbox, id) of Outlook contacts that changed, came or went."""
    _mark(connection, ({"kind": "item", "mailbox": mailbox, "id": item} for mailbox, item in items))


def mark_accounts(connection: duckdb.DuckDBPyConnection, account_ids: Iterable[str]) -> None:
    """Accounts that were renamed, came or went: their Contacts have another Company, and others may find an Account."""
    _mark(connection, ({"kind": "account", "mailbox": "", "id": account} for account in account_ids))


def _mark(connection: duckdb.DuckDBPyConnection, rows: Iterable[Row]) -> None:
    insert(connection, "sync.marks", list(rows))
