"""A sandbox org, a person's client for it, and the product's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sync_pipeline.salesforce.client import Org
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.settings import SalesforceSettings, Secrets
from sync_pipeline.transport import Policy, RequestCounter, ServerClock
from sync_pipeline_tests.salesforce.kit import Connect
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer() as running:
        yield running


@pytest.fixture
def person(server: SandboxServer) -> Iterator[OrgClient]:
    """The administrator, at work in an org that has Anna and Ben and no Contacts."""
    with fresh_org(server) as client:
        yield client


@pytest.fixture
def pauses() -> list[float]:
    """The pauses that the product's client made, in seconds; it does not really sleep."""
    return []


@pytest.fixture
def counter() -> RequestCounter:
    return RequestCounter()


@pytest.fixture
def connect(
    server: SandboxServer, person: OrgClient, counter: RequestCounter, pauses: list[float]
) -> Iterator[Connect]:
    """Makes the product's client; settings and secrets may be laid over the sandbox's."""
    with ExitStack() as stack:

        def make(secrets: Secrets | None = None, *, read_timeout: float = 20.0, **settings: Any) -> Org:
            policy = Policy(sleep=pauses.append, jitter=lambda: 1.0, read_timeout=read_timeout)
            section = SalesforceSettings(**{"url": server.salesforce_url, **settings})
            return stack.enter_context(Org(section, secrets or Secrets.sandbox(), policy, counter, ServerClock()))

        yield make


@pytest.fixture
def org(connect: Connect) -> Org:
    return connect()
