"""One policy of retries, pauses and timeouts for both services, and the redaction of secrets.

Whatever is not known to have been refused is never sent twice blindly."""

from __future__ import annotations

import email.utils
import json
import logging
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError

from sync_pipeline.model.errors import SyncError

#: A refusal with one of these means that nothing was done and that the same call can succeed later.
BUSY_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW"})
#: Not implemented, insufficient storage: refusals in spite of the 5.
REFUSING_5XX = frozenset({501, 507})
HIDDEN = "***"


class Verb(StrEnum):
    """What repeating a call would do."""

    READ = "read"  # nothing is written
    CONDITIONAL = "conditional"  # a write that the service refuses when it has already taken effect (If-Match)
    WRITE = "write"  # the outcome matters: twice is not once


class Refused(SyncError):
    """The service said no, or was never reached, or a read kept failing: nothing was done.

    `status` is the HTTP status, 0 where there was no answer; `retry_after` is in seconds; `body` is the parsed answer
    and can hold contact data, hence it is not part of the message.
    """

    code = "refused"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        error_code: str,
        retry_after: float | None = None,
        body: Any = None,
        remedy: str = "",
    ) -> None:
        super().__init__(redact(message), remedy=remedy)
        self.status = status
        self.error_code = error_code
        self.retry_after = retry_after
        self.body = body


class OutcomeUnknown(SyncError):
    """A write whose answer was lost: it may have taken effect. Look at the service before sending it again."""

    code = "outcome_unknown"

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(redact(message), remedy="The next run looks at the service before it decides.")
        self.status = status


class PauseBudget:
    """Seconds that may still be slept, shared by all calls of a run or a mailbox. Thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._left = seconds
        self._lock = threading.Lock()

    def take(self, seconds: float) -> bool:
        """Whether the pause is still affordable; if so it is booked."""
        with self._lock:
            if seconds > self._left:
                return False
            self._left -= seconds
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


class Answer(StrEnum):
    """What an HTTP answer says about the call's effect."""

    DONE = "done"
    REFUSED = "refused"
    BUSY = "busy"  # refused, and the same call can succeed later
    UNAUTHORISED = "unauthorised"  # refused, the token is not accepted
    UNCLEAR = "unclear"


def judge(status: int, error_code: str) -> Answer:
    """What a status and a service's error code say about the effect of the call."""
    if status < 300 or status == 304:
        return Answer.DONE
    if status == 401:
        return Answer.UNAUTHORISED
    if status == 429 or error_code in BUSY_CODES:
        return Answer.BUSY
    return Answer.UNCLEAR if status == 408 or (status >= 500 and status not in REFUSING_5XX) else Answer.REFUSED


def perform(
    send: Callable[[], requests.Response],
    *,
    verb: Verb,
    policy: Policy,
    refresh: Callable[[], None] | None = None,
) -> requests.Response:
    """Sends a call until its outcome is known, and returns the answer (2xx or 304, its body whole).

    `refresh` gets a new token after a 401, once; what it raises passes on. Raises Refused and OutcomeUnknown.
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
                if policy.wait(attempt, None):
                    continue
                raise _unreachable(asked, error, doubtful=doubtful) from error
            doubtful = True
            if verb is not Verb.WRITE and policy.wait(attempt, None):
                continue
            raise _lost(f"{asked}: {_short(error)}", verb, 0, None, None) from error
        asked = _asked(response.request)
        error_code, message, body = read_error(response)
        retry_after = retry_after_seconds(response.headers)
        answer = judge(response.status_code, error_code)
        if answer is Answer.DONE:
            fault = _damage(response)
            if fault is None:
                return response
            answer, message = Answer.UNCLEAR, fault
        said = f"{asked}: HTTP {response.status_code} {error_code} {message}".rstrip(" .")
        if answer is Answer.UNAUTHORISED and refresh is not None and not refreshed:
            refreshed = True
            refresh()
            continue
        if answer is Answer.BUSY and policy.wait(attempt, retry_after):
            continue
        if answer is Answer.UNCLEAR:
            doubtful = True
            if verb is not Verb.WRITE and policy.wait(attempt, retry_after):
                continue
            raise _lost(said, verb, response.status_code, retry_after, body, error_code)
        if doubtful and verb is not Verb.READ:
            raise OutcomeUnknown(f"{said}, after an attempt whose answer was lost.", status=response.status_code)
        raise Refused(
            f"{said}.",
            status=response.status_code,
            error_code=error_code,
            retry_after=retry_after,
            body=body,
            remedy=_remedy(answer, retry_after),
        )


def read_error(response: requests.Response) -> tuple[str, str, Any]:
    """The service's error code, its message and the parsed body of a failed answer; ("", "", None) of a good one.

    Reads Graph's {"error": {"code", "message"}}, Salesforce's [{"errorCode", "message"}] and OAuth's
    {"error", "error_description"}.
    """
    if response.status_code < 300 or response.status_code == 304:
        return "", "", None
    try:
        body = response.json()
    except ValueError:
        return "", "an answer that is no JSON", None
    return (*error_of(body), body)


def error_of(body: Any) -> tuple[str, str]:
    """Error code and message in a parsed error body of either service; ("", "") where there is none."""
    first = body[0] if isinstance(body, list) and body else body
    if not isinstance(first, dict):
        return "", ""
    inner = first.get("error")
    if isinstance(inner, dict):
        return str(inner.get("code") or ""), str(inner.get("message") or "")
    if isinstance(inner, str):
        return inner, str(first.get("error_description") or "")
    return str(first.get("errorCode") or ""), str(first.get("message") or "")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Retry-After in seconds (a number, or a date measured by the answer's own Date); None where there is none."""
    value = next((text for name, text in headers.items() if name.lower() == "retry-after"), None)
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        until, sent = _http_date(value), _http_date(headers.get("Date", "")) or datetime.now(UTC)
        return max(0.0, (until - sent).total_seconds()) if until else None


def _http_date(text: str) -> datetime | None:
    try:
        parsed = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _never_sent(error: requests.RequestException) -> bool:
    # urllib3 hides the cause in MaxRetryError.reason; only a connection that was never made is certain.
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _damage(response: requests.Response) -> str | None:
    """What is wrong with the body of a good answer: an HTML page or cut-off JSON in its place."""
    kind = response.headers.get("Content-Type", "").lower()
    if kind.startswith("text/html"):
        return "an HTML page in the place of data"
    if "json" in kind and response.content:
        try:
            json.loads(response.content)
        except ValueError:
            return "JSON that is cut off"
    return None


def _lost(
    said: str, verb: Verb, status: int, retry_after: float | None, body: Any, error_code: str = ""
) -> Refused | OutcomeUnknown:
    if verb is not Verb.READ:
        return OutcomeUnknown(f"{said}. It may have taken effect.", status=status)
    remedy = "Nothing was read; the next run tries again."
    code = error_code or "unreachable"
    return Refused(f"{said}.", status=status, error_code=code, retry_after=retry_after, body=body, remedy=remedy)


def _unreachable(asked: str, error: requests.RequestException, *, doubtful: bool) -> Refused | OutcomeUnknown:
    if doubtful:
        return OutcomeUnknown(f"{asked}: an earlier attempt's answer was lost, then: {_short(error)}.")
    remedy = "Check the network, the proxy and the address in the settings."
    return Refused(f"{asked}: {_short(error)}.", status=0, error_code="unreachable", remedy=remedy)


def _remedy(answer: Answer, retry_after: float | None) -> str:
    if answer is Answer.BUSY:
        return f"The service asks to wait{f' {retry_after:.0f} s' if retry_after else ''}; the next run tries again."
    if answer is Answer.UNAUTHORISED:
        return "The credentials are not accepted; run `sync-pipeline doctor`."
    return ""


def _asked(request: requests.PreparedRequest | requests.Request | None) -> str:
    """Method and path, without the query: values that are looked up stand there."""
    if request is None:
        return "A call"
    return f"{request.method} {str(request.url).split('?')[0]}"


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).split('?')[0][:200]}"


class RequestCounter:
    """Counts by side and mailbox ("" = not for one mailbox): calls, sub-requests of batches, seconds. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0, 0.0])

    def add(self, side: str, mailbox: str = "", *, calls: int = 0, subrequests: int = 0, seconds: float = 0.0) -> None:
        with self._lock:
            row = self._counts[side, mailbox]
            row[0] += calls
            row[1] += subrequests
            row[2] += seconds

    @contextmanager
    def timed(self, side: str, mailbox: str = "", *, subrequests: int = 0) -> Iterator[None]:
        """Counts the call made inside, whether it succeeds or not."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(side, mailbox, calls=1, subrequests=subrequests, seconds=time.perf_counter() - start)

    def rows(self) -> list[dict[str, Any]]:
        """Rows of sync.requests without the run: mailbox, side, calls, subrequests, seconds."""
        with self._lock:
            return [
                {"mailbox": mailbox, "side": side, "calls": int(row[0]), "subrequests": int(row[1]), "seconds": row[2]}
                for (side, mailbox), row in sorted(self._counts.items())
            ]


class ServerClock:
    """A service's time, learnt from its Date headers: never ahead of the true one, at most about a second behind it.

    It runs on the monotonic clock, so that setting this machine's clock does not move it. Thread-safe.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._origin: float | None = None  # Unix time of the service at monotonic zero

    def learn(self, response: requests.Response) -> None:
        """Takes the Date header of an answer just received; answers without one teach nothing."""
        date = _http_date(response.headers.get("Date", ""))
        if date is None:
            return
        seen = date.timestamp() - self._monotonic()
        with self._lock:
            # Date is cut to the whole second: within that second the largest value seen is the nearest to the truth.
            if self._origin is None or not self._origin - 1.0 <= seen <= self._origin:
                self._origin = seen

    def now(self) -> datetime:
        """The service's time as naive UTC; this machine's where the service has not answered yet."""
        with self._lock:
            origin = self._origin
        if origin is None:
            return datetime.now(UTC).replace(tzinfo=None)
        return datetime(1970, 1, 1) + timedelta(seconds=origin + self._monotonic())


_secrets: set[str] = set()
_CREDENTIALS = re.compile(
    r"(?i)(\bbearer\s+|\b(?:access_token|refresh_token|client_secret|client_assertion|assertion|password)[\"']?\s*[:=]\s*[\"']?)"
    r"([^\s\"'&,}]+)"
)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*")


def register_secret(value: str | None) -> None:
    """From now on `redact` hides this value wherever it stands. Fewer than four characters hide nothing."""
    if value and len(value.strip()) >= 4:
        _secrets.add(value.strip())


def redact(text: str) -> str:
    """The text without registered secrets, bearer tokens, JSON web tokens and OAuth parameters."""
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _JWT.sub(HIDDEN, _CREDENTIALS.sub(rf"\1{HIDDEN}", text))


class RedactingFilter(logging.Filter):
    """Put on a handler: what it lets through, tracebacks included, has passed `redact`."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True
