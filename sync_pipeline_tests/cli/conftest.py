"""The command line as a person calls it: arguments in, exit code, stdout and stderr out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync_pipeline.cli import execute
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline_tests.harness import PEOPLE, World


@dataclass(frozen=True)
class Answer:
    """What a call of the command line left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout, which has to be one JSON document."""
        return json.loads(self.out)


Call = Callable[..., Answer]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls `sync-pipeline` with these arguments, in an empty directory and without settings in the environment."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Answer:
        capfd.readouterr()
        code = execute([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        print(err, file=sys.stderr)  # shown where the test fails
        return Answer(code, out, err)

    return run


def settings_of(world: World, **more: Any) -> Path:
    """A settings file for the world's sandbox and mailboxes."""
    document: Mapping[str, Any] = {
        "salesforce": {"url": world.server.salesforce_url, **world.top.get("salesforce", {})},
        "graph": {"url": world.server.graph_url},
        "data_dir": "data",
        "mailboxes": [{"mailbox": a, "salesforce_user": PEOPLE[a][0], **own} for a, own in world.mailboxes.items()],
        **({"defaults": world.defaults} if world.defaults else {}),
        **more,
    }
    file = world.directory / "settings.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    return file
