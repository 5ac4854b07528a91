"""Runs the demo: starts the sandbox, lets people edit, synchronises as `sync-pipeline run` does, checks every story.

What it prints is what the services answered to a person's token, never what the synchroniser thinks it did."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from rich.console import Console
from rich.markup import escape

from sync_pipeline import engine
from sync_pipeline.commands.job import dagster_home, run_job
from sync_pipeline.commands.progress import shown_progress
from sync_pipeline.commands.tables import show_summary
from sync_pipeline.demo.accounts import ACCOUNTS
from sync_pipeline.demo.day import Day, Desk, Mismatch, Story, Telling, expect, expect_equal, only, snapshot
from sync_pipeline.demo.edits import EDITS
from sync_pipeline.demo.opening import OPENING
from sync_pipeline.demo.services import Control, Json, Mailbox, Refused, Salesforce
from sync_pipeline.demo.ui import stay_up
from sync_pipeline.model.errors import SyncError
from sync_pipeline.sandbox.seed import seed_sandbox, seeder
from sync_pipeline.sandbox.seed.seeding import VIEWS
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.settings import Secrets, Settings, load_settings
from sync_pipeline.settings.location import VARIABLE
from sync_pipeline.warehouse.lock import RunLock

DATA_DIR: Final = Path("data/demo")
#: With three mailboxes or more the last one shows this list view, whose Contacts others own too.
SHARED_VIEW: Final = next(view for view in VIEWS if view.developer_name == "PartnerContacts")
MAILBOXES_FOR_A_VIEW: Final = 3
#: The synchroniser leaves records alone that are younger than two seconds.
PAUSE_SECONDS: Final = 5.0


def run_demo(
    mailboxes: int = 3,
    contacts: int = 60,
    seed: int = 1,
    ui: bool = False,
    console: Console | None = None,
    *,
    data_dir: Path = DATA_DIR,
) -> int:
    """The whole demo; returns 0 if every story was verified, else 1. `data_dir` is made anew.

    ui: stays up with Dagster's UI and the sandbox's pages until Ctrl-C. Raises ValueError for too small numbers.
    """
    if mailboxes < 2 or contacts < 20:
        raise ValueError(f"the demo needs 2 mailboxes and 20 contacts, got {mailboxes} and {contacts}")
    console = console or Console()
    started = time.monotonic()
    with (
        _own_directory(data_dir),
        SandboxServer(None, seeder=seeder(seed=seed, mailboxes=mailboxes, contacts=contacts)) as server,
    ):
        control = Control(server.salesforce_url)
        accounts = (seed_sandbox.__kwdefaults__ or {})["accounts"]
        console.rule("[bold]1  A sandbox with people in it")
        control.call("POST", "reset", json={})
        settings = _settings(server, control, data_dir)
        console.print(
            f"Salesforce {server.salesforce_url}   Outlook {server.graph_url}   seed {seed}\n"
            f"{mailboxes} mailboxes, {contacts:,} Contacts, {accounts:,} Accounts.",
            highlight=False,
        )
        show = _Show(console, _day(server, control, settings, seed))
        try:
            show.everything(settings)
        except SyncError as error:
            console.print(f"[red]The synchronisation stopped:[/] {escape(error.message)} {escape(error.remedy)}")
            show.failed += 1
        show.verdict(time.monotonic() - started)
        if ui:
            stay_up(console, settings.data_dir, server.salesforce_url, server.graph_url)
    return 1 if show.failed else 0


@dataclass
class _Running:
    story: Story
    telling: Telling


class _Show:
    """Tells the stories, runs between them, and counts what held."""

    def __init__(self, console: Console, day: Day) -> None:
        self._console = console
        self._day = day
        self._running: list[_Running] = []
        self.verified = self.failed = 0

    def everything(self, settings: Settings) -> None:
        secrets = Secrets.sandbox()  # never those of an installation in the environment
        self._begin(OPENING)
        self._synchronise(settings, secrets, "2  The first run")
        self._go_on()
        self._day.pair_up()
        self._console.rule("[bold]3  People edit on both sides")
        self._begin((*EDITS, *ACCOUNTS))
        self._synchronise(settings, secrets, "4  The second run")
        self._go_on()
        self._begin((Story("Nothing is left to do", "R10", _nothing_left),))
        self._synchronise(settings, secrets, "5  The third run")
        self._go_on()

    def verdict(self, seconds: float) -> None:
        self._console.rule()
        told = f"{self.verified} of {self.verified + self.failed} stories verified through the services' APIs"
        style = "bold red" if self.failed else "bold green"
        self._console.print(f"[{style}]{told}[/], in {seconds:.0f} s.", highlight=False)
        file = self._day.data_dir / "settings.yaml"
        self._say(f"Look closer: sync-pipeline problems --settings {escape(str(file))}   (or history, or explain NAME)")

    def _synchronise(self, settings: Settings, secrets: Secrets, title: str) -> None:
        self._console.rule(f"[bold]{title}")
        day = self._day
        day.control.let_pass(PAUSE_SECONDS)
        before = day.control.last_entry()
        with shown_progress() as progress:
            run_id = run_job(settings, secrets, engine.RunOptions(approve_first_run=True), progress)
        day.plan = list(engine.plan_document(settings, run_id)["operations"])
        day.written = [entry for entry in day.control.log(before) if entry["actor"] == "application"]
        show_summary(self._console, engine.summary(settings, run_id))

    def _begin(self, stories: tuple[Story, ...]) -> None:
        for story in stories:
            self._advance(_Running(story, story.tell(self._day)))

    def _go_on(self) -> None:
        running, self._running = self._running, []
        for each in running:
            self._advance(each)

    def _advance(self, running: _Running) -> None:
        """One story up to its next run, or to its end."""
        title = f"[bold]{escape(running.story.title)}[/] ({running.story.rule})"
        try:
            told = next(running.telling)
        except StopIteration as end:
            self.verified += 1
            self._say(f"[green]✓[/] {title}: {escape(str(end.value))}")
        except Mismatch as wrong:
            self.failed += 1
            self._say(f"[red]✗ {title}: {escape(wrong.what)}[/]")
            self._say(f"[red]    expected {escape(repr(wrong.expected))}\n    found    {escape(repr(wrong.found))}[/]")
        except Refused as refused:
            self.failed += 1
            self._say(f"[red]✗ {title}: {escape(str(refused))}[/]")
        else:
            self._running.append(running)
            if told:
                self._say(f"  {title}: {escape(told)}")

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _nothing_left(day: Day) -> Telling:
    """After the second run both sides agree: the third plans nothing and writes nothing."""
    yield "Nobody edits anything; the synchroniser runs once more."
    ready = [f"{row['side']} {row['action']}: {row['reason']}" for row in day.plan if row["state"] == "ready"]
    expect("the operations of the last run's plan", ready, [])
    written = [f"{row['action']} {row['entity']}" for row in day.written]
    expect("what the application wrote in the last run", written, [])
    linked = [(desk, record, items) for desk in day.desks for record, items in desk.linked().items()]
    records = day.desks[0].salesforce.contacts()
    for desk, record, items in linked:
        if record not in records:
            raise Mismatch(
                f"Contact {record}, stamped in {desk.address}, in Salesforce", expected="there", found="gone"
            )
        expect_equal(only({record: items}, record, desk.address), records[record])
    held = sum(row["state"] == "held" for row in day.plan)
    told = f"The plan is empty and nothing was written; all {len(linked)} linked contacts have equal values"
    return f"{told}; {held} operations wait for a person."


def _day(server: SandboxServer, control: Control, settings: Settings, seed: int) -> Day:
    desks = []
    for mailbox in settings.mailboxes.listed:
        salesforce = Salesforce(server.salesforce_url, mailbox.salesforce_user)
        own = Mailbox(server.graph_url, mailbox.mailbox, control)
        condition = "" if mailbox.view == "mine" else str(SHARED_VIEW.where)
        desks.append(Desk(own, salesforce, salesforce.user_id(mailbox.salesforce_user), mailbox.view, condition))
    return Day(
        desks=desks,
        control=control,
        random=random.Random(f"demo {seed}"),
        data_dir=settings.data_dir,
        other_user_id=desks[0].salesforce.user_id("partners@acme.example.com"),
        before=snapshot(desks),
    )


def _settings(server: SandboxServer, control: Control, data_dir: Path) -> Settings:
    """Written as a file, so that `dagster dev` and a curious person find the same."""
    people: list[Json] = [dict(person) for person in control.mailboxes()]
    if len(people) >= MAILBOXES_FOR_A_VIEW:
        people[-1]["view"] = SHARED_VIEW.developer_name
    document: Mapping[str, Any] = {
        "salesforce": {"url": server.salesforce_url},
        "graph": {"url": server.graph_url},
        "data_dir": str(data_dir.resolve()),
        "mailboxes": people,
    }
    file = data_dir.resolve() / "settings.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.environ[VARIABLE] = str(file)
    return load_settings(file)


@contextmanager
def _own_directory(data_dir: Path) -> Iterator[None]:
    """An empty directory of the demo's own, and an environment that leads to nothing else. Raises RunInProgress."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    kept = {name: os.environ.get(name) for name in (VARIABLE, "DAGSTER_HOME")}
    with RunLock(data_dir.with_name(f"{data_dir.name}.lock")).hold("demo", since=time.strftime("%H:%M:%S")):
        shutil.rmtree(data_dir, ignore_errors=True)
        data_dir.mkdir(mode=0o700)
        try:
            os.environ["DAGSTER_HOME"] = str(dagster_home(data_dir))
            yield
        finally:
            for name, value in kept.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
