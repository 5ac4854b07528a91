"""history: one contact's story, and with --as-of how things stood; judged from the sandbox's own log."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.model.fields import FIELDS, Direction, Field
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline_tests.cli.conftest import Call, settings_of
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, Json, World, extended, item_of, person, see_all
from sync_pipeline_tests.kept import kept

#: Mapped both ways, so that the log of either service shows the value itself.
MAPPED = [field for field in FIELDS if field.direction is Direction.BOTH]


def in_salesforce(record: Json, field: Field) -> str:
    return str(record.get(field.salesforce) or "")


def in_outlook(item: Json, field: Field) -> str:
    if field.is_extended:
        return extended(item, field.outlook) or ""
    if field.is_list:
        entries = item.get(field.outlook.removesuffix("[]")) or [""]
        return str(entries[0]["address"] if isinstance(entries[0], dict) else entries[0])
    name, _, part = field.outlook.partition("/")
    value = item.get(name) or {}
    found = str((value.get(part) if part else value) or "")
    return found[:10] if field.name == "birthdate" else found


def logged(log: list[Json], key: str, until: int) -> Json | None:
    """What the log says that a record or an item held after the entry `until`; None where it was deleted."""
    entry = [row for row in log if row["id"] == key and row["seq"] <= until][-1]
    return None if entry["action"] == "delete" else entry["after"]


def now(world: World) -> datetime:
    return datetime.fromisoformat(httpx.get(f"{world.server.salesforce_url}/_sandbox/clock").json()["now"])


def _of(links: list[Json], record: str, mailbox: str) -> Json:
    return next(link for link in links if (link["salesforce_id"], link["mailbox"]) == (record, mailbox))


class Moments:
    """When each run ended, and how far the log was then."""

    def __init__(self, world: World) -> None:
        self.world, self.known = world, list[tuple[datetime, int]]()

    def run(self) -> None:
        self.world.run()
        self.known.append((now(self.world).astimezone(UTC), self.world.mark()))


def test_a_past_moment_shows_what_the_services_held_after_the_last_run_before_it(world: World, call: Call) -> None:
    see_all(world, ANNA, BEN)
    moments = Moments(world)
    edited = person(world, 1, Title="Manager", Phone="+1 555", MailingCity="Oslo", Fax="12")
    deleted = person(world, 2, Birthdate="1980-02-29")
    first = world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", jobTitle="CEO",
                              nickName="M", categories=[CATEGORY])  # fmt: skip
    met = person(world, 4, Title="Same", HomePhone="7")
    world.anna.create(
        givenName="First4", surname="Last4", email="person4@example.com", jobTitle="Same", categories=[CATEGORY]
    )
    moments.run()
    mia = world.salesforce.contact(Email="mia@example.com")["Id"]
    world.anna.update(item_of(world.anna, edited)["id"], jobTitle="Director", phone="")
    world.salesforce.update(edited, MailingCity="Bergen", Description="Knows Ben")
    world.salesforce.update(mia, Department="Board")
    moments.run()
    world.ben.update(item_of(world.ben, edited)["id"], jobTitle="Boss", givenName="Firsty")
    world.salesforce.delete(deleted)
    world.anna.move(item_of(world.anna, mia)["id"], "contacts")
    moments.run()
    world.salesforce.update(edited, Title=None)
    world.anna.update(item_of(world.anna, met)["id"], jobTitle="Other", homePhones=["8"])
    moments.run()
    settings, log = settings_of(world), world.log()
    assert first not in [item["id"] for item in world.anna.contacts()], "moving into the folder gave another id"
    people = (edited, deleted, mia, met)
    compared = set[tuple[int, str, str, bool, bool]]()
    for number, (moment, mark) in enumerate(moments.known):
        links = call("history", "--as-of", moment.isoformat(), "--settings", settings, "--json").document["links"]
        held = {(link["salesforce_id"], link["mailbox"]) for link in links}
        # what came up from Anna goes on to Ben in the run after
        assert held == {(r, m) for r in people for m in (ANNA, BEN)} - ({(mia, BEN)} if number == 0 else set())
        for link in links:
            contact, item = (logged(log, link[key], mark) for key in ("salesforce_id", "outlook_id"))
            known = {value["field"]: value for value in link["values"]}
            compared.add((number, link["salesforce_id"], link["state"], contact is not None, item is not None))
            assert (link["salesforce_there"], link["outlook_there"]) == (contact is not None, item is not None)
            if link["state"] == "linked":
                assert contact is not None
                assert item is not None
                for field in MAPPED:
                    held_then = (in_outlook(item, field), in_salesforce(contact, field))
                    shown = (known[field.name]["outlook"], known[field.name]["salesforce"])
                    assert shown == held_then, (number, link["salesforce_id"], link["mailbox"], field.name)
    for record in people:  # alone as among all
        alone = call("history", record, "--as-of", moment.isoformat(), "--settings", settings, "--json").document[
            "links"
        ]
        assert alone == [link for link in links if link["salesforce_id"] == record]
    closed = {(number, record) for number, record, state, *_ in compared if state == "closed"}
    assert closed == {(2, deleted), (3, deleted), (2, mia), (3, mia)}
    assert (2, mia, "linked", True, True) in compared, "Ben still holds what Anna moved out"
    [title] = [value for value in _of(links, edited, ANNA)["values"] if value["field"] == "job_title"]
    events = call("history", edited, "--settings", settings, "--json").document["events"]
    cleared = next(event for event in events if event["operation_id"] == title["outlook_from"]["operation_id"])
    assert {"field": "job_title", "before": "Boss", "after": ""} in cleared["fields"]
    before = call("history", edited, "--as-of", "2020-01-01", "--settings", settings)
    assert "No link is known that stood" in before.out
    text = call("history", edited, "--mailbox", BEN, "--as-of", moments.known[2][0].isoformat(), "--settings", settings)
    assert "Boss" in text.out
    assert "Firsty Last1" in text.out
    assert "closed: deleted in Salesforce" in call("history", "--as-of", "0m", "--settings", settings).out


def test_a_story_goes_on_over_new_ids_merges_and_copies_made_again(world: World, call: Call) -> None:
    see_all(world, ANNA, BEN)
    world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.run()
    world.run()
    mia = world.salesforce.contact(Email="mia@example.com")["Id"]
    world.ben.purge(item_of(world.ben, mia)["id"])
    world.run()
    winner = person(world, 2)
    world.run()
    world.org("merge", winner=winner, losers=[mia])
    world.run()
    world.salesforce.update(winner, Title="Winner")
    world.run()
    settings = settings_of(world)
    told: dict[str, list[Any]] = {
        contact: call("history", contact, "--settings", settings, "--json").document["events"]
        for contact in (winner, mia)
    }
    events = told[winner]
    assert [event["happened_at"] for event in events] == sorted(event["happened_at"] for event in events)
    done = {(event["mailbox"], event["side"], event["action"], event["salesforce_id"]) for event in events}
    assert {
        (ANNA, None, "link", mia), (ANNA, "salesforce", "create", mia), (ANNA, "outlook", "move", mia),
        (BEN, "outlook", "create", mia), (BEN, "outlook", "create", winner), (ANNA, "outlook", "create", winner),
        (BEN, "outlook", "update", winner), (ANNA, "outlook", "update", winner),
    } <= done  # fmt: skip
    assert [event for event in told[mia] if event["action"] == "create" and event["mailbox"] == ANNA] != []
    of_ben = [event for event in events if (event["mailbox"], event["action"]) == (BEN, "create")]
    assert len({event["outlook_id"] for event in of_ben if event["salesforce_id"] == mia}) == 2, "made again"


@pytest.mark.parametrize("arguments", [["--as-of", "2026-13-01"], ["--as-of", "1h", "--since", "2h"]])
def test_a_wrong_moment_is_wrong_usage(world: World, call: Call, arguments: list[str]) -> None:
    world.run()
    assert call("history", *arguments, "--settings", settings_of(world)).code == 2


def test_what_is_older_than_the_history_is_kept_goes_save_for_what_is_still_in_force(world: World, call: Call) -> None:
    world.top["keep_history_days"] = 30
    begin = datetime(2031, 3, 1, 8, tzinfo=UTC)
    world.set_clock(begin)
    record, other = person(world, 1, Title="Former", Phone="1"), person(world, 2, Title="Bygone")
    first = world.run()
    world.salesforce.update(record, Title="Manager")
    world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.run()
    world.salesforce.delete(other)
    world.run()
    world.set_clock(begin + timedelta(days=20))
    world.salesforce.update(record, Title="Director")
    world.run()
    exports = world.directory / "data" / "exports"
    assert len(list(exports.glob("history/*.parquet"))) == 2
    world.set_clock(begin + timedelta(days=40))
    world.run()
    settings = settings_of(world)

    def titles(moment: datetime) -> list[tuple[str, str]]:
        asked = call("history", record, "--as-of", moment.isoformat(), "--settings", settings, "--json").document
        [values] = [link["values"] for link in asked["links"]]
        return [(v["outlook"], v["salesforce"]) for v in values if v["field"] in ("job_title", "phone")]

    assert [path.stem for path in exports.glob("history*/*.parquet")] == ["2031-03-21"] * 3
    document = call("history", "--settings", settings, "--json").document["events"]
    assert other not in repr(document)
    tables = {place.rpartition(":")[2] for place in kept(world.directory / "data", "Bygone") if ":" in place}
    assert tables == {"salesforce.contacts", "outlook.contacts", "sync.links"}, "what is no history"
    assert "Former" not in repr(document)
    assert "Manager" in repr(document), "it was still so when what is kept begins"
    assert titles(begin + timedelta(days=12)) == [("Manager", "Manager"), ("1", "1")]
    assert titles(begin + timedelta(days=21)) == [("Director", "Director"), ("1", "1")]
    mia = call("history", "mia@example.com", "--as-of", "20d", "--settings", settings, "--json").document["links"]
    assert [link["outlook_id"] for link in mia] == [world.anna.contact("mia@example.com")["id"]]
    assert "The history is kept from 2031-03-11 on" in call("history", "--as-of", "60d", "--settings", settings).out
    [undone] = world.undo(first, plan_only=True)
    assert (undone["side"], undone["action"]) == ("outlook", "delete"), "the copy that is there still, of what is known"
    assert call("explain", record, "--settings", settings).code == 0


def test_a_link_that_was_closed_long_ago_is_never_shown_as_linked(world: World, call: Call) -> None:
    see_all(world, ANNA, BEN)
    world.top["keep_history_days"] = 10
    begin = datetime(2031, 3, 1, 8, tzinfo=UTC)
    world.set_clock(begin)
    record = person(world, 1, Title="Manager")
    world.run()
    item = item_of(world.anna, record)["id"]
    world.anna.update(item, jobTitle="Boss")
    world.run(ANNA)  # the Contact's value is known from Anna's link, and from no other
    world.anna.move(item, "contacts")
    world.run(ANNA)
    settings = settings_of(world)

    def links() -> dict[str, tuple[str, str | None, str]]:
        asked = call("history", record, "--as-of", "0m", "--settings", settings, "--json").document["links"]
        return {link["mailbox"]: (link["state"], link["closed_reason"], link["since"]) for link in asked}

    before = links()
    assert [before[mailbox][:2] for mailbox in (ANNA, BEN)] == [("closed", "unlinked"), ("linked", None)]
    world.set_clock(begin + timedelta(days=20))
    world.run(ANNA)
    assert links() == before
    told = call("history", record, "--settings", settings, "--json").document["events"]
    assert [event["action"] for event in told if event["mailbox"] == ANNA] == ["update", "unlink"]
    with open_warehouse(warehouse_path(world.settings())) as connection:  # as retention left it before
        connection.execute("delete from sync.history where action = 'unlink'")
    assert links()[ANNA][:2] == ("closed", "unlinked")
