"""What the sandbox acknowledged is there after it was killed, in the log too; nothing is there by half."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.graph_client import ANNA
from sync_pipeline_tests.sandbox.ledger import snapshot, unlogged

WRITERS = 4
KILLED_AFTER = 20  # creations of one of them
ADMIN = "user:admin@acme.example.com"
Acknowledged = dict[str, str]  # id of what was created -> its own name


def _write(side: str, url: str, number: int, kill: Callable[[], None] | None = None) -> Acknowledged:
    """Creates contacts until the server is gone, which `kill` sees to amid the others' calls; what it answered for."""
    done: Acknowledged = {}
    person = ANNA if side == "graph" else ADMIN.removeprefix("user:")
    headers = {"Authorization": f"Bearer user:{person}", "Prefer": 'IdType="ImmutableId"'}
    with httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False) as client:
        for turn in range(10_000):
            name = f"{side} {number} {turn}"
            path, body = {
                "graph": ("/v1.0/me/contacts", {"surname": name}),
                "salesforce": ("/services/data/v60.0/composite/sobjects", {"records": [
                    {"attributes": {"type": "Contact"}, "LastName": name},
                    {"attributes": {"type": "Account"}, "Name": name},
                ]}),
            }[side]  # fmt: skip
            try:
                answer = client.post(path, json=body)
            except httpx.TransportError:
                return done
            assert answer.is_success, answer.text
            made = answer.json()
            done |= {each["id"]: name for each in (made if isinstance(made, list) else [made])}
            if turn == KILLED_AFTER and kill is not None:
                kill()
    raise AssertionError("the server outlived its kill")


@pytest.mark.parametrize("side", ["graph", "salesforce"])
def test_nothing_that_was_acknowledged_is_lost_when_the_sandbox_is_killed(tmp_path: Path, side: str) -> None:
    command = [sys.executable, "-m", "sync_pipeline", "--json", "sandbox", "--empty", "--state", str(tmp_path)]
    command += ["--salesforce-port", "0", "--graph-port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        urls = _announced(server.stdout)
        mailbox = {"mailbox": ANNA, "name": "Anna"}
        httpx.post(f"{urls['graph_url']}/_sandbox/graph/mailbox", json=mailbox).raise_for_status()
        with ThreadPoolExecutor(WRITERS + 1) as pool:
            killing = pool.submit(_write, "graph", urls["graph_url"], 0, server.kill)
            others = [pool.submit(_write, side, urls[f"{side}_url"], number) for number in range(1, WRITERS)]
            acknowledged = {id: name for each in (killing, *others) for id, name in each.result().items()}
    finally:
        server.kill()
        server.wait(timeout=30)
        server.stdout.close()
    assert server.returncode == -signal.SIGKILL
    with SandboxServer(tmp_path) as again:
        there = snapshot(again.state)
        entries = again.state.log()
    names = {id: form.get("surname") or form.get("LastName") or form.get("Name") for (_, id), form in there.items()}
    assert {id: names.get(id) for id in acknowledged} == acknowledged
    # Whatever is there beyond it was committed as a whole: each thing with its entry, each entry with its thing.
    made = {key: form for key, form in there.items() if key[0] in ("contact", "Contact", "Account", "mailbox")}
    assert unlogged({}, made, entries, {f"user:{ANNA}", ADMIN, "user:administrator"}) == []
    assert {(entry["entity"], entry["id"]) for entry in entries} == set(made)
    pairs = [form["LastName"] for (entity, _), form in made.items() if entity == "Contact"]
    assert sorted(pairs) == sorted(form["Name"] for (entity, _), form in made.items() if entity == "Account")


def _announced(output: Any) -> dict[str, str]:
    """The document that the command prints once both ports accept."""
    text = ""
    for line in output:
        text += line
        try:
            return dict(json.loads(text))
        except ValueError:
            continue
    raise AssertionError(f"the sandbox said {text!r} and ended")
