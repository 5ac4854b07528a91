"""doctor: one line for each thing that has to be right."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, BEN, World


def findings(document: dict[str, Any], what: str) -> list[dict[str, Any]]:
    return [finding for finding in document["findings"] if finding["what"] == what]


def test_a_good_installation_is_well_and_nothing_is_written(world: World, call: Call) -> None:
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 0, answer.out
    assert answer.document["well"]
    for what in ("settings", "credentials", "Salesforce", "fields", ANNA, "warehouse"):
        assert findings(answer.document, what)
    assert world.writes() == []


def test_after_a_run_the_warehouse_and_the_folder_are_named(world: World, call: Call) -> None:
    settings = settings_of(world)
    world.run()
    answer = call("doctor", "--settings", settings)
    assert answer.code == 0, answer.out
    assert "last run" in answer.out
    assert "folder 'Salesforce Contacts'" in answer.out


def test_a_folder_of_another_installation_is_told_as_a_run_would_tell_it(world: World, call: Call) -> None:
    world.run()
    moved = settings_of(world, data_dir=str(world.directory / "elsewhere"))
    [finding] = findings(call("doctor", "--settings", moved, "--json").document, ANNA)
    assert (finding["code"], "another installation" in finding["said"]) == (3, True)


@pytest.mark.parametrize("side", ["SALESFORCE", "GRAPH"])
def test_wrong_credentials_of_a_side_are_told_and_the_rest_is_looked_at(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    monkeypatch.setenv(f"SYNC_PIPELINE_{side}_CLIENT_SECRET", "Xq7-not-the-secret")
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 3
    assert "Xq7-not-the-secret" not in answer.out + answer.err
    bad = [finding for finding in answer.document["findings"] if finding["code"] == 3]
    assert bad
    assert all(finding["remedy"] for finding in bad)
    assert findings(answer.document, "warehouse")


def test_a_mailbox_a_user_and_a_view_that_do_not_exist_are_told_each(world: World, call: Call) -> None:
    mailboxes = [
        {"mailbox": "nobody@example.com", "salesforce_user": "ben@acme.example.com"},
        {"mailbox": ANNA, "salesforce_user": "anna@acme.example.com", "view": "No such view"},
        {"mailbox": BEN, "salesforce_user": "typing.error@acme.example.com"},
    ]
    answer = call("doctor", "--settings", settings_of(world, mailboxes=mailboxes), "--json")
    assert answer.code == 3
    for address, named in (("nobody@example.com", "nobody"), (ANNA, "No such view"), (BEN, "typing.error")):
        told = [finding for finding in findings(answer.document, address) if finding["code"] == 3]
        assert any(named in finding["said"] for finding in told), address


def test_a_field_that_the_org_does_not_have_is_told(world: World, call: Call) -> None:
    world.use(mapping={"region": {"salesforce": "Region__c", "outlook": "profession"}})
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 1
    assert any("Region__c" in finding["said"] for finding in findings(answer.document, "fields"))


def test_a_field_that_may_not_be_written_is_told(world: World, call: Call) -> None:
    world.org("fields", object="Contact", name="Title", createable=False, updateable=False)
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 1
    told = [(finding["code"], finding["said"]) for finding in findings(answer.document, "fields")]
    assert told == [(1, "Title may not be written; they are left out")]


def test_a_field_that_a_mailbox_takes_from_salesforce_only_need_not_be_writable(world: World, call: Call) -> None:
    world.org("fields", object="Contact", name="Title", createable=False, updateable=False)
    world.use(mapping={"job_title": {"direction": "from_salesforce"}})
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 0, answer.out
    told = [finding["said"] for finding in findings(answer.document, "fields")]
    assert "can be read and written as mapped" in told[0]


def test_a_mailbox_may_take_a_writable_field_from_salesforce_only(world: World, call: Call) -> None:
    mapping = {"job_title": {"direction": "from_salesforce"}}
    mailboxes = [{"mailbox": ANNA, "salesforce_user": "anna@acme.example.com", "mapping": mapping}]
    answer = call("doctor", "--settings", settings_of(world, mailboxes=mailboxes), "--json")
    assert answer.code == 0, answer.out
    assert [finding["code"] for finding in findings(answer.document, "fields")] == [0]


def test_view_all_past_the_sharing_rules_is_explained(world: World, call: Call) -> None:
    world.use(view="all")
    world.top["salesforce"] = {"share_all": True}
    answer = call("doctor", "--settings", settings_of(world))
    assert answer.code == 0
    assert "sharing rules" in answer.out


def test_broken_settings_are_its_first_line(world: World, call: Call) -> None:
    answer = call("doctor", "--settings", settings_of(world, schedule="often"))
    assert answer.code == 2
    assert "schedule" in answer.out
