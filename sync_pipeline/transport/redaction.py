"""Hides secrets: in logs and their tracebacks, in errors, wherever a text leaves this process."""

from __future__ import annotations

import logging
import re

HIDDEN = "***"

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
