"""Injected faults: which call they hit, how often, and whether the call's effect is done before the answer goes wrong.

What a fault looks like on the wire is each service's own affair, except where the connection itself fails."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

Position = Literal["refused", "response_lost"]
POSITIONS: Final = ("refused", "response_lost")
CONNECTION_FAULTS: Final = ("timeout", "connection_reset", "truncated_body", "html_error")
MATCH_KEYS: Final = ("service", "method", "path", "actor", "nth")
FAULT_KEYS: Final = ("match", "fault", "position", "times", "retry_after", "hold_seconds", "rows")


class FaultRefused(ValueError):
    """A fault that was described wrongly; the message says which key and what is allowed."""


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
    rows: tuple[int, ...] | None = None
    matched: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def matches(self, service: str, method: str, path: str, actor: str) -> bool:
        return (
            self.service in (None, service)
            and self.method in (None, method)
            and self.actor in (None, actor)
            and (self.path is None or self.path.search(path) is not None)
        )


class Faults:
    """The rules in force, in the order they were given, and how often each name fired. Not kept over a restart."""

    def __init__(self) -> None:
        self._known: dict[str, frozenset[str]] = {}
        self._rules: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def declare(self, service: str, names: Sequence[str]) -> None:
        """The fault names a service can answer with, besides CONNECTION_FAULTS."""
        self._known[service] = frozenset(names) | frozenset(CONNECTION_FAULTS)

    def add(self, descriptions: Sequence[Mapping[str, Any]]) -> None:
        """Adds rules as POST /_sandbox/faults gives them, all or none. Raises FaultRefused."""
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

    def take(self, service: str, method: str, path: str, actor: str) -> Fault | None:
        """The first rule that fires on this call, or None. Every rule that matches counts the call."""
        chosen: Fault | None = None
        for rule in self._rules:
            if rule.name not in self._known[service] or not rule.matches(service, method, path, actor):
                continue
            rule.matched += 1
            if chosen is None and rule.matched >= rule.nth and rule.fired < rule.times:
                chosen = rule
        if chosen is not None:
            chosen.fired += 1
            self.fired[chosen.name] += 1
        return chosen

    def _parse(self, description: Mapping[str, Any]) -> Fault:
        match = description.get("match", {})
        _only(description, FAULT_KEYS, "a fault")
        _only(match, MATCH_KEYS, "a fault's match")
        service = match.get("service")
        if service is not None and service not in self._known:
            raise FaultRefused(f"unknown service {service!r}; known: {', '.join(sorted(self._known))}")
        name = str(description.get("fault"))
        known = self._known[service] if service else frozenset().union(*self._known.values())
        if name not in known:
            raise FaultRefused(f"unknown fault {name!r}; known: {', '.join(sorted(known))}")
        position = description.get("position", "refused")
        if position not in POSITIONS:
            raise FaultRefused(f"unknown position {position!r}; known: {', '.join(POSITIONS)}")
        numbers = {"nth": match.get("nth", 1), "times": description.get("times", 1)}
        for key, number in numbers.items():
            if not isinstance(number, int) or number < 1:
                raise FaultRefused(f"{key} must be a whole number from 1, got {number!r}")
        try:
            path = re.compile(match["path"]) if "path" in match else None
        except re.error as error:
            raise FaultRefused(f"match.path {match['path']!r} is no regular expression: {error}") from error
        return Fault(
            name=name,
            service=service,
            method=str(match["method"]).upper() if "method" in match else None,
            path=path,
            actor=match.get("actor"),
            nth=numbers["nth"],
            position=cast(Position, position),
            times=numbers["times"],
            retry_after=int(description.get("retry_after", 1)),
            hold_seconds=float(description.get("hold_seconds", 60)),
            rows=_rows(description.get("rows")),
        )


def _rows(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(row, int) and row >= 0 for row in given):
        raise FaultRefused(f"rows is a list of whole numbers from 0, got {given!r}")
    return tuple(given)


def _only(given: Mapping[str, Any], allowed: Sequence[str], what: str) -> None:
    unknown = sorted(set(given) - set(allowed))
    if unknown:
        raise FaultRefused(f"unknown key {unknown[0]!r} in {what}; known: {', '.join(allowed)}")
