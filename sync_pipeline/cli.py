"""The console script `sync-pipeline`: the verbs, and every expected error as a sentence with its exit code.

0 done; 1 done, with problems or holds; 2 wrong usage or settings; 3 a mailbox or a side could not be synchronised."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence

import click

from sync_pipeline.commands.decide import approve, drop, link, resolve, unlink
from sync_pipeline.commands.doctor import doctor
from sync_pipeline.commands.forget import forget
from sync_pipeline.commands.history import history
from sync_pipeline.commands.invocation import (
    NOT_SYNCHRONISED,
    WRONG_USAGE,
    Invocation,
    Verb,
    console,
    global_options,
    log_to_stderr,
    pass_invocation,
)
from sync_pipeline.commands.look import explain, problems
from sync_pipeline.commands.remove import remove
from sync_pipeline.commands.report import report
from sync_pipeline.commands.run import plan, run, verify
from sync_pipeline.commands.sandbox import sandbox
from sync_pipeline.commands.undo import undo


@click.command(cls=Verb)
@click.option("--mailboxes", default=3, show_default=True, type=click.IntRange(2), metavar="M")
@click.option("--contacts", default=60, show_default=True, type=click.IntRange(20), metavar="N")
@click.option("--seed", default=1, show_default=True, type=int, metavar="S", help="Another seed, other people.")
@click.option("--ui", is_flag=True, help="Stay up with Dagster's UI and the sandbox's pages.")
@pass_invocation
def demo(invocation: Invocation, mailboxes: int, contacts: int, seed: int, ui: bool) -> int:
    """Sandbox, data, first sync, edits on both sides, second sync: shown as it happens, every story verified."""
    from sync_pipeline.demo import run_demo

    code = run_demo(mailboxes, contacts, seed, ui, console(stderr=invocation.as_json))
    if invocation.as_json:
        click.echo(json.dumps({"verified": code == 0, "seed": seed}))
    return code


_VERBS = (
    demo, sandbox, run, plan, approve, drop, resolve, link, unlink, explain, history, undo, problems, verify, doctor,
    remove, forget, report,
)  # fmt: skip


class _Verbs(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return [str(verb.name) for verb in _VERBS]  # in the order of a first day's work, not of the alphabet


@click.group(cls=_Verbs, params=global_options(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sync-pipeline")
def cli() -> None:
    """Keeps business contacts in Outlook mailboxes and in Salesforce the same, in both directions."""


for _verb in _VERBS:
    cli.add_command(_verb)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one verb and exits with its code."""
    sys.exit(execute(list(sys.argv[1:] if arguments is None else arguments)))


def execute(arguments: list[str]) -> int:
    """Runs one verb; returns the exit code."""
    invocation = Invocation(as_json="--json" in arguments)
    log_to_stderr("--verbose" in arguments)
    try:
        code = cli.main(args=arguments, prog_name="sync-pipeline", standalone_mode=False, obj=invocation)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except click.Abort:
        click.echo("Stopped. The next run does what is left.", err=True)
        return 130
    except click.ClickException as error:
        error.show(sys.stderr)
        _as_json(invocation, "usage", error.format_message())
        return WRONG_USAGE
    except BrokenPipeError:
        sys.stderr.close()  # who read us has gone; there is nobody to tell
        return 0
    except Exception as error:
        return _tell(invocation, error)


def _tell(invocation: Invocation, error: Exception) -> int:
    """What was asked, what came back, what to do; a traceback only for what nobody expected."""
    from sync_pipeline.model.errors import SettingsInvalid, SyncError
    from sync_pipeline.sandbox.server import SandboxError
    from sync_pipeline.transport import redact

    if isinstance(error, SandboxError):
        click.echo(f"Error: {redact(str(error))}", err=True)
        _as_json(invocation, "sandbox_not_started", str(error))
        return WRONG_USAGE
    if isinstance(error, SyncError):
        click.echo(f"Error: {redact(error.message)}", err=True)
        if error.remedy:
            click.echo(redact(error.remedy), err=True)
        _as_json(invocation, error.code, error.message, error.remedy)
        return WRONG_USAGE if isinstance(error, SettingsInvalid) else NOT_SYNCHRONISED
    if isinstance(error, OSError) and error.filename:
        message = f"{error.filename}: {error.strerror}."
        click.echo(f"Error: {message} Check the path, its permissions and the disk.", err=True)
        _as_json(invocation, "file_unusable", message, "Check the path, its permissions and the disk.")
        return NOT_SYNCHRONISED
    click.echo(redact("".join(traceback.format_exception(error))), err=True)
    click.echo("This is a defect of sync-pipeline. Please report it with the lines above.", err=True)
    _as_json(invocation, "defect", f"{type(error).__name__}: {error}")
    return NOT_SYNCHRONISED


def _as_json(invocation: Invocation, code: str, message: str, remedy: str = "") -> None:
    from sync_pipeline.transport import redact

    if invocation.as_json:
        document = {"error": {"code": code, "message": redact(message), "remedy": redact(remedy)}}
        click.echo(json.dumps(document, ensure_ascii=False, indent=2))
