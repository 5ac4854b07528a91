"""R6: created in the folder, dragged into it, or marked with the category elsewhere and then moved into it whole."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline_tests.harness import ANNA, CATEGORY, Json, World, conflicts, extended, items_of, linked, stamp_of

FAX = "String 0x3A24"
PHOTO = b"\xff\xd8\xff\xe0 a portrait of Mia \xff\xd9"
# Every property that a person can set through the API, none of which may be lost on the way.
WHOLE: dict[str, Any] = {
    "assistantName": "Ari", "birthday": "1980-02-29T11:59:00Z", "businessHomePage": "https://mia.example.com",
    "companyName": "Muster AG", "department": "Law", "displayName": "Mia M., the lawyer", "fileAs": "Mia (law)",
    "generation": "III", "givenName": "Mia", "initials": "M.M.", "jobTitle": "Counsel", "manager": "Max",
    "middleName": "Q.",
    "mobilePhone": "+49 170 1", "nickName": "Mimi", "officeLocation": "4.12", "personalNotes": "Likes tea\nand chess",
    "profession": "Lawyer", "spouseName": "Sam", "surname": "Muster", "title": "Dr.", "yomiCompanyName": "yc",
    "yomiGivenName": "yg", "yomiSurname": "ys", "businessPhones": ["+49 30 1", "+49 30 2"], "homePhones": ["+49 40 1"],
    "imAddresses": ["sip:mia@example.com"], "children": ["Kim", "Lee"], "categories": ["Friends", CATEGORY],
    "emailAddresses": [
        {"name": "Mia at work", "address": "mia@example.com"},
        {"name": "Mia at home", "address": "mia@home.example.com"},
    ],
    "businessAddress": {
        "street": "Ring 1", "city": "Bonn", "state": "NW", "countryOrRegion": "DE", "postalCode": "53111",
    },
    "homeAddress": {"street": "Weg 2", "city": "Ulm"}, "otherAddress": {"city": "Kiel"},
    "singleValueExtendedProperties": [{"id": FAX, "value": "+49 30 99"}],
}  # fmt: skip


def contact_of(world: World, email: str) -> Json:
    return world.salesforce.contact(Email=email)


def creations(world: World) -> list[Json]:
    """The items that we ever created in Outlook."""
    return world.writes(service="graph", entity="contact", action="create")


def test_a_contact_created_in_the_folder_is_created_in_salesforce(world: World) -> None:
    world.run()
    made = world.anna.create(
        world.anna.folder(), givenName="Mia", surname="Muster", email="mia@example.com", jobTitle="Counsel"
    )
    world.run()
    found = contact_of(world, "mia@example.com")
    assert (found["FirstName"], found["LastName"], found["Title"]) == ("Mia", "Muster", "Counsel")
    assert found["OwnerId"] == world.user_id(ANNA)
    item = world.anna.contact("mia@example.com")
    assert (item["id"], stamp_of(item)) == (made, found["Id"])
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_contact_dragged_into_the_folder_is_created_in_salesforce_and_stays_the_same_item(world: World) -> None:
    world.run()
    made = world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com")
    world.anna.move(made, world.anna.folder())
    world.run()
    item = world.anna.contact("mia@example.com")
    assert (item["id"], stamp_of(item)) == (made, contact_of(world, "mia@example.com")["Id"])
    assert creations(world) == []


@pytest.mark.parametrize("place", ["the default folder", "a folder of one's own", "a folder below another"])
def test_a_contact_marked_with_the_category_is_created_in_salesforce_and_moved_into_the_folder(
    world: World, place: str
) -> None:
    outer = world.anna.create_folder("Private")
    folders = {"the default folder": None, "a folder of one's own": outer}
    folder = folders[place] if place in folders else world.anna.create_folder("Inner", outer)
    world.anna.create(folder, givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.run()
    world.run()
    item = world.anna.contact("mia@example.com")
    assert stamp_of(item) == contact_of(world, "mia@example.com")["Id"]
    assert world.anna.contacts(folder or "contacts") == []
    assert len(creations(world)) == 1


def test_the_category_may_be_put_on_later(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com")
    world.run()
    assert world.salesforce.contacts() == []
    world.anna.update(made, categories=[CATEGORY])
    world.run()
    assert stamp_of(world.anna.contact("mia@example.com")) == contact_of(world, "mia@example.com")["Id"]


def test_a_move_loses_no_property_that_the_api_shows(world: World) -> None:
    made = world.anna.create(**WHOLE)
    before = world.anna.get(made)
    assert before is not None
    world.run()
    world.run()
    item = world.anna.contact("mia@example.com")
    for name in WHOLE.keys() - {"categories", "singleValueExtendedProperties"}:
        assert item[name] == before[name], name
    assert sorted(item["categories"]) == sorted(before["categories"])
    assert extended(item, FAX) == "+49 30 99"
    assert world.anna.contacts("contacts") == []


def test_a_move_takes_the_photo_along_and_deletes_the_original_only_in_a_later_run(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    item = world.anna.contact("mia@example.com")
    assert world.anna.photo(item["id"]) == PHOTO
    assert [each["id"] for each in world.anna.contacts("contacts")] == [made]
    world.run()
    assert world.anna.contacts("contacts") == []
    assert [each["id"] for each in world.anna.deleted()] == [made]
    assert [each["id"] for each in world.anna.contacts()] == [item["id"]]
    assert len(creations(world)) == 1


def test_without_a_photo_the_original_is_deleted_once_the_copy_is_verified(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.run()
    assert world.anna.contacts("contacts") == []
    assert [each["id"] for each in world.anna.deleted()] == [made]
    order = [row["action"] for row in world.writes(service="graph", entity="contact")]
    assert order.index("create") < order.index("delete")


def test_an_original_whose_copy_is_no_longer_whole_is_not_deleted(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", nickName="Mimi", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    copy = world.anna.contact("mia@example.com")["id"]
    world.anna.put_photo(copy, b"\xff\xd8 damaged \xff\xd9")
    world.run()
    kept = [world.anna.photo(item["id"]) for item in (*world.anna.contacts(), *world.anna.contacts("contacts"))]
    assert PHOTO in kept
    assert len(creations(world)) == 1


def test_an_original_whose_copy_is_deleted_meanwhile_is_not_deleted(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", nickName="Mimi", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    copy = world.anna.contact("mia@example.com")["id"]
    world.run(before={"push_outlook": lambda: world.anna.delete(copy)})
    living = [*world.anna.contacts(), *world.anna.contacts("contacts")]
    assert [item["nickName"] for item in living] == ["Mimi"]
    assert world.anna.photo(living[0]["id"]) == PHOTO


@pytest.mark.parametrize("outlook_deletion", ["delete", "restore"])
@pytest.mark.parametrize("for_good", [False, True])
def test_who_deletes_the_apparent_duplicate_in_the_folder_deletes_nobody(
    world: World, outlook_deletion: str, for_good: bool
) -> None:
    world.use(outlook_deletion=outlook_deletion)
    made = world.anna.create(surname="Muster", email="mia@example.com", nickName="Mimi", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    record, copy = contact_of(world, "mia@example.com")["Id"], world.anna.contact("mia@example.com")["id"]
    world.anna.purge(copy) if for_good else world.anna.delete(copy)
    for _ in range(3):
        document = world.run()
    assert [found["Id"] for found in world.salesforce.contacts()] == [record]
    [item] = world.anna.contacts()
    assert (item["nickName"], stamp_of(item), world.anna.photo(item["id"])) == ("Mimi", record, PHOTO)
    assert (world.anna.contacts("contacts"), document["mailboxes"][0]["holds"]) == ([], 0)
    world.anna.delete(item["id"])
    world.run()
    assert (world.salesforce.get(record) is None) == (outlook_deletion == "delete")


def test_an_original_that_comes_back_for_its_copy_clears_nothing(world: World) -> None:
    record, _ = known_in_salesforce(world, PHOTO)
    world.run()
    world.anna.delete(world.anna.contact("mia@example.com")["id"])
    for _ in range(3):
        world.run()
    assert both(world, record) == [("Counsel", "Law")] * 2
    assert world.anna.contacts("contacts") == []


def test_an_original_that_is_put_into_the_folder_for_its_copy_is_the_contact(world: World) -> None:
    world.use(outlook_deletion="delete")
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    record, copy = contact_of(world, "mia@example.com")["Id"], world.anna.contact("mia@example.com")["id"]
    world.anna.move(made, world.anna.folder())
    world.anna.delete(copy)
    for _ in range(3):
        world.run()
    assert [found["Id"] for found in world.salesforce.contacts()] == [record]
    assert [stamp_of(item) for item in world.anna.contacts()] == [record]


def test_an_original_whose_copy_lacks_something_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", nickName="Mimi", categories=[CATEGORY])
    create = Mailboxes.create_contact

    def create_without_nickname(self: Mailboxes, mailbox: str, folder: str, body: Json, *, actor: str) -> Json:
        kept = {name: value for name, value in body.items() if name != "nickName"}
        return create(self, mailbox, folder, kept, actor=actor)

    monkeypatch.setattr(Mailboxes, "create_contact", create_without_nickname)
    world.run()
    world.run()
    original = world.anna.get(made)
    assert original is not None
    assert (original["nickName"], world.writes(id=made, action="delete")) == ("Mimi", [])


def test_the_copy_is_looked_at_once_more_after_the_original_is_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", nickName="Mimi", categories=[CATEGORY])
    delete = Mailboxes.delete_contact

    def delete_and_lose_the_copy(self: Mailboxes, mailbox: str, contact: str, *, actor: str, **more: Any) -> None:
        delete(self, mailbox, contact, actor=actor, **more)
        if contact == made and actor == "application":
            [copy] = self.contacts(mailbox, world_folder)
            delete(self, mailbox, copy["immutable_id"], actor=f"user:{ANNA}", for_good=True)

    world_folder = world.anna.create_folder("Salesforce Contacts")
    monkeypatch.setattr(Mailboxes, "delete_contact", delete_and_lose_the_copy)
    world.run()
    monkeypatch.undo()
    world.run()
    [item] = world.anna.contacts()
    assert (item["surname"], item["nickName"]) == ("Muster", "Mimi")


def test_a_contact_moved_back_of_which_neither_original_nor_copy_is_left_deletes_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.use(outlook_deletion="delete", moved_out="restore")
    record, made = linked(world)
    world.anna.update(made, nickName="Mimi")
    world.anna.move(made, world.anna.create_folder("Other"))
    delete, folder = Mailboxes.delete_contact, world.anna.folder()

    def delete_and_lose_the_copy(self: Mailboxes, mailbox: str, contact: str, *, actor: str, **more: Any) -> None:
        delete(self, mailbox, contact, actor=actor, **more)
        if contact == made and actor == "application":
            [copy] = self.contacts(mailbox, folder)
            delete(self, mailbox, copy["immutable_id"], actor=f"user:{ANNA}", for_good=True)

    monkeypatch.setattr(Mailboxes, "delete_contact", delete_and_lose_the_copy)
    world.fault("403", service="graph", method="POST", path="/contacts$", nth=2)
    world.run()
    monkeypatch.undo()
    assert world.anna.contacts() == []
    world.run()
    world.run()
    assert world.salesforce.get(record) is not None
    assert [item["nickName"] for item in items_of(world.anna, record)] == ["Mimi"]


def test_an_edit_of_the_original_before_its_deletion_is_carried_over(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    world.anna.update(made, jobTitle="Counsel", nickName="Mimi")
    for _ in range(3):
        world.run()
    item = world.anna.contact("mia@example.com")
    assert (item["jobTitle"], item["nickName"]) == ("Counsel", "Mimi")
    assert contact_of(world, "mia@example.com")["Title"] == "Counsel"
    assert world.anna.contacts("contacts") == []


def test_what_was_edited_since_on_the_copy_or_in_salesforce_is_not_overwritten_by_the_original(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", phone="+49 30 1", categories=[CATEGORY])
    world.anna.put_photo(made, PHOTO)
    world.run()
    copy, record = world.anna.contact("mia@example.com")["id"], contact_of(world, "mia@example.com")["Id"]
    world.anna.update(made, nickName="Earlier", spouseName="Sam", phone="+49 30 2", jobTitle="Original's")
    world.anna.update(copy, nickName="Later", phone="+49 30 3")
    world.salesforce.update(record, Title="Salesforce's")
    for _ in range(3):
        world.run()
    item, found = world.anna.contact("mia@example.com"), world.salesforce.record(record)
    assert world.anna.contacts("contacts") == []
    assert (item["nickName"], item["spouseName"], item["businessPhones"]) == ("Later", "Sam", ["+49 30 3"])
    assert (found["Phone"], found["Title"], item["jobTitle"]) == ("+49 30 3", "Salesforce's", "Salesforce's")
    assert conflicts(world) == [
        ("job_title", "salesforce", "Original's", "Salesforce's"),
        ("phone", "outlook", "+49 30 2", "+49 30 3"),
    ]


def test_an_edit_of_the_original_during_the_run_is_carried_over(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.run(before={"push_outlook": lambda: world.anna.update(made, nickName="Mimi")})
    for _ in range(2):
        world.run()
    item = world.anna.contact("mia@example.com")
    assert item["nickName"] == "Mimi"
    assert world.anna.contacts("contacts") == []


def test_a_move_whose_last_step_failed_is_finished_and_not_repeated(world: World) -> None:
    made = world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.fault("403", service="graph", method="DELETE", path="contacts/", times=3)
    world.run()
    world.advance(24 * 3600)
    world.control.request("DELETE", "faults").raise_for_status()
    world.run()
    world.run()
    assert [each["id"] for each in world.anna.deleted()] == [made]
    assert len(world.anna.contacts()) == 1
    assert len(creations(world)) == 1
    assert len(world.salesforce.contacts()) == 1


def test_a_move_whose_copy_was_made_without_an_answer_is_not_repeated(world: World) -> None:
    world.anna.create(surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.fault("connection_reset", position="response_lost", service="graph", method="POST", path="/contacts$")
    world.run()
    world.advance(24 * 3600)
    world.run()
    world.run()
    assert len(world.anna.contacts()) == 1
    assert world.anna.contacts("contacts") == []
    assert len(creations(world)) == 1
    assert len(world.salesforce.contacts()) == 1


@pytest.mark.parametrize("place", ["the deleted items", "a folder below the deleted items"])
def test_a_categorised_contact_does_not_come_in_from(world: World, place: str) -> None:
    folder = world.anna.create_folder("Old") if place.startswith("a folder") else None
    made = world.anna.create(folder, surname="Gone", email="gone@example.com", categories=[CATEGORY])
    if folder is None:
        world.anna.delete(made)
    else:
        world.anna.http.delete(f"contactFolders/{folder}").raise_for_status()
    world.run()
    world.run()
    assert world.salesforce.contacts() == []
    assert world.anna.contacts() == []
    assert world.writes(entity="contact") == []


@pytest.mark.parametrize("position", ["refused", "response_lost"])
def test_a_copy_that_is_not_whole_goes_again_even_when_its_first_deletion_fails(world: World, position: str) -> None:
    world.run()
    friends = world.anna.create_folder("Friends")
    values = {"surname": "Muster", "email": "mia@example.com", "nickName": "Addy" * 75}
    item = world.anna.create(friends, **values, categories=[CATEGORY])
    world.switch(long_strings="truncated")
    world.fault("500", position=position, service="graph", method="DELETE", path="contacts/")
    world.run()
    assert world.anna.contacts() == []
    assert [found["id"] for found in world.anna.contacts(friends)] == [item]
    assert world.anna.item(item)["nickName"] == "Addy" * 75


# ── one who stands in Salesforce already ─────────────────────────────────────────────────────────────────────────────


def known_in_salesforce(world: World, photo: bytes | None = None, **more: Any) -> tuple[str, str]:
    """A Contact, and the same person as a categorised contact outside the folder: their Ids."""
    owner = world.user_id(ANNA)
    record = world.salesforce.create(LastName="Muster", Email="mia@example.com", Department="Law", OwnerId=owner)
    made = world.anna.create(
        surname="Muster", email="mia@example.com", jobTitle="Counsel", categories=[CATEGORY], **more
    )
    if photo:
        world.anna.put_photo(made, photo)
    return record, made


def both(world: World, record: str) -> list[tuple[str | None, str | None]]:
    """Title and department in Salesforce and in the folder."""
    found, item = world.salesforce.record(record), world.anna.contact("mia@example.com")
    return [(found["Title"], found["Department"]), (item["jobTitle"], item["department"])]


@pytest.mark.parametrize("photo", [None, PHOTO])
def test_a_categorised_contact_known_in_salesforce_is_moved_and_merged_in_one_run(
    world: World, photo: bytes | None
) -> None:
    record, _ = known_in_salesforce(world, photo)
    world.run()
    assert both(world, record) == [("Counsel", "Law")] * 2
    item = world.anna.contact("mia@example.com")
    assert (stamp_of(item), world.anna.photo(item["id"])) == (record, photo)
    world.run()
    assert world.anna.contacts("contacts") == []
    mark = world.mark()
    world.run()
    assert (world.writes(mark), len(world.anna.contacts()), conflicts(world)) == ([], 1, [])


@pytest.mark.parametrize("side", ["outlook", "salesforce"])
@pytest.mark.parametrize("photo", [None, PHOTO])
def test_an_edit_after_the_move_of_a_known_contact_is_no_conflict(world: World, side: str, photo: bytes | None) -> None:
    record, _ = known_in_salesforce(world, photo)
    world.run()
    if side == "outlook":
        world.anna.update(world.anna.contact("mia@example.com")["id"], jobTitle="Partner", department=None)
    else:
        world.salesforce.update(record, Title="Partner", Department=None)
    world.run()
    assert both(world, record) == [("Partner", None)] * 2
    assert conflicts(world) == []


def test_an_edit_during_the_run_that_moves_a_known_contact_is_no_conflict(world: World) -> None:
    record, made = known_in_salesforce(world)
    world.run(before={"push_outlook": lambda: world.anna.update(made, jobTitle="Partner")})
    world.run()
    world.run()
    assert both(world, record) == [("Partner", "Law")] * 2
    assert (conflicts(world), world.anna.contacts("contacts")) == ([], [])


def test_an_edit_before_a_failed_move_of_a_known_contact_is_tried_again_is_no_conflict(world: World) -> None:
    record, made = known_in_salesforce(world)
    world.run(before={"push_outlook": lambda: world.fault("403", service="graph", method="POST", path="/contacts$")})
    assert world.salesforce.record(record)["Title"] == "Counsel"
    world.anna.update(made, jobTitle="Partner")
    world.salesforce.update(record, Department="Tax")
    world.advance(24 * 3600)
    for _ in range(2):
        world.run()
    assert both(world, record) == [("Partner", "Tax")] * 2
    assert (conflicts(world), world.anna.contacts("contacts")) == ([], [])


def test_what_salesforce_refuses_of_a_known_contact_stays_in_outlook_when_it_is_moved(world: World) -> None:
    world.org("validation_rules", object="Contact", field="Title", contains="Counsel", message="No counsels here.")
    record, _ = known_in_salesforce(world, mobilePhone="+49 170 1")
    for _ in range(3):
        world.run()
    assert both(world, record) == [(None, "Law"), ("Counsel", "Law")]
    assert world.salesforce.record(record)["MobilePhone"] == "+49 170 1"
    assert [problem["field"] for problem in world.problems()] == ["job_title"]


def test_a_known_contact_whose_category_is_taken_off_before_its_move_is_personal_and_untouched(world: World) -> None:
    record, made = known_in_salesforce(world)
    world.run(before={"push_outlook": lambda: world.fault("403", service="graph", method="POST", path="/contacts$")})
    world.anna.update(made, categories=[], personalNotes="nobody's business")
    before, mark = world.anna.item(made), world.mark()
    world.advance(24 * 3600)
    world.run()
    world.run()
    assert world.anna.item(made) == before
    assert world.writes(mark, service="salesforce") == []
    assert b"nobody's business" not in (world.directory / "data" / "warehouse.duckdb").read_bytes()
    assert world.salesforce.record(record)["Title"] == "Counsel"


def test_a_known_contact_that_is_deleted_before_its_move_does_not_delete_its_contact(world: World) -> None:
    world.use(outlook_deletion="delete")
    record, made = known_in_salesforce(world)
    world.run(before={"push_outlook": lambda: world.fault("403", service="graph", method="POST", path="/contacts$")})
    world.anna.delete(made)
    world.advance(24 * 3600)
    for _ in range(3):
        world.run()
    assert world.salesforce.get(record) is not None
    assert world.ready() == []
