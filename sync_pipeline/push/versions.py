"""The last look before a Contact is changed or deleted: is it still the version that the plan was made from?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Operation
from sync_pipeline.push.context import RunContext
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import row, stored
from sync_pipeline.warehouse.tables import fetch, staged

#: Salesforce stamps by the second: a younger record can change again without its stamp showing it.
SETTLED_AFTER: Final = timedelta(seconds=2)
LOOKS: Final = 3


def unchanged(
    org: Org,
    operations: Sequence[Operation],
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    columns: Sequence[str],
    run: RunContext,
) -> dict[str, str]:
    """By operation, what speaks against sending it; nothing where the Contact is as planned.

    Compares the stamp and every mapped value with the mirror. Waits, bounded, for records younger than two seconds by
    the server's clock, and looks again.
    """
    mirror = _mirror(connection, [operation.salesforce_id for operation in operations])
    objections: dict[str, str] = {}
    left = list(operations)
    for look in range(LOOKS):
        found = org.retrieve([operation.salesforce_id for operation in left], columns)
        young = []
        for operation in left:
            record = found.get(operation.salesforce_id)
            if record is None:
                objections[operation.operation_id] = "The Contact is deleted or no longer readable."
                continue
            now = row(record, fields)
            if _differs(operation, now, mirror.get(operation.salesforce_id), fields):
                objections[operation.operation_id] = "The Contact was changed in Salesforce since the plan was made."
            elif run.clock.now() - now["modstamp"] < SETTLED_AFTER:
                young.append((operation, now["modstamp"]))
        if not young:
            return objections
        left = [operation for operation, _ in young]
        if look < LOOKS - 1:
            newest = max(stamp for _, stamp in young)
            pause = (SETTLED_AFTER - (run.clock.now() - newest)).total_seconds()
            run.sleep(min(max(pause, 0.05), SETTLED_AFTER.total_seconds()))
    for operation in left:
        objections[operation.operation_id] = "The Contact is being changed in Salesforce right now."
    return objections


def _mirror(connection: duckdb.DuckDBPyConnection, contact_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    with staged(connection, "wanted", [{"id": contact} for contact in contact_ids], {"id": "VARCHAR"}):
        rows = fetch(connection, "select * from salesforce.contacts where id in (select id from wanted)")
    return {contact["id"]: contact for contact in rows}


def _differs(
    operation: Operation, now: dict[str, Any], planned: dict[str, Any] | None, fields: Sequence[Field]
) -> bool:
    if operation.planned_stamp is not None and now["modstamp"] != operation.planned_stamp:
        return True
    if planned is None:
        return False
    return any(
        now[field.name] is not None and planned[field.name] is not None and now[field.name] != planned[field.name]
        for field in stored(fields)
    )
