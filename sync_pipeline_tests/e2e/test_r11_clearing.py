"""R11: clearing a field is a change and travels like one."""

from __future__ import annotations

from typing import Any

from sync_pipeline_tests.e2e.test_mapping import ADA, as_outlook, in_outlook, in_salesforce
from sync_pipeline_tests.harness import ANNA, World, conflicts, linked, of

CLEARED: dict[str, Any] = {name: None for name in ADA if name not in ("LastName", "Email")}


def test_every_field_cleared_in_salesforce_is_cleared_in_outlook(world: World) -> None:
    record, item = linked(world, **ADA)
    world.salesforce.update(record, **CLEARED)
    world.run()
    found = {name: value or None for name, value in in_outlook(world.anna.item(item)).items()}
    assert found == ADA | CLEARED


def test_every_property_cleared_in_outlook_is_cleared_in_salesforce(world: World) -> None:
    record, item = linked(world, **ADA)
    empty = dict.fromkeys(as_outlook(ADA)) | {"email": ADA["Email"], "surname": ADA["LastName"], "phone": ""}
    empty |= {
        "homePhones": [],
        "businessAddress": dict.fromkeys(("street", "city", "state", "postalCode", "countryOrRegion")),
    }
    empty |= {"otherAddress": empty["businessAddress"]}
    empty["singleValueExtendedProperties"] = [
        {"id": entry["id"], "value": ""} for entry in as_outlook(ADA)["singleValueExtendedProperties"]
    ]
    world.anna.update(item, **empty)
    world.run()
    assert in_salesforce(world, record) == ADA | CLEARED


def test_an_email_cleared_on_either_side_is_cleared_on_the_other(world: World) -> None:
    record, item = linked(world, Email="a@example.com")
    world.anna.update(item, email="")
    world.run()
    assert world.salesforce.record(record)["Email"] is None
    world.salesforce.update(record, Email="b@example.com")
    world.run()
    world.salesforce.update(record, Email=None)
    world.run()
    assert world.anna.item(item)["emailAddresses"] == []


def test_a_field_cleared_on_one_side_and_changed_on_the_other_is_a_conflict(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle="Outlook")
    world.salesforce.update(record, Title=None)
    document = world.run()
    assert (world.anna.item(item)["jobTitle"], world.salesforce.record(record)["Title"]) == (None, None)
    assert of(document, ANNA)["conflicts"] == 1
    assert conflicts(world) == [("job_title", "salesforce", "Outlook", "")]


def test_a_cleared_field_stays_cleared(world: World) -> None:
    record, item = linked(world, Title="Base")
    world.anna.update(item, jobTitle=None)
    world.run()
    mark = world.mark()
    world.run(full=True)
    assert world.writes(mark) == []
    assert (world.anna.item(item)["jobTitle"], world.salesforce.record(record)["Title"]) == (None, None)


def test_a_cleared_surname_is_a_problem_and_the_other_fields_travel(world: World) -> None:
    record, item = linked(world)
    world.anna.update(item, surname=None, jobTitle="Travels")
    document = world.run()
    found = world.salesforce.record(record)
    assert (found["LastName"], found["Title"]) == ("Last1", "Travels")
    assert of(document, ANNA)["problems"] == 1
    assert [problem["field"] for problem in world.problems()] == ["last_name"]
