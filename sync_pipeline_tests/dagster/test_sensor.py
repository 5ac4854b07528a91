"""The alert of a failed run: one line in the log, with the run, the step and the innermost error, without secrets."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.sensors import run_failure_alert
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline.transport import register_secret

SETTINGS = """
salesforce: {url: http://127.0.0.1:8101}
graph: {url: http://127.0.0.1:8102}
mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]
"""


@dg.op
def outlook_writes() -> None:
    raise ConnectionError("Graph said no to Xq7-secret")


@dg.job(name="contact_sync")
def failing() -> None:
    outlook_writes()


def alert() -> None:
    """Lets the job fail and the sensor hear of it."""
    with dg.instance_for_test() as instance:
        result = failing.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failure_alert",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
        run_failure_alert(context)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(file))
    return file


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "sync_pipeline.sensors"]


def test_a_failed_run_is_an_error_in_the_log(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    register_secret("Xq7-secret")
    with caplog.at_level(logging.ERROR):
        alert()
    [message] = errors(caplog)
    assert message.startswith("contact_sync ")
    assert "failed at outlook_writes: ConnectionError: Graph said no to ***" in message


def test_the_settings_can_switch_it_off(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings.write_text(f"{SETTINGS}alerts: {{log: false}}\n", encoding="utf-8")
    alert()
    assert errors(caplog) == []


def test_broken_settings_do_not_silence_it(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings.write_text("schedule: often\n", encoding="utf-8")
    alert()
    assert any("Graph said no" in message for message in errors(caplog))
    assert any("cannot read its settings" in message for message in errors(caplog))
