"""R12: values that a side cannot hold, values that differ only in form, and values that the server rewrites."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.sandbox.graph import rewriting
from sync_pipeline.sandbox.graph.faults import TRIMMED
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.harness import ANNA, World, linked, of, person

FAX = "String 0x3A24"

UNFIT: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("job_title", {"jobTitle": "x" * 129}, "Title", "Base"),
    ("first_name", {"givenName": "x" * 41}, "FirstName", "First1"),
    ("mailing_city", {"businessAddress": {"city": "x" * 41}}, "MailingCity", None),
    ("fax", {"singleValueExtendedProperties": [{"id": FAX, "value": "1" * 41}]}, "Fax", None),
    ("email", {"email": "not an address"}, "Email", "person1@example.com"),
]


@pytest.mark.parametrize(("field", "edit", "name", "stays"), UNFIT, ids=[row[0] for row in UNFIT])
def test_a_value_that_salesforce_cannot_hold_is_a_problem_naming_the_field_and_the_others_travel(
    world: World, field: str, edit: dict[str, Any], name: str, stays: str | None
) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, department="Travels", **edit)
    document = world.run()
    found = world.salesforce.record(record)
    assert (found[name], found["Department"]) == (stays, "Travels")
    assert of(document, ANNA)["problems"] == 1
    [problem] = world.problems()
    assert problem["field"] == field
    assert problem["remedy"]
    kept = world.anna.item(item)
    assert all(kept[key] == value for key, value in edit.items() if key in ("jobTitle", "givenName")), "nothing is cut"


def test_a_problem_is_over_once_the_value_fits(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, jobTitle="x" * 129)
    world.run()
    world.anna.update(item, jobTitle="Fits")
    document = world.run()
    assert world.salesforce.record(record)["Title"] == "Fits"
    assert (of(document, ANNA)["problems"], world.problems()) == (0, [])


def test_a_value_as_long_as_the_field_travels(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, jobTitle="x" * 128)
    world.run()
    assert world.salesforce.record(record)["Title"] == "x" * 128


def test_an_unknown_value_of_a_restricted_picklist_is_a_problem(world: World) -> None:
    world.org("fields", object="Contact", name="Salutation", restrictedPicklist=True, picklistValues=["Mr.", "Dr."])
    record, item = linked(world, Salutation="Dr.")
    world.anna.update(item, title="Countess", department="Travels")
    world.run()
    found = world.salesforce.record(record)
    assert (found["Salutation"], found["Department"]) == ("Dr.", "Travels")
    assert [problem["field"] for problem in world.problems()] == ["salutation"]


def test_a_date_that_is_none_is_a_problem(world: World) -> None:
    world.org("fields", object="Contact", name="Since__c", type="date")
    world.use(mapping={"since": {"salesforce": "Since__c", "outlook": "nickName", "kind": "date"}})
    record, item = linked(world, Since__c="2020-12-10")
    assert world.anna.item(item)["nickName"].startswith("2020-12-10")
    world.anna.update(item, nickName="31 February", department="Travels")
    world.run()
    found = world.salesforce.record(record)
    assert (found["Since__c"], found["Department"]) == ("2020-12-10", "Travels")
    assert [problem["field"] for problem in world.problems()] == ["since"]


def test_a_new_contact_with_a_value_that_does_not_fit_is_created_with_its_other_fields(world: World) -> None:
    world.run()
    world.anna.create(
        world.anna.folder(), surname="New", email="new@example.com", jobTitle="x" * 129, department="Travels"
    )
    world.run()
    found = world.salesforce.contact(LastName="New")
    assert (found["Title"], found["Department"], found["Email"]) == (None, "Travels", "new@example.com")
    assert [problem["field"] for problem in world.problems()] == ["job_title"]


def test_a_value_that_a_validation_rule_refuses_is_a_problem_naming_the_field(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="The boss", department="Travels")
    world.run()
    world.run()
    found = world.salesforce.record(record)
    assert (found["Title"], found["Department"]) == ("Base", "Travels")
    assert [problem["field"] for problem in world.problems()] == ["job_title"]
    assert "No bosses here." in world.problems()[0]["message"]


# ── form ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

FORMS = [
    ("Title", "Head of Sales", "jobTitle", "  Head  of Sales "),
    ("Email", "ada@example.com", "email", "Ada@Example.COM"),
    ("Phone", "+1 (555) 010-0001", "phone", "+1 555.010/0001"),
    ("MobilePhone", "+15550100002", "mobilePhone", "+1 555 0100002"),
    ("Description", "One\nTwo", "personalNotes", "One\r\nTwo"),
]
each_form = pytest.mark.parametrize(("field", "value", "name", "other"), FORMS, ids=[row[0] for row in FORMS])


@each_form
def test_a_value_in_another_form_in_outlook_is_no_change(
    world: World, field: str, value: str, name: str, other: str
) -> None:
    record, item = linked(world, **{field: value})
    world.anna.update(item, **{name: other})
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []
    assert world.salesforce.record(record)[field] == value


@each_form
def test_a_value_in_another_form_in_salesforce_is_no_change(
    world: World, field: str, value: str, name: str, other: str
) -> None:
    record, _ = linked(world, **{field: value})
    world.salesforce.update(record, **{field: other})
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark) == []


def test_letter_case_counts_outside_an_email(world: World) -> None:
    record, item = linked(world, Title="head of sales")
    world.anna.update(item, jobTitle="Head of Sales")
    world.run()
    assert world.salesforce.record(record)["Title"] == "Head of Sales"


def test_letters_in_a_phone_count(world: World) -> None:
    record, item = linked(world, Phone="+1 555 0100")
    world.anna.update(item, phone="+1 555 0100 x7")
    world.run()
    assert world.salesforce.record(record)["Phone"] == "+1 555 0100 x7"


# ── rewriting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_value_that_the_server_rewrites_is_taken_as_it_is_once(world: World) -> None:
    world.org("triggers", object="Contact", field="Title", rewrite="upper")
    record, item = linked(world)
    world.anna.update(item, jobTitle="director")
    mark = world.mark()
    world.run()
    world.run()
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("DIRECTOR", "DIRECTOR")
    assert [len(world.writes(mark, entity=entity)) for entity in ("Contact", "contact")] == [1, 1]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_second_rewrite_freezes_the_field_as_a_problem(world: World) -> None:
    world.org("triggers", object="Contact", field="Title", rewrite="upper")
    record, item = linked(world)
    for title in ("director", "plumber", "sailor"):
        world.anna.update(item, jobTitle=title)
        world.run()
        world.run()
    mark = world.mark()
    world.anna.update(item, jobTitle="tinker", department="Travels")
    document = world.run()
    assert world.salesforce.record(record)["Department"] == "Travels"
    assert world.salesforce.record(record)["Title"] in ("PLUMBER", "SAILOR"), "the field is frozen"
    assert [write["after"].get("Title") for write in world.writes(mark, entity="Contact")] != ["TINKER"]
    assert of(document, ANNA)["problems"] == 1
    assert [problem["field"] for problem in world.problems()] == ["job_title"]


@pytest.mark.slow
def test_a_frozen_field_goes_on_once_its_contact_is_unlinked_and_linked_again(world: World) -> None:
    world.org("triggers", object="Contact", field="Title", rewrite="upper")
    record, item = linked(world)
    for title in ("director", "plumber", "sailor", "tinker"):
        world.anna.update(item, jobTitle=title)
        world.run()
        world.run()
    [problem] = world.problems()
    assert "unlink the contact and link it again" in problem["remedy"]
    settings = world.settings()
    with open_warehouse(warehouse_path(settings)) as connection:
        writer = Writer(connection, settings.fields)
        [link] = Reader(connection).rows("select link_id from sync.links where state = 'linked'")
        writer.unlink_by_hand(ANNA, link["link_id"], "by_hand", datetime(2030, 1, 1))
        writer.link_by_hand(ANNA, item, record, "by_hand", datetime(2030, 1, 1))
    world.run()
    world.run()
    assert world.anna.item(item)["jobTitle"] == world.salesforce.record(record)["Title"]
    assert world.problems() == []


def test_a_field_that_the_org_changes_on_each_write_does_not_ping_pong(world: World) -> None:
    """One org's trigger puts everything in capitals, and the user insists."""
    world.org("triggers", object="Contact", field="Department", rewrite={"set": "Fixed by the org"})
    _, item = linked(world)
    mark = world.mark()
    world.anna.update(item, department="Mine")
    for _ in range(4):
        world.run()
    assert len(world.writes(mark, entity="Contact")) <= 2
    assert len(world.writes(mark, entity="contact")) <= 2
    other = person(world, 2)
    world.run()
    assert any(row["Id"] == other for row in world.salesforce.contacts())


@pytest.mark.slow
def test_a_field_that_outlook_rewrites_again_and_again_is_a_problem_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, item = linked(world, Title="start")

    def capitals(body: Any) -> Any:
        title = body.get("jobTitle") if isinstance(body, dict) else None
        return {**body, "jobTitle": title.upper()} if title else body

    monkeypatch.setattr(rewriting, "_trimmed", capitals)
    world.fault(TRIMMED, times=100000, service="graph")
    for title in ("director", "plumber", "sailor"):
        world.salesforce.update(record, Title=title)
        world.run()
        world.run()
    assert world.anna.item(item)["jobTitle"] == "PLUMBER"
    assert [(problem["field"], problem["code"]) for problem in world.problems()] == [
        ("job_title", "rewritten_by_server")
    ]
    world.salesforce.update(record, Title="PLUMBER")
    world.run()
    assert world.problems() == []


def test_a_blank_value_travels_as_an_empty_one(world: World) -> None:
    record, item = linked(world, Title="Director", Phone="111", Department="Sales")
    world.anna.update(item, jobTitle="   ", phone="-", department="\u00a0")
    world.run()
    contact = world.salesforce.record(record)
    assert (contact["Title"], contact["Phone"], contact["Department"]) == (None, None, None)
    world.run()
    assert world.plan() == []


def test_a_blank_value_of_a_new_contact_is_an_empty_one(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), surname="Muster", email="m@example.com", phone="( )", department="\u00a0")
    world.run()
    contact = world.salesforce.contact(Email="m@example.com")
    assert (contact["Phone"], contact["Department"]) == (None, None)
