"""The names in a query: the objects and fields behind its paths, and the joins that reach them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import Catalogue, FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import QueryError
from sync_pipeline.sandbox.salesforce.soql import Call, Path, Query
from sync_pipeline.sandbox.salesforce.switches import DEFAULTS

Sql = tuple[str, list[Any]]
MOST_LEVELS: Final = 5
_APPEND_C: Final = (
    " If you are attempting to use a custom {what}, be sure to append the '__{letter}' after the {name} name."
    " Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass(frozen=True)
class Asker:
    """Who asks and what he may see: `visible` gives a condition on an object's rows under an SQL alias, or None."""

    catalogue: Catalogue
    user_id: str
    now: datetime
    include_deleted: bool
    visible: Callable[[ObjectDef, str], Sql | None]
    switches: Mapping[str, Any] = field(default_factory=lambda: DEFAULTS)


class Names:
    """One query's names; `joins` grows while its paths are resolved. The object itself is t0 in SQL."""

    def __init__(self, soql: str, query: Query, asker: Asker) -> None:
        found = asker.catalogue.object(query.object)
        if found is None:
            message = f"sObject type '{query.object}' is not supported." + _APPEND_C.format(
                what="object", letter="c", name="entity"
            )
            raise QueryError("INVALID_TYPE", message, soql, query.object_position)
        self.soql = soql
        self.object = found
        self.joins: list[str] = []
        self.aliases: dict[tuple[str, ...], tuple[str, ObjectDef]] = {(): ("t0", found)}
        self.switches = asker.switches
        self._query = query
        self._asker = asker

    def locate(self, path: Path) -> tuple[tuple[str, ...], str, ObjectDef, FieldDef]:
        """Relationship names on the way, SQL alias, object and field at the end of a path; adds the joins it needs."""
        parts = list(path.parts)
        own = {self.object.name.lower(), (self._query.alias or "").lower()}
        if len(parts) > 1 and parts[0].lower() in own and self.object.relationship(parts[0]) is None:
            parts = parts[1:]
        if len(parts) > MOST_LEVELS + 1:
            raise self.error("INVALID_FIELD", f"more than {MOST_LEVELS} levels of relationships: {path}", path.position)
        walked: tuple[str, ...] = ()
        for name in parts[:-1]:
            alias, target = self.aliases[walked]
            reference = target.relationship(name)
            parent = None if reference is None else self._asker.catalogue.object(reference.referenceTo[0])
            if reference is None or reference.relationshipName is None or parent is None:
                message = f"Didn't understand relationship '{name}' in field path." + _APPEND_C.format(
                    what="relationship", letter="r", name="custom relationship"
                )
                raise self.error("INVALID_FIELD", message, path.position)
            walked = (*walked, reference.relationshipName)
            if walked not in self.aliases:
                parent_alias = f"t{len(self.aliases)}"
                self.aliases[walked] = (parent_alias, parent)
                on = f'{parent_alias}.Id = {alias}."{reference.name}"'
                self.joins.append(f"LEFT JOIN {parent.table} {parent_alias} ON {on}")
        alias, target = self.aliases[walked]
        one = target.field(parts[-1])
        if one is None:
            message = f"No such column '{parts[-1]}' on entity '{target.name}'." + _APPEND_C.format(
                what="field", letter="c", name="custom field"
            )
            raise self.error("INVALID_FIELD", message, path.position)
        return walked, alias, target, one

    def resolve(self, path: Path) -> tuple[str, FieldDef]:
        _, alias, _, one = self.locate(path)
        return f'{alias}."{one.name}"', one

    def path_of(self, operand: Path | Call) -> Path:
        """The field of a condition or ordering; of functions only toLabel may stand there (a label is its value)."""
        if isinstance(operand, Path):
            return operand
        if operand.function != "tolabel" or operand.path is None:
            raise self.unknown_function(operand)
        return operand.path

    def error(self, code: str, message: str, position: int) -> QueryError:
        return QueryError(code, message, self.soql, position)

    def unknown_function(self, call: Call) -> QueryError:
        message = f"function '{call.function}' is not supported by this sandbox here"
        return self.error("MALFORMED_QUERY", message, call.position)
