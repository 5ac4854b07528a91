"""Bad input to a run: a clear error or problem that says what to do, the rest goes on, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sync_pipeline.model.errors import SettingsInvalid, SideUnavailable, SyncError
from sync_pipeline_tests.harness import ANNA, BEN, World, of


def two_contacts(world: World) -> None:
    """One of Anna's and one of Ben's."""
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com")


# -- mailboxes and credentials ---------------------------------------------------------------------------------------


def test_a_mailbox_that_graph_does_not_have_is_stopped_and_the_others_go_on(world: World) -> None:
    world.use(ANNA)
    nobody = {"mailbox": "nobody@example.com", "salesforce_user": "ben@acme.example.com"}
    world.top["mailboxes"] = [{"mailbox": ANNA, "salesforce_user": "anna@acme.example.com"}, nobody]
    two_contacts(world)
    document = world.run()
    row = of(document, "nobody@example.com")
    assert row["status"] == "stopped"
    assert "nobody@example.com" in row["message"]
    assert row["remedy"]
    assert of(document, ANNA)["status"] == "ok"
    assert len(world.anna.contacts()) == 1


def test_a_salesforce_user_that_the_org_does_not_have_stops_the_mailbox_and_the_others_go_on(world: World) -> None:
    world.top["mailboxes"] = [
        {"mailbox": ANNA, "salesforce_user": "typing.error@acme.example.com"},
        {"mailbox": BEN, "salesforce_user": "ben@acme.example.com"},
    ]
    two_contacts(world)
    document = world.run()
    assert of(document, ANNA)["status"] == "stopped"
    assert "typing.error@acme.example.com" in of(document, ANNA)["message"]
    assert of(document, ANNA)["remedy"]
    assert world.writes(mailbox=ANNA) == []
    assert len(world.ben.contacts()) == 1


def test_a_run_of_a_mailbox_that_the_settings_do_not_name_is_refused(world: World) -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        world.run("nobody@example.com")
    assert "nobody@example.com" in str(refusal.value)
    assert ANNA in str(refusal.value)
    assert world.writes() == []


@pytest.mark.parametrize("side", ["salesforce", "graph"])
def test_wrong_credentials_are_a_clear_error_and_after_correcting_them_nothing_is_lost(world: World, side: str) -> None:
    two_contacts(world)
    right = world.secrets
    wrong: dict[str, Any] = {f"{side}_client_secret": "Xq7-not-the-secret"}
    world.secrets = replace(right, **wrong)
    with pytest.raises(SideUnavailable) as refusal:
        world.run()
    assert refusal.value.side == {"salesforce": "salesforce", "graph": "outlook"}[side]
    assert refusal.value.remedy
    assert "Xq7-not-the-secret" not in str(refusal.value)
    assert world.writes() == []
    world.secrets = right
    world.run()
    assert len(world.anna.contacts()) == 1


def test_credentials_that_stop_working_delete_nothing(world: World) -> None:
    world.use(outlook_deletion="delete")
    two_contacts(world)
    world.run()
    mark = world.mark()
    world.control.post("expire_tokens").raise_for_status()
    world.secrets = replace(world.secrets, graph_client_secret="wrong", salesforce_client_secret="wrong")
    with pytest.raises(SyncError):
        world.run()
    assert world.writes(mark) == []
    assert len(world.salesforce.contacts()) == 2


def test_a_per_user_credential_that_is_refused_stops_that_mailbox_only(world: World) -> None:
    world.use(ANNA, BEN).use_per_user_credentials()
    two_contacts(world)
    world.run()
    world.org("users", username="ben@acme.example.com", name="Ben Berg", is_active=False)
    world.salesforce.update(world.salesforce.contact(LastName="Adler")["Id"], Title="Goes on")
    mark = world.mark()
    document = world.run()
    assert of(document, BEN)["status"] == "stopped"
    assert of(document, BEN)["remedy"]
    assert world.writes(mark, mailbox=BEN) == []
    assert world.anna.contact("adler@example.com")["jobTitle"] == "Goes on"


@pytest.mark.parametrize("refusal", ["403", "API_DISABLED_FOR_ORG"])
def test_writes_that_salesforce_refuses_altogether_are_no_problem_of_any_contact(world: World, refusal: str) -> None:
    world.run()
    for number in range(2):
        world.anna.create(world.anna.folder(), surname=f"Muster{number}", email=f"m{number}@example.com")
    world.fault(refusal, times=1000, service="salesforce", method="POST", path="composite/sobjects$")
    with pytest.raises(SideUnavailable) as told:
        world.run()
    assert told.value.code == "salesforce_credentials"
    assert told.value.remedy
    assert world.problems() == []
    world.control.delete("faults").raise_for_status()
    world.run()
    assert len(world.salesforce.contacts()) == 2


def test_a_contact_that_may_not_be_edited_is_a_problem_of_its_own(world: World) -> None:
    two_contacts(world)
    world.run()
    world.anna.update(world.anna.contacts()[0]["id"], jobTitle="Boss")
    refusal = "INSUFFICIENT_ACCESS_OR_READONLY"
    match = {"service": "salesforce", "method": "PATCH", "path": "composite/sobjects"}
    rule = {"match": match, "fault": refusal, "rows": [0], "times": 1}
    world.control.post("faults", json=[rule]).raise_for_status()
    world.run()
    assert [problem["code"] for problem in world.problems()] == [refusal]


def the_login_of_ben_is_refused(world: World) -> None:
    world.org("users", username="ben@acme.example.com", name="Ben Berg", is_active=False)
    world.control.post("expire_tokens").raise_for_status()


def both_edit(world: World, word: str) -> None:
    """Anna and Ben each change the title of their one contact."""
    for mailbox in (world.anna, world.ben):
        [item] = mailbox.contacts()
        mailbox.update(item["id"], jobTitle=word)


def titles(world: World) -> list[str | None]:
    """Of Adler, who is Anna's, and Birk, who is Ben's."""
    return [world.salesforce.contact(LastName=name)["Title"] for name in ("Adler", "Birk")]


def own_logins(world: World) -> None:
    world.use(ANNA, BEN).use_per_user_credentials()
    two_contacts(world)
    world.run()


def test_a_per_user_credential_that_is_refused_stops_that_mailbox_only_though_it_left_something_in_doubt(
    world: World,
) -> None:
    own_logins(world)
    world.ben.update(world.ben.contacts()[0]["id"], jobTitle="In doubt")
    world.fault("connection_reset", service="salesforce", method="PATCH", path="composite/sobjects")
    world.run()
    the_login_of_ben_is_refused(world)
    both_edit(world, "Goes on")
    document = world.run()
    assert [of(document, address)["status"] for address in (ANNA, BEN)] == ["ok", "stopped"]
    assert titles(world) == ["Goes on", None]
    world.org("users", username="ben@acme.example.com", name="Ben Berg", is_active=True)
    world.run()
    assert titles(world) == ["Goes on", "Goes on"]


def test_a_per_user_credential_that_is_refused_when_contacts_are_pushed_stops_that_mailbox_only(world: World) -> None:
    own_logins(world)
    both_edit(world, "Goes on")
    document = world.run(before={"push_salesforce": lambda: the_login_of_ben_is_refused(world)})
    assert [of(document, address)["status"] for address in (ANNA, BEN)] == ["ok", "stopped"]
    assert of(document, BEN)["remedy"]
    assert titles(world) == ["Goes on", None]
    assert world.problems() == []
    world.org("users", username="ben@acme.example.com", name="Ben Berg", is_active=True)
    world.run()
    assert titles(world) == ["Goes on", "Goes on"]


def test_a_per_user_credential_that_is_refused_when_list_views_are_read_stops_that_mailbox_only(world: World) -> None:
    own_logins(world)
    world.org("listviews", developer_name="Some", where="LastName IN ('Adler', 'Birk')")
    world.use(ANNA, BEN, view="Some")
    both_edit(world, "Goes on")
    document = world.run(before={"extract_view_members": lambda: the_login_of_ben_is_refused(world)})
    assert [of(document, address)["status"] for address in (ANNA, BEN)] == ["ok", "stopped"]
    assert titles(world) == ["Goes on", None]


# -- contacts and values ---------------------------------------------------------------------------------------------


def in_folder(world: World, **properties: Any) -> str:
    """A contact in the folder, which is made where it is missing."""
    if "Salesforce Contacts" not in world.anna.folders():
        world.run()
    return world.anna.create(world.anna.folder(), **properties)


def test_a_contact_without_a_last_name_is_a_problem_and_the_rest_goes_on(world: World) -> None:
    in_folder(world, jobTitle="Nobody knows who", mobilePhone="+49 170 1")
    in_folder(world, surname="Named", email="named@example.com")
    document = world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Named"]
    assert of(document, ANNA)["problems"] == 1
    [problem] = world.problems()
    assert "LastName" in problem["message"]
    assert problem["remedy"]
    assert len(world.anna.contacts()) == 2


# property of Outlook, field of Salesforce, a value that Salesforce does not take, the mapped field's name
BAD_VALUES = [
    ("jobTitle", "Title", "x" * 129, "job_title"),
    ("mobilePhone", "MobilePhone", "1" * 41, "mobile_phone"),
    ("email", "Email", "not an address", "email"),
    ("email", "Email", "a" * 70 + "@long.example.com", "email"),
    ("title", "Salutation", "Grand Duchess", "salutation"),
]


def restricted_salutation(world: World) -> None:
    world.org("fields", object="Contact", name="Salutation", restrictedPicklist=True)


@pytest.mark.parametrize(("name", "field", "value", "mapped"), BAD_VALUES)
def test_a_new_contact_with_a_value_that_salesforce_refuses_is_created_without_it_and_nothing_is_cut(
    world: World, name: str, field: str, value: str, mapped: str
) -> None:
    restricted_salutation(world)
    made = in_folder(world, **{"surname": "Muster", "department": "Law", name: value})
    document = world.run()
    world.run()
    found = world.salesforce.contact(LastName="Muster")
    assert (found[field], found["Department"]) == (None, "Law")
    assert of(document, ANNA)["problems"] == 1
    [problem] = world.problems()
    assert problem["field"] == mapped
    assert problem["remedy"]
    item = world.anna.get(made)
    assert item is not None
    assert (item["emailAddresses"][0]["address"] if name == "email" else item[name]) == value


@pytest.mark.parametrize(("name", "field", "value", "mapped"), BAD_VALUES)
def test_an_edit_that_salesforce_refuses_is_a_problem_and_the_other_edits_travel(
    world: World, name: str, field: str, value: str, mapped: str
) -> None:
    restricted_salutation(world)
    fields = {"Title": "Counsel", "MobilePhone": "+49 170 1", "Email": "mia@example.com", "Salutation": "Ms."}
    contact = world.as_user(ANNA).create(LastName="Muster", **fields)
    world.run()
    made = world.anna.contact("mia@example.com")["id"]
    world.anna.update(made, **{"department": "Law", name: value})
    document = world.run()
    found = world.salesforce.contact(Id=contact)
    assert (found[field], found["Department"]) == (fields[field], "Law")
    assert of(document, ANNA)["problems"] == 1
    assert [problem["field"] for problem in world.problems()] == [mapped]
    item = world.anna.get(made)
    assert item is not None
    assert (item["emailAddresses"][0]["address"] if name == "email" else item[name]) == value


def test_a_value_that_only_salesforce_can_judge_is_a_problem_and_the_rest_of_the_contact_travels(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="poison", message="No poison here.")
    in_folder(world, surname="Bad", email="bad@example.com", jobTitle="poison")
    in_folder(world, surname="Good", email="good@example.com")
    document = world.run()
    found = {row["LastName"]: row["Title"] for row in world.salesforce.contacts()}
    assert found == {"Bad": None, "Good": None}
    assert of(document, ANNA)["problems"] == 1
    assert "No poison here." in world.problems()[0]["message"]


def test_a_contact_that_only_salesforce_can_judge_is_a_problem_and_does_not_stop_the_others(world: World) -> None:
    world.org("validation_rules", object="Contact", field="LastName", contains="poison", message="No poison here.")
    in_folder(world, surname="Poison", email="bad@example.com")
    in_folder(world, surname="Good", email="good@example.com")
    document = world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Good"]
    assert of(document, ANNA)["problems"] == 1
    assert "No poison here." in world.problems()[0]["message"]
    assert len(world.anna.contacts()) == 2


# -- Companies -------------------------------------------------------------------------------------------------------

COMPANIES = {
    "quotes": "O'Hara \"& Sons\" ''",
    "percent": "100% %percent%",
    "underscore": "under_score_",
    "backslash": "back\\slash\\' OR Name != '",
    "emoji": "Rocket 🚀 Café",
    "300 characters": "Länge " * 50,
    "SQL": "'); DROP TABLE sync.links; --",
    "line": "two\nlines",
}


def test_odd_companies_are_kept_in_outlook_and_the_contacts_are_created(world: World) -> None:
    made = {
        name: in_folder(world, surname=name, email=f"odd{number}@example.com", companyName=company)
        for number, (name, company) in enumerate(COMPANIES.items())
    }
    in_folder(world, surname="Other", email="other@example.com", companyName="Plain")
    world.run()
    world.run()
    found = {row["LastName"]: row["AccountId"] for row in world.salesforce.contacts()}
    assert found == dict.fromkeys([*COMPANIES, "Other"])
    assert {name: world.anna.item(item)["companyName"] for name, item in made.items()} == COMPANIES
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_an_odd_company_finds_the_account_of_exactly_that_name(world: World) -> None:
    names = ("quotes", "percent", "underscore", "backslash", "emoji", "SQL")
    accounts = {name: world.salesforce.create("Account", Name=COMPANIES[name]) for name in names}
    for number, name in enumerate(names):
        in_folder(world, surname=name, email=f"odd{number}@example.com", companyName=COMPANIES[name])
    world.run()
    assert {row["LastName"]: row["AccountId"] for row in world.salesforce.contacts()} == accounts


def test_odd_characters_in_every_field_arrive_as_they_are(world: World) -> None:
    odd = 'O\'Brien \\ "q" % _ 🚀 <b> Ö\u0301'
    made = in_folder(world, surname=odd, givenName=odd, email="o'brien@example.com", jobTitle=odd, personalNotes=odd)
    world.run()
    [found] = world.salesforce.query("SELECT FirstName, LastName, Title, Description FROM Contact")
    assert [found[name] for name in ("FirstName", "LastName", "Title", "Description")] == [odd] * 4
    item = world.anna.get(made)
    assert item is not None
    assert (item["surname"], item["jobTitle"]) == (odd, odd)
