"""The seeded defects of `catalogue.yaml`: what each changes in the code, and which tests must turn red."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
FILE: Final = Path(__file__).with_name("catalogue.yaml")


@dataclass(frozen=True)
class Edit:
    """A text of a file and what stands there instead, everywhere in it."""

    file: str
    old: str
    new: str

    def applies(self, root: Path) -> bool:
        path = root / self.file
        return path.is_file() and self.old in path.read_text(encoding="utf-8")

    def apply(self, root: Path) -> None:
        path = root / self.file
        path.write_text(path.read_text(encoding="utf-8").replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Defect:
    """`rule` is a requirement (R9) or an invariant; `select` is pytest's -k, empty for the whole file `tests`."""

    name: str
    rule: str
    tests: str
    select: str
    edits: tuple[Edit, ...]


def load_defects() -> list[Defect]:
    rows: list[dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [Defect(**{**row, "edits": tuple(Edit(**edit) for edit in row["edits"])}) for row in rows]
