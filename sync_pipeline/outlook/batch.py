"""Graph's $batch: up to 20 calls in one, each part judged, repeated and reported on its own.

A part whose answer was lost is repeated only where repeating is harmless. A part with If-Match is read again before it
is repeated: whether Graph honours that header on contacts is not documented."""

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
#: How often it is looked again before a repeat where the looks themselves have to wait.
LOOKS: Final = 3


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
        self.pause: float | None = None  # seconds that the service asked for
        self._was_lost = False  # the answer to an earlier attempt

    def take(self, answer: Mapping[str, Any] | Refused | OutcomeUnknown | None) -> None:
        """Judges one attempt: the part's answer, why the whole call failed, or None where the answer lacks the part."""
        if isinstance(answer, OutcomeUnknown) or answer is None:
            said = answer.message if answer is not None else f"{self._asked}: no answer to this part of the batch."
            return self._lost(said, 0, None, {})
        if isinstance(answer, Refused):
            self.is_open, self.pause = answer.is_passing, answer.retry_after
            return self._refused(answer, answer.status, answer.body, {})
        status, body, headers = int(answer.get("status", 0)), answer.get("body"), answer.get("headers") or {}
        error_code, message = ("", "") if status < 300 else error_of(body)
        verdict = judge(status, error_code)
        self.pause = retry_after_seconds(headers)
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
    def version(self) -> str:
        """The version that it is meant for, as If-Match has it; "" where it has none."""
        return self.request.headers.get("If-Match", "")

    def drop(self) -> None:
        """It is not sent again, for another version stands there now. A lost answer stays in doubt: it may be ours."""
        self.is_open = False
        if not self._was_lost:
            said = f"{self._asked}: the contact was changed while the service made us wait."
            error = Refused(said, status=412, error_code="changed_meanwhile")
            self.result = SubResult(412, None, {}, error)

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
        answers = _send(wire, prefix, [part.request for part in parts], policy, mailbox, renews=not is_renewed)
        for part, answer in zip(parts, answers, strict=True):
            part.take(answer)
        parts = [part for part in parts if part.is_open]
        unauthorised = [part.result.error for part in parts if part.result.status == 401]
        if unauthorised:
            if is_renewed:
                return
            is_renewed = True
            if not any(isinstance(error, Refused) and error.is_passing for error in unauthorised):
                wire.renew()  # the call was accepted, a part was not; else the call itself has got the new token
        elif parts:
            pauses = [part.pause for part in parts if part.pause is not None]
            if not policy.wait(attempt, max(pauses, default=None)):
                return
        _look_again(wire, prefix, parts, policy, mailbox)
        parts = [part for part in parts if part.is_open]


def _look_again(wire: Wire, prefix: str, parts: Sequence[_Part], policy: Policy, mailbox: str) -> None:
    """Drops the parts whose contact has another version by now; of one that cannot be read the last answer stands."""
    for _ in range(LOOKS):
        checked = [part for part in parts if part.is_open and part.version]
        looks = [_Part(SubRequest("GET", f"{part.request.path}?$select=changeKey")) for part in checked]
        pauses = policy.pauses
        _run_parts(wire, prefix, looks, policy, mailbox)
        for part, look in zip(checked, looks, strict=True):
            if look.result.status == 404 or (look.result.error is None and part.version != version(look.result.body)):
                part.drop()
            elif look.result.error is not None:
                part.is_open = False
        if policy.pauses == pauses:
            return
    for part in parts:  # every look had to wait, so that none was just before
        part.is_open = part.is_open and not part.version


def version(item: Mapping[str, Any]) -> str:
    """A contact's version in the form of If-Match."""
    return f'W/"{item["changeKey"]}"'


def _send(
    wire: Wire, prefix: str, requests: Sequence[SubRequest], policy: Policy, mailbox: str, *, renews: bool
) -> Sequence[Mapping[str, Any] | Refused | OutcomeUnknown | None]:
    """One $batch call; one answer for each request, in their order (Graph's come in any)."""
    body = {"requests": [_wire_form(str(number), prefix, request) for number, request in enumerate(requests)]}
    # The parts decide about repeating, so a call with a write in it is never repeated as a whole.
    verb = Verb.READ if all(request.verb is Verb.READ for request in requests) else Verb.CHECKED
    try:
        response = wire.call(
            "post", "$batch",
            verb=verb, policy=policy, mailbox=mailbox, body=body, subrequests=len(requests), renews=renews,
        )  # fmt: skip
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
