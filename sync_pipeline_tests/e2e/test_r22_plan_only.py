"""R22: a dry run is the same plan, not pushed; large first runs wait; approvals name operations by their content."""

from __future__ import annotations

from functools import partial

import pytest

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    Json,
    World,
    item_of,
    items_of,
    linked,
    linked_with_a_conflict_on_hold,
    of,
    person,
)

DAY = 24 * 3600
NAMES = ("mailbox", "side", "action", "fields", "rule", "reason", "outlook_id", "salesforce_id")


def told(operations: list[Json]) -> list[list[object]]:
    """What the operations say, whatever their ids and order."""
    return sorted(([operation[name] for name in NAMES] for operation in operations), key=repr)


def test_a_dry_run_writes_nothing(world: World) -> None:
    person(world)
    mark = world.mark()
    document = world.run(plan_only=True)
    assert world.writes(mark) == []
    assert (document["planned"] > 0, document["pushed"]) == (True, 0)


def test_a_dry_run_shows_no_step_that_pushes(world: World) -> None:
    shown: list[str] = []
    person(world)
    steps = {step: partial(shown.append, step) for step in ("build_plan", "push_salesforce", "push_outlook", "finish")}
    with pytest.raises(AssertionError, match="no such step of the engine: push_salesforce, push_outlook"):
        world.run(plan_only=True, before=steps)
    assert shown == ["build_plan", "finish"]


def test_a_run_pushes_the_plan_that_the_dry_run_showed(world: World) -> None:
    record, item = linked(world, 1, Title="Base")
    _, second = linked(world, 2)
    world.anna.update(item, jobTitle="Outlook")
    world.salesforce.update(record, Department="Salesforce")
    world.anna.delete(second)
    person(world, 3)
    world.anna.create(world.anna.folder(), surname="New", email="new@example.com")
    planned = [operation for operation in world.plan() if operation["state"] == "ready"]
    document = world.run()
    assert document["planned"] == document["pushed"] == len(planned)
    again = world.plan_of(document["run_id"])
    assert told(again) == told(planned)
    assert [operation["id"] for operation in again] == [operation["id"] for operation in planned]


def test_the_plan_stands_in_the_order_in_which_it_is_pushed(world: World) -> None:
    world.use(outlook_deletion="delete")
    person(world, 2)
    _, edited = linked(world, 1)
    world.anna.delete(world.anna.contact("person2@example.com")["id"])
    world.anna.create(world.anna.folder(), surname="New", email="new@example.com")
    world.anna.update(edited, jobTitle="Edited")
    mark = world.mark()
    document = world.run()
    planned = [row["action"] for row in world.plan_of(document["run_id"]) if row["side"] == "salesforce"]
    pushed = [row["action"] for row in world.writes(mark, service="salesforce", entity="Contact")]
    assert planned == pushed == ["update", "create", "delete"]


def test_a_dry_run_changes_nothing_for_the_run_that_follows(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, item = linked(world, 1)
    world.anna.delete(item)
    for _ in range(3):
        world.run(plan_only=True)
    world.run()
    assert world.salesforce.get(record) is None


def test_every_operation_names_its_mailbox_side_action_rule_and_reason(world: World) -> None:
    person(world)
    world.anna.create(surname="Marked", email="marked@example.com", categories=["Salesforce"])
    operations = world.plan()
    assert {operation["side"] for operation in operations} == {"outlook", "salesforce"}
    for operation in operations:
        assert operation["mailbox"] == ANNA
        assert operation["state"] in ("ready", "held", "problem")
        assert operation["rule"].startswith("R")
        assert operation["reason"].endswith(".")


# ── first runs ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_mailbox_with_more_operations_than_allowed_waits_for_approval(world: World) -> None:
    world.use(first_run={"plan_above": 2})
    for number in (1, 2, 3):
        person(world, number)
    mark = world.mark()
    for _ in range(2):
        document = world.run()
        assert of(document, ANNA)["holds"] >= 3
    assert world.writes(mark) == []


def test_an_approved_first_run_is_pushed(world: World) -> None:
    world.use(first_run={"plan_above": 2})
    for number in (1, 2, 3):
        person(world, number)
    world.run()
    world.judge("approved", world.held())
    document = world.run()
    assert len(world.anna.contacts()) == 3
    assert of(document, ANNA)["holds"] == 0


def test_what_was_not_approved_of_a_first_run_waits_on_and_what_was_is_kept_in_step(world: World) -> None:
    world.use(first_run={"plan_above": 3})
    records = [person(world, number) for number in range(1, 8)]
    world.run()
    held = world.held()
    [one] = [operation for operation in held if operation["salesforce_id"] == records[0]]
    world.judge("approved", [one, *(op for op in held if op["action"] in ("create_folder", "create_category"))])
    for _ in range(3):
        world.run()
    assert len(world.anna.contacts()) == 1
    world.salesforce.update(records[0], Title="Edited")
    world.salesforce.update(records[1], Title="Edited")
    world.run()
    assert [item["jobTitle"] for item in world.anna.contacts()] == ["Edited"]
    world.use(first_run={"plan_above": 100})
    world.run()
    assert len(world.anna.contacts()) == 7


def test_yes_approves_a_first_run(world: World) -> None:
    world.use(first_run={"plan_above": 2})
    for number in (1, 2, 3):
        person(world, number)
    world.run(yes=True)
    assert len(world.anna.contacts()) == 3


def test_yes_approves_nothing_else(world: World) -> None:
    world.use(max_deletes={"count": 0, "percent": 0}, conflicts={"default": "hold"})
    record, item = linked(world, 1, Title="Base")
    gone, _ = linked(world, 2)
    world.salesforce.delete(gone)
    world.anna.update(item, jobTitle="Outlook")
    world.salesforce.update(record, Title="Salesforce")
    mark = world.mark()
    world.run(yes=True)
    assert world.writes(mark) == []


def test_a_new_mailbox_with_as_many_operations_as_allowed_is_pushed(world: World) -> None:
    person(world, 1)
    world.use(first_run={"plan_above": len(world.plan())})
    world.run()
    assert len(world.anna.contacts()) == 1


def test_a_mailbox_that_is_no_longer_new_does_not_wait(world: World) -> None:
    world.use(first_run={"plan_above": 3})
    linked(world, 1)
    for number in range(2, 8):
        person(world, number)
    world.run()
    assert len(world.anna.contacts()) == 7


def test_one_new_mailbox_that_waits_does_not_stop_another(world: World) -> None:
    world.use(ANNA, BEN)
    world.mailboxes[BEN] = {"first_run": {"plan_above": 0}}
    ours, bens = person(world, 1), person(world, 2, owner=BEN)
    world.run()
    assert item_of(world.anna, ours)["surname"] == "Last1"
    assert "Salesforce Contacts" not in world.ben.folders() or items_of(world.ben, bens) == []


# ── approvals and drops ──────────────────────────────────────────────────────────────────────────────────────────────


def guarded_deletion(world: World) -> str:
    """A Contact deleted in Salesforce whose removal from the folder is held: its Id."""
    world.use(max_deletes={"count": 0, "percent": 0})
    record, _ = linked(world, 1)
    linked(world, 2)
    world.salesforce.delete(record)
    world.run()
    return record


def test_an_approval_lapses_after_seven_days(world: World) -> None:
    record = guarded_deletion(world)
    world.judge("approved", world.held())
    world.advance(7 * DAY + 60)
    document = world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert of(document, ANNA)["holds"] == 1


def test_an_approval_holds_for_nearly_seven_days(world: World) -> None:
    record = guarded_deletion(world)
    world.judge("approved", world.held())
    world.advance(7 * DAY - 600)
    world.run()
    assert items_of(world.anna, record) == []


def test_an_operation_whose_content_changed_asks_again(world: World) -> None:
    world.use(max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1, Title="Director")
    world.salesforce.update(record, Title=None)
    world.run()
    [held] = world.held()
    world.judge("approved", [held])
    world.anna.update(item, jobTitle="Manager")
    world.run()
    assert world.anna.item(item)["jobTitle"] == "Manager"
    [again] = world.held()
    assert again["id"] != held["id"]


def test_a_dropped_operation_stays_dropped_until_either_side_changes(world: World) -> None:
    world.use(max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1, Title="Director")
    world.salesforce.update(record, Title=None)
    world.run()
    world.judge("dropped", world.held())
    world.advance(30 * DAY)
    document = world.run()
    assert (world.anna.item(item)["jobTitle"], of(document, ANNA)["holds"]) == ("Director", 0)
    world.salesforce.update(record, Title="Plumber")
    world.run()
    assert world.anna.item(item)["jobTitle"] == "Plumber"


def test_a_dropped_deletion_in_outlook_is_restored(world: World) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1)
    world.anna.delete(item)
    world.run()
    world.judge("dropped", world.held())
    world.run()
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert world.salesforce.get(record) is not None


# ── what an approval covers ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_ids_of_what_waits_stay_the_same_while_nothing_changes(world: World) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    away, _ = linked(world, 1)
    _, item = linked(world, 2)
    left, edited = linked(world, 3)
    world.salesforce.delete(away)
    world.anna.delete(item)
    world.anna.update(edited, jobTitle="x" * 129, phone="+1 555 0100")
    world.salesforce.update(left, OwnerId=world.user_id(BEN))
    planned = world.plan_of(world.run()["run_id"])
    first = sorted(operation["id"] for operation in planned if operation["state"] == "held")
    assert [name[0] for name in first] == ["d", "r", "r"]
    world.run()
    world.advance(DAY)
    world.run(full=True)
    assert sorted(operation["id"] for operation in world.held()) == first


def test_an_approved_removal_is_not_carried_out_once_there_is_an_edit_to_lose(world: World) -> None:
    record = guarded_deletion(world)
    [held] = world.held()
    world.judge("approved", [held])
    item = item_of(world.anna, record)["id"]
    world.anna.update(item, jobTitle="Edited since")
    world.run()
    assert world.anna.item(item)["jobTitle"] == "Edited since"
    assert [found["id"] for found in items_of(world.anna, record)] == [item]
    [again] = world.held()
    assert again["id"] != held["id"]
    world.judge("approved", [again])
    world.run()
    assert items_of(world.anna, record) == []


def first_conflict_held(world: World) -> tuple[str, str]:
    """A Contact and its contact, linked by their e-mail; their job titles differ, and a person is asked which it is."""
    record = linked_with_a_conflict_on_hold(world)
    item = item_of(world.anna, record)["id"]
    assert [operation["hold"] for operation in world.held()] == ["conflict"]
    return record, item


def test_an_approved_removal_is_not_carried_out_once_a_value_without_a_base_was_edited_again(world: World) -> None:
    record, item = first_conflict_held(world)
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    [removal] = [operation for operation in world.held() if operation["action"] == "delete"]
    world.judge("approved", [removal])
    world.anna.update(item, jobTitle="Baker")
    world.run()
    assert [found["jobTitle"] for found in items_of(world.anna, record)] == ["Baker"]
    [again] = [operation for operation in world.held() if operation["action"] == "delete"]
    assert again["id"] != removal["id"]
    world.judge("approved", [again])
    world.run()
    assert items_of(world.anna, record) == []


def test_an_approved_deletion_in_salesforce_is_not_carried_out_once_the_contact_changed(world: World) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1)
    world.anna.delete(item)
    world.run()
    [held] = world.held()
    world.judge("approved", [held])
    world.salesforce.update(record, LeadSource="Web")  # a field that is not mapped
    world.run()
    assert world.salesforce.get(record) is not None
    [again] = world.held()
    world.judge("approved", [again])
    world.run()
    assert world.salesforce.get(record) is None


def two_guarded_deletions(world: World) -> tuple[str, list[Json]]:
    """Two Contacts deleted in Salesforce where one is allowed: the Id of the first, and the removals, its own first."""
    world.use(max_deletes={"count": 1, "percent": 0})
    first, _ = linked(world, 1)
    second, _ = linked(world, 2)
    world.salesforce.delete(first)
    world.salesforce.delete(second)
    world.run()
    return first, sorted(world.held(), key=lambda operation: operation["salesforce_id"] != first)


def test_a_dropped_removal_asks_again_once_its_contact_was_edited(world: World) -> None:
    first, held = two_guarded_deletions(world)
    world.judge("dropped", held)
    world.run()
    item = item_of(world.anna, first)["id"]
    world.anna.update(item, jobTitle="Edited since")
    for _ in range(2):
        world.run()
        assert [found["id"] for found in items_of(world.anna, first)] == [item]
    [again] = world.held()
    assert "asks again" in again["hold_reason"]


def test_a_held_removal_stays_held_when_its_contact_is_edited(world: World) -> None:
    first, held = two_guarded_deletions(world)
    world.judge("dropped", held[1:])
    world.anna.update(item_of(world.anna, first)["id"], jobTitle="Edited since")
    world.run()
    assert item_of(world.anna, first)["jobTitle"] == "Edited since"
    assert len(world.held()) == 1


def test_a_contact_whose_deletion_was_dropped_can_be_deleted_later(world: World) -> None:
    world.use(outlook_deletion="delete", max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1)
    world.anna.delete(item)
    world.run()
    world.judge("dropped", world.held())
    world.run()
    world.anna.delete(item_of(world.anna, record)["id"])
    world.run()
    assert items_of(world.anna, record) == []
    [held] = world.held()
    world.judge("approved", [held])
    world.run()
    assert world.salesforce.get(record) is None


def test_a_held_clearing_keeps_its_id_when_the_contacts_other_edits_have_travelled(world: World) -> None:
    world.use(max_deletes={"count": 0, "percent": 0})
    record, item = linked(world, 1, Title="Director")
    world.anna.update(item, jobTitle="", phone="+1 555 0100")
    planned = world.plan_of(world.run()["run_id"])
    [first] = [operation for operation in planned if operation["state"] == "held"]
    assert world.salesforce.record(record)["Phone"] == "+1 555 0100"
    world.run()
    assert [operation["id"] for operation in world.held()] == [first["id"]]
    world.judge("approved", [first])
    world.run()
    assert world.salesforce.record(record)["Title"] is None
