"""The verb that examines an installation: a line for each thing that has to be right, and else what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from sync_pipeline.commands.invocation import (
    DONE,
    WITH_PROBLEMS,
    WRONG_USAGE,
    Invocation,
    Verb,
    console,
    pass_invocation,
    several_mailboxes,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sync_pipeline.commands.finding import Finding

_MARKS = {DONE: "[green]✓[/]", WITH_PROBLEMS: "[yellow]![/]"}


@click.command(cls=Verb)
@several_mailboxes
@click.option("--sign-in", is_flag=True, help="With graph.auth: delegated, sign in first, with a code in a browser.")
@pass_invocation
def doctor(invocation: Invocation, mailboxes: tuple[str, ...], sign_in: bool) -> int:
    """Examine settings, credentials, both services, every mailbox and its view, the fields and the warehouse."""
    from sync_pipeline.commands.examination import examine

    findings: list[Finding] = []
    for finding in examine(invocation, list(mailboxes), sign_in=sign_in):
        findings.append(finding)
        if not invocation.as_json:
            _show(finding)
    codes = {finding.code for finding in findings}
    code = WRONG_USAGE if WRONG_USAGE in codes else max(codes, default=DONE)

    def end(console: Console) -> None:
        console.print("All is well." if code == DONE else "Look at the lines without a tick.", style="bold")

    invocation.emit({"findings": [asdict(finding) for finding in findings], "well": code == DONE}, end)
    return code


def _show(finding: Finding) -> None:
    from rich.markup import escape

    mark = _MARKS.get(finding.code, "[red]✗[/]")
    remedy = f" [dim]{escape(finding.remedy)}[/]" if finding.remedy else ""
    console().print(f"{mark} [bold]{escape(finding.what)}[/]: {escape(finding.said)}{remedy}", highlight=False)
