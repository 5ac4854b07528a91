"""Each asset check on a warehouse that is right, and on one that is wrong in the way that it watches for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import dagster as dg
import duckdb
import pytest

from sync_pipeline.assets import checks
from sync_pipeline.engine import Session
from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.settings import Settings
from sync_pipeline.transport import ServerClock
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import insert

FIELDS = apply_mapping({})
ANNA = "anna@example.com"
MAILBOXES = [{"mailbox": ANNA, "salesforce_user": "anna@acme.example.com"}]


class Warehouse:
    """An empty warehouse in memory, in the form in which checks see a session."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        migrate(self.connection, FIELDS)
        self.fields, self.run_id = FIELDS, "run-1"
        self.clock = ServerClock()
        self.enabled_in_settings = frozenset({ANNA})
        self.settings = Settings.sandbox("http://127.0.0.1:8101", "http://127.0.0.1:8102", Path("data"), MAILBOXES)

    @contextmanager
    def warehouse(self) -> Iterator[duckdb.DuckDBPyConnection]:
        yield self.connection

    def add(self, table: str, **values: Any) -> None:
        insert(self.connection, table, [values])

    def plan(self, operation_id: str, **values: Any) -> None:
        plain: Mapping[str, Any] = {
            "run_id": "run-1", "operation_id": operation_id, "mailbox": ANNA, "side": "outlook", "action": "update",
            "outlook_id": operation_id, "salesforce_id": "", "depends_on": "", "rule": "R10", "reason": "Because.",
            "state": "ready",
        }  # fmt: skip
        self.add("sync.plan", **{**plain, **values})

    def link(self, link_id: str, outlook: str = "Director", salesforce: str = "Director", **values: Any) -> None:
        """A link of one item and one Contact whose job titles are their bases."""
        item, contact = f"item {link_id}", f"contact {link_id}"
        self.add("outlook.contacts", mailbox=ANNA, id=item, place="folder", job_title=outlook)
        self.add("salesforce.contacts", id=contact, is_deleted=False, job_title=salesforce)
        plain = {"outlook_job_title": outlook, "salesforce_job_title": salesforce}
        keys = {"link_id": link_id, "mailbox": ANNA, "outlook_id": item, "salesforce_id": contact, "state": "linked"}
        self.add("sync.links", **{**keys, **plain, **values})

    def check(self, name: str) -> dg.AssetCheckResult:
        session = cast(Session, self)
        result = getattr(checks, name)(session=session)
        assert isinstance(result, dg.AssetCheckResult)
        return result


@pytest.fixture
def warehouse() -> Warehouse:
    return Warehouse()


@pytest.mark.parametrize(
    "name",
    [
        "delete_guard",
        "plan_is_consistent",
        "required_fields",
        "no_duplicate_links",
        "nothing_drifted",
        "mailboxes_synchronised",
        "sla",
    ],
)
def test_an_empty_warehouse_passes(warehouse: Warehouse, name: str) -> None:
    assert warehouse.check(name).passed


def test_deletions_on_hold_fail_the_delete_guard_and_are_counted(warehouse: Warehouse) -> None:
    warehouse.plan("1", action="delete")
    assert warehouse.check("delete_guard").passed
    warehouse.plan("2", action="delete", state="held", hold_kind="guard")
    warehouse.add("sync.holds", operation_id="2", mailbox=ANNA, kind="guard", reason="More than allowed.")
    result = warehouse.check("delete_guard")
    assert not result.passed
    assert result.metadata["held"].value == 1
    assert result.metadata["planned"].value == 1


def test_two_writes_to_one_contact_make_a_plan_inconsistent(warehouse: Warehouse) -> None:
    warehouse.plan("1", side="salesforce", salesforce_id="003A")
    assert warehouse.check("plan_is_consistent").passed
    warehouse.plan("2", side="salesforce", salesforce_id="003A")
    assert not warehouse.check("plan_is_consistent").passed


def test_an_operation_without_a_reason_makes_a_plan_inconsistent(warehouse: Warehouse) -> None:
    warehouse.plan("1", reason="")
    assert not warehouse.check("plan_is_consistent").passed


def test_an_operation_that_waits_for_one_that_is_held_makes_a_plan_inconsistent(warehouse: Warehouse) -> None:
    warehouse.plan("1", state="held")
    warehouse.plan("2", depends_on="1")
    assert not warehouse.check("plan_is_consistent").passed


def test_another_runs_plan_does_not_count(warehouse: Warehouse) -> None:
    warehouse.plan("1", reason="", run_id="run-0")
    assert warehouse.check("plan_is_consistent").passed


def test_contacts_that_lack_a_required_field_are_counted_by_mailbox(warehouse: Warehouse) -> None:
    for subject in ("one", "two"):
        warehouse.add("sync.problems", mailbox=ANNA, subject=subject, field="", code="required_field_missing")
    result = warehouse.check("required_fields")
    assert not result.passed
    assert result.metadata["contacts"].value == 2


@pytest.mark.parametrize("side", ["outlook_id", "salesforce_id"])
def test_a_contact_that_is_linked_twice_is_found_on_either_side(warehouse: Warehouse, side: str) -> None:
    warehouse.link("1")
    warehouse.link("2", **{side: f"{'item' if side == 'outlook_id' else 'contact'} 1"})
    assert not warehouse.check("no_duplicate_links").passed


def test_a_closed_link_is_no_duplicate(warehouse: Warehouse) -> None:
    warehouse.link("1")
    warehouse.link("2", outlook_id="item 1", state="closed")
    assert warehouse.check("no_duplicate_links").passed


def test_values_that_differ_though_neither_side_changed_have_drifted(warehouse: Warehouse) -> None:
    warehouse.link("1", outlook="Director", salesforce="Head of Sales")
    result = warehouse.check("nothing_drifted")
    assert not result.passed
    assert result.metadata["drifted"].value == 1


def test_values_that_differ_in_form_only_have_not_drifted(warehouse: Warehouse) -> None:
    warehouse.link("1", outlook="Head  of Sales ", salesforce="Head of Sales")
    assert warehouse.check("nothing_drifted").passed


def test_a_change_that_waits_to_be_copied_is_no_drift(warehouse: Warehouse) -> None:
    warehouse.link("1", outlook="Director", salesforce="Head of Sales", salesforce_job_title="Director")
    assert warehouse.check("nothing_drifted").passed


def test_a_field_that_was_never_seen_has_not_drifted(warehouse: Warehouse) -> None:
    warehouse.link("1", outlook="Director", salesforce="Head of Sales", outlook_job_title=None)
    assert warehouse.check("nothing_drifted").passed


@pytest.mark.parametrize(
    ("shown", "made_as", "passes"),
    [
        ("Front desk", "", True),
        ("Reception", "Front desk", True),
        ("Reception", "Desk", False),
        ("Reception", "", False),
    ],
)
def test_a_last_name_made_of_the_display_name_has_not_drifted_and_any_other_one_has(
    warehouse: Warehouse, shown: str, made_as: str, passes: bool
) -> None:
    """`made_as`: the LastName with which we created the Contact, where the history still has it."""
    warehouse.link("1", outlook_last_name="", salesforce_last_name="Front desk")
    warehouse.connection.execute("update outlook.contacts set last_name = '', display_name = ?", [shown])
    warehouse.connection.execute("update salesforce.contacts set last_name = 'Front desk'")
    if made_as:
        warehouse.add("sync.history", event_id="1", link_id="1", action="create", side="salesforce")
        base = {"outlook_value": "", "salesforce_value": made_as}
        warehouse.add("sync.history_bases", event_id="1", link_id="1", field="last_name", **base)
    assert warehouse.check("nothing_drifted").passed is passes


@pytest.mark.parametrize(("field", "passes"), [("job_title", True), ("department", False)])
def test_a_field_that_travels_one_way_in_its_mailbox_has_not_drifted(
    warehouse: Warehouse, field: str, passes: bool
) -> None:
    own = [{**MAILBOXES[0], "mapping": {field: {"direction": "from_outlook"}}}]
    warehouse.settings = Settings.sandbox("http://127.0.0.1:8101", "http://127.0.0.1:8102", Path("data"), own)
    warehouse.link("1", outlook="Director", salesforce="Head of Sales")
    assert warehouse.check("nothing_drifted").passed is passes


def test_a_frozen_field_has_not_drifted(warehouse: Warehouse) -> None:
    warehouse.link("1", outlook="Director", salesforce="Head of Sales")
    warehouse.add("sync.frozen", link_id="1", field="job_title", side="salesforce", rewrites=2)
    assert warehouse.check("nothing_drifted").passed


@pytest.mark.parametrize(("field", "passes"), [("job_title", True), ("", True), ("email", False)])
def test_a_problem_hides_only_the_drift_that_it_tells_of(warehouse: Warehouse, field: str, passes: bool) -> None:
    warehouse.link("1", outlook="Director", salesforce="Head of Sales")
    [link] = warehouse.connection.execute("select mailbox, outlook_id from sync.links").fetchall()
    warehouse.add("sync.problems", mailbox=link[0], subject=link[1], field=field, code="too_long", attempts=0)
    assert warehouse.check("nothing_drifted").passed is passes


def test_a_mailbox_that_was_stopped_is_named_with_its_remedy(warehouse: Warehouse) -> None:
    warehouse.add(
        "outlook.mailboxes", mailbox=ANNA, status="stopped", code="mailbox_unknown", message="Unknown.", remedy="Do it."
    )
    result = warehouse.check("mailboxes_synchronised")
    assert not result.passed
    table = result.metadata["attention"]
    assert isinstance(table, dg.TableMetadataValue)
    assert table.records[0].data["remedy"] == "Do it."


@pytest.mark.parametrize(
    ("slowest", "day", "passes"),
    [(3600, 0, True), (3601, 0, False), (3601, 1, False), (3601, 2, True), (None, 0, True)],
)
def test_an_edit_that_took_longer_than_two_ticks_fails_the_sla_for_two_days(
    warehouse: Warehouse, slowest: float | None, day: int, passes: bool
) -> None:
    arrived = (warehouse.clock.now() - timedelta(days=day)).date()
    for mailbox in (ANNA, "*"):
        row = [arrived, mailbox, "salesforce", 3, 1, None, slowest, None, slowest]
        warehouse.connection.execute(f"insert into marts.lag_daily values ({', '.join('?' * len(row))})", row)
    result = warehouse.check("sla")
    assert result.passed is passes
    assert result.metadata["late"].value == (0 if passes else 1)
    if day < 2:
        assert "3 edits arrived" in str(result.description)
        assert "Two ticks of `*/30 * * * *` are allowed, 60 min. 1 waited" in str(result.description)


@pytest.mark.parametrize(
    ("state", "outcome", "minutes", "overdue"),
    [
        ("ready", None, 61, 1), ("ready", "unsent", 61, 1), ("ready", "stale", 61, 1), ("ready", "unsent", 59, 0),
        ("ready", "done", 61, 0), ("ready", "refused", 61, 0), ("held", None, 61, 0), ("problem", None, 61, 0),
    ],
)  # fmt: skip
def test_an_edit_that_is_on_its_way_for_more_than_two_ticks_fails_the_sla(
    warehouse: Warehouse, state: str, outcome: str | None, minutes: int, overdue: int
) -> None:
    edited = warehouse.clock.now().replace(tzinfo=None) - timedelta(minutes=minutes)
    warehouse.plan("edit", state=state, edited_at=edited)
    if outcome:
        warehouse.add("sync.journal", run_id="run-1", operation_id="edit", outcome=outcome)
    result = warehouse.check("sla")
    assert (result.passed, result.metadata["overdue"].value) == (not overdue, overdue)
    if overdue:
        assert "1 edits are still on their way, the oldest for 61 min." in str(result.description)


@pytest.mark.parametrize(
    ("mailbox", "read", "minutes", "unread"),
    [
        (ANNA, "", 61, 1), (ANNA, "run-0", 61, 1), (ANNA, "run-0", 59, 0), (ANNA, "run-1", 61, 0),
        ("off@example.com", "", 61, 0),
    ],
)  # fmt: skip
def test_a_mailbox_that_nobody_read_for_two_ticks_fails_the_sla(
    warehouse: Warehouse, mailbox: str, read: str, minutes: int, unread: int
) -> None:
    began = warehouse.clock.now().replace(tzinfo=None) - timedelta(minutes=minutes)
    for run in ("run-0", "run-1"):
        warehouse.add("sync.runs", run_id=run, started_at=began, mailboxes=[mailbox])
    warehouse.add("outlook.mailboxes", mailbox=mailbox, extracted_run=read or None, status="stopped")
    result = warehouse.check("sla")
    assert (result.passed, result.metadata["unread"].value) == (not unread, unread)
