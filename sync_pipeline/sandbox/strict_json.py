"""JSON as both stand-ins read it: strictly, so that what cannot be stored or sent back is refused at the door."""

from __future__ import annotations

import json
from typing import Any


def read_json(text: bytes) -> Any:
    """No NaN, no half characters (\\ud800), no nesting without end. Raises ValueError."""
    try:
        content = json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if b"\\u" in text:
        json.dumps(content, ensure_ascii=False).encode()  # a UnicodeEncodeError is a ValueError
    return content


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")
