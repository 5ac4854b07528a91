"""R25: the mailbox's owner can be shown problems by a category of their own."""

from __future__ import annotations

from sync_pipeline_tests.harness import ANNA, World


def test_a_contact_with_a_problem_wears_the_problem_category_until_it_is_solved(world: World) -> None:
    world.use(ANNA, problem_category=True)
    folder = world.anna.create_folder("Salesforce Contacts")
    item = world.anna.create(folder, givenName="Ada", surname="Bell", email="not an address")
    world.run()
    world.run()
    shown = world.anna.get(item)
    assert shown is not None
    assert shown["categories"] == ["Salesforce", "Salesforce: problem"]
    world.anna.update(item, email="ada.bell@example.com")
    world.run()
    world.run()
    solved = world.anna.get(item)
    assert solved is not None
    assert solved["categories"] == ["Salesforce"]


def test_without_the_setting_no_problem_category_appears(world: World) -> None:
    folder = world.anna.create_folder("Salesforce Contacts")
    item = world.anna.create(folder, givenName="Ada", surname="Bell", email="not an address")
    world.run()
    world.run()
    shown = world.anna.get(item)
    assert shown is not None
    assert shown["categories"] == ["Salesforce"]
