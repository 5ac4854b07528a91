"""R20: how many deletions a run may push, what is held, and what is never the ground for a deletion."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.settings import Secrets
from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    PEOPLE,
    Json,
    World,
    item_of,
    items_of,
    of,
    person,
    private_key,
    see_all,
)

DAY = 24 * 3600


def people(world: World, count: int, *, owner: str = ANNA, first: int = 1, **fields: str) -> list[str]:
    """So many new Contacts of a mailbox's user, and a run."""
    records = [person(world, first + number, owner=owner, **fields) for number in range(count)]
    world.run()
    return records


def delete(world: World, records: Sequence[str]) -> None:
    for record in records:
        world.salesforce.delete(record)


def deletions(operations: list[Json], state: str) -> list[Json]:
    return [row for row in operations if row["action"] == "delete" and row["state"] == state]


def limit(world: World, **limits: float) -> World:
    """max_deletes with a count of 0 and 0 percent, save for what is given."""
    return world.use(max_deletes={"count": 0, "percent": 0} | limits)


# ── the numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_ten_deletions_pass_by_default(world: World) -> None:
    records = people(world, 12)
    delete(world, records[:10])
    world.run()
    assert len(world.anna.contacts()) == 2


def test_beyond_ten_none_is_pushed_and_everything_else_goes_on(world: World) -> None:
    records = people(world, 13)
    delete(world, records[:11])
    world.salesforce.update(records[12], Title="Changed")
    new = person(world, 50)
    mark = world.mark()
    document = world.run()
    assert world.writes(mark, action="delete") == []
    assert len(world.anna.contacts()) == 14
    assert item_of(world.anna, records[12])["jobTitle"] == "Changed"
    assert item_of(world.anna, new)["surname"] == "Last50"
    assert of(document, ANNA)["holds"] == 11
    held = deletions(world.plan(), "held")
    assert len(held) == 11
    assert all("max_deletes" in row["hold_reason"] for row in held)


@pytest.mark.parametrize(
    ("limits", "deleted", "passes"),
    [
        ({"count": 2}, 2, True),
        ({"count": 2}, 3, False),
        ({"percent": 50}, 3, True),
        ({"percent": 50}, 4, False),
        ({"count": 2, "percent": 50}, 3, True),
        ({"count": 3, "percent": 20}, 3, True),
        ({"count": 4, "percent": 90, "cap": 1}, 1, True),
        ({"count": 4, "percent": 90, "cap": 1}, 2, False),
        ({"count": 0, "percent": 0}, 1, False),
        ({"count": 4, "org": 2}, 2, True),
        ({"count": 4, "org": 2}, 3, False),
    ],
)
def test_the_limit_is_the_count_or_the_percentage_whichever_is_more_up_to_the_cap_and_the_orgs_own(
    world: World, limits: dict[str, float], deleted: int, passes: bool
) -> None:
    limit(world, **limits)
    records = people(world, 6)
    delete(world, records[:deleted])
    world.run()
    assert len(world.anna.contacts()) == (6 - deleted if passes else 6)


def test_the_limit_counts_over_a_rolling_day(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6)
    delete(world, records[:2])
    world.run()
    assert len(world.anna.contacts()) == 4
    delete(world, records[2:3])
    world.run()
    assert len(world.anna.contacts()) == 4, "the third within a day"
    world.judge("dropped", deletions(world.held(), "held"))
    world.advance(DAY + 60)
    delete(world, records[3:4])
    world.run()
    assert items_of(world.anna, records[3]) == [], "a new day"


def test_each_mailbox_has_a_limit_of_its_own(world: World) -> None:
    limit(world, count=2).use(ANNA, BEN)
    ours = people(world, 4)
    bens = people(world, 4, owner=BEN, first=11)
    delete(world, [*ours[:3], *bens[:1]])
    world.run()
    assert (len(world.anna.contacts()), len(world.ben.contacts())) == (4, 3)


def test_a_mailbox_can_have_limits_of_its_own(world: World) -> None:
    limit(world, count=1).use(ANNA, BEN)
    world.mailboxes[BEN] = {"max_deletes": {"count": 3}}
    ours = people(world, 4)
    bens = people(world, 4, owner=BEN, first=11)
    delete(world, [*ours[:3], *bens[:3]])
    world.run()
    assert (len(world.anna.contacts()), len(world.ben.contacts())) == (4, 1)


def test_the_orgs_limit_counts_over_all_mailboxes(world: World) -> None:
    limit(world, count=5, org=3).use(ANNA, BEN)
    ours = people(world, 3)
    bens = people(world, 3, owner=BEN, first=11)
    delete(world, [*ours[:2], *bens[:2]])
    mark = world.mark()
    world.run()
    assert world.writes(mark, action="delete") == []


def test_each_side_has_a_limit_of_its_own(world: World) -> None:
    limit(world, count=2).use(outlook_deletion="delete")
    records = people(world, 6)
    for record in records[:2]:
        world.anna.delete(item_of(world.anna, record)["id"])
    delete(world, records[2:4])
    world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == records[4:]
    assert len(world.anna.contacts()) == 2


def test_deletions_in_salesforce_are_limited_too(world: World) -> None:
    limit(world, count=2).use(outlook_deletion="delete")
    records = people(world, 6)
    for record in records[:3]:
        world.anna.delete(item_of(world.anna, record)["id"])
    mark = world.mark()
    document = world.run()
    assert len(world.salesforce.contacts()) == 6
    assert (world.writes(mark), of(document, ANNA)["holds"]) == ([], 3)


def test_contacts_that_left_the_view_are_limited_too(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6)
    for record in records[:3]:
        world.salesforce.update(record, OwnerId=world.user_id(BEN))
    world.run()
    assert len(world.anna.contacts()) == 6


@pytest.mark.parametrize("why", ["the limit", "an empty view", "dropped"])
def test_edits_go_on_both_ways_while_a_removal_from_the_view_waits(world: World, why: str) -> None:
    if why == "an empty view":
        world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
        world.use(view="Sales")
        leave = {"Department": "Support"}
    else:
        limit(world, count=0)
        leave = {"OwnerId": world.user_id(BEN)}
    [record] = people(world, 1, Department="Sales")
    world.salesforce.update(record, **leave)
    world.run()
    if why == "dropped":
        world.judge("dropped", world.held())
    world.salesforce.update(record, Title="Changed in Salesforce", LastName="Renamed")
    world.anna.update(item_of(world.anna, record)["id"], phone="+1 555 0100", categories=[])
    for _ in range(2):
        document = world.run()
    item = item_of(world.anna, record)
    assert (item["jobTitle"], item["surname"], item["displayName"]) == (
        "Changed in Salesforce",
        "Renamed",
        "First1 Renamed",
    )
    assert len(item["categories"]) == 1, "R4"
    assert world.salesforce.record(record)["Phone"] == "+1 555 0100"
    assert (world.ready(), of(document, ANNA)["holds"]) == ([], 0 if why == "dropped" else 1)
    if why != "dropped":
        world.judge("approved", world.held())
        world.run()
        assert world.anna.contacts() == []


def test_a_contact_that_is_removed_is_not_written_first(world: World) -> None:
    [record, _] = people(world, 2, Title="Director")
    world.salesforce.update(record, Title=None, LastName="Renamed", OwnerId=world.user_id(BEN))
    mark = world.mark()
    world.run()
    assert items_of(world.anna, record) == []
    assert [row["action"] for row in world.contact_writes(mark)] == ["delete"]


def test_a_contact_whose_removal_waits_follows_its_contact_into_a_merge(world: World) -> None:
    limit(world, count=0).use(ANNA)
    winner, loser = person(world, 1, owner=BEN), person(world, 2)
    world.run()
    world.salesforce.update(loser, OwnerId=world.user_id(BEN))
    world.run()
    world.org("merge", winner=winner, losers=[loser])
    world.salesforce.update(winner, Title="Winner")
    world.run()
    world.run()
    assert item_of(world.anna, winner)["jobTitle"] == "Winner"
    assert (world.ready(), [row["salesforce_id"] for row in world.held()]) == ([], [winner])


# ── a person's answer ────────────────────────────────────────────────────────────────────────────────────────────────


def test_held_deletions_stay_held_run_after_run(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6)
    delete(world, records[:3])
    for _ in range(3):
        document = world.run()
        assert of(document, ANNA)["holds"] == 3
    assert len(world.anna.contacts()) == 6


def test_approved_deletions_are_pushed_all_of_them(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6)
    delete(world, records[:3])
    world.run()
    world.judge("approved", world.held())
    document = world.run()
    assert len(world.anna.contacts()) == 3
    assert of(document, ANNA)["holds"] == 0


def test_one_approved_deletion_is_pushed_and_the_others_stay_held(world: World) -> None:
    limit(world, count=1)
    records = people(world, 6)
    delete(world, records[:3])
    world.run()
    [first, *_] = world.held()
    world.judge("approved", [first])
    world.run()
    assert len(world.anna.contacts()) == 5
    assert items_of(world.anna, first["salesforce_id"]) == []


def test_dropped_deletions_of_contacts_deleted_in_outlook_are_restored(world: World) -> None:
    limit(world, count=2).use(outlook_deletion="delete")
    records = people(world, 6)
    for record in records[:3]:
        world.anna.delete(item_of(world.anna, record)["id"])
    world.run()
    world.judge("dropped", world.held())
    document = world.run()
    assert len(world.salesforce.contacts()) == 6
    assert len(world.anna.contacts()) == 6
    assert of(document, ANNA)["holds"] == 0


def test_dropped_removals_stay_dropped_and_the_contacts_stay(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6)
    delete(world, records[:3])
    world.run()
    world.judge("dropped", world.held())
    for _ in range(2):
        document = world.run()
        assert of(document, ANNA)["holds"] == 0
    assert len(world.anna.contacts()) == 6


# ── clearings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_clearings_of_one_field_beyond_the_limit_are_held_on_the_way_to_outlook(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6, Title="Director", Department="Sales")
    for record in records[:3]:
        world.salesforce.update(record, Title=None)
    world.salesforce.update(records[4], Department=None)
    document = world.run()
    assert [item["jobTitle"] for item in world.anna.contacts()] == ["Director"] * 6
    assert item_of(world.anna, records[4])["department"] is None, "another field, one clearing"
    assert of(document, ANNA)["holds"] == 3


def test_clearings_of_one_field_beyond_the_limit_are_held_on_the_way_to_salesforce(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6, Title="Director")
    for record in records[:3]:
        world.anna.update(item_of(world.anna, record)["id"], jobTitle=None)
    world.run()
    assert [row["Title"] for row in world.salesforce.contacts()] == ["Director"] * 6


def test_clearings_up_to_the_limit_travel(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6, Title="Director")
    for record in records[:2]:
        world.salesforce.update(record, Title=None)
    world.run()
    assert [item["jobTitle"] for item in world.anna.contacts()].count(None) == 2


def test_approved_clearings_travel(world: World) -> None:
    limit(world, count=2)
    records = people(world, 6, Title="Director")
    for record in records[:3]:
        world.salesforce.update(record, Title=None)
    world.run()
    world.judge("approved", world.held())
    world.run()
    assert [item["jobTitle"] for item in world.anna.contacts()].count(None) == 3


def test_an_approved_clearing_travels_in_one_write_with_another_edit_of_its_contact(world: World) -> None:
    limit(world, count=1)
    records = people(world, 3, Title="Director")
    for record in records[:2]:
        world.anna.update(item_of(world.anna, record)["id"], jobTitle=None)
    world.run()
    world.judge("approved", world.held())
    world.anna.update(item_of(world.anna, records[0])["id"], phone="+1 555 0100")
    mark = world.mark()
    world.run()
    assert sorted(row["id"] for row in world.writes(mark, service="salesforce")) == records[:2]
    found = world.salesforce.record(records[0])
    assert (found["Title"], found["Phone"]) == (None, "+1 555 0100")


# ── deletions that follow a change of ours ───────────────────────────────────────────────────────────────────────────


def test_a_single_deletion_that_follows_a_changed_setting_is_held(world: World) -> None:
    see_all(world, ANNA)
    ours, bens = person(world, 1), person(world, 2, owner=BEN)
    world.run()
    world.use(view="mine")
    for _ in range(2):
        document = world.run()
        assert of(document, ANNA)["holds"] == 1
    assert len(world.anna.contacts()) == 2
    [held] = world.held()
    assert held["salesforce_id"] == bens
    world.judge("approved", [held])
    world.run()
    assert [item_of(world.anna, ours)["surname"]] == [item["surname"] for item in world.anna.contacts()]


def test_a_single_deletion_that_follows_a_changed_view_is_held(world: World) -> None:
    world.org("listviews", developer_name="Some", where="Department IN ('Sales', 'Support')")
    world.use(view="Some")
    person(world, 1, Department="Sales")
    leaves = person(world, 2, Department="Support")
    world.run()
    world.org("listviews", developer_name="Some", where="Department = 'Sales'")
    document = world.run()
    assert of(document, ANNA)["holds"] == 1
    assert item_of(world.anna, leaves)["surname"] == "Last2"
    assert [row["hold"] for row in world.held()] == ["changed_settings"]


def test_a_change_of_the_view_is_still_known_after_a_run_in_which_it_came_back_empty(world: World) -> None:
    world.org("listviews", developer_name="Some", where="Department IN ('Sales', 'Support')")
    world.use(view="Some")
    stays, leaves = person(world, 1, Department="Sales"), person(world, 2, Department="Support")
    world.run()
    world.org("listviews", developer_name="Some", where="Department = 'Law'")
    world.run()
    world.salesforce.update(stays, Department="Law")
    for _ in range(2):
        world.run()
        assert item_of(world.anna, leaves)["surname"] == "Last2"
    assert [(row["hold"], row["salesforce_id"]) for row in world.held()] == [("changed_settings", leaves)]


def test_a_single_deletion_that_follows_a_changed_credential_is_held(world: World) -> None:
    see_all(world, ANNA)
    person(world, 1)
    hidden = person(world, 2, owner=BEN)
    world.run()
    world.use_per_user_credentials()
    document = world.run()
    assert item_of(world.anna, hidden)["surname"] == "Last2"
    assert of(document, ANNA)["holds"] == 1


def test_a_change_of_settings_does_not_hold_deletions_for_ever(world: World) -> None:
    see_all(world, ANNA)
    records = [person(world, number) for number in (1, 2, 3)]
    world.run()
    world.use(view="mine")
    world.run()
    world.run()
    delete(world, records[:1])
    world.run()
    assert items_of(world.anna, records[0]) == []


def test_a_removal_that_waits_for_an_edit_too_is_held_for_the_change_when_the_edit_went_up(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="boss", message="No bosses here.")
    see_all(world, ANNA)
    person(world, 1)
    bens = person(world, 2, owner=BEN)
    world.run()
    item = item_of(world.anna, bens)["id"]
    world.anna.update(item, jobTitle="big boss")
    world.run()
    world.use(view="mine")
    world.run()
    world.anna.update(item, jobTitle="chief")
    for _ in range(3):
        world.run()
    assert item_of(world.anna, bens)["id"] == item
    assert [row["hold"] for row in world.held()] == ["changed_settings"]
    assert world.salesforce.record(bens)["Title"] == "chief"


def test_a_held_deletion_stays_held_when_the_deleted_items_are_emptied(world: World) -> None:
    world.use(outlook_deletion="restore")
    record, other = people(world, 2)
    world.run()
    item = item_of(world.anna, record)["id"]
    world.anna.delete(item)
    world.use(outlook_deletion="delete")
    world.run()
    assert [row["hold"] for row in world.held()] == ["changed_settings"]
    world.anna.purge(item)
    for _ in range(2):
        world.run(full=True)
    assert world.salesforce.get(record) is not None
    assert [(row["hold"], row["salesforce_id"]) for row in world.held()] == [("changed_settings", record)]
    assert world.salesforce.get(other) is not None


# ── what is never the ground for a deletion ──────────────────────────────────────────────────────────────────────────


def test_a_list_view_that_came_back_empty_where_there_was_something_removes_nothing(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    for record in people(world, 3, Department="Sales"):
        world.salesforce.update(record, Department="Support")
    mark = world.mark()
    world.run()
    world.run(full=True)
    assert world.writes(mark, action="delete") == []
    assert len(world.anna.contacts()) == 3


def test_removals_from_an_empty_list_view_wait_for_a_person_or_until_it_shows_someone(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    records = people(world, 3, Department="Sales")
    for record in records:
        world.salesforce.update(record, Department="Support")
    document = world.run()
    assert of(document, ANNA)["holds"] == 3
    assert {row["hold"] for row in world.held()} == {"empty_view"}
    world.judge("approved", [row for row in world.held() if row["salesforce_id"] == records[0]])
    world.run()
    assert items_of(world.anna, records[0]) == []
    assert len(world.anna.contacts()) == 2
    world.salesforce.update(records[1], Department="Sales")
    document = world.run()
    assert [item["id"] for item in world.anna.contacts()] == [item_of(world.anna, records[1])["id"]]
    assert of(document, ANNA)["holds"] == 0


@pytest.mark.parametrize("view", ["mine", "all"])
def test_a_view_that_came_back_empty_because_nothing_can_be_read_removes_nothing(world: World, view: str) -> None:
    world.top["salesforce"] = {"auth": "jwt", "share_all": True}
    world.secrets = replace(Secrets.sandbox(), salesforce_private_key=private_key(), salesforce_username=PEOPLE[BEN][0])
    world.use(view=view)
    people(world, 3)
    world.switch(salesforce_sharing="private")
    mark = world.mark()
    world.run(full=True)
    document = world.run(full=True)
    assert world.writes(mark) == []
    assert len(world.anna.contacts()) == 3
    assert of(document, ANNA)["holds"] == 0  # nothing was concluded, so that nobody has anything to approve
    world.switch(salesforce_sharing="public")
    document = world.run(full=True)
    assert (len(world.anna.contacts()), of(document, ANNA)["holds"]) == (3, 0)
    assert world.writes(mark) == []


@pytest.mark.parametrize("view", ["mine", "all", "Sales"])
def test_with_credentials_per_user_a_view_that_came_back_empty_removes_nothing(world: World, view: str) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use_per_user_credentials().use(view=view)
    records = people(world, 2, Department="Sales")
    for record in records:
        world.salesforce.update(record, OwnerId=world.user_id(BEN))
    mark = world.mark()
    world.run()
    document = world.run(full=True)
    assert world.writes(mark) == []
    assert (len(world.anna.contacts()), of(document, ANNA)["holds"]) == (2, 2)
    world.judge("approved", world.held())
    world.run()
    assert world.anna.contacts() == [], "a person says that it is empty in truth"


def test_the_last_contacts_of_my_contacts_are_removed_when_they_name_another_owner(world: World) -> None:
    for record in people(world, 2):
        world.salesforce.update(record, OwnerId=world.user_id(BEN))
    document = world.run()
    assert (world.anna.contacts(), of(document, ANNA)["holds"]) == ([], 0)


@pytest.mark.parametrize("view", ["mine", "all", "Sales"])
def test_the_last_contacts_of_a_view_are_removed_when_they_are_deleted(world: World, view: str) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    see_all(world, ANNA).use(view=view)
    delete(world, people(world, 2, Department="Sales"))
    document = world.run()
    assert (world.anna.contacts(), of(document, ANNA)["holds"]) == ([], 0)


def test_a_view_that_is_gone_removes_nothing(world: World) -> None:
    world.org("listviews", developer_name="Sales", where="Department = 'Sales'")
    world.use(view="Sales")
    people(world, 3, Department="Sales")
    world.org("listviews", developer_name="Sales", delete=True)
    mark = world.mark()
    document = world.run()
    assert world.writes(mark) == []
    assert of(document, ANNA)["status"] == "stopped"
    assert len(world.anna.contacts()) == 3


@pytest.mark.parametrize(
    "fault",
    ["500", pytest.param("html_error", marks=pytest.mark.slow), pytest.param("truncated_body", marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("service", ["salesforce", "graph"])
def test_a_listing_that_failed_removes_nothing(world: World, service: str, fault: str) -> None:
    world.use(outlook_deletion="delete")
    records = people(world, 3)
    path = {"salesforce": "query", "graph": "contacts"}[service]
    mark = world.mark()
    world.fault(fault, times=100, service=service, method="GET", path=path, actor="application")
    with suppress(SideUnavailable):  # a whole side that is down may end the run, too
        world.run(full=True)
    world.control.delete("faults")
    assert world.writes(mark, action="delete") == []
    world.run()
    assert world.writes(mark, action="delete") == []
    assert (len(world.anna.contacts()), len(world.salesforce.contacts())) == (3, len(records))


@pytest.mark.parametrize("hidden", [1, 2], ids=["one of them", "all"])
def test_accounts_that_are_not_listed_any_more_clear_no_company(
    world: World, monkeypatch: pytest.MonkeyPatch, hidden: int
) -> None:
    accounts = [world.salesforce.create("Account", Name=name) for name in ("Acme", "Bolt")]
    records = [person(world, number, AccountId=account) for number, account in enumerate(accounts, 1)]
    world.run()
    visible = Org.visible

    def hide(self: Org, acting: Acting, target: ObjectDef, alias: str) -> tuple[str, list[str]] | None:
        if target.name != "Account":
            return visible(self, acting, target, alias)
        return f"{alias}.Id NOT IN ({', '.join('?' * hidden)})", accounts[:hidden]

    with monkeypatch.context() as patched:
        patched.setattr(Org, "visible", hide)
        mark = world.mark()
        world.run(full=True)
        world.run(full=True)
        assert world.writes(mark) == []
        world.anna.create(world.anna.folder(), surname="New", email="new@example.com", companyName="Bolt")
        world.run()
    assert [item_of(world.anna, record)["companyName"] for record in records] == ["Acme", "Bolt"]
    assert world.salesforce.contact(LastName="New")["AccountId"] == accounts[1]
    world.salesforce.update(records[0], AccountId=accounts[1])
    world.salesforce.update(records[1], AccountId=None)
    world.run(full=True)
    assert item_of(world.anna, records[0])["companyName"] == "Bolt"
    assert not item_of(world.anna, records[1])["companyName"]


def test_an_expired_delta_token_removes_nothing(world: World) -> None:
    world.use(outlook_deletion="delete")
    people(world, 3)
    world.expire_delta()
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []
    assert (len(world.anna.contacts()), len(world.salesforce.contacts())) == (3, 3)


def test_a_deletion_that_was_seen_behind_an_expired_delta_token_still_counts(world: World) -> None:
    world.use(outlook_deletion="delete")
    records = people(world, 3)
    world.anna.delete(item_of(world.anna, records[0])["id"])
    world.expire_delta()
    world.run()
    world.run()
    assert world.salesforce.get(records[0]) is None
    assert len(world.salesforce.contacts()) == 2


def test_a_lost_warehouse_removes_nothing(world: World) -> None:
    world.use(outlook_deletion="delete")
    records = people(world, 3)
    world.anna.delete(item_of(world.anna, records[0])["id"])
    shutil.rmtree(world.directory / "data")
    mark = world.mark()
    world.run()
    assert world.writes(mark, action="delete") == []
    assert len(world.salesforce.contacts()) == 3


def test_a_clearing_that_waits_reaches_no_other_mailbox(world: World) -> None:
    see_all(world, ANNA, BEN)
    world.mailboxes[ANNA] = {"max_deletes": {"count": 1, "percent": 0}}
    records = people(world, 4, Title="Director")
    for record in records[:2]:
        world.anna.update(item_of(world.anna, record)["id"], jobTitle="", phone="+1 555 0100")
    world.run()
    for record in records[:2]:
        found = item_of(world.ben, record)
        assert (found["jobTitle"], found["businessPhones"]) == ("Director", ["+1 555 0100"])
    world.judge("approved", world.held())
    world.run()
    world.run()
    for record in records[:2]:
        assert world.salesforce.record(record)["Title"] is None
        assert item_of(world.ben, record)["jobTitle"] is None
    assert world.ready() == []
