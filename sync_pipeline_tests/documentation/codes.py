"""Every code that a problem, a hold, a stop or an error can carry, read from the code itself: Python and SQL.

A service's own codes pass through as they are; those that the code knows by name are listed too."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CODE: Final = ROOT / "sync_pipeline"
_ELSEWHERE: Final = ("sandbox", "demo")
_NAMES: Final = frozenset({"code", "error_code"})
#: Tables in the code whose keys are codes of the services.
_TABLES: Final = frozenset({"_REMEDIES", "UNAVAILABLE"})
_WORD: Final = r"'([A-Za-z_]+)'"


@cache
def error_codes() -> set[str]:
    """The codes of errors, stopped mailboxes and problems."""
    found = {code for path in _files("*.py") for code in _codes_of(ast.parse(path.read_text(encoding="utf-8")))}
    for path in _files("*.sql"):
        sql = _without_comments(path.read_text(encoding="utf-8"))
        found |= {code for alias in ("code", "obstacle") for code in _values(sql, alias)}
    return {code for code in found if " " not in code}  # a sentence tells of a column of that name


@cache
def hold_kinds() -> set[str]:
    """The kinds under which an operation waits for a person."""
    found = set[str]()
    for path in _files("*.sql"):
        sql = _without_comments(path.read_text(encoding="utf-8"))
        found |= set(_values(sql, "hold_kind")) | set(re.findall(rf"hold_kind = {_WORD}", sql))
        for alias in ("guard", "earlier_kind"):
            found |= set(_values(sql, alias))
        if "verdict[1] as hold_kind" in sql:
            found |= set(_values(sql, "verdict")) - {"ready", "wait", "already", "dropped"}
    return found


def _files(pattern: str) -> Iterator[Path]:
    for path in sorted(CODE.rglob(pattern)):
        if path.relative_to(CODE).parts[0] not in _ELSEWHERE:
            yield path


def _codes_of(module: ast.Module) -> Iterator[str]:
    constants = {
        name: node.value
        for node in module.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for name in _targets(node)
        if node.value is not None
    }
    for node in ast.walk(module):
        if isinstance(node, ast.keyword) and node.arg in _NAMES:
            yield from _texts(node.value, constants)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target, value in _pairs(node):
                if target in _NAMES:
                    yield from _texts(value, constants)
                elif target in _TABLES and isinstance(value, ast.Dict):
                    yield from (text for key in value.keys if key is not None for text in _texts(key, constants))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "code":
                    yield from _texts(value, constants)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_as_json":
            yield from _texts(node.args[1], constants)


def _targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            yield target.id


def _pairs(node: ast.Assign | ast.AnnAssign) -> Iterator[tuple[str, ast.expr]]:
    """Name and value of an assignment; of `a, b = 1, 2` one pair each."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name) and node.value is not None:
            yield target.id, node.value
        elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            for name, value in zip(target.elts, node.value.elts, strict=True):
                if isinstance(name, ast.Name):
                    yield name.id, value


def _texts(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """The texts that an expression can be: constants, named ones too, and the branches of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.Name) and isinstance(constants.get(node.id), ast.Constant):
        yield from _texts(constants[node.id], {})
    elif isinstance(node, ast.IfExp):
        yield from (*_texts(node.body, constants), *_texts(node.orelse, constants))
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in _texts(value, constants))


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*", "", sql)


def _values(sql: str, alias: str) -> Iterator[str]:
    """The texts that a column of this name can be: a literal, or what a `case` ends with (of an array its first)."""
    yield from re.findall(rf"{_WORD} as {alias}\b", sql)
    for end in re.finditer(rf"\bend as {alias}\b", sql):
        case = _case_before(sql, end.start())
        yield from re.findall(rf"\b(?:then|else) \[?{_WORD}", case)


def _case_before(sql: str, end: int) -> str:
    """The `case` expression that ends at `end`."""
    depth = 1
    for word in reversed(list(re.finditer(r"\b(case|end)\b", sql[:end]))):
        depth += 1 if word[1] == "end" else -1
        if depth == 0:
            return sql[word.start() : end]
    raise ValueError(f"no case ends at {end}")
