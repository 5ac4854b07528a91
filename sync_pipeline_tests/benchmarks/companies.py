"""Accounts and Companies at random from the words of data/companies.csv; no Company is the exact name of an Account."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence

import pandas as pd

from sync_pipeline.sandbox.seed.companies import listed_names

FORMS = ("Inc.", "GmbH", "Ltd.", "S.A.", "Holding", "Group", "& Co. KG", "AG")


def make_accounts(count: int, seed: int) -> pd.DataFrame:
    """[id, name, created_at], distinct names such as "Bancorp Education GmbH 4711"."""
    randomness = random.Random(f"accounts {seed}")
    words = _words()
    first, second = (randomness.choices(words, k=count) for _ in range(2))
    forms = randomness.choices(FORMS, k=count)
    names = [f"{a} {b} {form} {n}" for n, (a, b, form) in enumerate(zip(first, second, forms, strict=True))]
    return pd.DataFrame(
        {"id": [f"001{n:012}AAA" for n in range(count)], "name": names, "created_at": "2024-01-01T00:00:00"}
    )


def make_companies(count: int, accounts: pd.DataFrame, seed: int) -> pd.DataFrame:
    """[key, company]: of ten, four stand in one Account's name, three in none, two in a few, one is a single word."""
    randomness = random.Random(f"companies {seed}")
    words = _words()
    names = accounts["name"].tolist()
    return pd.DataFrame(
        {
            "key": [f"k{n}" for n in range(count)],
            "company": [_company(n, randomness, names, words) for n in range(count)],
        }
    )


def one_letter_companies() -> pd.DataFrame:
    """[key, company]: each letter and digit by itself. Such a Company stands in nearly every name."""
    letters = list(string.ascii_lowercase + string.digits)
    return pd.DataFrame({"key": [f"letter {letter}" for letter in letters], "company": letters})


def _company(number: int, randomness: random.Random, names: Sequence[str], words: Sequence[str]) -> str:
    a, b, *form, last = randomness.choice(names).split()
    if number % 10 < 4:
        return f"{b.upper()}  {' '.join(form)} {last}"
    if number % 10 < 7:
        return f"{a} {b} Unlisted {number}"
    return f"{a} {b}" if number % 10 < 9 else randomness.choice(words).lower()


def _words() -> list[str]:
    words = {word.strip(",.&()/\"'") for name in listed_names() for word in name.split()}
    return sorted(word for word in words if len(word) > 3 and word.isascii() and word.isalnum())
