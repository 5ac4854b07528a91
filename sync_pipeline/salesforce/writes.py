"""Collections of up to 200 rows: every row's own result, in order. One bad row never takes the others with it.

What is sent again is looked at again first: here is the only place that repeats a write to Salesforce."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import requests

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.salesforce.session import side_unavailable
from sync_pipeline.salesforce.soql import chunks
from sync_pipeline.transport import Answer, OutcomeUnknown, Policy, Refused, judge

ROWS_AT_ONCE: Final = 200
#: A row that makes Salesforce refuse a whole call is looked for by halves, with at most so many further calls.
_HALVING_CALLS: Final = 60

#: Rows of one call -> its answer; raises Refused, OutcomeUnknown, and SideUnavailable where no login is possible.
Send = Callable[[Sequence[Any]], requests.Response]
#: (places of the rows that are about to be sent after an earlier call, Ids that the earlier calls wrote) -> the places
#: of those that must not be sent any more. Raises nothing.
BeforeRepeat = Callable[[Sequence[int], Collection[str]], Collection[int]]


@dataclass(frozen=True)
class RowResult:
    """What became of one row (error None: done). `duplicates`: Ids that a duplicate rule named; `fields`: API names.

    Rows of a call that was refused as a whole bear its error: session.side_unavailable tells it from a row's own.
    """

    id: str = ""
    error: Refused | OutcomeUnknown | None = None
    duplicates: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


def write(
    rows: Sequence[Any], send: Send, policy: Policy, before_repeat: BeforeRepeat | None = None
) -> list[RowResult]:
    """Sends all rows, at most 200 a call; a result for each, in order. Raises nothing that concerns rows.

    Rows that were refused for the moment (locked, no calls left, an old token: nothing was done to them) are sent again
    after a pause, as often as the policy allows. Before every call but the first `before_repeat` looks at its rows.
    """
    return _Write(rows, send, policy, before_repeat).all()


class _Write:
    def __init__(self, rows: Sequence[Any], send: Send, policy: Policy, before_repeat: BeforeRepeat | None) -> None:
        self._rows, self._send, self._policy, self._before_repeat = rows, send, policy, before_repeat
        self._results: dict[int, RowResult] = {}
        self._is_first, self._spare = True, _HALVING_CALLS

    def all(self) -> list[RowResult]:
        attempt, is_renewed = 0, False
        places: Sequence[int] = range(len(self._rows))
        while places:
            self._send_all(places)
            passing = {place: error for place in places if (error := _passing(self._results[place])) is not None}
            if any(error.status == 401 for error in passing.values()):
                if is_renewed:
                    break
                is_renewed = True  # the call has got the new token
            elif passing:
                attempt += 1
                asked = [error.retry_after for error in passing.values() if error.retry_after is not None]
                if not self._policy.wait(attempt, max(asked, default=None)):
                    break
            places = list(passing)
        return [self._results[place] for place in range(len(self._rows))]

    def _send_all(self, places: Sequence[int]) -> None:
        waiting = list(reversed(list(chunks(places, ROWS_AT_ONCE))))
        while waiting:
            part = self._still_wanted(waiting.pop())
            if not part:
                continue
            try:
                found = _read(part, self._send([self._rows[place] for place in part]))
            except OutcomeUnknown as error:
                found = [RowResult(error=error)] * len(part)
            except SideUnavailable as error:
                refused = Refused(error.message, status=401, error_code=error.code, remedy=error.remedy)
                return self._none_sent([part, *waiting], refused)
            except Refused as error:
                if side_unavailable(error) is not None:  # the next call would be refused as well
                    return self._none_sent([part, *waiting], error)
                # 400 for the whole call: one row could not be read (a date that is none), and nothing was done.
                if error.status == 400 and not error.is_passing and len(part) > 1 and self._spare > 0:
                    self._spare -= 1
                    half = len(part) // 2
                    waiting += [part[half:], part[:half]]
                    continue
                found = [_failure(error, error.body)] * len(part)
            self._results.update(zip(part, found, strict=True))
        return None

    def _still_wanted(self, part: Sequence[int]) -> Sequence[int]:
        """The rows of a call that may be sent: all of the first, and of a later one what stands another look."""
        if self._is_first or self._before_repeat is None:
            self._is_first = False
            return part
        written = [result.id for result in self._results.values() if result.error is None]
        dropped = self._before_repeat(part, written)
        error = Refused("It was not sent again: it had changed meanwhile.", status=409, error_code="changed_meanwhile")
        self._results.update(dict.fromkeys(dropped, RowResult(error=error)))
        return [place for place in part if place not in dropped]

    def _none_sent(self, waiting: Sequence[Sequence[int]], error: Refused) -> None:
        self._results.update({place: RowResult(error=error) for part in waiting for place in part})


def _passing(result: RowResult) -> Refused | None:
    return result.error if isinstance(result.error, Refused) and result.error.is_passing else None


def _read(rows: Sequence[int], response: requests.Response) -> list[RowResult]:
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
    is_passing = judge(400, code) is Answer.BUSY
    error = Refused(f"{code} {message}".strip(), status=400, error_code=code, body=first, is_passing=is_passing)
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
