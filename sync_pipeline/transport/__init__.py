"""One policy of retries, pauses and timeouts for both services, and the redaction of secrets."""

from __future__ import annotations

from sync_pipeline.transport.answers import BUSY_CODES, Answer, error_of, judge, read_error, retry_after_seconds
from sync_pipeline.transport.measuring import RequestCounter, ServerClock
from sync_pipeline.transport.policy import OutcomeUnknown, PauseBudget, Policy, Refused, Verb, perform
from sync_pipeline.transport.redaction import HIDDEN, RedactingFilter, redact, register_secret

__all__ = [
    "BUSY_CODES",
    "HIDDEN",
    "Answer",
    "OutcomeUnknown",
    "PauseBudget",
    "Policy",
    "RedactingFilter",
    "Refused",
    "RequestCounter",
    "ServerClock",
    "Verb",
    "error_of",
    "judge",
    "perform",
    "read_error",
    "redact",
    "register_secret",
    "retry_after_seconds",
]
