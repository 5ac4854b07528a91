"""Turns a SOQL syntax tree into one SQLite statement over the org's tables, and its rows back into records.

SOQL's rules are kept: no case, `!=` includes empty fields, '' equals null, nulls first; a wrong name or type is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, TypeVar

from sync_pipeline.sandbox.salesforce import dates
from sync_pipeline.sandbox.salesforce.catalogue import ID_TYPES, NUMBER_TYPES, Catalogue, FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import QueryError
from sync_pipeline.sandbox.salesforce.ids import full_id
from sync_pipeline.sandbox.salesforce.soql import (
    Call,
    Compare,
    Condition,
    Group,
    Like,
    Literal,
    Negation,
    Ordering,
    Path,
    Query,
    Selected,
    Within,
    parse,
)
from sync_pipeline.sandbox.salesforce.storage import shown, stamp
from sync_pipeline.sandbox.state import Json, fold

Sql = tuple[str, list[Any]]
Read = TypeVar("Read")
MOST_OFFSET: Final = 2000
MOST_LEVELS: Final = 5
_AGGREGATES: Final = {"count": "COUNT", "count_distinct": "COUNT(DISTINCT", "min": "MIN", "max": "MAX"}
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


@dataclass(frozen=True)
class _Output:
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
    outputs: list[_Output]
    parents: dict[tuple[str, ...], tuple[ObjectDef, int]]
    is_count: bool = False
    aggregates: list[str] = field(default_factory=list)

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


def _shown(output: _Output, row: Sequence[Any]) -> Any:
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
        found = asker.catalogue.object(query.object)
        if found is None:
            message = f"sObject type '{query.object}' is not supported." + _APPEND_C.format(
                what="object", letter="c", name="entity"
            )
            raise QueryError("INVALID_TYPE", message, soql, query.object_position)
        self._object = found
        self._aliases: dict[tuple[str, ...], tuple[str, ObjectDef]] = {(): ("t0", found)}
        self._joins: list[str] = []

    # -- the statement -------------------------------------------------------------------------------------------------

    def statement(self) -> Statement:
        query = self._query
        if query.offset > MOST_OFFSET:
            raise self._error("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MOST_OFFSET}", 0)
        calls = [one.expression for one in query.select if isinstance(one.expression, Call)]
        aggregates = [call for call in calls if call.function in _AGGREGATES]
        columns, outputs, parents = (["t0.Id"], [], {}) if aggregates else self._select(query.select)
        aggregated = [self._aggregate(one, len(query.select)) for one in query.select] if aggregates else []
        where, parameters = self._where()
        order = self._order(query.order)
        return Statement(
            object=self._object,
            columns=columns,
            joins=" ".join(self._joins),
            source=f"FROM {self._object.table} t0 {' '.join(self._joins)} WHERE {where}",
            parameters=parameters,
            order=order,
            limit=query.limit,
            offset=query.offset,
            outputs=outputs,
            parents=parents,
            is_count=bool(aggregates) and aggregates[0].path is None,
            aggregates=[sql for sql in aggregated if sql],
        )

    def condition_only(self) -> Sql:
        """For a semi-join: SELECT of the one column."""
        if len(self._query.select) != 1 or not isinstance(self._query.select[0].expression, Path):
            raise self._error("MALFORMED_QUERY", "a semi-join selects one field", self._query.object_position)
        column, _ = self._resolve(self._query.select[0].expression)
        where, parameters = self._where()
        return f"SELECT {column} FROM {self._object.table} t0 {' '.join(self._joins)} WHERE {where}", parameters

    def _select(
        self, items: Sequence[Selected]
    ) -> tuple[list[str], list[_Output], dict[tuple[str, ...], tuple[ObjectDef, int]]]:
        columns, outputs = ["t0.Id"], []
        parents: dict[tuple[str, ...], tuple[ObjectDef, int]] = {}
        seen: set[tuple[tuple[str, ...], str]] = set()
        for item in items:
            for path, key in self._expand(item):
                relationships, alias, target, one = self._locate(path)
                for depth in range(1, len(relationships) + 1):
                    prefix = relationships[:depth]
                    if prefix not in parents:
                        parent_alias, parent = self._aliases[prefix]
                        parents[prefix] = (parent, len(columns))
                        columns.append(f"{parent_alias}.Id")
                if (relationships, one.name) in seen:
                    raise self._error("MALFORMED_QUERY", f"duplicate field selected: {path}", path.position)
                seen.add((relationships, one.name))
                names = target.address_parts(one) if one.type == "address" else {"": one.name}
                parts = tuple((part, len(columns) + place) for place, part in enumerate(names))
                outputs.append(_Output(relationships, key or one.name, len(columns), one, parts))
                columns.extend(f'{alias}."{name}"' for name in names.values())
        # Parents first, whatever the order of the fields: a record is filled from the outside in.
        return columns, outputs, dict(sorted(parents.items(), key=lambda entry: len(entry[0])))

    def _expand(self, item: Selected) -> list[tuple[Path, str | None]]:
        expression = item.expression
        if isinstance(expression, Path):
            if item.alias:
                raise self._error("MALFORMED_QUERY", f"unexpected token: '{item.alias}'", expression.position)
            return [(expression, None)]
        if expression.function == "tolabel" and expression.path is not None:
            return [(expression.path, item.alias)]  # every label here is its value
        if expression.function == "fields" and expression.path is not None:
            return self._all_fields(expression.path)
        raise self._unknown_function(expression)

    def _all_fields(self, which: Path) -> list[tuple[Path, str | None]]:
        group = str(which).upper()
        if group not in ("ALL", "STANDARD", "CUSTOM"):
            raise self._error("MALFORMED_QUERY", f"unexpected token: '{which}'", which.position)
        if group != "STANDARD" and (self._query.limit is None or self._query.limit > 200):
            message = "The SOQL FIELDS function must have a LIMIT of at most 200"
            raise self._error("MALFORMED_QUERY", message, which.position)
        wanted = {"ALL": (True, False), "STANDARD": (False,), "CUSTOM": (True,)}[group]
        named = [one.name for one in self._object.fields.values() if one.custom in wanted]
        return [(Path((name,), which.position), None) for name in named]

    def _aggregate(self, item: Selected, count: int) -> str:
        call = item.expression
        if isinstance(call, Path) or call.function not in _AGGREGATES:
            raise self._error("MALFORMED_QUERY", "Field must be grouped or aggregated", call.position)
        if call.path is None:
            if call.function != "count" or count > 1:
                raise self._error("MALFORMED_QUERY", "Grouped query cannot use count() with other fields", call.position)
            return ""
        column, _ = self._resolve(call.path)
        closing = "))" if call.function == "count_distinct" else ")"
        return f"{_AGGREGATES[call.function]}({column}{closing}"

    def _where(self) -> Sql:
        query, alias = self._query, "t0"
        clauses: list[Sql] = []
        if not self._asker.include_deleted and "IsDeleted" in self._object.fields:
            clauses.append((f"{alias}.IsDeleted = 0", []))
        scope = (query.scope or "everything").lower()
        if scope not in ("everything", "mine") or (query.scope and scope not in self._object.scopes):
            message = f"scope '{query.scope}' is not supported on {self._object.name} by this sandbox (everything, mine)"
            raise self._error("MALFORMED_QUERY", message, query.object_position)
        if scope == "mine":
            clauses.append((f"{alias}.OwnerId = ?", [self._asker.user_id]))
        visible = self._asker.visible(self._object, alias)
        if visible is not None:
            clauses.append(visible)
        if query.where is not None:
            clauses.append(self._condition(query.where))
        sql = " AND ".join(f"({text})" for text, _ in clauses)
        return sql or "1", [value for _, values in clauses for value in values]

    def _order(self, items: Sequence[Ordering]) -> str:
        parts = []
        for item in items:
            column, one = self._resolve(self._path(item.operand))
            if not one.sortable or one.type == "address":
                message = f"field '{one.name}' can not be sorted in a query call"
                raise self._error("MALFORMED_QUERY", message, item.operand.position)
            nulls = "" if one.type == "id" else " NULLS LAST" if item.nulls_last else " NULLS FIRST"
            text = f"fold({column})" if one.is_text else column
            parts.append(f"{text}{' DESC' if item.descending else ''}{nulls}")
        if not items:
            parts = ["t0.Id"]
        return f" ORDER BY {', '.join(parts)}"

    # -- names ---------------------------------------------------------------------------------------------------------

    def _locate(self, path: Path) -> tuple[tuple[str, ...], str, ObjectDef, FieldDef]:
        """Relationship names on the way, SQL alias, object and field at the end of a path; adds the joins it needs."""
        parts = list(path.parts)
        own = {self._object.name.lower(), (self._query.alias or "").lower()}
        if len(parts) > 1 and parts[0].lower() in own and self._object.relationship(parts[0]) is None:
            parts = parts[1:]
        if len(parts) > MOST_LEVELS + 1:
            raise self._error("INVALID_FIELD", f"more than {MOST_LEVELS} levels of relationships: {path}", path.position)
        walked: tuple[str, ...] = ()
        for name in parts[:-1]:
            alias, target = self._aliases[walked]
            reference = target.relationship(name)
            parent = None if reference is None else self._asker.catalogue.object(reference.referenceTo[0])
            if reference is None or reference.relationshipName is None or parent is None:
                message = f"Didn't understand relationship '{name}' in field path." + _APPEND_C.format(
                    what="relationship", letter="r", name="custom relationship"
                )
                raise self._error("INVALID_FIELD", message, path.position)
            walked = (*walked, reference.relationshipName)
            if walked not in self._aliases:
                parent_alias = f"t{len(self._aliases)}"
                self._aliases[walked] = (parent_alias, parent)
                on = f'{parent_alias}.Id = {alias}."{reference.name}"'
                self._joins.append(f"LEFT JOIN {parent.table} {parent_alias} ON {on}")
        alias, target = self._aliases[walked]
        one = target.field(parts[-1])
        if one is None:
            message = f"No such column '{parts[-1]}' on entity '{target.name}'." + _APPEND_C.format(
                what="field", letter="c", name="custom field"
            )
            raise self._error("INVALID_FIELD", message, path.position)
        return walked, alias, target, one

    def _resolve(self, path: Path) -> tuple[str, FieldDef]:
        _, alias, _, one = self._locate(path)
        return f'{alias}."{one.name}"', one

    # -- conditions ----------------------------------------------------------------------------------------------------

    def _condition(self, condition: Condition) -> Sql:
        match condition:
            case Group(conjunction, items):
                compiled = [self._condition(item) for item in items]
                sql = f" {conjunction} ".join(f"({text})" for text, _ in compiled)
                return sql, [value for _, values in compiled for value in values]
            case Negation(item):
                text, values = self._condition(item)
                return f"NOT COALESCE({text}, 0)", values  # SOQL has no third truth value
            case Compare(operand, operator, value):
                return self._compare(operand, operator, value)
            case Like(operand, pattern):
                column, one = self._filterable(operand)
                if not one.is_text:
                    message = f"invalid operator on {one.type} field"
                    raise self._error("INVALID_QUERY_FILTER_OPERATOR", message, operand.position)
                return f"fold({column}) LIKE ? ESCAPE '\\'", [fold(pattern.pattern(self._soql))]
            case Within(operand, Query() as inner, negated):
                column, _ = self._filterable(operand)
                text, values = _Compiler(self._soql, inner, self._asker).condition_only()
                # NOT IN of a list that holds NULL would be empty in SQL.
                clause = f"{column} IN (SELECT * FROM ({text}) WHERE 1)"
                return (f"NOT COALESCE({clause}, 0)" if negated else clause), values
            case Within(operand, tuple() as literals, negated):
                return self._within(operand, literals, negated=negated)
            case _:
                raise TypeError(f"no such condition: {condition!r}")

    def _path(self, operand: Path | Call) -> Path:
        """A condition's or an ordering's field; of functions only toLabel may stand there (every label is its value)."""
        if isinstance(operand, Path):
            return operand
        if operand.function != "tolabel" or operand.path is None:
            raise self._unknown_function(operand)
        return operand.path

    def _filterable(self, operand: Path | Call) -> tuple[str, FieldDef]:
        column, one = self._resolve(self._path(operand))
        if not one.filterable or one.type == "address":
            message = f"field '{one.name}' can not be filtered in a query call"
            raise self._error("INVALID_FIELD", message, operand.position)
        return column, one

    def _compare(self, operand: Path | Call, operator: str, literal: Literal) -> Sql:
        column, one = self._filterable(operand)
        if literal.kind in ("DATE_LITERAL", "DATE_LITERAL_N"):
            return self._compare_range(column, one, operator, literal)
        value = self._value(one, literal)
        if value is None:
            if operator not in ("=", "!="):
                message = f"invalid operator {operator} for null"
                raise self._error("INVALID_QUERY_FILTER_OPERATOR", message, literal.position)
            return f"{column} IS {'NOT ' if operator == '!=' else ''}NULL", []
        if operator not in ("=", "!=") and one.type == "boolean":
            message = "invalid operator on boolean field"
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", message, operand.position)
        subject = _subject(column, one)
        if operator == "!=":
            return f"({column} IS NULL OR {subject} <> ?)", [value]
        return f"{subject} {operator} ?", [value]

    def _within(self, operand: Path | Call, literals: Sequence[Literal], *, negated: bool) -> Sql:
        column, one = self._filterable(operand)
        values = [self._value(one, literal) for literal in literals]
        present = [value for value in values if value is not None]
        clauses = [f"{_subject(column, one)} IN ({', '.join('?' * len(present))})"] if present else []
        if len(present) < len(values):
            clauses.append(f"{column} IS NULL")
        text = " OR ".join(clauses)
        return (f"NOT COALESCE({text}, 0)" if negated else text), present

    def _compare_range(self, column: str, one: FieldDef, operator: str, literal: Literal) -> Sql:
        days = dates.resolve(literal.text, self._asker.now.date())
        if days is None:
            raise self._error("MALFORMED_QUERY", f"unexpected token: '{literal.text}'", literal.position)
        if one.type not in ("date", "datetime"):
            raise self._wrong_type(one, literal)
        first, after = (self._day(one, day) for day in days)
        if one.ignoresYear and operator == "=":
            return self._birthdays(column, days)
        subject = _subject(column, one)
        match operator:
            case "=":
                return f"{subject} >= ? AND {subject} < ?", [first, after]
            case "!=":
                return f"({column} IS NULL OR {subject} < ? OR {subject} >= ?)", [first, after]
            case "<" | ">=":
                return f"{subject} {operator} ?", [first]
            case _:  # after the range's end, or up to it
                return f"{subject} {'>=' if operator == '>' else '<'} ?", [after]

    def _birthdays(self, column: str, days: dates.Range) -> Sql:
        """Which month and day lie in the range; it may span the turn of the year."""
        first, last = days[0].strftime("%m-%d"), (days[1] - timedelta(days=1)).strftime("%m-%d")
        if (days[1] - days[0]).days >= 366:
            return f"{column} IS NOT NULL", []
        joined = "AND" if first <= last else "OR"
        return f"(substr({column}, 6) >= ? {joined} substr({column}, 6) <= ?)", [first, last]

    @staticmethod
    def _day(one: FieldDef, day: date) -> str:
        return day.isoformat() if one.type == "date" else stamp(datetime(day.year, day.month, day.day, tzinfo=UTC))

    # -- values --------------------------------------------------------------------------------------------------------

    def _value(self, one: FieldDef, literal: Literal) -> Any:
        """The literal as it is compared with the stored form (text folded); None for null and for an empty text."""
        kind = literal.kind
        if kind == "NULL":
            return None
        if kind == "STRING" and (one.is_text or one.type in ID_TYPES):
            text = literal.string(self._soql)
            if one.is_text:
                return (text if one.caseSensitive else fold(text)) if text else None
            return self._id(one, text, literal)
        if kind in ("TRUE", "FALSE") and one.type == "boolean":
            return int(kind == "TRUE")
        if kind in ("NUMBER", "INTEGER") and one.type in NUMBER_TYPES:
            return float(literal.text)
        if kind == "DATE" and one.type == "date":
            self._checked(lambda: date.fromisoformat(literal.text), literal)
            return literal.text[5:] if one.ignoresYear else literal.text
        if kind == "DATETIME" and one.type == "datetime":
            moment = self._checked(lambda: datetime.fromisoformat(literal.text.upper()), literal)
            return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
        raise self._wrong_type(one, literal)

    def _id(self, one: FieldDef, text: str, literal: Literal) -> str | None:
        if not text:
            return None
        found = full_id(text)
        if found is None:
            raise self._error("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}", literal.position)
        return found

    def _checked(self, read: Callable[[], Read], literal: Literal) -> Read:
        try:
            return read()
        except ValueError as error:
            raise self._error("MALFORMED_QUERY", f"unexpected token: '{literal.text}'", literal.position) from error

    # -- errors --------------------------------------------------------------------------------------------------------

    def _error(self, code: str, message: str, position: int) -> QueryError:
        return QueryError(code, message, self._soql, position)

    def _wrong_type(self, one: FieldDef, literal: Literal) -> QueryError:
        wanted = "dateTime" if one.type == "datetime" else "string" if one.is_text or one.type in ID_TYPES else one.type
        quotes = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
        message = f"value of filter criterion for field '{one.name}' must be of type {wanted} and {quotes}"
        return self._error("INVALID_FIELD", message, literal.position)

    def _unknown_function(self, call: Call) -> QueryError:
        message = f"function '{call.function}' is not supported by this sandbox here"
        return self._error("MALFORMED_QUERY", message, call.position)


def _subject(column: str, one: FieldDef) -> str:
    if one.is_text and not one.caseSensitive:
        return f"fold({column})"
    return f"substr({column}, 6)" if one.ignoresYear else column
