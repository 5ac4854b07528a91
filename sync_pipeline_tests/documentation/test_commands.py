"""Every command line that the documentation or a --help names is one that the command line knows."""

from __future__ import annotations

import re
import shlex

import click
import pytest

from sync_pipeline.cli import cli
from sync_pipeline.commands.examples import EXAMPLES
from sync_pipeline.commands.invocation import Invocation
from sync_pipeline_tests.documentation.pages import ROOT, Command, commands

#: Stand in a page for a value of the reader's, or for a choice: such a line cannot be typed as it is.
_PLACEHOLDERS = ("…", "VERB", "CONTACT", "OPERATION", "|")


def parse(line: str) -> None:
    """Takes a command line apart as the command line would, and runs nothing. Raises click's UsageError."""
    root = cli.make_context("sync-pipeline", shlex.split(line), obj=Invocation())
    name, verb, rest = cli.resolve_command(root, [*root._protected_args, *root.args])
    assert verb is not None
    with verb.make_context(name, rest, parent=root):
        pass


def named_only(line: str) -> None:
    """The verb of a line with placeholders exists, and so do its options."""
    words = shlex.split(line)
    known = {option for parameter in cli.params for option in parameter.opts}
    verbs = words[0].split("|") if not words[0].startswith("-") else []
    for verb in verbs:
        if verb == "VERB":
            continue
        assert verb in cli.commands, f"there is no verb {verb}"
        known |= {option for parameter in cli.commands[verb].params for option in parameter.opts} | {"--help"}
    assert verbs or words[0] in {*known, "--help"}, f"there is no option {words[0]}"
    unknown = {word for word in words[1:] if word.startswith("-")} - known
    assert not unknown or "VERB" in verbs, f"{line}: no such option {unknown}"


def test_every_command_line_of_the_documentation_can_be_typed() -> None:
    found = list(commands())
    assert len(found) > 60, "the pages name many; finding few means that they are not found"
    wrong = []
    for command in found:
        try:
            _check(command)
        except (click.UsageError, AssertionError) as error:
            wrong.append(f"{command.page}: sync-pipeline {command.line}: {error}")
    assert wrong == []


def test_every_verb_that_a_message_of_the_code_names_exists() -> None:
    code = [path for suffix in ("py", "sql") for path in (ROOT / "sync_pipeline").rglob(f"*.{suffix}")]
    named = {verb for path in code for verb in re.findall(r"`sync-pipeline ([a-z]+)", path.read_text(encoding="utf-8"))}
    assert len(named) > 8
    assert named <= cli.commands.keys()


def _check(command: Command) -> None:
    if not command.whole or any(placeholder in command.line for placeholder in _PLACEHOLDERS):
        named_only(command.line)
    elif command.line not in ("--help", "--version"):
        parse(command.line)


@pytest.mark.parametrize("verb", [name for name in cli.commands])
def test_the_help_of_every_verb_ends_with_examples_that_can_be_typed(verb: str) -> None:
    assert EXAMPLES.get(verb), f"commands/examples.py has no example for {verb}"
    context = click.Context(cli.commands[verb], info_name=verb)
    shown = cli.commands[verb].get_help(context)
    for line, _ in EXAMPLES[verb]:
        assert f"sync-pipeline {line}" in shown
        assert line.split()[0] == verb
        parse(line.partition(" | ")[0])
