"""sObject Collections: up to 200 records a call, each with its own result in order, or all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import (
    NotFound,
    ParseError,
    RowError,
    SalesforceError,
    SeveralRecords,
    as_sent,
)
from sync_pipeline.sandbox.salesforce.fault_answers import RowFault
from sync_pipeline.sandbox.salesforce.ids import full_id
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.uncertain import as_switched
from sync_pipeline.sandbox.state import Json

MOST_RECORDS: Final = 200
MOST_RETRIEVED: Final = 2000
MOST_CHUNKS: Final = 10  # runs of records of one type
_ROLLED_BACK: Final = "Record rolled back because not all records were valid and the request was using AllOrNone header"


class _Rollback(Exception):
    pass


def create(org: Org, acting: Acting, body: Any) -> list[Json]:
    """POST composite/sobjects."""

    def one(record: Any) -> Json:
        return _success(org.create(acting, _type(org, record), record))

    return _each(org, _records(body), one, all_or_none=_all_or_none(body))


def update(org: Org, acting: Acting, body: Any) -> list[Json]:
    """PATCH composite/sobjects."""

    def one(record: Any) -> Json:
        target, given = _type(org, record), _id_in(record)
        if not given:
            raise RowError("MISSING_ARGUMENT", "Id not specified in an update call")
        record_id = known_id(org, target, as_sent(given))
        org.update(acting, target, record_id, {key: value for key, value in record.items() if key.lower() != "id"})
        return _success(record_id)

    return _each(org, _records(body), one, all_or_none=_all_or_none(body))


def upsert(org: Org, acting: Acting, target: ObjectDef, field_name: str, body: Any) -> list[Json]:
    """PATCH composite/sobjects/X/Field."""
    field = target.field(field_name)
    if field is None or not (field.externalId or field.idLookup):
        raise NotFound(f"Provided external ID field does not exist or is not accessible: {field_name}")

    def one(record: Any) -> Json:
        if _type(org, record) is not target:
            raise RowError("INVALID_TYPE", f"the record is no {target.name}")
        record_id, created = upsert_record(org, acting, target, field, record)
        return {**_success(record_id), "created": created}

    return _each(org, _records(body), one, all_or_none=_all_or_none(body))


def upsert_record(
    org: Org, acting: Acting, target: ObjectDef, field: FieldDef, record: Mapping[str, Any]
) -> tuple[str, bool]:
    """(id, whether it was created) of one record that has the field's value in it. Raises RowError, ParseError."""
    key = next((name for name in record if name.lower() == field.name.lower()), field.name)
    value = record.get(key)
    rest = {name: each for name, each in record.items() if name != key}
    if value in (None, ""):
        if field.type != "id":
            raise RowError("MISSING_ARGUMENT", f"{field.name} not specified")
        return org.create(acting, target, rest), True
    try:
        return org.upsert(acting, target, field.name, as_sent(value), rest)
    except SeveralRecords as several:
        found = [address.rpartition("/")[2] for address in several.addresses]
        message = f"{field.name}: more than one record found for external id field: [{', '.join(found)}]"
        raise RowError("DUPLICATE_EXTERNAL_ID", message) from several


def delete(org: Org, acting: Acting, ids: Sequence[str], *, all_or_none: bool) -> list[Json]:
    """DELETE composite/sobjects?ids=."""
    _limit(len(ids), MOST_RECORDS)

    def one(given: str) -> Json:
        target = org.catalogue.of_id(given)
        if target is None or full_id(given) is None:
            raise RowError("MALFORMED_ID", f"malformed id {given}")
        record_id = known_id(org, target, given)
        org.delete(acting, target, record_id)
        return _success(record_id)

    return _each(org, ids, one, all_or_none=all_or_none)


def _each(org: Org, records: Sequence[Any], one: Callable[[Any], Json], *, all_or_none: bool) -> list[Json]:
    results: list[Json] = []
    failed, fault = False, RowFault()
    try:
        with org.state.savepoint():
            for position, record in enumerate(records):
                error = fault.error(position)
                if error is None or fault.has_effect:
                    result = _row(org, record, one)
                if error is not None:
                    result = _failure(org, error)
                failed = failed or not result["success"]
                results.append(result)
            if failed and all_or_none:
                raise _Rollback
    except _Rollback:
        rolled_back = RowError("ALL_OR_NONE_OPERATION_ROLLED_BACK", _ROLLED_BACK)
        return [_failure(org, rolled_back) if result["success"] else result for result in results]
    return results


def _row(org: Org, record: Any, one: Callable[[Any], Json]) -> Json:
    try:
        with org.state.savepoint():
            return one(record)
    except RowError as error:
        return _failure(org, error)
    except NotFound:
        return _failure(org, RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"))
    except ParseError as error:
        if org.state.switches["salesforce_parse_errors_fail_collection"]:
            raise
        return _failure(org, RowError(error.code, error.message))


def _success(record_id: str) -> Json:
    return {"id": record_id, "success": True, "errors": []}


def _failure(org: Org, error: RowError) -> Json:
    as_switched(error, org.state.switches)
    return {"success": False, "errors": [error.in_collection()]}


def _records(body: Any) -> list[Any]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise ParseError("the body needs a list `records` at [line:1, column:1]")
    _limit(len(records), MOST_RECORDS)
    if sum(1 for _ in groupby((_type_name(record) or "").lower() for record in records)) > MOST_CHUNKS:
        message = f"Cannot have more than {MOST_CHUNKS} chunks in a single operation. Please rearrange the data"
        raise SalesforceError(400, "TOO_MANY_CHUNKS", message)
    return records


def _all_or_none(body: Any) -> bool:
    return bool(body.get("allOrNone", False))


def _limit(count: int, most: int) -> None:
    if count > most:
        message = f"record limit reached. cannot submit more than {most} records in this call"
        raise SalesforceError(400, "EXCEEDED_ID_LIMIT", message)


def check_retrieved(count: int) -> None:
    """Raises SalesforceError for more ids than one retrieve takes."""
    _limit(count, MOST_RETRIEVED)


def _type_name(record: Any) -> str | None:
    attributes = record.get("attributes") if isinstance(record, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    return name if isinstance(name, str) else None


def _type(org: Org, record: Any) -> ObjectDef:
    name = _type_name(record)
    if name is None:
        raise ParseError("each record needs attributes.type at [line:1, column:1]")
    target = org.catalogue.object(name)
    if target is None:
        raise RowError("INVALID_TYPE", f"sObject type '{name}' is not supported.")
    return target


def _id_in(record: Any) -> Any:
    return next((value for name, value in record.items() if name.lower() == "id"), None)


def known_id(org: Org, target: ObjectDef, given: str) -> str:
    """The full id. Raises RowError for what is no id of that object, or was deleted for good."""
    record_id = full_id(given)
    if record_id is None or record_id[:3] != target.keyPrefix:
        raise RowError("MALFORMED_ID", f"{target.label} ID: id value of incorrect type: {given}", ["Id"])
    living = org.state.db.execute(f"SELECT 1 FROM {target.table} WHERE Id = ?", (record_id,)).fetchone()
    gone = org.state.db.execute(
        "SELECT 1 FROM sf_deleted WHERE object = ? AND id = ?", (target.name, record_id)
    ).fetchone()
    if living is None and gone is not None:
        raise RowError("ENTITY_IS_DELETED", "entity is deleted")
    return record_id
