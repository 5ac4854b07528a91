"""The settings file: its defaults, what a mailbox may override, and errors that name line, key and allowed values."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sync_pipeline.model.fields import FIELDS, Direction
from sync_pipeline.settings import (
    MailboxDefaults,
    MailboxSettings,
    Settings,
    SettingsError,
    SettingsProblem,
    load_settings,
)
from sync_pipeline.settings.reading import read_yaml

EXAMPLE = Path(__file__).parents[2] / "settings.example.yaml"
MINIMAL = """\
    salesforce: {domain: acme.my}
    graph: {tenant: acme.example.com}
    mailboxes: [{mailbox: Anna@example.com, salesforce_user: anna@acme.example.com}]
"""
ANNA = {"mailbox": "anna@example.com", "salesforce_user": "anna@acme.example.com"}


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def load(path: Path, text: str) -> Settings:
    path.write_text(dedent(text), encoding="utf-8")
    return load_settings(path)


def problems(path: Path, text: str) -> list[SettingsProblem]:
    """What loading `text` complains about. A test that expects an error fails here if there is none."""
    with pytest.raises(SettingsError) as caught:
        load(path, text)
    return list(caught.value.problems)


def sandbox(*mailboxes: dict[str, Any], **settings: Any) -> Settings:
    listed = mailboxes or (ANNA,)
    return Settings.sandbox("http://127.0.0.1:8101", "http://127.0.0.1:8102", Path("data"), listed, **settings)


def keys_of(model: type[BaseModel]) -> set[str]:
    """Every dotted key that the schema has, those of a single mailbox aside."""
    keys: set[str] = set()
    for name, field in model.model_fields.items():
        keys.add(name)
        below = field.annotation
        if isinstance(below, type) and issubclass(below, BaseModel) and name != "mailboxes":
            keys |= {f"{name}.{key}" for key in keys_of(below)}
    return keys


def keys_in(value: Any) -> set[str]:
    if not isinstance(value, dict):
        return set()
    return set(value) | {f"{name}.{key}" for name, below in value.items() for key in keys_in(below)}


class TestDefaults:
    def test_three_lines_are_enough_and_the_rest_has_the_defaults_of_the_product(self, settings_file: Path) -> None:
        settings = load(settings_file, MINIMAL)
        mailbox = settings.mailbox_settings("anna@example.com")
        assert (settings.schedule, settings.time_budget_minutes, settings.shards) == ("*/30 * * * *", 20, 1)
        assert (settings.salesforce.auth, settings.salesforce.credentials) == ("jwt", "org")
        assert (mailbox.enabled, mailbox.down_sync, mailbox.view, mailbox.on_disable) == (True, True, "mine", "keep")
        assert (mailbox.account.mode, mailbox.account.retry_empty, mailbox.account.suggestions) == ("resolve", False, 3)
        assert (mailbox.match, mailbox.conflicts.default) == (("email_and_name",), "salesforce")
        assert (mailbox.outlook_deletion, mailbox.moved_out, mailbox.left_view) == ("restore", "unlink", "remove")
        deletes = mailbox.max_deletes
        assert (deletes.count, deletes.percent, deletes.cap, deletes.org) == (10, 20, 200, 500)
        assert (mailbox.first_run.plan_above, mailbox.problem_category) == (1000, False)

    def test_the_example_holds_every_key(self) -> None:
        written = keys_in(yaml.safe_load(EXAMPLE.read_text(encoding="utf-8")))
        assert keys_of(Settings) - written == set()

    def test_the_example_holds_the_defaults(self) -> None:
        example = load_settings(EXAMPLE)
        assert example.defaults == MailboxDefaults()
        assert example.alerts == Settings.model_fields["alerts"].default

    def test_a_section_with_nothing_below_it_is_as_good_as_none(self, settings_file: Path) -> None:
        assert load(settings_file, dedent(MINIMAL) + "defaults:\nalerts:\n").defaults == MailboxDefaults()

    def test_the_data_directory_is_relative_to_the_settings_file(self, settings_file: Path) -> None:
        assert load(settings_file, MINIMAL).data_dir == settings_file.parent / "data"
        assert load(settings_file, dedent(MINIMAL) + "data_dir: /srv/sync\n").data_dir == Path("/srv/sync")

    def test_the_settings_cannot_be_changed(self, settings_file: Path) -> None:
        settings = load(settings_file, MINIMAL)
        with pytest.raises(ValueError, match="frozen"):
            settings.shards = 2  # type: ignore[misc]


class TestMailboxes:
    def test_every_default_can_be_overridden_in_a_mailbox(self) -> None:
        assert set(MailboxDefaults.model_fields) < set(MailboxSettings.model_fields)

    def test_a_mailbox_overrides_a_part_and_keeps_the_rest_of_the_defaults(self) -> None:
        boris = {"mailbox": "boris@example.com", "salesforce_user": "boris", "account": {"mode": "none"}}
        settings = sandbox(ANNA, boris, defaults={"account": {"suggestions": 5}, "left_view": "keep"})
        mailbox = settings.mailbox_settings("boris@example.com")
        assert (mailbox.account.mode, mailbox.account.suggestions, mailbox.left_view) == ("none", 5, "keep")
        assert settings.mailbox_settings("anna@example.com").account.mode == "resolve"

    def test_addresses_are_compared_without_case(self, settings_file: Path) -> None:
        assert load(settings_file, MINIMAL).mailbox_settings("ANNA@EXAMPLE.COM").mailbox == "anna@example.com"

    def test_an_unlisted_mailbox_is_an_error(self) -> None:
        with pytest.raises(KeyError, match=r"carla@example\.com is not among the mailboxes"):
            sandbox().mailbox_settings("carla@example.com")

    def test_mailboxes_can_be_discovered_and_some_of_them_differ(self, settings_file: Path) -> None:
        settings = load(
            settings_file,
            """\
            salesforce: {domain: acme.my}
            graph: {tenant: acme.example.com}
            defaults: {left_view: keep}
            mailboxes:
              discover: {where: "IsActive = true"}
              listed: [{mailbox: anna@example.com, enabled: false}]
            """,
        )
        assert settings.mailboxes.discover is not None
        assert settings.mailboxes.discover.mailbox_field == "Email"
        anna = settings.mailbox_settings("anna@example.com", "anna@acme.example.com")
        carla = settings.mailbox_settings("carla@example.com", "carla@acme.example.com")
        assert (anna.enabled, anna.left_view, anna.salesforce_user) == (False, "keep", "anna@acme.example.com")
        assert (carla.enabled, carla.left_view, carla.salesforce_user) == (True, "keep", "carla@acme.example.com")

    def test_a_mailbox_listed_twice_is_an_error(self, settings_file: Path) -> None:
        [problem] = problems(
            settings_file,
            """\
            salesforce: {domain: acme.my}
            graph: {tenant: acme.example.com}
            mailboxes:
              - {mailbox: anna@example.com, salesforce_user: a}
              - {mailbox: Anna@Example.com, salesforce_user: b}
            """,
        )
        assert (problem.line, problem.key) == (5, "mailboxes[1].mailbox")
        assert "is listed already" in problem.message

    @pytest.mark.parametrize(
        ("mailboxes", "key", "message"),
        [
            ("[]", "mailboxes", "names no mailbox"),
            ("{}", "mailboxes", "names no mailbox"),
            ("[{mailbox: a@example.com}]", "mailboxes[0].salesforce_user", "is missing"),
            ("[{salesforce_user: a}]", "mailboxes[0].mailbox", "is missing"),
            ("[anna]", "mailboxes[0]", "found `anna`; allowed: a mapping"),
            ("[{mailbox: anna, salesforce_user: a}]", "mailboxes[0].mailbox", "a mailbox's e-mail address"),
            ("{discover: {mailbox_field: Email}}", "mailboxes.discover.where", "is missing"),
            ("{discover: {where: ' '}}", "mailboxes.discover.where", "is empty"),
            ("{disover: {where: x}}", "mailboxes.disover", "did you mean `discover`?"),
        ],
    )
    def test_what_cannot_name_mailboxes_is_an_error(
        self, settings_file: Path, mailboxes: str, key: str, message: str
    ) -> None:
        text = f"salesforce: {{domain: acme.my}}\ngraph: {{tenant: t.example.com}}\nmailboxes: {mailboxes}\n"
        found = problems(settings_file, text)
        assert [(problem.line, problem.key) for problem in found] == [(3, key)]
        assert message in found[0].message


class TestErrors:
    def test_every_problem_is_reported_at_once_with_its_line(self, settings_file: Path) -> None:
        text = """\
            salesforce: {domain: acme.my, auth: jwtt}
            graph:
              tenant: acme.example.com
              cloud: mars
            shards: 0
            defaults:
              down_sink: true
              conflicts: {default: newest}
            mailboxes:
              - mailbox: anna@example.com
                salesforce_user: anna
                left_view: stay
            """
        found = problems(settings_file, text)
        assert [(problem.line, problem.key) for problem in found] == [
            (1, "salesforce.auth"),
            (4, "graph.cloud"),
            (5, "shards"),
            (7, "defaults.down_sink"),
            (8, "defaults.conflicts.default"),
            (12, "mailboxes[0].left_view"),
        ]

    def test_the_text_names_file_line_key_the_value_found_and_the_allowed_ones(self, settings_file: Path) -> None:
        with pytest.raises(SettingsError) as caught:
            load(settings_file, dedent(MINIMAL) + "defaults: {left_view: stay}\n")
        assert str(caught.value) == f"{settings_file}:4: defaults.left_view: found `stay`; allowed: remove | keep"

    @pytest.mark.parametrize(
        ("line", "key", "message"),
        [
            ("shards: many", "shards", "found `many`; allowed: a whole number"),
            ("time_budget_minutes: 0", "time_budget_minutes", "found `0`; allowed: at least 1"),
            ("defaults: 5", "defaults", "found `5`; allowed: a mapping"),
            ("defaults: {enabled: maybe}", "defaults.enabled", "found `maybe`; allowed: true | false"),
            ("defaults: {enabled: {a: b}}", "defaults.enabled", "found a mapping; allowed: true | false"),
            ("defaults: {view: 12}", "defaults.view", "allowed: mine | all | a list view's Id"),
            ("defaults: {view: ''}", "defaults.view", "is empty"),
            ("defaults: {match: []}", "defaults.match", "is empty; name at least one"),
            ("defaults: {match: email}", "defaults.match", "found `email`; allowed: a list"),
            ("defaults: {match: [mail]}", "defaults.match[0]", "allowed: email_and_name | email | name_and_company"),
            ("defaults: {max_deletes: {percent: 120}}", "defaults.max_deletes.percent", "allowed: at most 100"),
            ("defaults: {account: {mode: fixed}}", "defaults.account.fixed_id", "is missing"),
            ("defaults: {account: {fixed_id: 003x}}", "defaults.account.fixed_id", "begin with 001"),
            ("defaults: {create: {required: [Last Name]}}", "defaults.create.required[0]", "field's API name"),
            ("defaults: {create: {fixed: {A: [1]}}}", "defaults.create.fixed.A", "found a list; allowed: text"),
            ("defaults: {create: {fixed: {A: 1}, defaults: {A: 2}}}", "defaults.create.fixed.A", "create.defaults too"),
            ("defaults: {conflicts: {fields: {jobtitle: hold}}}", "defaults.conflicts.fields.jobtitle", "`job_title`?"),
            ("shedule: x", "shedule", "is no key here, did you mean `schedule`?"),
            ("alerts: {mail: true}", "alerts.mail", "allowed: log | webhook | email"),
            ("alerts: {email: {to: [a@b.example.com], sender: nobody, host: h}}", "alerts.email.sender", "address"),
        ],
    )
    def test_a_wrong_value_is_named_with_what_may_stand_there(
        self, settings_file: Path, line: str, key: str, message: str
    ) -> None:
        [problem] = problems(settings_file, dedent(MINIMAL) + line + "\n")
        assert (problem.line, problem.key) == (4, key)
        assert message in problem.message

    def test_a_wrong_default_is_reported_once_and_not_for_every_mailbox(self, settings_file: Path) -> None:
        text = dedent(MINIMAL) + "defaults: {left_view: stay, account: {mode: fixed}}\n"
        assert [problem.key for problem in problems(settings_file, text)] == [
            "defaults.account.fixed_id",
            "defaults.left_view",
        ]

    def test_a_missing_file_is_an_error_that_says_what_to_do(self, settings_file: Path) -> None:
        with pytest.raises(SettingsError, match=r"settings\.yaml: cannot be read: .*settings\.example\.yaml"):
            load_settings(settings_file)

    @pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "text\n"])
    def test_a_file_that_is_no_mapping_is_an_error(self, settings_file: Path, text: str) -> None:
        [problem] = problems(settings_file, text)
        assert "must be a mapping" in problem.message

    @pytest.mark.parametrize(
        ("section", "key"),
        [("graph: {tenant: t.example.com}", "salesforce"), ("salesforce: {domain: acme.my}", "graph")],
    )
    def test_a_missing_section_is_an_error(self, settings_file: Path, section: str, key: str) -> None:
        found = problems(settings_file, section + "\nmailboxes: [{mailbox: a@example.com, salesforce_user: a}]\n")
        assert [(problem.key, problem.message) for problem in found] == [(key, "is missing")]


class TestYaml:
    def test_a_key_that_stands_twice_is_an_error_with_both_lines(self, settings_file: Path) -> None:
        [problem] = problems(settings_file, dedent(MINIMAL) + "shards: 1\nshards: 2\n")
        assert (problem.line, problem.key) == (5, "shards")
        assert "first in line 4" in problem.message

    @pytest.mark.parametrize(
        ("line", "message"),
        [("\tshards: 1", "tab"), ("a: [1", "is not YAML"), ("a: 'x", "is not YAML"), ("a: !!python/name:os x", "YAML")],
    )
    def test_broken_yaml_is_an_error_with_its_line(self, settings_file: Path, line: str, message: str) -> None:
        [problem] = problems(settings_file, dedent(MINIMAL) + line + "\n")
        assert problem.line in (4, 5)
        assert message in problem.message

    def test_a_file_in_another_encoding_is_an_error_with_its_line(self, settings_file: Path) -> None:
        settings_file.write_bytes(b"# one\ndata_dir: m\xfcller\n")
        with pytest.raises(SettingsError, match=":2: is not UTF-8"):
            load_settings(settings_file)

    def test_a_syntax_error_does_not_quote_the_file(self, settings_file: Path) -> None:
        [problem] = problems(settings_file, 'salesforce: {client_secret: "hunter2}\n')
        assert "hunter2" not in problem.message

    def test_a_mapping_that_contains_itself_is_an_error(self, settings_file: Path) -> None:
        found = problems(settings_file, dedent(MINIMAL) + "defaults: &a {account: *a}\n")
        assert "refers to itself" in found[0].message

    def test_off_and_dates_and_leading_zeros_are_text(self, settings_file: Path) -> None:
        text = (
            "defaults: {mapping: {fax: {direction: off}}, create: {fixed: {A: 2026-01-31, B: 0123, C: yes, D: true}}}\n"
        )
        defaults = load(settings_file, dedent(MINIMAL) + text).defaults
        assert defaults.mapping["fax"].direction is Direction.OFF
        assert defaults.create.fixed == {"A": "2026-01-31", "B": "0123", "C": "yes", "D": True}

    def test_anchors_and_merge_keys_work(self, settings_file: Path) -> None:
        settings = load(
            settings_file,
            """\
            salesforce: {domain: acme.my}
            graph: {tenant: acme.example.com}
            mailboxes:
              - &careful {mailbox: anna@example.com, salesforce_user: anna, left_view: keep}
              - {<<: *careful, mailbox: boris@example.com}
            """,
        )
        assert settings.mailbox_settings("boris@example.com").left_view == "keep"

    def test_a_bracket_open_at_the_end_of_the_file_is_told(self) -> None:
        assert [problem.message for problem in read_yaml(b"{").problems] == [
            "is not YAML: did not find expected node content"
        ]

    @given(st.binary(max_size=60))
    def test_no_bytes_whatever_make_the_reader_raise(self, data: bytes) -> None:
        document = read_yaml(data)
        assert document.problems or document.lines or document.value is None


class TestServices:
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:8101", "http://localhost:8101/", "http://[::1]:8101", "http://localhost"]
    )
    def test_a_sandbox_on_loopback_can_be_reached(self, settings_file: Path, url: str) -> None:
        settings = load(settings_file, MINIMAL.replace("domain: acme.my", f'url: "{url}"'))
        assert settings.salesforce.url == url.rstrip("/")
        assert settings.salesforce.auth == "client_credentials"

    @pytest.mark.parametrize(
        "url",
        [
            "https://127.0.0.1:8101",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://acme.example.com",
            "http://127.0.0.1@example.com",
            "http://user:hunter2@127.0.0.1",
            "http://127.0.0.1/path",
            "http://127.0.0.1:99999",
            "ftp://localhost",
            "localhost:8101",
            "http://[::1",
            "",
        ],
    )
    @pytest.mark.parametrize("side", ["domain: acme.my", "tenant: acme.example.com"])
    def test_no_other_address_can_be_reached(self, settings_file: Path, url: str, side: str) -> None:
        [problem] = problems(settings_file, MINIMAL.replace(side, f'{side}, url: "{url}"'))
        assert problem.key.endswith(".url")
        assert "http://127.0.0.1:PORT" in problem.message
        assert "hunter2" not in problem.message

    @pytest.mark.parametrize(
        ("salesforce", "key"),
        [
            ("{}", "salesforce.domain"),
            ("{domain: acme.my.salesforce.com}", "salesforce.domain"),
            ("{domain: 'https://acme.my'}", "salesforce.domain"),
            ("{domain: login, auth: client_credentials}", "salesforce.auth"),
            ("{domain: acme.my, auth: password, credentials: per_user}", "salesforce.credentials"),
            ("{domain: acme.my, external_id_field: a b}", "salesforce.external_id_field"),
        ],
    )
    def test_a_login_that_cannot_work_is_an_error(self, settings_file: Path, salesforce: str, key: str) -> None:
        [problem] = problems(settings_file, MINIMAL.replace("{domain: acme.my}", salesforce))
        assert (problem.line, problem.key) == (1, key)

    def test_password_login_works_with_a_warning(self) -> None:
        assert "prefer jwt" in sandbox(salesforce={"auth": "password"}).warnings[0]
        assert sandbox().warnings == ()

    def test_delegated_login_reaches_one_mailbox_only(self) -> None:
        boris = {"mailbox": "boris@example.com", "salesforce_user": "boris"}
        assert sandbox(graph={"auth": "delegated"}).graph.auth == "delegated"
        with pytest.raises(SettingsError, match="one's own mailbox only"):
            sandbox(ANNA, boris, graph={"auth": "delegated"})

    def test_view_all_with_one_salesforce_user_needs_share_all(self, settings_file: Path) -> None:
        [problem] = problems(settings_file, dedent(MINIMAL) + "defaults: {view: all}\n")
        assert (problem.line, problem.key) == (4, "defaults.view")
        assert "salesforce.share_all: true" in problem.message
        assert sandbox(defaults={"view": "all"}, salesforce={"share_all": True}).defaults.view == "all"
        per_user = {"credentials": "per_user", "auth": "jwt"}
        assert sandbox(defaults={"view": "all"}, salesforce=per_user).defaults.view == "all"

    @pytest.mark.parametrize("schedule", ["*/30 * * * *", "0,30 6-20 * * 1-5", "5 4 1 1 7", "10-50/20 * * * *"])
    def test_cron_expressions_are_schedules(self, schedule: str) -> None:
        assert sandbox(schedule=schedule).schedule == schedule

    @pytest.mark.parametrize(
        "schedule", ["@hourly", "* * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *"]
    )
    def test_anything_else_is_no_schedule(self, schedule: str) -> None:
        with pytest.raises(SettingsError, match="schedule: found"):
            sandbox(schedule=schedule)


class TestMapping:
    def test_the_default_mapping_is_the_field_table_without_what_is_off(self) -> None:
        assert sandbox().fields == tuple(field for field in FIELDS if field.direction is not Direction.OFF)

    def test_a_part_of_a_row_is_overridden_and_the_rest_stays(self) -> None:
        settings = sandbox(
            defaults={"mapping": {"record_link": {"direction": "from_salesforce"}, "fax": {"direction": "off"}}}
        )
        fields = {field.name: field for field in settings.fields}
        assert "fax" not in fields
        assert (fields["record_link"].salesforce, fields["record_link"].outlook) == ("Id", "businessHomePage")

    def test_a_field_of_ones_own_is_added(self) -> None:
        region = {"salesforce": "Region__c", "outlook": "String 0x3A45", "max_length": 40}
        field = sandbox(defaults={"mapping": {"region": region}}).fields[-1]
        assert (field.name, field.salesforce, field.outlook, field.length) == (
            "region",
            "Region__c",
            "String 0x3A45",
            40,
        )

    def test_a_mailbox_can_use_a_field_that_others_do_not(self) -> None:
        boris = {"mailbox": "boris@example.com", "salesforce_user": "boris"}
        settings = sandbox(ANNA, boris | {"mapping": {"record_link": {"direction": "from_salesforce"}}})
        assert "record_link" in {field.name for field in settings.fields}
        assert "record_link" not in {field.name for field in settings.mailbox_settings("anna@example.com").fields}

    @pytest.mark.parametrize(
        ("mapping", "key", "message"),
        [
            ({"region": {"salesforce": "Region__c"}}, "mapping.region", "needs both"),
            ({"Region": {}}, "mapping.Region", "cannot name a field"),
            ({"fax": {"direction": "up"}}, "mapping.fax.direction", "both | from_salesforce | from_outlook | off"),
            ({"fax": {"kind": "number"}}, "mapping.fax.kind", "text | multiline | email | phone | date"),
            ({"fax": {"max_length": 0}}, "mapping.fax.max_length", "at least 1"),
            ({"fax": {"outlook": "jobTitel"}}, "mapping.fax.outlook", "did you mean `jobTitle`?"),
            ({"fax": {"outlook": "String {x' or 1} Name y"}}, "mapping.fax.outlook", "extended property"),
            ({"fax": {"outlook": "jobTitle"}}, "mapping.fax", "the field `job_title` writes already"),
            ({"fax": {"salesforce": "Phone"}}, "mapping.fax", "the field `phone` writes already"),
            ({"fax": {"salesforce": "Name; DROP"}}, "mapping.fax.salesforce", "a field of Contact"),
            ({"manager": {"direction": "both"}}, "mapping.manager.direction", "can only be read"),
            ({"record_link": {"direction": "both"}}, "mapping.record_link.direction", "can only be read"),
            ({"company": {"salesforce": "Account.Industry"}}, "mapping.company.salesforce", "allowed: Account.Name"),
        ],
    )
    def test_a_mapping_that_cannot_be_applied_is_an_error(
        self, mapping: dict[str, dict[str, Any]], key: str, message: str
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            sandbox(defaults={"mapping": mapping})
        assert f"defaults.{key}" in {problem.key for problem in caught.value.problems}
        assert any(message in problem.message for problem in caught.value.problems)

    def test_one_field_cannot_mean_two_things_in_two_mailboxes(self) -> None:
        anna = ANNA | {"mapping": {"region": {"salesforce": "Region__c", "outlook": "nickName"}}}
        boris = {"mailbox": "boris@example.com", "salesforce_user": "boris"}
        region = {"salesforce": "Area__c", "outlook": "nickName"}
        with pytest.raises(SettingsError, match=r"mailboxes\[1\]\.mapping\.region: only the direction"):
            sandbox(anna, boris | {"mapping": {"region": region}})
