"""Salesforce record ids: 15 characters that mind their case, 18 with its checksum; the first three name the object."""

from __future__ import annotations

import re
import string
from typing import Final

_DIGITS: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase  # ASCII order: later ids sort later
_CHECK: Final = string.ascii_uppercase + "012345"
_POD: Final = "5g0"
_FORM: Final = re.compile(r"[0-9A-Za-z]{15}(?:[A-Za-z0-5]{3})?")


def make_id(key_prefix: str, number: int) -> str:
    """The 18-character id of the `number`th record of an object."""
    digits = ""
    for _ in range(9):
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return with_checksum(f"{key_prefix}{_POD}{digits}")


def custom_prefix(number: int) -> str:
    """The key prefix of the `number`th custom object: a01, a02 …"""
    return "a" + _DIGITS[number // 62 % 62] + _DIGITS[number % 62]


def with_checksum(short: str) -> str:
    """15 characters to 18."""
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return short + "".join(_CHECK[sum(1 << place for place, c in enumerate(group) if c.isupper())] for group in groups)


def full_id(text: str) -> str | None:
    """The 18-character form of a 15- or 18-character id, its case restored from the checksum; None if it is no id."""
    if not _FORM.fullmatch(text):
        return None
    if len(text) == 15:
        return with_checksum(text)
    restored = "".join(
        c.upper() if _CHECK.index(text[15 + place // 5].upper()) >> place % 5 & 1 else c.lower()
        for place, c in enumerate(text[:15])
    )
    complete = with_checksum(restored)
    return complete if complete.upper() == text.upper() else None
