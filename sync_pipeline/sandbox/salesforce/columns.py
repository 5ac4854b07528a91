"""GET query?columns=true: what a query's columns are called and hold, parents as columns with columns of their own."""

from __future__ import annotations

from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import NUMBER_TYPES
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.queries import compile_for
from sync_pipeline.sandbox.salesforce.soql_compile import Output
from sync_pipeline.sandbox.state import Json

_APEX: Final = {"boolean": "Boolean", "int": "Integer", "id": "Id", "reference": "Id", "date": "Date",
                "datetime": "Datetime", "address": "Address"}  # fmt: skip


def describe_columns(org: Org, acting: Acting, soql: str, *, include_deleted: bool) -> Json:
    """The answer. Raises QueryError for a query that could not be run."""
    statement = compile_for(org, acting, soql, include_deleted=include_deleted)
    columns: list[Json] = []
    if statement.aggregates:
        columns = [_column(f"expr{number}", "Double", aggregate=True) for number in range(len(statement.aggregates))]
    elif not statement.is_count:
        for output in statement.outputs:
            _level(columns, output.parents).append(_of(output))
    return {
        "columnMetadata": columns,
        "entityName": statement.object.name,
        "groupBy": False,
        "idSelected": any(not output.parents and output.key == "Id" for output in statement.outputs),
        "keyPrefix": statement.object.keyPrefix,
    }


def _level(columns: list[Json], parents: tuple[str, ...]) -> list[Json]:
    """The list of columns below a parent; the parent's own column is made where it is not there yet."""
    for name in parents:
        joined = next((column for column in columns if column["columnName"] == name), None)
        if joined is None:
            joined = _column(name, "complexvaluetype")
            columns.append(joined)
        columns = joined["joinColumns"]
    return columns


def _of(output: Output) -> Json:
    one = output.one
    return {
        **_column(output.key, _APEX.get(one.type, "Double" if one.type in NUMBER_TYPES else "String")),
        "booleanType": one.type == "boolean",
        "custom": one.custom,
        "insertable": one.createable,
        "numberType": one.type in NUMBER_TYPES,
        "textType": one.is_text or one.type in ("id", "reference"),
        "updatable": one.updateable,
    }


def _column(name: str, apex_type: str, *, aggregate: bool = False) -> dict[str, Any]:
    return {
        "aggregate": aggregate,
        "apexType": apex_type,
        "booleanType": False,
        "columnName": name,
        "custom": False,
        "displayName": name,
        "foreignKeyName": None,
        "insertable": False,
        "joinColumns": [],
        "numberType": aggregate,
        "textType": False,
        "updatable": False,
    }
