"""The stories that begin before the first run: both sides fill each other, and what is personal stays as it is."""

from __future__ import annotations

from collections import Counter
from typing import Final

from sync_pipeline.demo.day import (
    Day,
    Desk,
    Mismatch,
    Story,
    Telling,
    chosen_but_unlinked,
    emails,
    expect,
    expect_equal,
    expect_in_folder,
    expect_untouched,
    only,
    personal,
    who,
)
from sync_pipeline.demo.services import CATEGORY, DEFAULT_FOLDER, Json, name_of
from sync_pipeline.sandbox.seed.contact_forms import graph_contact, photo


def fill_from_salesforce(day: Day) -> Telling:
    """R2: what the view shows stands in the folder."""
    views = {desk.address: len(desk.view_members()) for desk in day.desks}
    yield f"Salesforce shows {', '.join(f'{address} {count} Contacts' for address, count in views.items())}."
    arrived = 0
    example = ""
    folders = {desk.address: desk.linked() for desk in day.desks}
    counts = Counter(record for items in folders.values() for record in items)
    for desk in day.desks:
        items = folders[desk.address]
        held = {email for item in chosen_but_unlinked(desk) for email in emails(item)}
        for record_id, record in desk.view_members().items():
            if record_id not in items and (record["Email"] or "").lower() in held:
                continue  # R9: who it is waits for a person
            item = only(items, record_id, desk.address)
            if counts[record_id] == 1:  # R13: what another mailbox brings in may take one run more
                expect_equal(item, record)
            expect_in_folder(item)
            arrived += 1
            example = f"{name_of(item)} in {desk.address}"
    return f"{arrived} Contacts stand in {len(day.desks)} folders with equal values, e.g. {example}."


def fill_from_outlook(day: Day) -> Telling:
    """R6, R9: what was chosen in Outlook stands in Salesforce."""
    chosen: dict[str, list[Json]] = {}
    for desk in day.desks:
        folder = desk.mailbox.folder()
        in_folder = desk.mailbox.items(folder) if folder else []
        chosen[desk.address] = [*in_folder, *chosen_but_unlinked(desk)]
    yield f"{sum(map(len, chosen.values()))} contacts are chosen in Outlook, in the folder or by their category."
    arrived = waiting = 0
    example = ""
    for desk in day.desks:
        items = desk.linked()
        held = {item["id"] for item in chosen_but_unlinked(desk)}
        by_name = {who(item): record for record in items for item in items[record]}
        for item in chosen[desk.address]:
            if item["id"] in held:
                waiting += 1
                continue
            record_id = by_name.get(who(item))
            if record_id is None:
                raise Mismatch(f"{name_of(item)}, chosen in {desk.address}", expected="linked", found="not linked")
            linked = only(items, record_id, desk.address)
            expect_equal(linked, desk.record(record_id))
            expect_untouched(linked, item)
            arrived += 1
            example = f"{name_of(item)} from {desk.address}"
    return f"{arrived} stand in Salesforce with equal values, e.g. {example}; {waiting} wait for a person."


def near_duplicates(day: Day) -> Telling:
    """R9: what looks like the same person twice waits for someone to decide, and creates nothing."""
    twins = [(desk, emails) for desk in day.desks for emails in _twins(desk)]
    expect("mailboxes with a near-duplicate", bool(twins), True)
    yield f"{len(twins)} addresses were chosen twice in one mailbox, under different names."
    for desk, email in twins:
        found = desk.salesforce.contacts(f"Email = '{email}'")
        expect(f"Contacts with the e-mail {email}", len(found), 1)
        waiting = [item for item in chosen_but_unlinked(desk) if email in emails(item)]
        expect(f"near-duplicates at {email} that wait outside the folder", len(waiting), 1)
    return f"Each has one Contact, the other one is held, e.g. {twins[0][1]} in {twins[0][0].address}."


def _twins(desk: Desk) -> list[str]:
    folder = desk.mailbox.folder()
    chosen = [*(desk.mailbox.items(folder) if folder else []), *chosen_but_unlinked(desk)]
    first = [str(item["emailAddresses"][0]["address"]).lower() for item in chosen if item["emailAddresses"]]
    return sorted({email for email in first if first.count(email) > 1})


def leave_personal_alone(day: Day) -> Telling:
    """R5: personal contacts keep every byte, their changeKey and their photo, over all runs."""
    before = {desk.address: personal(desk) for desk in day.desks}
    count = sum(map(len, before.values()))
    photos = sum(picture is not None for items in before.values() for _, picture in items.values())
    told = f"{count} personal contacts, {photos} of them with a photo, are no one's business."
    for _ in range(3):
        yield told
        told = ""
    for desk in day.desks:
        after = personal(desk)
        for item_id, (item, picture) in before[desk.address].items():
            found, found_picture = after.get(item_id, (None, None))
            expect(f"the personal contact {name_of(item)} of {desk.address}", found, item)
            expect(f"the photo of {name_of(item)}", found_picture, picture)
    return f"All {count} are byte for byte what they were, changeKey included."


def categorise_with_photo(day: Day) -> Telling:
    """R6: where there is a photo, the original goes only in a later run that finds the copy whole."""
    desk = day.desk()
    person, body = day.newcomer()
    picture = photo(day.random)
    original = desk.mailbox.create({**body, "categories": [CATEGORY], "nickName": "Pixel"})
    desk.mailbox.put_photo(original, picture)
    yield f"{desk.address} marks {name_of(body)}, who has a photo, with the category in the default folder."
    record = desk.record_at(person["Email"])
    copy = desk.item_of(record["Id"])
    expect("the photo in the folder", desk.mailbox.photo(copy["id"]), picture)
    yield ""
    expect("the original in the default folder", _find(desk, DEFAULT_FOLDER, original), None)
    copy = desk.item_of(record["Id"])
    expect("the photo in the folder", desk.mailbox.photo(copy["id"]), picture)
    expect("the nickname, which Salesforce does not know", copy["nickName"], "Pixel")
    expect_equal(copy, desk.record(record["Id"]))
    return "Copied with photo and nickname; the original went in the second run, once the copy was found whole."


def share_a_contact(day: Day) -> Telling:
    """R13: one Contact in two mailboxes; an edit in one reaches Salesforce and the other."""
    first, second = day.random.sample([desk for desk in day.desks if desk.view == "mine"], 2)
    person, _ = day.newcomer()
    person.pop("Title", None)  # so that the edit to come meets an empty field
    record_id = first.salesforce.create(**person, OwnerId=first.user_id)
    body = graph_contact({key: person[key] for key in ("FirstName", "LastName", "Email")}, company="")
    second.mailbox.create({**body, "categories": [CATEGORY]})
    yield f"{first.address} owns {name_of(body)} in Salesforce; {second.address} marks the same person in Outlook."
    expect("Contacts with this e-mail", len(first.salesforce.contacts(f"Email = '{person['Email']}'")), 1)
    for desk in (first, second):
        desk.item_of(record_id)
    title = f"Partner for {day.word()}"
    second.mailbox.update(second.item_of(record_id)["id"], jobTitle=title)
    yield f"Nobody is created twice: both are linked to one Contact. {second.address} now sets the job title."
    expect("the title in Salesforce", first.record(record_id)["Title"], title)
    for desk in (first, second):
        expect(f"the job title in {desk.address}", desk.item_of(record_id)["jobTitle"], title)
        expect_equal(desk.item_of(record_id), desk.record(record_id))
    return f"{title!r} stands in Salesforce and in both mailboxes."


def _find(desk: Desk, folder: str, item_id: str) -> Json | None:
    return next((item for item in desk.mailbox.items(folder) if item["id"] == item_id), None)


OPENING: Final = (
    Story("Salesforce fills the folders", "R2", fill_from_salesforce),
    Story("Outlook fills Salesforce", "R6", fill_from_outlook),
    Story("Near-duplicates wait for a person", "R9", near_duplicates),
    Story("Personal contacts stay untouched", "R5", leave_personal_alone),
    Story("Categorised elsewhere, with a photo", "R6", categorise_with_photo),
    Story("One Contact, two mailboxes", "R13", share_a_contact),
)
