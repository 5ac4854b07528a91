"""Limit of P3: one Aho–Corasick pass over all names, in the plainest way. It knows nothing of exact names (R7.1)."""

from __future__ import annotations

import ahocorasick  # type: ignore[import-not-found]
import pandas as pd

Answers = dict[str, tuple[int, str | None]]


def resolved(companies: pd.DataFrame, accounts: pd.DataFrame) -> Answers:
    """By key the number of Accounts whose name contains the Company, and the Account where it is one."""
    texts = {key: _folded(company) for key, company in zip(companies["key"], companies["company"], strict=True)}
    automaton = ahocorasick.Automaton()
    for text in set(texts.values()):
        automaton.add_word(text, text)
    automaton.make_automaton()
    counts: dict[str, int] = dict.fromkeys(texts.values(), 0)
    rows: dict[str, int] = {}
    for row, name in enumerate(accounts["name"].tolist()):
        for _, text in automaton.iter(_folded(name)):
            if rows.get(text) != row:  # a name that holds it twice counts once
                counts[text] += 1
                rows[text] = row
    ids = accounts["id"].tolist()
    return {key: (counts[text], ids[rows[text]] if counts[text] == 1 else None) for key, text in texts.items()}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
