"""Bad input to the command line itself, pipes, and what --help costs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sync_pipeline.settings import location
from sync_pipeline_tests.cli.conftest import Call

VERBS = (
    "demo", "sandbox", "run", "plan", "approve", "drop", "resolve", "link", "unlink", "explain", "history", "undo",
    "problems", "verify", "doctor", "remove", "forget", "report",
)  # fmt: skip


def started(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line as a process of its own, its output in pipes."""
    command = [sys.executable, "-m", "sync_pipeline", *arguments]
    kept = {name: value for name, value in os.environ.items() if name != location.VARIABLE}
    return subprocess.run(command, capture_output=True, text=True, env=kept | environment, check=False, timeout=100)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_helps(call: Call, verb: str) -> None:
    answer = call(verb, "--help")
    assert answer.code == 0
    assert "--settings PATH" in answer.out
    assert "--json" in answer.out


def test_help_lists_every_verb(call: Call) -> None:
    assert [line.split()[0] for line in call("--help").out.partition("Commands:")[2].splitlines() if line] == list(
        VERBS
    )


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'dagster', 'duckdb', 'pandas', 'O365', 'simple_salesforce', 'rich'}"
    code = (
        "import sys; from sync_pipeline.cli import execute; execute(['--help']);"
        f"print({heavy} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr.strip() == "set()"


@pytest.mark.parametrize(
    "arguments", [["frobnicate"], ["run", "--frobnicate"], ["explain"], ["sandbox", "--graph-port", "99999"]]
)
def test_wrong_usage_says_how_to_use_it(call: Call, arguments: list[str]) -> None:
    answer = call(*arguments)
    assert answer.code == 2
    assert "Usage: sync-pipeline" in answer.err
    assert answer.out == ""


def test_wrong_usage_is_one_json_document_too(call: Call) -> None:
    answer = call("run", "--frobnicate", "--json")
    assert answer.code == 2
    assert "--frobnicate" in answer.document["error"]["message"]


def test_without_settings_and_sandbox_the_three_ways_are_told(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(location, "sandbox_mailboxes", lambda: None)
    answer = call("run")
    assert answer.code == 2
    for way in ("--settings", "settings.yaml", "sync-pipeline sandbox"):
        assert way in answer.err


def test_a_file_that_is_not_there_is_named(call: Call) -> None:
    answer = call("run", "--settings", "nowhere.yaml")
    assert answer.code == 2
    assert "nowhere.yaml" in answer.err


def test_broken_settings_are_told_with_their_lines(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("salesforce: {domain: acme.my, auth: magic}\ngraph: {tenant: x}\nmailboxes: []\n", encoding="utf-8")
    answer = call("run", "--settings", file)
    assert answer.code == 2
    assert "broken.yaml:1: salesforce.auth" in answer.err
    assert "broken.yaml:3: mailboxes" in answer.err


def test_missing_secrets_are_named(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(
        "salesforce: {domain: acme.my}\ngraph: {tenant: acme.example.com}\n"
        "mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]\n",
        encoding="utf-8",
    )
    answer = call("run")
    assert answer.code == 2
    assert "SYNC_PIPELINE_SALESFORCE_PRIVATE_KEY" in answer.err
    assert "SYNC_PIPELINE_GRAPH_CLIENT_SECRET" in answer.err


def test_the_settings_of_the_environment_are_used(tmp_path: Path) -> None:
    done = started("doctor", SYNC_PIPELINE_SETTINGS=str(tmp_path / "elsewhere.yaml"))
    assert done.returncode == 2
    assert "elsewhere.yaml" in done.stdout.replace("\n", ""), "the path is long, and a pipe has 80 columns"


def test_a_pipe_gets_neither_colours_nor_moving_lines(tmp_path: Path) -> None:
    done = started("doctor", "--settings", str(tmp_path / "elsewhere.yaml"))
    assert "\x1b" not in done.stdout + done.stderr


def test_no_color_leaves_plain_text_and_columns_give_the_width(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    assert "\x1b[" in call("doctor", "--settings", "elsewhere.yaml").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call("doctor", "--settings", "elsewhere.yaml").out
    monkeypatch.setenv("COLUMNS", "40")
    assert max(len(line) for line in call("doctor", "--settings", "elsewhere.yaml").out.splitlines()) <= 40


def test_a_data_directory_that_cannot_be_made_is_a_clear_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the directory should be", encoding="utf-8")
    (tmp_path / "settings.yaml").write_text(
        "salesforce: {url: http://127.0.0.1:9}\ngraph: {url: http://127.0.0.1:9}\ndata_dir: data/deeper\n"
        "mailboxes: [{mailbox: anna@example.com, salesforce_user: anna@acme.example.com}]\n",
        encoding="utf-8",
    )
    answer = call("run")
    assert answer.code == 3
    assert str(tmp_path / "data") in answer.err
    assert "Traceback" not in answer.err


def test_a_defect_is_told_as_one_with_its_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: Path | None) -> None:
        raise ZeroDivisionError("broken")

    monkeypatch.setattr(location, "find_settings", broken)
    answer = call("problems", "--json")
    assert answer.code == 3
    assert "Traceback" in answer.err
    assert "defect of sync-pipeline" in answer.err
    assert answer.document["error"]["code"] == "defect"
