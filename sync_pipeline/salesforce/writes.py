"""Collections of up to 200 rows: every row's own result, in order. One bad row never takes the others with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import requests

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.salesforce.session import side_unavailable
from sync_pipeline.salesforce.soql import chunks
from sync_pipeline.transport import OutcomeUnknown, Policy, Refused

ROWS_AT_ONCE: Final = 200
#: A row that makes Salesforce refuse a whole call is looked for by halves, with at most so many further calls.
_HALVING_CALLS: Final = 60
_LOCKED: Final = "UNABLE_TO_LOCK_ROW"

#: Rows of one call -> its answer; raises Refused, OutcomeUnknown, and SideUnavailable where no login is possible.
Send = Callable[[Sequence[Any]], requests.Response]


@dataclass(frozen=True)
class RowResult:
    """What became of one row (error None: done). `duplicates`: Ids that a duplicate rule named; `fields`: API names.

    Rows of a call that was refused as a whole bear its error: session.side_unavailable tells it from a row's own.
    """

    id: str = ""
    error: Refused | OutcomeUnknown | None = None
    duplicates: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


def write(rows: Sequence[Any], send: Send, policy: Policy) -> list[RowResult]:
    """Sends all rows, at most 200 a call; a result for each, in order. Raises nothing that concerns rows.

    Rows that were locked (nothing was done to them) are sent again after a pause, as often as the policy allows.
    """
    results = _sent(rows, send)
    attempt = 0
    while locked := [place for place, result in enumerate(results) if _is_locked(result)]:
        attempt += 1
        if not policy.wait(attempt, None):
            break
        for place, result in zip(locked, _sent([rows[place] for place in locked], send), strict=True):
            results[place] = result
    return results


def _sent(rows: Sequence[Any], send: Send) -> list[RowResult]:
    spare = _HALVING_CALLS
    results: list[RowResult] = []
    waiting = list(reversed(list(chunks(rows, ROWS_AT_ONCE))))
    while waiting:
        part = waiting.pop()
        try:
            results += _read(part, send(part))
        except OutcomeUnknown as error:
            results += [RowResult(error=error)] * len(part)
        except SideUnavailable as error:
            refused = Refused(error.message, status=401, error_code=error.code, remedy=error.remedy)
            return results + _none_sent([part, *waiting], refused)
        except Refused as error:
            if side_unavailable(error) is not None:  # the next call would be refused as well
                return results + _none_sent([part, *waiting], error)
            # 400 for the whole call: one row could not be read (a date that is none), and nothing was done.
            if error.status == 400 and len(part) > 1 and spare > 0:
                spare -= 1
                half = len(part) // 2
                waiting += [part[half:], part[:half]]
            else:
                results += [_failure(error, error.body)] * len(part)
    return results


def _none_sent(waiting: Sequence[Sequence[Any]], error: Refused) -> list[RowResult]:
    return [RowResult(error=error)] * sum(len(part) for part in waiting)


def _read(rows: Sequence[Any], response: requests.Response) -> list[RowResult]:
    try:
        body = response.json()
    except ValueError:
        body = None
    answers = body if isinstance(body, list) else []
    if len(answers) != len(rows):
        error = OutcomeUnknown(f"Salesforce answered {len(answers)} results to {len(rows)} rows.", status=200)
        return [RowResult(error=error)] * len(rows)
    return [_result(answer) for answer in answers]


def _result(answer: Mapping[str, Any]) -> RowResult:
    if answer.get("success"):
        return RowResult(id=str(answer.get("id") or ""))
    errors = answer.get("errors") or [{}]
    first = errors[0]
    code, message = str(first.get("statusCode") or first.get("errorCode") or ""), str(first.get("message") or "")
    error = Refused(f"{code} {message}".strip(), status=400, error_code=code, body=first)
    result = _failure(error, errors)
    own = _duplicates(answer)  # some versions show the matches beside the errors
    return replace(result, id=str(answer.get("id") or ""), duplicates=result.duplicates or own)


def _failure(error: Refused, body: Any) -> RowResult:
    details = [item for item in body if isinstance(item, dict)] if isinstance(body, list) else []
    fields = [str(name) for item in details for name in item.get("fields") or []]
    found = [match for item in details for match in _duplicates(item)]
    return RowResult(error=error, duplicates=list(dict.fromkeys(found)), fields=list(dict.fromkeys(fields)))


def _duplicates(detail: Mapping[str, Any]) -> list[str]:
    # The single-row form spells the key without its l (facts/salesforce.md D).
    result = detail.get("duplicateResult") or detail.get("duplicateResut") or {}
    records = [
        match.get("record") or {}
        for found in result.get("matchResults") or []
        for match in found.get("matchRecords") or []
    ]
    return [str(record["Id"]) for record in records if record.get("Id")]


def _is_locked(result: RowResult) -> bool:
    return isinstance(result.error, Refused) and result.error.error_code == _LOCKED
