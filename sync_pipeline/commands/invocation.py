"""What every verb shares: the global options before or after it, its settings, its output as JSON or as text."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sync_pipeline.commands.examples import epilog

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.settings import Secrets, Settings
    from sync_pipeline.warehouse.reader import Reader
    from sync_pipeline.warehouse.writer import Writer

DONE, WITH_PROBLEMS, WRONG_USAGE, NOT_SYNCHRONISED = 0, 1, 2, 3
#: Where the events of Dagster's runs go that the command line starts.
DAGSTER_LOG = "sync_pipeline.dagster"
#: Tables in a pipe are not cut to a terminal's width.
_WIDTH_OF_A_PIPE = 200


class _Mailbox(click.ParamType[str]):
    """A mailbox's address; written in any case, compared in small letters like everywhere."""

    name = "mailbox"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value.strip().lower()


MAILBOX = _Mailbox()
several_mailboxes = click.option(
    "--mailbox",
    "mailboxes",
    type=MAILBOX,
    multiple=True,
    metavar="M",
    help="Only this mailbox; can be given several times.",
)


@dataclass
class Invocation:
    """One call of the command line."""

    settings_file: Path | None = None
    as_json: bool = False

    def settings(self) -> Settings:
        """The settings of this call. Raises SettingsInvalid."""
        from sync_pipeline.settings.location import VARIABLE, find_settings

        settings = find_settings(self.settings_file)
        if self.settings_file is not None:
            # Dagster's definitions read the schedule from the same file.
            os.environ[VARIABLE] = str(self.settings_file.resolve())
        for warning in settings.warnings:
            self.say(f"[yellow]Warning:[/] {warning}")
        return settings

    def secrets(self, settings: Settings) -> Secrets:
        """The credentials for these settings, kept out of every log from here on. Raises SecretMissing."""
        from sync_pipeline.settings import Secrets
        from sync_pipeline.transport import register_secret

        secrets = Secrets.from_environment(settings)
        for value in secrets.values():
            register_secret(value)
        return secrets

    def say(self, text: str) -> None:
        """A line for people, on stderr."""
        console(stderr=True).print(text, highlight=False)

    def emit(self, document: Any, show: Callable[[Console], None]) -> None:
        """The verb's result: the document with --json, else what `show` prints."""
        if self.as_json:
            click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=_plain))
        else:
            show(console())


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def console(*, stderr: bool = False) -> Console:
    """A console that is plain text in a pipe and with NO_COLOR; in a pipe as wide as COLUMNS says, if it is set."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    has_width = stream.isatty() or "COLUMNS" in os.environ
    return Console(
        file=stream,
        width=None if has_width else _WIDTH_OF_A_PIPE,
        soft_wrap=not has_width,
        # rich itself would leave out the colours and go on with bold
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def global_options() -> list[click.Parameter]:
    """--settings, --json and --verbose, for the command line itself and for each of its verbs."""
    return [
        click.Option(
            ["--settings"],
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="PATH",
            expose_value=False,
            callback=_remember("settings_file"),
            help="The settings file; else SYNC_PIPELINE_SETTINGS, ./settings.yaml, or the sandbox on its own ports.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember("as_json"),
            help="One JSON document on stdout, logs on stderr.",
        ),
        # Read by cli.execute: what is logged is settled before the command line is taken apart.
        click.Option(["--verbose"], is_flag=True, expose_value=False, help="Logs on stderr."),
    ]


class Verb(click.Command):
    """A command that knows the global options too, and shows its examples."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.params += global_options()
        self.epilog = epilog(self.name or "")


def _remember(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value:
            setattr(context.find_root().ensure_object(Invocation), name, value)

    return callback


def log_to_stderr(verbose: bool) -> None:
    """Warnings, and with `verbose` everything; never a secret."""
    from sync_pipeline.transport import RedactingFilter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(RedactingFilter())
    # What Dagster tells of a failed run is told again, shorter, by the verb itself.
    handler.addFilter(lambda record: verbose or record.name != DAGSTER_LOG)
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, handlers=[handler], force=True)


@contextmanager
def reading(settings: Settings) -> Iterator[Reader]:
    """The warehouse, to look at. Raises WarehouseUnusable where there is none yet or another process keeps it."""
    from sync_pipeline.engine.paths import warehouse_path
    from sync_pipeline.warehouse.connection import open_warehouse
    from sync_pipeline.warehouse.reader import Reader

    with open_warehouse(warehouse_path(settings), read_only=True) as connection:
        yield Reader(connection, settings.fields)


@contextmanager
def writing(settings: Settings) -> Iterator[tuple[Reader, Writer]]:
    """The warehouse, to write a decision into. Raises WarehouseUnusable where there is none yet."""
    from sync_pipeline.engine.paths import warehouse_path
    from sync_pipeline.warehouse.connection import open_warehouse
    from sync_pipeline.warehouse.reader import Reader
    from sync_pipeline.warehouse.writer import Writer

    path = warehouse_path(settings)
    with open_warehouse(path, read_only=True):
        pass  # only a run makes a warehouse
    with open_warehouse(path) as connection:
        yield Reader(connection, settings.fields), Writer(connection, settings.fields)


@contextmanager
def no_run_meanwhile(settings: Settings, verb: str) -> Iterator[None]:
    """Holds the run's lock: what changes links must not meet a run. Raises RunInProgress."""
    from sync_pipeline.engine.session import LOCK_FILE
    from sync_pipeline.warehouse.lock import RunLock

    since = datetime.now().astimezone().isoformat(timespec="seconds")
    with RunLock(settings.data_dir / LOCK_FILE).hold(verb, since=since, wait_seconds=2.0):
        yield


def must_know(reader: Reader, settings: Settings, mailbox: str | None) -> None:
    """Refuses a mailbox that neither the settings nor the warehouse know: nothing of it would look like all is well."""
    if mailbox is None:
        return
    known = {row["mailbox"] for row in reader.mailboxes()} | {entry.mailbox for entry in settings.mailboxes.listed}
    if mailbox not in known:
        raise click.ClickException(
            f"No mailbox {mailbox} is known. Known: {', '.join(sorted(known)) or 'none'}. "
            "`sync-pipeline doctor` examines every mailbox of the settings."
        )


def now_for(reader: Reader) -> datetime:
    """The services' time as far as the warehouse knows it, UTC without a zone: never before the last run."""
    last = reader.run() or {}
    known: list[datetime] = [last[name] for name in ("started_at", "finished_at") if last.get(name)]
    return max(datetime.now(UTC).replace(tzinfo=None), *known)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds") + ("" if value.tzinfo else "Z")
    if isinstance(value, date | Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
