"""report: one HTML file of a run or a day that needs nothing else and names no contact."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from base64 import b64decode
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

from sync_pipeline.report import charts
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, World, item_of, linked, person


class Page(HTMLParser):
    """What a browser would show of a report: facts, titles, notes, pictures, table cells; and every address in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.addresses: list[str] = []
        self.pictures: dict[str, str] = {}
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.addresses += [value for name, value in values.items() if name in ("src", "href", "srcset", "action")]
        assert tag not in ("script", "link", "iframe", "object")
        if tag == "img":
            title, _, words = values["alt"].partition(": ")
            ET.fromstring(b64decode(values["src"].partition(",")[2]))
            self.pictures[title] = words

    def handle_data(self, data: str) -> None:
        self.text += [data.strip()] if data.strip() else []

    def after(self, label: str) -> str:
        return self.text[self.text.index(label) + 1]


def test_a_run_is_reported_in_one_file_that_needs_nothing_else_and_names_no_contact(
    world: World, call: Call, tmp_path: Path
) -> None:
    settings, output = settings_of(world), tmp_path / "run.html"
    world.use(conflicts={"default": "outlook"})
    record, item = linked(world, Title="Director")
    person(world, 2, FirstName="Unmistakable")
    world.anna.create(givenName="Unmistakable2", surname="Last", email="u@example.com", companyName="Nobody knows",
                      categories=["Salesforce"])  # fmt: skip
    world.anna.update(item, jobTitle="Unmistakable title")
    world.salesforce.update(record, Title="Another")
    run = world.run()["run_id"]
    world.anna.update(item_of(world.anna, record)["id"], jobTitle="Later")
    world.run()

    answer = call("report", "--run", run, "--output", output, "--settings", settings, "--json")
    assert answer.code == 0, answer.err
    assert answer.document["report"] == str(output)
    page = Page(output)
    assert f"Run {run}" in " ".join(page.text)
    assert (page.after("Writes"), page.after("Conflicts"), page.after("Edits arrived")) == ("4", "1", "1")
    assert page.pictures["Written to Salesforce, by mailbox"] == f"{ANNA} 2"
    assert page.pictures["Conflicts, by field and who won"] == "job_title 1"
    assert page.pictures["Account of new Contacts, by the rule that decided"] == "no_match 1"
    assert "There are no problems" in " ".join(page.text)
    assert page.text[page.text.index(ANNA) :] == [ANNA, "1", "1", "0", "1", "1", "0", "0"]
    text = output.read_text(encoding="utf-8")
    assert "nmistakable" not in text
    assert all(address.startswith("data:image/svg+xml") for address in page.addresses)
    assert not re.search(r"url\(|@import|https?:", text)

    day = call("report", "--settings", settings)
    assert day.code == 0
    [file] = (tmp_path / "data" / "exports" / "reports").glob("*.html")
    assert str(file) in day.out
    assert file.stat().st_mode & 0o077 == 0
    page = Page(file)
    assert (page.after("Runs"), page.after("Edits arrived")) == ("3", "2")
    assert "2 edits, half of them within" in page.pictures["From an edit to its arrival on the other side"]


def test_a_report_of_nothing_says_so(world: World, call: Call, tmp_path: Path) -> None:
    settings, output = settings_of(world), tmp_path / "empty.html"
    world.run()
    assert call("report", "--run", "nowhere", "--settings", settings).code == 2
    assert call("report", "--run", "a", "--day", "2026-01-31", "--settings", settings).code == 2
    answer = call("report", "--day", "2025-03-01", "--output", output, "--settings", settings)
    assert answer.code == 0
    assert "There is nothing of this day: no run was then" in answer.out
    page = Page(output)
    assert "There is nothing of this day" in " ".join(page.text)
    assert (
        call("report", "--output", tmp_path / "today.html", "--settings", settings, "--json").document["nothing"] == ""
    )
    assert "Saturday, 01 March 2025" in " ".join(page.text)
    assert page.pictures == {}
    assert "No edit was measured." in page.text


def test_one_day_with_a_value_among_thirty_is_drawn_on_an_axis_of_thirty_days() -> None:
    dates = [date(2026, 10, 26) + timedelta(days=number) for number in range(30)]
    series: dict[str, list[float | None]] = {"median": [None] * 29 + [4.0], "slowest": [None] * 29 + [9.0]}
    drawn = charts.lines(dates, series, "minutes", 60.0)
    labels = re.findall("<!-- (.*?) -->", drawn)  # the letters are shapes; what they say stands beside them
    assert "Nov" in labels
    assert not {"2025", "2027"} & set(labels)
