"""The pages as the tests read them: their texts, their blocks of code, the command lines that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
PAGES: Final = tuple(sorted(DOCS.glob("*.md")))
#: Every text that a user reads.
TEXTS: Final = (*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_PROGRAM: Final = "sync-pipeline"


@dataclass(frozen=True)
class Command:
    """A command line of a page: all after `sync-pipeline`, and whether a person can type it as it stands."""

    page: str
    line: str
    whole: bool


def blocks(text: str, language: str | None = None) -> list[str]:
    """The fenced blocks of code, all or those of a language."""
    return [body for name, body in _FENCE.findall(text) if language is None or name == language]


def inline(text: str) -> list[str]:
    """What stands between single backticks outside of the blocks, each on one line."""
    return [" ".join(code.split()) for code in _INLINE.findall(_FENCE.sub("", text))]


def commands() -> Iterator[Command]:
    """Every `sync-pipeline …` of every page."""
    for path in TEXTS:
        text, name = path.read_text(encoding="utf-8"), path.name
        for block in blocks(text):
            for line in block.splitlines():
                bare = re.sub(r"^\s*(\$ )?(\w+=\S+ )*(\.venv/bin/)?", "", line).partition("  #")[0].partition(" | ")[0]
                if bare.startswith(f"{_PROGRAM} "):
                    yield Command(name, bare.removeprefix(_PROGRAM).strip(), whole=True)
        for code in inline(text):
            bare = re.sub(r"^(\w+=\S+ )*", "", code)
            if bare.startswith(f"{_PROGRAM} "):
                yield Command(name, bare.removeprefix(_PROGRAM).strip(), whole=False)
