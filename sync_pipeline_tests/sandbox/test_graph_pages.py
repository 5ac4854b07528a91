"""The Graph port's pages in a headless browser: by mouse, by keyboard, on a phone's width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from sync_pipeline_tests.sandbox.chromium import Page, chromium
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient

pytestmark = pytest.mark.browser
PAGE = f"/pages/{ANNA}"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def test_a_contact_is_dragged_into_a_folder(graph: GraphClient, page: Page) -> None:
    folder, made = graph.folder(), graph.contact(givenName="Dora", surname="Drag")
    page.go(f"{graph.http.base_url}{PAGE}")
    page.drag("li[data-contact] .face", f'a[data-folder="{folder}"]')
    page.wait("Page.loadEventFired")
    assert page.evaluate("document.querySelectorAll('li[data-contact]').length") == 0
    [entry] = [row for row in graph.log() if row["action"] == "move"]
    assert (entry["id"], entry["actor"], entry["after"]["parentFolderId"]) == (made["id"], f"user:{ANNA}", folder)


def test_a_contact_is_moved_by_keyboard_alone(graph: GraphClient, page: Page) -> None:
    folder = graph.folder("A folder")
    graph.contact(surname="Keys")
    page.go(f"{graph.http.base_url}{PAGE}")
    for _ in range(40):
        page.press("Tab")
        if page.evaluate("document.activeElement.matches('.contacts select')"):
            break
    chosen = "document.activeElement.selectedOptions[0].textContent"
    for _ in range(3):
        if page.evaluate(chosen) != "A folder":
            page.press("ArrowDown")
    assert page.evaluate(chosen) == "A folder"
    page.press("Tab")
    page.press("Enter", "\r")
    page.wait("Page.loadEventFired")
    assert graph.log()[-1]["after"]["parentFolderId"] == folder


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen_and_every_field_has_a_name(
    graph: GraphClient, page: Page, width: int, tmp_path: Path
) -> None:
    made = graph.contact(
        givenName="Maximiliana-Konstantina",
        surname="Oberwasserburg-Hinterhuber",
        emailAddresses=[{"address": f"{'long' * 15}@subdomain.example.com"}],
        categories=["Salesforce", "A rather long category of somebody"],
    )
    for url in ("/", PAGE, f"{PAGE}/contacts/{made['id']}", "/pages/nobody@example.com"):
        page.go(f"{graph.http.base_url}{url}", width=width, height=800)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, url
        unnamed = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea, button')].filter(e =>"
        unnamed += " !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"
        assert page.evaluate(unnamed) == 0, url
        page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").stat().st_size > 1000


def test_saving_a_form_that_nobody_changed_changes_nothing(graph: GraphClient, page: Page) -> None:
    made = graph.contact(
        surname="Lines",
        personalNotes="one\r\ntwo",
        businessAddress={"street": "1 Way\r\nFloor 2", "city": "Bern"},
        birthday="1974-07-22",
        emailAddresses=[{"address": "a@example.com", "name": "A"}],
    )
    page.go(f"{graph.http.base_url}{PAGE}/contacts/{made['id']}")
    page.evaluate("document.querySelector('button.main').click()")
    page.wait("Page.loadEventFired")
    assert len(graph.log()) == 1


def test_a_photo_a_copy_and_a_renamed_folder(graph: GraphClient) -> None:
    folder, made = graph.folder("Old name"), graph.contact(surname="Face")
    own = f"{PAGE}/contacts/{made['id']}"
    with httpx.Client(base_url=graph.http.base_url, follow_redirects=True) as browser:
        assert browser.get(f"{own}/photo").status_code == 404
        assert (
            browser.post(f"{own}/photo", content=b"\x89PNG", headers={"Content-Type": "image/png"}).status_code == 204
        )
        assert browser.get(f"{own}/photo").content == b"\x89PNG"
        assert "Face" in browser.post(f"{own}/copy", data={"folder": folder}).text
        renamed = browser.post(f"{PAGE}/folders/{folder}/rename", data={"displayName": "New name"})
        assert "New name" in renamed.text
        assert browser.post(f"{own}/move", data={}).status_code == 400
        assert browser.post(f"{own}/categorise", content=b"\xff").status_code == 400
    acts = [(row["entity"], row["action"]) for row in graph.log()[2:]]
    assert acts == [("photo", "create"), ("contact", "create"), ("photo", "create"), ("folder", "update")]
