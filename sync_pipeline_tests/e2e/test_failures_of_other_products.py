"""What happened to people with other synchronisers of contacts, each as the story of what must hold here instead."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from sync_pipeline_tests.e2e.test_mapping import ADA, as_outlook, in_outlook, in_salesforce
from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    CATEGORY,
    FOLDER,
    World,
    conflicts,
    item_of,
    items_of,
    linked,
    person,
    see_all,
    stamp_of,
)

DAY = 24 * 3600
MIA = {"givenName": "Mia", "surname": "Muster", "email": "mia@example.com"}


def data(world: World) -> Path:
    return world.directory / "data"


def surnames(world: World) -> tuple[list[str], list[str]]:
    """The last names in Anna's folder and those in Salesforce, each in order."""
    return (
        sorted(item["surname"] for item in world.anna.contacts()),
        sorted(contact["LastName"] for contact in world.salesforce.contacts()),
    )


# ── there once too often ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("service", ["graph", "salesforce"])
def test_a_creation_answered_with_500_that_took_effect_makes_no_second_contact(world: World, service: str) -> None:
    world.run()
    if service == "graph":
        person(world)
    else:
        world.anna.create(world.anna.folder(), **MIA)
    mark, path = world.mark(), {"graph": "/contacts$", "salesforce": "composite/sobjects$"}[service]
    world.fault("500", position="response_lost", service=service, method="POST", path=path, actor="application")
    for _ in range(3):
        world.run()
    assert world.control.get("requests").json()["faults"]["500"] == 1
    assert len(world.writes(mark, service=service, action="create")) == 1
    [contact], [item] = world.salesforce.contacts(), world.anna.contacts()
    assert stamp_of(item) == contact["Id"]
    assert (world.ready(), world.held()) == ([], [])


def test_people_who_were_imported_anew_before_a_reinstallation_are_not_there_twice(world: World) -> None:
    records = [person(world, 1, Title="Base"), person(world, 2)]
    world.run()
    world.anna.http.delete(f"contactFolders/{world.anna.folder()}").raise_for_status()
    folder = world.anna.create_folder(FOLDER)  # an import knows neither our stamps nor the category
    for number in (1, 2):
        name = {"givenName": f"First{number}", "surname": f"Last{number}", "email": f"person{number}@example.com"}
        world.anna.create(folder, **name)
    shutil.rmtree(data(world))
    mark = world.mark()
    for _ in range(3):
        world.run()
    assert sorted(stamp_of(item) or "" for item in world.anna.contacts()) == sorted(records)
    assert [row["action"] for row in world.contact_writes(mark) if row["action"] != "update"] == []
    assert item_of(world.anna, records[0])["jobTitle"] == "Base"
    assert len(world.salesforce.contacts()) == 2


# ── gone, or back again ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_sync_loses_nobody_whom_only_one_side_knows(world: World) -> None:
    folder = world.anna.create_folder(FOLDER)
    names = ["Ada", "Bea", "Cai"]
    for name in names:
        world.anna.create(folder, surname=name, email=f"{name.lower()}@example.com", nickName=f"Our {name}")
    private = world.anna.create(surname="Private")
    person(world, 1)
    person(world, 2)
    for _ in range(3):
        world.run()
    everybody = [*names, "Last1", "Last2"]
    assert surnames(world) == (everybody, everybody)
    kept = {item["surname"]: item["nickName"] for item in world.anna.contacts()}
    assert [kept[name] for name in names] == [f"Our {name}" for name in names]
    assert world.writes(action="delete") == []
    assert [item["id"] for item in world.anna.contacts("contacts")] == [private]


def test_days_in_which_nobody_does_anything_delete_nobody_and_write_nothing(world: World) -> None:
    world.use(outlook_deletion="delete")
    linked(world, 1)
    world.anna.create(world.anna.folder(), **MIA)
    world.anna.create(surname="Marked", categories=[CATEGORY])
    world.run()
    world.run()
    mark = world.mark()
    world.advance(DAY)
    world.run()
    world.advance(35 * DAY)
    world.expire_delta()
    world.run()
    world.advance(DAY)
    world.run(full=True)
    assert world.writes(mark) == []
    assert surnames(world) == (["Last1", "Marked", "Muster"], ["Last1", "Marked", "Muster"])


@pytest.mark.parametrize("emptied", ["outlook", "salesforce"])
def test_one_side_that_is_empty_does_not_wipe_the_other(world: World, emptied: str) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 2, "percent": 0})
    records = [person(world, number) for number in range(1, 5)]
    world.run()
    for record in records:
        if emptied == "outlook":
            world.anna.purge(item_of(world.anna, record)["id"])
        else:
            world.salesforce.delete(record)
    mark = world.mark()
    world.run()
    world.expire_delta()
    world.run(full=True)
    assert [row for row in world.contact_writes(mark) if row["action"] == "delete"] == []
    assert len(world.salesforce.contacts() if emptied == "outlook" else world.anna.contacts()) == 4


@pytest.mark.parametrize("side", ["outlook", "salesforce"])
def test_a_contact_deleted_on_one_side_is_not_brought_back_by_the_other(world: World, side: str) -> None:
    see_all(world, ANNA, BEN).use(outlook_deletion="delete")
    person(world, 2)
    record, item = linked(world, 1)
    if side == "outlook":
        world.anna.delete(item)
    else:
        world.salesforce.delete(record)
    for full in (False, False, True):
        world.run(full=full)
    assert surnames(world) == (["Last2"], ["Last2"])
    assert [found["surname"] for found in world.ben.contacts()] == ["Last2"]


def test_a_contact_deleted_before_a_reinstallation_is_not_created_again_from_its_copies(world: World) -> None:
    see_all(world, ANNA, BEN)
    person(world, 2)
    record, item = linked(world, 1)
    world.anna.update(item, jobTitle="Edited")
    world.salesforce.delete(record)
    shutil.rmtree(data(world))
    mark = world.mark()
    for full in (False, False, True):
        world.run(full=full)
    assert world.writes(mark, service="salesforce") == []
    assert surnames(world)[1] == ["Last2"]


def test_a_contact_deleted_while_a_mailbox_was_away_does_not_come_back_with_it(world: World) -> None:
    see_all(world, ANNA, BEN)
    person(world, 2)
    record, _ = linked(world, 1)
    world.ben.update(item_of(world.ben, record)["id"], jobTitle="Edited while away")
    world.salesforce.delete(record)
    world.org("empty_bin")
    world.advance(1800)
    world.run(ANNA)
    world.advance(40 * DAY)
    world.expire_delta()
    for _ in range(3):
        world.run()
    assert surnames(world) == (["Last2"], ["Last2"])
    assert [found["surname"] for found in world.ben.contacts()] == ["Last2"]


@pytest.mark.parametrize("view", ["is still outside the view", "came back into the view"])
def test_an_old_copy_of_the_warehouse_does_not_take_our_own_removal_for_a_persons(world: World, view: str) -> None:
    world.use(outlook_deletion="delete")
    person(world, 2)
    record, item = linked(world, 1)
    copy = shutil.copytree(data(world), world.directory / "old")
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    world.run()
    assert [gone["id"] for gone in world.anna.deleted()] == [item]
    if view == "came back into the view":
        world.salesforce.update(record, OwnerId=world.user_id(ANNA))
    shutil.rmtree(data(world))
    shutil.copytree(copy, data(world))
    mark = world.mark()
    for _ in range(3):
        world.run()
    assert world.writes(mark, service="salesforce") == []
    assert surnames(world)[1] == ["Last1", "Last2"]
    if view == "is still outside the view":
        assert items_of(world.anna, record) == []


def test_a_contact_given_to_a_colleague_arrives_there_with_the_last_edit_of_who_had_it(world: World) -> None:
    world.use(ANNA, BEN)
    person(world, 2)
    record, item = linked(world, 1)
    world.anna.update(item, jobTitle="Anna's last word")
    world.salesforce.update(record, OwnerId=world.user_id(BEN), Department="Law")
    mark = world.mark()
    world.run()
    world.run()
    found = item_of(world.ben, record)
    assert (found["jobTitle"], found["department"]) == ("Anna's last word", "Law")
    assert world.salesforce.record(record)["Title"] == "Anna's last word"
    assert [(row["mailbox"], row["id"]) for row in world.writes(mark, action="delete")] == [(ANNA, item)]


# ── values lost, stale or in the wrong place ─────────────────────────────────────────────────────────────────────────


def test_a_phone_cleared_in_one_mailbox_lives_on_neither_in_salesforce_nor_with_a_colleague(world: World) -> None:
    see_all(world, ANNA, BEN)
    record, item = linked(world, Phone="+49 30 1", MobilePhone="+49 170 1", Fax="+49 30 2")
    fax = [{"id": "String 0x3A24", "value": ""}]
    world.anna.update(item, phone="", mobilePhone=None, singleValueExtendedProperties=fax)
    world.run()
    world.run(full=True)
    found = world.salesforce.record(record)
    assert [found[name] for name in ("Phone", "MobilePhone", "Fax")] == [None, None, None]
    for outlook in (world.anna, world.ben):
        shown = in_outlook(item_of(outlook, record))
        assert [shown[name] or None for name in ("Phone", "MobilePhone", "Fax")] == [None, None, None]


def test_no_number_loses_its_plus_on_any_way(world: World) -> None:
    world.run()
    kinds = [name for name in ADA if "Phone" in name or name == "Fax"]
    first = ADA | {kind: f"+49 (30) 555-01{number}" for number, kind in enumerate(kinds)}
    then = ADA | {kind: f"+43 1 555 02 {number}" for number, kind in enumerate(kinds)}
    item = world.anna.create(world.anna.folder(), **as_outlook(first))
    world.run()
    record = world.salesforce.contacts()[0]["Id"]
    assert (len(kinds), in_salesforce(world, record)) == (6, first)
    world.salesforce.update(record, **{kind: then[kind] for kind in kinds})
    world.run()
    assert in_outlook(world.anna.item(item)) == then
    assert in_salesforce(world, record) == then


def test_a_plus_put_before_a_number_is_a_change_and_travels(world: World) -> None:
    record, item = linked(world, Phone="49 30 5550100", MobilePhone="0049 170 1")
    world.anna.update(item, phone="+49 30 5550100")
    world.salesforce.update(record, MobilePhone="+49 170 1")
    world.run()
    assert world.salesforce.record(record)["Phone"] == "+49 30 5550100"
    assert world.anna.item(item)["mobilePhone"] == "+49 170 1"


def test_an_unresolved_company_is_not_removed_by_the_cycles_after_a_reinstallation_either(world: World) -> None:
    world.run()
    item = world.anna.create(world.anna.folder(), **MIA, companyName="Unheard Of")
    world.run()
    shutil.rmtree(data(world))
    world.run()
    world.salesforce.update(world.salesforce.contact(LastName="Muster")["Id"], Title="Counsel")
    world.run(full=True)
    found = world.anna.item(item)
    assert (found["companyName"], found["jobTitle"]) == ("Unheard Of", "Counsel")


def test_what_two_colleagues_knew_differently_of_one_person_is_overwritten_nowhere_unseen(world: World) -> None:
    see_all(world, ANNA, BEN)
    record = person(world, FirstName="Mia", LastName="Muster", Email="mia@example.com", Title="Counsel")
    own = {world.anna: {"jobTitle": "Lawyer", "nickName": "M."}, world.ben: {"phone": "+49 30 1", "nickName": "Mimi"}}
    for outlook, values in own.items():
        outlook.create(outlook.create_folder(FOLDER), **MIA, **values)
    world.run()
    world.run()
    for outlook, values in own.items():
        [item] = outlook.contacts()
        assert (item["jobTitle"], item["businessPhones"]) == ("Counsel", ["+49 30 1"])
        assert (stamp_of(item), item["nickName"]) == (record, values["nickName"])
    assert conflicts(world) == [("job_title", "salesforce", "Lawyer", "Counsel")]


# ── calls that failed ────────────────────────────────────────────────────────────────────────────────────────────────


def calls_of_a_run(world: World, prefix: str, *, full: bool = False) -> Counter[str]:
    """How often a run sends which call to one service, parts of a batch included."""
    world.control.delete("requests").raise_for_status()
    world.run(full=full)
    counted = world.control.get("requests").raise_for_status().json()
    calls = Counter(counted["by_actor"]["application"]) + Counter(counted["batch_by_actor"]["application"])
    return Counter({route: count for route, count in calls.items() if f" {prefix}/" in route})


@pytest.mark.parametrize(
    ("service", "prefix", "path"), [("graph", "/v1.0", "/delta"), ("salesforce", "/services/data", "/query")]
)
def test_one_401_costs_one_repeated_call_and_no_full_listing(
    world: World, service: str, prefix: str, path: str
) -> None:
    world.switch(salesforce_page_size=1)  # so that a full reading needs more calls than one of the changes
    for number in (1, 2, 3):
        person(world, number)
    world.run()
    world.advance(DAY / 4)
    world.run()
    quiet = calls_of_a_run(world, prefix)
    world.fault("401", service=service, method="GET", path=path, actor="application")
    refused = calls_of_a_run(world, prefix)
    assert ((refused - quiet).total(), (quiet - refused).total()) == (1, 0)
    assert calls_of_a_run(world, prefix, full=True).total() > refused.total(), "a full listing would not be seen"


@pytest.mark.parametrize(("service", "fault"), [("graph", "507"), ("salesforce", "UNKNOWN_EXCEPTION")])
def test_a_push_that_failed_is_made_later_though_neither_side_changed_again(
    world: World, service: str, fault: str
) -> None:
    record, item = linked(world, Title="Base")
    if service == "graph":
        world.salesforce.update(record, Title="Edited")
    else:
        world.anna.update(item, jobTitle="Edited")
    world.fault(fault, times=1000, service=service, method="PATCH", path="contacts?|sobjects", actor="application")
    mark = world.mark()
    world.run()
    world.run()
    assert world.contact_writes(mark) == []
    world.control.delete("faults").raise_for_status()
    world.advance(DAY)
    world.run()
    assert (world.salesforce.record(record)["Title"], world.anna.item(item)["jobTitle"]) == ("Edited", "Edited")
    assert len(world.contact_writes(mark)) == 1
