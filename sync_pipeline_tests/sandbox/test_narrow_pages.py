"""The pages of both ports on a phone: with the demo data and with words that have no end, no page scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from sync_pipeline.sandbox.seed import seeder
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests import loopback
from sync_pipeline_tests.sandbox.chromium import Page, chromium

pytestmark = pytest.mark.browser
ADMIN: Final = {"Authorization": "Bearer user:admin@acme.example.com"}
WIDTHS: Final = (360, 800, 1280)
LOCAL: Final = "L" * 60
LONG_MAILBOX: Final = f"{LOCAL}@{'d' * 60}.example.com"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    """The demo data, and beside it what has the longest words."""
    with SandboxServer(seeder=seeder(mailboxes=3, contacts=20, accounts=30)) as running:
        _post(running.graph_url, "/_sandbox/reset", {})
        yield running


def _post(url: str, path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    answer = loopback.post(f"{url}{path}", json=body, headers=headers or {})
    assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
    return dict(answer.json()) if isinstance(answer.json(), dict) else {}


def _too_wide(page: Page, url: str, paths: list[str]) -> list[str]:
    found = []
    for path in paths:
        for width in WIDTHS:
            page.go(f"{url}{path}", width=width, height=800)
            wide = page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found.append(f"{path[:60]}: {wide} px at {width}")
    return found


def test_the_demo_datas_pages_are_as_wide_as_the_screen(server: SandboxServer, page: Page) -> None:
    graph = ["/", *(f"/pages/{row['mailbox']}" for row in server.state.people() if row["mailbox"])]
    assert _too_wide(page, server.graph_url, graph) == []
    salesforce = ["/", "/pages/accounts", "/pages/bin", "/pages/contacts/new", "/pages/accounts/new"]
    assert _too_wide(page, server.salesforce_url, salesforce) == []


def test_long_words_break_on_the_address_books_pages(server: SandboxServer, page: Page, tmp_path: Path) -> None:
    url, person = server.graph_url, {"Authorization": f"Bearer user:{LONG_MAILBOX}"}
    _post(url, "/_sandbox/graph/mailbox", {"mailbox": LONG_MAILBOX, "name": "N" * 80})
    folder = _post(url, "/v1.0/me/contactFolders", {"displayName": "F" * 50}, person)["id"]
    child = _post(url, f"/v1.0/me/contactFolders/{folder}/childFolders", {"displayName": "G" * 50}, person)["id"]
    contact = _post(
        url,
        f"/v1.0/me/contactFolders/{folder}/contacts",
        {
            "displayName": "D" * 100, "companyName": "C" * 100, "jobTitle": "J" * 100, "categories": ["K" * 50],
            "emailAddresses": [{"address": f"{'e' * 80}@example.com"}],
            "singleValueExtendedProperties": [
                {"id": "String {00020329-0000-0000-c000-000000000046} Name LongOne", "value": "v" * 200}
            ],
        },
        person,
    )["id"]  # fmt: skip
    base = f"/pages/{LONG_MAILBOX}"
    paths = ["/", base, f"{base}?folder={folder}", f"{base}?folder={child}", f"{base}/contacts/{contact}"]
    assert _too_wide(page, url, [*paths, f"/pages/{'x' * 200}"]) == []
    page.screenshot(tmp_path / "page.png")


def test_long_words_break_on_the_orgs_pages(server: SandboxServer, page: Page) -> None:
    url, data = server.salesforce_url, "/services/data/v60.0/sobjects"
    user = {"username": f"{'u' * 60}@acme.example.com", "name": "U" * 60}
    _post(url, "/_sandbox/salesforce/users", user)
    _post(url, "/_sandbox/salesforce/listviews", {"developer_name": "Long", "label": "V" * 40})
    account = _post(
        url,
        f"{data}/Account",
        {"Name": "A" * 100, "Website": f"https://{'w' * 100}.example.com", "BillingCity": "B" * 40, "Phone": "5" * 40},
        ADMIN,
    )["id"]
    made = [
        _post(
            url,
            f"{data}/Contact",
            {
                "LastName": "L" * 80, "Title": "T" * 128, "AccountId": account, "Phone": "7" * 40,
                "Email": f"{'e' * 60}@example.com", "LeadSource": "S" * 40, "Department": "D" * 80,
            },
            ADMIN,
        )["id"]
        for _ in range(2)
    ]  # fmt: skip
    with loopback.client(url, headers=ADMIN) as client:
        client.delete(f"{data}/Contact/{made[1]}").raise_for_status()
    paths = ["/", "/pages/accounts", "/pages/bin", f"/pages/contacts/{made[0]}", f"/pages/accounts/{account}"]
    assert _too_wide(page, url, [*paths, f"/?q={'q' * 200}"]) == []
    page.evaluate(
        f"fetch('/pages/act_as', {{method: 'POST', body: new URLSearchParams({{user: '{user['username']}'}})}})"
    )
    assert _too_wide(page, url, paths) == []
