"""What a synchroniser asks a large org is answered from an index: SQLite's plans name no scan of a table."""

from __future__ import annotations

import pytest

from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.salesforce.queries import compile_for
from sync_pipeline.sandbox.state import State


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id FROM Account WHERE Id = '001000000000001AAA'",
        "SELECT Id FROM Account WHERE Id IN ('001000000000001AAA', '001000000000002AAA')",
        "SELECT Id FROM Account WHERE Id > '001000000000001AAA' ORDER BY Id LIMIT 2000",
        "SELECT Id, Owner.Name FROM Account WHERE Name = 'Acme'",
        "SELECT Id FROM Account WHERE Name LIKE 'Acme%'",
        "SELECT Id FROM Account WHERE SystemModstamp >= 2026-01-01T00:00:00Z ORDER BY SystemModstamp, Id",
        "SELECT Id FROM Contact WHERE Email IN ('a@example.com', 'b@example.com')",
        "SELECT Id, Account.Name FROM Contact WHERE AccountId = '001000000000001AAA'",
        "SELECT Id FROM Contact WHERE LastName = 'Adler'",
        "SELECT Id FROM Contact USING SCOPE mine",
        "SELECT Id, MasterRecordId FROM Contact WHERE IsDeleted = true",
        "SELECT Id FROM Contact WHERE IsDeleted = true AND SystemModstamp > 2026-01-01T00:00:00Z",
    ],
)
def test_a_query_needs_no_full_scan(soql: str) -> None:
    state = State(None)
    org = Org(state)
    sql, parameters = compile_for(org, org.administrator(), soql, include_deleted="IsDeleted" in soql).page(2000)
    plan = [row["detail"] for row in state.db.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    state.close()
    # The index of the recycle bin holds deleted records alone: reading all of it is no scan of the table.
    assert not [step for step in plan if step.startswith("SCAN") and "_deleted" not in step], plan
