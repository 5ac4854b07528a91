"""approve, drop, resolve, link, unlink, remove: a person's decisions, which the next run follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sync_pipeline import engine
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, CATEGORY, World, item_of, linked, person, stamp_of


@pytest.fixture
def settings(world: World) -> Path:
    """Settings under which every conflict waits and no deletion is allowed without approval."""
    world.use(conflicts={"default": "hold"}, max_deletes={"count": 0, "percent": 0})
    return settings_of(world)


def synchronise(world: World) -> int:
    """A run without Dagster, which these tests are not about; the exit code that `run` would give."""
    return engine.exit_code(world.run())


def holds(call: Call, settings: Path) -> list[dict[str, Any]]:
    return list(call("problems", "--json", "--settings", settings).document["holds"])


def deletion_on_hold(world: World, call: Call, settings: Path) -> str:
    """Runs until a deletion in Outlook waits; its operation."""
    record = person(world)
    synchronise(world)
    world.salesforce.delete(record)
    assert synchronise(world) == 1
    [hold] = holds(call, settings)
    assert hold["kind"] == "guard"
    return str(hold["operation_id"])


def test_what_is_approved_is_pushed_by_the_next_run(world: World, call: Call, settings: Path) -> None:
    operation = deletion_on_hold(world, call, settings)
    run_id = engine.plan_document(world.settings())["run_id"]
    for chosen in ([operation], ["--mailbox", ANNA], ["--all"], ["--run", run_id]):
        answer = call("approve", *chosen, "--settings", settings, "--json")
        assert answer.code == 0, answer.err
        assert answer.document["operations"] == [operation]
    assert len(world.anna.contacts()) == 1
    assert synchronise(world) == 0
    assert world.anna.contacts() == []


def test_what_is_dropped_is_not_pushed(world: World, call: Call, settings: Path) -> None:
    operation = deletion_on_hold(world, call, settings)
    assert call("drop", operation, "--settings", settings).code == 0
    synchronise(world)
    assert len(world.anna.contacts()) == 1
    assert holds(call, settings) == []


def test_an_approval_lapses_after_seven_days(world: World, call: Call, settings: Path) -> None:
    deletion_on_hold(world, call, settings)
    call("approve", "--all", "--settings", settings)
    world.advance(8 * 86400)
    assert synchronise(world) == 1
    assert len(world.anna.contacts()) == 1


@pytest.mark.parametrize(("side", "title"), [("outlook", "From Outlook"), ("salesforce", "From Salesforce")])
def test_a_conflict_is_answered_by_naming_the_side(
    world: World, call: Call, settings: Path, side: str, title: str
) -> None:
    record = person(world)
    synchronise(world)
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="From Outlook")
    world.salesforce.update(record, Title="From Salesforce")
    assert synchronise(world) == 1
    [hold] = holds(call, settings)
    refused = call("approve", hold["operation_id"], "--settings", settings)
    assert refused.code == 2
    assert f"resolve {hold['operation_id']}" in refused.err
    assert call("approve", "--all", "--settings", settings, "--json").document["conflicts_left"]
    assert call("resolve", hold["operation_id"], "--take", side, "--settings", settings).code == 0
    assert synchronise(world) == 0
    assert world.salesforce.record(record)["Title"] == title
    assert item_of(world.anna, record)["jobTitle"] == title


def test_an_unknown_operation_or_none_is_wrong_usage(world: World, call: Call, settings: Path) -> None:
    synchronise(world)
    unknown = call("approve", "nonsense", "--settings", settings)
    assert unknown.code == 2
    assert "nonsense" in unknown.err
    assert call("drop", "--settings", settings).code == 2
    assert call("resolve", "nonsense", "--take", "outlook", "--settings", settings).code == 2


def test_an_unknown_run_is_answered_with_the_last_ones(world: World, call: Call, settings: Path) -> None:
    run_id = world.run()["run_id"]
    answer = call("approve", "--run", "nonsense", "--settings", settings)
    assert answer.code == 2
    assert run_id in answer.err
    assert call("approve", "--run", "nonsense", "--settings", settings).code == 2


def test_two_contacts_are_linked_by_hand_and_unlinked_again(world: World, call: Call, settings: Path) -> None:
    record = person(world, owner="ben@example.com", FirstName="Other", LastName="Name")
    held = world.anna.create(givenName="Mia", surname="Muster", email="person1@example.com", categories=[CATEGORY])
    assert synchronise(world) == 1
    answer = call("link", ANNA, held, record[:15], "--settings", settings)
    assert answer.code == 0, answer.err
    again = call("link", ANNA, held, record, "--settings", settings)
    assert again.code == 2
    assert "unlink" in again.err
    synchronise(world)
    synchronise(world)
    [item] = world.anna.contacts()
    assert stamp_of(item) == record
    answer = call("unlink", ANNA, item["id"], "--settings", settings, "--json")
    assert answer.code == 0, answer.err
    assert len(answer.document["closed"]) == 1
    assert call("unlink", ANNA, item["id"], "--settings", settings).code == 2


def test_a_mailbox_is_taken_out_after_it_was_shown_and_keeps_its_contacts_and_its_history(
    world: World, call: Call, settings: Path
) -> None:
    record = person(world)
    synchronise(world)
    mark = world.mark()
    shown = call("remove", ANNA, "--settings", settings)
    assert shown.code == 0
    assert "close 1 links" in shown.out
    assert "still switched on" in shown.out
    refused = call("remove", ANNA, "--yes", "--settings", settings)
    assert refused.code == 2
    assert "--while-enabled" in refused.err
    found = call("history", record, "--settings", settings, "--json").document["events"]
    assert "unlink" not in [event["action"] for event in found]
    answer = call("remove", ANNA, "--yes", "--while-enabled", "--settings", settings, "--json")
    assert answer.code == 0, answer.err
    assert answer.document == {
        "mailbox": ANNA, "removed": True, "links_closed": 1, "is_enabled": True, "links": 1, "holds": 0, "problems": 0,
    }  # fmt: skip
    assert world.writes(mark) == []
    assert len(world.anna.contacts()) == 1
    events = call("history", record, "--settings", settings, "--json").document["events"]
    assert events[-1]["action"] == "unlink"
    synchronise(world)
    assert stamp_of(item_of(world.anna, record)) == record
    assert len(world.anna.contacts()) == 1
    assert call("remove", "nobody@example.com", "--settings", settings).code == 2


def test_a_mailbox_that_the_rule_finds_no_longer_is_taken_out_with_yes_alone(
    world: World, call: Call, settings: Path
) -> None:
    person(world)
    synchronise(world)
    found = settings_of(world, mailboxes={"discover": {"where": "Username = 'ben@acme.example.com'"}})
    shown = call("remove", ANNA, "--settings", found)
    assert "rule of `discover`" in shown.out
    assert "still switched on" not in shown.out
    answer = call("remove", ANNA, "--yes", "--settings", found, "--json")
    assert (answer.code, answer.document["links_closed"]) == (0, 1)


def test_what_was_dropped_by_name_is_not_approved_with_the_rest(world: World, call: Call, settings: Path) -> None:
    records = [person(world, number) for number in range(1, 4)]
    synchronise(world)
    for record in records:
        world.salesforce.delete(record)
    synchronise(world)
    keep, *others = (row["operation_id"] for row in holds(call, settings))
    call("drop", keep, "--settings", settings)
    assert {row["operation_id"]: row["verdict"] for row in holds(call, settings)}[keep] == "dropped"
    answer = call("approve", "--mailbox", ANNA, "--settings", settings, "--json")
    assert (answer.document["operations"], answer.document["dropped_before"]) == (others, [keep])
    synchronise(world)
    assert len(world.anna.contacts()) == 1


def test_a_conflict_that_waits_shows_its_field_and_both_values(world: World, call: Call, settings: Path) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Plumber")
    world.salesforce.update(record, Title="Director")
    synchronise(world)
    [hold] = holds(call, settings)
    assert hold["fields"] == [{"field": "job_title", "before": "Director", "after": "Plumber"}]
    shown = call("problems", "--settings", settings).out
    assert "Director" in shown
    assert "Plumber" in shown


def test_a_decision_before_the_first_run_says_to_run_first(world: World, call: Call, settings: Path) -> None:
    answer = call("approve", "--all", "--settings", settings)
    assert answer.code == 3
    assert "sync-pipeline run" in answer.err


@pytest.mark.parametrize("verb", ["problems", "approve", "drop"])
def test_a_mailbox_that_nobody_knows_is_no_mailbox_in_which_all_is_well(
    world: World, call: Call, settings: Path, verb: str
) -> None:
    world.run()
    answer = call(verb, "--mailbox", "typo@example.com", "--settings", settings)
    assert answer.code == 2
    assert "No mailbox typo@example.com is known" in answer.err
    assert ANNA in answer.err
