"""R22: a dry run is the same plan, not pushed; large first runs wait; approvals name operations by their content."""

from __future__ import annotations

from sync_pipeline_tests.harness import ANNA, BEN, Json, World, item_of, items_of, linked, of, person

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
