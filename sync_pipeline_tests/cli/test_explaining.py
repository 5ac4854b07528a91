"""explain: why a contact is, or is not, synchronised; each of the states that people ask about."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, CLEO, Json, World, item_of, person

#: What the answer has to say, by who is asked for: the state, and what solves it.
ANSWERS = {
    "synchronised": ["It is synchronised.", "it lies in the folder, with the category", "the Contact is there"],
    "held by the guard": [
        "what is on hold waits",
        "as guard",
        "than max_deletes allows (2 against 1)",
        "sync-pipeline approve r",
    ],
    "a conflict on hold": [
        "what is on hold waits",
        "as conflict",
        "It waits for an answer.",
        "sync-pipeline resolve c",
    ],
    "no last name": ["It is not synchronised: it has a problem.", "LastName", "Fill it in Outlook"],
    "ambiguous": [
        "It is not synchronised: it waits",
        "as duplicate",
        "2 Contacts in Salesforce match it",
        "sync-pipeline link",
    ],
    "unlinked by its user": [
        "It is not synchronised any more.",
        "it was moved out of the folder, so it is personal again",
    ],
    "left the view": ["It is not synchronised any more.", "closed on", "the Contact left the mailbox's view"],
    "personal": ["An Outlook contact outside the folder and without the category is personal"],
}


def test_each_state_is_explained_with_what_solves_it(world: World, call: Call) -> None:
    world.use(conflicts={"default": "hold"}, max_deletes={"count": 1, "percent": 0})
    once_linked = ("synchronised", "left the view", "unlinked by its user", "held by the guard", "a conflict on hold")
    people = {name: person(world, number, Title="Manager") for number, name in enumerate(once_linked, start=1)}
    for _ in range(2):
        person(world, 9, owner=BEN)
    world.run()
    same = {"givenName": "First9", "surname": "Last9", "email": "person9@example.com"}
    made: dict[str, Json] = {
        "ambiguous": {**same, "categories": [CATEGORY]},
        "no last name": {"jobTitle": "Nobody", "categories": [CATEGORY]},
        "personal": {"givenName": "Pia", "surname": "Private", "email": "pia@example.com"},
    }
    for name, values in made.items():
        item = world.anna.create(**values)
        people[name] = str(values.get("email", item))
    world.salesforce.update(people["left the view"], OwnerId=world.user_id(BEN))
    world.anna.move(item_of(world.anna, people["unlinked by its user"])["id"], "contacts")
    world.anna.update(item_of(world.anna, people["a conflict on hold"])["id"], jobTitle="From Outlook")
    world.salesforce.update(people["a conflict on hold"], Title="From Salesforce")
    world.run()
    world.salesforce.delete(people["held by the guard"])  # the second one of this day
    world.run()
    settings = settings_of(world)
    asked = ("--mailbox", ANNA, "--settings", settings)
    told = {name: " ".join(call("explain", contact, *asked).out.split()) for name, contact in people.items()}
    missing = {name: [said for said in ANSWERS[name] if said not in text] for name, text in told.items()}
    assert told.keys() == ANSWERS.keys()
    assert {name: (said, told[name]) for name, said in missing.items() if said} == {}


@pytest.mark.slow
def test_who_is_not_in_a_mailbox_is_explained_there_by_any_name_and_listed_once(world: World, call: Call) -> None:
    world.use(ANNA, BEN, CLEO)
    world.top["salesforce"] = {"share_all": True}
    world.mailboxes[BEN] = {"view": "all"}
    record = person(world, 1)
    mine = person(world, 2)
    world.run()
    world.ben.move(item_of(world.ben, record)["id"], "contacts")
    world.salesforce.update(record, Email="new@example.com", LastName="Newname")
    world.run()
    item = item_of(world.anna, mine)["id"]
    world.salesforce.update(mine, OwnerId=world.user_id(BEN))
    settings = settings_of(world)

    def told(contact: str, *mailbox: str) -> list[tuple[str, str]]:
        answer = call("explain", contact, "--settings", settings, "--json", *mailbox)
        return [(row["mailbox"], " ".join(row["explanation"])) for row in answer.document["contacts"]]

    # by what it is called, was called, and by its id: the same answer
    for word in ("new@example.com", "person1@example.com", "First1 Last1", record):
        (anna, linked), (ben, unlinked) = told(word)
        assert (anna, ben) == (ANNA, BEN)
        assert linked.startswith("It is synchronised."), word
        assert "it was moved out of the folder, so it is personal again" in unlinked, word
    [(mailbox, unseen)] = told("person1@example.com", "--mailbox", CLEO)
    assert mailbox == CLEO
    assert "the mailbox does not hold it" in unseen
    assert "The view of cleo@example.com, the Contacts of its own Salesforce user, does not show it." in unseen
    assert call("history", "person1@example.com", "--settings", settings, "--json").document["events"]
    world.run()
    for word in ("person2@example.com", item):
        [left] = [text for mailbox, text in told(word) if mailbox == ANNA]
        assert "the Contact left the mailbox's view" in left, word
    assert told("First2 Last2", "--mailbox", ANNA) == [(ANNA, left)]
    assert call("undo", "--contact", "person2@example.com", "--mailbox", ANNA, "--settings", settings).code == 0
