"""The journal: an intent is kept until its receipt, and a receipt changes mirrors, links, bases and history at once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from sync_pipeline.model.operation import Action, Side
from sync_pipeline.warehouse.intents import intents_in_doubt
from sync_pipeline.warehouse.receipt import Outcome, Receipt, ReturnedValue
from sync_pipeline_tests.unit.warehouse_kit import MAILBOX, NOW, operation, plan_base, plan_link, rows, warehouse

CREATE = operation(
    "o1", Side.SALESFORCE, Action.CREATE, outlook_id="item",
    changes={"last_name": ("", "Lovelace"), "email": ("", "ada@example.com")}, detail={"account_candidates": 2},
)  # fmt: skip
UPDATE = operation(
    "o2", Side.OUTLOOK, Action.UPDATE, outlook_id="item", salesforce_id="003a", detail={"stamp": "003a"},
    changes={"email": ("ada@example.com", "a@example.com")},
)  # fmt: skip


def test_an_intent_survives_with_all_its_receipt_needs_when_planning_starts_anew(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        plan_link(
            writer,
            kind="link",
            outlook_id="item",
            salesforce_id="",
            origin="outlook",
            operation_id="o1",
            reason="exact",
        )
        plan_base(writer, "o1", "last_name", "Lovelace", "Lovelace")
        plan_base(writer, "o1", "company", "Engines", "Engines Ltd")
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{"id": "item", "place": "folder", "email_list": ["x"]}])
        writer.open_intents("run-1", [CREATE], NOW)
        writer.connection.execute("delete from planning.link_changes; delete from planning.base_updates")
        assert intents_in_doubt(writer.connection) == [("run-1", CREATE, NOW)]
        contact = {"id": "003a", "last_name": "Lovelace"}
        writer.close(
            [Receipt("run-1", CREATE, Outcome.DONE, salesforce_id="003a", contact=contact, written_stamp=NOW)], NOW
        )
        assert intents_in_doubt(writer.connection) == []
        [link] = rows(writer.connection, "select * from sync.links")
        assert (link["outlook_id"], link["salesforce_id"], link["state"]) == ("item", "003a", "linked")
        assert (link["outlook_last_name"], link["salesforce_company"], link["outlook_first_name"]) == (
            "Lovelace",
            "Engines Ltd",
            None,
        )
        assert (link["account_rule"], link["account_company"], link["account_candidates"]) == ("exact", "Engines", 2)
        assert link["salesforce_written_stamp"] == NOW
        assert rows(writer.connection, "select last_name from salesforce.contacts") == [{"last_name": "Lovelace"}]
        [journal] = rows(writer.connection, "select outcome, salesforce_id, intent from sync.journal")
        assert journal == {"outcome": "done", "salesforce_id": "003a", "intent": None}
        assert rows(writer.connection, "select * from sync.journal_links") == []


def test_a_refused_write_changes_no_link_and_becomes_a_problem_with_growing_pauses(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        for attempt in (1, 2, 3):
            run = f"run-{attempt}"
            plan_link(writer, kind="link", outlook_id="item", origin="outlook", operation_id="o1")
            writer.open_intents(run, [CREATE], NOW)
            refused = Receipt(
                run, CREATE, Outcome.REFUSED, code="STRING_TOO_LONG", message="too long", remedy="shorten"
            )
            writer.close([refused], NOW)
            [problem] = rows(writer.connection, "select * from sync.problems")
            assert (problem["attempts"], problem["subject"], problem["field"]) == (attempt, "item", "")
            assert problem["next_try"] == NOW + timedelta(minutes=25 * 2 ** (attempt - 1))
            assert rows(writer.connection, "select * from sync.links") == []
        writer.open_intents("run-4", [CREATE], NOW)
        writer.close([Receipt("run-4", CREATE, Outcome.DONE, salesforce_id="003a")], NOW)
        assert rows(writer.connection, "select * from sync.problems") == []
        outcomes = rows(
            writer.connection,
            "select outcome, count(*) as n from sync.history where action = 'create' group by 1 order by 1",
        )
        assert outcomes == [{"outcome": "done", "n": 1}, {"outcome": "refused", "n": 3}]


def test_one_write_can_update_the_bases_of_several_links(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        for link in ("link-1", "link-2"):
            plan_link(writer, kind="link", link_id=link, outlook_id=link, salesforce_id="003a", origin="matched")
        writer.apply_link_changes("run-1", NOW)
        plan_base(writer, "o2", "job_title", "Boss", "Boss")
        writer.connection.execute(
            "insert into planning.base_updates (operation_id, link_id, field, outlook_value, salesforce_value) values "
            "('o2', 'link-2', 'department', 'Sales', 'Sales'), ('o2', 'link-2', 'job_title', null, 'Boss')"
        )
        update = operation("o2", Side.SALESFORCE, Action.UPDATE, salesforce_id="003a")
        writer.open_intents("run-1", [update], NOW)
        writer.close([Receipt("run-1", update, Outcome.DONE, salesforce_id="003a")], NOW)
        found = rows(
            writer.connection,
            "select outlook_job_title, salesforce_job_title, salesforce_department from sync.links order by link_id",
        )
        assert [tuple(row.values()) for row in found] == [("Boss", "Boss", None), (None, "Boss", "Sales")]


def test_a_list_field_keeps_the_whole_list_beside_the_base(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        plan_link(writer, kind="link", outlook_id="item", salesforce_id="003a", origin="matched")
        writer.apply_link_changes("run-1", NOW)
        plan_base(writer, "o2", "email", "a@example.com", "a@example.com")
        writer.open_intents("run-1", [UPDATE], NOW)
        item = {
            "mailbox": MAILBOX,
            "id": "item",
            "change_key": "k2",
            "display_name": "Ada",
            "email_list": ["b@example.com", "a@example.com"],
        }
        writer.close([Receipt("run-1", UPDATE, Outcome.DONE, outlook_id="item", item=item)], NOW)
        [link] = rows(writer.connection, "select * from sync.links")
        assert (link["outlook_email"], link["outlook_email_list"]) == (
            "a@example.com",
            ["b@example.com", "a@example.com"],
        )
        assert (link["outlook_written_key"], link["outlook_display_name"], link["has_stamp"]) == ("k2", "Ada", True)


def test_links_are_moved_relinked_seen_and_closed_with_their_operation(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        plan_link(writer, kind="link", outlook_id="old", salesforce_id="003a", origin="outlook")
        writer.apply_link_changes("run-1", NOW)
        move = operation(
            "o3", Side.OUTLOOK, Action.MOVE, outlook_id="old", salesforce_id="003a", detail={"stamp": "003a"}
        )
        plan_link(writer, kind="item", outlook_id="", operation_id="o3")
        plan_link(writer, kind="relink", salesforce_id="003b", seen_in_view=True)
        plan_link(writer, kind="account", reason="set_in_salesforce")
        writer.apply_link_changes("run-1", NOW)
        writer.save_mailbox_page(MAILBOX, "run-1", contacts=[{"id": "old", "place": "elsewhere"}])
        writer.open_intents("run-1", [move], NOW)
        copy = {"mailbox": MAILBOX, "id": "new", "place": "folder", "change_key": "k"}
        writer.close([Receipt("run-1", move, Outcome.DONE, outlook_id="new", item=copy, forgotten_item="old")], NOW)
        [link] = rows(writer.connection, "select * from sync.links")
        assert (link["outlook_id"], link["salesforce_id"], link["seen_in_view"]) == ("new", "003b", True)
        assert link["account_rule"] == "set_in_salesforce"
        assert rows(writer.connection, "select id from outlook.contacts") == [{"id": "new"}]
        delete = operation("o4", Side.OUTLOOK, Action.DELETE, outlook_id="new", salesforce_id="003b")
        plan_link(writer, kind="close", reason="left_view", operation_id="o4")
        writer.open_intents("run-1", [delete], NOW)
        writer.close([Receipt("run-1", delete, Outcome.DONE, deleted_item="new")], NOW)
        [link] = rows(writer.connection, "select state, closed_reason, closed_run from sync.links")
        assert link == {"state": "closed", "closed_reason": "left_view", "closed_run": "run-1"}
        actions = rows(writer.connection, "select action from sync.history order by action")
        assert [row["action"] for row in actions] == ["delete", "link", "move", "relink", "unlink"]


def test_agreements_need_no_write_and_are_applied_once(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        plan_link(writer, kind="link", outlook_id="item", salesforce_id="003a", origin="matched")
        plan_base(writer, None, "last_name", "Lovelace", "LOVELACE ")
        plan_base(writer, "later", "last_name", "no", "no")
        for _ in range(2):
            writer.apply_link_changes("run-1", NOW)
        [link] = rows(writer.connection, "select outlook_last_name, salesforce_last_name from sync.links")
        assert link == {"outlook_last_name": "Lovelace", "salesforce_last_name": "LOVELACE "}
        actions = rows(writer.connection, "select action from sync.history order by action")
        assert [row["action"] for row in actions] == ["agree", "link"]


def test_a_second_rewrite_in_a_row_is_counted_and_an_obedient_answer_ends_the_row(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:

        def send(run: str, is_rewritten: bool) -> list[dict[str, object]]:
            plan_base(writer, "o2", "email", "a", "a")
            writer.open_intents(run, [UPDATE], NOW)
            returned = (ReturnedValue("email", "b", is_rewritten),)
            writer.close([Receipt(run, UPDATE, Outcome.DONE, outlook_id="item", returned=returned)], NOW)
            return rows(writer.connection, "select link_id, field, side, rewrites, value from sync.frozen")

        assert send("run-1", True) == [
            {"link_id": "link-1", "field": "email", "side": "outlook", "rewrites": 1, "value": "b"}
        ]
        assert send("run-2", False) == []
        assert [row["rewrites"] for row in send("run-3", True)] == [1]
        assert [row["rewrites"] for row in send("run-4", True)] == [2]


def test_a_receipt_that_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        plan_base(writer, "o2", "email", "a", "a")
        writer.open_intents("run-1", [UPDATE], NOW)
        with pytest.raises(KeyError):
            writer.close(
                [Receipt("run-1", UPDATE, Outcome.DONE, item={"mailbox": MAILBOX, "id": "item", "nonsense": 1})], NOW
            )
        assert len(intents_in_doubt(writer.connection)) == 1
        assert rows(writer.connection, "select * from sync.history") == []


def test_the_folder_made_is_the_mailbox_s_folder(tmp_path: Path) -> None:
    with warehouse(tmp_path) as writer:
        made = operation("f1", Side.OUTLOOK, Action.CREATE_FOLDER, link_id="")
        listed = operation("c1", Side.OUTLOOK, Action.CREATE_CATEGORY, link_id="")
        writer.open_intents("run-1", [made, listed], NOW)
        folder = {"id": "f", "name": "Salesforce Contacts", "parent_id": "root"}
        writer.close([Receipt("run-1", made, Outcome.DONE, result=folder), Receipt("run-1", listed, Outcome.DONE)], NOW)
        [found] = rows(writer.connection, "select folder_id, folder_state, category_listed from outlook.mailboxes")
        assert found == {"folder_id": "f", "folder_state": "present", "category_listed": True}
        assert rows(writer.connection, "select id, role from outlook.folders") == [{"id": "f", "role": "ours"}]
