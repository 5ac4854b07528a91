"""R8: what a new Salesforce Contact gets besides its mapped fields, and what it must have before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.assets.drift import drift_sql
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.tables import fetch
from sync_pipeline_tests.harness import ANNA, BEN, Json, World, of


def create(world: World, **properties: Any) -> str:
    """A contact of Mia Muster in the folder, which is made where it is missing."""
    if "Salesforce Contacts" not in world.anna.folders():
        world.run()
    values = {"givenName": "Mia", "surname": "Muster", "email": "mia@example.com", **properties}
    return world.anna.create(world.anna.folder(), **values)


def created(world: World) -> Json:
    return world.salesforce.contact(Email="mia@example.com")


def sent(world: World) -> dict[str, int]:
    """The writing requests that Salesforce has got from the application, refused ones included, by route."""
    counts: dict[str, int] = world.control.get("requests").json()["by_actor"].get("application", {})
    # To retrieve several records is a POST too, whose route names the object.
    reading = ("GET", "POST /services/data/v{version}/composite/sobjects/{object}")
    return {route: count for route, count in counts.items() if "sobjects" in route and not route.startswith(reading)}


# -- defaults and fixed values ---------------------------------------------------------------------------------------


def test_a_default_fills_what_outlook_leaves_empty(world: World) -> None:
    world.use(create={"defaults": {"Department": "Unknown", "LeadSource": "Partner Referral"}})
    create(world)
    world.run()
    assert (created(world)["Department"], created(world)["LeadSource"]) == ("Unknown", "Partner Referral")
    world.run()
    assert world.anna.contact("mia@example.com")["department"] == "Unknown"


def test_a_default_gives_way_to_outlooks_own_value(world: World) -> None:
    world.use(create={"defaults": {"Department": "Unknown"}})
    create(world, department="Law")
    world.run()
    assert created(world)["Department"] == "Law"


def test_a_fixed_value_stands_whatever_outlook_says(world: World) -> None:
    world.use(create={"fixed": {"Department": "From Outlook", "LeadSource": "Web"}})
    create(world, department="Law")
    world.run()
    world.run()
    assert (created(world)["Department"], created(world)["LeadSource"]) == ("From Outlook", "Web")
    assert world.anna.contact("mia@example.com")["department"] == "From Outlook"


def test_values_that_are_no_text_are_sent_as_what_they_are(world: World) -> None:
    world.org("fields", object="Contact", name="Newsletter__c", type="boolean")
    world.org("fields", object="Contact", name="Score__c", type="double")
    world.use(create={"defaults": {"Newsletter__c": True}, "fixed": {"Score__c": 7}})
    create(world)
    world.run()
    assert (created(world)["Newsletter__c"], created(world)["Score__c"]) == (True, 7)


def test_defaults_and_fixed_values_are_for_creations_only(world: World) -> None:
    world.use(create={"defaults": {"LeadSource": "Other"}, "fixed": {"Department": "From Outlook"}})
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    create(world)
    world.run()
    world.salesforce.update(created(world)["Id"], Department="Changed", LeadSource="Web")
    world.run()
    world.run()
    assert (created(world)["Department"], created(world)["LeadSource"]) == ("Changed", "Web")
    adler = world.salesforce.contact(Id=contact)
    assert (adler["Department"], adler["LeadSource"]) == (None, None)


def test_each_mailbox_can_have_its_own_values(world: World) -> None:
    world.use(ANNA, BEN, create={"defaults": {"LeadSource": "Other"}})
    world.mailboxes[BEN] = {"create": {"defaults": {"LeadSource": "Web"}}}
    create(world)
    world.ben.create(surname="Birk", email="birk@example.com", categories=["Salesforce"])
    world.run()
    assert created(world)["LeadSource"] == "Other"
    assert world.salesforce.contact(Email="birk@example.com")["LeadSource"] == "Web"


# -- owner and Account -----------------------------------------------------------------------------------------------


def test_a_new_contact_is_owned_by_the_mailboxs_user(world: World) -> None:
    create(world)
    world.run()
    assert created(world)["OwnerId"] == world.user_id(ANNA)


def test_with_credentials_per_user_a_new_contact_is_owned_by_the_mailboxs_user(world: World) -> None:
    world.use_per_user_credentials()
    create(world)
    world.run()
    assert created(world)["OwnerId"] == world.user_id(ANNA)


def test_a_fixed_owner_owns_every_new_contact(world: World) -> None:
    world.use(create={"fixed": {"OwnerId": world.user_id(BEN)}})
    create(world)
    world.run()
    assert created(world)["OwnerId"] == world.user_id(BEN)
    world.run()
    assert len(world.anna.contacts()) == 1


def test_a_fixed_account_holds_every_new_contact(world: World) -> None:
    house = world.salesforce.create("Account", Name="House Account")
    world.use(account={"mode": "fixed", "fixed_id": house})
    create(world)
    world.run()
    assert created(world)["AccountId"] == house


# -- required fields -------------------------------------------------------------------------------------------------


def test_an_additional_required_field_that_is_missing_is_a_problem_before_anything_is_sent(world: World) -> None:
    world.use(create={"required": ["Phone"]})
    made = create(world)
    document = world.run()
    assert world.salesforce.contacts() == []
    assert sent(world) == {}
    assert of(document, ANNA)["problems"] == 1
    [problem] = world.problems()
    assert "Phone" in problem["message"]
    assert problem["remedy"]
    world.anna.update(made, phone="+49 30 1")
    world.run()
    assert created(world)["Phone"] == "+49 30 1"
    assert of(world.run(), ANNA)["problems"] == 0


def test_a_field_that_the_org_requires_is_found_by_describe(world: World) -> None:
    world.org("fields", object="Contact", name="Region__c", required=True)
    create(world)
    document = world.run()
    assert world.salesforce.contacts() == []
    assert sent(world) == {}
    assert of(document, ANNA)["problems"] == 1
    assert "Region__c" in world.problems()[0]["message"]


def test_a_field_that_the_org_requires_later_is_found_too(world: World) -> None:
    create(world, email="early@example.com", surname="Early")
    world.run()
    world.org("fields", object="Contact", name="Region__c", required=True)
    create(world)
    world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Early"]
    assert "Region__c" in world.problems()[0]["message"]


def test_a_default_supplies_what_the_org_requires(world: World) -> None:
    world.org("fields", object="Contact", name="Region__c", required=True)
    world.use(create={"defaults": {"Region__c": "North"}})
    create(world)
    document = world.run()
    assert created(world)["Region__c"] == "North"
    assert of(document, ANNA)["problems"] == 0


def test_a_required_account_is_missing_where_the_company_finds_none(world: World) -> None:
    account = world.salesforce.create("Account", Name="Acme")
    world.use(create={"required": ["AccountId"]})
    create(world, companyName="Unheard Of")
    world.anna.create(world.anna.folder(), surname="Placed", email="placed@example.com", companyName="Acme")
    world.run()
    [only] = world.salesforce.contacts()
    assert (only["LastName"], only["AccountId"]) == ("Placed", account)
    assert "AccountId" in world.problems()[0]["message"]


def test_what_is_missing_in_one_contact_does_not_stop_the_others(world: World) -> None:
    world.use(create={"required": ["Phone"]})
    create(world)
    world.anna.create(world.anna.folder(), surname="Whole", email="whole@example.com", phone="+49 30 1")
    world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Whole"]


# -- LastName --------------------------------------------------------------------------------------------------------


def test_the_last_name_comes_from_the_surname(world: World) -> None:
    create(world, displayName="Somebody Else")
    world.run()
    assert created(world)["LastName"] == "Muster"


def test_without_a_surname_the_last_name_comes_from_the_display_name_and_is_not_written_back(world: World) -> None:
    create(world, surname=None, givenName=None, displayName="Front desk")
    world.run()
    world.run()
    item = world.anna.contact("mia@example.com")
    assert created(world)["LastName"] == "Front desk"
    assert (item["surname"], item["displayName"]) == (None, "Front desk")
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []
    assert world.ready() == []
    world.anna.update(item["id"], displayName="Reception")
    world.run(full=True)
    with open_warehouse(warehouse_path(world.settings())) as connection:
        assert fetch(connection, drift_sql(world.settings().fields, world.settings())) == []


def test_a_contact_without_any_name_is_a_problem(world: World) -> None:
    create(world, surname=None, givenName=None, email=None, jobTitle="Nobody knows who")
    world.anna.create(world.anna.folder(), surname="Named", email="named@example.com")
    document = world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Named"]
    assert of(document, ANNA)["problems"] == 1
    assert "LastName" in world.problems()[0]["message"]


def test_a_surname_cleared_later_is_a_problem_and_the_other_fields_still_travel(world: World) -> None:
    made = create(world)
    world.run()
    world.anna.update(made, surname=None, jobTitle="Counsel")
    document = world.run()
    assert (created(world)["LastName"], created(world)["Title"]) == ("Muster", "Counsel")
    assert of(document, ANNA)["problems"] == 1
    assert world.problems()[0]["field"] == "last_name"
    world.anna.update(made, surname="Muster-Meyer")
    assert of(world.run(), ANNA)["problems"] == 0
    assert created(world)["LastName"] == "Muster-Meyer"


@pytest.mark.parametrize("name", [{"givenName": "Madonna"}, {"displayName": "Madonna GmbH"}])
@pytest.mark.parametrize("again", ["dragged out and in", "warehouse lost"])
def test_a_last_name_made_of_the_display_name_is_never_written_back_as_surname(
    world: World, name: dict[str, str], again: str
) -> None:
    world.run()
    item = world.anna.create(world.anna.folder(), email="madonna@example.com", **name)
    world.run()
    shown = world.anna.item(item)["displayName"]
    assert world.salesforce.contact(Email="madonna@example.com")["LastName"] == shown
    if again == "warehouse lost":
        warehouse_path(world.settings()).unlink()
    else:
        world.anna.move(item, world.anna.create_folder("Private"))
        world.run()
        world.anna.move(item, world.anna.folder())
    for _ in range(3):
        world.run()
    [found] = [contact for contact in world.anna.contacts() if contact["displayName"] == shown]
    assert not found["surname"]
    assert len(world.salesforce.contacts()) == 1
    world.salesforce.update(world.salesforce.contact(Email="madonna@example.com")["Id"], LastName="Ciccone")
    world.run()
    assert world.anna.item(found["id"])["surname"] == "Ciccone"


def test_a_last_name_that_is_too_long_is_told_as_that_and_not_as_missing(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), surname="M" * 100, email="m@example.com")
    world.run()
    [problem] = world.problems()
    assert (problem["field"], problem["code"]) == ("last_name", "too_long")
    assert "created then" in problem["remedy"]
