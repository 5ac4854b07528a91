"""What is wrong with the settings: problems that name line, key, what was found and what is allowed, all at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sync_pipeline.model.errors import SettingsInvalid


@dataclass(frozen=True, order=True)
class SettingsProblem:
    """One problem. `line` counts from 1 and is None where there is no file or no line; `key` is the dotted key path."""

    line: int | None
    key: str
    message: str


class SettingsError(SettingsInvalid):
    """The settings cannot be used. `problems` holds every problem found; the text names FILE:LINE for each."""

    def __init__(self, problems: Iterable[SettingsProblem], source: str = "settings") -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (problem.line or 0, problem.key)))
        self.source = source
        super().__init__("\n".join(self._text(problem) for problem in self.problems))

    def _text(self, problem: SettingsProblem) -> str:
        place = self.source if problem.line is None else f"{self.source}:{problem.line}"
        return ": ".join(part for part in (place, problem.key, problem.message) if part)


def dotted(path: Iterable[str | int]) -> str:
    """A key path as people write it: `mailboxes[3].account.mode`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object) -> str:
    """A value as an error may show it: short, and never what stands inside a list or a mapping."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return f"`{text[:60]}…`" if len(text) > 60 else f"`{text}`"
