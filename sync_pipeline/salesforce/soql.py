"""Text and times for SOQL: literals, lists of Ids, 18-character Ids. No value reaches a query without passing here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final, TypeVar

from simple_salesforce.format import quote_soql_value

#: Ids in one IN list: 200 stay far below the 16 KB that a GET's address may have.
IDS_AT_ONCE: Final = 200

Item = TypeVar("Item")

_CHECK_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def quote(text: str) -> str:
    """A string literal with quotes. `%` and `_` stay plain, as = reads them; do not use it with LIKE."""
    return str(quote_soql_value(text))


def literal(moment: datetime) -> str:
    """A dateTime literal of a naive UTC time, cut to the second (so `>=` never misses a row of that second)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """A naive UTC time from 2026-01-31T08:00:00.000+0000, as Salesforce writes it."""
    return datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)


def id_lists(ids: Iterable[str], per: int = IDS_AT_ONCE) -> Iterator[str]:
    """`('…','…')` lists for IN, at most `per` Ids each; none for no Ids, since IN () is an error."""
    for part in chunks(list(dict.fromkeys(ids)), per):
        yield f"({','.join(quote(item) for item in part)})"


def chunks(items: Sequence[Item], per: int) -> Iterator[Sequence[Item]]:
    """The items in order, at most `per` at once."""
    return (items[start : start + per] for start in range(0, len(items), per))


def long_id(record_id: str) -> str:
    """The 18-character form of an Id, which compares without case; any other text unchanged."""
    if len(record_id) != 15:
        return record_id
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(record_id[start : start + 5]) if "A" <= letter <= "Z")
        suffix += _CHECK_LETTERS[bits]
    return record_id + suffix
