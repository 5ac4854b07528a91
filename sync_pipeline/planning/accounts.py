"""Finds the Account of each Company (R7): exact name, else the only Account whose name contains it, else none.

Pure, one pass over all Accounts for all Companies at once, and the same answer in any order of input."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

import ahocorasick  # type: ignore[import-not-found]
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz import fuzz, process

RULES: Final = ("exact", "earliest_created", "unique_substring", "ambiguous_substring", "no_match", "no_company")

#: A line end never stands in a compared name, because blanks are collapsed: no hit can reach over two names.
_SEPARATOR: Final = "\n"
_CHARACTERS_AT_ONCE: Final = 1 << 20
_HITS_AT_ONCE: Final = 1 << 20
#: Up to this many comparisons every name is compared; above it, only the neighbours in alphabetical order.
_FULL_COMPARISONS: Final = 5_000_000
_NEIGHBOURS: Final = 200
_NEAR_ENOUGH: Final = 60.0


def comparable(text: object) -> str:
    """The form in which names are compared: Unicode NFC, no case (casefold), blanks collapsed; "" for a missing value.

    SOQL compares text without case. Composed and decomposed letters look alike to a person, hence NFC. Everything
    else is a plain character: nothing is a wildcard here.
    """
    if not isinstance(text, str):
        return ""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFC", text).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def resolve_accounts(contacts: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """The Account of each row of contacts, by R7.

    contacts: [key, company]. accounts: [id, name, created_at], ids unique,
    created_at a time or ISO text (missing: last).
    Returns [key, account_id, rule, candidates], one row per input row, in order: account_id is None where no Account
    was taken, rule one of RULES, candidates the number of Accounts that the deciding rule saw (every Account of that
    name, or every Account that contains it; 0 for no_match and no_company).
    """
    companies = [comparable(company) for company in contacts["company"].tolist()]
    names = [comparable(name) for name in accounts["name"].tolist()]
    ids = accounts["id"]
    decided: dict[str, tuple[str | None, str, int]] = {"": (None, "no_company", 0)}
    wanted = set(companies) - {""}

    for name, rows in _named(wanted, names).items():
        rule = "exact" if len(rows) == 1 else "earliest_created"
        decided[name] = (ids.iloc[_earliest(accounts, rows)], rule, len(rows))

    # Sorted, so that nothing below depends on the order of a set.
    for name, count, row in _containing(sorted(wanted - decided.keys()), names):
        rule = "no_match" if count == 0 else "unique_substring" if count == 1 else "ambiguous_substring"
        decided[name] = (ids.iloc[row] if count == 1 else None, rule, count)

    answers = [decided[company] for company in companies]
    columns = {
        "key": contacts["key"].to_numpy(),
        "account_id": pd.Series([answer[0] for answer in answers], dtype=object),
        "rule": pd.Series([answer[1] for answer in answers], dtype="str"),
        "candidates": np.array([answer[2] for answer in answers], dtype=np.int64),
    }
    return pd.DataFrame(columns)


def suggest_accounts(companies: pd.DataFrame, accounts: pd.DataFrame, limit: int = 3) -> pd.DataFrame:
    """The Account names nearest to each Company that found none; to be shown, never to be used.

    companies: [key, company]. accounts: [id, name, …]. Returns [key, suggestions], one row per input row, in order:
    suggestions is a list of at most `limit` distinct names, nearest first, then alphabetically; empty where none is.
    The order of a name's words does not matter. Where Companies times Accounts would be too many comparisons, each
    Company is compared with the names that stand next to it in alphabetical order only, so that the cost stays bounded.
    """
    wanted = {form: _sorted_words(form) for form in map(comparable, companies["company"].tolist()) if form}
    shown: dict[str, str] = {}
    for original in accounts["name"].tolist() if wanted else []:
        form = comparable(original)
        if form and (form not in shown or original < shown[form]):
            shown[form] = original
    by_words = sorted((_sorted_words(form), form) for form in shown)
    complete = len(wanted) * len(by_words) <= _FULL_COMPARISONS
    plain = [] if complete else sorted((form, _sorted_words(form)) for form in shown)

    nearest: dict[str, list[str]] = {"": []}
    for form, words in wanted.items():
        near = by_words if complete else _neighbours(form, words, plain, by_words)
        nearest[form] = [shown[other] for other in _nearest(words, near, limit)]
    suggestions = [list(nearest[comparable(company)]) for company in companies["company"].tolist()]
    return pd.DataFrame({"key": companies["key"].to_numpy(), "suggestions": pd.Series(suggestions, dtype=object)})


def _named(wanted: set[str], names: Sequence[str]) -> dict[str, list[int]]:
    """The rows of the Accounts with exactly a wanted name."""
    found: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        if name in wanted:
            found.setdefault(name, []).append(row)
    return found


def _earliest(accounts: pd.DataFrame, rows: list[int]) -> int:
    """Of some Accounts the row of the one created first, then of the lowest Id."""
    if len(rows) == 1:
        return rows[0]
    created = pd.to_datetime(accounts["created_at"].iloc[rows], utc=True, format="ISO8601")
    same_name = pd.DataFrame({"created": created.to_numpy(), "id": accounts["id"].iloc[rows].to_numpy(), "row": rows})
    return int(same_name.sort_values(["created", "id"], na_position="last")["row"].iloc[0])


def _containing(wanted: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    """For each wanted text the number of names that contain it, and the row of one of them (0 where there is none)."""
    letters = [text for text in wanted if len(text) == 1]
    longer = [text for text in wanted if len(text) > 1]
    yield from _containing_letters(letters, names)
    if not longer:
        return
    counts = np.zeros(len(longer), dtype=np.int64)
    rows = np.zeros(len(longer), dtype=np.int64)
    for hits in _hits(longer, names):
        # A name is hit twice where it holds the text twice, and counts once.
        hits.sort()
        hit_rows, texts = np.divmod(hits[np.diff(hits, prepend=-1) > 0], len(longer))
        counts += np.bincount(texts, minlength=len(longer))
        rows[texts] = hit_rows
    yield from zip(longer, counts.tolist(), rows.tolist(), strict=True)


def _containing_letters(letters: Sequence[str], names: Sequence[str]) -> Iterator[tuple[str, int, int]]:
    # One letter stands in nearly every name: in the automaton a few of them would cost more than all the rest.
    if not letters:
        return
    counts = Counter(chain.from_iterable(map(frozenset(letters).intersection, names)))
    once = frozenset(letter for letter in letters if counts[letter] == 1)
    rows = {letter: row for row, name in enumerate(names) for letter in once.intersection(name)} if once else {}
    yield from ((letter, counts[letter], rows.get(letter, 0)) for letter in letters)


def _hits(wanted: Sequence[str], names: Sequence[str]) -> Iterator[NDArray[np.int64]]:
    """Every place where a wanted text stands in a name, as row of the name * number of texts + index of the text.

    All hits in one name stand in one array.
    """
    automaton = ahocorasick.Automaton()
    for index, text in enumerate(wanted):
        automaton.add_word(text, index)
    automaton.make_automaton()
    lengths = np.fromiter((len(name) + 1 for name in names), dtype=np.int64, count=len(names))
    ends = np.cumsum(lengths)
    first = 0
    while first < len(names):
        begin = int(ends[first] - lengths[first])
        last = max(first + 1, int(np.searchsorted(ends, begin + _CHARACTERS_AT_ONCE)))
        found = automaton.iter(_SEPARATOR.join(names[first:last]))
        kept: list[NDArray[np.int64]] = []
        # Straight from the iterator into the array: a list of millions of tuples would keep the garbage collector busy.
        while (places := np.fromiter(chain.from_iterable(islice(found, _HITS_AT_ONCE)), dtype=np.int64)).size:
            hit_rows = np.searchsorted(ends[first:last] - begin, places[::2], side="right") + first
            kept.append(hit_rows * len(wanted) + places[1::2])
        if kept:
            yield np.concatenate(kept)
        first = last


def _sorted_words(form: str) -> str:
    return " ".join(sorted(form.split(" ")))


def _neighbours(
    form: str, words: str, plain: Sequence[tuple[str, str]], by_words: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """(sorted words, name) of the names next to this one in alphabetical order, by name and by its sorted words."""
    near = {(other_words, other) for other, other_words in _around(plain, form)}
    return sorted(near | set(_around(by_words, words)))


def _around(ordered: Sequence[tuple[str, str]], text: str) -> Sequence[tuple[str, str]]:
    place = bisect_left(ordered, (text, ""))
    return ordered[max(0, place - _NEIGHBOURS // 2) : place + _NEIGHBOURS // 2]


def _nearest(words: str, near: Sequence[tuple[str, str]], limit: int) -> list[str]:
    """The names whose sorted words are nearest, by share of equal characters; ties alphabetically."""
    if not near or limit < 1:
        return []
    texts = [other_words for other_words, _ in near]
    scores = process.cdist([words], texts, scorer=fuzz.ratio, score_cutoff=_NEAR_ENOUGH, dtype=np.float32)[0]
    hits = np.flatnonzero(scores > 0)
    best = sorted(hits.tolist(), key=lambda place: (-float(scores[place]), near[place][1]))
    return [near[place][1] for place in best[:limit]]
