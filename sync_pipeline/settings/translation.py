"""Turns pydantic's errors into problems as an operator reads them: the key path, what was found, what is allowed."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sync_pipeline.settings import checks
from sync_pipeline.settings.problems import shown
from sync_pipeline.settings.reading import KeyPath

_ALLOWED = {
    "bool": "true | false",
    "int": "a whole number",
    "float": "a number",
    "string": "text; put it in quotes if it looks like a number",
    "tuple": "a list, such as [a, b]",
    "dict": "a mapping of keys to values",
    "model": "a mapping of keys to values",
    "path": "a path",
}
#: Where the type alone does not say what may stand there.
_ALLOWED_AT = {"view": "mine | all | a list view's Id, developer name or label; put an Id in quotes"}


def problems_of(error: ValidationError, root: type[BaseModel]) -> Iterator[tuple[KeyPath, str]]:
    """Every problem in `error`: key path and message."""
    for details in error.errors(include_url=False):
        path: KeyPath = tuple(part for part in details["loc"] if part != "[key]")
        if details["type"] == "refused":
            for below, message in details["ctx"]["problems"]:
                yield (*path, *below), message
        else:
            yield path, _message(details, path, root)


def _message(details: ErrorDetails, path: KeyPath, root: type[BaseModel]) -> str:
    kind, found, context = details["type"], shown(details["input"]), details.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return checks.unknown("key here", str(path[-1]), _keys(root, path[:-1]))
    if "expected" in context:
        allowed = " | ".join(re.findall(r"'([^']*)'", str(context["expected"])))
        return f"found {found}; allowed: {allowed}"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']:g}" if "ge" in context else f"at most {context['le']:g}"
        return f"found {found}; allowed: {bound}"
    expected = _ALLOWED_AT.get(str(path[-1])) or _ALLOWED.get(kind.split("_")[0])
    return f"found {found}; allowed: {expected}" if expected else f"found {found}; {details['msg']}"


def _keys(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that may stand in the section at `path`."""
    model: Any = root
    for part in path:
        if isinstance(part, int) or not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue  # an entry of a list, or of a mapping whose keys are free
        model = _section(model.model_fields[part].annotation)
    return list(model.model_fields)


def _section(annotation: Any) -> Any:
    """The model inside an annotation such as `X | None`, `tuple[X, ...]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in typing.get_args(annotation) if (found := _section(part)) is not None), None)
