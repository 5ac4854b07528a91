"""The ticks of a cron, in UTC, as Dagster's scheduler takes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from dagster._utils.schedules import schedule_execution_time_iterator


def longest_period(cron: str) -> timedelta:
    """The longest time between two ticks: a week shows them all, and two ticks where they are rarer than that."""
    now = datetime.now(UTC)
    found = ticks(cron, now)
    times = [next(found), next(found)]
    while times[-1] < now + timedelta(days=8):
        times.append(next(found))
    return max(later - earlier for earlier, later in pairwise(times))


def allowed_lag(cron: str) -> timedelta:
    """The declared SLA: an edit is on the other side within two ticks."""
    return 2 * longest_period(cron)


def ticks(cron: str, start: datetime) -> Iterator[datetime]:
    """Every tick from `start` on, without end."""
    return schedule_execution_time_iterator(start.timestamp(), cron, execution_timezone="UTC")
