"""Graph's $batch: up to 20 calls in one, each part judged, repeated and reported on its own.

A part whose answer was lost is repeated only where repeating is harmless."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
    """One call. `path` is relative to the mailbox, percent-encoded; headers beyond Prefer and Content-Type."""

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


@dataclass
class _Part:
    request: SubRequest
    result: SubResult | None = None
    was_lost: bool = False  # an earlier attempt's answer was


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
        results.extend(part.result for part in parts if part.result is not None)
    return results


def _run_parts(wire: Wire, prefix: str, parts: list[_Part], policy: Policy, mailbox: str) -> None:
    attempt, renewed = 0, False
    while open_parts := [part for part in parts if part.result is None]:
        attempt += 1
        answers = _send(wire, prefix, open_parts, policy, mailbox)
        pause: float | None = None
        again: list[_Part] = []
        is_unauthorised = False
        for number, part in enumerate(open_parts):
            outcome = answers if isinstance(answers, Refused | OutcomeUnknown) else answers.get(str(number))
            repeat = _judge(part, prefix, outcome, may_renew=not renewed)
            if repeat is None:
                continue
            again.append(part)
            is_unauthorised |= repeat.status == 401
            after = retry_after_seconds(repeat.headers)
            pause = after if pause is None else max(pause, after or 0.0)
        if is_unauthorised:
            renewed = True
            wire.renew()
            continue
        if again and not policy.wait(attempt, pause):
            for part in again:
                part.result = part.result or _given_up(part)
            return
        for part in again:
            part.result = None
