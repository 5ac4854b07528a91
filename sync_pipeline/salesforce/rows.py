"""Contact records as JSON <-> rows of the mirror, and the bodies of writes. Absent stays None, empty becomes ''."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sync_pipeline.model.fields import JOINED, Field, Kind
from sync_pipeline.model.operation import FieldChange
from sync_pipeline.salesforce.soql import moment

Describe = Sequence[Mapping[str, Any]]  # rows of salesforce.describe

#: Column of salesforce.contacts -> field of Contact.
_REFERENCES: Final = {
    "name": "Name",
    "master_id": "MasterRecordId",
    "account_id": "AccountId",
    "owner_id": "OwnerId",
    "created_by": "CreatedById",
    "modified_by": "LastModifiedById",
}
_TIMES: Final = {"created_at": "CreatedDate", "modified_at": "LastModifiedDate", "modstamp": "SystemModstamp"}
_FLAGS: Final = {"is_deleted": "IsDeleted", "is_person_account": "IsPersonAccount"}
_NUMBERS: Final = frozenset({"double", "currency", "percent"})


def stored(fields: Iterable[Field]) -> tuple[Field, ...]:
    """The mapped fields that the mirror holds."""
    return tuple(field for field in fields if field.salesforce not in JOINED)


def selectable(fields: Iterable[Field], describe: Describe) -> list[str]:
    """What to select from Contact for `row`: only what describe has (a parent's field: its lookup); Id first."""
    names = {str(field["name"]) for field in describe}
    wanted = [
        *_REFERENCES.values(),
        *_TIMES.values(),
        *_FLAGS.values(),
        *(field.salesforce for field in stored(fields)),
    ]
    return ["Id", *dict.fromkeys(name for name in wanted if lookup(name) in names)]


def row(record: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """A row of salesforce.contacts (without seen_run) with the mapped fields, from a record of a query or retrieve.

    What the record does not have is None (not asked for, or not visible); a text or an Id that is null is ''.
    """
    found: dict[str, Any] = {"id": record["Id"], "is_readable": True}
    found |= {column: _text(_value(record, name), Kind.TEXT) for column, name in _REFERENCES.items()}
    found |= {column: _time(record.get(name)) for column, name in _TIMES.items()}
    found |= {column: bool(record.get(name, False)) for column, name in _FLAGS.items()}
    found |= {field.name: _text(_value(record, field.salesforce), field.kind) for field in stored(fields)}
    return found


def body(
    changes: Iterable[FieldChange],
    detail: Mapping[str, Any],
    fields: Iterable[Field],
    describe: Describe,
    *,
    creating: bool = False,
) -> dict[str, Any]:
    """The fields of a write by API name: the changes, then account_id, owner_id and extra of an operation's detail.

    '' becomes null; when `creating`, what is empty is left out, so that Salesforce's own defaults apply. A change of a
    field that a Contact write cannot set (a parent's name, the Id) is left out: Company travels as account_id.
    """
    types = {str(field["name"]): str(field["type"]) for field in describe}
    by_name = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    for change in changes:
        field = by_name[change.field]
        if not field.is_parent_path and field.salesforce != "Id":
            values[field.salesforce] = _typed(change.after, types.get(field.salesforce, "string"))
    values |= {
        name: _typed(str(value), types.get(name, "string")) for name, value in (detail.get("extra") or {}).items()
    }
    if detail.get("account_id") is not None:
        values["AccountId"] = detail["account_id"] or None
    if detail.get("owner_id"):
        values["OwnerId"] = detail["owner_id"]
    return {name: value for name, value in values.items() if value is not None} if creating else values


def lookup(path: str) -> str:
    """The Contact field that a path starts from: ReportsTo.Name needs ReportsToId, Parent__r.Name needs Parent__c."""
    head, _, rest = path.partition(".")
    if not rest:
        return head
    return f"{head.removesuffix('__r')}__c" if head.endswith("__r") else f"{head}Id"


_ABSENT: Final = object()


def _value(record: Mapping[str, Any], path: str) -> Any:
    value: Any = record
    for part in path.split("."):
        if value is None:
            return None  # the parent is empty, hence its field too
        if part not in value:
            return _ABSENT
        value = value[part]
    return value


def _text(value: Any, kind: Kind) -> str | None:
    if value is _ABSENT:
        return None
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)[:10] if kind is Kind.DATE else str(value)


def _typed(text: str, kind: str) -> Any:
    """A value as JSON for a field of that type; what is none goes as it is, and Salesforce refuses the row."""
    if text == "":
        return None
    if kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return int(text) if kind == "int" else float(text) if kind in _NUMBERS else text
    except ValueError:
        return text


def _time(text: str | None) -> datetime | None:
    return moment(text) if text else None
