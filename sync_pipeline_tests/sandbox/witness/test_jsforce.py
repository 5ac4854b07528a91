"""The Salesforce stand-in as jsforce sees it (a Node library that nobody here wrote): salesforce.md I.3, I.7, I.8."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

HERE = Path(__file__).parent
INSTALL = "npm ci --prefix sync_pipeline_tests/sandbox/witness"

pytestmark = pytest.mark.witness


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    """Node's path. Who asks for the witnesses gets an error without them, who runs everything a reason to skip."""
    found = shutil.which("node")
    if found is not None and (HERE / "node_modules" / "jsforce").is_dir():
        return found
    missing = f"jsforce is not installed; with Node 18 or newer: {INSTALL}"
    if "witness" in str(request.config.getoption("markexpr")):
        pytest.fail(missing)
    pytest.skip(missing)


def test_jsforce_finds_what_it_expects(org: OrgClient, node: str) -> None:
    org.control("switches", {"salesforce_page_size": 2})  # so that it has to follow pages
    run = subprocess.run(
        [node, str(HERE / "jsforce_witness.mjs"), org.server.salesforce_url, "user:admin@acme.example.com"],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    seen: dict[str, Any] = json.loads(run.stdout)
    assert seen == {
        "username": "admin@acme.example.com",
        "limits": 100_000,
        "versions": True,
        "lastNameLength": 80,
        "listViews": ["AllContacts", "MyContacts", "NewThisWeek", "RecentlyViewedContacts"],
        "created": [True, False, True],
        "createError": "REQUIRED_FIELD_MISSING",
        "updated": [True, True],
        "upserted": [True, False],
        "retrieved": ["Boss", "Aide"],
        "parents": [["Adler", "Acme"]],
        "queried": 4,
        "pages": ["Adler", "Berg", "Cohn", "Ida 2"],
        "count": 4,
        "badQuery": "INVALID_FIELD",
        "badField": "INVALID_FIELD",
        "missing": "NOT_FOUND",
        "composed": [201, 201],
        "changed": 5,
        "destroyed": [True, True],
        "deleted": 2,
        "allRows": 5,
        "bulkGood": ["Bulk 1", "Bulk 2"],
        "bulkBad": ["REQUIRED_FIELD_MISSING"],
        "bulkUnprocessed": 0,
        "bulkUpserted": ["false"],
        "bulkQueried": ["Bulk 1", "Bulk 2"],
        "soapLogin": "00D",
        "soapQuery": 1,
        "soapRefused": "INVALID_LOGIN",
        "refreshed": 1,
    }


def test_jsforce_tries_again_after_a_503(org: OrgClient, node: str) -> None:
    faults: Any = [{"match": {"service": "salesforce", "path": "/limits"}, "fault": "SERVER_UNAVAILABLE"}]
    org.control("faults", faults)
    run = subprocess.run(
        [node, "-e", _LIMITS, org.server.salesforce_url],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert (run.returncode, run.stdout.strip()) == (0, "100000"), run.stderr
    assert org.ok("GET", "/_sandbox/requests")["faults"] == {"SERVER_UNAVAILABLE": 1}


_LIMITS = """
const jsforce = require("jsforce");
const connection = new jsforce.Connection({
  instanceUrl: process.argv[1], accessToken: "user:admin@acme.example.com", version: "60.0" });
connection.limits().then((limits) => console.log(limits.DailyApiRequests.Max));
"""
