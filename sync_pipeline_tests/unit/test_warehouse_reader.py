"""What the command line reads: a contact by any name, its story, the history, and the exported files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from sync_pipeline.model.operation import Action, Side
from sync_pipeline.warehouse.export import export
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.receipt import Outcome, Receipt
from sync_pipeline.warehouse.tables import insert
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.unit.warehouse_kit import MAILBOX, NOW, operation, plan_base, plan_link, rows, warehouse

ADA = "003000000000001AAA"


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    """A warehouse that knows one linked person, Ada, and one operation on her."""
    with warehouse(tmp_path) as writer:
        item = {"id": "item", "place": "folder", "display_name": "Ada Lovelace", "email_list": ["Ada@example.com"]}
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[item])
        writer.save_contacts([{"id": ADA, "name": "Ada Lovelace", "email": "ada@example.com"}], "run-1")
        plan_link(writer, kind="link", outlook_id="item", salesforce_id=ADA, origin="matched")
        plan_base(writer, None, "last_name", "Lovelace", "Lovelace")
        writer.apply_link_changes("run-1", NOW)
        update = operation(
            "o1",
            Side.OUTLOOK,
            Action.UPDATE,
            outlook_id="item",
            salesforce_id=ADA,
            changes={"job_title": ("", "Countess")},
        )
        writer.open_intents("run-1", [update], NOW)
        writer.close([Receipt("run-1", update, Outcome.DONE, outlook_id="item")], NOW + timedelta(minutes=1))
        yield writer


@pytest.mark.parametrize("text", ["item", ADA, ADA[:15], "ADA@example.com", "ada lovelace"])
def test_a_contact_is_found_by_id_e_mail_or_name(writer: Writer, text: str) -> None:
    [found] = Reader(writer.connection).find_contact(text)
    assert (found["mailbox"], found["outlook_id"], found["salesforce_id"]) == (MAILBOX, "item", ADA)


def test_a_contact_of_salesforce_that_no_mailbox_holds_is_found_without_a_mailbox(writer: Writer) -> None:
    writer.save_contacts([{"id": "003b", "name": "Bob", "email": "bob@example.com"}], "run-1")
    reader = Reader(writer.connection)
    [found] = reader.find_contact("bob@example.com", [MAILBOX])
    assert (found["mailbox"], found["outlook_id"], found["salesforce_id"]) == ("", "", "003b")
    assert reader.find_contact("nobody@example.com") == []


def test_the_history_of_a_contact_is_in_order_with_its_values(writer: Writer) -> None:
    reader = Reader(writer.connection)
    events = reader.history(contact_keys=[ADA])
    assert [event["action"] for event in events if event["action"] == "update"] == ["update"]
    assert events[-1]["fields"] == [{"field": "job_title", "before": "", "after": "Countess"}]
    assert sorted(event["action"] for event in events) == ["agree", "link", "update"]
    assert [event["action"] for event in reader.history(since=NOW + timedelta(seconds=1))] == ["update"]
    assert reader.history(mailboxes=["ben@example.com"]) == []
    assert len(reader.history(run_id="run-1", limit=1)) == 1


def test_an_event_is_told_once_whichever_of_its_contacts_ids_it_is_asked_by(writer: Writer) -> None:
    reader = Reader(writer.connection)
    by_contact = reader.history(contact_keys=[ADA])
    assert len(by_contact) == 3
    assert reader.history(contact_keys=["item"]) == by_contact
    assert reader.history(contact_keys=["item", ADA]) == by_contact
    # an item that was never anybody's Contact, and one that is another's now
    writer.connection.execute(
        "insert into sync.history by name select 'alone' as event_id, happened_at, 'item 2' as contact_key, "
        "'' as salesforce_id, 'item 2' as outlook_id, 'create' as action from sync.history limit 1"
    )
    writer.connection.execute(
        "insert into sync.history by name select 'moved' as event_id, happened_at, 'other' as contact_key, "
        "'other' as salesforce_id, 'item' as outlook_id, 'link' as action from sync.history limit 1"
    )
    assert [event["event_id"] for event in reader.history(contact_keys=["item 2"])] == ["alone"]
    assert len(reader.history(contact_keys=["item"])) == 4
    assert reader.history(contact_keys=[ADA]) == by_contact
    assert reader.history(contact_keys=["nobody"]) == []


def test_the_story_of_a_contact_has_everything_that_bears_on_it(writer: Writer) -> None:
    writer.save_members("view", "My view", "soql", [ADA])
    hold = {"operation_id": "h", "mailbox": MAILBOX, "kind": "duplicate", "subject": "other", "candidates": [ADA]}
    insert(writer.connection, "sync.holds", [hold])
    story = Reader(writer.connection).story(MAILBOX, "item", ADA)
    assert [len(story[name]) for name in ("item", "contact", "links", "holds", "views")] == [1, 1, 1, 1, 1]
    assert story["problems"] == []


def test_the_reader_works_on_a_read_only_connection(writer: Writer, tmp_path: Path) -> None:
    reader = Reader(writer.connection)
    run = reader.run()
    assert run is not None
    assert run["run_id"] == "run-1"
    assert [row["salesforce_id"] for row in reader.find_contact(ADA)] == [ADA]


def test_verdicts_lapse_and_drops_do_not(writer: Writer) -> None:
    writer.save_verdicts([("o1", MAILBOX)], "approved", NOW)
    writer.save_verdicts([("o2", MAILBOX)], "dropped", NOW)
    writer.save_verdicts([("o1", MAILBOX)], "approved", NOW + timedelta(days=1))
    found = rows(writer.connection, "select operation_id, lapses_at from sync.verdicts order by operation_id")
    assert found[0]["lapses_at"] == NOW + timedelta(days=8)
    assert found[1]["lapses_at"] > NOW + timedelta(days=3650)


def test_an_old_copy_loses_its_cursors_intents_and_approvals(writer: Writer) -> None:
    writer.save_mailbox_page(
        MAILBOX, "run-1", folders=[{"id": "f", "role": "ours"}], cursors={"f": "x"}, listed=["f"], now=NOW
    )
    writer.save_verdicts([("o1", MAILBOX)], "approved", NOW)
    writer.open_intents("run-1", [operation("o9", Side.OUTLOOK, Action.DELETE, outlook_id="item")], NOW)
    writer.void_old_copy(MAILBOX, NOW)
    known = Reader(writer.connection).known(MAILBOX)
    assert (known.delta_links, known.listed_at) == ({}, None)
    assert rows(writer.connection, "select * from sync.verdicts") == []
    assert rows(writer.connection, "select outcome from sync.journal where operation_id = 'o9'") == [
        {"outcome": "unsent"}
    ]


def test_links_by_hand_are_made_and_closed(writer: Writer) -> None:
    link = writer.link_by_hand(MAILBOX, "item2", "003b", "by-hand", NOW)
    writer.unlink_by_hand(MAILBOX, link, "by-hand", NOW)
    [found] = rows(
        writer.connection, f"select state, closed_reason, outlook_last_name from sync.links where link_id = '{link}'"
    )
    assert found == {"state": "closed", "closed_reason": "by_hand", "outlook_last_name": None}


def test_what_people_query_is_exported_as_parquet_by_day(writer: Writer, tmp_path: Path) -> None:
    directory = tmp_path / "exports"
    counts = export(writer.connection, directory, since=datetime(2026, 3, 1))
    assert counts["history"] == 3
    files = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.parquet"))
    assert "links.parquet" in files
    assert "history/2026-03-01.parquet" in files
    assert all(path.stat().st_mode & 0o077 == 0 for path in directory.rglob("*.parquet"))
    with duckdb.connect() as other:
        shown = other.execute(f"select action from '{directory}/history/*.parquet' order by action").fetchall()
    assert shown == [("agree",), ("link",), ("update",)]


def test_a_day_is_exported_from_its_first_to_its_last_moment(writer: Writer, tmp_path: Path) -> None:
    moments = ("2026-03-04 23:59:59.999999", "2026-03-05 00:00:00", "2026-03-05 23:59:59.999999", "2026-03-06 00:00:00")
    insert(
        writer.connection,
        "sync.history",
        [{"event_id": moment, "happened_at": datetime.fromisoformat(moment)} for moment in moments],
    )
    insert(writer.connection, "sync.history_values", [{"event_id": moment, "field": "phone"} for moment in moments])
    directory = tmp_path / "exports"
    counts = export(writer.connection, directory, since=datetime(2026, 3, 5, 18))
    assert (counts["history"], counts["history_values"]) == (3, 3)
    for name in ("history", "history_values"):
        with duckdb.connect() as other:
            shown = other.execute(
                f"select event_id from '{directory}/{name}/2026-03-05.parquet' order by all"
            ).fetchall()
        assert [event for (event,) in shown] == list(moments[1:3])
    assert not (directory / "history" / "2026-03-04.parquet").exists()


def test_the_history_of_a_run_that_broke_off_before_midnight_is_exported_by_the_next_one(writer: Writer) -> None:
    reader, evening = Reader(writer.connection), NOW + timedelta(hours=12)

    def begin(run: str, at: datetime) -> None:
        writer.begin_run(run, at, plan_only=False, is_full=False, mailboxes=[MAILBOX])

    begin("whole", NOW)
    writer.finish_run("whole", NOW, status="done", planned=0, pushed=0, failed=0)
    begin("failed", evening)
    writer.fail_run("failed", now=evening, message="")
    begin("killed", evening + timedelta(minutes=5))
    begin("next", evening + timedelta(days=1))
    assert reader.unexported_since("next") == evening
    writer.finish_run("next", evening + timedelta(days=1), status="problems", planned=0, pushed=0, failed=0)
    assert reader.unexported_since("next") == evening
    begin("last", evening + timedelta(days=2))
    assert reader.unexported_since("last") == evening + timedelta(days=2)
