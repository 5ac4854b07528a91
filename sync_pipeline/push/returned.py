"""What the service made of the values that were sent (R12): as they were, or rewritten beyond form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync_pipeline.model.fields import Field, normal
from sync_pipeline.model.operation import FieldChange
from sync_pipeline.warehouse.receipt import ReturnedValue


def returned_values(
    changes: Sequence[FieldChange], row: Mapping[str, Any], fields: Iterable[Field]
) -> tuple[ReturnedValue, ...]:
    """Compares the sent values with a mirror row read after the write; what the row does not show is left out."""
    table = {field.name: field for field in fields}
    found = []
    for change in changes:
        field = table[change.field]
        sent = normal(field.kind, change.after)
        if field.is_list and row.get(field.list_column) is not None:
            entries: list[str] = row[field.list_column]
            if sent:
                is_there = sent in [normal(field.kind, entry) for entry in entries]
                found.append(ReturnedValue(field.name, entries[0] if entries else "", not is_there))
        elif row.get(field.name) is not None:
            value = str(row[field.name])
            found.append(ReturnedValue(field.name, value, normal(field.kind, value) != sent))
    return tuple(found)
