"""The org's injected faults: what a whole call is answered with, and which faults its handlers act out themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from sync_pipeline.sandbox.faults import Fault, FaultKind, injected
from sync_pipeline.sandbox.runtime import acted_fault
from sync_pipeline.sandbox.salesforce.errors import DuplicatesDetected, RowError

_LIMIT: Final = "TotalRequests Limit exceeded."
_UNEXPECTED: Final = "An unexpected error occurred. Please include this ErrorId if you contact support"
_CALLS: Final[Mapping[str, tuple[int, str, str]]] = {
    "401": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "403": (403, "INSUFFICIENT_ACCESS", "insufficient access rights"),
    "404": (404, "NOT_FOUND", "The requested resource does not exist"),
    "409": (409, "CONFLICT", "The request could not be completed due to a conflict with the resource's current state"),
    "412": (412, "PRECONDITION_FAILED", "Resource has been modified since the date given"),
    "415": (415, "UNSUPPORTED_MEDIA_TYPE", "Content type not supported"),
    "420": (420, "REQUEST_LIMIT_EXCEEDED", "Unable to route the request"),
    "429": (429, "REQUEST_LIMIT_EXCEEDED", _LIMIT),
    "429_without_retry_after": (429, "REQUEST_LIMIT_EXCEEDED", _LIMIT),
    "500": (500, "UNKNOWN_EXCEPTION", _UNEXPECTED),
    "502": (502, "UNKNOWN_EXCEPTION", "Bad gateway"),
    "503": (503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable"),
    "504": (504, "UNKNOWN_EXCEPTION", "Gateway timeout"),
    "API_DISABLED_FOR_ORG": (403, "API_DISABLED_FOR_ORG", "API is disabled for this User"),
    "INVALID_QUERY_LOCATOR": (400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    "QUERY_TIMEOUT": (400, "QUERY_TIMEOUT", "Your query request was running for too long."),
    "REQUEST_LIMIT_EXCEEDED": (403, "REQUEST_LIMIT_EXCEEDED", _LIMIT),
    "SERVER_UNAVAILABLE": (503, "SERVER_UNAVAILABLE", "The server is temporarily unavailable"),
    "UNKNOWN_EXCEPTION": (500, "UNKNOWN_EXCEPTION", _UNEXPECTED),
}
SEVERAL: Final = "300"
PARTIAL_FAILURE: Final = "partial_failure"
SHORT_PAGE: Final = "short_page"
LATE_COMMIT: Final = "late_commit"
_LOCKED: Final = "unable to obtain exclusive access to this record or 1 records"
_ROWS: Final[Mapping[str, Callable[[], RowError]]] = {
    "CIRCULAR_DEPENDENCY": lambda: RowError("CIRCULAR_DEPENDENCY", "attempt to create a cyclic dependency"),
    "DELETE_FAILED": lambda: RowError("DELETE_FAILED", "Your attempt to delete the record could not be completed"),
    "DUPLICATES_DETECTED": lambda: DuplicatesDetected("Sandbox_Duplicate_Rule", "Contact", [], details=False),
    "DUPLICATE_VALUE": lambda: RowError(
        "DUPLICATE_VALUE", "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
    ),
    "ENTITY_IS_DELETED": lambda: RowError("ENTITY_IS_DELETED", "entity is deleted", status=404),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": lambda: RowError(
        "FIELD_CUSTOM_VALIDATION_EXCEPTION", "The record breaks a validation rule"
    ),
    "INSUFFICIENT_ACCESS_OR_READONLY": lambda: RowError(
        "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"
    ),
    "INVALID_CROSS_REFERENCE_KEY": lambda: RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
    "STRING_TOO_LONG": lambda: RowError(
        "STRING_TOO_LONG", "Last Name: data value too large: x (max length=80)", ["LastName"]
    ),
    "UNABLE_TO_LOCK_ROW": lambda: RowError("UNABLE_TO_LOCK_ROW", _LOCKED),
    PARTIAL_FAILURE: lambda: RowError("UNABLE_TO_LOCK_ROW", _LOCKED),
    SEVERAL: lambda: RowError("DUPLICATE_EXTERNAL_ID", "more than one record found for external id field"),
}
_TAKES_ROWS: Final = re.compile(r"/composite/(sobjects|tree)\b|/jobs/ingest/", re.IGNORECASE)
_MEANINGS: Final[Mapping[str, str]] = {
    "401": "The session is no longer valid; a fresh token is.",
    "420": "The request could not be routed; it may be sent again.",
    "429": "Too many requests, with Retry-After; Salesforce itself answers 403 REQUEST_LIMIT_EXCEEDED.",
    "429_without_retry_after": "Too many requests, without a word about when to come back.",
    "REQUEST_LIMIT_EXCEEDED": "403, no Retry-After: the org's daily calls are used up.",
    "INVALID_QUERY_LOCATOR": "A query's next page is asked for and its cursor is gone.",
    "QUERY_TIMEOUT": "A query that ran too long.",
    SEVERAL: "300: several records have the external id; DUPLICATE_EXTERNAL_ID in a row.",
    PARTIAL_FAILURE: "Every second row (or `rows`) of a call about several fails with UNABLE_TO_LOCK_ROW.",
}
_BY_ROWS: Final = "With `rows`, only those rows of a Collections, tree or ingest call; otherwise the call as a whole."


def fault_responses() -> dict[str, Callable[[Fault], Response]]:
    """Fault name -> the answer of a call that it hits as a whole."""
    return {name: _answer for name in (*_CALLS, *_ROWS)}


def fault_kinds() -> dict[str, FaultKind]:
    """Fault name -> what it means and which calls it can hit."""
    kinds = {name: FaultKind(_MEANINGS.get(name, message)) for name, (_, _, message) in _CALLS.items()}
    kinds |= {name: FaultKind(_MEANINGS.get(name, _BY_ROWS)) for name in _ROWS}
    kinds[SHORT_PAGE] = FaultKind(
        "A query's page holds half of what it could; `done` and nextRecordsUrl tell of the rest.",
        applies=lambda attempt: "/query" in attempt.path and attempt.method == "GET",
        behaviour=True,
    )
    kinds[LATE_COMMIT] = FaultKind(
        "The call's writes are stamped hold_seconds in the past, as those of a long transaction are.",
        applies=lambda attempt: attempt.method != "GET",
        behaviour=True,
    )
    return kinds


def acts_out(fault: Fault, method: str, path: str) -> bool:
    """Whether the handlers see to the fault because it hits rows of a call about several records."""
    by_row = fault.name in _ROWS and (fault.rows is not None or fault.name == PARTIAL_FAILURE)
    return by_row and _TAKES_ROWS.search(path) is not None and method != "GET"


def _answer(fault: Fault) -> Response:
    if fault.name == SEVERAL:
        path = "/services/data/v60.0/sobjects/Contact"
        return JSONResponse([f"{path}/0035g000000001AAAQ", f"{path}/0035g000000002AAAQ"], 300)
    if fault.name in _ROWS:
        error = _ROWS[fault.name]()
        return JSONResponse(error.body(), error.status)
    status, code, message = _CALLS[fault.name]
    headers = {"Retry-After": str(fault.retry_after)} if fault.name == "429" else {}
    return JSONResponse([{"message": message, "errorCode": code}], status, headers)


# -- acting out --------------------------------------------------------------------------------------------------------


class RowFault:
    """The fault that hits some rows of this call. `error`: what the row at a position is refused with, or None."""

    def __init__(self) -> None:
        fault = acted_fault.get()
        self._fault = fault if fault is not None and fault.name in _ROWS else None

    @property
    def has_effect(self) -> bool:
        """Whether the row is written all the same, and only its answer is a failure."""
        return self._fault is not None and self._fault.position == "response_lost"

    def error(self, position: int) -> RowError | None:
        fault = self._fault
        if fault is None:
            return None
        hit = position % 2 == 1 if fault.rows is None else position in fault.rows
        return _ROWS[fault.name]() if hit else None


def commit_lag() -> float:
    """Seconds by which this call's writes are stamped in the past."""
    behaviour = injected(LATE_COMMIT)
    if behaviour is None:
        return 0.0
    behaviour.used = True
    return behaviour.fault.hold_seconds


def page_rows(most: int) -> int:
    """How many rows this call's page may hold: half of what it could where the fault short_page hits."""
    behaviour = injected(SHORT_PAGE)
    if behaviour is None or most < 2:
        return most
    behaviour.used = True
    return most // 2
