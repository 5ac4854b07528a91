"""undo: what a run wrote is shown as its inverse, pushed with --yes, and what waits is answered like any hold."""

from __future__ import annotations

import json

import pytest

from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, BEN, World, linked, person


def test_an_undo_is_shown_and_then_pushed(world: World, call: Call) -> None:
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    settings = settings_of(world)
    world.advance(5)
    shown = call("undo", "--run", run["run_id"][:8], "--settings", settings)
    assert shown.code == 0, shown.err
    assert "job_title: Wrong → Director" in shown.out
    assert "--yes pushes it" in shown.out
    assert world.salesforce.record(record)["Title"] == "Wrong"
    scope = ("--contact", "person1@example.com", "--field", "job_title")
    pushed = call("undo", *scope, "--yes", "--settings", settings, "--json")
    assert pushed.code == 0, pushed.err
    document = json.loads(pushed.out)
    assert (document["undone"], document["pushed"], document["others"]) == ([run["run_id"]], 2, 0)
    assert [row["rule"] for row in document["operations"]] == ["R24", "R24"]
    assert world.salesforce.record(record)["Title"] == "Director"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "Say what to take back"),
        (["--run", "nowhere"], 2, "No run nowhere is known"),
        (["--contact", "nobody@example.com"], 2, "No contact 'nobody@example.com' is known"),
        (["--mailbox", ANNA, "--field", "shoe_size"], 2, "No field shoe_size is mapped"),
        (["--mailbox", "other@example.com"], 2, "No run has written to that"),
        (["--run", "RUN", "--mailbox", "other@example.com"], 2, "The settings know no mailbox other@example.com"),
    ],
)
def test_what_cannot_be_meant_is_told(world: World, call: Call, arguments: list[str], code: int, words: str) -> None:
    linked(world)
    run_id = world.run()["run_id"]
    arguments = [run_id if argument == "RUN" else argument for argument in arguments]
    answer = call("undo", *arguments, "--settings", settings_of(world))
    assert answer.code == code
    assert words in answer.err


@pytest.mark.parametrize("how", ["switched off", pytest.param("taken out", marks=pytest.mark.slow)])
def test_what_a_mailbox_keeps_from_being_taken_back_is_told_and_not_done_later(
    world: World, call: Call, how: str
) -> None:
    world.use(ANNA, BEN)
    record, item = linked(world, Title="Director")
    world.anna.update(item, jobTitle="Wrong")
    run = world.run()
    if how == "switched off":
        world.mailboxes[ANNA] = {"enabled": False}
    else:
        del world.mailboxes[ANNA]
    settings = settings_of(world)
    world.advance(5)
    answer = call("undo", "--run", run["run_id"], "--yes", "--settings", settings)
    assert answer.code == 1, answer.err
    assert f"Not possible now: what was written for {ANNA}" in answer.out
    assert "nothing to take back" not in answer.out
    named = call("undo", "--run", run["run_id"], "--mailbox", ANNA, "--yes", "--settings", settings)
    assert (named.code, named.out) == (2, "")
    assert ("switched off" if how == "switched off" else "know no mailbox") in named.err
    world.mailboxes[ANNA] = {}
    world.run()
    assert world.salesforce.record(record)["Title"] == "Wrong"


def test_a_contact_and_the_outlook_contact_of_its_ended_link_are_one_person(world: World, call: Call) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world)
    world.anna.delete(item)
    world.run()
    settings = settings_of(world)
    for word in ("person1@example.com", item):
        answer = call("undo", "--contact", word, "--settings", settings, "--json")
        assert answer.code == 0, answer.err
        assert [row["action"] for row in answer.document["operations"]] == ["undelete", "restore"]
    new = person(world)
    world.run()
    several = call("undo", "--contact", "person1@example.com", "--settings", settings)
    assert several.code == 2
    for offered in (record, new):
        assert offered in several.err
        answer = call("undo", "--contact", offered, "--settings", settings, "--json")
        assert answer.code in (0, 1), answer.err  # 1: to bring the old one back besides the new one waits
