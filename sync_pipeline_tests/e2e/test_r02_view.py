"""R2: all Contacts, my Contacts or a list view, whose own SOQL is run; a view that is gone is never an empty one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sync_pipeline_tests.harness import ANNA, BEN, World, of


def surnames(world: World) -> list[str]:
    return sorted(item["surname"] for item in world.anna.contacts())


def two_contacts(world: World) -> None:
    """One of Anna's and one of Ben's."""
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com", Department="Sales")
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com", Department="Sales")


# -- mine and all ----------------------------------------------------------------------------------------------------


def test_by_default_a_mailbox_shows_the_contacts_that_its_salesforce_user_owns(world: World) -> None:
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler"]


def test_a_contact_given_to_the_user_arrives_in_the_mailbox(world: World) -> None:
    other = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")
    world.run()
    world.salesforce.update(other, OwnerId=world.user_id(ANNA))
    world.run()
    assert surnames(world) == ["Birk"]


def test_view_all_shows_every_contact(world: World) -> None:
    world.top["salesforce"] = {"share_all": True}
    world.use(view="all")
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler", "Birk"]


def test_each_mailbox_has_its_own_view(world: World) -> None:
    world.top["salesforce"] = {"share_all": True}
    world.use(ANNA, BEN).mailboxes[BEN] = {"view": "all"}
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler"]
    assert sorted(item["surname"] for item in world.ben.contacts()) == ["Adler", "Birk"]


def test_with_credentials_per_user_view_all_shows_what_sharing_lets_the_user_read(world: World) -> None:
    world.use_per_user_credentials().use(view="all")
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler"]


def test_with_credentials_per_user_view_mine_shows_what_the_user_owns(world: World) -> None:
    world.use_per_user_credentials()
    world.switch(salesforce_sharing="public")
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler"]


# -- list views ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["Id", "15-character Id", "developer name", "label"])
def test_a_list_view_is_chosen_by(world: World, way: str) -> None:
    view = {"developer_name": "Sales_People", "label": "People of Sales", "where": "Department = 'Sales'"}
    made = world.org("listviews", **view)["id"]
    names = {"Id": made, "15-character Id": made[:15], "developer name": "Sales_People", "label": "People of Sales"}
    world.use(view=names[way])
    two_contacts(world)
    world.as_user(ANNA).create(LastName="Cole", Email="cole@example.com", Department="Law")
    world.run()
    assert surnames(world) == ["Adler", "Birk"]


def test_the_views_own_soql_is_what_is_run(world: World) -> None:
    where = "(Department = 'Sales' AND Title LIKE 'Head%') OR (Account.Name = 'Acme' AND Email != null)"
    world.org("listviews", developer_name="Odd", where=where)
    acme = world.salesforce.create("Account", Name="Acme")
    people: dict[str, dict[str, Any]] = {
        "Head": {"Department": "Sales", "Title": "Head of Sales"},
        "Clerk": {"Department": "Sales", "Title": "Clerk"},
        "Acme": {"AccountId": acme},
        "Mute": {"AccountId": acme, "Email": None},
    }
    for last, fields in people.items():
        world.salesforce.create(**{"LastName": last, "Email": f"{last.lower()}@example.com", **fields})
    world.use(view="Odd")
    world.run()
    assert surnames(world) == ["Acme", "Head"]


def test_a_view_of_my_contacts_means_those_of_the_mailboxs_user_and_not_of_the_credential(world: World) -> None:
    world.use(view="MyContacts")
    two_contacts(world)
    world.salesforce.create(
        LastName="Robot",
        Email="robot@example.com",
        OwnerId=world.salesforce.user_id("integration@acme.example.com"),
    )
    world.run()
    assert surnames(world) == ["Adler"]


def test_a_scope_and_a_condition_of_a_view_hold_together(world: World) -> None:
    world.org("listviews", developer_name="My_Sales", scope="mine", where="Department = 'Sales' OR Title = 'Head'")
    world.use(view="My_Sales")
    two_contacts(world)
    world.as_user(ANNA).create(LastName="Cole", Email="cole@example.com", Department="Law")
    world.run()
    assert surnames(world) == ["Adler"]


def test_a_view_with_a_relative_date_shows_what_its_soql_finds_that_day(world: World) -> None:
    world.use(view="NewThisWeek")
    world.salesforce.create(LastName="Adler", Email="adler@example.com")
    world.advance(15 * 24 * 3600)
    world.salesforce.create(LastName="Birk", Email="birk@example.com")
    world.run()
    assert surnames(world) == ["Birk"]


def test_with_credentials_per_user_a_list_view_is_read_by_the_user(world: World) -> None:
    world.use_per_user_credentials().use(view="Sales_People")
    world.org("listviews", developer_name="Sales_People", where="Department = 'Sales'")
    two_contacts(world)
    world.run()
    assert surnames(world) == ["Adler"]


def test_a_view_is_read_to_its_end_over_many_pages(world: World) -> None:
    world.switch(salesforce_page_size=7)
    world.org("listviews", developer_name="Sales_People", where="Department = 'Sales'")
    world.use(view="Sales_People")
    for number in range(40):
        world.salesforce.create(LastName=f"Person {number:02}", Email=f"p{number}@example.com", Department="Sales")
    world.run()
    assert surnames(world) == [f"Person {number:02}" for number in range(40)]


# -- views that cannot be run ----------------------------------------------------------------------------------------


def test_an_unknown_view_stops_the_mailbox_with_a_clear_problem(world: World) -> None:
    world.use(ANNA, BEN).mailboxes[ANNA] = {"view": "No such view"}
    two_contacts(world)
    document = world.run()
    row = of(document, ANNA)
    assert row["status"] == "stopped"
    assert "No such view" in row["message"]
    assert row["remedy"]
    assert world.writes(mailbox=ANNA, entity="contact") == []
    assert [item["surname"] for item in world.ben.contacts()] == ["Birk"]


def gone(world: World) -> None:
    world.org("listviews", developer_name="Sales_People", delete=True)


def not_readable(world: World) -> None:
    world.org("listviews", developer_name="Sales_People", visible_to=["cleo@acme.example.com"])


def not_soql_compatible(world: World) -> None:
    world.org("listviews", developer_name="Sales_People", soql_compatible=False)


@pytest.mark.parametrize("credentials", ["org", "per_user"])
@pytest.mark.parametrize("loss", [gone, not_readable, not_soql_compatible])
def test_a_view_that_cannot_be_run_any_more_stops_the_mailbox_and_never_reads_as_no_contacts(
    world: World, loss: Callable[[World], None], credentials: str
) -> None:
    if credentials == "per_user":
        world.use_per_user_credentials()
    world.use(ANNA, BEN).mailboxes[ANNA] = {"view": "Sales_People"}
    world.org("listviews", developer_name="Sales_People", where="Department = 'Sales'")
    mine: dict[str, Any] = {"LastName": "Adler", "Email": "adler@example.com", "Department": "Sales"}
    world.as_user(ANNA).create(**mine)
    contact = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com", Department="Law")
    world.run()
    assert surnames(world) == ["Adler"]
    loss(world)
    world.salesforce.update(contact, Title="Ben goes on")
    mark = world.mark()
    document = world.run()
    world.run()
    assert of(document, ANNA)["status"] == "stopped"
    assert "Sales_People" in of(document, ANNA)["message"]
    assert of(document, ANNA)["remedy"]
    assert world.writes(mark, mailbox=ANNA) == []
    assert surnames(world) == ["Adler"]
    assert world.ben.contact("birk@example.com")["jobTitle"] == "Ben goes on"


def test_a_mailbox_goes_on_when_its_view_is_back(world: World) -> None:
    world.use(view="Sales_People")
    world.org("listviews", developer_name="Sales_People", where="Department = 'Sales'")
    contact = world.salesforce.create(LastName="Adler", Email="adler@example.com", Department="Sales")
    world.run()
    not_soql_compatible(world)
    world.salesforce.update(contact, Title="Director")
    world.run()
    world.org("listviews", developer_name="Sales_People", soql_compatible=True)
    assert of(world.run(), ANNA)["status"] == "ok"
    assert world.anna.contact("adler@example.com")["jobTitle"] == "Director"
