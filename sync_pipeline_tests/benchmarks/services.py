"""The sandbox as a process of its own, filled directly, and the synchroniser's real run against it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from sync_pipeline import engine
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.base import ListViewDef, insert_list_view
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.seed.contact_forms import graph_contact
from sync_pipeline.sandbox.server import STATE_FILE
from sync_pipeline.sandbox.state import State
from sync_pipeline.settings import Secrets, Settings
from sync_pipeline_tests import loopback
from sync_pipeline_tests.harness import CATEGORY, FOLDER, STAMP

Json = dict[str, Any]
CHUNK: Final = 5000
#: Long before any run, so that no overlap of a watermark reaches back to it.
CREATED: Final = "2025-01-06T09:00:00.000+0000"
MINUTES: Final = 600  # of time budget: a load is measured to its end
PAST_THE_OVERLAP: Final = 1800.0
#: A list view of the org: the Contacts of whoever asks.
VIEW: Final = ListViewDef("BenchmarkContacts", "Benchmark Contacts", scope="mine")


@dataclass(frozen=True)
class Fill:
    """Mailboxes, and for each of them how many contacts are linked on both sides, in Salesforce or in Outlook only."""

    mailboxes: int = 1
    linked: int = 0
    in_salesforce: int = 0
    in_outlook: int = 0


@dataclass(frozen=True)
class Requests:
    """What the application asked for: HTTP calls to each side, and the parts of Graph's batches, by route."""

    graph: dict[str, int]
    salesforce: dict[str, int]
    parts: dict[str, int]

    @property
    def calls(self) -> int:
        return sum(self.graph.values()) + sum(self.salesforce.values())

    @property
    def remark(self) -> str:
        """The counts in a line."""
        graph, salesforce, parts = (sum(side.values()) for side in (self.graph, self.salesforce, self.parts))
        return f"Graph {graph:,} calls with {parts:,} sub-requests, Salesforce {salesforce:,} calls"


class Services:
    """The two stand-ins while they run. `people` are (mailbox, Salesforce user)."""

    def __init__(self, announced: Json, directory: Path) -> None:
        self.salesforce_url, self.graph_url = str(announced["salesforce_url"]), str(announced["graph_url"])
        self.people: list[dict[str, str]] = announced["mailboxes"]
        self._directory = directory
        self._control = loopback.client(f"{self.salesforce_url}/_sandbox/")
        self._admin = loopback.client(
            f"{self.salesforce_url}/services/data/v60.0/",
            headers={"Authorization": "Bearer user:admin@acme.example.com"},
        )

    def close(self) -> None:
        self._control.close()
        self._admin.close()

    def settings(self, name: str, mailboxes: int | None = None, **views: str) -> Settings:
        """Of an installation by this name with the first mailboxes; `views` by the mailbox's local part."""
        return Settings.sandbox(
            self.salesforce_url, self.graph_url, self._directory / name, self._listed(mailboxes, views),
            time_budget_minutes=MINUTES,
        )  # fmt: skip

    def settings_file(self, name: str, mailboxes: int | None = None) -> Path:
        """As `settings`, as a file for the command line."""
        path = self._directory / f"{name}.yaml"
        document = {
            "salesforce": {"url": self.salesforce_url}, "graph": {"url": self.graph_url}, "data_dir": name,
            "time_budget_minutes": MINUTES, "mailboxes": self._listed(mailboxes, {}),
        }  # fmt: skip
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return path

    def run(self, settings: Settings, *, settle: float = PAST_THE_OVERLAP) -> Json:
        """One synchronisation in this process, a while after what was before it; its summary."""
        self._checked(self._control.post("clock", json={"advance_seconds": settle}))
        options = engine.RunOptions(approve_first_run=True)
        return engine.synchronise(settings, Secrets.sandbox(), options, run_id=str(uuid.uuid4()))

    def counted(self, settings: Settings) -> tuple[Requests, Json]:
        """One synchronisation, what it asked the services, and its summary."""
        self._checked(self._control.delete("requests"))
        document = self.run(settings)
        return self.requests(), document

    def requests(self) -> Requests:
        """Since they were last forgotten."""
        log = self._checked(self._control.get("requests"))
        calls = {
            route: count
            for actor, routes in log["by_actor"].items()
            if not actor.startswith("user:")
            for route, count in routes.items()
        }
        of_salesforce = {route: count for route, count in calls.items() if " /services/" in route}
        of_graph = {route: count for route, count in calls.items() if route not in of_salesforce}
        return Requests(of_graph, of_salesforce, log["batch_by_actor"].get("application", {}))

    def switch(self, **switches: Any) -> None:
        self._checked(self._control.post("switches", json=switches))

    def contacts_in_salesforce(self) -> int:
        return int(self._checked(self._admin.get("query", params={"q": "SELECT count() FROM Contact"}))["totalSize"])

    def page_of_contacts(self) -> int:
        """Bytes of a full page of Contacts with all their fields, as an answer of Salesforce."""
        answer = self._admin.get("query", params={"q": "SELECT FIELDS(STANDARD) FROM Contact"})
        self._checked(answer)
        return len(answer.content)

    def _listed(self, mailboxes: int | None, views: dict[str, str]) -> list[dict[str, str]]:
        return [
            {**person, **({"view": views[local]} if (local := person["mailbox"].partition("@")[0]) in views else {})}
            for person in self.people[:mailboxes]
        ]

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        answer.raise_for_status()
        return answer.json()


@contextmanager
def services(directory: Path, fill: Fill) -> Iterator[Services]:
    """Both stand-ins, filled and then started as a process, until the end of the block."""
    _filled(directory, fill)
    command = [sys.executable, "-m", "sync_pipeline", "--json", "sandbox", "--state", str(directory)]
    command += ["--salesforce-port", "0", "--graph-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        opened = Services(loopback.announced(process), directory)
        try:
            yield opened
        finally:
            opened.close()
    finally:
        process.terminate()
        process.wait(timeout=60)


def _filled(directory: Path, fill: Fill) -> None:
    state = State(directory / STATE_FILE)
    try:
        org, outlook = Org(state), Mailboxes(state)
        with state.transaction():
            insert_list_view(state, VIEW, org.administrator().user_id)
        for number in range(fill.mailboxes):
            local = f"owner{number:04}"
            address, username, name = f"{local}@example.com", f"{local}@acme.example.com", f"Owner {number}"
            owner = org.create_user(username, name, email=address)
            outlook.create_mailbox(address, name)
            state.add_person(mailbox=address, salesforce_user=username, name=name)
            _fill_mailbox(state, org, outlook, address, owner, number, fill)
    finally:
        state.close()


def _fill_mailbox(
    state: State, org: Org, outlook: Mailboxes, address: str, owner: str, number: int, fill: Fill
) -> None:
    actor = f"user:{address}"
    with state.transaction():
        outlook.create_category(address, CATEGORY, actor=actor)
        folder = outlook.create_folder(address, FOLDER, actor=actor)
    total = fill.linked + fill.in_salesforce
    owned = {"OwnerId": owner, "CreatedById": owner, "LastModifiedById": owner, "CreatedDate": CREATED}
    ids = org.insert("Contact", ({**_person(number, n), **owned} for n in range(total)), actor=actor)
    stamp = f"{org.organization_id()}/"
    bodies = [_item(_person(number, n), stamp + ids[n]) for n in range(fill.linked)]
    bodies += [_item(_person(number, n), "") for n in range(total, total + fill.in_outlook)]
    for start in range(0, len(bodies), CHUNK):
        with state.transaction():
            outlook.create_contacts(address, folder, bodies[start : start + CHUNK], actor=actor)


def _person(mailbox: int, number: int) -> dict[str, str]:
    name = f"{mailbox}x{number}"
    return {
        "FirstName": f"First{number % 997}", "LastName": f"Last{name}", "Email": f"person{name}@example.com",
        "Title": f"Title {number % 300}", "Department": f"Department {number % 50}",
        "Phone": f"+1 202 555 {number % 10000:04}", "MobilePhone": f"+1 303 555 {number % 10000:04}",
        "MailingStreet": f"{number % 900} Main Street", "MailingCity": f"City {number % 800}",
        "MailingPostalCode": f"{number % 100000:05}", "MailingCountry": "United States",
    }  # fmt: skip


def _item(person: dict[str, str], stamp: str) -> Json:
    body = graph_contact(person, company="", categories=(CATEGORY,))
    return body | ({"singleValueExtendedProperties": [{"id": STAMP, "value": stamp}]} if stamp else {})


def writes(document: Json, side: str, action: str) -> int:
    """So many of a run's writes, over all mailboxes."""
    rows: Sequence[Json] = document["mailboxes"]
    return sum(int(row[side][action]) for row in rows)
