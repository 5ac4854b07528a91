"""run, plan and verify: what they write, what they print, and the exit codes."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.engine.session import LOCK_FILE
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, CATEGORY, World, person


def choose(world: World, name: str = "Mia") -> str:
    """A contact that Anna chooses in Outlook; her item's id."""
    return world.anna.create(givenName=name, surname="Muster", email=f"{name}@example.com", categories=[CATEGORY])


def test_a_run_writes_both_sides_and_the_next_one_writes_nothing(world: World, call: Call) -> None:
    person(world)
    choose(world)
    settings = settings_of(world)
    first = call("run", "--settings", settings, "--json")
    assert first.code == 0, first.err
    [row] = first.document["mailboxes"]
    assert row["mailbox"] == ANNA
    assert row["status"] == "ok"
    assert row["outlook"]["create"] == 1
    assert row["salesforce"]["create"] == 1
    assert row.keys() >= {"conflicts", "holds", "problems"}
    assert first.document.keys() >= {"run_id", "planned", "pushed", "failed"}
    call("run", "--settings", settings)
    mark = world.mark()
    assert call("run", "--settings", settings, "--json").document["pushed"] == 0
    assert world.writes(mark) == []


@pytest.mark.parametrize("arguments", ["--json --settings FILE doctor", "doctor --settings FILE --json"])
def test_the_global_options_may_stand_before_or_after_the_verb(world: World, call: Call, arguments: str) -> None:
    file = settings_of(world)
    answer = call(*(str(file) if argument == "FILE" else argument for argument in arguments.split()))
    assert answer.document["well"]


def test_a_plan_shows_every_operation_and_writes_nothing(world: World, call: Call) -> None:
    person(world)
    settings = settings_of(world)
    operations = call("plan", "--settings", settings, "--json").document["operations"]
    [create] = [operation for operation in operations if operation["action"] == "create"]
    assert create.keys() >= {"id", "mailbox", "side", "action", "fields", "rule", "reason", "state"}
    assert create["state"] == "ready"
    shown = call("run", "--plan-only", "--settings", settings)
    assert "First1" in shown.out
    assert create["reason"][:20] in shown.out
    assert create["name"] in shown.out
    assert create["name"].startswith("First1")
    assert world.writes() == []


def test_the_run_is_in_dagsters_instance_under_the_same_id(world: World, call: Call) -> None:
    document = call("run", "--settings", settings_of(world), "--json").document
    with dg.DagsterInstance.from_config(str(world.directory / "data" / "dagster")) as instance:
        run = instance.get_run_by_id(document["run_id"])
        assert run is not None
        assert run.job_name == "contact_sync"
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert instance.get_dynamic_partitions("mailbox") == [ANNA]


def test_a_run_that_could_not_begin_is_in_dagsters_instance_too(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_SALESFORCE_CLIENT_SECRET", "Xq7-not-the-secret")
    answer = call("run", "--settings", settings_of(world))
    assert answer.code == 3
    assert "refused the login" in answer.err
    assert "Traceback" not in answer.err
    assert "Xq7-not-the-secret" not in answer.err + answer.out
    with dg.DagsterInstance.from_config(str(world.directory / "data" / "dagster")) as instance:
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.FAILURE


def test_an_error_is_one_json_document_too(world: World, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_GRAPH_CLIENT_SECRET", "Xq7-not-the-secret")
    answer = call("--json", "run", "--settings", settings_of(world))
    assert answer.code == 3
    assert answer.document["error"].keys() == {"code", "message", "remedy"}
    assert answer.document["error"]["remedy"]


def test_a_mailbox_that_the_settings_do_not_name_is_wrong_usage(world: World, call: Call) -> None:
    answer = call("run", "--mailbox", "nobody@example.com", "--settings", settings_of(world))
    assert answer.code == 2
    assert "nobody@example.com" in answer.err
    assert ANNA in answer.err


def test_a_mailbox_that_could_not_be_synchronised_is_named_with_its_remedy(world: World, call: Call) -> None:
    world.mailboxes[ANNA] = {"view": "No such view"}
    answer = call("run", "--settings", settings_of(world))
    assert answer.code == 3
    assert "No such view" in answer.out
    assert "stopped" in answer.out


def test_what_waits_for_a_person_gives_exit_code_1_and_yes_approves_only_the_first_run(
    world: World, call: Call
) -> None:
    world.use(first_run={"plan_above": 0})
    person(world)
    settings = settings_of(world)
    assert call("run", "--settings", settings).code == 1
    assert world.writes(entity="contact") == []
    assert call("run", "--yes", "--settings", settings).code == 0
    assert len(world.anna.contacts()) == 1


def test_a_second_run_leaves_cleanly_and_names_the_first(world: World, call: Call) -> None:
    settings = settings_of(world)
    (world.directory / "data").mkdir()
    with RunLock(world.directory / "data" / LOCK_FILE).hold("the-first", since="now"):
        answer = call("run", "--settings", settings)
    assert answer.code == 3
    assert "the-first" in answer.err
    assert world.writes() == []


@pytest.mark.slow
def test_verify_says_that_both_sides_are_equal_and_writes_nothing(world: World, call: Call) -> None:
    record = person(world)
    settings = settings_of(world)
    call("run", "--settings", settings)
    mark = world.mark()
    answer = call("verify", "--settings", settings)
    assert answer.code == 0, answer.out
    assert "equal" in answer.out
    world.salesforce.update(record, Title="Director")
    answer = call("verify", "--settings", settings, "--json")
    assert answer.code == 1
    assert answer.document["equal"] is False
    assert [operation["action"] for operation in answer.document["operations"]] == ["update"]
    assert world.writes(mark) == []


def test_a_locked_warehouse_is_a_clear_error(world: World, call: Call, tmp_path: Path) -> None:
    settings = settings_of(world)
    warehouse = world.directory / "data" / "warehouse.duckdb"
    warehouse.parent.mkdir()
    warehouse.write_text("this is no warehouse", encoding="utf-8")
    answer = call("run", "--settings", settings)
    assert answer.code == 3
    assert str(warehouse) in answer.err
    assert "Traceback" not in answer.err
