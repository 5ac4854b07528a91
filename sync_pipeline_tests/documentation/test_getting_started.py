"""The session of docs/getting-started.md, typed against a sandbox: every command, every line of its output."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sync_pipeline.sandbox.seed import seed_sandbox, seeder
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.settings import Settings, location
from sync_pipeline_tests import loopback
from sync_pipeline_tests.cli.conftest import Call, call
from sync_pipeline_tests.documentation.pages import DOCS, blocks

__all__ = ["call"]
PAGE = DOCS / "getting-started.md"
#: Stands in the page for what is different each time, or left out.
GAP = "…"
ALL = ("doctor", "plan", "run", "problems", "explain", "approve", "run")


def session() -> list[tuple[str, str]]:
    """Each command of the page's console blocks, with the output that stands below it."""
    steps: list[tuple[str, list[str]]] = []
    for block in blocks(PAGE.read_text(encoding="utf-8"), "console"):
        for line in block.splitlines():
            if line.startswith("$ sync-pipeline "):
                steps.append((line.removeprefix("$ sync-pipeline "), []))
            else:
                steps[-1][1].append(line)
    return [(command, "\n".join(output)) for command, output in steps]


def is_shown(output: str, page: str) -> bool:
    """Whether the output is as the page has it, part after part; line breaks and blanks are the terminal's."""
    left = " ".join(output.split())
    first, *parts = (" ".join(part.split()) for part in page.split(GAP))
    if not left.startswith(first) or (not parts and left != first):
        return False
    left = left[len(first) :]
    for part in parts[:-1]:
        if part not in left:
            return False
        left = left[left.index(part) + len(part) :]
    return not parts or left.endswith(parts[-1])


@pytest.mark.parametrize(
    "steps",
    [("doctor", "run", "problems", "explain"), pytest.param(ALL, marks=pytest.mark.slow)],
    ids=["short", "whole"],
)
def test_the_session_of_the_page_goes_as_it_says(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, steps: tuple[str, ...]
) -> None:
    assert [command.split()[0] for command, _ in session()] == list(ALL)
    [line] = [line for line in blocks(PAGE.read_text(encoding="utf-8")) if line.startswith("sync-pipeline sandbox")]
    options = shlex.split(line)[2:]
    numbers = {name.lstrip("-"): int(value) for name, value in zip(options[::2], options[1::2], strict=True)}
    monkeypatch.setenv("COLUMNS", "120")
    with SandboxServer(None, seeder=seeder(**{**(seed_sandbox.__kwdefaults__ or {}), **numbers})) as server:
        loopback.post(f"{server.salesforce_url}/_sandbox/reset", json={}).raise_for_status()
        # the page's sandbox is on the default ports, where another one may be
        settings = Settings.sandbox(
            server.salesforce_url,
            server.graph_url,
            tmp_path / location.SANDBOX_DATA_DIR,
            location.sandbox_mailboxes(server.salesforce_url) or [],
        )
        monkeypatch.setattr(location, "find_settings", lambda named=None: settings)
        left = list(steps)
        for command, shown in session():
            if left and command.split()[0] == left[0]:
                left.pop(0)
                answer = call(*shlex.split(command))
                assert is_shown(answer.out, shown), f"$ sync-pipeline {command}\n{answer.out}"
        assert left == []


def test_what_the_page_leaves_out_may_be_anything_and_the_rest_may_not() -> None:
    assert is_shown("Run 17:\n 3 planned.", "Run …: 3 planned.")
    assert is_shown("a\nb\nc", "a\n…\nc")
    assert not is_shown("Run 17: 4 planned.", "Run …: 3 planned.")
