"""The transport policy: what is sent again, what never is, how long it waits, and what it hides."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import pytest
import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from sync_pipeline.transport import (
    OutcomeUnknown,
    Policy,
    RedactingFilter,
    Refused,
    RequestCounter,
    ServerClock,
    Verb,
    perform,
    redact,
    register_secret,
    retry_after_seconds,
)

Step = requests.Response | Exception


def answer(status: int, body: Any = None, **headers: str) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.headers.update(
        {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    )
    response._content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    response.request = requests.Request("GET", "https://graph.example.com/v1.0/x?secret=1").prepare()
    return response


def graph_error(status: int, code: str = "ErrorX", **headers: str) -> requests.Response:
    return answer(status, {"error": {"code": code, "message": "No."}}, **headers)


class Service:
    """Gives prepared answers in order and counts the calls."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.steps = list(steps)
        self.calls = 0

    def __call__(self) -> requests.Response:
        step = self.steps[self.calls]
        self.calls += 1
        if isinstance(step, Exception):
            raise step
        return step


class Naps:
    def __init__(self, **settings: Any) -> None:
        self.slept: list[float] = []
        self.policy = Policy(sleep=self.slept.append, jitter=lambda: 1.0, **settings)


def send(
    steps: Iterable[Step], verb: Verb, refresh: Callable[[], None] | None = None, **settings: Any
) -> tuple[Any, ...]:
    service, naps = Service(steps), Naps(**settings)
    try:
        outcome: Any = perform(service, verb=verb, policy=naps.policy, refresh=refresh)
    except (Refused, OutcomeUnknown) as error:
        outcome = error
    return outcome, service.calls, naps.slept


RESET = requests.ConnectionError("Connection aborted.")
UNREACHED = requests.ConnectionError(MaxRetryError(None, "/", NewConnectionError(None, "refused")))  # type: ignore[arg-type]
DONE = answer(200, {"value": []})
HTML = answer(200, b"<html>", Content_Type="text/html")
CUT = answer(200, b'{"value": [{"id": "')


@pytest.mark.parametrize("trouble", [graph_error(500), graph_error(503), requests.ReadTimeout(), RESET, HTML, CUT])
def test_a_read_is_sent_again_after_whatever_was_lost(trouble: Step) -> None:
    outcome, calls, slept = send([trouble, DONE], Verb.READ)
    assert (outcome, calls, slept) == (DONE, 2, [0.5])


@pytest.mark.parametrize(
    "trouble", [graph_error(500), graph_error(503), graph_error(504), requests.ReadTimeout(), RESET, HTML, CUT]
)
def test_a_write_whose_answer_was_lost_is_never_sent_again(trouble: Step) -> None:
    outcome, calls, slept = send([trouble, DONE], Verb.WRITE)
    assert isinstance(outcome, OutcomeUnknown)
    assert (calls, slept) == (1, [])


@pytest.mark.parametrize(
    "busy", [graph_error(429), answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "x"}])]
)
def test_a_write_that_was_refused_for_load_is_sent_again(busy: Step) -> None:
    outcome, calls, _ = send([busy, DONE], Verb.WRITE)
    assert (outcome, calls) == (DONE, 2)


def test_a_write_that_never_left_this_machine_is_sent_again() -> None:
    outcome, calls, _ = send([UNREACHED, DONE], Verb.WRITE)
    assert (outcome, calls) == (DONE, 2)
    outcome, calls, _ = send([UNREACHED] * 5, Verb.WRITE)
    assert isinstance(outcome, Refused)
    assert (outcome.status, calls) == (0, 5)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 412, 501, 507])
def test_a_refusal_is_final(status: int) -> None:
    outcome, calls, _ = send([graph_error(status)], Verb.WRITE)
    assert isinstance(outcome, Refused)
    assert (outcome.status, outcome.error_code, calls) == (status, "ErrorX", 1)
    assert "secret" not in str(outcome), "a query can hold values"


def test_a_conditional_write_that_meets_its_own_change_is_in_doubt() -> None:
    outcome, calls, _ = send([requests.ReadTimeout(), graph_error(412)], Verb.CONDITIONAL)
    assert isinstance(outcome, OutcomeUnknown)
    assert calls == 2


def test_a_token_is_renewed_once_and_the_call_repeated_even_if_it_writes() -> None:
    renewals: list[int] = []
    outcome, calls, slept = send([graph_error(401), DONE], Verb.WRITE, lambda: renewals.append(1))
    assert (outcome, calls, slept, len(renewals)) == (DONE, 2, [], 1)
    outcome, calls, _ = send([graph_error(401), graph_error(401)], Verb.READ, lambda: renewals.append(1))
    assert isinstance(outcome, Refused)
    assert (outcome.status, calls, len(renewals)) == (401, 2, 2)


def test_retry_after_is_obeyed_up_to_the_cap() -> None:
    _, _, slept = send([graph_error(429, Retry_After="7"), DONE], Verb.READ)
    assert slept == [7.0]
    outcome, calls, slept = send([graph_error(429, Retry_After="700")], Verb.READ)
    assert isinstance(outcome, Refused)
    assert ("700 s" in outcome.remedy, calls, slept) == (True, 1, [])


def test_pauses_grow_and_end_with_the_attempts() -> None:
    outcome, calls, slept = send([graph_error(429)] * 5, Verb.READ)
    assert isinstance(outcome, Refused)
    assert (calls, slept) == (5, [0.5, 1.0, 2.0, 4.0])


def test_the_pauses_of_all_calls_together_are_bounded() -> None:
    naps = Naps(pause_budget=1.0)
    for _ in range(2):
        with pytest.raises(Refused):
            perform(Service([graph_error(429)] * 9), verb=Verb.READ, policy=naps.policy)
    assert sum(naps.slept) <= 1.0
    assert naps.policy.fresh().wait(1, 1.0), "another mailbox has a budget of its own"


def test_retry_after_can_be_a_date() -> None:
    headers = {"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}
    assert retry_after_seconds(headers) == 30.0
    assert retry_after_seconds({"Retry-After": "soon"}) is None


def test_the_clock_of_the_service_is_never_ahead_of_it() -> None:
    ticks = iter([100.0, 100.9, 101.2, 101.2])
    clock = ServerClock(monotonic=lambda: next(ticks))
    clock.learn(answer(200, Date="Wed, 21 Oct 2026 07:28:00 GMT"))
    clock.learn(answer(200, Date="Wed, 21 Oct 2026 07:28:00 GMT"))  # the same second, seen later: nothing learnt
    assert clock.now() == datetime(2026, 10, 21, 7, 28, 1, 200000)


def test_the_clock_follows_a_service_that_was_set_back() -> None:
    clock = ServerClock(monotonic=lambda: 100.0)
    clock.learn(answer(200, Date="Wed, 21 Oct 2026 07:28:00 GMT"))
    clock.learn(answer(200, Date="Wed, 21 Oct 2026 06:28:00 GMT"))
    assert clock.now() == datetime(2026, 10, 21, 6, 28)


def test_requests_are_counted_by_side_and_mailbox_whether_they_succeed_or_not() -> None:
    counter = RequestCounter()
    with pytest.raises(ValueError, match="x"), counter.timed("outlook", "anna@example.com", subrequests=20):
        raise ValueError("x")
    with counter.timed("outlook", "anna@example.com"):
        pass
    [row] = counter.rows()
    assert (row["mailbox"], row["side"], row["calls"], row["subrequests"]) == ("anna@example.com", "outlook", 2, 20)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer hidden-value",
        "grant_type=password&client_secret=hidden-value&x=1",
        '{"access_token": "hidden-value"}',
        "the key is sesame-hidden-value",
        "eyJhidden-value.eyJzdWIiOiIx.c2lnbmF0dXJl",
    ],
)
def test_secrets_are_hidden(text: str) -> None:
    register_secret("sesame-hidden-value")
    assert "hidden-value" not in redact(text)


def test_a_log_record_and_its_traceback_are_redacted() -> None:
    register_secret("sesame-hidden-value")
    try:
        raise ValueError("sesame-hidden-value")
    except ValueError as error:
        record = logging.LogRecord(
            "x", 20, "f", 1, "with %s", ("sesame-hidden-value",), (ValueError, error, error.__traceback__)
        )
    assert RedactingFilter().filter(record)
    assert "hidden-value" not in logging.Formatter().format(record)
