"""R3: the folder is made when missing, known by its id, and made again and refilled when it was deleted as a whole."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.harness import ANNA, FOLDER, World, person, stamp_of


def rename(world: World, folder: str, **body: str) -> None:
    answer = world.anna.http.patch(f"contactFolders/{folder}", json=body)
    assert answer.status_code < 300, answer.text


def delete_folder(world: World, folder: str) -> None:
    """Into Deleted Items; from there for good."""
    answer = world.anna.http.delete(f"contactFolders/{folder}")
    assert answer.status_code < 300, answer.text


def test_the_folder_is_created_when_it_is_missing(world: World) -> None:
    assert world.anna.folders() == {}
    world.run()
    assert list(world.anna.folders()) == [FOLDER]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_folder_of_that_name_that_exists_is_taken(world: World) -> None:
    folder = world.anna.create_folder(FOLDER)
    world.anna.create(folder, surname="Early", email="early@example.com")
    world.run()
    assert world.anna.folders() == {FOLDER: folder}
    assert world.salesforce.contact(Email="early@example.com")["LastName"] == "Early"


def test_renaming_the_folder_means_nothing(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    folder = world.anna.folder()
    rename(world, folder, displayName="Customers")
    world.salesforce.update(contact, Title="Director")
    world.anna.create(folder, surname="Newcomer", email="newcomer@example.com")
    mark = world.mark()
    world.run()
    assert world.anna.folders() == {"Customers": folder}
    assert world.anna.contact("adler@example.com", folder)["jobTitle"] == "Director"
    assert world.salesforce.contact(Email="newcomer@example.com")["LastName"] == "Newcomer"
    assert world.writes(mark, action="delete") == []
    assert world.writes(mark, entity="folder", action="create") == []


def test_moving_the_folder_means_nothing(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    folder, parent = world.anna.folder(), world.anna.create_folder("Business")
    rename(world, folder, parentFolderId=parent)
    world.salesforce.update(contact, Title="Director")
    mark = world.mark()
    world.run()
    world.run()
    assert world.anna.folders() == {"Business": parent}
    assert world.anna.folders(parent) == {FOLDER: folder}
    assert world.anna.contact("adler@example.com", folder)["jobTitle"] == "Director"
    assert world.writes(mark, action="delete") == []
    assert world.writes(mark, action="create") == []


@pytest.mark.parametrize("outlook_deletion", ["restore", "delete"])
def test_a_deleted_folder_is_never_read_as_deleting_its_contacts(world: World, outlook_deletion: str) -> None:
    world.use(outlook_deletion=outlook_deletion)
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    delete_folder(world, world.anna.folder())
    world.run()
    assert world.salesforce.get(contact) is not None
    assert world.writes(entity="Contact", action="delete") == []


def test_a_deleted_folder_is_made_again_and_refilled_from_the_deleted_items_with_everything_unmapped(
    world: World,
) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    old = world.anna.folder()
    world.anna.update(world.anna.contact("adler@example.com")["id"], nickName="Eagle", spouseName="Ines")
    world.run()
    delete_folder(world, old)
    mark = world.mark()
    world.run()
    world.run()
    assert world.anna.folder() != old
    [item] = world.anna.contacts()
    assert (item["surname"], item["nickName"], item["spouseName"]) == ("Adler", "Eagle", "Ines")
    assert item["categories"] == ["Salesforce"]
    assert stamp_of(item) == contact
    assert world.writes(mark, service="salesforce") == []


def test_unlinked_contacts_of_a_deleted_folder_come_back_too_with_all_their_properties(world: World) -> None:
    # Held, because somebody else has this address (R9): the item is in the folder without a link.
    world.as_user(ANNA).create(FirstName="Otto", LastName="Other", Email="shared@example.com")
    world.run()
    world.anna.create(
        world.anna.folder(), givenName="Una", surname="Unlinked", email="shared@example.com", nickName="Uni",
        homeAddress={"city": "Ulm"},
    )  # fmt: skip
    world.run()
    delete_folder(world, world.anna.folder())
    world.run()
    [item] = [each for each in world.anna.contacts() if each["surname"] == "Unlinked"]
    assert (item["nickName"], item["homeAddress"]) == ("Uni", {"city": "Ulm"})


def test_an_unlinked_contact_comes_back_though_the_run_that_made_the_folder_again_broke_off(world: World) -> None:
    world.run()
    folder = world.anna.folder()
    world.anna.create(folder, givenName="Mia", surname="Muster", email="mia@example.com")
    delete_folder(world, folder)
    world.fault("403", service="graph", method="POST", path="/contacts$")
    world.run()
    assert world.anna.contacts() == []
    world.advance(24 * 3600)
    for _ in range(2):
        world.run()
    assert [item["surname"] for item in world.anna.contacts()] == ["Muster"]
    assert [row["LastName"] for row in world.salesforce.contacts()] == ["Muster"]


def test_a_contact_that_was_deleted_in_salesforce_does_not_come_back_with_its_deleted_folder(world: World) -> None:
    deleted, stays = person(world, 1), person(world, 2)
    world.run()
    world.salesforce.delete(deleted)
    delete_folder(world, world.anna.folder())
    for _ in range(3):
        world.run()
    assert [row["Id"] for row in world.salesforce.contacts()] == [stays]
    assert [item["surname"] for item in world.anna.contacts()] == ["Last2"]


def test_what_no_longer_lies_in_the_deleted_items_is_refilled_from_salesforce(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com", Title="Director")
    world.run()
    old = world.anna.folder()
    delete_folder(world, old)
    delete_folder(world, old)
    world.run()
    world.run()
    [item] = world.anna.contacts()
    assert (item["surname"], item["jobTitle"], stamp_of(item)) == ("Adler", "Director", contact)


def test_after_a_refill_the_contacts_are_linked_in_both_directions_and_nothing_is_written_twice(world: World) -> None:
    contact = world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    delete_folder(world, world.anna.folder())
    world.run()
    world.run()
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []
    world.salesforce.update(contact, Title="Director")
    world.anna.update(world.anna.contact("adler@example.com")["id"], department="Sales")
    world.run()
    assert world.anna.contact("adler@example.com")["jobTitle"] == "Director"
    assert world.salesforce.contact(Id=contact)["Department"] == "Sales"
