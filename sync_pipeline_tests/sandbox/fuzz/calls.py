"""One call that the fuzz run makes, drawn by Hypothesis: right as its route wants it, or with something wrong in it."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

Value = TypeVar("Value")
WRONG_IN_PERCENT: Final = 35
METHODS: Final = ("GET", "POST", "PATCH", "PUT", "DELETE")
_NASTY: Final = (
    "", " ", "'", '"', "%", "_", "\\", "/", "..", "²", "١٢", "9" * 30, "-1", "0", "1e999", "NaN", "null", "true",
    "\x00", "\n", "A" * 300, "$value", "{}", "[1]", "(", "Ünïcödé 🙂", "delta()", "contacts", "' or '1'='1",
    "0035g000000001AAAQ", "2026-02-30", "9999-12-31T23:59:59Z", "@{a.b[0]}", "http://[", "//x", "#N/A",
)  # fmt: skip
_RAW: Final = (
    b"", b"{", b"[]", b"null", b"1", b'"text"', b"\xff\xfe", b'{"a": NaN}', b'{"a": 1e999}', b"[" * 100_000,
    b'{"displayName": "\\ud800", "surname": "\\ud800", "LastName": "\\ud800", "Name": "\\ud800"}', b'{"a":1}garbage',
    b'{"a": ' + b"9" * 5000 + b"}", b"a=%ff&b=%00&grant_type=password",
)  # fmt: skip
TEXT: Final = st.one_of(st.sampled_from(_NASTY), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
JUNK: Final = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=4,
)
_HEADERS: Final = (
    "Prefer", "If-Match", "Content-Type", "If-Unmodified-Since", "Sforce-Query-Options", "Sforce-Duplicate-Rule-Header",
    "client-request-id", "Cookie", "Accept", "Authorization", "Sforce-Call-Options", "X-HTTP-Method-Override",
)  # fmt: skip
_OPTIONS: Final = (
    "$top", "$skip", "$skiptoken", "$deltatoken", "$select", "$filter", "$expand", "$orderby", "$count", "$search",
    "q", "fields", "ids", "allOrNone", "start", "end", "limit", "offset", "locator", "maxRecords", "after", "columns",
)  # fmt: skip


@dataclass
class Sent:
    """`path` is percent-encoded; `body` bytes as they are, anything else as JSON; `token` None sends none."""

    service: str
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = b""
    token: str | None = None

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    @property
    def address(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def __str__(self) -> str:
        shown = self.content[:300].decode("utf-8", "backslashreplace")
        return f"{self.service} {self.method} {self.address} {self.headers} token={self.token} {shown}"


class Luck:
    """Draws for one example. What is nasty comes from Hypothesis; the choices among it from one number of Hypothesis's,
    because they depend on the sandbox's state, and its draws must not."""

    def __init__(self, number: int, texts: Sequence[str], junk: Sequence[Any]) -> None:
        self._random, self._texts, self._junk = random.Random(number), texts, junk

    def one(self, options: Sequence[Value]) -> Value:
        return self._random.choice(options)

    def some(self, options: Sequence[Value], most: int) -> list[Value]:
        """At most so many, each once."""
        return self._random.sample(options, min(len(options), self.number(0, most)))

    def number(self, least: int, most: int) -> int:
        return self._random.randint(least, most)

    def chance(self, percent: int) -> bool:
        return self.number(0, 99) < percent

    def text(self) -> str:
        return self.one(self._texts if self.chance(50) else _NASTY)

    def junk(self) -> Any:
        return self.one(self._junk)

    def raw(self) -> bytes:
        return self.one(_RAW)


def spoilt(sent: Sent, luck: Luck) -> Sent:
    """The call with one or two things wrong in it."""
    for _ in range(1 if luck.chance(70) else 2):
        sent = _spoilt_once(sent, luck)
    return sent


def _spoilt_once(sent: Sent, luck: Luck) -> Sent:
    ways = ["query", "option", "header", "segment", "method", "token"]
    ways += ["raw", "value", "value", "value", "key"] if sent.method != "GET" else ["query", "query"]
    match luck.one(ways):
        case "query":
            names = list(sent.query) or list(_OPTIONS)
            name = luck.one(names)
            sent.query[name] = _bent(sent.query.get(name, ""), luck)
        case "option":
            sent.query[luck.one(_OPTIONS)] = luck.text()
        case "header":
            sent.headers[luck.one(_HEADERS)] = re.sub(r"[^\x21-\x7e ]", "", luck.text()).strip()
        case "segment":
            parts = sent.path.split("/")
            place = luck.number(1, len(parts) - 1) if len(parts) > 1 else 0
            parts[place] = quote(luck.text(), safe="")
            sent.path = "/".join(parts)
        case "method":
            sent.method = luck.one(METHODS)
        case "token":
            sent.token = luck.one([None, "", "nonsense", "user:", "user:nobody", "user:ben@example.com", "graph-1"])
        case "raw":
            sent.body = luck.raw()
        case "key":
            sent.body = {**sent.body, luck.text(): luck.junk()} if isinstance(sent.body, dict) else luck.junk()
        case _:
            sent.body = _replaced(sent.body, luck)
    if sent.path.startswith("//") or not sent.path.startswith("/"):
        sent.path = "/" + sent.path.lstrip("/")
    return sent


def _replaced(body: Any, luck: Luck) -> Any:
    """The JSON with one value somewhere in it replaced by junk."""
    if isinstance(body, dict) and body:
        name = luck.one(list(body))
        return {**body, name: _replaced(body[name], luck) if luck.chance(50) else luck.junk()}
    if isinstance(body, list) and body:
        place = luck.number(0, len(body) - 1)
        return [_replaced(each, luck) if number == place else each for number, each in enumerate(body)]
    if isinstance(body, bytes) and body:
        place = luck.number(0, len(body) - 1)
        return body[:place] + luck.raw()[:50] + body[place + 1 :]
    if isinstance(body, str) and luck.chance(50):
        return _bent(body, luck)
    return luck.junk()


def _bent(text: str, luck: Luck) -> str:
    """The text with a piece taken out and something else put in its place; or another text."""
    if not text or luck.chance(40):
        return luck.text()
    start = luck.number(0, len(text))
    return text[:start] + luck.one(["", luck.text()]) + text[start + luck.number(0, 3) :]
