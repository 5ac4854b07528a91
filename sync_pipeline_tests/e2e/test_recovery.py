"""A run that broke off, or an answer that was lost: the next run looks before it sends, and nothing is there twice."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from sync_pipeline import engine
from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.transport import Policy
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, CLEO, World, item_of, of, person, stamp_of


class Killed(BaseException):
    """The process ends here: nothing of the engine may catch it."""


@pytest.fixture
def killed_before_the_receipt(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes the nth receipt of the next run the moment in which the process dies."""

    def arm(nth: int) -> None:
        whole = Writer.close
        calls = iter(range(1, 1000))

        def close(self: Writer, receipts: Any, now: Any) -> None:
            if receipts and next(calls) == nth:
                raise Killed
            whole(self, receipts, now)

        monkeypatch.setattr(Writer, "close", close)

    return arm


def run_to_death(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.advance(5)
    with pytest.raises(Killed):
        engine.synchronise(world.settings(), world.secrets, engine.RunOptions(), run_id=str(uuid.uuid4()))
    monkeypatch.undo()


@pytest.mark.parametrize("nth", [1, 2, 3, 4, 5])
def test_a_run_killed_between_call_and_receipt_is_finished_without_a_second_copy(
    world: World, monkeypatch: pytest.MonkeyPatch, killed_before_the_receipt: Any, nth: int
) -> None:
    # receipts of this run, in order: the folder, the category, the Contact, the Outlook copy, the move or the stamp
    folder = world.anna.create_folder("Other")
    world.anna.create(folder, givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.salesforce.create(FirstName="Tom", LastName="Toll", Email="tom@example.com", OwnerId=world.user_id(ANNA))
    killed_before_the_receipt(nth)
    run_to_death(world, monkeypatch)
    world.run()
    world.run()
    assert sorted(contact["Email"] for contact in world.salesforce.contacts()) == ["mia@example.com", "tom@example.com"]
    for email in ("mia@example.com", "tom@example.com"):
        item = world.anna.contact(email)
        assert stamp_of(item) == world.salesforce.contact(Email=email)["Id"]
        assert CATEGORY in item["categories"]
    assert len(world.anna.contacts()) == 2
    assert world.anna.contacts(folder) == []
    assert world.ready() == []
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


@pytest.mark.parametrize("email", ["old", "new"])
def test_an_update_whose_answer_was_lost_is_recognised_by_the_values(world: World, email: str) -> None:
    contact = world.salesforce.create(LastName="Toll", Email="tom@example.com", OwnerId=world.user_id(ANNA))
    world.run()
    world.anna.update(world.anna.contact("tom@example.com")["id"], jobTitle="Boss")
    position = "response_lost" if email == "new" else "refused"
    world.fault("connection_reset", position=position, service="salesforce", method="PATCH", path="composite/sobjects")
    world.run()
    world.run()
    assert world.salesforce.contact(Id=contact)["Title"] == "Boss"
    assert len(world.writes(action="update", entity="Contact")) == 1
    assert world.ready() == []


@pytest.mark.parametrize("position", ["refused", "response_lost"])
@pytest.mark.parametrize("fault", ["connection_reset", "503", "truncated_body"])
def test_a_creation_in_salesforce_whose_answer_was_lost_makes_one_contact(
    world: World, position: str, fault: str
) -> None:
    world.run()
    world.anna.create(world.anna.folder(), givenName="Mia", surname="O'Neil", email="mia@example.com")
    world.fault(fault, position=position, service="salesforce", method="POST", path="composite/sobjects$")
    world.run()
    world.run()
    [contact] = world.salesforce.contacts()
    assert stamp_of(world.anna.contact("mia@example.com")) == contact["Id"]
    assert world.ready() == []


@pytest.mark.parametrize("position", ["refused", "response_lost"])
def test_a_batch_of_creations_in_outlook_whose_answer_was_lost_makes_each_once(world: World, position: str) -> None:
    world.run()
    for number in range(3):
        world.salesforce.create(LastName=f"Toll {number}", Email=f"t{number}@example.com", OwnerId=world.user_id(ANNA))
    world.fault("connection_reset", position=position, service="graph", method="POST", path=r"/contacts$", times=2)
    world.run()
    world.run()
    assert len(world.anna.contacts()) == 3
    assert world.ready() == []


@pytest.mark.parametrize("position", ["response_lost", "refused"])
def test_a_mailbox_that_calls_itself_full_gets_no_second_copy_of_what_it_made_all_the_same(
    world: World, position: str
) -> None:
    folder = world.anna.create_folder("Other")
    world.anna.create(folder, givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    record = person(world)
    full = {"service": "graph", "path": f"{ANNA}/.*/contacts$", "method": "POST", "actor": "application"}
    world.fault("507", position=position, times=2, **full)
    assert of(world.run(), ANNA)["code"] == "mailbox_full"
    for _ in range(3):
        world.run()
    assert [item["surname"] for item in world.anna.contacts()] in (["Last1", "Muster"], ["Muster", "Last1"])
    assert item_of(world.anna, record)["surname"] == "Last1"
    assert world.anna.contacts(folder) == []
    assert world.ready() == []


@pytest.mark.parametrize("position", ["refused", "response_lost"])
def test_a_deletion_whose_answer_was_lost_is_not_repeated(world: World, position: str) -> None:
    contact = world.salesforce.create(LastName="Toll", Email="tom@example.com", OwnerId=world.user_id(ANNA))
    world.run()
    world.salesforce.delete(contact)
    world.fault("connection_reset", position=position, service="graph", method="DELETE", path="contacts/")
    world.run()
    world.run()
    assert world.anna.contacts() == []
    assert len(world.anna.deleted()) == 1
    assert world.ready() == []


def test_what_was_not_sent_before_the_budget_ended_is_planned_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.salesforce.create(LastName=f"Toll {number}", Email=f"t{number}@example.com", OwnerId=world.user_id(ANNA))
    monkeypatch.setattr(Policy, "wait", lambda *_: False)
    world.fault("429", service="graph", method="POST", path=r"/contacts$", times=1)
    world.run()
    assert world.problems() == []
    world.run()
    assert len(world.anna.contacts()) == 3


def test_a_run_that_meets_the_reserve_of_daily_calls_stops_and_a_later_one_goes_on(world: World) -> None:
    world.run()
    for number in range(3):
        world.anna.create(surname=f"Late{number}", email=f"late{number}@example.com", categories=[CATEGORY])
    limits = world.salesforce.http.get("limits").json()["DailyApiRequests"]
    world.top["salesforce"] = {"api_reserve": limits["Remaining"] - 6}  # enough to begin, not enough to end
    with pytest.raises(SideUnavailable, match="api_reserve"):
        world.run()
    assert world.writes(action="create", service="salesforce") == []
    world.top["salesforce"] = {"api_reserve": 0}
    world.run()
    assert len(world.writes(action="create", service="salesforce")) == 3


@pytest.mark.parametrize("surname", ["O'Neil  ", "  Muster", "Van  der  Berg", "MUSTER"])
def test_a_contact_whose_creation_was_in_doubt_is_recognised_whatever_form_its_name_was_sent_in(
    world: World, surname: str
) -> None:
    world.run()
    item = world.anna.create(world.anna.folder(), surname=surname)
    call = "composite/sobjects$"
    world.fault("connection_reset", position="response_lost", service="salesforce", method="POST", path=call)
    world.run()
    document = world.run()
    [contact] = world.salesforce.contacts()
    assert stamp_of(world.anna.item(item)) == contact["Id"]
    assert [row["holds"] for row in document["mailboxes"]] == [0]
    assert world.ready() == []


PHOTO = b"\xff\xd8\xff\xe0 a portrait of Mia \xff\xd9"


def copied_with_photo(world: World) -> str:
    """Mia, marked with the category, stands whole in the folder; her original waits for its deletion."""
    mia = world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.anna.update(mia, nickName="Mimi")
    world.anna.put_photo(mia, PHOTO)
    world.run()
    assert len(world.anna.contacts()) == 1
    return mia


def is_there_once(world: World) -> None:
    """Mia is in the folder once, whole and linked, and nothing is left to be done."""
    assert [row["nickName"] for row in world.anna.contacts()] == ["Mimi"]
    assert world.anna.contacts("contacts") == []
    [contact] = world.salesforce.contacts()
    item = world.anna.contact("mia@example.com")
    assert stamp_of(item) == contact["Id"]
    world.anna.update(item["id"], jobTitle="Still linked")
    world.run()
    assert world.salesforce.record(contact["Id"])["Title"] == "Still linked"
    assert (world.ready(), world.held()) == ([], [])


def test_a_copy_that_vanished_with_its_original_is_made_again_once_though_the_run_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, killed_before_the_receipt: Any
) -> None:
    copied_with_photo(world)
    world.fault("copy_with_photo_vanishes", service="graph", method="DELETE", path="contacts/")
    killed_before_the_receipt(1)
    run_to_death(world, monkeypatch)
    world.run()
    world.run()
    is_there_once(world)


@pytest.mark.parametrize("position", ["refused", "response_lost"])
def test_a_copy_that_vanished_with_its_original_is_made_again_once_though_the_answer_is_lost(
    world: World, position: str
) -> None:
    copied_with_photo(world)
    world.fault("copy_with_photo_vanishes", service="graph", method="DELETE", path="contacts/")
    world.fault("connection_reset", position=position, service="graph", method="POST", path=r"/contacts$")
    world.run()
    world.run()
    world.run()
    assert len(world.anna.contacts()) == 1
    [contact] = world.salesforce.contacts()
    assert stamp_of(world.anna.contact("mia@example.com")) == contact["Id"]
    assert (world.ready(), world.held()) == ([], [])


@pytest.mark.parametrize("deletion", ["restore", "delete"])
@pytest.mark.parametrize("fault", ["connection_reset", "403", "507"])
def test_a_contact_of_which_neither_original_nor_copy_is_left_is_put_back_and_nobody_is_deleted(
    world: World, deletion: str, fault: str
) -> None:
    world.use(outlook_deletion=deletion)
    copied_with_photo(world)
    world.fault("copy_with_photo_vanishes", service="graph", method="DELETE", path="contacts/")
    world.fault(fault, times=3, service="graph", method="POST", path=r"/contacts$")
    mark = world.mark()
    world.run()
    assert world.anna.contacts() == []  # neither stands
    world.control.request("DELETE", "faults").raise_for_status()
    for _ in range(3):
        world.run()
    assert [row["nickName"] for row in world.anna.contacts()] == ["Mimi"]
    [contact] = world.salesforce.contacts()
    assert stamp_of(world.anna.contact("mia@example.com")) == contact["Id"]
    assert world.writes(mark, service="salesforce", action="delete") == []
    assert (world.ready(), world.held()) == ([], [])


@pytest.mark.timeout(60)
def test_a_run_that_fails_while_mailboxes_are_read_ends_and_the_next_one_works(world: World) -> None:
    """The readers of a run waited for ever for room for their pages, and the run for its readers."""
    world.top["salesforce"] = {"share_all": True}
    world.use(ANNA, BEN, CLEO, view="all")
    record = person(world, 1)
    world.run()

    def disk_full() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        world.run(full=True, before={"Outlook": disk_full})
    world.salesforce.update(record, Title="Director")
    world.run()
    assert [item_of(world.outlook(address), record)["jobTitle"] for address in (ANNA, BEN, CLEO)] == ["Director"] * 3
