"""R1: contact sync on or off, down-sync on or off, mailboxes listed or discovered and known by their object id."""

from __future__ import annotations

import shutil
from datetime import datetime
from typing import Any

import pytest

from sync_pipeline import engine
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.removal import remove_mailbox
from sync_pipeline_tests import loopback
from sync_pipeline_tests.harness import ANNA, BEN, PEOPLE, World, of, person, stamp_of

# -- the switch of the whole mailbox ---------------------------------------------------------------------------------


def test_a_mailbox_that_is_switched_off_is_left_alone_while_another_goes_on(world: World) -> None:
    world.use(ANNA, BEN).mailboxes[ANNA] = {"enabled": False}
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    assert [item["surname"] for item in world.ben.contacts()] == ["Birk"]
    assert world.writes(mailbox=ANNA) == []
    assert world.anna.folders() == {}


def test_contact_sync_can_be_switched_off_for_all_mailboxes_at_once(world: World) -> None:
    world.use(ANNA, BEN, enabled=False)
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.anna.create(givenName="Cora", surname="Chosen", email="cora@example.com", categories=["Salesforce"])
    world.run()
    assert world.writes() == []


def test_a_mailbox_can_be_switched_on_where_the_default_is_off(world: World) -> None:
    world.use(ANNA, BEN, enabled=False).mailboxes[BEN] = {"enabled": True}
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    assert [item["surname"] for item in world.ben.contacts()] == ["Birk"]
    assert world.writes(mailbox=ANNA) == []


def test_switching_a_mailbox_off_leaves_its_contacts_in_place(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    before = world.anna.contacts()
    world.mailboxes[ANNA] = {"enabled": False}
    world.salesforce.update(contact, Title="Edited in Salesforce")
    mark = world.mark()
    world.run()
    world.run()
    assert world.writes(mark) == []
    assert world.anna.contacts() == before


def test_edits_made_while_a_mailbox_was_off_travel_when_it_is_on_again_and_nothing_comes_twice(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    item = world.anna.contact("adler@example.com")["id"]
    world.mailboxes[ANNA] = {"enabled": False}
    world.run()
    world.salesforce.update(contact, Title="Director")
    world.anna.update(item, department="Sales")
    world.run()
    world.mailboxes[ANNA] = {}
    world.run()
    world.run()
    [only] = world.anna.contacts()
    found = world.salesforce.contact(Email="adler@example.com")
    assert (only["id"], only["jobTitle"], only["department"]) == (item, "Director", "Sales")
    assert (found["Id"], found["Title"], found["Department"]) == (contact, "Director", "Sales")


def test_on_disable_remove_takes_out_what_came_from_salesforce_and_leaves_what_was_chosen_in_outlook(
    world: World,
) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.anna.create(world.anna.folder(), surname="Chosen", email="chosen@example.com")
    world.run()
    world.use(on_disable="remove").mailboxes[ANNA] = {"enabled": False}
    mark = world.mark()
    world.run()
    # Deletions that follow a changed setting wait for a person (R20).
    assert world.writes(mark, action="delete") == []
    world.judge("approved", world.held())
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Chosen"]
    assert [item["surname"] for item in world.anna.deleted()] == ["Adler"]
    assert world.salesforce.get(contact) is not None
    assert world.writes(mark, service="salesforce") == []


def test_on_disable_remove_carries_the_last_edits_up_before_it_takes_a_contact_out(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    item = world.anna.contact("adler@example.com")["id"]
    world.anna.update(item, jobTitle="Last words")
    world.use(on_disable="remove").mailboxes[ANNA] = {"enabled": False}
    world.run()
    world.judge("approved", [operation for operation in world.held() if operation["action"] == "delete"])
    world.run()
    world.run()
    assert world.salesforce.contact(Id=contact)["Title"] == "Last words"
    assert world.anna.contacts() == []


# -- down-sync -------------------------------------------------------------------------------------------------------


def test_with_down_sync_off_nothing_is_created_for_the_view(world: World) -> None:
    world.use(down_sync=False)
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    assert world.anna.contacts() == []
    assert world.writes(entity="contact") == []


def test_with_down_sync_off_contacts_chosen_in_outlook_still_go_up(world: World) -> None:
    world.use(down_sync=False)
    world.run()
    world.anna.create(world.anna.folder(), surname="Folder", email="folder@example.com")
    world.anna.create(surname="Category", email="category@example.com", categories=["Salesforce"])
    world.run()
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["Category", "Folder"]


def test_with_down_sync_off_links_go_on_in_both_directions(world: World) -> None:
    world.use(down_sync=False)
    world.run()
    item = world.anna.create(world.anna.folder(), surname="Folder", email="folder@example.com")
    world.run()
    contact = world.salesforce.contact(Email="folder@example.com")["Id"]
    world.salesforce.update(contact, Title="Down")
    world.anna.update(item, department="Up")
    world.run()
    found = world.anna.get(item)
    assert found is not None
    assert found["jobTitle"] == "Down"
    assert world.salesforce.contact(Id=contact)["Department"] == "Up"


def test_switching_down_sync_off_keeps_the_links_that_exist_going(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.use(down_sync=False)
    world.salesforce.update(contact, Title="Down")
    world.run()
    assert world.anna.contact("adler@example.com")["jobTitle"] == "Down"


def test_with_down_sync_off_a_contact_that_leaves_the_view_is_not_removed(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.use(down_sync=False)
    world.run()
    mark = world.mark()
    world.salesforce.update(contact, OwnerId=world.user_id(BEN))
    world.run()
    world.run()
    assert world.writes(mark, action="delete") == []
    assert [operation for operation in world.held() if operation["action"] == "delete"] == []
    assert len(world.anna.contacts()) == 1


def test_with_down_sync_off_a_contact_deleted_in_salesforce_is_still_removed(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.use(down_sync=False)
    world.run()
    world.salesforce.delete(contact)
    world.run()
    assert world.anna.contacts() == []
    assert len(world.anna.deleted()) == 1


def test_with_down_sync_off_a_deletion_in_outlook_only_unlinks(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.use(down_sync=False)
    world.run()
    world.anna.delete(world.anna.contact("adler@example.com")["id"])
    mark = world.mark()
    world.run()
    world.salesforce.update(contact, Title="Edited later")
    world.run()
    assert world.writes(mark) == []
    assert world.anna.contacts() == []
    assert world.salesforce.get(contact) is not None


def test_with_down_sync_off_a_deletion_in_outlook_deletes_where_r14_says_delete(world: World) -> None:
    world.use(outlook_deletion="delete")
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.use(down_sync=False)
    world.run()
    world.anna.delete(world.anna.contact("adler@example.com")["id"])
    world.run()
    assert world.salesforce.get(contact) is None


# -- which mailboxes there are ---------------------------------------------------------------------------------------


def test_mailboxes_are_discovered_from_salesforce_users_by_a_rule(world: World) -> None:
    world.mailboxes.clear()
    world.top["mailboxes"] = {"discover": {"where": "Username IN ('anna@acme.example.com', 'ben@acme.example.com')"}}
    for address in PEOPLE:
        world.as_user(address).create(LastName="Of " + address, Email=f"contact.of.{address}")
    document = world.run()
    assert [row["mailbox"] for row in document["mailboxes"]] == [ANNA, BEN]
    assert [item["surname"] for item in world.anna.contacts()] == ["Of " + ANNA]
    assert [item["surname"] for item in world.ben.contacts()] == ["Of " + BEN]
    assert world.cleo.folders() == {}


def test_the_rule_names_the_user_field_that_holds_the_mailbox(world: World) -> None:
    world.org("users", username="dora@acme.example.com", name="Dora Dorn", federation_identifier=BEN)
    world.mailboxes.clear()
    rule = {"where": "Username = 'dora@acme.example.com'", "mailbox_field": "FederationIdentifier"}
    world.top["mailboxes"] = {"discover": rule}
    world.salesforce.create(
        LastName="Adler", Email="adler@example.com", OwnerId=world.salesforce.user_id("dora@acme.example.com")
    )
    world.run()
    assert [item["surname"] for item in world.ben.contacts()] == ["Adler"]


def test_a_listed_mailbox_keeps_its_own_settings_beside_the_discovered_ones(world: World) -> None:
    world.mailboxes.clear()
    listed = [{"mailbox": BEN, "salesforce_user": PEOPLE[BEN][0], "down_sync": False}]
    rule = {"where": "Username IN ('anna@acme.example.com', 'ben@acme.example.com')"}
    world.top["mailboxes"] = {"discover": rule, "listed": listed}
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Adler"]
    assert world.ben.contacts() == []


@pytest.mark.parametrize("found_by", ["a list", "a rule"])
def test_a_mailbox_with_a_changed_address_is_no_new_mailbox(world: World, found_by: str) -> None:
    username = PEOPLE[ANNA][0]
    if found_by == "a rule":
        world.mailboxes.clear()
        world.top["mailboxes"] = {"discover": {"where": f"Username = '{username}'"}}
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    before = world.anna.contacts()
    new = "anna.married@example.com"
    world.server.state.db.execute("UPDATE graph_users SET address = ? WHERE address = ?", (new, ANNA))
    world.server.state.db.execute('UPDATE "sf_User" SET Email = ? WHERE Username = ?', (new, username))
    if found_by == "a list":
        world.mailboxes.clear()
        world.top["mailboxes"] = [{"mailbox": new, "salesforce_user": username}]
    mark = world.mark()
    world.run()
    renamed = world.outlook(new)
    assert world.writes(mark) == []
    assert renamed.contacts() == before
    world.salesforce.update(contact, Title="Still linked")
    world.run()
    [item] = renamed.contacts()
    assert (item["id"], item["jobTitle"]) == (before[0]["id"], "Still linked")


def test_a_mailbox_that_vanished_is_a_problem_and_no_deletion(world: World) -> None:
    world.use(ANNA, BEN, outlook_deletion="delete")
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    other = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    database = world.server.state.db
    [anna] = database.execute("SELECT id FROM graph_users WHERE address = ?", (ANNA,)).fetchone()
    database.execute("DELETE FROM graph_users WHERE id = ?", (anna,))
    for table in ("graph_folders", "graph_contacts"):
        database.execute(f"DELETE FROM {table} WHERE mailbox = ?", (anna,))
    world.salesforce.update(other, Title="Ben goes on")
    document = world.run()
    assert of(document, ANNA)["status"] == "stopped"
    assert of(document, BEN)["status"] == "ok"
    assert world.salesforce.get(contact) is not None
    assert world.ben.contact("birk@example.com")["jobTitle"] == "Ben goes on"


def discovered(world: World) -> World:
    """Anna's and Ben's mailboxes are found by a rule."""
    world.mailboxes.clear()
    world.top["mailboxes"] = {"discover": {"where": "Department = 'Sales'"}}
    for address in (ANNA, BEN):
        user_changed(world, address, Department="Sales")
    return world.use(outlook_deletion="delete")


def user_changed(world: World, address: str, **values: Any) -> None:
    """An administrator edits a user in Salesforce."""
    for name, value in values.items():
        sql = f'UPDATE "sf_User" SET {name} = ? WHERE Username = ?'
        world.server.state.db.execute(sql, (value, PEOPLE[address][0]))


@pytest.mark.parametrize("change", [{"IsActive": 0}, {"Department": "Support"}, {"Email": None}])
def test_a_mailbox_that_the_rule_finds_no_longer_is_a_problem_and_no_deletion(
    world: World, change: dict[str, Any]
) -> None:
    discovered(world)
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    other = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    before = world.anna.contacts()
    user_changed(world, ANNA, **change)
    world.salesforce.update(other, Title="Ben goes on")
    mark = world.mark()
    for _ in range(2):
        document = world.run()
        shown = of(document, ANNA)
        assert (shown["status"], shown["code"]) == ("stopped", "mailbox_vanished")
        assert "rule" in shown["message"]
        assert "remove" in shown["remedy"]
        assert engine.exit_code(document) == 3
        assert of(document, BEN)["status"] == "ok"
    assert world.writes(mark, mailbox=ANNA) == []
    assert (world.anna.contacts(), world.salesforce.get(contact) is not None) == (before, True)
    assert world.ben.contact("birk@example.com")["jobTitle"] == "Ben goes on"


def test_a_mailbox_that_the_rule_finds_again_goes_on_where_it_was(world: World) -> None:
    discovered(world)
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    item = world.anna.contact("adler@example.com")["id"]
    user_changed(world, ANNA, IsActive=0)
    world.run()
    world.salesforce.update(contact, Title="Meanwhile")
    user_changed(world, ANNA, IsActive=1)
    document = world.run()
    assert of(document, ANNA)["status"] == "ok"
    assert [(row["id"], row["jobTitle"]) for row in world.anna.contacts()] == [(item, "Meanwhile")]


def test_a_run_for_chosen_mailboxes_does_not_speak_of_vanished_ones(world: World) -> None:
    discovered(world)
    world.run()
    user_changed(world, ANNA, IsActive=0)
    assert [row["mailbox"] for row in world.run(BEN)["mailboxes"]] == [BEN]


def test_a_vanished_mailbox_that_was_taken_out_is_no_problem_any_more(world: World) -> None:
    discovered(world)
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    user_changed(world, ANNA, IsActive=0)
    world.run()
    with open_warehouse(warehouse_path(world.settings())) as connection:
        remove_mailbox(connection, ANNA, datetime(2030, 1, 1))
    assert [row["mailbox"] for row in world.run()["mailboxes"]] == [BEN]


def test_a_renamed_mailbox_that_could_not_be_read_at_first_is_the_same_one(world: World) -> None:
    discovered(world)
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    before = world.anna.contacts()
    new = "anna.married@example.com"
    world.server.state.db.execute("UPDATE graph_users SET address = ? WHERE address = ?", (new, ANNA))
    user_changed(world, ANNA, Email=new)
    world.fault("403", service="graph", path="anna.married", times=100)
    assert of(world.run(), new)["status"] == "stopped"
    world._checked(world.control.delete("faults"))
    mark = world.mark()
    document = world.run()
    assert [(row["mailbox"], row["status"]) for row in document["mailboxes"]] == [(new, "ok"), (BEN, "ok")]
    assert (world.writes(mark), world.outlook(new).contacts()) == ([], before)
    world.salesforce.update(contact, Title="Still linked")
    world.run()
    assert [item["jobTitle"] for item in world.outlook(new).contacts()] == ["Still linked"]


def test_a_renamed_mailbox_with_its_own_credential_writes_everything_once(world: World) -> None:
    world.use_per_user_credentials()
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    new = "anna.married@example.com"
    world.server.state.db.execute("UPDATE graph_users SET address = ? WHERE address = ?", (new, ANNA))
    world.mailboxes.clear()
    world.top["mailboxes"] = [{"mailbox": new, "salesforce_user": PEOPLE[ANNA][0]}]
    world.as_user(ANNA).update(contact, Title="Edited")
    mark = world.mark()
    plan = world.plan()
    assert [(row["action"], row["state"]) for row in plan] == [("update", "ready")]
    world.run()
    assert [row["action"] for row in world.contact_writes(mark)] == ["update"]
    [item] = world.outlook(new).contacts()
    assert item["jobTitle"] == "Edited"


def test_on_disable_remove_knows_what_came_from_salesforce_after_a_lost_warehouse(world: World) -> None:
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.anna.create(world.anna.folder(), surname="Chosen", email="chosen@example.com")
    world.run()
    shutil.rmtree(world.directory / "data")
    world.run()
    world.use(on_disable="remove").mailboxes[ANNA] = {"enabled": False}
    world.run()
    world.judge("approved", world.held())
    world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Chosen"]
    assert [item["surname"] for item in world.anna.deleted()] == ["Adler"]


def test_on_disable_remove_leaves_what_was_in_outlook_first_after_a_lost_warehouse(world: World) -> None:
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.anna.create(surname="Adler", email="adler@example.com", categories=["Salesforce"])
    for _ in range(2):
        world.run()
    shutil.rmtree(world.directory / "data")
    world.run()
    world.use(on_disable="remove").mailboxes[ANNA] = {"enabled": False}
    world.run()
    assert world.held() == []
    assert [item["surname"] for item in world.anna.contacts()] == ["Adler"]


def test_on_disable_remove_leaves_a_copy_that_became_somebody_else_after_a_lost_warehouse(world: World) -> None:
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    copy = world.anna.copy(world.anna.contact("adler@example.com")["id"], world.anna.folder())
    world.anna.update(copy, givenName="Otto", surname="Other", email="otto@example.com")
    world.run()
    shutil.rmtree(world.directory / "data")
    world.run()
    world.use(on_disable="remove").mailboxes[ANNA] = {"enabled": False}
    world.run()
    world.judge("approved", world.held())
    world.run()
    assert [item["id"] for item in world.anna.contacts()] == [copy]


# -- an address that another mailbox has now --------------------------------------------------------------------------


def given_to_another(world: World, former: str = "anna.former@example.com") -> str:
    """Anna's address goes to a new mailbox; her own goes on under `former`. Returns a Contact of Ben that she has."""
    record = person(world, 5, owner=BEN)
    world.run()
    world.anna.create(
        world.anna.folder(), givenName="First5", surname="Last5", email="person5@example.com", personalNotes="Hers"
    )
    world.run()
    world.run()
    graph = f"{world.server.graph_url}/_sandbox/graph/"
    for route, body in (
        ("rename", {"mailbox": ANNA, "address": former}),
        ("mailbox", {"mailbox": ANNA, "name": "Another Anna"}),
    ):
        world._checked(loopback.post(graph + route, json=body))
    return record


def test_an_address_given_to_another_mailbox_stops_it_and_hands_over_nothing(world: World) -> None:
    world.use(ANNA, BEN)
    record = given_to_another(world)
    world.salesforce.update(record, Title="Ben goes on")
    mark = world.mark()
    for _ in range(2):
        document = world.run()
        shown = of(document, ANNA)
        assert (shown["status"], shown["code"]) == ("stopped", "mailbox_reassigned")
        assert f"sync-pipeline remove {ANNA}" in shown["remedy"]
    assert world.writes(mark, mailbox=ANNA) == []
    assert world.outlook(ANNA).folders() == {}
    assert world.ben.contact("person5@example.com")["jobTitle"] == "Ben goes on"


def test_after_the_former_mailbox_was_taken_out_the_new_one_begins_afresh(world: World) -> None:
    given_to_another(world)
    mine = person(world, 6)
    world.run()
    with open_warehouse(warehouse_path(world.settings())) as connection:
        remove_mailbox(connection, ANNA, datetime(2030, 1, 1))
    mark = world.mark()
    assert of(world.run(), ANNA)["status"] == "ok"
    assert [stamp_of(item) for item in world.outlook(ANNA).contacts()] == [mine]
    assert world.writes(mark, service="salesforce") == []
    assert of(world.run(), ANNA)["status"] == "ok"


def test_an_address_given_on_goes_on_by_itself_where_the_former_mailbox_is_listed_under_its_new_one(
    world: World,
) -> None:
    former = "anna.former@example.com"
    record = given_to_another(world, former)
    world.mailboxes.clear()
    world.top["mailboxes"] = [
        {"mailbox": ANNA, "salesforce_user": PEOPLE[BEN][0]},
        {"mailbox": former, "salesforce_user": PEOPLE[ANNA][0]},
    ]
    mark = world.mark()
    assert of(world.run(), former)["status"] == "ok"
    document = world.run()
    assert [of(document, address)["status"] for address in (ANNA, former)] == ["ok", "ok"]
    world.run()
    [kept], [given] = world.outlook(former).contacts(), world.outlook(ANNA).contacts()
    assert (stamp_of(kept), kept["personalNotes"]) == (record, "Hers")
    assert stamp_of(given) == record, "the view of its Salesforce user shows it"
    assert world.contact_writes(mark)[0]["action"] == "create"
    assert len(world.contact_writes(mark)) == 1


def test_two_mailboxes_that_changed_addresses_with_each_other_are_never_mixed(world: World) -> None:
    world.use(ANNA, BEN)
    for number, owner in ((1, ANNA), (2, BEN)):
        person(world, number, owner=owner)
    world.run()
    database = world.server.state.db
    for old, new in ((ANNA, "swap"), (BEN, ANNA), ("swap", BEN)):
        database.execute("UPDATE graph_users SET address = ? WHERE address = ?", (new, old))
    mark = world.mark()
    document = world.run()
    assert [of(document, address)["code"] for address in (ANNA, BEN)] == ["mailbox_reassigned"] * 2
    assert world.writes(mark) == []
