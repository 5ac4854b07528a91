"""Turns a SOQL query into one SQLite statement over the org's tables, and that statement's rows into records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.soql import Call, Ordering, Path, Query, Selected, parse
from sync_pipeline.sandbox.salesforce.soql_names import Asker, Names, Sql
from sync_pipeline.sandbox.salesforce.soql_where import Conditions
from sync_pipeline.sandbox.salesforce.storage import shown
from sync_pipeline.sandbox.state import Json

MOST_OFFSET: Final = 2000
_DELETED_ONLY: Final = 't0."IsDeleted" = 1'
_AGGREGATES: Final = {"count": "COUNT", "count_distinct": "COUNT(DISTINCT", "min": "MIN", "max": "MAX"}


@dataclass(frozen=True)
class Output:
    """One selected field: its parents' relationship names, its key in the record, its place in the SQL row."""

    parents: tuple[str, ...]
    key: str
    column: int
    one: FieldDef
    parts: tuple[tuple[str, int], ...] = ()


@dataclass
class Statement:
    """The compiled query. `rows`/`records` for plain queries; `aggregate` says the query answers one row of numbers."""

    object: ObjectDef
    columns: list[str]
    joins: str
    source: str
    parameters: list[Any]
    order: str
    limit: int | None
    offset: int
    outputs: list[Output]
    parents: dict[tuple[str, ...], tuple[ObjectDef, int]]
    is_count: bool = False
    aggregates: list[str] = field(default_factory=list)
    shows_missing_parents: bool = True
    is_ordered: bool = False

    def ids(self) -> Sql:
        """All ids of the answer in its order."""
        limits = f" LIMIT {-1 if self.limit is None else self.limit} OFFSET {self.offset}"
        return f"SELECT t0.Id AS Id {self.source}{self.order}{limits}", self.parameters

    def page(self, size: int) -> Sql:
        """The first `size` rows."""
        most = size if self.limit is None else min(size, self.limit)
        select = f"SELECT {', '.join(self.columns)} {self.source}{self.order} LIMIT {most} OFFSET {self.offset}"
        return select, self.parameters

    def of_ids(self, listing: str) -> str:
        """The same columns for given rows, in their order: `listing` is a SELECT of (position, id)."""
        return (
            f"SELECT {', '.join(self.columns)} FROM ({listing}) AS listed"
            f" JOIN {self.object.table} t0 ON t0.Id = listed.id {self.joins} ORDER BY listed.position"
        )

    def records(self, rows: Iterable[Sequence[Any]], version: str) -> list[Json]:
        return [self._record(row, version) for row in rows]

    def _record(self, row: Sequence[Any], version: str) -> Json:
        record = _with_attributes(self.object, row[0], version)
        holders: dict[tuple[str, ...], Json | None] = {(): record}
        for path, (target, column) in self.parents.items():
            holder = holders[path[:-1]]
            if holder is None:
                holders[path] = None
                continue
            holders[path] = None if row[column] is None else _with_attributes(target, row[column], version)
            if holders[path] is not None or self.shows_missing_parents:
                holder[path[-1]] = holders[path]
        for output in self.outputs:
            holder = holders[output.parents]
            if holder is not None:
                holder[output.key] = _shown(output, row)
        return record


def address(parts: Mapping[str, Any]) -> Json | None:
    """A compound address from its parts, None when all are empty."""
    if all(value is None for value in parts.values()):
        return None
    return {"geocodeAccuracy": None, "latitude": None, "longitude": None, **parts}


def _shown(output: Output, row: Sequence[Any]) -> Any:
    if output.one.type == "address":
        return address({name: row[column] for name, column in output.parts})
    return shown(output.one, row[output.column])


def _with_attributes(target: ObjectDef, record_id: str, version: str) -> Json:
    return {"attributes": {"type": target.name, "url": f"/services/data/v{version}/sobjects/{target.name}/{record_id}"}}


def compile_query(soql: str, asker: Asker) -> Statement:
    """Raises QueryError with Salesforce's codes: MALFORMED_QUERY, INVALID_TYPE, INVALID_FIELD …"""
    return _Compiler(soql, parse(soql), asker).statement()


class _Compiler:
    """One query's compilation: the joins it needs are gathered while its fields are resolved."""

    def __init__(self, soql: str, query: Query, asker: Asker) -> None:
        self._soql = soql
        self._query = query
        self._asker = asker
        self._names = Names(soql, query, asker)
        self._object = self._names.object
        self._conditions = Conditions(self._names, asker.now.date(), self._semi_join)

    # -- the statement -------------------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        query = self._query
        if query.offset > MOST_OFFSET:
            raise self._names.error("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MOST_OFFSET}", 0)
        calls = [one.expression for one in query.select if isinstance(one.expression, Call)]
        aggregates = [call for call in calls if call.function in _AGGREGATES]
        columns, outputs, parents = (["t0.Id"], [], {}) if aggregates else self._select(query.select)
        aggregated = [self._aggregate(one, len(query.select)) for one in query.select] if aggregates else []
        where, parameters = self._where()
        order = self._order(query.order)
        if not query.order and _DELETED_ONLY in where:
            order = " ORDER BY +t0.Id"  # the few deleted ones are sorted; the whole table is not walked in its order
        return Statement(
            object=self._object,
            columns=columns,
            joins=" ".join(self._names.joins),
            source=f"FROM {self._object.table} t0 {' '.join(self._names.joins)} WHERE {where}",
            parameters=parameters,
            order=order,
            limit=query.limit,
            offset=query.offset,
            outputs=outputs,
            parents=parents,
            is_count=bool(aggregates) and aggregates[0].path is None,
            aggregates=[sql for sql in aggregated if sql],
            shows_missing_parents=bool(self._names.switches["salesforce_missing_parent_is_null"]),
            is_ordered=bool(query.order),
        )

    def _semi_join(self, inner: Query) -> Sql:
        return _Compiler(self._soql, inner, self._asker).only_column()

    def only_column(self) -> Sql:
        """For a semi-join: the SELECT of its one column."""
        if len(self._query.select) != 1 or not isinstance(self._query.select[0].expression, Path):
            raise self._names.error("MALFORMED_QUERY", "a semi-join selects one field", self._query.object_position)
        column, _ = self._names.resolve(self._query.select[0].expression)
        where, parameters = self._where()
        return f"SELECT {column} FROM {self._object.table} t0 {' '.join(self._names.joins)} WHERE {where}", parameters

    def _select(
        self, items: Sequence[Selected]
    ) -> tuple[list[str], list[Output], dict[tuple[str, ...], tuple[ObjectDef, int]]]:
        columns, outputs = ["t0.Id"], []
        parents: dict[tuple[str, ...], tuple[ObjectDef, int]] = {}
        seen: set[tuple[tuple[str, ...], str]] = set()
        for item in items:
            for path, key in self._expand(item):
                relationships, alias, target, one = self._names.locate(path)
                for depth in range(1, len(relationships) + 1):
                    prefix = relationships[:depth]
                    if prefix not in parents:
                        parent_alias, parent = self._names.aliases[prefix]
                        parents[prefix] = (parent, len(columns))
                        columns.append(f"{parent_alias}.Id")
                if (relationships, one.name) in seen:
                    raise self._names.error("MALFORMED_QUERY", f"duplicate field selected: {path}", path.position)
                seen.add((relationships, one.name))
                names = target.address_parts(one) if one.type == "address" else {"": one.name}
                parts = tuple((part, len(columns) + place) for place, part in enumerate(names))
                outputs.append(Output(relationships, key or one.name, len(columns), one, parts))
                columns.extend(f'{alias}."{name}"' for name in names.values())
        # Parents first, whatever the order of the fields: a record is filled from the outside in.
        return columns, outputs, dict(sorted(parents.items(), key=lambda entry: len(entry[0])))

    def _expand(self, item: Selected) -> list[tuple[Path, str | None]]:
        expression = item.expression
        if isinstance(expression, Path):
            if item.alias:
                raise self._names.error("MALFORMED_QUERY", f"unexpected token: '{item.alias}'", expression.position)
            return [(expression, None)]
        if expression.function == "tolabel" and expression.path is not None:
            return [(expression.path, item.alias)]  # every label here is its value
        if expression.function == "fields" and expression.path is not None:
            return self._all_fields(expression.path)
        raise self._names.unknown_function(expression)

    def _all_fields(self, which: Path) -> list[tuple[Path, str | None]]:
        group = str(which).upper()
        if group not in ("ALL", "STANDARD", "CUSTOM"):
            raise self._names.error("MALFORMED_QUERY", f"unexpected token: '{which}'", which.position)
        most = int(self._names.switches["salesforce_fields_all_limit"])
        if group != "STANDARD" and most and (self._query.limit is None or self._query.limit > most):
            message = f"The SOQL FIELDS function must have a LIMIT of at most {most}"
            raise self._names.error("MALFORMED_QUERY", message, which.position)
        wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[group]
        named = [one.name for one in self._object.fields.values() if one.custom in wanted]
        return [(Path((name,), which.position), None) for name in named]

    def _aggregate(self, item: Selected, count: int) -> str:
        call = item.expression
        if isinstance(call, Path) or call.function not in _AGGREGATES:
            raise self._names.error("MALFORMED_QUERY", "Field must be grouped or aggregated", call.position)
        if call.path is None:
            if call.function != "count" or count > 1:
                raise self._names.error(
                    "MALFORMED_QUERY", "Grouped query cannot use count() with other fields", call.position
                )
            return ""
        column, _ = self._names.resolve(call.path)
        closing = "))" if call.function == "count_distinct" else ")"
        return f"{_AGGREGATES[call.function]}({column}{closing}"

    def _where(self) -> Sql:
        query, alias = self._query, "t0"
        clauses: list[Sql] = []
        if not self._asker.include_deleted and "IsDeleted" in self._object.fields:
            clauses.append((f"{alias}.IsDeleted = 0", []))
        scope = (query.scope or "everything").lower()
        if scope not in ("everything", "mine") or (query.scope and scope not in self._object.scopes):
            message = (
                f"scope '{query.scope}' is not supported on {self._object.name} by this sandbox (everything, mine)"
            )
            raise self._names.error("MALFORMED_QUERY", message, query.object_position)
        if scope == "mine":
            clauses.append((f"{alias}.OwnerId = ?", [self._asker.user_id]))
        visible = self._asker.visible(self._object, alias)
        if visible is not None:
            clauses.append(visible)
        if query.where is not None:
            clauses.append(self._conditions.sql(query.where))
        sql = " AND ".join(f"({text})" for text, _ in clauses)
        return sql or "1", [value for _, values in clauses for value in values]

    def _order(self, items: Sequence[Ordering]) -> str:
        parts = []
        for item in items:
            column, one = self._names.resolve(self._names.path_of(item.operand))
            if not one.sortable or one.type == "address":
                message = f"field '{one.name}' can not be sorted in a query call"
                raise self._names.error("MALFORMED_QUERY", message, item.operand.position)
            nulls = "" if one.type == "id" else " NULLS LAST" if item.nulls_last else " NULLS FIRST"
            text = f"fold({column})" if one.is_text else column
            parts.append(f"{text}{' DESC' if item.descending else ''}{nulls}")
        if not items:
            parts = ["t0.Id"]
        return f" ORDER BY {', '.join(parts)}"
