"""SOQL's date literals (TODAY, LAST_N_DAYS:7, THIS_WEEK …) as ranges of days. Days are UTC, weeks start on Sunday."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

Range = tuple[date, date]
_COUNTED: Final = re.compile(
    r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO):(\d+)"
)
_RELATIVE: Final = re.compile(r"(LAST|THIS|NEXT)_(WEEK|MONTH|QUARTER|YEAR)")
_STEP: Final = {"LAST": -1, "THIS": 0, "NEXT": 1}
_MOST: Final = 9999


def resolve(literal: str, today: date) -> Range | None:
    """First day and the day after the last, for a literal in any case; None if SOQL has no such literal."""
    word = literal.upper()
    plain = {"YESTERDAY": -1, "TODAY": 0, "TOMORROW": 1}
    if word in plain:
        return _period("DAY", today, plain[word])
    if word == "LAST_90_DAYS":
        return today - timedelta(days=90), today + timedelta(days=1)
    if word == "NEXT_90_DAYS":
        return today + timedelta(days=1), today + timedelta(days=91)
    relative = _RELATIVE.fullmatch(word)
    if relative:
        return _period(relative[2], today, _STEP[relative[1]])
    counted = _COUNTED.fullmatch(word)
    if counted is None or int(counted[4]) > _MOST:
        return None
    number = int(counted[4])
    if counted[3]:
        return _period(counted[3], today, -number)
    if counted[1] == "NEXT":
        return _period(counted[2], today, 1)[0], _period(counted[2], today, number)[1]
    # LAST_N_DAYS runs up to and including today; the longer ones end with the last whole period.
    end = today + timedelta(days=1) if counted[2] == "DAY" else _period(counted[2], today, -1)[1]
    return _period(counted[2], today, -number)[0], end


def _period(unit: str, today: date, step: int) -> Range:
    """The unit (day, week …) that lies `step` units from the one `today` is in."""
    if unit == "DAY":
        start = today + timedelta(days=step)
        return start, start + timedelta(days=1)
    if unit == "WEEK":
        start = today - timedelta(days=(today.weekday() + 1) % 7) + timedelta(weeks=step)
        return start, start + timedelta(weeks=1)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    first = today.year * 12 + (today.month - 1) // months * months + step * months
    month: Callable[[int], date] = lambda number: date(number // 12, number % 12 + 1, 1)  # noqa: E731
    return month(first), month(first + months)
