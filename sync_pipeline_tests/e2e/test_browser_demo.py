"""`sync-pipeline demo --ui` as its user has it: an edit on Outlook's page, a run in Dagster's UI, Salesforce's page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sync_pipeline_tests.harness import FOLDER
from sync_pipeline_tests.sandbox.chromium import Page, chromium

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
SECONDS_TO_START, SECONDS_FOR_A_RUN = 240, 120


@contextmanager
def demo(directory: Path) -> Iterator[dict[str, str]]:
    """The URLs that the demo tells of Dagster, Salesforce and Outlook, once its stories are told."""
    program = str(Path(sys.executable).with_name("sync-pipeline"))
    command = [program, "demo", "--ui", "--mailboxes", "2", "--contacts", "20"]
    log = directory / "demo.log"
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while "Ctrl-C ends it" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)  # another process writes it
            yield dict(re.findall(r"^(Dagster|Salesforce|Outlook) +(http\S+)$", log.read_text(), re.MULTILINE))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def click(page: Page, kind: str, text: str) -> None:
    """On the first element of the kind that shows the text, once there is one."""
    chosen = f"[...document.querySelectorAll({kind!r})].find(one => one.innerText.includes({text!r}))"
    until(page, f"!!{chosen}")
    page.evaluate(f"{chosen}.click()")


def until(page: Page, condition: str) -> None:
    """Asks again and again: Dagster's pages change by themselves, and no event of the browser tells when."""
    deadline = time.monotonic() + SECONDS_FOR_A_RUN
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"{condition}: {page.evaluate('document.body.innerText')}"
        time.sleep(0.3)


def test_an_edit_on_one_page_is_on_the_other_after_a_run_started_in_dagsters_ui(tmp_path: Path) -> None:
    (tmp_path / "chromium").mkdir()
    with demo(tmp_path) as urls, chromium(tmp_path / "chromium") as page:
        mailbox = httpx.get(f"{urls['Outlook']}/_sandbox/mailboxes").json()[0]["mailbox"]
        page.go(f"{urls['Outlook']}/pages/{mailbox}")
        click(page, "a", FOLDER)
        page.wait("Page.loadEventFired")
        page.evaluate("document.querySelector('li[data-contact] a').click()")
        page.wait("Page.loadEventFired")
        surname = page.evaluate("document.querySelector('[name=surname]').value")
        page.evaluate("document.querySelector('[name=jobTitle]').value = 'Keeper of the lighthouse'")
        click(page, "button", "Save")
        page.wait("Page.loadEventFired")

        page.go(f"{urls['Dagster']}/runs")
        until(page, "document.body.innerText.includes('contact_sync')")
        runs = "(document.body.innerText.match(/Success/g) ?? []).length"
        before = page.evaluate(runs)
        page.go(f"{urls['Dagster']}/locations/sync_pipeline.definitions/jobs/contact_sync")
        click(page, "button", "Materialize all")
        until(page, "document.body.innerText.includes('Launched run')")
        page.go(f"{urls['Dagster']}/runs")
        until(page, f"{runs} > {before}")

        page.go(f"{urls['Salesforce']}/")
        click(page, "a", surname)
        page.wait("Page.loadEventFired")
        assert page.evaluate("document.querySelector('[name=Title]').value") == "Keeper of the lighthouse"
