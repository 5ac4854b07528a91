"""List views: found by Id, developer name or label, and turned into the query that scans their members at any size.

A view that is gone, hidden or not expressible in SOQL is an error of its own, and never an empty view."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sync_pipeline.model.errors import SyncError
from sync_pipeline.salesforce.soql import long_id, quote
from sync_pipeline.transport import Refused

MEMBERS_AT_ONCE: Final = 2000

_PATH: Final = "sobjects/Contact/listviews"
_ID: Final = re.compile(r"00B[A-Za-z0-9]{12}([A-Za-z0-9]{3})?")
#: One token of SOQL: blanks, a string literal, a parenthesis, or a run of anything else.
_TOKEN: Final = re.compile(r"\s+|'(?:[^'\\]|\\.)*'|[()]|[^\s()']+", re.DOTALL)
_CLAUSES: Final = ("SELECT", "FROM", "USING", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR")
_KEPT: Final = frozenset({"SELECT", "FROM", "USING", "WHERE", "ORDER"})

Read = Callable[[str], Any]  # a path below the version's resource -> parsed JSON; raises Refused


class ViewError(SyncError):
    """A list view cannot be used; the mailboxes that show it stop, and nothing is removed because of it."""

    code = "view_unusable"


class ViewGone(ViewError):
    """No such view, or it is not shared with the user: Salesforce does not tell these apart."""

    code = "view_gone"


class ViewNotReadable(ViewError):
    """The view is there, and the user may not read it."""

    code = "view_not_readable"


class ViewNotCompatible(ViewError):
    """The view cannot be said in SOQL, or depends on who looks at it."""

    code = "view_not_compatible"


@dataclass(frozen=True)
class MemberQuery:
    """Which Contacts a view shows: FROM's text, a scope to keep ("" = none) and a condition ("" = all)."""

    source: str
    scope: str = ""
    condition: str = ""

    def page(self, after: str = "") -> str:
        """SOQL for the Ids of the next members by Id, at most 2,000; `after` is the last Id of the page before."""
        return f"{self._head()}{self._where(after)} ORDER BY Id LIMIT {MEMBERS_AT_ONCE}"

    def __str__(self) -> str:
        """SOQL for all Ids."""
        return self._head() + self._where("")

    def _head(self) -> str:
        return f"SELECT Id FROM {self.source}" + (f" USING SCOPE {self.scope}" if self.scope else "")

    def _where(self, after: str) -> str:
        parts = [f"({self.condition})"] if self.condition else []
        parts += [f"Id > {quote(after)}"] if after else []
        return f" WHERE {' AND '.join(parts)}" if parts else ""


@dataclass(frozen=True)
class ListView:
    """A usable list view. `scope` is "" where everybody sees the same Contacts in it."""

    id: str
    label: str
    soql: str
    scope: str

    @property
    def definition(self) -> str:
        """A fingerprint of what decides who is a member; columns and order do not count."""
        return hashlib.sha256(str(member_query(self.soql, scope=self.scope, owner="")).encode()).hexdigest()[:16]

    def key(self, owner: str) -> str:
        """The name under which its members are mirrored: a view of one's own records differs by owner."""
        return f"{self.id}|{owner}" if self.scope and owner else self.id


def find(view: str, read: Read) -> ListView:
    """The view by Id, developer name or label, in this order. Raises ViewError."""
    entry = _by_id(view, read) if _ID.fullmatch(view) else _by_name(view, read)
    label, view_id = str(entry["label"]), long_id(str(entry["id"]))
    described = _asked(view, read, f"{_PATH}/{view_id}/describe") if entry.get("soqlCompatible", True) else {}
    if not described.get("query"):
        raise ViewNotCompatible(
            f"The list view {label!r} cannot be expressed in SOQL.",
            remedy="Remove the filters that Salesforce cannot query (soqlCompatible: false), or choose another view.",
        )
    soql = str(described["query"])
    scope = str(described.get("scope") or "")
    found = member_query(soql, scope=scope, owner="")
    return ListView(view_id, label, soql, found.scope)


def member_query(list_view_query: str, *, scope: str = "", owner: str) -> MemberQuery:
    """The members' query of a list view's SOQL: its FROM, scope and WHERE, with neither its columns nor its order.

    `owner`: the user Id that the scope `mine` stands for under org credentials; "" keeps the scope, for the user's own
    credentials. `scope` is the view's scope where its SOQL does not say it. Raises ViewNotCompatible.
    """
    clauses = _clauses(list_view_query)
    unusable = [name for name in clauses if name not in _KEPT]
    if unusable or clauses.get("FROM", "").split(" ")[0].lower() != "contact":
        what = f"has {unusable[0]}" if unusable else "is not of Contacts"
        raise ViewNotCompatible(f"The list view's query {what}: {list_view_query}", remedy="Choose another view.")
    if "USING" in clauses:
        scope = clauses["USING"].split(" ")[-1]
    scope, condition = scope.lower(), clauses.get("WHERE", "")
    if scope == "everything":
        scope = ""
    if scope and owner:
        if scope != "mine":
            raise ViewNotCompatible(
                f"The list view shows {scope!r} Contacts, which only each user's own credentials can tell.",
                remedy="Set salesforce.credentials to per_user, or choose another view.",
            )
        own = f"OwnerId = {quote(owner)}"
        scope, condition = "", f"({condition}) AND {own}" if condition else own
    return MemberQuery(clauses["FROM"], scope, condition)


def _clauses(soql: str) -> dict[str, str]:
    """The text of each top-level clause without its keyword, in the query's order."""
    found: dict[str, str] = {}
    name, start = "", 0
    for text, begin, end, depth in _tokens(soql):
        if depth == 0 and text.upper() in _CLAUSES:
            if name:
                found[name] = soql[start:begin].strip()
            name, start = text.upper(), end
    if name:
        found[name] = soql[start:].strip()
    return found


def _tokens(soql: str) -> Iterator[tuple[str, int, int, int]]:
    """(text, begin, end, depth of parentheses) of every token but blanks. Raises ViewNotCompatible."""
    place, depth = 0, 0
    while place < len(soql):
        token = _TOKEN.match(soql, place)
        if token is None:
            raise ViewNotCompatible(f"The list view's query ends within a text: {soql}", remedy="Choose another view.")
        text, begin, place = token.group(), place, token.end()
        depth -= text == ")"
        if not text.isspace():
            yield text, begin, place, depth
        depth += text == "("


def _by_id(view: str, read: Read) -> dict[str, Any]:
    found: dict[str, Any] = _asked(view, read, f"{_PATH}/{long_id(view)}")
    return found


def _by_name(view: str, read: Read) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    path: str | None = _PATH
    while path:
        page = _asked(view, read, path)
        entries += page["listviews"]
        path = page.get("nextRecordsUrl")
    for key in ("developerName", "label"):
        named = [entry for entry in entries if str(entry.get(key) or "").casefold() == view.casefold()]
        if len(named) > 1:
            ids = ", ".join(str(entry["id"]) for entry in named)
            raise ViewGone(
                f"{len(named)} list views have the {key} {view!r}.",
                remedy=f"Name one by its Id: {ids}.",
                code="view_ambiguous",
            )
        if named:
            return named[0]
    raise _gone(view)


def _asked(view: str, read: Read, path: str) -> Any:
    try:
        return read(path)
    except Refused as error:
        if error.status == 403:
            raise ViewNotReadable(
                f"The list view {view!r} may not be read: {error.message}",
                remedy="Give the user access to the view, or choose another one.",
            ) from error
        if error.status == 404 or error.error_code in ("MALFORMED_ID", "INVALID_CROSS_REFERENCE_KEY"):
            raise _gone(view) from error
        raise


def _gone(view: str) -> ViewGone:
    return ViewGone(
        f"There is no list view {view!r} on Contact that this user sees.",
        remedy="It may be deleted, renamed or not shared: share it with the user, or set another `view`.",
    )
