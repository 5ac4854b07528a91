"""CSV as Bulk API 2.0 takes and gives it: delimiter and line ending by name, blank is ignored, #N/A is null."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

DELIMITERS: Final = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS: Final = {"LF": "\n", "CRLF": "\r\n"}
NULL: Final = "#N/A"
_FIRST_LINE: Final = re.compile(r'(?:"(?:[^"]|"")*"|[^"\r\n])*(\r\n|\r|\n)')


class UnreadableCsv(ValueError):
    """The data as a whole cannot be read; the message is the job's errorMessage."""


def read(content: bytes, *, delimiter: str, line_ending: str) -> tuple[list[str], list[list[str]]]:
    """(header, rows) by the names of delimiter and line ending. Raises UnreadableCsv."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableCsv(f"ClientInputError : the data is not UTF-8: {error.reason} at byte {error.start}") from None
    first = _FIRST_LINE.match(text)
    if first is not None and first[1] != LINE_ENDINGS[line_ending]:
        message = f"LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
        raise UnreadableCsv(f"ClientInputError : {message}")
    try:
        lines = [
            line for line in csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
        ]
    except csv.Error as error:
        raise UnreadableCsv(f"InvalidBatch : Failed to parse CSV. Reason: {error}") from None
    rows = [line for line in lines if line]
    if not rows:
        raise UnreadableCsv("InvalidBatch : Records not found for the job: the data has no header line")
    header, *rest = rows
    for number, row in enumerate(rest, start=2):
        if len(row) != len(header):
            raise UnreadableCsv(
                f"InvalidBatch : Failed to parse CSV. Reason: line {number} has {len(row)} values, the header has"
                f" {len(header)}"
            )
    return header, rest


def write(header: Sequence[str], rows: Iterable[Sequence[str]], *, delimiter: str, line_ending: str) -> bytes:
    """The lines, every value in quotes, as Salesforce writes them."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=DELIMITERS[delimiter], lineterminator=LINE_ENDINGS[line_ending], quoting=csv.QUOTE_ALL
    )
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
