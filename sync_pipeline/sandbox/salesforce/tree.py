"""POST composite/tree/X: parents with their children in one call, all of them or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.describe import child_relationships
from sync_pipeline.sandbox.salesforce.errors import NotFound, ParseError, RowError, SalesforceError
from sync_pipeline.sandbox.salesforce.fault_answers import RowFault
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.salesforce.uncertain import as_switched
from sync_pipeline.sandbox.state import Json

MOST_RECORDS: Final = 200
MOST_LEVELS: Final = 5
MOST_TYPES: Final = 5


class _Refused(Exception):
    pass


def create(org: Org, acting: Acting, target: ObjectDef, body: Any) -> tuple[bool, list[Json]]:
    """(whether all were created, a result for each record, or for each refused one). Raises SalesforceError."""
    records = _listed(body)
    _check(org, target, records)
    results: list[Json] = []
    errors: list[Json] = []
    try:
        with org.state.savepoint():
            _Creation(org, acting, results, errors).level(target, records, None)
            if errors:
                raise _Refused
    except _Refused:
        return False, errors
    return True, results


class _Creation:
    def __init__(self, org: Org, acting: Acting, results: list[Json], errors: list[Json]) -> None:
        self._org, self._acting, self._results, self._errors = org, acting, results, errors
        self._fault = RowFault()

    def level(self, target: ObjectDef, records: Sequence[Json], parent: tuple[FieldDef, str] | None) -> None:
        children = child_relationships(target, self._org.catalogue)
        for record in records:
            values = {name: value for name, value in record.items() if name.lower() not in children}
            if parent is not None:
                values[parent[0].name] = parent[1]
            record_id = self._one(target, record["attributes"]["referenceId"], values)
            for name, nested in record.items():
                if record_id is not None and name.lower() in children:
                    child, field = children[name.lower()]
                    self.level(child, _listed(nested), (field, record_id))

    def _one(self, target: ObjectDef, reference: str, values: Mapping[str, Any]) -> str | None:
        error: SalesforceError | None = self._fault.error(len(self._results) + len(self._errors))
        if error is None:
            try:
                with self._org.state.savepoint():
                    record_id = self._org.create(self._acting, target, values)
                self._results.append({"referenceId": reference, "id": record_id})
                return record_id
            except (RowError, ParseError, NotFound) as refused:
                error = refused
        as_switched(error, self._org.state.switches)
        told = {"statusCode": error.code, "message": error.message, "fields": error.fields or []}
        self._errors.append({"referenceId": reference, "errors": [told]})
        return None


def _listed(body: Any) -> list[Json]:
    records = body.get("records") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ParseError("a list `records` of objects is needed at [line:1, column:1]")
    return records


def _check(org: Org, target: ObjectDef, records: Sequence[Json]) -> None:
    """Counts, levels, types and references before anything is created. Raises SalesforceError."""
    references: list[str] = []
    types: set[str] = set()

    def walk(level: int, one: ObjectDef, listed: Sequence[Json]) -> None:
        if level > MOST_LEVELS:
            raise SalesforceError(400, "INVALID_INPUT", f"a tree has at most {MOST_LEVELS} levels")
        types.add(one.name)
        children = child_relationships(one, org.catalogue)
        for record in listed:
            attributes = record.get("attributes")
            given = attributes if isinstance(attributes, dict) else {}
            if str(given.get("type")).lower() != one.name.lower() or not isinstance(given.get("referenceId"), str):
                message = f"each record needs attributes.type {one.name} and attributes.referenceId"
                raise SalesforceError(400, "INVALID_INPUT", message)
            references.append(given["referenceId"])
            for name, nested in record.items():
                if name.lower() in children:
                    walk(level + 1, children[name.lower()][0], _listed(nested))

    walk(1, target, records)
    if not references or len(references) > MOST_RECORDS or len(types) > MOST_TYPES:
        message = f"a tree has 1 to {MOST_RECORDS} records of at most {MOST_TYPES} types"
        raise SalesforceError(400, "INVALID_INPUT", message)
    if len(set(references)) < len(references):
        raise SalesforceError(400, "INVALID_INPUT", "Duplicate ReferenceId provided in the request")
