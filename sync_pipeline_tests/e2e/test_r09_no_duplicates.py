"""R9: before anything is created on either side, the unlinked contacts of the other side are matched."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.harness import (
    ANNA,
    BEN,
    CATEGORY,
    FOLDER,
    Json,
    World,
    item_of,
    linked,
    of,
    person,
    see_all,
    stamp_of,
)  # fmt: skip

EMAIL = "mia@example.com"
MIA: dict[str, Any] = {"givenName": "Mia", "surname": "Muster", "email": EMAIL, "categories": [CATEGORY]}


def in_salesforce(world: World, owner: str = ANNA, **fields: Any) -> str:
    """Mia Muster as somebody's Contact."""
    return world.as_user(owner).create(**{"FirstName": "Mia", "LastName": "Muster", "Email": EMAIL, **fields})


def in_outlook(world: World, **properties: Any) -> str:
    """Mia Muster, chosen by her category."""
    return world.anna.create(**{**MIA, **properties})


def assert_linked(world: World, contact: str) -> Json:
    """One living copy on each side, linked; returns the item."""
    [item] = world.anna.contacts()
    assert stamp_of(item) == contact
    assert [row["Id"] for row in world.salesforce.contacts()] == [contact]
    assert world.anna.contacts("contacts") == []
    return item


def assert_held(world: World, *candidates: str) -> list[Json]:
    """Nothing was created on either side; the holds name the candidates. Returns the held operations."""
    assert world.writes(service="salesforce") == []
    assert world.writes(service="graph", entity="contact", action="create") == []
    held = [operation for operation in world.held() if operation["hold"] == "duplicate"]
    assert held, "nothing is held as a duplicate"
    named = {each for operation in held for each in operation["detail"].get("candidates", [])}
    assert named == set(candidates)
    assert all(operation["hold_reason"] for operation in held)
    return held


# -- linked by itself ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outlook",
    [
        {},
        {"email": "MIA@Example.com"},
        {"surname": "  muster "},
        {"surname": None, "displayName": "Mia"},
        {"givenName": None},
    ],
    ids=["the same", "another case", "blanks and case", "no last name", "no first name"],
)
def test_the_same_email_links_where_the_last_names_do_not_contradict(world: World, outlook: dict[str, Any]) -> None:
    contact = in_salesforce(world)
    in_outlook(world, **outlook)
    world.run()
    world.run()
    assert_linked(world, contact)


def test_what_is_on_both_sides_at_the_first_sync_is_linked_and_merged_and_not_doubled(world: World) -> None:
    contact = in_salesforce(world, Title="Counsel")
    folder = world.anna.create_folder("Salesforce Contacts")
    made = world.anna.create(folder, **{**MIA, "department": "Law"})
    world.run()
    item = assert_linked(world, contact)
    assert (item["id"], item["jobTitle"], item["department"]) == (made, "Counsel", "Law")
    assert world.salesforce.contact(Id=contact)["Department"] == "Law"
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_contact_that_appears_in_salesforce_and_in_outlook_between_two_runs_is_linked(world: World) -> None:
    world.run()
    contact = in_salesforce(world)
    world.anna.create(world.anna.folder(), **MIA)
    world.run()
    assert_linked(world, contact)


def test_a_contact_outside_the_view_is_a_candidate_too(world: World) -> None:
    contact = in_salesforce(world, owner=BEN)
    in_outlook(world)
    world.run()
    world.run()
    assert_linked(world, contact)


# -- holds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outlook", [{"surname": "Meyer"}, {"givenName": "Otto"}], ids=["another last name", "another first name"]
)
def test_two_people_with_one_address_are_held_on_both_sides(world: World, outlook: dict[str, Any]) -> None:
    contact = in_salesforce(world)
    in_outlook(world, **outlook)
    document = world.run()
    assert of(document, ANNA)["holds"] >= 1
    assert_held(world, contact)


def test_a_hold_that_is_approved_creates_both(world: World) -> None:
    contact = in_salesforce(world)
    in_outlook(world, surname="Meyer")
    world.run()
    world.judge("approved", assert_held(world, contact))
    world.run()
    world.run()
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["Meyer", "Muster"]
    assert sorted(item["surname"] for item in world.anna.contacts()) == ["Meyer", "Muster"]


def test_a_hold_is_over_when_the_address_is_corrected(world: World) -> None:
    in_salesforce(world)
    made = in_outlook(world, surname="Meyer")
    world.run()
    world.anna.update(made, email="meyer@example.com")
    world.run()
    world.run()
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["Meyer", "Muster"]
    assert sorted(item["surname"] for item in world.anna.contacts()) == ["Meyer", "Muster"]
    assert world.held() == []


@pytest.mark.parametrize("side", ["outlook", "salesforce"])
def test_the_same_full_name_is_held_where_one_has_no_email(world: World, side: str) -> None:
    contact = in_salesforce(world, Email=None if side == "salesforce" else EMAIL)
    in_outlook(world, email=None if side == "outlook" else EMAIL)
    world.run()
    assert_held(world, contact)


def test_the_same_full_name_with_different_addresses_is_two_people(world: World) -> None:
    in_salesforce(world, Email="another.mia@example.com")
    in_outlook(world)
    world.run()
    world.run()
    assert len(world.salesforce.contacts()) == 2
    assert len(world.anna.contacts()) == 2
    assert world.held() == []


def test_several_candidates_are_held_and_named(world: World) -> None:
    first, second = in_salesforce(world), in_salesforce(world)
    in_outlook(world)
    world.run()
    assert_held(world, first, second)


def test_a_candidate_that_is_linked_in_this_mailbox_already_is_held(world: World) -> None:
    contact = in_salesforce(world)
    world.run()
    mark = world.mark()
    world.anna.create(world.anna.folder(), **MIA)
    world.run()
    [held] = [operation for operation in world.held() if operation["hold"] == "duplicate"]
    assert held["detail"]["candidates"] == [contact]
    assert len(world.salesforce.contacts()) == 1
    assert world.writes(mark, action="create") == []


@pytest.mark.parametrize("action", ["alert", "block"])
def test_a_duplicate_rule_of_salesforce_holds_the_contact(world: World, action: str) -> None:
    contact = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com", Phone="+49 30 1")
    world.org("duplicate_rules", object="Contact", fields=["Phone"], action=action)
    in_outlook(world, phone="+49 30 1")
    world.anna.create(surname="Free", email="free@example.com", categories=[CATEGORY])
    first = of(world.run(), ANNA)
    assert first["holds"] + first["problems"] == 1
    assert of(world.run(), ANNA)["holds"] == 1
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["Birk", "Free"]
    [held] = [operation for operation in world.held() if operation["hold"] == "duplicate"]
    assert held["detail"]["candidates"] == [contact]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_candidate_that_a_duplicate_rule_names_is_not_created_in_outlook_either(world: World) -> None:
    world.run()
    in_outlook(world, phone="+49 30 1")
    world.org("duplicate_rules", object="Contact", fields=["Phone"], action="alert")

    def meanwhile() -> None:
        world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com", Phone="+49 30 1")

    world.run(before={"push_salesforce": meanwhile})
    world.run()
    assert world.anna.contacts() == []
    assert len(world.salesforce.contacts()) == 1


def test_a_hold_by_a_duplicate_rule_is_over_when_its_candidate_is_gone(world: World) -> None:
    contact = world.as_user(BEN).create(LastName="Birk", Email="birk@example.com", Phone="+49 30 1")
    world.org("duplicate_rules", object="Contact", fields=["Phone"], action="block")
    in_outlook(world, phone="+49 30 1")
    world.run()
    world.run()
    world.salesforce.delete(contact)
    world.advance(24 * 3600)
    world.run()
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Muster"]


def test_an_approval_creates_what_a_duplicate_rule_only_warns_of(world: World) -> None:
    world.as_user(BEN).create(LastName="Birk", Email="birk@example.com", Phone="+49 30 1")
    world.org("duplicate_rules", object="Contact", fields=["Phone"], action="alert")
    in_outlook(world, phone="+49 30 1")
    world.run()
    world.judge("approved", world.held())
    world.run()
    assert sorted(row["LastName"] for row in world.salesforce.contacts()) == ["Birk", "Muster"]


# -- the setting `match` ---------------------------------------------------------------------------------------------


def test_with_match_email_the_same_address_links_whatever_the_names(world: World) -> None:
    world.use(match=["email"])
    contact = in_salesforce(world)
    in_outlook(world, surname="Meyer")
    world.run()
    world.run()
    assert_linked(world, contact)


def test_with_match_name_and_company_the_addresses_do_not_matter(world: World) -> None:
    world.use(match=["name_and_company"])
    account = world.salesforce.create("Account", Name="Acme")
    contact = in_salesforce(world, AccountId=account, Email="other@example.com")
    in_outlook(world, companyName="ACME")
    world.run()
    world.run()
    assert_linked(world, contact)


def test_with_match_name_and_company_the_same_address_alone_is_held(world: World) -> None:
    world.use(match=["name_and_company"])
    contact = in_salesforce(world)
    in_outlook(world, companyName="Acme")
    world.run()
    assert_held(world, contact)


def test_with_match_name_and_company_another_company_is_another_person(world: World) -> None:
    world.use(match=["name_and_company"])
    account = world.salesforce.create("Account", Name="Acme")
    in_salesforce(world, AccountId=account, Email="other@example.com")
    in_outlook(world, companyName="Umbrella")
    world.run()
    assert len(world.salesforce.contacts()) == 2


def test_several_match_rules_hold_side_by_side(world: World) -> None:
    world.use(match=["email_and_name", "name_and_company"])
    account = world.salesforce.create("Account", Name="Acme")
    by_email = in_salesforce(world)
    by_company = in_salesforce(world, FirstName="Otto", Email="other@example.com", AccountId=account)
    in_outlook(world)
    in_outlook(world, givenName="Otto", email="otto@example.com", companyName="Acme")
    world.run()
    world.run()
    assert sorted(stamp_of(item) or "" for item in world.anna.contacts()) == sorted([by_email, by_company])
    assert len(world.salesforce.contacts()) == 2


# -- what another credential reads -----------------------------------------------------------------------------------


def test_a_candidate_that_only_another_mailboxs_credential_reads_is_a_hold_that_shows_none_of_its_values(
    world: World,
) -> None:
    world.use(ANNA, BEN).use_per_user_credentials()
    in_salesforce(world, owner=BEN, Title="Xq7Hidden", LastName="Xq7Secret", Phone="Xq7Phone")
    world.run()
    in_outlook(world)
    mark = world.mark()
    world.run()
    assert world.writes(mark, mailbox=ANNA, action="create") == []
    assert len(world.salesforce.contacts()) == 1
    held = [operation for operation in world.held() if operation["mailbox"] == ANNA]
    assert [operation["hold"] for operation in held] == ["duplicate"]
    assert "Xq7" not in repr(held)
    assert "Xq7" not in repr([problem for problem in world.problems() if problem["mailbox"] == ANNA])


# -- two Outlook contacts that match each other ----------------------------------------------------------------------


def test_within_a_mailbox_the_second_of_two_that_match_each_other_is_held(world: World) -> None:
    first = in_outlook(world, nickName="First")
    world.advance(2)
    in_outlook(world, nickName="Second")
    world.run()
    world.run()
    assert len(world.salesforce.contacts()) == 1
    assert [item["nickName"] for item in world.anna.contacts()] == ["First"]
    assert [item["nickName"] for item in world.anna.contacts("contacts")] == ["Second"]
    held = [operation for operation in world.held() if operation["hold"] == "duplicate"]
    assert len(held) == 1
    assert held[0]["outlook_id"] != first


def addresses(*found: str) -> list[Json]:
    return [{"address": address, "name": address} for address in found]


HOME, OTHER = "mia@home.example.com", "mia@other.example.com"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param((EMAIL, HOME), (HOME,), id="second and first"),
        pytest.param((EMAIL,), (HOME, EMAIL), id="first and second", marks=pytest.mark.slow),
        pytest.param((EMAIL, HOME), (OTHER, HOME), id="second and second", marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one run", "one after the other"])
def test_within_a_mailbox_any_address_that_two_share_holds_the_second(
    world: World, first: tuple[str, ...], second: tuple[str, ...], together: bool
) -> None:
    world.run()
    folder, mia = world.anna.folder(), {"givenName": "Mia", "surname": "Muster"}
    world.anna.create(folder, **mia, emailAddresses=addresses(*first))
    if not together:
        world.run()
    world.advance(2)
    later = world.anna.create(folder, **mia, emailAddresses=addresses(*second))
    for _ in range(3):
        document = world.run()
    assert [row["Email"] for row in world.salesforce.contacts()] == [EMAIL]
    assert of(document, ANNA)["holds"] == 1
    assert [row["outlook_id"] for row in world.held()] == [later]


def test_across_mailboxes_an_address_that_two_share_besides_holds_the_later(world: World) -> None:
    world.use(ANNA, BEN)
    world.run()
    mia = {"givenName": "Mia", "surname": "Muster"}
    world.anna.create(world.anna.folder(), **mia, emailAddresses=addresses(EMAIL, HOME))
    world.advance(2)
    later = world.ben.create(world.ben.folder(), **mia, emailAddresses=addresses(HOME))
    for _ in range(3):
        world.run()
    [contact] = world.salesforce.contacts()
    assert contact["Email"] == EMAIL
    assert [(row["outlook_id"], row["detail"]["candidates"]) for row in world.held()] == [(later, [contact["Id"]])]


def test_the_same_addresses_in_another_order_in_another_mailbox_are_linked_or_held_and_never_doubled(
    world: World,
) -> None:
    world.use(ANNA, BEN)
    world.run()
    mia = {"givenName": "Mia", "surname": "Muster"}
    world.anna.create(world.anna.folder(), **mia, emailAddresses=addresses(EMAIL, HOME))
    world.advance(2)
    world.ben.create(world.ben.folder(), **mia, emailAddresses=addresses(EMAIL, HOME, OTHER))
    for _ in range(2):
        world.run()
    [contact] = world.salesforce.contacts()
    assert [stamp_of(item) for item in (*world.anna.contacts(), *world.ben.contacts())] == [contact["Id"]] * 2


@pytest.mark.parametrize("first", [ANNA, BEN])
def test_across_mailboxes_the_first_is_created_and_the_other_links_and_merges_without_a_person(
    world: World, first: str
) -> None:
    world.use(ANNA, BEN)
    hands = [world.anna, world.ben] if first == ANNA else [world.ben, world.anna]
    hands[0].create(**MIA, jobTitle="Counsel")
    world.advance(2)
    hands[1].create(**MIA, department="Law", jobTitle="Lawyer")
    world.run()
    world.run()
    world.run()
    contact = world.salesforce.contact(Email=EMAIL)
    assert len(world.salesforce.contacts()) == 1
    assert contact["OwnerId"] == world.user_id(first)
    assert (contact["Title"], contact["Department"]) == ("Counsel", "Law")
    for outlook in hands:
        [item] = outlook.contacts()
        assert (stamp_of(item), item["jobTitle"], item["department"]) == (contact["Id"], "Counsel", "Law")
    assert world.held() == []


def test_two_people_at_one_address_of_whom_one_has_only_a_display_name_are_held(world: World) -> None:
    record = person(world, FirstName="Wendy", LastName="Darling", Email="office@example.com")
    world.anna.create_folder(FOLDER)
    item = world.anna.create(world.anna.folder(), displayName="Peter Pan", email="office@example.com", jobTitle="Pilot")
    for _ in range(2):
        world.run()
    assert (world.anna.item(item)["givenName"], stamp_of(world.anna.item(item))) == (None, None)
    assert world.salesforce.record(record)["Title"] is None
    assert item in [operation["outlook_id"] for operation in world.held()]


@pytest.mark.parametrize("shown", ["Wendy Darling", "Darling, Wendy", "office@example.com", "wendy"])
def test_a_display_name_that_fits_links(world: World, shown: str) -> None:
    record = person(world, FirstName="Wendy", LastName="Darling", Email="office@example.com")
    world.anna.create_folder(FOLDER)
    item = world.anna.create(world.anna.folder(), displayName=shown, email="office@example.com")
    world.run()
    assert stamp_of(world.anna.item(item)) == record


@pytest.mark.parametrize("why", ["held", "refused"])
def test_nobody_waits_unseen_for_somebody_elsewhere_who_is_not_created(world: World, why: str) -> None:
    world.use(ANNA, BEN)
    if why == "held":
        world.salesforce.create(FirstName="Old", LastName="Person", Email="team@example.com")
    else:
        world.org("validation_rules", object="Contact", field="LastName", contains="Poison", message="Never.")
    world.run()
    world.anna.create(
        world.anna.folder(),
        givenName="Max",
        surname="Poison",
        emailAddresses=addresses("max@example.com", "team@example.com"),
    )
    world.advance(10)
    later = world.ben.create(world.ben.folder(), givenName="Max", surname="Poison", email="max@example.com")
    for _ in range(2):
        world.run()
    [held] = [operation for operation in world.held() if operation["mailbox"] == BEN]
    assert held["outlook_id"] == later
    assert held["hold_reason"] == "Another mailbox has the same person, and that contact is held or has a problem."


# -- serialised, and looked up again live ----------------------------------------------------------------------------


def test_match_keys_are_looked_up_live_just_before_a_creation(world: World) -> None:
    in_outlook(world)
    world.run(before={"push_salesforce": lambda: in_salesforce(world, owner=BEN)})
    assert len(world.salesforce.contacts()) == 1
    world.run()
    world.run()
    assert_linked(world, world.salesforce.contact(Email=EMAIL)["Id"])


# -- Leads and Person Accounts ---------------------------------------------------------------------------------------


def test_leads_are_never_touched(world: World) -> None:
    lead = world.salesforce.create("Lead", LastName="Muster", Company="Acme", Email=EMAIL)
    before = world.salesforce.get(lead, "Lead")
    in_outlook(world)
    world.run()
    world.run()
    assert world.salesforce.contact(Email=EMAIL)["LastName"] == "Muster"
    assert world.salesforce.get(lead, "Lead") == before
    assert world.writes(entity="Lead") == []


def person_account(world: World) -> str:
    """Mia as a Person Account of Anna's; the Id of its Contact."""
    made = world.org("person_accounts", FirstName="Mia", LastName="Muster", Email=EMAIL, OwnerId=world.user_id(ANNA))
    return str(made["contact"])


def test_a_person_account_goes_from_salesforce_to_outlook_only(world: World) -> None:
    contact = person_account(world)
    world.run()
    item = assert_linked(world, contact)
    world.anna.update(item["id"], jobTitle="Edited in Outlook", mobilePhone="+49 170 1")
    world.run()
    world.run()
    found = world.anna.contact(EMAIL)
    assert ((found["jobTitle"] or ""), (found["mobilePhone"] or "")) == ("", "")
    world.salesforce.update(contact, Title="Edited in Salesforce")
    world.run()
    assert world.anna.contact(EMAIL)["jobTitle"] == "Edited in Salesforce"
    assert world.writes(service="salesforce") == []


def test_a_person_account_that_matches_is_linked_and_not_written(world: World) -> None:
    contact = person_account(world)
    in_outlook(world, jobTitle="Counsel")
    world.run()
    world.run()
    assert_linked(world, contact)
    assert world.writes(service="salesforce") == []


@pytest.mark.parametrize("policy", ["salesforce", "outlook"])
def test_a_stamped_contact_that_became_another_person_in_another_mailbox_waits(world: World, policy: str) -> None:
    see_all(world, ANNA)
    record = person(world, 1, Title="Base")
    world.run()
    stamp = item_of(world.anna, record)["singleValueExtendedProperties"]
    world.use(ANNA, BEN)
    world.mailboxes[BEN] = {"view": "mine", "conflicts": {"default": policy}}
    world.run()
    other = {"givenName": "Quite", "surname": "Other", "email": "other@example.com", "jobTitle": "Pasted"}
    item = world.ben.create(world.ben.folder(), singleValueExtendedProperties=stamp, **other)
    for _ in range(2):
        world.run()
    contact, found = world.salesforce.record(record), world.ben.item(item)
    assert (contact["FirstName"], contact["LastName"], contact["Title"]) == ("First1", "Last1", "Base")
    assert (found["givenName"], found["surname"], found["jobTitle"]) == ("Quite", "Other", "Pasted")
    [hold] = world.held()
    world.judge("approved", [hold])
    world.run()
    assert {row["LastName"] for row in world.salesforce.contacts()} == {"Last1", "Other"}


def test_a_copy_that_became_another_person_and_is_dragged_in_after_a_view_exit_waits(world: World) -> None:
    record, item = linked(world, Title="Base")
    copy = world.anna.copy(item, "contacts")
    world.anna.update(copy, categories=[], givenName="Quite", surname="Other", email="other@example.com")
    world.run()
    world.salesforce.update(record, OwnerId=world.user_id(BEN))
    world.run()
    world.anna.move(copy, world.anna.folder())
    world.run()
    found = world.anna.contacts()
    assert [(entry["givenName"], entry["surname"]) for entry in found] == [("Quite", "Other")]
    assert len(world.held()) == 1


@pytest.mark.parametrize("how", ["moved out", "deleted"])
def test_what_waited_beside_a_contact_does_not_bring_it_back_when_it_is_deleted(world: World, how: str) -> None:
    world.use(moved_out="delete")
    record, item = linked(world)
    friends = world.anna.create_folder("Friends")
    world.anna.create(friends, givenName="First1", surname="Last1", email="person1@example.com", categories=[CATEGORY])
    world.run()
    assert [operation["hold"] for operation in world.held()] == ["duplicate"]
    if how == "moved out":
        world.anna.move(item, "contacts")
    else:
        world.salesforce.delete(record)
    for _ in range(3):
        world.run()
    assert world.salesforce.contacts() == []
    [waiting] = world.held()
    assert "deleted since" in str(waiting)
    world.judge("approved", [waiting])
    world.run()
    [anew] = world.salesforce.contacts()
    assert stamp_of(world.anna.contact("person1@example.com")) == anew["Id"]
