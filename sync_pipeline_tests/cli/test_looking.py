"""explain, history, problems: answers from the warehouse alone."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from sync_pipeline.engine.run_ids import resolve_run
from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.model.fields import FIELDS
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import insert
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, CATEGORY, World, item_of, linked, person


@pytest.fixture
def settings(world: World) -> Path:
    return settings_of(world)


def test_a_contact_is_explained_by_email_name_and_either_id(world: World, call: Call, settings: Path) -> None:
    record = person(world)
    world.run()
    item = item_of(world.anna, record)["id"]
    for contact in ("PERSON1@example.com", "first1 last1", item, record, record[:15]):
        answer = call("explain", contact, "--settings", settings, "--json")
        assert answer.code == 0, contact
        [story] = answer.document["contacts"]
        assert (story["mailbox"], story["salesforce_id"]) == (ANNA, record)
        text = " ".join(story["explanation"])
        assert "it lies in the folder" in text
        assert "came from Salesforce" in text


def test_why_a_contact_is_not_synchronised_is_explained(world: World, call: Call, settings: Path) -> None:
    person(world, owner="ben@example.com", FirstName="Other", LastName="Name")
    world.anna.create(givenName="Mia", surname="Muster", email="person1@example.com", categories=[CATEGORY])
    world.run()
    text = call("explain", "person1@example.com", "--mailbox", ANNA, "--settings", settings).out
    assert "On hold" in text
    assert "another name" in text


@pytest.mark.parametrize(
    ("policy", "end"), [("hold", "It waits for an answer."), ("outlook", "The value of outlook stays.")]
)
def test_a_conflict_is_explained_by_its_end(world: World, call: Call, policy: str, end: str) -> None:
    world.use(conflicts={"default": policy})
    record = person(world)
    world.run()
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="From Outlook")
    world.salesforce.update(record, Title="From Salesforce")
    world.run()
    [story] = call("explain", record, "--settings", settings_of(world), "--json").document["contacts"]
    [conflict] = [line for line in story["explanation"] if line.startswith("Conflict in job_title")]
    assert conflict.endswith(end)


def test_a_deleted_contact_is_explained(world: World, call: Call, settings: Path) -> None:
    record = person(world)
    world.run()
    world.salesforce.delete(record)
    world.run()
    text = call("explain", record, "--settings", settings).out
    assert "the Contact was deleted" in text
    assert "deleted in Salesforce" in text


def test_an_unknown_contact_is_told_what_may_be_the_reason(world: World, call: Call, settings: Path) -> None:
    world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com")
    world.run()
    answer = call("explain", "mia@example.com", "--settings", settings)
    assert answer.code == 1
    assert "personal" in answer.out


def test_the_history_shows_before_and_after_of_every_operation(world: World, call: Call, settings: Path) -> None:
    record = person(world, Title="Manager")
    first = world.run()["run_id"]
    world.salesforce.update(record, Title="Director")
    second = world.run()["run_id"]
    events = call("history", record, "--run", second, "--settings", settings, "--json").document["events"]
    [update] = [event for event in events if event["action"] == "update"]
    assert {"field": "job_title", "before": "Manager", "after": "Director"} in update["fields"]
    assert update["outcome"] == "done"
    assert update["rule"]
    assert update["reason"]
    of_first = call("history", "--run", first, "--settings", settings, "--json").document["events"]
    assert {event["run_id"] for event in of_first} == {first}
    text = call("history", "--mailbox", ANNA, "--since", "1h", "--settings", settings).out
    assert "Director" in text
    assert first[:8] in text
    assert second[:8] in text
    assert call("history", "--run", first[:8], "--settings", settings, "--json").document["events"] == of_first
    for unknown in (first[:3], "00000000", "%"):
        refused = call("history", "--run", unknown, "--settings", settings)
        assert refused.code == 2
        assert second in refused.err
    assert call("history", "--since", "2100-01-01", "--settings", settings, "--json").document["events"] == []
    every = call("history", "--settings", settings, "--json").document
    assert (every["more"], every["hint"]) == (False, None)
    last = call("history", "--limit", "1", "--settings", settings, "--json").document
    assert (last["events"], last["more"]) == (every["events"][-1:], True)
    assert "There are earlier events; these are the last 1. A larger --limit" in last["hint"]
    assert last["hint"] in " ".join(call("history", "--limit", "1", "--settings", settings).out.split())
    person(world, 2)
    world.run()
    for limit, more in (("1", True), ("2", False)):
        asked = ("history", "--mailbox", ANNA, "--as-of", "0m", "--limit", limit, "--settings", settings)
        standing = call(*asked, "--json").document
        assert (len(standing["links"]), standing["more"]) == (int(limit), more)
        assert ("There are more links" in call(*asked).out) is more


@pytest.mark.parametrize("arguments", [["--since", "yesterday"], ["--run", "nonsense"], ["--limit", "0"]])
def test_a_wrong_question_to_the_history_is_wrong_usage(
    world: World, call: Call, settings: Path, arguments: list[str]
) -> None:
    world.run()
    assert call("history", *arguments, "--settings", settings).code == 2


def test_what_was_refused_is_tried_by_the_next_run_when_a_person_says_so(
    world: World, call: Call, settings: Path
) -> None:
    people = [linked(world, number, Title="Director") for number in (1, 2)]
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    for _, item in people:
        world.anna.update(item, jobTitle="Boss")
    world.run()
    world.org("validation_rules", object="Contact", clear=True)
    (one, item), (other, _) = people
    assert call("problems", "nobody", "--retry", "--settings", settings).code == 2
    assert call("problems", item, "--settings", settings).code == 2
    answer = call("problems", item, "--retry", "--mailbox", ANNA, "--settings", settings, "--json")
    assert answer.code == 0
    assert [(row["subject"], row["code"]) for row in answer.document["retried"]] == [
        (item, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    ]
    world.run()
    assert [world.salesforce.record(record)["Title"] for record in (one, other)] == ["Boss", "Director"]
    assert "The next run tries again" in call("problems", "--retry", "--settings", settings).out
    world.run()
    assert world.salesforce.record(other)["Title"] == "Boss"
    assert "Nothing waits" in call("problems", "--retry", "--settings", settings).out


def test_problems_name_the_contact_the_reason_and_the_remedy(world: World, call: Call, settings: Path) -> None:
    world.run()
    nothing = call("problems", "--settings", settings)
    assert nothing.code == 0
    assert "No problems" in nothing.out
    world.anna.create(
        givenName="Mia", email="mia@example.com", displayName="", categories=[CATEGORY], jobTitle="x" * 200
    )
    world.run()
    world.run()
    answer = call("problems", "--settings", settings, "--json")
    assert answer.code == 1
    assert all(problem["message"] and problem["remedy"] for problem in answer.document["problems"])
    assert "too_long" in {problem["code"] for problem in answer.document["problems"]}
    assert {problem["name"] for problem in answer.document["problems"]} == {"Mia"}


def test_before_the_first_run_they_say_to_run_first(call: Call, settings: Path) -> None:
    for verb in (["explain", "mia"], ["history"], ["problems"]):
        answer = call(*verb, "--settings", settings)
        assert answer.code == 3
        assert "sync-pipeline run" in answer.err


def test_a_plan_says_why_something_waits_once(
    world: World, call: Call, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")  # paragraphs in place of a table's cells
    person(world, owner="ben@example.com", FirstName="Other", LastName="Name")
    world.anna.create(givenName="Mia", surname="Muster", email="person1@example.com", categories=[CATEGORY])
    said = " ".join(call("plan", "--settings", settings).out.split())
    assert said.count("same e-mail but another name") == 1


def test_the_beginning_of_a_run_id_is_enough_unless_several_begin_so() -> None:
    connection = duckdb.connect(":memory:")
    migrate(connection, FIELDS)
    for number, run_id in enumerate(("69109a2a-1", "69109a2a-2", "69109a", "7f00-3")):
        insert(connection, "sync.runs", [{"run_id": run_id, "number": number}])
    reader = Reader(connection)
    for text, meant in (("7F00", "7f00-3"), ("69109a", "69109a"), ("69109a2a-2", "69109a2a-2")):
        assert resolve_run(reader, text) == meant
    with pytest.raises(SettingsInvalid, match=r"Several runs begin with 69109a2a\. Say which: 69109a2a-2, 69109a2a-1"):
        resolve_run(reader, "69109a2a")
