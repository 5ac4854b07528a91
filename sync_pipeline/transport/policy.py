"""How often a call is sent, how long it may pause, and the two ways in which it can fail.

Whatever is not known to have been refused is never sent twice blindly."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

import requests
from urllib3.exceptions import NewConnectionError

from sync_pipeline.model.errors import SyncError
from sync_pipeline.transport.answers import Answer, damage, judge, read_error, retry_after_seconds
from sync_pipeline.transport.redaction import redact


class Verb(StrEnum):
    """What repeating a call would do."""

    READ = "read"  # nothing is written
    CONDITIONAL = "conditional"  # a write that the service refuses when it has already taken effect (If-Match)
    WRITE = "write"  # the outcome matters: twice is not once
    CHECKED = "checked"  # a write that rests on a look just before it: whoever can look again repeats it


class Refused(SyncError):
    """The service said no, or was never reached, or a read kept failing: nothing was done.

    `status` is the HTTP status, 0 where there was no answer; `body` is the parsed answer and can hold contact data,
    hence it is not part of the message. `is_passing`: a CHECKED call that may be sent again after another look, where
    the service asks for it not before `retry_after` seconds.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error_code: str,
        body: Any = None,
        remedy: str = "",
        is_passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(redact(message), remedy=remedy)
        self.status = status
        self.error_code = error_code
        self.body = body
        self.is_passing = is_passing
        self.retry_after = retry_after


class OutcomeUnknown(SyncError):
    """A write whose answer was lost: it may have taken effect. Look at the service before sending it again."""

    code = "outcome_unknown"

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(redact(message), remedy="The next run looks at the service before it decides.")
        self.status = status


class PauseBudget:
    """Seconds that may still be slept, shared by all calls of a run or a mailbox. Thread-safe.

    `taken` is the number of pauses so far: what was looked at before the last one may have changed since.
    """

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self.taken = 0
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Whether the pause is still affordable; if so it is booked."""
        with self._lock:
            if seconds > self._left:
                return False
            self._left -= seconds
            self.taken += 1
            return True


@dataclass(frozen=True)
class Policy:
    """How often and how long. Times are seconds.

    `pause` is the first pause, doubled each time up to `pause_cap`; a Retry-After above the cap ends the call.
    `pause_budget` is what all calls under this policy together may sleep.
    """

    attempts: int = 5
    connect_timeout: float = 10.0
    read_timeout: float = 120.0
    pause: float = 0.5
    pause_cap: float = 60.0
    pause_budget: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    budget: PauseBudget = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "budget", PauseBudget(self.pause_budget))

    @property
    def timeout(self) -> tuple[float, float]:
        """What requests takes as `timeout`."""
        return (self.connect_timeout, self.read_timeout)

    @property
    def pauses(self) -> int:
        """How many pauses the calls under this policy have made."""
        return self.budget.taken

    def fresh(self) -> Policy:
        """The same policy with an unspent budget: one for each mailbox."""
        return replace(self)

    def wait(self, attempt: int, retry_after: float | None) -> bool:
        """Sleeps before attempt `attempt` + 1; False, without sleeping, where no further attempt is allowed."""
        if attempt >= self.attempts:
            return False
        grown = min(self.pause_cap, self.pause * 2 ** (attempt - 1)) * (0.5 + self.jitter() / 2)
        pause = grown if retry_after is None else retry_after
        if pause > self.pause_cap or not self.budget.take(pause):
            return False
        self.sleep(pause)
        return True


def perform(
    send: Callable[[], requests.Response],
    *,
    verb: Verb,
    policy: Policy,
    refresh: Callable[[], None] | None = None,
) -> requests.Response:
    """Sends a call until its outcome is known, and returns the answer (2xx or 304, its body whole).

    `refresh` gets a new token after a 401, once; what it raises passes on. Raises Refused and OutcomeUnknown. A CHECKED
    call is sent once, and may come back as Refused with `is_passing`, after a 401 with the new token at hand.
    A CONDITIONAL call that is repeated after a lost answer and then refused is OutcomeUnknown: the first attempt may
    have made the change that the second one met (412).
    """
    attempt, refreshed, doubtful = 0, False, False
    while True:
        attempt += 1
        try:
            response = send()
        except requests.RequestException as error:
            asked = _asked(error.request)
            if _never_sent(error):
                if verb is not Verb.CHECKED and policy.wait(attempt, None):
                    continue
                raise _unreachable(asked, error, doubtful=doubtful, is_passing=verb is Verb.CHECKED) from error
            doubtful = True
            if verb in _HARMLESS_TWICE and policy.wait(attempt, None):
                continue
            raise _lost(f"{asked}: {_short(error)}", verb, 0, None) from error
        asked = _asked(response.request)
        error_code, message, body = read_error(response)
        retry_after = retry_after_seconds(response.headers)
        answer = judge(response.status_code, error_code)
        if answer is Answer.DONE:
            fault = damage(response)
            if fault is None:
                return response
            answer, message = Answer.UNCLEAR, fault
        said = f"{asked}: HTTP {response.status_code} {error_code} {message}".rstrip(" .")
        if answer is Answer.UNAUTHORISED and refresh is not None and not refreshed:
            refreshed = True
            refresh()
            if verb is not Verb.CHECKED:
                continue
        elif answer is Answer.BUSY and verb is not Verb.CHECKED and policy.wait(attempt, retry_after):
            continue
        if answer is Answer.UNCLEAR:
            doubtful = True
            if verb in _HARMLESS_TWICE and policy.wait(attempt, retry_after):
                continue
            raise _lost(said, verb, response.status_code, body, error_code)
        if doubtful and verb is not Verb.READ:
            raise OutcomeUnknown(f"{said}, after an attempt whose answer was lost.", status=response.status_code)
        raise Refused(
            f"{said}.",
            status=response.status_code,
            error_code=error_code,
            body=body,
            remedy=_remedy(answer, retry_after),
            is_passing=verb is Verb.CHECKED and (refreshed or answer is Answer.BUSY),
            retry_after=retry_after,
        )


_HARMLESS_TWICE: Final = (Verb.READ, Verb.CONDITIONAL)


def _never_sent(error: requests.RequestException) -> bool:
    # urllib3 hides the cause in MaxRetryError.reason; only a connection that was never made is certain.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _lost(said: str, verb: Verb, status: int, body: Any, error_code: str = "") -> Refused | OutcomeUnknown:
    if verb is not Verb.READ:
        return OutcomeUnknown(f"{said}. It may have taken effect.", status=status)
    remedy = "Nothing was read; the next run tries again."
    code = error_code or "unreachable"
    return Refused(f"{said}.", status=status, error_code=code, body=body, remedy=remedy)


def _unreachable(
    asked: str, error: requests.RequestException, *, doubtful: bool, is_passing: bool
) -> Refused | OutcomeUnknown:
    if doubtful:
        return OutcomeUnknown(f"{asked}: an earlier attempt's answer was lost, then: {_short(error)}.")
    remedy = "Check the network, the proxy and the address in the settings."
    said = f"{asked}: {_short(error)}."
    return Refused(said, status=0, error_code="unreachable", remedy=remedy, is_passing=is_passing)


def _remedy(answer: Answer, retry_after: float | None) -> str:
    if answer is Answer.BUSY:
        return f"The service asks to wait{f' {retry_after:.0f} s' if retry_after else ''}; the next run tries again."
    if answer is Answer.UNAUTHORISED:
        return "The credentials are not accepted: check them, and what the application behind them may do."
    return ""


def _asked(request: requests.PreparedRequest | requests.Request | None) -> str:
    """Method and path, without the query: values that are looked up stand there."""
    if request is None:
        return "A call"
    return f"{request.method} {str(request.url).split('?')[0]}"


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).split('?')[0][:200]}"
