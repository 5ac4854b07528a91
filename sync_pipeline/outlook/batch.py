"""Graph's $batch: up to 20 calls in one, each part judged, repeated and reported on its own.

A part whose answer was lost is repeated only where repeating is harmless."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sync_pipeline.outlook.connection import IMMUTABLE, Wire
from sync_pipeline.transport import (
    Answer,
    OutcomeUnknown,
    Policy,
    Refused,
    Verb,
    error_of,
    judge,
    retry_after_seconds,
)

BATCH_SIZE: Final = 20


@dataclass(frozen=True)
class SubRequest:
    """One call. `path` is relative to the mailbox, percent-encoded ("?…" is the mailbox itself)."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    verb: Verb = Verb.READ


@dataclass(frozen=True)
class SubResult:
    """What became of it: status, parsed body and headers of the last answer; `error` is None when it was done."""

    status: int
    body: Any
    headers: Mapping[str, str]
    error: Refused | OutcomeUnknown | None = None


class _Part:
    """A call on its way: `result` is what is reported if it is not repeated."""

    def __init__(self, request: SubRequest) -> None:
        self.request = request
        self.result = SubResult(0, None, {})
        self.is_open = True
        self._was_lost = False  # the answer to an earlier attempt

    def take(self, answer: Mapping[str, Any] | Refused | OutcomeUnknown | None) -> None:
        """Judges one attempt: the part's answer, why the whole call failed, or None where the answer lacks the part."""
        if isinstance(answer, OutcomeUnknown) or answer is None:
            said = answer.message if answer is not None else f"{self._asked}: no answer to this part of the batch."
            return self._lost(said, 0, None, {})
        if isinstance(answer, Refused):
            self.is_open = False
            return self._refused(answer, answer.status, answer.body, {})
        status, body, headers = int(answer.get("status", 0)), answer.get("body"), answer.get("headers") or {}
        error_code, message = ("", "") if status < 300 else error_of(body)
        verdict = judge(status, error_code)
        if verdict is Answer.DONE:
            self.is_open = False
            self.result = SubResult(status, body, headers)
            return None
        said = f"{self._asked}: HTTP {status} {error_code} {message}".rstrip(" .")
        if verdict is Answer.UNCLEAR:
            return self._lost(said, status, body, headers)
        self.is_open = verdict in (Answer.BUSY, Answer.UNAUTHORISED)
        refused = Refused(f"{said}.", status=status, error_code=error_code, body=body)
        return self._refused(refused, status, body, headers)

    @property
    def _asked(self) -> str:
        return f"{self.request.method} {self.request.path.split('?')[0] or 'the mailbox'}"

    def _refused(self, refused: Refused, status: int, body: Any, headers: Mapping[str, str]) -> None:
        error: Refused | OutcomeUnknown = refused
        if self._was_lost and self.request.verb is not Verb.READ:
            error = OutcomeUnknown(f"{refused.message} An earlier attempt's answer was lost.", status=status)
        self.result = SubResult(status, body, headers, error)

    def _lost(self, said: str, status: int, body: Any, headers: Mapping[str, str]) -> None:
        self._was_lost = True
        self.is_open = self.request.verb is not Verb.WRITE
        error: Refused | OutcomeUnknown
        if self.request.verb is Verb.READ:
            error = Refused(said, status=status, error_code="unreachable", body=body)
        else:
            error = OutcomeUnknown(said, status=status)
        self.result = SubResult(status, body, headers, error)


def run_batch(
    wire: Wire, prefix: str, requests: Sequence[SubRequest], *, policy: Policy, mailbox: str = ""
) -> list[SubResult]:
    """Results in the order of the requests, of any number; `prefix` is the path of the mailbox.

    Raises only SideUnavailable: a refusal of the whole call is every part's error.
    """
    results: list[SubResult] = []
    for start in range(0, len(requests), BATCH_SIZE):
        parts = [_Part(request) for request in requests[start : start + BATCH_SIZE]]
        _run_parts(wire, prefix, parts, policy, mailbox)
        results.extend(part.result for part in parts)
    return results


def _run_parts(wire: Wire, prefix: str, parts: list[_Part], policy: Policy, mailbox: str) -> None:
    attempt, is_renewed = 0, False
    while parts:
        attempt += 1
        answers = _send(wire, prefix, [part.request for part in parts], policy, mailbox)
        for part, answer in zip(parts, answers, strict=True):
            part.take(answer)
        parts = [part for part in parts if part.is_open]
        if any(part.result.status == 401 for part in parts):
            if is_renewed:
                return
            is_renewed = True
            wire.renew()
        elif parts:
            pauses = [seconds for part in parts if (seconds := retry_after_seconds(part.result.headers)) is not None]
            if not policy.wait(attempt, max(pauses, default=None)):
                return


def _send(
    wire: Wire, prefix: str, requests: Sequence[SubRequest], policy: Policy, mailbox: str
) -> Sequence[Mapping[str, Any] | Refused | OutcomeUnknown | None]:
    """One $batch call; one answer for each request, in their order (Graph's come in any)."""
    body = {"requests": [_wire_form(str(number), prefix, request) for number, request in enumerate(requests)]}
    # The parts decide about repeating, so the call as a whole is never repeated once it may have had an effect.
    verb = Verb.READ if all(request.verb is Verb.READ for request in requests) else Verb.WRITE
    try:
        response = wire.call(
            "post", "$batch", verb=verb, policy=policy, mailbox=mailbox, body=body, subrequests=len(requests)
        )
    except (Refused, OutcomeUnknown) as error:
        return [error] * len(requests)
    answers = {str(answer.get("id")): answer for answer in response.json().get("responses", ())}
    return [answers.get(str(number)) for number in range(len(requests))]


def _wire_form(number: str, prefix: str, request: SubRequest) -> dict[str, Any]:
    # Whether a part inherits the outer call's headers is not documented, hence Prefer in each.
    headers = {"Prefer": IMMUTABLE, **request.headers}
    path = request.path if request.path.startswith("?") else f"/{request.path}"
    form: dict[str, Any] = {"id": number, "method": request.method.upper(), "url": f"/{prefix}{path}"}
    if request.body is not None:
        headers["Content-Type"] = "application/json"
        form["body"] = request.body
    return {**form, "headers": headers}
