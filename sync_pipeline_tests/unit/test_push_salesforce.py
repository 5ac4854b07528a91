"""The push to Salesforce against an org in memory: checked just before, one result a row, nothing sent twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.salesforce import push_salesforce
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.writes import RowResult
from sync_pipeline.transport import OutcomeUnknown, Refused, ServerClock
from sync_pipeline.warehouse.intents import operation_to_json
from sync_pipeline.warehouse.tables import insert
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.unit.warehouse_kit import FIELDS, MAILBOX, NOW, ORG, operation, rows, warehouse

US, HER = "005000000000001AAA", "005000000000002AAA"
DESCRIBE = ("Id", "FirstName", "LastName", "Email", "Title", "Phone", "SystemModstamp", "LastModifiedById", "AccountId")
Json = dict[str, Any]


class Clock:
    """The server's time; sleeping moves it."""

    def __init__(self) -> None:
        self.time, self.pauses = NOW, list[float]()

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += timedelta(seconds=seconds)


class FakeOrg:
    """Contacts in a dictionary, stamped by the second; `refuse` gives a row's error, `before_write` what others do."""

    user_id = US
    pauses = 0

    def __init__(self, clock: Clock) -> None:
        self.clock, self.records, self.calls = clock, dict[str, Json](), list[str]()
        self.refuse: Callable[[Json], RowResult | None] = lambda row: None

    def put(self, contact: str, by: str = HER, **values: Any) -> None:
        stamp = f"{self.clock.now():%Y-%m-%dT%H:%M:%S}.000+0000"
        fresh = self.records.get(contact, dict.fromkeys(DESCRIBE))
        self.records[contact] = {**fresh, **values, "Id": contact, "SystemModstamp": stamp, "LastModifiedById": by}

    def retrieve(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Json | None]:
        self.calls.append(f"retrieve {len(ids)}")
        return {contact: self.records.get(contact) for contact in ids}

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[list[Json]]:
        self.calls.append("query")
        yield list(self.records.values())

    def create(
        self, given: Sequence[Mapping[str, Any]], *, allow_duplicates: bool = False, **_: Any
    ) -> list[RowResult]:
        self.calls.append(f"create {len(given)}" + (" allowed" if allow_duplicates else ""))
        return [self._write(f"003{len(self.records):012d}AAA", dict(row)) for row in given]

    def update(self, given: Sequence[Mapping[str, Any]], **_: Any) -> list[RowResult]:
        self.calls.append(f"update {len(given)}")
        return [self._write(str(row["id"]), {k: v for k, v in row.items() if k != "id"}) for row in given]

    def delete(self, ids: Sequence[str], **_: Any) -> list[RowResult]:
        self.calls.append(f"delete {len(ids)}")
        for contact in ids:
            del self.records[contact]
        return [RowResult(id=contact) for contact in ids]

    def _write(self, contact: str, values: Json) -> RowResult:
        refused = self.refuse(values)
        if refused is not None:
            return refused
        self.put(contact, US, **values)
        return RowResult(id=contact)


class GoneForGood:
    """A mailbox that holds none of the items that it is asked for."""

    address = MAILBOX

    def read(self, ids: Sequence[str]) -> dict[str, None]:
        return dict.fromkeys(ids)


class Bench:
    """A warehouse, an org and a run of the push."""

    def __init__(self, writer: Writer) -> None:
        self.writer, self.clock = writer, Clock()
        self.org = FakeOrg(self.clock)
        described = [
            {"name": name, "type": "string", "createable": True, "updateable": True, "nillable": True}
            for name in DESCRIBE
        ]
        writer.replace_describe(described)
        self.run = RunContext("run-1", 1, ORG, "i", cast(ServerClock, self.clock), sleep=self.clock.sleep)

    def known(self, contact: str, **values: str) -> datetime:
        """A Contact on both sides of the mirror; returns its stamp."""
        names = {"LastName": "last_name", "Title": "job_title", "Email": "email", "FirstName": "first_name"}
        self.org.put(contact, **values)
        stamp = self.clock.now()
        row = {names[name]: value for name, value in values.items()}
        self.writer.save_contacts([{"id": contact, "modstamp": stamp, **row}], "run-1")
        self.clock.time += timedelta(minutes=1)
        return stamp

    def plan(self, *operations: Operation, state: str = "ready") -> None:
        plan = []
        for number, planned in enumerate(operations):
            row = {**json.loads(operation_to_json(planned)), "run_id": "run-1", "seq": number, "state": state}
            row |= {"planned_stamp": planned.planned_stamp}
            row |= {name: json.dumps(row[name]) for name in ("fields", "detail")}
            plan.append(row)
        insert(self.writer.connection, "sync.plan", plan)

    def push(self, **given: Any) -> dict[str, int]:
        run = replace(self.run, **given)
        org, mailbox = cast(Org, self.org), cast(Mailbox, GoneForGood())
        counts = push_salesforce(self.writer, lambda _: org, lambda _: mailbox, FIELDS, run)
        return {name: number for name, number in counts.items() if number}

    def outcomes(self) -> dict[str, str | None]:
        found = rows(self.writer.connection, "select operation_id, outcome from sync.journal")
        return {row["operation_id"]: row["outcome"] for row in found}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with warehouse(tmp_path) as writer:
        yield Bench(writer)


def update(contact: str, stamp: datetime | None, name: str = "o1", **changes: tuple[str, str]) -> Operation:
    return operation(
        name, Side.SALESFORCE, Action.UPDATE, outlook_id=f"item-{contact}", salesforce_id=contact, planned_stamp=stamp,
        changes=changes or {"job_title": ("", "Boss")},
    )  # fmt: skip


def creation(name: str, last_name: str, email: str = "", **given: Any) -> Operation:
    keys = {"emails": [email] if email else [], "full_name": last_name.lower()}
    return operation(
        name, Side.SALESFORCE, Action.CREATE, outlook_id=f"item-{name}", detail={"match": keys},
        changes={"last_name": ("", last_name), "email": ("", email)}, **given,
    )  # fmt: skip


def test_an_update_is_checked_sent_and_read_back(bench: Bench) -> None:
    bench.plan(update("003a", bench.known("003a", LastName="Toll")))
    assert bench.push() == {"update": 1}
    assert bench.org.calls == ["retrieve 1", "update 1", "retrieve 1"]
    assert bench.org.records["003a"]["Title"] == "Boss"
    [contact] = rows(bench.writer.connection, "select job_title, modstamp, modified_by from salesforce.contacts")
    assert (contact["job_title"], contact["modified_by"]) == ("Boss", US)


def test_a_contact_changed_since_the_plan_is_left_alone(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    bench.org.put("003a", LastName="Maut")
    bench.clock.time += timedelta(minutes=1)
    bench.plan(update("003a", stamp), update("003z", None, "o2"))
    assert bench.push() == {"stale": 2}
    assert not any(call.startswith("update") for call in bench.org.calls)


def test_a_change_in_the_same_second_is_seen_by_the_values(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    bench.org.records["003a"]["LastName"] = "Maut"
    bench.plan(update("003a", stamp))
    assert bench.push() == {"stale": 1}


def test_a_record_younger_than_two_seconds_waits_and_is_looked_at_again(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    bench.clock.time = stamp + timedelta(seconds=0.5)
    bench.plan(update("003a", stamp))
    assert bench.push() == {"update": 1}
    assert bench.clock.pauses == [1.5]
    assert bench.org.calls[:3] == ["retrieve 1", "retrieve 1", "update 1"]


def test_while_a_young_record_is_waited_for_the_others_are_looked_at_again(bench: Bench) -> None:
    old, young = bench.known("003a", LastName="Toll"), bench.known("003b", LastName="Maut")
    bench.clock.time = young + timedelta(seconds=0.5)
    bench.plan(update("003a", old, "o1"), update("003b", young, "o2"))

    def sleep(seconds: float) -> None:
        bench.clock.sleep(seconds)
        bench.org.put("003a", LastName="Zoll", Title="Hers")

    assert bench.push(sleep=sleep) == {"update": 1, "stale": 1}
    assert bench.org.records["003a"]["Title"] == "Hers"


def test_an_edit_made_while_a_field_is_refused_is_not_overwritten(bench: Bench) -> None:
    bench.plan(update("003a", bench.known("003a", LastName="Toll"), job_title=("", "Ours"), last_name=("Toll", "x")))

    def refuse(values: Json) -> RowResult:
        bench.clock.sleep(5)
        bench.org.put("003a", Title="Hers")
        return RowResult(error=Refused("No.", status=400, error_code="STRING_TOO_LONG"), fields=["LastName"])

    bench.org.refuse = lambda values: refuse(values) if "LastName" in values else None
    assert bench.push() == {"stale": 1}
    assert bench.org.records["003a"]["Title"] == "Hers"


def test_what_depends_on_something_not_done_is_skipped_without_a_problem(bench: Bench) -> None:
    late = update("003a", datetime(2020, 1, 1))
    bench.known("003a", LastName="Toll")
    dependent = replace(update("003b", bench.known("003b", LastName="Zoll"), "o2"), depends_on="o1")
    bench.plan(late, dependent)
    assert bench.push() == {"stale": 1, "skipped": 1}
    assert rows(bench.writer.connection, "select * from sync.problems") == []


def test_a_refused_field_is_left_out_and_the_others_travel(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    insert(
        bench.writer.connection,
        "sync.links",
        [{"link_id": "link-1", "mailbox": MAILBOX, "salesforce_id": "003a", "state": "linked"}],
    )
    for field, value in (("phone", "x" * 50), ("job_title", "Boss")):
        row = {
            "operation_id": "o1",
            "link_id": "link-1",
            "field": field,
            "outlook_value": value,
            "salesforce_value": value,
        }
        insert(bench.writer.connection, "planning.base_updates", [row])
    bench.plan(update("003a", stamp, phone=("", "x" * 50), job_title=("", "Boss")))
    error = Refused("too long", status=400, error_code="STRING_TOO_LONG")
    bench.org.refuse = lambda row: RowResult(error=error, fields=["Phone"]) if "Phone" in row else None
    assert bench.push() == {"update": 1}
    assert (bench.org.records["003a"]["Title"], bench.org.records["003a"]["Phone"]) == ("Boss", None)
    [problem] = rows(bench.writer.connection, "select field, code, attempts from sync.problems")
    assert problem == {"field": "phone", "code": "STRING_TOO_LONG", "attempts": 1}
    [link] = rows(bench.writer.connection, "select salesforce_phone, salesforce_job_title from sync.links")
    assert link == {"salesforce_phone": None, "salesforce_job_title": "Boss"}
    fields = rows(bench.writer.connection, "select field from sync.history_values")
    assert fields == [{"field": "job_title"}]


def test_one_refused_row_is_a_problem_and_the_others_are_done(bench: Bench) -> None:
    bench.plan(creation("n1", "Toll", "a@example.com"), creation("n2", "Zoll", "b@example.com"))
    error = Refused("no", status=400, error_code="FIELD_CUSTOM_VALIDATION_EXCEPTION")
    bench.org.refuse = lambda row: RowResult(error=error) if row["LastName"] == "Toll" else None
    assert bench.push() == {"create": 1, "refused": 1}
    [problem] = rows(bench.writer.connection, "select subject, code, remedy from sync.problems")
    assert (problem["subject"], problem["code"]) == ("item-n1", "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    assert "validation rule" in problem["remedy"]


def test_an_update_without_an_account_keeps_the_contact_s_own(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    bench.org.records["003a"]["AccountId"] = "001a"
    bench.plan(replace(update("003a", stamp), detail={"account_id": ""}))
    bench.push()
    assert bench.org.records["003a"]["AccountId"] == "001a"


@pytest.mark.parametrize(
    ("email", "name", "is_late"),
    [("a@example.com", "Other", True), ("", "Toll", True), ("c@example.com", "Other", False)],
)
def test_a_match_that_came_since_the_plan_stops_the_creation(
    bench: Bench, email: str, name: str, is_late: bool
) -> None:
    bench.plan(creation("n1", "Toll", "a@example.com"))
    bench.org.put("003x", LastName=name, Email=email)
    assert bench.push() == ({"stale": 1} if is_late else {"create": 1})


def test_a_match_that_the_plan_knew_does_not_stop_an_approved_creation(bench: Bench) -> None:
    bench.known("003x", LastName="Toll", Email="a@example.com")
    bench.plan(creation("n1", "Toll", "a@example.com"))
    bench.writer.save_verdicts([("n1", MAILBOX)], "approved", bench.clock.now())
    assert bench.push() == {"create": 1}
    assert "create 1 allowed" in bench.org.calls


def test_five_hundred_creations_are_three_calls_one_look_up_and_one_reading_back(bench: Bench) -> None:
    bench.plan(*(creation(f"n{number}", f"Name {number}", f"{number}@example.com") for number in range(500)))
    assert bench.push() == {"create": 500}
    assert bench.org.calls == ["query", "create 200", "create 200", "create 100", "retrieve 500"]


def test_a_lost_answer_stays_in_doubt_and_is_not_sent_again_in_the_run(bench: Bench) -> None:
    bench.plan(creation("n1", "Toll"))
    bench.org.refuse = lambda row: RowResult(error=OutcomeUnknown("timeout"))
    assert bench.push() == {"in_doubt": 1}
    assert bench.outcomes() == {"n1": None}
    bench.org.refuse = lambda row: None
    assert bench.push() == {}
    assert bench.org.records == {}


def test_an_exhausted_org_stops_the_push_with_everything_written_down(bench: Bench) -> None:
    bench.plan(update("003a", bench.known("003a", LastName="Zoll")), creation("n1", "Toll"))
    error = Refused("TotalRequests Limit exceeded.", status=403, error_code="REQUEST_LIMIT_EXCEEDED")
    bench.org.refuse = lambda row: RowResult(error=error)
    with pytest.raises(SideUnavailable, match="Limit exceeded"):
        bench.push()
    assert bench.outcomes() == {"o1": "unsent"}
    assert rows(bench.writer.connection, "select * from sync.problems") == []


def test_mailboxes_take_turns_and_the_budget_ends_between_two_calls(bench: Bench) -> None:
    large = [creation(f"a{number}", f"A {number}") for number in range(300)]
    small = [replace(creation("b0", "B 0"), mailbox="ben@example.com")]
    bench.plan(*large, *small)
    turns = iter([False, True])
    assert bench.push(is_over=lambda: next(turns)) == {"create": 200, "left": 101}
    assert bench.outcomes()["b0"] == "done"


def test_what_the_plan_puts_first_is_pushed_first(bench: Bench) -> None:
    edit = update("003a", bench.known("003a", LastName="Zoll"))
    bench.plan(edit, *(creation(f"a{number}", f"A {number}") for number in range(300)))
    turns = iter([False, True])
    assert bench.push(is_over=lambda: next(turns)) == {"update": 1, "left": 300}


def test_held_operations_are_not_pushed_even_when_the_hold_came_after_the_plan(bench: Bench) -> None:
    bench.plan(creation("n1", "Toll"))
    bench.writer.connection.execute("update sync.plan set state = 'held'")
    assert bench.push() == {}


def test_a_deletion_is_checked_and_marks_the_mirror(bench: Bench) -> None:
    stamp = bench.known("003a", LastName="Toll")
    bench.plan(operation("d1", Side.SALESFORCE, Action.DELETE, salesforce_id="003a", planned_stamp=stamp))
    assert bench.push() == {"delete": 1}
    assert rows(bench.writer.connection, "select is_deleted from salesforce.contacts") == [{"is_deleted": True}]
