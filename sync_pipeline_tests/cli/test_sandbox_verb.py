"""sandbox: the stand-ins in the foreground, found by `run` without settings, kept over restarts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync_pipeline.settings import location
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline_tests.cli.conftest import Call


@contextmanager
def sandbox(directory: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """A sandbox as a process of its own on free ports, below `directory`; what it says when it has started."""
    command = [
        sys.executable,
        "-m",
        "sync_pipeline",
        "sandbox",
        "--json",
        "--salesforce-port",
        "0",
        "--graph-port",
        "0",
    ]
    environment = {name: value for name, value in os.environ.items() if name != VARIABLE}
    with (
        (directory / "stderr.txt").open("w+") as stderr,
        subprocess.Popen(
            [*command, *arguments], cwd=directory, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        ) as process,
    ):
        try:
            yield _document(process)
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0


def _document(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if line.rstrip() == "}":
            found: dict[str, Any] = json.loads(text)
            return found
    raise AssertionError(f"the sandbox ended with {process.wait()} before it had started: {text}")


def accounts(started: dict[str, Any]) -> int:
    headers = {"Authorization": "Bearer user:admin@acme.example.com"}
    url = f"{started['salesforce_url']}/services/data/v60.0/query"
    answer = httpx.get(url, params={"q": "SELECT COUNT() FROM Account"}, headers=headers)
    return int(answer.json()["totalSize"])


def test_it_starts_with_people_in_it_and_says_where(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--mailboxes", "2", "--contacts", "20", "--accounts", "30", "--seed", "5") as started:
        assert len(started["mailboxes"]) == 2
        assert httpx.get(f"{started['graph_url']}/_sandbox/mailboxes").json() == started["mailboxes"]
        assert accounts(started) == 30
        assert httpx.get(started["graph_url"]).status_code == 200
    assert (tmp_path / "data" / "sandbox" / "sandbox.sqlite").exists()


def test_on_ports_of_its_own_it_writes_the_settings_with_which_a_run_finds_it(tmp_path: Path, call: Call) -> None:
    with sandbox(tmp_path, "--mailboxes", "2", "--contacts", "6", "--accounts", "5") as started:
        answer = call("run", "--settings", started["settings"], "--json")
        assert answer.code in (0, 1), answer.err
        assert answer.document["pushed"] > 0
        assert [row["status"] for row in answer.document["mailboxes"]] == ["ok", "ok"]


def test_its_data_survives_a_restart_and_gives_way_where_other_data_is_asked_for(tmp_path: Path) -> None:
    few = ("--mailboxes", "2", "--contacts", "20", "--accounts", "30")
    with sandbox(tmp_path, *few):
        pass
    with sandbox(tmp_path) as again:
        assert accounts(again) == 30
    with sandbox(tmp_path, "--mailboxes", "2", "--contacts", "20", "--accounts", "40") as other:
        assert accounts(other) == 40
    assert "made anew" in (tmp_path / "stderr.txt").read_text(encoding="utf-8")


def test_a_named_state_is_never_cleared(tmp_path: Path) -> None:
    few = ("--state", "mine", "--mailboxes", "1", "--contacts", "5")
    with sandbox(tmp_path, *few, "--accounts", "10"):
        pass
    with sandbox(tmp_path, *few, "--accounts", "20") as again:
        assert accounts(again) == 10
    assert "stays as it is" in (tmp_path / "stderr.txt").read_text(encoding="utf-8")


def test_empty_means_nothing_in_it(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--empty") as started:
        assert started["mailboxes"] == []
        assert accounts(started) == 0


def test_a_port_in_use_is_named_with_the_option_that_changes_it(call: Call) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = call("sandbox", "--empty", "--salesforce-port", "0", "--graph-port", str(port))
    assert answer.code == 2
    assert str(port) in answer.err
    assert "--graph-port" in answer.err


def test_run_without_settings_finds_it(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandbox(tmp_path, "--mailboxes", "1", "--contacts", "5", "--accounts", "10") as started:
        monkeypatch.setattr(location, "SANDBOX_SALESFORCE_URL", started["salesforce_url"])
        monkeypatch.setattr(location, "SANDBOX_GRAPH_URL", started["graph_url"])
        monkeypatch.setattr(location.sandbox_mailboxes, "__defaults__", (started["salesforce_url"],))
        answer = call("run", "--json")
        assert answer.code in (0, 1), answer.err
        assert answer.document["pushed"] > 0
    assert (tmp_path / "data" / "sandbox" / "warehouse.duckdb").exists()


def test_a_sandbox_without_mailboxes_is_told_as_one(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "sandbox_mailboxes", list)
    answer = call("run")
    assert answer.code == 2
    assert "no mailbox" in answer.err
