"""The OData query options that Graph's contact routes understand: paging, $select, $expand, $filter, $count.

What is not understood is refused in Graph's own form, never ignored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_pipeline.sandbox.graph.errors import BadRequest, InvalidFilter, InvalidUrlQuery
from sync_pipeline.sandbox.graph.extended import property_key
from sync_pipeline.sandbox.graph.properties import EXTENDED, SELECTABLE, STRINGS
from sync_pipeline.sandbox.state import Json

MAX_TOP: Final = 1000
DEFAULT_TOP: Final = 10
LONGEST_COUNT: Final = 15
_TEXT: Final = r"'((?:[^']|'')*)'"
_ID_TERM = re.compile(rf"\s*(?:\w+/)?id\s+eq\s+{_TEXT}\s*", re.IGNORECASE)
_EXPAND = re.compile(rf"^{EXTENDED}\s*\(\s*\$filter\s*=\s*(.+)\)$", re.IGNORECASE | re.DOTALL)
_FILTER_EXTENDED = re.compile(
    rf"^{EXTENDED}/any\(\s*(\w+)\s*:\s*\(?\s*\1/id\s+eq\s+{_TEXT}\s+and\s+\1/value\s+eq\s+{_TEXT}\s*\)?\s*\)$",
    re.IGNORECASE,
)
_FILTER_EMAIL = re.compile(rf"^emailAddresses/any\(\s*(\w+)\s*:\s*\1/address\s+eq\s+{_TEXT}\s*\)$", re.IGNORECASE)
_FILTER_CATEGORY = re.compile(rf"^categories/any\(\s*(\w+)\s*:\s*\1\s+eq\s+{_TEXT}\s*\)$", re.IGNORECASE)


_FILTER_FOLDER = re.compile(rf"^displayName\s+eq\s+{_TEXT}$", re.IGNORECASE)
_COLUMNS: Final = {"createdDateTime": "created_at", "lastModifiedDateTime": "modified_at"}
SORTABLE: Final = frozenset(STRINGS | {"birthday", *_COLUMNS})


@dataclass(frozen=True)
class Query:
    """A request's options, by lower-case name ("$top"), percent-decoded."""

    options: Mapping[str, str]

    def allow(self, *names: str) -> None:
        """Refuses every system option that is not named."""
        for name in self.options:
            if name.startswith("$") and name not in names:
                raise InvalidUrlQuery(
                    f"The query option '{name}' is not supported here; supported: {', '.join(names)}."
                )

    def top(self, default: int = DEFAULT_TOP, maximum: int = MAX_TOP) -> int:
        return min(self._number("$top", default, minimum=1), maximum)

    def skip(self) -> int:
        return self._number("$skip", 0, minimum=0)

    def skip_token(self) -> int:
        text = self.options.get("$skiptoken", "0")
        if not is_count(text):
            raise BadRequest(f"The skip token '{text}' is malformed.")
        return int(text)

    def counts(self) -> bool:
        return self.options.get("$count", "false").lower() == "true"

    def select(self, known: Iterable[str]) -> frozenset[str] | None:
        """The chosen properties, in their true spelling; None for all."""
        if not self.options.get("$select", "").strip():
            return None
        spelling = {name.lower(): name for name in known}
        chosen = set()
        for part in self.options["$select"].split(","):
            name = part.strip()
            if name.lower() not in spelling:
                raise BadRequest(f"Could not find a property named '{name}' on type 'microsoft.graph.contact'.")
            chosen.add(spelling[name.lower()])
        return frozenset(chosen)

    def contact_select(self) -> frozenset[str] | None:
        return self.select(SELECTABLE)

    def order(self, known: Iterable[str]) -> list[tuple[str, bool]]:
        """$orderby's properties in their true spelling, and whether descending; empty without it."""
        text = self.options.get("$orderby", "").strip()
        spelling = {name.lower(): name for name in known}
        found: list[tuple[str, bool]] = []
        for part in text.split(",") if text else []:
            match = re.fullmatch(r"(\w+)(?:\s+(asc|desc))?", part.strip(), re.IGNORECASE)
            if match is None or match[1].lower() not in spelling:
                raise BadRequest(f"The $orderby '{part.strip()}' is not supported; known: {', '.join(sorted(known))}.")
            found.append((spelling[match[1].lower()], (match[2] or "").lower() == "desc"))
        return found

    def contact_order(self) -> str:
        """SQL of a contact list's $orderby, case aside; "" without it."""
        terms = []
        for name, descending in self.order(SORTABLE):
            value = _COLUMNS.get(name) or f"fold(json_extract(properties, '$.{name}'))"
            terms.append(f"{value} {'DESC' if descending else 'ASC'}")
        return ", ".join(terms)

    def folder_names(self) -> frozenset[str] | None:
        """The case-folded names that a folder list's $filter asks for; None without it."""
        if "$filter" not in self.options:
            return None
        matches = [(_FILTER_FOLDER.match(term), term) for term in _split_or(self.options["$filter"])]
        for match, term in matches:
            if match is None:
                raise InvalidFilter(term)
        return frozenset(_plain(match[1]).casefold() for match, _ in matches if match)

    def expand(self) -> list[str]:
        """The extended property ids that $expand asks for; none without $expand."""
        text = self.options.get("$expand", "").strip()
        if not text:
            return []
        match = _EXPAND.match(text)
        terms = _split_or(match[1]) if match else []
        found = [_ID_TERM.fullmatch(term) for term in terms]
        if not found or not all(found):
            raise BadRequest(
                f"The $expand '{text}' is not supported; ask for {EXTENDED}($filter=id eq 'String {{GUID}} Name X')."
            )
        return [_plain(term[1]) for term in found if term]

    def _number(self, name: str, default: int, *, minimum: int) -> int:
        text = self.options.get(name)
        if text is None:
            return default
        if not is_count(text.strip()) or int(text) < minimum:
            raise BadRequest(f"Invalid value '{text}' for {name} query option found.")
        return int(text)


def is_count(text: str) -> bool:
    """Whether it is a whole number that a database can hold; `isdigit` alone takes ² and ١ too."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_COUNT


def contact_filter(text: str, switches: Json) -> tuple[str, list[Any]]:
    """SQL condition and parameters of a contact $filter: extended property, e-mail address, or several with or."""
    conditions: list[str] = []
    parameters: list[Any] = []
    for term in _split_or(text):
        if match := _FILTER_EXTENDED.match(term):
            conditions.append(
                # By number, as for addresses: else SQLite walks the whole folder in the order that is asked for.
                "number IN (SELECT c.number FROM graph_extended e JOIN graph_contacts c ON c.immutable_id = e.owner"
                " WHERE e.property = ? AND fold(e.value) = fold(?))"
            )
            parameters += [property_key(_plain(match[2])), _plain(match[3])]
        elif match := _FILTER_EMAIL.match(term):
            conditions.append("number IN (SELECT contact FROM graph_addresses WHERE fold(address) = fold(?))")
            parameters.append(_plain(match[2]))
        elif (match := _FILTER_CATEGORY.match(term)) and switches["filter_by_category"]:
            conditions.append("EXISTS (SELECT 1 FROM json_each(properties, '$.categories') c WHERE c.value = ?)")
            parameters.append(_plain(match[2]))
        else:
            raise InvalidFilter(term)
    return "(" + " OR ".join(conditions) + ")", parameters


def user_filter(text: str) -> tuple[str, list[str]]:
    """SQL condition and parameters of a users $filter: mail, userPrincipalName, displayName or id eq '…', with or."""
    columns = {"mail": "address", "userprincipalname": "address", "displayname": "name", "id": "id"}
    conditions: list[str] = []
    parameters: list[str] = []
    for term in _split_or(text):
        match = re.fullmatch(rf"({'|'.join(columns)})\s+eq\s+{_TEXT}", term, re.IGNORECASE)
        if match is None:
            raise InvalidFilter(term)
        column = columns[match[1].lower()]
        conditions.append("id = lower(?)" if column == "id" else f"fold({column}) = fold(?)")
        parameters.append(_plain(match[2]))
    return f"({' OR '.join(conditions)})", parameters


def _split_or(text: str) -> list[str]:
    """The terms of a disjunction; an `or` inside a quoted text is part of it."""
    terms, start, quoted = [], 0, False
    for place, letter in enumerate(text):
        if letter == "'":
            quoted = not quoted
        elif not quoted and re.match(r"\sor\s", text[place : place + 4], re.IGNORECASE):
            terms.append(text[start:place].strip())
            start = place + 4
    return [*terms, text[start:].strip()]


def _plain(text: str) -> str:
    return text.replace("''", "'")
