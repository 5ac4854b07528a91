"""Reads YAML into plain values and the line of every key, so that any later complaint can name its line.

Scalars follow YAML 1.2: `off`, `yes` and dates are text, `0123` keeps its zero. A key that stands twice is a problem.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from sync_pipeline.settings.problems import SettingsProblem, dotted

KeyPath: TypeAlias = tuple[str | int, ...]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # ten times faster where libyaml is there
    """PyYAML's safe loader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own attribute


for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"-?(0|[1-9][0-9]*)", "-0123456789"),
    ("float", r"-?(0|[1-9][0-9]*)\.[0-9]+", "-0123456789"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


@dataclass
class Document:
    """A YAML document: `value` in plain types, the line (from 1) of each key path, and what could not be read."""

    value: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[SettingsProblem] = field(default_factory=list)

    def line(self, path: KeyPath) -> int | None:
        """The line of `path`, or of the nearest thing around it that stands in the file."""
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)


def read_yaml(data: bytes) -> Document:
    """Reads one YAML document in UTF-8; never raises, what is wrong stands in `problems`."""
    document = Document()
    try:
        loader = _Loader(data.decode("utf-8-sig"))
        node = loader.get_single_node()
        if node is not None:
            document.value = _Reader(loader, document).read(node, ())
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        document.problems.append(SettingsProblem(line, "", "is not UTF-8; save the file with the encoding UTF-8"))
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the file, and with it perhaps a secret: only what and where are taken.
        mark = error.problem_mark or error.context_mark
        message = f"is not YAML: {error.problem or error.context}"
        if mark and _character(data, mark) == "\t":
            message = "is not YAML: a tab stands where blanks must indent; replace it by blanks"
        document.problems.append(SettingsProblem(mark.line + 1 if mark else None, "", message))
    except yaml.reader.ReaderError as error:
        message = f"holds a character that YAML forbids (U+{_code_point(error):04X}); remove it"
        line = data.decode("utf-8-sig").count("\n", 0, error.position) + 1
        document.problems.append(SettingsProblem(line, "", message))
    return document


def _character(data: bytes, mark: yaml.Mark) -> str:
    """The character at `mark`; nothing at the end of the file, which is marked on the line after the last."""
    return "".join(
        line[mark.column : mark.column + 1] for line in data.decode("utf-8-sig").split("\n")[mark.line :][:1]
    )


def _code_point(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character)


class _Reader:
    """Walks PyYAML's nodes, which know their lines, instead of its values, which do not."""

    def __init__(self, loader: Any, document: Document) -> None:
        self._loader = loader
        self._document = document
        self._open: set[int] = set()

    def read(self, node: yaml.Node, path: KeyPath) -> Any:
        """The node's value; notes its line under `path` unless its key has already."""
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self._open:
            self._complain(node, path, "refers to itself")
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(child, (*path, index)) for index, child in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        value = self._loader.construct_object(node, deep=True)
        return node.value if isinstance(value, bytes | set) else value

    def _mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if key_node.tag == "tag:yaml.org,2002:merge":
                sources = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                for source in sources:
                    merged = {**self.read(source, path), **merged} if isinstance(source, yaml.MappingNode) else merged
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(key_node, path, "a key must be a word")
                continue
            key = key_node.value
            if key in seen:
                self._complain(key_node, (*path, key), f"stands twice, first in line {seen[key]}; keep one of them")
                continue
            seen[key] = line
            self._document.lines[(*path, key)] = line
            result[key] = self.read(value_node, (*path, key))
        return {**merged, **result}

    def _complain(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        self._document.problems.append(SettingsProblem(node.start_mark.line + 1, dotted(path), message))
