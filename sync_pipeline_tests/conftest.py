"""Fixtures that every test level shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests import harness

# The suite gives one verdict for one commit; `pytest --hypothesis-profile=default` searches at random.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture(scope="session")
def people_server() -> Iterator[SandboxServer]:
    """One sandbox for every world of the session."""
    with harness.sandbox() as server:
        yield server


@pytest.fixture
def world(people_server: SandboxServer, tmp_path: Path) -> Iterator[harness.World]:
    """The sandbox reset to Anna, Ben and Cleo, and an installation of the synchroniser that knows Anna's mailbox."""
    with harness.world(people_server, tmp_path) as fresh:
        yield fresh
