"""The mirrors: pages with their cursors, absent is not empty, and nothing of a personal contact stays."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from sync_pipeline.warehouse.reader import Reader
from sync_pipeline_tests.unit.warehouse_kit import MAILBOX, NOW, plan_link, rows, warehouse


def test_an_absent_value_keeps_the_old_one_and_an_empty_one_replaces_it(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        old = {"id": "a", "first_name": "Ada", "last_name": "Lovelace", "fax": "1", "email_list": ["a@example.com"]}
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{**old, "place": "folder"}])
        writer.save_mailbox_page(
            MAILBOX, "run-1", contacts=[{"id": "a", "first_name": "", "fax": None, "email_list": []}]
        )
        [found] = rows(writer.connection, "select first_name, last_name, fax, email_list, place from outlook.contacts")
        assert found == {"first_name": "", "last_name": "Lovelace", "fax": "1", "email_list": [], "place": "folder"}


def test_a_page_and_its_cursor_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        writer.save_mailbox_page(MAILBOX, "run-1", folders=[{"id": "f", "role": "ours"}], cursors={"f": "link-1"})
        with pytest.raises(KeyError, match="no_such_column"):
            writer.save_mailbox_page(
                MAILBOX, "run-1", contacts=[{"id": "a", "no_such_column": "x"}], cursors={"f": "link-2"}
            )
        assert rows(writer.connection, "select delta_link from outlook.folders") == [{"delta_link": "link-1"}]
        assert rows(writer.connection, "select * from outlook.contacts") == []


def test_a_contact_that_became_personal_leaves_no_trace(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        contacts = [{"id": name, "place": "folder", "first_name": "Secret"} for name in "abcd"]
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=contacts)
        plan_link(writer, kind="link", outlook_id="c", salesforce_id="003", origin="outlook")
        writer.apply_link_changes("run-1", NOW)
        writer.save_mailbox_page(MAILBOX, "run-1", vanished={"a": "personal", "b": "gone", "c": "gone", "d": "deleted"})
        found = rows(writer.connection, "select id, place from outlook.contacts order by id")
        assert found == [{"id": "c", "place": "gone"}, {"id": "d", "place": "deleted"}]


def test_a_mailbox_that_is_read_again_is_no_longer_stopped(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        writer.stop_mailbox(MAILBOX, code="mailbox_forbidden", message="no", remedy="allow it")
        writer.save_mailbox(MAILBOX, "run-1")
        [found] = Reader(writer.connection).mailboxes()
        assert (found["status"], found["code"]) == ("ok", "")


def test_the_reader_tells_extraction_what_is_known(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        reader = Reader(writer.connection)
        assert reader.known(MAILBOX).folder_id == ""
        writer.save_mailbox(MAILBOX, "run-1")
        contacts = [
            {"id": "a", "place": "folder", "stamp_org": "00D", "stamp_contact": "003"},
            {"id": "b", "place": "elsewhere"},
        ]
        writer.save_mailbox_page(
            MAILBOX,
            "run-1",
            state={"folder_id": "f", "folder_state": "present"},
            folders=[{"id": "f", "role": "ours"}],
            contacts=contacts,
            cursors={"f": "x"},
            listed=["f"],
            now=NOW,
        )
        plan_link(writer, kind="link", outlook_id="a", salesforce_id="003", origin="outlook")
        writer.apply_link_changes("run-1", NOW)
        state = reader.known(MAILBOX)
        assert state.places == {"a": "folder", "b": "elsewhere"}
        assert state.linked == {"a"}
        assert (state.folder_id, state.delta_links, state.listed_at) == ("f", {"f": "x"}, NOW)
        assert state.stamps == {"a": "00D/003"}
        assert not reader.came_from_salesforce(MAILBOX)
        writer.keep_folders(MAILBOX, ["g"])
        assert reader.known(MAILBOX).delta_links == {}


def test_salesforce_pages_accounts_members_and_cursors(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        reader = Reader(writer.connection)
        stamp = datetime(2026, 1, 1)
        writer.save_contacts([{"id": "003a", "modstamp": stamp}, {"id": "003b", "modstamp": stamp}], "run-1")
        assert reader.cursor("salesforce", "contacts") is None
        writer.save_contacts([{"id": "003b", "is_deleted": True}], "run-1", ("salesforce", "2026-01-01T00:00:00", NOW))
        assert reader.cursor("salesforce", "contacts") == "2026-01-01T00:00:00"
        writer.mark_unreadable(["003a"], "run-1")
        found = rows(writer.connection, "select id, is_readable, is_deleted from salesforce.contacts order by id")
        assert [tuple(row.values()) for row in found] == [("003a", False, None), ("003b", True, True)]
        writer.save_accounts([{"id": "001a", "name": "A"}, {"id": "001b", "name": "B"}])
        writer.save_accounts(
            [{"id": "001a", "is_deleted": True}, {"id": "001c", "name": "C"}], ("salesforce", "w", NOW)
        )
        assert rows(writer.connection, "select id from salesforce.accounts order by id") == [
            {"id": "001b"},
            {"id": "001c"},
        ]
        writer.forget_accounts(["001c"])
        assert rows(writer.connection, "select id from salesforce.accounts") == [{"id": "001c"}]
        writer.save_members("view", "Label", "soql", ["003a", "003b"])
        writer.save_members("view", "Label", "soql", ["003b"])
        assert rows(writer.connection, "select contact_id from salesforce.view_members") == [{"contact_id": "003b"}]
        writer.save_readers(MAILBOX, ["003a"])
        writer.replace_users([{"id": "005", "username": "u"}])
        writer.replace_users([{"id": "006", "username": "v"}])
        assert rows(writer.connection, "select id from salesforce.users") == [{"id": "006"}]


def test_thousands_of_rows_are_one_statement(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        contacts = [{"id": str(number), "place": "folder", "first_name": f"Name {number}"} for number in range(5000)]
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=contacts)
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=contacts)
        assert rows(writer.connection, "select count(*) as n from outlook.contacts") == [{"n": 5000}]


def test_whatever_a_write_touched_is_marked_for_planning(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:

        def marked() -> set[tuple[str, str, str]]:
            found = {
                (row["kind"], row["mailbox"], row["id"]) for row in rows(writer.connection, "select * from sync.marks")
            }
            writer.connection.execute("delete from sync.marks")
            return found

        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{"id": "a", "place": "folder"}, {"id": "b"}])
        assert marked() == {("item", MAILBOX, "a"), ("item", MAILBOX, "b")}
        writer.save_mailbox_page(
            MAILBOX, "run-2", contacts=[{"id": "a", "place": "folder"}, {"id": "b", "place": "folder"}]
        )
        assert marked() == {("item", MAILBOX, "b")}  # what is read again as it was is no change
        writer.save_mailbox_page(MAILBOX, "run-1", vanished={"a": "personal", "b": "gone"})
        assert marked() == {("item", MAILBOX, "a"), ("item", MAILBOX, "b")}
        writer.save_contacts([{"id": "003"}], "run-1")
        assert marked() == {("contact", "", "003")}
        writer.save_contacts([{"id": "003", "is_deleted": None}, {"id": "004"}], "run-2")
        assert marked() == {("contact", "", "004")}
        writer.mark_unreadable(["003"], "run-1")
        assert marked() == {("contact", "", "003")}
        writer.save_contacts([{"id": "003"}], "run-3")  # can be read again
        assert marked() == {("contact", "", "003")}
        writer.mark_deleted(["003"], "run-1")
        assert marked() == {("contact", "", "003")}
        writer.save_accounts(
            [{"id": "001", "name": "Acme"}, {"id": "002", "name": "Globex"}, {"id": "009", "is_deleted": True}]
        )
        assert marked() == {("account", "", "001"), ("account", "", "002"), ("account", "", "009")}
        writer.save_accounts([{"id": "001", "name": "Acme"}, {"id": "002", "name": "Globex Ltd"}])
        assert marked() == {("account", "", "002")}
        writer.forget_accounts(["001"])
        assert marked() == {("account", "", "002")}
        writer.save_members("view", "View", "", ["003", "004"])
        assert marked() == {("contact", "", "003"), ("contact", "", "004")}
        writer.save_members("view", "View", "", ["004", "005"])  # who stays is as before
        assert marked() == {("contact", "", "003"), ("contact", "", "005")}
        writer.save_readers(MAILBOX, ["003"])
        writer.save_readers(MAILBOX, [])
        assert marked() == {("contact", "", "003")}
        link = writer.link_by_hand(MAILBOX, "a", "003", "by_hand", NOW)
        assert marked() == {("contact", "", "003"), ("item", MAILBOX, "a")}
        writer.unlink_by_hand(MAILBOX, link, "by_hand", NOW)
        assert marked() == {("contact", "", "003"), ("item", MAILBOX, "a")}


def test_a_mailbox_that_was_listed_is_compared_whole(tmp_path: Path) -> None:
    """Nothing that planning overlooked stays so for longer than a day."""
    with warehouse(tmp_path) as writer:
        others = "ben@example.com"
        writer.connection.execute("insert into sync.compared values (?, 'print'), (?, 'print')", [MAILBOX, others])
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{"id": "a"}], cursors={"f": "delta"})
        assert len(rows(writer.connection, "select mailbox from sync.compared")) == 2
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{"id": "a"}], listed=["f"], now=NOW)
        assert rows(writer.connection, "select mailbox from sync.compared") == [{"mailbox": others}]
