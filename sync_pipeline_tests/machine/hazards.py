"""What goes wrong: the services' faults by name, and the seam at which the process is killed or a person is faster.

A kill is a BaseException after which this process sends nothing more and commits nothing more."""

from __future__ import annotations

import functools
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import requests

from sync_pipeline.engine import extraction
from sync_pipeline.engine import session as engine_session
from sync_pipeline.push import outlook as push_outlook
from sync_pipeline.push.context import RunContext
from sync_pipeline.transport import Policy
from sync_pipeline.warehouse import journal, mirrors, removal, tables, writer

#: (service, fault, method or None, path regex or None): every fault of reliability.md that a call can meet.
_ANY = ("401", "429", "429_without_retry_after", "500", "502", "503", "504", "timeout", "connection_reset",
        "truncated_body", "html_error", "clock_skew")  # fmt: skip
_CONTACT = "contacts?(/|$)"
FAULTS: tuple[tuple[str, str, str | None, str | None], ...] = (
    *((service, name, None, None) for service in ("graph", "salesforce") for name in _ANY),
    ("graph", "503_with_retry_after", None, None),
    ("graph", "403", None, _CONTACT),
    ("graph", "404", "PATCH", _CONTACT),
    ("graph", "409", None, _CONTACT),
    ("graph", "412", "PATCH", _CONTACT),
    ("graph", "412", "DELETE", _CONTACT),
    ("graph", "507", "POST", _CONTACT),
    ("graph", "410_resync", "GET", "delta"),
    ("graph", "expired_nextlink", None, None),
    ("graph", "empty_page_with_nextlink", None, None),
    ("graph", "repeated_delta_items", None, None),
    ("graph", "reordered_delta_items", None, None),
    ("graph", "removed_of_an_unknown_id", None, None),
    ("graph", "created_item_missing_from_delta", None, None),
    ("graph", "changekey_changed_without_a_change", None, None),
    ("graph", "move_seen_as_removal_then_upsert", None, None),
    ("graph", "move_seen_as_upsert_then_removal", None, None),
    ("graph", "moved_away_and_back_and_never_re_added", None, None),
    ("graph", "delete_answers_404_although_it_succeeded", None, None),
    ("graph", "batch_part_429", None, None),
    ("graph", "batch_part_503", None, None),
    ("graph", "more_than_4_concurrent_refused", None, None),
    ("graph", "server_trims_values", None, None),
    ("graph", "server_reorders_emails", None, None),
    ("graph", "server_rewrites_display_name", None, None),
    ("salesforce", "REQUEST_LIMIT_EXCEEDED", None, None),
    ("salesforce", "403", None, None),
    ("salesforce", "420", None, None),
    ("salesforce", "UNABLE_TO_LOCK_ROW", "PATCH", "composite"),
    ("salesforce", "UNABLE_TO_LOCK_ROW", "POST", "composite/sobjects"),
    ("salesforce", "DUPLICATES_DETECTED", "POST", "composite/sobjects$"),
    ("salesforce", "DUPLICATE_VALUE", "POST", "composite/sobjects$"),
    ("salesforce", "ENTITY_IS_DELETED", "PATCH", "composite"),
    ("salesforce", "ENTITY_IS_DELETED", "DELETE", "composite"),
    ("salesforce", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "PATCH", "composite"),
    ("salesforce", "STRING_TOO_LONG", "PATCH", "composite"),
    ("salesforce", "INVALID_CROSS_REFERENCE_KEY", "POST", "composite/sobjects$"),
    ("salesforce", "INVALID_QUERY_LOCATOR", "GET", "query/"),
    ("salesforce", "QUERY_TIMEOUT", "GET", "query"),
    ("salesforce", "partial_failure", "PATCH", "composite"),
    ("salesforce", "partial_failure", "POST", "composite/sobjects$"),
    ("salesforce", "short_page", None, None),
    ("salesforce", "late_commit", None, None),
)
#: Faults that need what these worlds rarely hold: an empty CI share proves nothing about them.
RARE = {
    "INVALID_QUERY_LOCATOR", "more_than_4_concurrent_refused", "moved_away_and_back_and_never_re_added",
    "move_seen_as_upsert_then_removal", "move_seen_as_removal_then_upsert", "expired_nextlink",
    "server_trims_values", "server_reorders_emails", "late_commit", "short_page",
}  # fmt: skip


#: Where a run can be killed, around a write that it sends or a transaction of its warehouse.
POSITIONS = ("before_call", "after_call", "before_commit", "after_commit")


class Killed(BaseException):
    """The process ends here: nothing of the engine may catch it."""


class _Looks:
    """Which Contacts the engine has just looked at, and whether it has just looked for duplicates."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._sent: set[str] = set()
        self._is_asked = False

    def cover(self, request: Any) -> bool:
        """Whether the request is a write of rows that were looked at, and neither sent nor paused before since then."""
        if not _is_collection_write(request):
            return False
        rows = _rows(request)
        if request.method == "POST" or "/sobjects/Contact/" in request.url:
            return self._is_asked and not rows & self._sent
        return rows <= self._seen

    def note(self, request: Any) -> None:
        if _is_collection_write(request):
            self._sent |= _rows(request)
            self._seen -= _rows(request)
        elif request.method == "POST" and request.url.endswith("/composite/sobjects/Contact"):
            self._seen = set(json.loads(request.body)["ids"])
        elif "/query" in request.url:
            self._is_asked = True
            self._sent.clear()

    def age(self) -> None:
        """A pause: what was seen before it may have changed."""
        self._seen.clear()
        self._is_asked = False


def _is_collection_write(request: Any) -> bool:
    is_look = request.method == "POST" and request.url.endswith("/sobjects/Contact")
    return request.method in ("PATCH", "DELETE", "POST") and "/composite/sobjects" in request.url and not is_look


def _rows(request: Any) -> set[str]:
    """The Ids that a write names, or the rows that it creates."""
    if request.method == "DELETE":
        return set(parse_qs(urlsplit(request.url).query)["ids"][0].split(","))
    return {record.get("id") or json.dumps(record) for record in json.loads(request.body)["records"]}


class Seam:
    """Counts the engine's calls and commits of one run; kills it at one, or lets somebody act before one.

    at: by position the number of the write (POST, PATCH, PUT, DELETE) or of the transaction at which the process dies.
    A transaction is counted under the name of the method that makes it too: "before_commit save_contacts".
    act: (number of the call, what somebody does).
    """

    def __init__(
        self, *, at: Mapping[str, int] | None = None, act: tuple[int, Callable[[], object]] | None = None
    ) -> None:
        self._at = Counter(at or {})
        self._act = act
        self.seen: Counter[str] = Counter()
        self._reads = 0
        self._looks = _Looks()
        self.is_dead = False
        self.acted = False

    def _reach(self, where: str, what: str = "") -> None:
        for name in (where, f"{where} {what}"):
            self.seen[name] += 1
            if self.is_dead or (self._at[name] and self.seen[name] == self._at[name]):
                self.is_dead = True
                raise Killed(name)

    def send(self, whole: Callable[..., requests.Response], session: Any, request: Any, **more: Any) -> Any:
        """In the place of requests.Session.send."""
        if self.is_dead:
            raise Killed("dead already")
        is_token = "oauth2" in request.url or "/token" in request.url
        is_write = request.method != "GET" and not is_token
        if is_write:
            self._reach("before_call")
        self._somebody(request)
        response = whole(session, request, **more)
        if is_write:
            self._reach("after_call")
        return response

    def _somebody(self, request: Any) -> None:
        """A person acts just before a call of ours, but not between our last look and the write that rests on it, for
        which Salesforce's collections offer no condition (invariant 11). Before a repeat there must be another look."""
        self._reads += 1
        if self._act and self._reads >= self._act[0] and not self.acted and not self._looks.cover(request):
            self.acted = True
            self._act[1]()
        self._looks.note(request)

    def pause(self) -> None:
        self._looks.age()

    @contextmanager
    def transaction(self, connection: Any) -> Iterator[None]:
        """In the place of warehouse.tables.transaction: what is killed before the commit never was."""
        if self.is_dead:
            raise Killed("dead already")
        method = sys._getframe(2).f_code.co_name  # this frame's caller enters the context, its caller is the method
        connection.execute("begin")
        try:
            yield
            self._reach("before_commit", method)
        except BaseException:
            connection.execute("rollback")
            raise
        connection.execute("commit")
        self._reach("after_commit", method)


@contextmanager
def seam(hold: Seam, sleep: Callable[[float], None]) -> Iterator[None]:
    """The engine runs through the seam, and its pauses pass on the sandbox's clock in no time."""
    whole = requests.Session.send

    def send(session: requests.Session, request: requests.PreparedRequest, **more: Any) -> Any:
        return hold.send(whole, session, request, **more)

    def pause(seconds: float) -> None:
        hold.pause()
        sleep(seconds)

    # Any: mock's types take a partial for a context manager
    policy: Any = functools.partial(Policy, sleep=pause)
    context: Any = functools.partial(RunContext, sleep=pause)
    modules = (tables, writer, journal, mirrors, removal)
    with mock.patch.multiple(requests.Session, send=send):
        patches: list[Any] = [mock.patch.object(module, "transaction", hold.transaction) for module in modules]
        # one mailbox after the other: the nth call is then the same one whenever the story is told again
        patches += [mock.patch.object(module, "MAILBOXES_AT_ONCE", 1) for module in (extraction, push_outlook)]
        patches.append(mock.patch.object(engine_session, "Policy", policy))
        patches.append(mock.patch.object(engine_session, "RunContext", context))
        for patch in patches:
            patch.start()
        try:
            yield
        finally:
            for patch in reversed(patches):
                patch.stop()
