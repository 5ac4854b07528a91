"""R4: every contact in the folder carries the category, and the master category list has it, with a colour."""

from __future__ import annotations

from typing import Any

from sync_pipeline_tests.harness import ANNA, CATEGORY, World


def master_list(world: World) -> dict[str, dict[str, Any]]:
    answer = world.anna.http.get("outlook/masterCategories")
    return {row["displayName"]: row for row in answer.json()["value"]}


def test_what_comes_from_salesforce_carries_the_category(world: World) -> None:
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    assert world.anna.contact("adler@example.com")["categories"] == [CATEGORY]


def test_what_a_person_creates_in_the_folder_gets_the_category_and_keeps_its_own(world: World) -> None:
    world.run()
    world.anna.create(world.anna.folder(), surname="New", email="new@example.com", categories=["Friends"])
    world.run()
    assert sorted(world.anna.contact("new@example.com")["categories"]) == ["Friends", CATEGORY]


def test_a_category_taken_off_is_put_back_and_other_categories_stay(world: World) -> None:
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    item = world.anna.contact("adler@example.com")["id"]
    world.anna.update(item, categories=["Golf"])
    world.run()
    assert sorted(world.anna.contact("adler@example.com")["categories"]) == ["Golf", CATEGORY]
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_a_held_contact_in_the_folder_carries_the_category_too(world: World) -> None:
    world.as_user(ANNA).create(FirstName="Otto", LastName="Other", Email="shared@example.com")
    world.run()
    held = world.anna.create(world.anna.folder(), givenName="Una", surname="Unlinked", email="shared@example.com")
    world.run()
    found = world.anna.get(held)
    assert found is not None
    assert found["categories"] == [CATEGORY]


def test_a_contact_with_a_problem_carries_the_category_too(world: World) -> None:
    world.run()
    nameless = world.anna.create(world.anna.folder(), jobTitle="Nobody knows who")
    world.run()
    found = world.anna.get(nameless)
    assert found is not None
    assert found["categories"] == [CATEGORY]


def test_the_category_is_in_the_master_category_list_with_a_colour(world: World) -> None:
    world.run()
    assert master_list(world)[CATEGORY]["color"] != "none"


def test_a_category_deleted_from_the_master_list_is_put_back(world: World) -> None:
    world.run()
    world.anna.http.delete(f"outlook/masterCategories/{master_list(world)[CATEGORY]['id']}").raise_for_status()
    world.run()
    assert master_list(world)[CATEGORY]["color"] != "none"


def test_a_category_that_the_person_coloured_keeps_that_colour(world: World) -> None:
    body = {"displayName": CATEGORY, "color": "preset9"}
    world.anna.http.post("outlook/masterCategories", json=body).raise_for_status()
    world.run()
    assert master_list(world)[CATEGORY]["color"] == "preset9"
    assert world.writes(entity="category") == []
