"""R7: the Account of a Company, case by case and against a brute-force oracle."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.planning import accounts as module
from sync_pipeline.planning.accounts import resolve_accounts, suggest_accounts

COMPANIES = Path(__file__).parents[2] / "data" / "companies.csv"
Answer = tuple[str | None, str, int]


def frame_of(names: list[Any], created: list[Any] | None = None) -> pd.DataFrame:
    ids = [f"001{number:012d}AAA" for number in range(len(names))]
    return pd.DataFrame({"id": ids, "name": names, "created_at": created or ["2024-01-01T00:00:00"] * len(names)})


def resolve(company: Any, names: list[Any], created: list[Any] | None = None) -> Answer:
    contacts = pd.DataFrame({"key": ["k"], "company": pd.Series([company], dtype=object)})
    row = resolve_accounts(contacts, frame_of(names, created)).iloc[0]
    assert row["key"] == "k"
    return row["account_id"], row["rule"], row["candidates"]


def account(number: int) -> str:
    return f"001{number:012d}AAA"


def form(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def oracle(companies: list[Any], accounts: pd.DataFrame) -> list[Answer]:
    """R7 word for word, one Company at a time."""
    columns = (accounts[column].tolist() for column in ("name", "created_at", "id"))
    rows = [(form(name), str(created), str(key)) for name, created, key in zip(*columns, strict=True)]
    return [decide(form(company), rows) for company in companies]


def decide(company: str, rows: list[tuple[str, str, str]]) -> Answer:
    if not company:
        return None, "no_company", 0
    exact = sorted((created, key) for name, created, key in rows if name == company)
    if exact:
        return exact[0][1], "exact" if len(exact) == 1 else "earliest_created", len(exact)
    containing = [key for name, _, key in rows if company in name]
    if len(containing) == 1:
        return containing[0], "unique_substring", 1
    return None, "ambiguous_substring" if containing else "no_match", len(containing)


def answers(contacts: pd.DataFrame, accounts: pd.DataFrame) -> list[Answer]:
    found = resolve_accounts(contacts, accounts)
    assert list(found.columns) == ["key", "account_id", "rule", "candidates"]
    assert found["key"].tolist() == contacts["key"].tolist()
    assert set(found["rule"]) <= set(module.RULES)
    return list(zip(found["account_id"], found["rule"], found["candidates"], strict=True))


def test_an_exact_name_gives_that_account() -> None:
    assert resolve("Acme", ["Acme Holding", "Acme", "Other"]) == (account(1), "exact", 1)


def test_an_exact_name_wins_over_names_that_contain_it() -> None:
    assert resolve("Acme", ["Acme", "Acme Two", "Acme Three"]) == (account(0), "exact", 1)


def test_of_several_exact_names_the_first_created_is_taken() -> None:
    created = ["2024-03-01T00:00:00", "2024-02-01T00:00:00", "2024-02-01T00:00:01"]
    assert resolve("acme", ["Acme", "ACME", "acme"], created) == (account(1), "earliest_created", 3)


def test_of_several_created_together_the_lowest_id_is_taken() -> None:
    assert resolve("Acme", ["Acme", "Acme"]) == (account(0), "earliest_created", 2)


def test_an_account_without_a_creation_time_comes_last() -> None:
    assert resolve("Acme", ["Acme", "Acme"], [None, "2024-01-01T00:00:00"]) == (account(1), "earliest_created", 2)


def test_creation_times_may_be_timestamps() -> None:
    created = [pd.Timestamp("2024-02-01"), pd.Timestamp("2024-01-01")]
    assert resolve("Acme", ["Acme", "Acme"], created) == (account(1), "earliest_created", 2)


def test_a_substring_of_one_account_gives_that_account() -> None:
    assert resolve("cme Hold", ["Acme Holding", "Other"]) == (account(0), "unique_substring", 1)


def test_a_substring_of_several_accounts_gives_none_and_their_number() -> None:
    assert resolve("Acme", ["Acme One", "Acme Two", "Big Acme"]) == (None, "ambiguous_substring", 3)


def test_two_accounts_of_the_same_longer_name_are_ambiguous() -> None:
    assert resolve("Acme", ["Acme Holding", "Acme Holding"]) == (None, "ambiguous_substring", 2)


def test_a_name_that_holds_the_company_twice_counts_once() -> None:
    assert resolve("an", ["Banana", "Bonbon"]) == (account(0), "unique_substring", 1)
    assert resolve("n", ["Banana", "Baobab"]) == (account(0), "unique_substring", 1)


def test_a_company_never_reaches_over_two_names() -> None:
    assert resolve("a b", ["a", "b", "ab"]) == (None, "no_match", 0)


def test_an_unknown_company_gives_none() -> None:
    assert resolve("Nobody", ["Acme"]) == (None, "no_match", 0)
    assert resolve("Acme Holding", ["Acme"]) == (None, "no_match", 0)
    assert resolve("Acme", []) == (None, "no_match", 0)


@pytest.mark.parametrize("company", [None, "", "   ", "\t\r\n\u00a0", float("nan"), pd.NA])
def test_no_company_is_no_company_even_where_accounts_have_no_name(company: Any) -> None:
    assert resolve(company, ["Acme", "", None]) == (None, "no_company", 0)


@pytest.mark.parametrize(
    ("company", "name"),
    [
        ("ACME gmbh", "Acme GmbH"),
        ("  Acme \t GmbH\n", "Acme GmbH"),
        ("Acme\u00a0GmbH", "Acme  GmbH "),
        ("MÜLLER", "müller"),
        ("Cafe\u0301", "CAFÉ"),
        ("STRASSE", "Straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("🚀 Rocket", "🚀 ROCKET"),
    ],
)
def test_case_blanks_and_composition_do_not_matter(company: str, name: str) -> None:
    assert resolve(company, [name, "Other"]) == (account(0), "exact", 1)


@pytest.mark.parametrize("company", ["%", "_", "A%e", "A__e", "A.me", "A*", "\\", "\\%", "[Aa]cme", "'", '"'])
def test_wildcards_quotes_and_backslashes_are_plain_characters(company: str) -> None:
    assert resolve(company, ["Acme", "Axme"]) == (None, "no_match", 0)
    assert resolve(company, [f"x{company}y", "Acme"]) == (account(0), "unique_substring", 1)
    assert resolve(company, [company, f"x{company}y"]) == (account(0), "exact", 1)


@pytest.mark.parametrize("company", ["x" * 300, "é" * 300, "🚀" * 300, "ab" * 150])
def test_three_hundred_characters_are_compared_whole(company: str) -> None:
    assert resolve(company, [company[:255]]) == (None, "no_match", 0)
    assert resolve(company, [f"{company} Inc", company[:-1]]) == (account(0), "unique_substring", 1)
    assert resolve(company, [company, company]) == (account(0), "earliest_created", 2)


def test_a_part_of_an_emoji_or_of_an_accent_is_no_substring() -> None:
    assert resolve("Cafe", ["Café"]) == (None, "no_match", 0)
    assert resolve("🚀", ["a🚀b"]) == (account(0), "unique_substring", 1)


def test_rows_come_back_in_order_with_their_keys_whatever_the_index() -> None:
    contacts = pd.DataFrame({"key": ["b", "a", "b"], "company": ["Acme", None, "Acme"]}, index=[7, 7, 3])
    found = resolve_accounts(contacts, frame_of(["Acme"]))
    assert found["key"].tolist() == ["b", "a", "b"]
    assert found["account_id"].tolist() == [account(0), None, account(0)]
    assert found.index.tolist() == [0, 1, 2]


def test_no_rows_give_no_rows() -> None:
    found = resolve_accounts(pd.DataFrame({"key": [], "company": []}), frame_of(["Acme"]))
    assert found.empty
    assert list(found.columns) == ["key", "account_id", "rule", "candidates"]


def test_hits_over_many_chunks_are_counted_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHARACTERS_AT_ONCE", 16)
    monkeypatch.setattr(module, "_HITS_AT_ONCE", 4)
    names = ["abcabc", "x" * 40, "bc", "cab abc", "", "zzz"]
    contacts = pd.DataFrame({"key": range(6), "company": ["bc a", "ab", "xx", "zz", "b", "ca"]})
    assert answers(contacts, frame_of(names)) == oracle(contacts["company"].tolist(), frame_of(names))


# Few letters, so that hits, repetitions and overlaps are frequent; beside them all that could confuse a matcher.
TEXTS = st.one_of(
    st.text(alphabet="ab ", max_size=6),
    st.text(alphabet="aAbB ßẞéÉe\u0301İiı%_\\'\"\u00a0\t🚀\0", max_size=8),
    st.none(),
)


@settings(max_examples=250, deadline=None)
@given(
    companies=st.lists(TEXTS, max_size=12),
    names=st.lists(st.tuples(TEXTS, st.integers(0, 3)), max_size=12),
    shuffle=st.randoms(use_true_random=False),
)
def test_it_answers_as_the_oracle_does_in_any_order(
    companies: list[str | None], names: list[tuple[str | None, int]], shuffle: random.Random
) -> None:
    accounts = frame_of([name for name, _ in names], [f"2024-01-0{day + 1}T00:00:00" for _, day in names])
    contacts = pd.DataFrame({"key": range(len(companies)), "company": pd.Series(companies, dtype=object)})
    expected = oracle(companies, accounts)
    assert answers(contacts, accounts) == expected

    order = list(range(len(companies)))
    shuffle.shuffle(order)
    other = accounts.sample(frac=1, random_state=shuffle.randrange(2**32))
    assert answers(contacts.iloc[order], other) == [expected[place] for place in order]


def test_it_answers_as_the_oracle_does_for_real_company_names() -> None:
    names = pd.read_csv(COMPANIES, keep_default_na=False)["name"].tolist()
    chance = random.Random(7)
    known, companies = names[::2] + names[:50], []
    for name in chance.sample(names, 300):
        begin = chance.randrange(max(1, len(name) - 3))
        part = name[begin : begin + chance.randrange(1, len(name) + 1)]
        companies += [name, name.upper(), f"  {name.lower()} ", part]
    companies += [" ", *(chance.choice("abcdefghijklmnopqrstuvwxyz&.0123456789") for _ in range(40))]
    created = [f"20{chance.randrange(10, 25)}-01-01T00:00:00" for _ in known]
    accounts = frame_of(known, created)
    contacts = pd.DataFrame({"key": range(len(companies)), "company": companies})
    expected = oracle(companies, accounts)
    assert answers(contacts, accounts) == expected
    assert {rule for _, rule, _ in expected} == set(module.RULES)


def suggest(company: Any, names: list[Any], limit: int = 3) -> list[str]:
    companies = pd.DataFrame({"key": ["k"], "company": pd.Series([company], dtype=object)})
    found = suggest_accounts(companies, frame_of(names), limit)
    assert found["key"].tolist() == ["k"]
    suggestions: list[str] = found["suggestions"].iloc[0]
    return suggestions


def test_the_nearest_names_are_suggested_nearest_first() -> None:
    names = ["Northwind Traders", "Nortwind Traders Ltd", "Contoso", "Northwind Trading Company", "Fabrikam"]
    assert suggest("Northwind Tradrs", names, 2) == ["Northwind Traders", "Nortwind Traders Ltd"]
    assert suggest("northwind  tradrs", names, 1) == ["Northwind Traders"]


def test_the_order_of_words_does_not_matter_for_suggestions() -> None:
    assert suggest("Traders Northwind", ["Fabrikam", "Northwind Traders"]) == ["Northwind Traders"]


def test_nothing_is_suggested_where_nothing_is_near_or_nothing_is_asked() -> None:
    assert suggest("Quux", ["Northwind Traders"]) == []
    assert suggest(None, ["Northwind Traders"]) == []
    assert suggest("Northwind Traders", [None, ""]) == []
    assert suggest("Northwind Traders", ["Northwind Traders"], 0) == []


def test_suggestions_are_distinct_and_the_same_in_any_order() -> None:
    names = ["ACME Corp", "Acme  Corp", "Acme Corps", "Acme Cork", "Acme Core"]
    expected = suggest("Acme Cor", names, 3)
    assert len(expected) == 3
    assert suggest("Acme Cor", names[::-1], 3) == expected


def test_suggestions_stay_near_when_comparing_everything_would_cost_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    names = pd.read_csv(COMPANIES, keep_default_na=False)["name"].tolist()
    monkeypatch.setattr(module, "_FULL_COMPARISONS", 0)
    assert (
        suggest("Northern Trust Corpration", [*names, "Northern Trust Corporation"])[0] == "Northern Trust Corporation"
    )
    assert (
        suggest("Corporation Northern Trust", [*names, "Northern Trust Corporation"])[0] == "Northern Trust Corporation"
    )
