"""What a person sees: a contact dragged into the folder on the address book's page, after a run on Salesforce's page.

`SANDBOX_PICTURES=DIR .venv/bin/python -m pytest -m browser sync_pipeline_tests/e2e/test_seen_on_the_pages.py` keeps the
pictures, wide and on a phone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests.harness import ANNA, FOLDER, World
from sync_pipeline_tests.sandbox.chromium import Page, chromium

pytestmark = pytest.mark.browser
WIDTHS = {"wide": (1280, 800), "phone": (390, 844)}
DIRECTORY = "SANDBOX_PICTURES"
Taken = Callable[[str, str], None]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def picture(page: Page, tmp_path: Path) -> Taken:
    """Opens an address at both widths and takes a picture of each; neither may be wider than its screen."""
    directory = Path(os.environ.get(DIRECTORY, tmp_path))
    directory.mkdir(parents=True, exist_ok=True)

    def take(url: str, name: str) -> None:
        for kind, (width, height) in WIDTHS.items():
            page.go(url, width=width, height=height)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, url
            page.screenshot(directory / f"{name}-{kind}.png")

    return take


def test_a_contact_that_is_dragged_into_the_folder_is_seen_in_salesforce(
    world: World, page: Page, picture: Taken
) -> None:
    world.use(ANNA)
    world.salesforce.create("Account", Name="Berg & Söhne GmbH")
    world.salesforce.create(LastName="Adler", FirstName="Ida", Email="ida@example.com", Title="Buyer",
                            OwnerId=world.user_id(ANNA))  # fmt: skip
    world.run()
    anna = world.outlook(ANNA)
    made = anna.create(
        givenName="Dora", surname="Drag", companyName="Berg & Söhne GmbH", jobTitle="Head of Sales",
        emailAddresses=[{"address": "dora.drag@example.com"}], businessPhones=["+49 30 5550100"],
    )  # fmt: skip
    anna.create(givenName="Peter", surname="Personal", mobilePhone="+49 171 5550100")
    book = f"{world.server.graph_url}/pages/{ANNA}"
    picture(book, "1-address-book")
    page.go(book)
    page.drag(f'li[data-contact*="{made.rstrip("=")}"] .face', f'a[data-folder="{anna.folder()}"]')
    page.wait("Page.loadEventFired")
    assert made in [each["id"] for each in anna.contacts(anna.folder())]
    picture(f"{book}?folder={anna.folder()}", "2-in-the-folder")
    world.run()
    org = f"{world.server.salesforce_url}/"
    picture(org, "3-salesforce")
    assert "Drag" in page.evaluate("document.body.innerText")
    contact = world.salesforce.contact(Email="dora.drag@example.com")
    assert contact["Title"] == "Head of Sales"
    picture(f"{org}pages/contacts/{contact['Id']}", "4-contact-in-salesforce")
    picture(f"{book}?folder={anna.folder()}", "5-categorised-in-the-folder")
    picture(f"{book}/contacts/{made}", "6-contact-in-outlook")
    picture(f"{org}pages/accounts", "7-accounts")
    picture(f"{org}pages/bin", "8-recycle-bin")
    assert anna.folders()[FOLDER]
