"""Reads SOQL: the text of a query to its syntax tree by the grammar in soql.lark.

Whatever the grammar does not know is a QueryError MALFORMED_QUERY."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from sync_pipeline.sandbox.salesforce.errors import QueryError

LONGEST_QUERY: Final = 100_000
LONGEST_LITERAL: Final = 4_000
LARGEST_COUNT: Final = 2**31 - 1
_NOT_SUPPORTED: Final = frozenset({"GROUP", "HAVING", "WITH", "FOR", "TYPEOF", "ALL", "UPDATE"})
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True)
class Path:
    """A field, by way of its parents: Account.Owner.Name."""

    parts: tuple[str, ...]
    position: int

    def __str__(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Call:
    """A function of a field: toLabel(Salutation), COUNT(), FIELDS(STANDARD). `function` is in lower case."""

    function: str
    path: Path | None
    position: int


@dataclass(frozen=True)
class Selected:
    expression: Path | Call
    alias: str | None


@dataclass(frozen=True)
class Literal:
    """`kind` is the terminal's name in soql.lark; `text` as written, quotes and escapes included."""

    kind: str
    text: str
    position: int

    def string(self, soql: str) -> str:
        """A string literal's value. An escape that SOQL does not have is an error."""
        if len(self.text) - 2 > LONGEST_LITERAL:
            message = f"a string literal has more than {LONGEST_LITERAL} characters"
            raise QueryError("MALFORMED_QUERY", message, soql, self.position)
        return self._unescape(soql, {})

    def pattern(self, soql: str) -> str:
        """A LIKE literal's value as a pattern of SQLite's LIKE with ESCAPE '\\'."""
        return self._unescape(soql, {"_": "\\_", "%": "\\%", "\\": "\\\\"})

    def _unescape(self, soql: str, also: dict[str, str]) -> str:
        def replace(match: re.Match[str]) -> str:
            escape = match[1]
            if escape in also:
                return also[escape]
            if escape in _ESCAPES:
                return _ESCAPES[escape]
            if len(escape) == 5 and not 0xD800 <= int(escape[1:], 16) < 0xE000:  # half a character is none
                return chr(int(escape[1:], 16))
            at = self.position + 1 + match.start()
            body = self.text[1:-1]
            message = (
                f"Invalid string literal '{body}'. Illegal character sequence '\\{escape}' in string literal '{body}'."
            )
            raise QueryError("MALFORMED_QUERY", message, soql, at)

        return _ESCAPE.sub(replace, self.text[1:-1])


@dataclass(frozen=True)
class Compare:
    operand: Path | Call
    operator: str
    value: Literal


@dataclass(frozen=True)
class Like:
    operand: Path | Call
    pattern: Literal


@dataclass(frozen=True)
class Within:
    operand: Path | Call
    values: tuple[Literal, ...] | Query
    negated: bool


@dataclass(frozen=True)
class Group:
    """Conditions joined by "AND" or "OR"."""

    conjunction: str
    items: tuple[Condition, ...]


@dataclass(frozen=True)
class Negation:
    item: Condition


Condition = Compare | Like | Within | Group | Negation


@dataclass(frozen=True)
class Ordering:
    operand: Path | Call
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    select: tuple[Selected, ...]
    object: str
    object_position: int
    alias: str | None
    scope: str | None
    where: Condition | None
    order: tuple[Ordering, ...]
    limit: int | None
    offset: int


def parse(soql: str) -> Query:
    """Raises QueryError."""
    return cast(Query, _parse(soql, "query"))


def parse_condition(text: str) -> Condition:
    """What may stand after WHERE. Raises QueryError."""
    return cast(Condition, _parse(text, "condition"))


def _parse(soql: str, start: str) -> Any:
    if len(soql) > LONGEST_QUERY:
        raise QueryError("QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {LONGEST_QUERY} characters.",
                         soql[:80], 0)  # fmt: skip
    try:
        return _Builder(soql).transform(_grammar().parse(soql, start=start))
    except UnexpectedInput as error:
        raise _refused(soql, error) from error
    except RecursionError:
        raise QueryError("QUERY_TOO_COMPLICATED", "Query is too deeply nested", soql[:80], 0) from None
    except VisitError as error:
        if isinstance(error.orig_exc, QueryError):
            raise error.orig_exc from None
        if isinstance(error.orig_exc, RecursionError):
            raise QueryError("QUERY_TOO_COMPLICATED", "Query is too deeply nested", soql[:80], 0) from None
        raise


def _refused(soql: str, error: UnexpectedInput) -> QueryError:
    position: int = max(0, getattr(error, "pos_in_stream", None) or 0)  # lark declares it as always None
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return QueryError("MALFORMED_QUERY", "unexpected token: '<EOF>'", soql, len(soql))
    if isinstance(error, UnexpectedCharacters):
        text = soql[position]
    else:
        text = str(error.token) if isinstance(error, UnexpectedToken) else soql[position:][:1]
    around = {text.upper(), *soql[:position].upper().split()[-1:]}
    unsupported = sorted(around & _NOT_SUPPORTED)
    note = f" ({unsupported[0]} is not supported by this sandbox)" if unsupported else ""
    return QueryError("MALFORMED_QUERY", f"unexpected token: '{text}'{note}", soql, position)


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    text = (files(__package__) / "soql.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", start=["query", "condition"], maybe_placeholders=False)


class _Builder(Transformer[Token, Any]):
    """From lark's tree to the classes above. Keyword tokens are among the children, told apart by their type."""

    def __init__(self, soql: str) -> None:
        super().__init__()
        self._soql = soql

    def path(self, children: Sequence[Token]) -> Path:
        return Path(tuple(str(part) for part in children), children[0].start_pos or 0)

    def selected(self, children: Sequence[Any]) -> Selected:
        return Selected(children[0], self._alias(children[1:]))

    def selected_call(self, children: Sequence[Any]) -> Selected:
        path = next((child for child in children if isinstance(child, Path)), None)
        aliases = [child for child in children[1:] if isinstance(child, Token)]
        return Selected(Call(children[0].lower(), path, children[0].start_pos), self._alias(aliases))

    def operand(self, children: Sequence[Path]) -> Path:
        return children[0]

    def operand_call(self, children: Sequence[Any]) -> Call:
        return Call(children[0].lower(), children[1], children[0].start_pos)

    def value(self, children: Sequence[Token]) -> Literal:
        return Literal(children[0].type, str(children[0]), children[0].start_pos or 0)

    def compare(self, children: Sequence[Any]) -> Compare:
        operand, operator, value = children
        return Compare(operand, "!=" if operator == "<>" else str(operator), value)

    def like(self, children: Sequence[Any]) -> Like:
        literal: Token = children[2]
        return Like(children[0], Literal(literal.type, str(literal), literal.start_pos or 0))

    def within(self, children: Sequence[Any]) -> Within:
        return Within(children[0], children[-1], negated=False)

    def not_within(self, children: Sequence[Any]) -> Within:
        return Within(children[0], children[-1], negated=True)

    def multi_select(self, children: Sequence[Any]) -> Condition:
        token: Token = children[1]
        message = f"{token} is for multi-select picklists, which no object of this sandbox has"
        raise QueryError("MALFORMED_QUERY", message, self._soql, token.start_pos or 0)

    def values(self, children: Sequence[Literal]) -> tuple[Literal, ...]:
        return tuple(children)

    def subquery(self, children: Sequence[Query]) -> Query:
        return children[0]

    def all_of(self, children: Sequence[Any]) -> Group:
        return Group("AND", tuple(child for child in children if not isinstance(child, Token)))

    def any_of(self, children: Sequence[Any]) -> Group:
        return Group("OR", tuple(child for child in children if not isinstance(child, Token)))

    def negation(self, children: Sequence[Any]) -> Negation:
        return Negation(children[-1])

    def scope(self, children: Sequence[Token]) -> tuple[str, Token]:
        return "scope", children[-1]

    def where(self, children: Sequence[Any]) -> tuple[str, Condition]:
        return "where", children[-1]

    def order(self, children: Sequence[Any]) -> tuple[str, tuple[Ordering, ...]]:
        return "order", tuple(child for child in children if isinstance(child, Ordering))

    def order_item(self, children: Sequence[Any]) -> Ordering:
        words = {child.type for child in children[1:]}
        return Ordering(children[0], descending="DESC" in words, nulls_last="LAST" in words)

    def limit(self, children: Sequence[Token]) -> tuple[str, int]:
        return "limit", self._count(children[-1])

    def offset(self, children: Sequence[Token]) -> tuple[str, int]:
        return "offset", self._count(children[-1])

    def query(self, children: Sequence[Any]) -> Query:
        names = [child for child in children if isinstance(child, Token) and child.type == "NAME"]
        clauses: dict[str, Any] = dict(child for child in children if isinstance(child, tuple))
        return Query(
            select=tuple(child for child in children if isinstance(child, Selected)),
            object=str(names[0]),
            object_position=names[0].start_pos or 0,
            alias=self._alias(names[1:]),
            scope=None if "scope" not in clauses else str(clauses["scope"]),
            where=clauses.get("where"),
            order=clauses.get("order", ()),
            limit=clauses.get("limit"),
            offset=clauses.get("offset", 0),
        )

    def _alias(self, names: Sequence[Token]) -> str | None:
        if not names:
            return None
        if names[0].upper() in _NOT_SUPPORTED:
            message = f"unexpected token: '{names[0]}' ({names[0].upper()} is not supported by this sandbox)"
            raise QueryError("MALFORMED_QUERY", message, self._soql, names[0].start_pos or 0)
        return str(names[0])

    def _count(self, token: Token) -> int:
        if len(token) > 10 or not 0 <= int(token) <= LARGEST_COUNT:
            raise QueryError("MALFORMED_QUERY", f"unexpected token: '{token}'", self._soql, token.start_pos or 0)
        return int(token)
