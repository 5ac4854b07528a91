"""Peer of P1: the same comparison as merges of pandas' dataframes, on one thread and with all the memory it wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from sync_pipeline.model.fields import JOINED, Field
from sync_pipeline_tests.benchmarks.links import Change, compared


@dataclass(frozen=True)
class Frames:
    """Links, items, Contacts and Accounts. A list stands as its text, beside the entry that is mapped."""

    links: pd.DataFrame
    items: pd.DataFrame
    contacts: pd.DataFrame
    accounts: pd.DataFrame


def load(connection: duckdb.DuckDBPyConnection, fields: Sequence[Field]) -> Frames:
    """The four tables, with the columns that are compared."""
    entries = compared(fields)
    lists = {field.name for field in fields if field.is_list}
    bases = ", ".join(f"{e['base']}::varchar as base_{e['name']}, salesforce_{e['name']}" for e in entries)
    values = ", ".join(
        f"{e['value']} as value_{e['name']}"
        + (f", {e['item']}::varchar as item_{e['name']}" if e["name"] in lists else "")
        for e in entries
    )
    held = ", ".join(f"{field.name} as contact_{field.name}" for field in fields if field.salesforce not in JOINED)
    return Frames(
        connection.execute(f"select link_id, mailbox, outlook_id, salesforce_id, {bases} from sync.links").df(),
        connection.execute(f"select mailbox, id as outlook_id, {values} from outlook.contacts").df(),
        connection.execute(f"select id as salesforce_id, account_id, {held} from salesforce.contacts").df(),
        connection.execute("select id as account_id, name as contact_company from salesforce.accounts").df(),
    )


def changes(frames: Frames, fields: Sequence[Field]) -> set[Change]:
    """What differs: (link, side, field, before, after)."""
    merged = (
        frames.links.merge(frames.items, on=["mailbox", "outlook_id"])
        .merge(frames.contacts, on="salesforce_id")
        .merge(frames.accounts, on="account_id", how="left")
    )
    found: set[Change] = set()
    for field in fields:
        value, contact = f"value_{field.name}", f"contact_{field.name}"
        item = f"item_{field.name}" if field.is_list else value
        up = merged.loc[_differ(merged[item], merged[f"base_{field.name}"]), ["link_id", contact, value]]
        down = merged.loc[_differ(merged[contact], merged[f"salesforce_{field.name}"]), ["link_id", value, contact]]
        for side, rows in (("salesforce", up), ("outlook", down)):
            found |= {(link, side, field.name, before, after) for link, before, after in rows.to_numpy().tolist()}
    return found


def _differ(one: pd.Series[str], other: pd.Series[str]) -> pd.Series[bool]:
    return (one != other) & ~(one.isna() & other.isna())
