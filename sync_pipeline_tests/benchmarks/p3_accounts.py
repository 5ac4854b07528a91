"""P3: the Accounts of Companies that are no Account's exact name."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from sync_pipeline.planning.accounts import resolve_accounts
from sync_pipeline_tests.benchmarks.companies import make_accounts, make_companies, one_letter_companies
from sync_pipeline_tests.benchmarks.limits import one_pass
from sync_pipeline_tests.benchmarks.measure import Size, fastest, same, timed
from sync_pipeline_tests.benchmarks.peers import contains_join
from sync_pipeline_tests.benchmarks.table import Goal, Row

OF_ONE_PASS = 1.2
OF_THE_JOIN = 200
#: So many of the Companies are given to the join where all would take it longer than all else: about 20 s.
JOINED_AT_MOST = 2_500


def measure(size: Size) -> Iterator[Row]:
    companies, accounts = (2_000, 20_000) if size.quick else (110_000, 1_000_000)
    yield from resolving(companies, accounts, size.seed)


def resolving(companies: int, accounts: int, seed: int) -> Iterator[Row]:
    """Ours against one pass and against the join, then with one-letter Companies among them. Raises DifferentOutput."""
    names = make_accounts(accounts, seed)
    wanted = make_companies(companies, names, seed)
    ours, limit = fastest(2, lambda: resolve_accounts(wanted, names), lambda: one_pass.resolved(wanted, names))
    answers = answers_of(wanted, names)
    same("P3, one pass", answers, one_pass.resolved(wanted, names))
    some = wanted.head(min(companies, JOINED_AT_MOST))
    joined, found = timed(lambda: contains_join.resolved(some, names))
    same("P3, the join", {key: answers[key] for key in some["key"]}, found)
    times = companies / len(some)
    told = "join" if times == 1 else f"join of {len(some):,} of them, taken × {times:g}"
    yield Row(
        f"P3 accounts of {companies:,} unmatched companies among {accounts:,}", "s", ours,
        Goal(of_limit=OF_ONE_PASS, faster_than_peer=OF_THE_JOIN), limit, joined * times,
        remark=f"limit: one Aho–Corasick pass; peer: SQL contains {told}",
    )  # fmt: skip

    letters = one_letter_companies()
    mixed = pd.concat([wanted, letters], ignore_index=True)
    [with_letters] = fastest(2, lambda: resolve_accounts(mixed, names))
    same("P3, one-letter companies", answers_of(mixed, names), answers | contains_join.resolved(letters, names))
    yield Row(
        f"P3 the same with {len(letters)} one-letter companies", "s", with_letters, Goal(of_limit=OF_ONE_PASS), limit,
        remark="limit: one Aho–Corasick pass without the one-letter companies",
    )  # fmt: skip


def answers_of(companies: pd.DataFrame, accounts: pd.DataFrame) -> dict[str, tuple[int, str | None]]:
    """Our answers in the form of the limit's."""
    found = resolve_accounts(companies, accounts)
    rows = zip(found["key"], found["candidates"].tolist(), found["account_id"], strict=True)
    return {key: (count, account) for key, count, account in rows}
