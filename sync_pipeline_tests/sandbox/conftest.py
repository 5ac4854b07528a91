"""Fixtures of the stand-ins' wire tests: one server a module, reset for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.graph_client import GraphClient, fresh_graph


@pytest.fixture(scope="module")
def sandbox_server() -> Iterator[SandboxServer]:
    """Both stand-ins, in memory."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def graph(sandbox_server: SandboxServer) -> Iterator[GraphClient]:
    """The application's client for Anna's empty mailbox."""
    with fresh_graph(sandbox_server) as client:
        yield client
