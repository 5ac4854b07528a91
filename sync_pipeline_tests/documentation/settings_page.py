"""Writes docs/settings.md: allowed values and defaults from the schema, the words from settings.example.yaml.

`python -m sync_pipeline_tests.documentation.settings_page`; with --check it only tells whether the page is stale."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import yaml

from sync_pipeline.model.fields import FIELDS
from sync_pipeline.settings import Secrets, Settings
from sync_pipeline.settings.secrets import PREFIX, AlertSecrets, needed_by

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "settings.md"
EXAMPLE: Final = ROOT / "settings.example.yaml"
KeyPath = tuple[str, ...]

#: Where the keys of a mailbox stand in the page: once, though each may stand in a mailbox too.
_PER_MAILBOX = "defaults"
_HEAD: Final = """# Settings

<!-- Written by `python -m sync_pipeline_tests.documentation.settings_page`, from schema and settings.example.yaml. -->

The settings are one YAML file. `--settings PATH` names it, or the environment variable `SYNC_PIPELINE_SETTINGS`, or it
is `settings.yaml` in the current directory. Without any of them a sandbox on its default ports is used, where one runs.

A key that is left out has its default. A mistake is reported with its line, its key and what may stand there, all
mistakes at once. `settings.example.yaml` in the repository is a whole file to start from.
"""
_WORDS: Final = {
    "salesforce": "The org, and how to log in to it.",
    "graph": "The tenant, and how to log in to it.",
    "": "Of the whole installation.",
    "defaults": "Every key here may also stand in a mailbox, where it wins. What a mailbox does not say is as here.",
}

_KEY: Final = """`{key}` holds the key itself, as PEM text (`\\n` may stand for the end of a line).
`{key}_FILE` names a file that holds it instead. Set one of the two.
"""
_ALERTS: Final = {
    "webhook_url": "`alerts.webhook: true`, in the environment of Dagster's daemon",
    "smtp_username": "`alerts.email`, where the server asks for a login; in the environment of Dagster's daemon",
    "smtp_password": "`alerts.email`, where the server asks for a login; in the environment of Dagster's daemon",
}
_MAILBOXES: Final = """## mailboxes

A list, each entry with its `mailbox` (the address), its `salesforce_user` (the user's Username), and any key of
`defaults` that differs there:

```yaml
mailboxes:
  - {mailbox: anna@example.com, salesforce_user: anna@acme.example.com}
  - {mailbox: boris@example.com, salesforce_user: boris@acme.example.com, view: Key_Accounts}
```

Or found by a rule. `where` is a SOQL condition on User, `mailbox_field` (default `Email`) the field of User that holds
the address. `listed` then holds those that differ from the defaults:

```yaml
mailboxes:
  discover: {where: "IsActive = true AND Department = 'Sales'", mailbox_field: Email}
  listed: [{mailbox: anna@example.com, enabled: false}]
```
"""


def main(arguments: Sequence[str]) -> int:
    text = page()
    stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
    if stale and "--check" not in arguments:
        PAGE.write_text(text, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"{PAGE.relative_to(ROOT)} is stale; run python -m {__spec__.name}")
        return 1
    print(f"{PAGE.relative_to(ROOT)} {'was written' if stale else 'is current'}")
    return 0


def page() -> str:
    """The whole page. Raises KeyError for a key of the schema that settings.example.yaml does not explain."""
    words = explained(EXAMPLE.read_text(encoding="utf-8"))
    keys = list(schema_keys())
    sections: dict[str, list[KeyPath]] = {"salesforce": [], "graph": [], "": [], "defaults": []}
    for path, _ in keys:
        sections[path[0] if path[0] in sections else ""].append(path)
    schema = dict(keys)
    lines = [_HEAD, "## Credentials", "", *_credentials()]
    for section, paths in sections.items():
        lines += [f"## {section or 'Schedule, data, alerts'}", "", _WORDS[section], ""]
        lines += ["| key | what may stand there | default | |", "|---|---|---|---|"]
        examples: list[str] = []
        for path in paths:
            text, example = words[path]
            text = text or words.get(path[:-1], ("", []))[0]  # what is said of the whole section
            shown = ".".join(path[1:] if section else path)
            cells = (f"`{shown}`", _allowed(schema[path]), _default(schema[path]), text)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            if example:
                examples += ["", f"Such as, for `{shown}`:", "", "```yaml", f"{path[-1]}:", *example, "```"]
        lines += [*examples, ""]
    lines += [_MAILBOXES]
    lines += ["## Mapped fields", "", *_mapping(), ""]
    return "\n".join(lines)


def schema_keys() -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Every key of the settings file with its JSON schema, in the schema's order; `mailboxes` is left out."""
    root = Settings.model_json_schema()

    def walk(node: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
        for name, each in node["properties"].items():
            below = _resolved(each, root)
            if below.get("properties") and (*path, name) != ("mailboxes",):
                yield from walk(below, (*path, name))
            elif path or name != "mailboxes":
                yield (*path, name), below

    yield from walk(root, ())


def explained(text: str) -> dict[KeyPath, tuple[str, list[str]]]:
    """By key path of the example file: the sentences above the key, and the lines of YAML among them."""
    found: dict[KeyPath, tuple[str, list[str]]] = {}
    path: list[tuple[int, str]] = []
    comment: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            comment.append(stripped[1:])
        elif match := re.match(r"( *)([a-z_]+):", line):
            indent = len(match[1])
            path = [(depth, name) for depth, name in path if depth < indent] + [(indent, match[2])]
            words = " ".join(part.strip() for part in comment if not part.startswith("   "))
            example = [part[1:] for part in comment if part.startswith("   ")]
            found[tuple(name for _, name in path)] = (words.rstrip(":"), example)
            comment = []
        elif not stripped:
            comment = []
    return found


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in node:
        kept = {name: value for name, value in node.items() if name != "$ref"}
        return {**root["$defs"][node["$ref"].rpartition("/")[2]], **kept}
    return node


def _allowed(node: Mapping[str, Any]) -> str:
    """What a value may be, in words."""
    if "anyOf" in node:
        return " or ".join(_allowed(each) for each in node["anyOf"])
    if "$ref" in node:
        return "a section"
    if "enum" in node:
        return " | ".join(f"`{value}`" for value in node["enum"])
    bounds = [str(node[name]) for name in ("minimum", "maximum") if name in node]
    within = f", {'–'.join(bounds)}" if len(bounds) == 2 else f" from {bounds[0]} on" if bounds else ""
    match node.get("type"):
        case "boolean":
            return "`true` | `false`"
        case "integer":
            return f"a whole number{within}"
        case "number":
            return f"a number{within}"
        case "array":
            items = node["items"]
            return "a list of " + (_allowed(items) if "enum" in items else "names")
        case "object":
            return "a mapping"
        case "null":
            return "`null`"
        case _:
            return "a path" if node.get("format") == "path" else "text"


def _default(node: Mapping[str, Any]) -> str:
    if node.get("default", "") == "":
        return "none: it must be there"
    value = node["default"]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "`" + yaml.safe_dump(value, default_flow_style=True, width=200).removesuffix("...\n").strip() + "`"


def _credentials() -> Iterator[str]:
    yield "Credentials come from the environment only; a file that names one is refused."
    yield ""
    yield "| environment variable | needed with |"
    yield "|---|---|"
    for field in fields(Secrets):
        ways = " and ".join(f"`{side}.auth: {auth}`" for side, auth in needed_by(field.name))
        yield f"| `{PREFIX}{field.name.upper()}` | {ways} |"
    for field in fields(AlertSecrets):
        yield f"| `{PREFIX}ALERT_{field.name.upper()}` | {_ALERTS[field.name]} |"
    yield ""
    yield _KEY.format(key=f"{PREFIX}SALESFORCE_PRIVATE_KEY")


def _mapping() -> Iterator[str]:
    yield "What is mapped unless `mapping` says otherwise. `doctor` names what the org does not show or let us write."
    yield ""
    yield "| field | Salesforce | Outlook (Graph) | kind | direction | most characters |"
    yield "|---|---|---|---|---|---|"
    for field in FIELDS:
        cells = (field.name, field.salesforce, field.outlook, field.kind.value, field.direction.value)
        yield "| " + " | ".join(f"`{cell}`" for cell in cells) + f" | {field.length:,} |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
