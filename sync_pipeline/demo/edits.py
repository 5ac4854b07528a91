"""The stories between two runs: people add, change, clear and remove contacts on both sides."""

from __future__ import annotations

from typing import Final

from sync_pipeline.demo.day import (
    Day,
    Desk,
    Mismatch,
    Pair,
    Story,
    Telling,
    expect,
    expect_equal,
    expect_in_folder,
    expect_untouched,
)
from sync_pipeline.demo.services import CATEGORY, DEFAULT_FOLDER, Json, name_of
from sync_pipeline.sandbox.seed.persons import Person

#: Plain fields that people clear: Outlook's property and Salesforce's field.
_CLEARABLE: Final = {"jobTitle": "Title", "department": "Department", "mobilePhone": "MobilePhone"}


# -- additions ---------------------------------------------------------------------------------------------------------


def created_in_folder(day: Day) -> Telling:
    """R6, the first way in."""
    desk = day.desk()
    person, body = day.newcomer()
    item = desk.mailbox.create(body, desk.folder())
    yield f"{desk.address} creates {name_of(body)} in the folder."
    return _arrived_in_salesforce(desk, person, item)


def dragged_in(day: Day) -> Telling:
    """R6, the second way in; the contact is the same item, photo and all."""
    desk = day.desk()
    person, body = day.newcomer()
    item = desk.mailbox.create({**body, "nickName": "Dragged"})
    desk.mailbox.drag(item, desk.folder())
    yield f"{desk.address} drags {name_of(body)} from the default folder into the folder."
    told = _arrived_in_salesforce(desk, person, item)
    expect("the nickname", desk.item_of(desk.record_at(person["Email"])["Id"])["nickName"], "Dragged")
    return told


def categorised_elsewhere(day: Day) -> Telling:
    """R6, the third way in: moved into the folder with all that Salesforce does not know."""
    desk = day.desk()
    person, body = day.newcomer()
    second = {"name": "private", "address": "private@example.org"}
    body |= {"categories": ["Friends"], "nickName": "Moved", "emailAddresses": [*body["emailAddresses"], second]}
    item = desk.mailbox.create(body)
    before = desk.mailbox.item(item)
    desk.mailbox.update(item, categories=["Friends", CATEGORY])
    yield f'{desk.address} marks {name_of(body)} in the default folder with the category "{CATEGORY}".'
    told = _arrived_in_salesforce(desk, person, None)
    arrived = desk.item_of(desk.record_at(person["Email"])["Id"])
    expect_untouched(arrived, before or {})
    expect("the other category", "Friends" in arrived["categories"], True)
    left = [each["id"] for each in desk.mailbox.items(DEFAULT_FOLDER) if name_of(each) == name_of(body)]
    expect("the original in the default folder", left, [])
    return f"{told} The original is gone, the second e-mail and the nickname came along."


def added_in_salesforce(day: Day) -> Telling:
    """R2: what enters the view enters the folder."""
    desk = _with_own_view(day)
    person, body = day.newcomer()
    record = desk.salesforce.create(**person)
    yield f"{desk.address} creates the Contact {name_of(body)} in Salesforce."
    item = desk.item_of(record)
    expect_equal(item, desk.record(record))
    expect_in_folder(item)
    return "The contact stands in the folder, with the category."


def _arrived_in_salesforce(desk: Desk, person: Person, item: str | None) -> str:
    record = desk.record_at(person["Email"])
    found = desk.item_of(record["Id"])
    expect_equal(found, record)
    expect_in_folder(found)
    expect("the Contact's owner", record["OwnerId"], desk.user_id)
    if item is not None:
        expect("the item, which needs no copy", found["id"], item)
    return f"The Contact {record['Id']} has the same values and belongs to {desk.salesforce.username}."


def _with_own_view(day: Day) -> Desk:
    return day.random.choice([desk for desk in day.desks if desk.view == "mine"])


# -- changes -----------------------------------------------------------------------------------------------------------


def changed_in_outlook(day: Day) -> Telling:
    """R10: an edit goes up."""
    pair = day.take()
    title, mobile = f"Chief {day.word()} Officer", day.people.phone()
    pair.desk.mailbox.update(pair.item["id"], jobTitle=title, mobilePhone=mobile)
    yield f"{pair.desk.address} makes {pair.name} {title!r} and gives a new mobile number."
    record = pair.desk.record(pair.id)
    expect("Title", record["Title"], title)
    expect("MobilePhone", record["MobilePhone"], mobile)
    return _equal_now(pair, f"Salesforce says the same: {record['Title']}, {record['MobilePhone']}.")


def changed_in_salesforce(day: Day) -> Telling:
    """R10: an edit comes down; the list's other entries and the address's other parts stay."""
    pair = day.take(lambda pair: bool(pair.item["businessPhones"]) and bool(pair.item["businessAddress"]))
    phone, city = day.people.phone(), f"New {day.word()}"[:40]
    pair.desk.salesforce.update(pair.id, Phone=phone, MailingCity=city)
    yield f"{pair.desk.address} changes phone and city of {pair.name} in Salesforce."
    item = pair.desk.item_of(pair.id)
    expect("the first business phone", item["businessPhones"][0], phone)
    expected = {**pair.item["businessAddress"], "city": city}
    expect("the business address", item["businessAddress"], expected)
    return _equal_now(pair, f"Outlook shows {phone} and {city!r}; the rest of the address is as it was.")


def different_fields(day: Day) -> Telling:
    """R10: both edits are kept."""
    pair = day.take()
    department, title = f"Department of {day.word()}", f"Director {day.word()}"
    pair.desk.mailbox.update(pair.item["id"], department=department)
    pair.desk.salesforce.update(pair.id, Title=title)
    yield f"{pair.name} gets a department in Outlook and a title in Salesforce."
    record = pair.desk.record(pair.id)
    expect("Department in Salesforce", record["Department"], department)
    expect("the job title in Outlook", pair.desk.item_of(pair.id)["jobTitle"], title)
    return _equal_now(pair, "Both sides have both.")


def conflict(day: Day) -> Telling:
    """R10: the same field changed to different values: Salesforce wins, both values are in the history."""
    pair = day.take()
    ours, theirs = f"Outlook's {day.word()}", f"Salesforce's {day.word()}"
    pair.desk.mailbox.update(pair.item["id"], jobTitle=ours)
    pair.desk.salesforce.update(pair.id, Title=theirs)
    yield f"{pair.name} becomes {ours!r} in Outlook and {theirs!r} in Salesforce."
    expect("the title in Salesforce", pair.desk.record(pair.id)["Title"], theirs)
    expect("the job title in Outlook", pair.desk.item_of(pair.id)["jobTitle"], theirs)
    recorded = [
        (row["winner"], row["outlook_value"], row["salesforce_value"])
        for row in day.conflicts()
        if row["salesforce_id"] == pair.id and row["field"] == "job_title"
    ]
    expect("the conflict in the history", recorded[-1:], [("salesforce", ours, theirs)])
    return _equal_now(pair, f"Salesforce won; the history keeps both values, {ours!r} too.")


def cleared_in_outlook(day: Day) -> Telling:
    """R11: clearing goes up."""
    pair = day.take(_has_something_to_clear)
    outlook, salesforce = _something_to_clear(pair)
    pair.desk.mailbox.update(pair.item["id"], **{outlook: None})
    yield f"{pair.desk.address} clears {outlook} of {pair.name} ({pair.item[outlook]})."
    expect(f"{salesforce} in Salesforce", pair.desk.record(pair.id)[salesforce], None)
    return _equal_now(pair, f"{salesforce} is empty in Salesforce too.")


def cleared_in_salesforce(day: Day) -> Telling:
    """R11: clearing comes down."""
    pair = day.take(_has_something_to_clear)
    outlook, salesforce = _something_to_clear(pair)
    pair.desk.salesforce.update(pair.id, **{salesforce: None})
    yield f"{pair.desk.address} clears {salesforce} of {pair.name} in Salesforce ({pair.record[salesforce]})."
    expect(f"{outlook} in Outlook", pair.desk.item_of(pair.id)[outlook], None)
    return _equal_now(pair, f"{outlook} is empty in Outlook too.")


def _has_something_to_clear(pair: Pair) -> bool:
    return any(pair.item[outlook] and pair.record[salesforce] for outlook, salesforce in _CLEARABLE.items())


def _something_to_clear(pair: Pair) -> tuple[str, str]:
    return next((one, other) for one, other in _CLEARABLE.items() if pair.item[one] and pair.record[other])


def _equal_now(pair: Pair, told: str) -> str:
    item = pair.desk.item_of(pair.id)
    expect_equal(item, pair.desk.record(pair.id))
    expect_untouched(item, pair.item)
    return told


# -- removals ----------------------------------------------------------------------------------------------------------


def deleted_in_outlook(day: Day) -> Telling:
    """R14: brought back from Deleted Items, so that nothing unmapped is lost."""
    pair = day.take(_without_photo)
    pair.desk.mailbox.update(pair.item["id"], nickName="Phoenix")
    before: Json = pair.desk.mailbox.item(pair.item["id"]) or {}
    pair.desk.mailbox.delete(pair.item["id"])
    yield f"{pair.desk.address} deletes {pair.name} in Outlook."
    expect("the Contact in Salesforce", pair.desk.salesforce.contact(pair.id) is not None, True)
    item = pair.desk.item_of(pair.id)
    expect_untouched(item, before)
    expect_in_folder(item)
    expect_equal(item, pair.desk.record(pair.id))
    return 'It is back in the folder, even the nickname "Phoenix", which Salesforce never knew.'


def deleted_in_salesforce(day: Day) -> Telling:
    """R16: removed from the folder, into Deleted Items."""
    pair = day.take(_without_photo)
    pair.desk.salesforce.delete(pair.id)
    yield f"{pair.desk.address} deletes the Contact {pair.name} in Salesforce."
    _expect_removed(pair)
    return "It is no longer in the folder; it lies in Deleted Items."


def left_the_view(day: Day) -> Telling:
    """R18: another owner: out of the folder, still in Salesforce."""
    # Only what a run once saw in the view can leave it, so not who was chosen in Outlook just now.
    pair = day.take(lambda pair: pair.desk.view == "mine" and (pair.desk.address, pair.id) in day.before.members)
    pair.desk.salesforce.update(pair.id, OwnerId=day.other_user_id)
    yield f"{pair.desk.address} hands {pair.name} over to a colleague."
    _expect_removed(pair)
    expect("the Contact's owner", pair.desk.record(pair.id)["OwnerId"], day.other_user_id)
    return "It is no longer in the folder, and still in Salesforce with its new owner."


def category_taken_off(day: Day) -> Telling:
    """R4: put back."""
    pair = day.take()
    pair.desk.mailbox.update(pair.item["id"], categories=["Friends"])
    yield f"{pair.desk.address} takes the category off {pair.name}."
    item = pair.desk.item_of(pair.id)
    expect("the categories", sorted(item["categories"]), sorted(["Friends", CATEGORY]))
    return "It is back, beside the person's own one."


def moved_out(day: Day) -> Telling:
    """R15: personal again, the Contact stays, and it does not come back."""
    pair = day.take(_without_photo)
    pair.desk.mailbox.drag(pair.item["id"], DEFAULT_FOLDER)
    yield f"{pair.desk.address} drags {pair.name} out of the folder."
    item = pair.desk.mailbox.item(pair.item["id"])
    expect("the category of the item", CATEGORY in (item or {"categories": [CATEGORY]})["categories"], False)
    expect("the Contact in Salesforce", pair.desk.salesforce.contact(pair.id) is not None, True)
    expect("the Contact in the folder", pair.id in pair.desk.linked(), False)
    return "It is a personal contact now; the Contact stays in Salesforce and does not come back."


def _without_photo(pair: Pair) -> bool:
    return pair.desk.mailbox.photo(pair.item["id"]) is None


def _expect_removed(pair: Pair) -> None:
    if pair.id in pair.desk.linked():
        raise Mismatch(f"{pair.name} in the folder of {pair.desk.address}", expected="removed", found="there")
    expect("the contact in Deleted Items", pair.desk.mailbox.lies_in_deleted_items(pair.item["id"]), True)


EDITS: Final = (
    Story("Created in the folder", "R6", created_in_folder),
    Story("Dragged into the folder", "R6", dragged_in),
    Story("Categorised elsewhere", "R6", categorised_elsewhere),
    Story("Added in Salesforce", "R2", added_in_salesforce),
    Story("Changed in Outlook", "R10", changed_in_outlook),
    Story("Changed in Salesforce", "R10", changed_in_salesforce),
    Story("Different fields on both sides", "R10", different_fields),
    Story("Conflict", "R10", conflict),
    Story("Cleared in Outlook", "R11", cleared_in_outlook),
    Story("Cleared in Salesforce", "R11", cleared_in_salesforce),
    Story("Deleted in Outlook", "R14", deleted_in_outlook),
    Story("Deleted in Salesforce", "R16", deleted_in_salesforce),
    Story("Left the view", "R18", left_the_view),
    Story("Category taken off", "R4", category_taken_off),
    Story("Moved out of the folder", "R15", moved_out),
)
