"""What a run holds from its first to its last step: the lock, both services, the warehouse's path, its own number."""

from __future__ import annotations

import contextlib
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from sync_pipeline.engine.inputs import View, mailboxes_of, usable_fields
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.engine.undoing import refuse_mailbox, runs_to_undo
from sync_pipeline.model.errors import MailboxStopped, SettingsInvalid
from sync_pipeline.model.fields import Field
from sync_pipeline.outlook.client import Graph
from sync_pipeline.outlook.properties import mapped_extended
from sync_pipeline.push.context import RunContext
from sync_pipeline.salesforce.client import Org
from sync_pipeline.settings import MailboxSettings, Secrets, Settings
from sync_pipeline.transport import Policy, RequestCounter, ServerClock, redact, register_secret
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.writer import Writer

Progress = Callable[[str, int, int | None], None]

LOCK_FILE = "run.lock"


def no_progress(what: str, done: int, total: int | None) -> None:
    """Shows nothing."""


@dataclass(frozen=True)
class RunOptions:
    """What one run is asked to do. No mailboxes: all. `full` compares and lists everything.

    `undo_runs` are taken back (R24): whole, or only what they did in `undo_mailbox`, to `undo_contacts` (ids of either
    side), to `undo_field`.
    """

    mailboxes: tuple[str, ...] = ()
    plan_only: bool = False
    full: bool = False
    approve_first_run: bool = False
    undo_runs: tuple[str, ...] = ()
    undo_mailbox: str = ""
    undo_contacts: tuple[str, ...] = ()
    undo_field: str = ""


@dataclass
class Session:
    """A run in progress. Entering raises RunInProgress, WarehouseUnusable, SideUnavailable, SettingsInvalid."""

    settings: Settings
    secrets: Secrets
    options: RunOptions
    run_id: str
    progress: Progress = no_progress
    number: int = 0
    org_id: str = ""
    installation_id: str = ""
    fields: tuple[Field, ...] = ()
    mailboxes: dict[str, MailboxSettings] = field(default_factory=dict)
    in_settings: frozenset[str] = frozenset()
    enabled_in_settings: frozenset[str] = frozenset()
    user_ids: dict[str, str] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    stopped: dict[str, MailboxStopped] = field(default_factory=dict)
    old_copies: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)  # planned in this run, with no deletion postponed

    def __post_init__(self) -> None:
        for value in self.secrets.values():
            register_secret(value)
        self.clock = ServerClock()
        self.graph_clock = ServerClock()
        self.counter = RequestCounter()
        self.policy = Policy()
        self._stack = contextlib.ExitStack()
        self._ends = time.monotonic() + self.settings.time_budget_minutes * 60

    @property
    def path(self) -> Path:
        """The warehouse file."""
        return warehouse_path(self.settings)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            since = datetime.now().astimezone().isoformat(timespec="seconds")
            stack.enter_context(RunLock(self.settings.data_dir / LOCK_FILE).hold(self.run_id, since=since))
            self.org = Org(self.settings.salesforce, self.secrets, self.policy, self.counter, self.clock)
            stack.callback(self.org.close)
            identity = self.org.identity()
            self.org_id = identity.org_id
            self.describe = self.org.describe()
            self.users = self.org.users()
            self.fields = usable_fields(self.settings.fields, self.describe)
            self.graph = stack.enter_context(
                Graph(
                    self.settings.graph, self.secrets, self.policy, self.counter, self.graph_clock,
                    token_file=self.settings.data_dir / "graph_token.txt",
                )
            )  # fmt: skip
            self._choose_mailboxes()
            refuse_mailbox(self.options.undo_mailbox, self.in_settings, self.enabled_in_settings)
            with self.warehouse() as connection:
                migrate(connection, self.settings.fields)
                asked = self.options
                runs = runs_to_undo(self.reader(connection), self.settings.fields, asked.undo_runs, asked.undo_field)
                self.options = replace(asked, undo_runs=runs)
                writer = self.writer(connection)
                now = self.clock.now()
                self.installation_id = writer.claim(
                    self.org_id, self.settings.graph.tenant, now, derived_installation(self.settings.data_dir)
                )
                self.number = writer.begin_run(
                    self.run_id,
                    now,
                    plan_only=self.options.plan_only,
                    is_full=self.options.full,
                    mailboxes=list(self.mailboxes),
                )
                writer.replace_describe(self.describe)
                writer.replace_users(self.users)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fail(self, error: BaseException) -> None:
        """Closes the run as failed. The failed step calls it: Dagster closes a resource alike after any run."""
        with self.warehouse() as connection:
            self.writer(connection).fail_run(self.run_id, now=self.clock.now(), message=redact(str(error)))

    @contextmanager
    def warehouse(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one step."""
        with open_warehouse(self.path) as connection:
            yield connection

    def writer(self, connection: duckdb.DuckDBPyConnection) -> Writer:
        return Writer(connection, self.fields or self.settings.fields)

    def reader(self, connection: duckdb.DuckDBPyConnection) -> Reader:
        return Reader(connection, self.fields or self.settings.fields)

    def run_context(self, share: float = 1.0) -> RunContext:
        """What a push is told of this run. `share`: how much of what is left of the time budget it may use (R21)."""
        ends = self._ends
        if share < 1:
            now = time.monotonic()
            ends = now + share * (ends - now)
        return RunContext(
            run_id=self.run_id,
            number=self.number,
            org_id=self.org_id,
            installation_id=self.installation_id,
            clock=self.clock,
            external_id_field=self.settings.salesforce.external_id_field or "",
            is_over=lambda: time.monotonic() > ends,
            stop=self.stop,
            is_stopped=self.stopped.__contains__,
            has_own_logins=self.settings.salesforce.credentials == "per_user",
        )

    def stop(self, error: MailboxStopped) -> None:
        """Takes a mailbox out of this run; the others go on."""
        self.stopped.setdefault(error.mailbox, error)

    def record_stops(self, writer: Writer) -> None:
        """Writes down which mailboxes could not be synchronised, and why."""
        for address, error in self.stopped.items():
            writer.stop_mailbox(address, code=error.code, message=error.message, remedy=error.remedy)

    @property
    def extended(self) -> tuple[str, ...]:
        """The extended properties that the mapping reads."""
        return mapped_extended(self.fields)

    @property
    def working(self) -> list[MailboxSettings]:
        """The mailboxes that nothing has stopped yet."""
        return [mailbox for address, mailbox in self.mailboxes.items() if address not in self.stopped]

    def org_for(self, mailbox: str) -> Org:
        """The credential that reads and writes for a mailbox."""
        if self.settings.salesforce.credentials == "per_user":
            return self.org.as_user(self.mailboxes[mailbox].salesforce_user, mailbox)
        return self.org

    def reader_of(self, mailbox: str) -> str:
        """`org`, or the mailbox whose own credential reads."""
        return mailbox if self.settings.salesforce.credentials == "per_user" else "org"

    def _choose_mailboxes(self) -> None:
        known = mailboxes_of(self.settings, self.org)
        wanted = [address.lower() for address in self.options.mailboxes]
        if unknown := [address for address in wanted if address not in known]:
            raise SettingsInvalid(
                f"The settings know no mailbox {', '.join(unknown)}.",
                remedy=f"Known: {', '.join(sorted(known)) or 'none'}.",
                code="mailbox_not_in_settings",
            )
        self.in_settings = frozenset(known)
        self.enabled_in_settings = frozenset(address for address, mailbox in known.items() if mailbox.enabled)
        self.mailboxes = {address: mailbox for address, mailbox in known.items() if not wanted or address in wanted}
        ids = {row["username"].lower(): row for row in self.users}
        for address, mailbox in self.mailboxes.items():
            user = ids.get(mailbox.salesforce_user.lower())
            if user is None and mailbox.enabled:
                self.stop(
                    MailboxStopped(
                        address,
                        f"The org has no user {mailbox.salesforce_user!r}, with whom {address} is paired.",
                        remedy="Correct salesforce_user in the settings; it is the user's Username.",
                        code="salesforce_user_unknown",
                    )
                )
            self.user_ids[address] = user["id"] if user else ""


def derived_installation(data_dir: Path) -> str:
    """The same for the same data directory on the same machine, so that a lost warehouse is no second installation."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sync-pipeline://{socket.gethostname()}{data_dir.resolve()}"))
