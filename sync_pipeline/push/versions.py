"""A look at Contacts before they are changed or deleted: is each still the version that the plan was made from?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Operation
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import row, stored
from sync_pipeline.transport import ServerClock
from sync_pipeline.warehouse.tables import fetch, staged

#: Salesforce stamps by the second: a younger record can change again without its stamp showing it.
SETTLED_AFTER: Final = timedelta(seconds=2)


def changed(
    org: Org,
    operations: Sequence[Operation],
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    columns: Sequence[str],
    clock: ServerClock,
) -> tuple[dict[str, str], dict[str, datetime]]:
    """One look at the Contacts, in one call: (by operation, what speaks against sending it; the stamps of the young).

    Compares the stamp and every mapped value with the mirror. Young is what is as planned, and was changed less than
    SETTLED_AFTER ago by the server's `clock`.
    """
    mirror = _mirror(connection, [operation.salesforce_id for operation in operations])
    found = org.retrieve([operation.salesforce_id for operation in operations], columns)
    objections: dict[str, str] = {}
    young: dict[str, datetime] = {}
    for operation in operations:
        record = found.get(operation.salesforce_id)
        if record is None:
            objections[operation.operation_id] = "The Contact is deleted or no longer readable."
            continue
        shown = row(record, fields)
        if _differs(operation, shown, mirror.get(operation.salesforce_id), fields):
            objections[operation.operation_id] = "The Contact was changed in Salesforce since the plan was made."
        elif clock.now() - shown["modstamp"] < SETTLED_AFTER:
            young[operation.operation_id] = shown["modstamp"]
    return objections, young


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
