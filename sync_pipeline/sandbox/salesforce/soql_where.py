"""Turns SOQL conditions into SQLite ones: texts in any case, `!=` with empty fields, '' as null, dates by the day."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from sync_pipeline.sandbox.salesforce import dates
from sync_pipeline.sandbox.salesforce.catalogue import ID_TYPES, NUMBER_TYPES, FieldDef
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
    Path,
    Query,
    Within,
)
from sync_pipeline.sandbox.salesforce.soql_names import Names, Sql
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.state import fold

Read = TypeVar("Read")
_START = re.compile(r"(?:[^%_\\]|\\.)+", re.DOTALL)  # what a LIKE pattern begins with, before its first wildcard


class Conditions:
    """The conditions of one query. `semi_join` compiles the query of an IN (SELECT …)."""

    def __init__(self, names: Names, today: date, semi_join: Callable[[Query], Sql]) -> None:
        self._names = names
        self._today = today
        self._semi_join = semi_join

    def sql(self, condition: Condition) -> Sql:
        match condition:
            case Group(conjunction, items):
                compiled = [self.sql(item) for item in items]
                sql = f" {conjunction} ".join(f"({text})" for text, _ in compiled)
                return sql, [value for _, values in compiled for value in values]
            case Negation(item):
                text, values = self.sql(item)
                return f"NOT COALESCE({text}, 0)", values  # SOQL has no third truth value
            case Compare(operand, operator, value):
                return self._compare(operand, operator, value)
            case Like(operand, pattern):
                column, one = self._filterable(operand)
                if not one.is_text:
                    message = f"invalid operator on {one.type} field"
                    raise self._names.error("INVALID_QUERY_FILTER_OPERATOR", message, operand.position)
                return _like(f"fold({column})", fold(pattern.pattern(self._names.soql)) or "")
            case Within(operand, Query() as inner, negated):
                column, _ = self._filterable(operand)
                text, values = self._semi_join(inner)
                # NOT IN of a list that holds NULL would be empty in SQL.
                clause = f"{column} IN (SELECT * FROM ({text}) WHERE 1)"
                return (f"NOT COALESCE({clause}, 0)" if negated else clause), values
            case Within(operand, tuple() as literals, negated):
                return self._within(operand, literals, negated=negated)
            case _:
                raise TypeError(f"no such condition: {condition!r}")

    def _filterable(self, operand: Path | Call) -> tuple[str, FieldDef]:
        column, one = self._names.resolve(self._names.path_of(operand))
        if not one.filterable or one.type == "address":
            message = f"field '{one.name}' can not be filtered in a query call"
            raise self._names.error("INVALID_FIELD", message, operand.position)
        return column, one

    def _compare(self, operand: Path | Call, operator: str, literal: Literal) -> Sql:
        column, one = self._filterable(operand)
        if literal.kind in ("DATE_LITERAL", "DATE_LITERAL_N"):
            return self._compare_range(column, one, operator, literal)
        value = self._value(one, literal)
        if value is None:
            if operator not in ("=", "!="):
                message = f"invalid operator {operator} for null"
                raise self._names.error("INVALID_QUERY_FILTER_OPERATOR", message, literal.position)
            if literal.kind == "STRING" and not self._names.switches["salesforce_empty_text_is_null"]:
                return ("0", []) if operator == "=" else (f"{column} IS NOT NULL", [])
            return f"{column} IS {'NOT ' if operator == '!=' else ''}NULL", []
        if operator not in ("=", "!=") and one.type == "boolean":
            message = "invalid operator on boolean field"
            raise self._names.error("INVALID_QUERY_FILTER_OPERATOR", message, operand.position)
        subject = _subject(column, one)
        if one.type == "boolean":  # written out, so that the partial index of deleted records is seen to fit
            return f"{subject} {operator} {value}", []
        if operator == "!=":
            if not self._names.switches["salesforce_not_equal_includes_null"]:
                return f"{subject} <> ?", [value]
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
        days = self._checked(lambda: dates.resolve(literal.text, self._today), literal)
        if days is None:
            raise self._names.error("MALFORMED_QUERY", f"unexpected token: '{literal.text}'", literal.position)
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
            text = literal.string(self._names.soql)
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
            moment = self._checked(lambda: datetime.fromisoformat(literal.text.upper()).astimezone(UTC), literal)
            return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}+0000"
        raise self._wrong_type(one, literal)

    def _id(self, one: FieldDef, text: str, literal: Literal) -> str | None:
        if not text:
            return None
        found = full_id(text)
        if found is None:
            raise self._names.error("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}", literal.position)
        return found

    def _checked(self, read: Callable[[], Read], literal: Literal) -> Read:
        try:
            return read()
        except (ValueError, OverflowError) as error:
            raise self._names.error(
                "MALFORMED_QUERY", f"unexpected token: '{literal.text}'", literal.position
            ) from error

    def _wrong_type(self, one: FieldDef, literal: Literal) -> QueryError:
        wanted = "dateTime" if one.type == "datetime" else "string" if one.is_text or one.type in ID_TYPES else one.type
        quotes = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
        message = f"value of filter criterion for field '{one.name}' must be of type {wanted} and {quotes}"
        return self._names.error("INVALID_FIELD", message, literal.position)


def _subject(column: str, one: FieldDef) -> str:
    if one.is_text and not one.caseSensitive:
        return f"fold({column})"
    return f"substr({column}, 6)" if one.ignoresYear else column


def _like(subject: str, pattern: str) -> Sql:
    """LIKE, with a range before it where the pattern begins with text: an index serves the range, not the LIKE."""
    clause = f"{subject} LIKE ? ESCAPE '\\'"
    start = _START.match(pattern)
    prefix = "" if start is None else re.sub(r"\\(.)", r"\1", start[0])
    if not prefix:
        return clause, [pattern]
    return f"{subject} >= ? AND {subject} < ? AND {clause}", [prefix, prefix + chr(0x10FFFF), pattern]
