"""One line of `doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line. `code`: 0 good, 1 works with a reservation, 2 settings or credentials are wrong, 3 does not work."""

    what: str
    code: int
    said: str
    remedy: str = ""
