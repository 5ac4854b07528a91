"""No call reads a whole table: SQLite's own plan of every statement of a route names no scan of a table that grows.

test_every_route asks for each route; SOQL has its own tests (test_salesforce_plans)."""

from __future__ import annotations

import re
import sqlite3
from typing import Final

import pytest

from sync_pipeline.sandbox.graph.odata import contact_filter
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.graph_client import STAMP

#: These grow with a tenant's data; views, fields, rules, categories and jobs stay few.
LARGE: Final = (
    "graph_contacts", "graph_addresses", "graph_extended", "graph_photos", "graph_departures", "graph_folders",
    "graph_folder_changes", "graph_delta_tokens", "graph_users", "people", "mutations", "tokens", "sf_Contact",
    "sf_Account", "sf_Lead", "sf_User", "sf_deleted", "sf_cursor_rows", "sf_job_rows",
)  # fmt: skip


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM \"sf_Contact\" WHERE _deleted_with = '001'",
        "SELECT rowid, id FROM graph_users WHERE rowid > 5 AND (fold(address) = fold('a')) ORDER BY rowid",
    ],
)
def test_what_only_a_large_tenant_meets_is_found_by_an_index(sandbox_server: SandboxServer, statement: str) -> None:
    assert scans(sandbox_server.state.db, statement) == []


@pytest.mark.parametrize(
    "text",
    [
        "emailAddresses/any(a:a/address eq 'a@example.com')",
        f"singleValueExtendedProperties/any(e:e/id eq '{STAMP}' and e/value eq 'x')",
    ],
)
def test_a_filtered_list_finds_its_contacts_without_walking_their_folder(
    sandbox_server: SandboxServer, text: str
) -> None:
    state = sandbox_server.state
    condition, parameters = contact_filter(text, state.switches)
    listed = f"SELECT * FROM graph_contacts WHERE folder = 'f' AND number > 0 AND {condition} ORDER BY number LIMIT 11"
    plan = [row["detail"] for row in state.db.execute(f"EXPLAIN QUERY PLAN {listed}", parameters)]
    assert any(re.match(r"SEARCH graph_contacts .*\b(number|rowid)=\?", step) for step in plan), plan


def test_a_scan_is_noticed(sandbox_server: SandboxServer) -> None:
    for statement in ("SELECT * FROM graph_users", 'SELECT t0.Id FROM "sf_Contact" t0 WHERE t0.Title = 1'):
        assert len(scans(sandbox_server.state.db, statement)) == 1


def scans(db: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of a statement's plan that walk a large table, each with the statement."""
    # Who asks for a count gets one.
    if not re.match(r"\s*(SELECT(?! count\(\*\))|WITH|INSERT|UPDATE|DELETE)\b", statement, re.IGNORECASE):
        return []
    aliases = dict(re.findall(r'(?:FROM|JOIN|UPDATE)\s+"?(\w+)"?\s+(?:AS\s+)?(\w+)', statement))
    large = {alias for table, alias in aliases.items() if table in LARGE} | set(LARGE)
    plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
    walked = [re.match(r"SCAN (\w+)(?! USING INDEX \w+_deleted)", step) for step in plan]
    return [f"{found[0]}: {statement}" for found in walked if found is not None and found[1] in large]
