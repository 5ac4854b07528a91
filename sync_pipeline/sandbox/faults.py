"""Injected faults: which call they hit, how often, and whether the call's effect is done before the answer goes wrong.

What a fault looks like on the wire is each service's own affair, except where the connection or the clock fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from sync_pipeline.sandbox.state import within

Position = Literal["refused", "response_lost"]
POSITIONS: Final = ("refused", "response_lost")
CONNECTION_FAULTS: Final = ("timeout", "connection_reset", "truncated_body", "html_error")
CLOCK_SKEW: Final = "clock_skew"
MATCH_KEYS: Final = ("service", "method", "path", "actor", "nth", "in_batch")
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
MOST_CALLS: Final = 1_000_000  # of nth and times
LAST_ROW: Final = 1_000_000
DAY_SECONDS: Final = 86_400
YEAR_SECONDS: Final = 366 * DAY_SECONDS
FAULT_KEYS: Final = ("match", "fault", "position", "times", "retry_after", "hold_seconds", "skew_seconds", "rows")


class FaultRefused(ValueError):
    """A fault that was described wrongly; the message says which key and what is allowed."""


@dataclass(frozen=True)
class Attempt:
    """What a call is, as far as a fault may ask. concurrent: how many others of its mailbox are under way."""

    method: str
    path: str
    in_batch: bool = False
    concurrent: int = 0


@dataclass(frozen=True)
class FaultKind:
    """What stands behind a fault's name.

    meaning: a sentence for people.
    applies: which calls it can hit at all; the others do not count for `nth`.
    behaviour: the call is answered, but the service acts wrongly in it; its code asks `injected` for that. A call in
      which there is nothing to do wrongly leaves the fault for the next one.
    effect_done: it comes after the call's effect, whatever the position says.
    """

    meaning: str = ""
    applies: Callable[[Attempt], bool] = lambda attempt: True
    behaviour: bool = False
    effect_done: bool = False


COMMON_KINDS: Final[Mapping[str, FaultKind]] = {
    "timeout": FaultKind("The connection is held for hold_seconds and closed without an answer."),
    "connection_reset": FaultKind("The connection is reset without an answer."),
    "truncated_body": FaultKind("Half of the answer is sent, then the connection is closed."),
    "html_error": FaultKind("A gateway's 502 as a page of HTML in place of the answer."),
    CLOCK_SKEW: FaultKind(
        "The machine that answers has a clock that is skew_seconds off: in what it writes and in its Date header.",
        behaviour=True,
    ),
}


@dataclass
class Fault:
    """One rule. It fires on the nth matching call and on the following ones until it has fired `times` times.

    rows: which records of a call about several it hits (from 0); None hits the call as a whole.
    """

    name: str
    service: str | None = None
    method: str | None = None
    path: re.Pattern[str] | None = None
    actor: str | None = None
    nth: int = 1
    position: Position = "refused"
    times: int = 1
    retry_after: int = 1
    hold_seconds: float = 60.0
    skew_seconds: float = 300.0
    in_batch: bool | None = None
    rows: tuple[int, ...] | None = None
    matched: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def matches(self, service: str, attempt: Attempt, actor: str) -> bool:
        return (
            self.service in (None, service)
            and self.method in (None, attempt.method)
            and self.actor in (None, actor)
            and self.in_batch in (None, attempt.in_batch)
            and (self.path is None or self.path.search(attempt.path) is not None)
        )


@dataclass
class Injected:
    """A behaviour that the call under way is to show; `used` tells that it did."""

    fault: Fault
    used: bool = False


under_way: ContextVar[Injected | None] = ContextVar("fault of the call under way", default=None)


def injected(name: str) -> Injected | None:
    """The behaviour of that name if the call under way is to show it. The caller sets `used` when it did."""
    found = under_way.get()
    return found if found is not None and found.fault.name == name else None


class Faults:
    """The rules in force, in the order they were given, and how often each name fired. Not kept over a restart."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, FaultKind]] = {}
        self._rules: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def declare(self, service: str, kinds: Mapping[str, FaultKind]) -> None:
        """The faults a service knows, besides COMMON_KINDS."""
        self._known[service] = {**COMMON_KINDS, **kinds}

    def known(self) -> dict[str, dict[str, str]]:
        """Meaning by name by service."""
        return {
            service: {name: kinds[name].meaning for name in sorted(kinds)} for service, kinds in self._known.items()
        }

    def kind(self, service: str, fault: Fault) -> FaultKind:
        return self._known[service][fault.name]

    def add(self, descriptions: Sequence[Any]) -> None:
        """Adds rules as POST /_sandbox/faults gives them, all or none. Raises FaultRefused, TypeError or ValueError,
        which say what is allowed."""
        self._rules.extend([self._parse(description) for description in descriptions])

    def clear(self) -> None:
        self._rules.clear()

    def describe(self) -> list[dict[str, Any]]:
        return [
            {
                "fault": rule.name,
                "position": rule.position,
                "times": rule.times,
                "matched": rule.matched,
                "fired": rule.fired,
            }
            for rule in self._rules
        ]

    def take(self, service: str, attempt: Attempt, actor: str) -> Fault | None:
        """The first rule that fires on this call, or None. Every rule that matches counts the call."""
        chosen: Fault | None = None
        for rule in self._rules:
            kind = self._known[service].get(rule.name)
            if kind is None or not kind.applies(attempt) or not rule.matches(service, attempt, actor):
                continue
            rule.matched += 1
            if chosen is None and rule.matched >= rule.nth and rule.fired < rule.times:
                chosen = rule
        if chosen is not None:
            chosen.fired += 1
            self.fired[chosen.name] += 1
        return chosen

    def give_back(self, fault: Fault) -> None:
        """A behaviour found nothing to do in the call it was taken for."""
        fault.matched -= 1
        fault.fired -= 1
        self.fired[fault.name] -= 1
        if self.fired[fault.name] <= 0:
            del self.fired[fault.name]

    def _parse(self, description: Any) -> Fault:
        if not isinstance(description, Mapping) or not isinstance(description.get("match", {}), Mapping):
            raise FaultRefused(
                f"a fault is an object {{match: {{…}}, fault, position, times}}, got {description!r:.80}"
            )
        match = description.get("match", {})
        _only(description, FAULT_KEYS, "a fault")
        _only(match, MATCH_KEYS, "a fault's match")
        service, actor = _text(match, "service"), _text(match, "actor")
        if service is not None and service not in self._known:
            raise FaultRefused(f"unknown service {service!r}; known: {', '.join(sorted(self._known))}")
        asked = str(description.get("fault"))
        known = set(self._known[service]) if service else set().union(*self._known.values())
        name = asked if asked in known else {_plain(each): each for each in known}.get(_plain(asked))
        if name is None:
            raise FaultRefused(f"unknown fault {asked!r:.80}; known: {', '.join(sorted(known))}")
        position = description.get("position", "refused")
        if position not in POSITIONS:
            raise FaultRefused(f"unknown position {position!r:.80}; known: {', '.join(POSITIONS)}")
        in_batch = match.get("in_batch")
        if not isinstance(in_batch, bool | None):
            raise FaultRefused(f"match.in_batch is true or false, got {in_batch!r:.80}")
        return Fault(
            name=name,
            service=service,
            method=_method(match),
            path=_pattern(match),
            actor=actor,
            nth=within("match.nth", match.get("nth", 1), (1, MOST_CALLS)),
            position=cast(Position, position),
            times=within("times", description.get("times", 1), (1, MOST_CALLS)),
            retry_after=within("retry_after", description.get("retry_after", 1), (0, DAY_SECONDS)),
            hold_seconds=within("hold_seconds", description.get("hold_seconds", 60), (0.0, float(DAY_SECONDS))),
            skew_seconds=within(
                "skew_seconds", description.get("skew_seconds", 300), (-float(YEAR_SECONDS), float(YEAR_SECONDS))
            ),
            in_batch=in_batch,
            rows=_rows(description.get("rows")),
        )


def _text(match: Mapping[str, Any], key: str) -> str | None:
    value = match.get(key)
    if not isinstance(value, str | None):
        raise FaultRefused(f"match.{key} is a text, got {value!r:.80}")
    return value


def _method(match: Mapping[str, Any]) -> str | None:
    method = _text(match, "method")
    if method is None:
        return None
    if method.upper() not in METHODS:
        raise FaultRefused(f"unknown method {method!r:.80}; known: {', '.join(METHODS)}")
    return method.upper()


def _pattern(match: Mapping[str, Any]) -> re.Pattern[str] | None:
    path = _text(match, "path")
    try:
        return None if path is None else re.compile(path)
    except re.error as error:
        raise FaultRefused(f"match.path {path!r} is no regular expression: {error}") from error


def _rows(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise FaultRefused(f"rows is a list of whole numbers from 0 to {LAST_ROW}, got {given!r:.80}")
    return tuple(within("a row of rows", row, (0, LAST_ROW)) for row in given)


def _plain(name: str) -> str:
    """ "Expired nextLink" is expired_nextlink: names may be spelled as people write them."""
    return re.sub(r"[^0-9a-z]+", "_", name.casefold()).strip("_")


def _only(given: Mapping[str, Any], allowed: Sequence[str], what: str) -> None:
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise FaultRefused(f"unknown key {unknown[0]!r} in {what}; known: {', '.join(allowed)}")
