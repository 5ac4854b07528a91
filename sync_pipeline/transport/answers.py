"""What an HTTP answer of either service says: whether the call took effect, which error it names, how long to wait."""

from __future__ import annotations

import email.utils
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import requests

#: A refusal with one of these means that nothing was done and that the same call can succeed later.
BUSY_CODES = frozenset({"REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW"})
#: Not implemented, insufficient storage: refusals in spite of the 5.
REFUSING_5XX = frozenset({501, 507})


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
        until, sent = http_date(value), http_date(headers.get("Date", "")) or datetime.now(UTC)
        return max(0.0, (until - sent).total_seconds()) if until else None


def http_date(text: str) -> datetime | None:
    """A Date header's time, aware; None where it is none."""
    try:
        parsed = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def damage(response: requests.Response) -> str | None:
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
