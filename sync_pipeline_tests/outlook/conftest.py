"""Anna's mailbox in the sandbox, as our client and as she herself sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.outlook.client import Graph, Mailbox
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.settings import GraphSettings, Secrets
from sync_pipeline.transport import Policy, RequestCounter, ServerClock
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient, fresh_graph


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer() as running:
        yield running


@pytest.fixture
def anna(server: SandboxServer) -> Iterator[GraphClient]:
    """Anna at her own, empty mailbox."""
    with fresh_graph(server):
        client = GraphClient(server.graph_url, f"user:{ANNA}")
        with client.http:
            yield client


@pytest.fixture
def counter() -> RequestCounter:
    return RequestCounter()


@pytest.fixture
def graph(server: SandboxServer, anna: GraphClient, counter: RequestCounter) -> Iterator[Graph]:
    """Our client; it does not sleep, and it waits for an answer for a second."""
    policy = Policy(sleep=lambda seconds: None, read_timeout=1.0)
    with Graph(GraphSettings(url=server.graph_url), Secrets.sandbox(), policy, counter, ServerClock()) as client:
        yield client


@pytest.fixture
def mailbox(graph: Graph) -> Mailbox:
    return graph.mailbox(ANNA)
