"""Credentials come from the environment only, and are never shown."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from textwrap import dedent

import pytest

from sync_pipeline.settings import SecretMissing, Secrets, Settings, SettingsError, load_settings

SALESFORCE = "SYNC_PIPELINE_SALESFORCE_"
GRAPH = {"SYNC_PIPELINE_GRAPH_CLIENT_ID": "app", "SYNC_PIPELINE_GRAPH_CLIENT_SECRET": "g-hunter2"}
PEM = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"


def settings(salesforce: dict[str, str], graph: dict[str, str] | None = None) -> Settings:
    return Settings.model_validate(
        {
            "salesforce": {"domain": "acme.my"} | salesforce,
            "graph": {"tenant": "acme.example.com"} | (graph or {}),
            "mailboxes": [{"mailbox": "anna@example.com", "salesforce_user": "anna"}],
        }
    )


@pytest.mark.parametrize(
    ("salesforce", "needed"),
    [
        ({"auth": "jwt"}, ["CLIENT_ID", "PRIVATE_KEY", "USERNAME"]),
        ({"auth": "jwt", "credentials": "per_user"}, ["CLIENT_ID", "PRIVATE_KEY", "USERNAME"]),
        ({"auth": "client_credentials"}, ["CLIENT_ID", "CLIENT_SECRET"]),
        ({"auth": "password"}, ["CLIENT_ID", "CLIENT_SECRET", "USERNAME", "PASSWORD"]),
    ],
)
def test_every_missing_variable_is_named_at_once(salesforce: dict[str, str], needed: list[str]) -> None:
    with pytest.raises(SecretMissing) as caught:
        Secrets.from_environment(settings(salesforce), GRAPH)
    assert ": " + ", ".join(SALESFORCE + name for name in needed) + "." in caught.value.message


@pytest.mark.parametrize(
    ("auth", "needed"), [("client_credentials", ["CLIENT_ID", "CLIENT_SECRET"]), ("delegated", ["CLIENT_ID"])]
)
def test_the_variables_of_graph_are_named_too(auth: str, needed: list[str]) -> None:
    environment = {f"{SALESFORCE}CLIENT_ID": "app", f"{SALESFORCE}CLIENT_SECRET": "s"}
    with pytest.raises(SecretMissing) as caught:
        Secrets.from_environment(settings({"auth": "client_credentials"}, {"auth": auth}), environment)
    assert ": " + ", ".join("SYNC_PIPELINE_GRAPH_" + name for name in needed) + "." in caught.value.message


def test_the_private_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text(PEM, encoding="ascii")
    environment = GRAPH | {f"{SALESFORCE}CLIENT_ID": "app", f"{SALESFORCE}USERNAME": "anna"}
    from_file = Secrets.from_environment(settings({}), environment | {f"{SALESFORCE}PRIVATE_KEY_FILE": str(file)})
    one_line = environment | {f"{SALESFORCE}PRIVATE_KEY": PEM.replace("\n", "\\n")}
    assert from_file.salesforce_private_key == PEM
    assert Secrets.from_environment(settings({}), one_line) == from_file
    with pytest.raises(SecretMissing, match="set only one"):
        Secrets.from_environment(settings({}), one_line | {f"{SALESFORCE}PRIVATE_KEY_FILE": str(file)})


def test_an_unreadable_key_file_is_named_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(SecretMissing, match=r"PRIVATE_KEY_FILE names .*missing\.pem, which cannot be read"):
        Secrets.from_environment(settings({}), {f"{SALESFORCE}PRIVATE_KEY_FILE": str(tmp_path / "missing.pem")})


def test_no_value_is_shown_or_forgotten_by_the_redaction() -> None:
    secrets = Secrets(**{field.name: f"hunter2-{field.name}" for field in fields(Secrets)})
    assert "hunter2" not in repr(secrets)
    assert "hunter2" not in f"{secrets} {secrets!s}"
    hidden = {name for name in vars(secrets) if name.endswith(("_secret", "_password", "_private_key"))}
    assert set(secrets.values()) == {f"hunter2-{name}" for name in hidden}
    assert Secrets().values() == ()


def test_a_sandbox_needs_no_environment() -> None:
    listed = [{"mailbox": "anna@example.com", "salesforce_user": "anna"}]
    local = Settings.sandbox("http://127.0.0.1:8101", "http://127.0.0.1:8102", Path("data"), listed)
    assert Secrets.from_environment(local, {}) == Secrets.sandbox()
    own = Secrets.from_environment(local, GRAPH)
    assert (own.graph_client_secret, own.salesforce_client_id) == ("g-hunter2", "sandbox-consumer")


def test_a_sandbox_can_be_reached_by_jwt_too() -> None:
    secrets = Secrets.from_environment(settings({"auth": "jwt", "url": "http://127.0.0.1:8101"}), GRAPH)
    assert secrets.salesforce_private_key.startswith("-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize(
    "key", ["client_secret", "client_id", "password", "token", "private_key", "private_key_file", "API_KEY"]
)
@pytest.mark.parametrize("section", ["salesforce", "graph", "defaults"])
def test_credentials_in_the_file_are_refused_and_not_repeated(tmp_path: Path, section: str, key: str) -> None:
    sections = {"salesforce": "domain: acme.my", "graph": "tenant: acme.example.com", "defaults": "enabled: true"}
    sections[section] += f", {key}: hunter2"
    text = "".join(f"{name}: {{{values}}}\n" for name, values in sections.items())
    file = tmp_path / "settings.yaml"
    file.write_text(
        dedent(text) + "mailboxes: [{mailbox: anna@example.com, salesforce_user: anna}]\n", encoding="utf-8"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert [problem.key for problem in caught.value.problems] == [f"{section}.{key}"]
    assert "environment variable, SYNC_PIPELINE_" in caught.value.problems[0].message
    assert "hunter2" not in str(caught.value)


def test_fields_of_the_org_may_be_called_as_they_like() -> None:
    listed = [{"mailbox": "anna@example.com", "salesforce_user": "anna"}]
    fixed = {"create": {"fixed": {"Password_Hint__c": "x"}}}
    local = Settings.sandbox("http://127.0.0.1:8101", "http://127.0.0.1:8102", Path("data"), listed, defaults=fixed)
    assert local.defaults.create.fixed == {"Password_Hint__c": "x"}
