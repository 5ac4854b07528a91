"""R5: personal contacts are not touched, ever: not their changeKey, and not a byte of them is kept anywhere."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from sync_pipeline_tests.harness import ANNA, World
from sync_pipeline_tests.kept import kept

SECRET = "Xq7PersonalSecret"


def personal(world: World, **properties: Any) -> list[str]:
    """Contacts that are nobody else's: in the default folder, in one of the person's own, and in the deleted items."""
    values: dict[str, Any] = {"givenName": "Pia", "surname": SECRET, "personalNotes": SECRET}
    values |= {"email": f"{SECRET}@example.com", **properties}
    private = world.anna.create_folder("Private")
    made = [world.anna.create(**values), world.anna.create(private, **values), world.anna.create(**values)]
    world.anna.delete(made[2])
    return made


def versions(world: World, items: list[str]) -> list[str]:
    return [found["changeKey"] for found in map(world.anna.get, items) if found is not None]


def test_personal_contacts_are_not_touched_not_even_their_change_key(world: World) -> None:
    items = personal(world, categories=["Family"])
    before = versions(world, items)
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.run(full=True)
    assert len(before) == 3
    assert versions(world, items) == before
    assert [row for row in world.writes() if row["id"] in items] == []


def test_edits_of_personal_contacts_change_nothing(world: World) -> None:
    items = personal(world)
    world.run()
    world.anna.update(items[0], jobTitle=SECRET)
    world.anna.move(items[1], "contacts")
    before = versions(world, items)
    mark = world.mark()
    world.run()
    assert versions(world, items) == before
    assert world.writes(mark) == []


def test_nothing_of_a_personal_contact_reaches_salesforce(world: World) -> None:
    personal(world)
    world.run()
    assert world.salesforce.contacts() == []
    assert SECRET not in repr(world.writes())


def test_not_a_byte_of_a_personal_contact_is_kept_in_the_warehouse_or_the_exports(world: World) -> None:
    items = personal(world)
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com", Description="Xq7Business")
    world.run()
    world.anna.update(items[0], jobTitle=SECRET)
    world.run()
    world.run(full=True)
    assert kept(world.directory, "Xq7Business"), "the search does not find what is kept"
    assert kept(world.directory, SECRET) == []
    assert kept(world.directory, items[0]) == []


def test_not_a_byte_of_a_personal_contact_stands_in_the_logs(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    personal(world)
    world.run()
    of_others = ("sync_pipeline.sandbox", "httpx", "httpcore", "uvicorn", "asyncio")
    ours = [record for record in caplog.records if not record.name.startswith(of_others)]
    assert ours, "the run logs nothing, so this shows nothing"
    assert [record for record in ours if SECRET in record.getMessage()] == []


def test_a_personal_contact_with_the_address_of_a_business_contact_stays_personal(world: World) -> None:
    item = world.anna.create(surname="Adler", email="adler@example.com", nickName="My friend")
    before = versions(world, [item])
    world.as_user(ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.run()
    assert versions(world, [item]) == before
    assert len(world.anna.contacts()) == 1
    assert len(world.anna.contacts("contacts")) == 1


def test_a_contact_that_was_chosen_and_is_personal_again_is_not_followed(world: World) -> None:
    world.run()
    item = world.anna.create(world.anna.folder(), surname="Adler", email="adler@example.com")
    world.run()
    world.anna.move(item, "contacts")
    world.run()
    world.run()
    world.anna.update(item, jobTitle=SECRET)
    before = versions(world, [item])
    mark = world.mark()
    world.run()
    assert versions(world, [item]) == before
    assert world.writes(mark) == []
    assert world.salesforce.contact(Email="adler@example.com")["Title"] is None
    assert kept(world.directory, SECRET) == []
