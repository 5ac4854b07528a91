"""Incremental reading: what a page covers, late commits, deletions, merges, restarts."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.extract import OVERLAP, Page, Presence, accounts, contacts, presence
from sync_pipeline.transport import Refused, RequestCounter
from sync_pipeline_tests.salesforce.kit import fault
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient

FIELDS = apply_mapping({})


def read(org: Org, watermark: datetime | None = None) -> tuple[list[Page], dict[str, dict[str, object]]]:
    """All pages, and the rows by Id as a mirror would hold them."""
    pages = list(contacts(org, FIELDS, org.describe(), watermark))
    return pages, {row["id"]: row for page in pages for row in page.rows}


def read_accounts(org: Org, watermark: datetime | None = None) -> tuple[list[Page], dict[str, str]]:
    pages = list(accounts(org, watermark))
    return pages, {row["id"]: row["name"] for page in pages for row in page.rows}


def test_without_a_watermark_everything_is_read(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler", Email="ida@example.com")
    pages, rows = read(org)
    assert (rows[contact]["last_name"], rows[contact]["email"], rows[contact]["is_deleted"]) == (
        "Adler",
        "ida@example.com",
        False,
    )
    assert all(page.is_full for page in pages)
    assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
    assert pages[-1].watermark <= org.server_time()


def test_with_a_watermark_only_what_changed_since_is_read(org: Org, person: OrgClient) -> None:
    person.control("clock", {"advance_seconds": -7200})
    person.create(LastName="Old")
    changed = person.create(LastName="Older")
    person.control("clock", {"advance_seconds": 7200})
    watermark = read(org)[0][-1].watermark
    person.ok("PATCH", f"sobjects/Contact/{changed}", json={"Phone": "1"})
    pages, rows = read(org, watermark)
    assert list(rows) == [changed]
    assert not any(page.is_full for page in pages)


def test_what_was_committed_late_with_an_old_stamp_is_still_read(org: Org, person: OrgClient) -> None:
    watermark = read(org)[0][-1].watermark
    person.control("switches", {"salesforce_commit_lag_seconds": 600})
    late = person.create(LastName="Late")
    assert list(read(org, watermark)[1]) == [late]


def test_each_page_says_how_far_it_covers_so_that_a_broken_reading_goes_on(org: Org, person: OrgClient) -> None:
    person.control("switches", {"salesforce_page_size": 200})
    person.control("clock", {"advance_seconds": -36000})
    for _ in range(3):
        org.create([{"LastName": f"Name {number}"} for number in range(200)])
        person.control("clock", {"advance_seconds": 7200})
    person.control("clock", {"advance_seconds": 14400})
    pages, rows = read(org)
    assert len(rows) == 600
    assert all(one.watermark <= other.watermark for one, other in pairwise(pages))
    seen = {row["id"] for page in pages[:2] for row in page.rows}
    _, rest = read(org, pages[1].watermark)
    assert len(seen) == 400
    assert seen | set(rest) == set(rows)
    assert len(rest) == 400  # the overlap reads the last stamp again, and not the first


def test_a_dropped_query_goes_on_where_it_was(org: Org, person: OrgClient) -> None:
    person.control("switches", {"salesforce_page_size": 200})
    org.create([{"LastName": f"Name {number}"} for number in range(700)])
    for name in ("INVALID_QUERY_LOCATOR", "QUERY_TIMEOUT"):
        fault(person, name, "/query/.*-[24]00")
        assert len(read(org)[1]) == 700
    fault(person, "INVALID_QUERY_LOCATOR", "/query/", times=99)
    with pytest.raises(Refused, match="INVALID_QUERY_LOCATOR"):
        read(org)


def test_a_deleted_contact_is_read_as_deleted(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    watermark = read(org)[0][-1].watermark
    person.ok("DELETE", f"sobjects/Contact/{contact}")
    pages, rows = read(org, watermark)
    assert (rows[contact]["is_deleted"], rows[contact]["master_id"]) == (True, "")
    assert pages[-1].gone == []


def test_a_merged_contact_names_the_winner(org: Org, person: OrgClient) -> None:
    winner, loser = person.create(LastName="Adler"), person.create(LastName="Adler")
    watermark = read(org)[0][-1].watermark
    person.control("salesforce/merge", {"winner": winner, "losers": [loser]})
    rows = read(org, watermark)[1]
    assert (rows[loser]["is_deleted"], rows[loser]["master_id"]) == (True, winner)
    assert rows[winner]["is_deleted"] is False
    assert presence(org, [winner, loser, "003000000000000AAA"]) == {
        winner: Presence("readable"), loser: Presence("deleted"), "003000000000000AAA": Presence("absent"),
    }  # fmt: skip


@pytest.mark.parametrize("is_full", [False, True])
def test_a_contact_deleted_beyond_the_recycle_bin_is_named_as_gone(org: Org, person: OrgClient, is_full: bool) -> None:
    kept, contact = person.create(LastName="Berg"), person.create(LastName="Adler")
    watermark = read(org)[0][-1].watermark
    # the log is asked by the minute, up to the present one
    person.control("clock", {"advance_seconds": -120})
    person.ok("DELETE", f"sobjects/Contact/{contact}")
    person.control("salesforce/empty_bin", {})
    person.control("clock", {"advance_seconds": 120})
    pages, rows = read(org, None if is_full else watermark)
    assert contact not in rows
    assert kept in rows
    assert [page.gone for page in pages if page.gone] == [[contact]]
    assert pages[-1].gone == [contact]


def test_an_undeleted_contact_is_not_gone(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    watermark = read(org)[0][-1].watermark
    person.control("clock", {"advance_seconds": -120})
    person.ok("DELETE", f"sobjects/Contact/{contact}")
    person.control("clock", {"advance_seconds": 120})
    person.control("salesforce/undelete", {"ids": [contact]})
    pages, rows = read(org, watermark)
    assert rows[contact]["is_deleted"] is False
    assert pages[-1].gone == []


def test_a_watermark_older_than_the_recycle_bin_or_the_delete_log_reads_everything(org: Org, person: OrgClient) -> None:
    person.control("clock", {"advance_seconds": -7200})
    old = person.create(LastName="Old")
    person.control("clock", {"advance_seconds": 7200})
    now = org.server_time()
    for watermark in (now - timedelta(days=20), now):
        person.control("switches", {"salesforce_delete_log_days": 0 if watermark == now else 15})
        pages, rows = read(org, watermark)
        assert all(page.is_full for page in pages)
        assert old in rows


def test_accounts_are_read_incrementally_and_deleted_ones_named(org: Org, person: OrgClient) -> None:
    person.control("clock", {"advance_seconds": -7200})
    renamed, deleted, quiet = (person.create("Account", Name=name) for name in ("One", "Two", "Three"))
    person.control("clock", {"advance_seconds": 7200})
    pages, rows = read_accounts(org)
    assert rows == {renamed: "One", deleted: "Two", quiet: "Three"}
    assert set(pages[0].rows[0]) == {"id", "name", "created_at", "modstamp"}
    person.ok("PATCH", f"sobjects/Account/{renamed}", json={"Name": "Uno"})
    person.ok("DELETE", f"sobjects/Account/{deleted}")
    pages, rows = read_accounts(org, pages[-1].watermark)
    assert rows == {renamed: "Uno"}
    assert [account for page in pages for account in page.gone] == [deleted]
    assert pages[-1].is_last
    assert not pages[-1].is_full


def test_a_quiet_reading_costs_the_same_however_much_is_there(
    org: Org, person: OrgClient, counter: RequestCounter
) -> None:
    person.control("clock", {"advance_seconds": -7200})
    org.create([{"LastName": f"Name {number}"} for number in range(500)])
    person.control("clock", {"advance_seconds": 7200})
    described = org.describe()
    watermark = org.server_time()
    before = counter.rows()[0]["calls"]
    assert [page.rows for page in contacts(org, FIELDS, described, watermark)] == [[]]
    assert [page.rows for page in accounts(org, watermark)] == [[]]
    assert counter.rows()[0]["calls"] - before == 3


def test_the_overlap_is_longer_than_a_call_may_last() -> None:
    assert timedelta(minutes=10) < OVERLAP
