"""The schedule's ticks: one run at a time, and none for a time that is long past."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from sync_pipeline.jobs import SHARD, SHARD_TAG
from sync_pipeline.schedules import DEFAULT_CRON, every_half_hour, marts_of_yesterday
from sync_pipeline.ticks import longest_period

Tick = dg.RunRequest | dg.SkipReason


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as opened:
        yield opened


def tick(instance: dg.DagsterInstance, scheduled: datetime | None = None) -> Tick:
    """What the schedule answers to a tick, by default to one of just now."""
    context = dg.build_schedule_context(instance=instance, scheduled_execution_time=scheduled or datetime.now(UTC))
    answer = every_half_hour(DEFAULT_CRON)(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def unfinished(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus, shard: str = SHARD, job: str = "contact_sync"
) -> None:
    create_run_for_test(instance, job_name=job, run_id=str(uuid.uuid4()), status=status, tags={SHARD_TAG: shard})


def test_a_tick_starts_a_run_of_all_mailboxes(instance: dg.DagsterInstance) -> None:
    answer = tick(instance)
    assert isinstance(answer, dg.RunRequest)
    assert answer.run_config == {}


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_a_tick_is_skipped_while_a_run_goes_on(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    unfinished(instance, status)
    answer = tick(instance)
    assert isinstance(answer, dg.SkipReason)
    assert "goes on" in str(answer.skip_message)


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
)
def test_a_run_that_ended_does_not_stop_the_next(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    unfinished(instance, status)
    assert isinstance(tick(instance), dg.RunRequest)


def test_a_run_of_another_shard_does_not_stop_this_one(instance: dg.DagsterInstance) -> None:
    unfinished(instance, dg.DagsterRunStatus.STARTED, shard="1")
    assert isinstance(tick(instance), dg.RunRequest)


def test_a_tick_is_skipped_while_a_job_of_the_launchpad_goes_on(instance: dg.DagsterInstance) -> None:
    unfinished(instance, dg.DagsterRunStatus.STARTED, job="initial_load")
    assert isinstance(tick(instance), dg.SkipReason)


def test_each_night_the_marts_of_the_day_that_ended_are_made_once_more() -> None:
    moment = datetime(2026, 3, 1, 0, 20, tzinfo=UTC)
    request = marts_of_yesterday(dg.build_schedule_context(scheduled_execution_time=moment))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-02-28"


def test_a_tick_that_is_a_period_late_is_skipped(instance: dg.DagsterInstance) -> None:
    answer = tick(instance, datetime.now(UTC) - timedelta(minutes=61))
    assert isinstance(answer, dg.SkipReason)
    assert "stale" in str(answer.skip_message)


@pytest.mark.parametrize(
    ("cron", "period"),
    [
        ("*/30 * * * *", timedelta(minutes=30)),
        ("0 6 * * *", timedelta(days=1)),
        ("0 8-18 * * 1-5", timedelta(hours=62)),
    ],
)
def test_the_freshness_follows_the_longest_time_between_two_ticks(cron: str, period: timedelta) -> None:
    assert longest_period(cron) == period
