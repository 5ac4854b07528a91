"""The alert of a failed run, by log, webhook and e-mail: the run, the step, the error; no secret, no contact."""

from __future__ import annotations

import logging
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_status_sensor_definition import RunStatusSensorCursor
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from sync_pipeline.model.errors import SettingsInvalid, SideUnavailable, SyncError, WarehouseUnusable
from sync_pipeline.sensors import run_failure_alert
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline.transport import register_secret
from sync_pipeline.warehouse.lock import RunInProgress
from sync_pipeline_tests.dagster.receivers import mail_server, webhook

#: As the daemon writes it on a run that it launched.
ORIGIN = RemoteJobOrigin(
    RemoteRepositoryOrigin(InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="sync_pipeline")), "r"), "j"
)
SETTINGS = """
salesforce: {url: http://127.0.0.1:8101}
graph: {url: http://127.0.0.1:8102}
mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]
"""


@dg.op(name="outlook_writes")
def of_a_library() -> None:
    raise ConnectionError("Graph said no to Xq7-secret of Mia Muster")


@dg.op(name="outlook_writes")
def of_ours() -> None:
    raise SideUnavailable("outlook", "Graph refuses the client secret Xq7-secret.", remedy="Renew it.")


def failing(ours: bool) -> dg.JobDefinition:
    """A job that fails with an error of ours, or with another one."""

    @dg.job(name="contact_sync")
    def job() -> None:
        of_ours() if ours else of_a_library()

    return job


def alert(ours: bool = False) -> None:
    """Lets the job fail, with an error of ours or another one, and the sensor hear of it."""
    hear_of(failing(ours))


def hear_of(job: dg.JobDefinition, tags: dict[str, str] | None = None, *, launched_by_daemon: bool = False) -> None:
    """Runs the job, which fails, and lets the sensor hear of it."""
    with dg.instance_for_test() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        if launched_by_daemon:
            run = run._replace(remote_job_origin=ORIGIN)
        failures = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
        event = failures[0].event_log_entry.dagster_event
        assert event is not None
        run_failure_alert(
            dg.build_run_status_sensor_context(
                sensor_name="run_failure_alert",
                dagster_instance=instance,
                dagster_run=run,
                dagster_event=event,
            ).for_run_failure()
        )


def before_its_first_step(error: Exception) -> dg.JobDefinition:
    """A job whose session cannot be opened."""

    @dg.resource
    def session() -> None:
        raise error from ConnectionError("403 of Mia Muster")

    @dg.op(required_resource_keys={"session"})
    def outlook_contacts() -> None:
        """Never begins."""

    @dg.job(name="contact_sync", resource_defs={"session": session})
    def job() -> None:
        outlook_contacts()

    return job


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.yaml"
    file.write_text(SETTINGS, encoding="utf-8")
    monkeypatch.setenv(VARIABLE, str(file))
    return file


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("sync_pipeline.")]


def test_a_failed_run_is_an_error_in_the_log(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    register_secret("Xq7-secret")
    with caplog.at_level(logging.ERROR):
        alert()
    [message] = errors(caplog)
    assert message.startswith("contact_sync ")
    assert "failed at outlook_writes: ConnectionError: Graph said no to *** of Mia Muster" in message


def test_the_settings_can_switch_it_off(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings.write_text(f"{SETTINGS}alerts: {{log: false}}\n", encoding="utf-8")
    alert()
    assert errors(caplog) == []


def test_broken_settings_do_not_silence_it(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings.write_text("schedule: often\n", encoding="utf-8")
    alert()
    assert any("Graph said no" in message for message in errors(caplog))
    assert any("cannot read its settings" in message for message in errors(caplog))


@pytest.mark.parametrize(
    "error",
    [
        WarehouseUnusable("The warehouse is locked.", remedy="Close the other process."),
        SettingsInvalid("The settings know no mailbox nobody@example.com.", remedy="Known: anna@example.com."),
        SideUnavailable("salesforce", "REQUEST_LIMIT_EXCEEDED.", remedy="Wait for tomorrow."),
        RunInProgress("The warehouse is being synchronised by a run.", remedy="Wait for it to end."),
    ],
)
def test_a_run_that_fails_before_its_first_step_is_told_with_its_reason(
    settings: Path, monkeypatch: pytest.MonkeyPatch, error: SyncError
) -> None:
    settings.write_text(f"{SETTINGS}alerts: {{webhook: true}}\n", encoding="utf-8")
    with webhook() as (address, posted):
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", address)
        hear_of(before_its_first_step(error))
    [document] = posted
    assert f"failed at start: {type(error).__name__}: {error}" in document["text"]
    assert (document["step"], document["error"]) == ("start", type(error).__name__)
    assert "Mia" not in document["text"]


def test_what_the_daemon_tries_once_more_is_told_when_that_failed_too(
    settings: Path, caplog: pytest.LogCaptureFixture
) -> None:
    retried = {"dagster/will_retry": "true"}
    hear_of(failing(False), retried, launched_by_daemon=True)
    assert errors(caplog) == []
    hear_of(failing(False), {"dagster/retry_number": "1"}, launched_by_daemon=True)
    assert len(errors(caplog)) == 1
    hear_of(failing(False), retried)  # of the command line: nobody tries it again
    assert len(errors(caplog)) == 2


@pytest.mark.parametrize(("name", "alerts"), [("contact_sync", 1), ("somebody_elses", 0)])
def test_a_run_of_the_command_line_is_seen_by_the_daemon_and_another_projects_job_is_not(
    settings: Path, caplog: pytest.LogCaptureFixture, name: str, alerts: int
) -> None:
    with dg.instance_for_test() as instance:
        cursor = RunStatusSensorCursor(record_id=0).to_json()  # type: ignore[no-untyped-call]
        job = dg.Definitions(jobs=[failing(False)]).resolve_job_def("contact_sync")
        job = dg.JobDefinition(name=name, graph_def=job.graph)
        job.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.SensorEvaluationContext(
            instance_ref=None, instance=instance, last_tick_completion_time=None, last_run_key=None, cursor=cursor,
            log_key=None, repository_name="__repository__", repository_def=None,
            code_location_origin=ORIGIN.repository_origin.code_location_origin,
        )  # fmt: skip
        run_failure_alert.evaluate_tick(context)
    assert len(errors(caplog)) == alerts


def test_a_killed_run_is_told_in_dagsters_words(settings: Path, caplog: pytest.LogCaptureFixture) -> None:
    with dg.instance_for_test() as instance:
        run = instance.create_run_for_job(failing(False))
        event = instance.report_run_failed(run, message="The run worker is gone.")
        context = dg.build_run_status_sensor_context("run_failure_alert", event, instance, run)
        run_failure_alert(context.for_run_failure())
    [message] = errors(caplog)
    assert message.endswith("failed: The run worker is gone.")


def by_all_channels(settings: Path, port: int) -> None:
    email = f"{{to: [team@example.com], sender: sync@example.com, host: 127.0.0.1, port: {port}, starttls: false}}"
    settings.write_text(f"{SETTINGS}alerts: {{webhook: true, email: {email}}}\n", encoding="utf-8")


@pytest.mark.parametrize("ours", [True, False])
def test_a_failed_run_is_told_by_webhook_and_e_mail_in_words_that_name_nobody(
    settings: Path, monkeypatch: pytest.MonkeyPatch, ours: bool
) -> None:
    register_secret("Xq7-secret")
    with webhook() as (address, posted), mail_server() as (port, received):
        by_all_channels(settings, port)
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", address)
        alert(ours)
    [document], [message] = posted, received
    assert document["job"] == "contact_sync"
    assert document["step"] == "outlook_writes"
    assert document["run_id"] in document["text"]
    assert (message["To"], message["From"]) == ("team@example.com", "sync@example.com")
    assert document["run_id"] in message["Subject"]
    for text in (document["text"], message.get_content()):
        assert ("SideUnavailable: Graph refuses the client secret ***. Renew it." in text) is ours
        assert ("ConnectionError" in text) is not ours
        assert document["run_id"] in text
        assert "Mia" not in text
        assert "Xq7" not in text


def test_a_channel_that_fails_stops_no_other_and_its_address_is_not_logged(
    settings: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(500) as (address, posted), mail_server() as (port, received):
        by_all_channels(settings, port)
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", address)
        alert()
        assert len(received) == 1
        assert len(posted) == 1
    assert any("webhook could not be sent: the webhook answered 500" in message for message in errors(caplog))
    caplog.clear()
    alert()  # nobody listens any more
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", "http://hooks.example.com/Xq7-in-the-path")
    alert()
    told = " ".join(errors(caplog))
    assert "webhook could not be sent: ConnectionError" in told
    assert "email could not be sent: ConnectionRefusedError" in told
    assert "must begin with https://" in told
    assert "Xq7" not in told
