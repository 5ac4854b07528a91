"""doctor: one line for each thing that has to be right."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jwt
import pytest

from sync_pipeline.commands.examination import token_finding
from sync_pipeline.commands.examination_salesforce import rights
from sync_pipeline.outlook.connection import permissions_of
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.settings import GraphSettings
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.dagster.receivers import mail_server
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
    good = [finding["said"] for finding in findings(answer.document, ANNA) if finding["code"] == 0]
    assert "No such view" not in " ".join(good)


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


def told(document: dict[str, Any], what: str, *words: str) -> list[int]:
    """The codes of the findings under this name that say all these words."""
    return [found["code"] for found in findings(document, what) if all(word in found["said"] for word in words)]


def test_it_leaves_no_file_behind(world: World, call: Call) -> None:
    settings = settings_of(world)
    files = sorted(world.directory.rglob("*"))
    assert call("doctor", "--settings", settings).code == 0
    assert sorted(world.directory.rglob("*")) == files


READ = {"queryable": True, "createable": False, "updateable": False, "deletable": False}
EDIT = READ | {"createable": True, "updateable": True}


@pytest.mark.parametrize(
    ("account", "contact", "writes", "deletes", "code", "words"),
    [
        (READ, EDIT, True, False, 0, "read, create, edit Contacts"),
        (READ, READ, False, True, 0, "may read Accounts, and read Contacts"),
        (READ, READ, True, False, 3, "may not create Contacts, edit Contacts"),
        (READ, EDIT, True, True, 3, "may not delete Contacts"),
        (EDIT | {"queryable": False}, EDIT, True, False, 3, "may not read Accounts"),
    ],
)
def test_what_the_user_may_not_do_is_told(
    account: dict[str, bool], contact: dict[str, bool], writes: bool, deletes: bool, code: int, words: str
) -> None:
    finding = rights(account, contact, user="eva@acme.example.com", writes=writes, deletes=deletes)
    assert (finding.code, words in finding.said, bool(finding.remedy)) == (code, True, code != 0), finding


def test_with_credentials_per_user_each_of_them_is_asked(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use_per_user_credentials()
    monkeypatch.setenv("SYNC_PIPELINE_SALESFORCE_USERNAME", ADMINISTRATOR)
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 0, answer.out
    assert told(answer.document, "rights", "anna@acme.example.com may read Accounts, and read, create, edit") == [0]
    assert told(answer.document, "rights", "may read Accounts, and read Contacts") == [0]  # the integration user
    world.org("users", username="anna@acme.example.com", name="Anna Admin", is_active=False)
    document = call("doctor", "--settings", settings_of(world), "--json").document
    assert told(document, ANNA, "refused the login as anna@acme.example.com") == [3]


def test_an_object_that_is_not_shown_is_told_with_what_to_give(world: World, call: Call) -> None:
    world.fault("ENTITY_IS_DELETED", path="sobjects/Account/describe")
    answer = call("doctor", "--settings", settings_of(world), "--json")
    [finding] = findings(answer.document, "rights")
    assert (finding["code"], "cannot see Accounts" in finding["said"]) == (3, True)
    assert "permission set" in finding["remedy"]
    assert findings(answer.document, "fields")


def test_a_clock_that_differs_is_told(world: World, call: Call) -> None:
    world.advance(3600)
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 1
    [finding] = findings(answer.document, "clock")
    assert (finding["code"], "s behind Salesforce's" in finding["said"]) == (1, True)
    assert "NTP" in finding["remedy"]


def test_what_new_contacts_need_and_nothing_gives_them_is_told(world: World, call: Call) -> None:
    world.org("fields", object="Contact", name="Region__c", type="string", length=20, required=True)
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert told(answer.document, "fields", "new Contacts need Region__c") == [1]
    world.use(create={"defaults": {"Region__c": "North"}, "fixed": {"Regoin__c": "South"}})
    document = call("doctor", "--settings", settings_of(world), "--json").document
    assert told(document, "fields", "new Contacts need") == []
    assert told(document, "fields", "`create` names Regoin__c") == [1]


def test_a_field_that_holds_less_than_the_mapping_says_is_told(world: World, call: Call) -> None:
    world.org("fields", object="Contact", name="Region__c", type="string", length=20)
    world.use(mapping={"region": {"salesforce": "Region__c", "outlook": "profession", "max_length": 40}})
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert answer.code == 1
    assert told(answer.document, "fields", "Region__c holds 20 characters", "max_length says 40") == [1]


def test_the_external_id_field_has_to_be_one(world: World, call: Call) -> None:
    world.org("fields", object="Contact", name="Key__c", type="string", length=40, externalId=True, unique=True)
    for name, code, words in (
        ("Key__c", 0, "is a unique external id"),
        ("Title", 3, "Title is not a unique external id"),
        ("None__c", 3, "does not show Contact's None__c"),
    ):
        world.top["salesforce"] = {"external_id_field": name}
        document = call("doctor", "--settings", settings_of(world), "--json").document
        assert told(document, "fields", words) == [code]


def test_what_a_token_of_graph_opens_is_told() -> None:
    token = jwt.encode({"roles": ["User.Read.All", "Contacts.ReadWrite"]}, "not-the-key-of-entra-but-long-enough")
    assert permissions_of(token) == {"User.Read.All", "Contacts.ReadWrite"}
    assert permissions_of(jwt.encode({"scp": "Contacts.ReadWrite User.Read"}, "k" * 32)) == {
        "Contacts.ReadWrite", "User.Read",
    }  # fmt: skip
    assert permissions_of("opaque") == frozenset()
    tenant = GraphSettings(tenant="acme.example.com")
    wide = token_finding(tenant, permissions_of(token))
    assert (wide.code, "every mailbox" in wide.said, "RBAC" in wide.remedy) == (1, True, True)
    own = GraphSettings(tenant="acme.example.com", auth="delegated")
    assert token_finding(own, frozenset({"Contacts.ReadWrite"})).code == 0
    assert token_finding(tenant, frozenset({"User.Read.All"})).said.endswith("gives a token for User.Read.All")


def test_a_data_directory_without_right_or_room_is_told(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.directory / "file").write_text("not a directory", encoding="utf-8")
    answer = call("doctor", "--settings", settings_of(world, data_dir="file/data"), "--json")
    assert answer.code == 3
    assert told(answer.document, "data_dir", "cannot be written to") == [3]
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=1 << 20))
    answer = call("doctor", "--settings", settings_of(world), "--json")
    assert (answer.code, told(answer.document, "data_dir", "0.0 GiB free")) == (1, [1])


def test_dagsters_storage_is_opened_and_its_limit_compared(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "dagster_home"
    home.mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    document = call("doctor", "--settings", settings_of(world), "--json").document
    assert told(document, "Dagster", "has no dagster.yaml") == [3]
    for text, code, words in (
        ("telemetry: {enabled: false}", 0, "can be opened; 0 runs"),
        ("run_monitoring: {enabled: true, max_runtime_seconds: 1200}", 1, "ends runs after 1200 s"),
        ("run_monitoring: {enabled: true, max_runtime_seconds: 1500}", 0, "can be opened"),
        ("storage: {sqlite: {base_dir: [1]}}", 3, "cannot be opened"),
    ):
        (home / "dagster.yaml").write_text(text, encoding="utf-8")
        [finding] = findings(call("doctor", "--settings", settings_of(world), "--json").document, "Dagster")
        assert (finding["code"], words in finding["said"], bool(finding["remedy"])) == (code, True, code != 0), finding


def test_alerts_that_would_not_arrive_are_told_with_their_remedy(
    world: World, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", raising=False)

    def told(port: int, starttls: bool) -> list[tuple[int, str]]:
        server = {"host": "127.0.0.1", "port": port, "starttls": starttls}
        email = {"to": ["team@example.com"], "sender": "sync@example.com", **server}
        settings = settings_of(world, alerts={"webhook": True, "email": email})
        answer = call("doctor", "--settings", settings, "--json")
        found = findings(answer.document, "alerts")
        assert all(finding["remedy"] for finding in found if finding["code"])
        return [(finding["code"], finding["said"]) for finding in found]

    with mail_server() as (port, received):
        [hook, mail] = told(port, starttls=True)
        assert (hook[0], "WEBHOOK_URL is not set" in hook[1]) == (1, True)
        assert (mail[0], "does not offer STARTTLS" in mail[1]) == (1, True)
        monkeypatch.setenv("SYNC_PIPELINE_ALERT_WEBHOOK_URL", "https://hooks.example.com/Xq7")
        [hook, mail] = told(port, starttls=False)
        assert (hook[0], mail[0]) == (0, 0)
        assert "Xq7" not in hook[1]
        assert received == []
    [_, mail] = told(port, starttls=False)  # nobody listens any more
    assert (mail[0], "ConnectionRefusedError" in mail[1]) == (1, True)
