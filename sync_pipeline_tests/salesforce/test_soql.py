"""Literals, Id lists, 18-character Ids."""

from __future__ import annotations

from datetime import datetime

import pytest

from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.soql import chunks, id_lists, literal, long_id, moment, quote
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient

AWKWARD = ["O'Hara", 'say "hi"', "back\\slash", "100%", "a_b", "line\nend\r\t", "emoji 🚀", "\\'", "x' OR Name != '"]


def test_quotes_backslashes_and_line_ends_are_escaped() -> None:
    assert quote("O'Hara\\\n\"") == "'O\\'Hara\\\\\\n\\\"'"


@pytest.mark.parametrize("text", AWKWARD)
def test_a_literal_finds_exactly_its_text(org: Org, person: OrgClient, text: str) -> None:
    name = f"z{text}z"
    wanted = person.create(LastName=name)
    person.create(LastName="zother")
    person.create(LastName="z' OR Name != 'z")
    found = [row["Id"] for page in org.query(f"SELECT Id FROM Contact WHERE LastName = {quote(name)}") for row in page]
    assert found == [wanted]


def test_a_time_is_cut_to_its_second_so_that_nothing_of_it_is_missed() -> None:
    assert literal(datetime(2026, 1, 31, 8, 0, 0, 999_000)) == "2026-01-31T08:00:00Z"


@pytest.mark.parametrize(
    "text", ["2026-01-31T08:00:00.123+0000", "2026-01-31T10:00:00.123+02:00", "2026-01-31T08:00:00.123Z"]
)
def test_times_are_read_as_naive_utc(text: str) -> None:
    assert moment(text) == datetime(2026, 1, 31, 8, 0, 0, 123_000)


def test_ids_go_in_lists_of_at_most_that_many_without_repetition() -> None:
    assert list(id_lists(["a", "b", "a", "c"], per=2)) == ["('a','b')", "('c')"]
    assert list(id_lists([])) == []
    assert [list(part) for part in chunks([1, 2, 3], 2)] == [[1, 2], [3]]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("00BD0000005WcBe", "00BD0000005WcBeMAK"),
        ("001000000000000", "001000000000000AAA"),
        ("", ""),
        ("001000000000000AAA",) * 2,
    ],
)
def test_an_id_gets_its_check_letters(short: str, long: str) -> None:
    assert long_id(short) == long


def test_the_long_form_is_the_one_salesforce_gives(person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    assert long_id(contact[:15]) == contact
