"""One contact's state as sentences: where it is, what links it, what keeps it back, what the last plan does with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Rows = Sequence[Mapping[str, Any]]

_PLACES = {
    "folder": "it lies in the folder",
    "elsewhere": "it lies in another folder",
    "deleted": "it lies in Deleted Items",
    "gone": "it is gone",
}
_CLOSED = {
    "unlinked": "it was moved out of the folder, so it is personal again; dragged in or categorised it comes back",
    "deleted_in_salesforce": "the Contact was deleted in Salesforce",
    "deleted_in_outlook": "it was deleted in Outlook",
    "left_view": "the Contact left the mailbox's view",
    "merged": "the Contact was merged in Salesforce",
    "by_hand": "someone unlinked it by hand",
    "undone": "the creation was taken back by an undo; it stays unlinked until it is linked by hand",
    "disabled": "the mailbox was switched off",
    "mailbox_removed": "the mailbox was taken out",
}

_VIEWS = {"mine": "the Contacts of its own Salesforce user", "all": "all Contacts", "list": "its list view"}

#: How a hold is answered, by its kind; that of a conflict says it itself.
_ANSWERS = {
    "conflict": "",
    "duplicate": " `sync-pipeline link MAILBOX OUTLOOK_ID SALESFORCE_ID` links two that are one person, "
    "`sync-pipeline approve {operation_id}` makes another one.",
    "any": " `sync-pipeline approve {operation_id}` does it, `sync-pipeline drop {operation_id}` leaves it.",
}


def sentences(contact: Mapping[str, Any], story: Mapping[str, Rows], recent: Rows) -> list[str]:
    """What the warehouse knows of the contact, the decisive things first. `story` is Reader.story's."""
    lines = [_verdict(story), *_outlook(contact, story), *_salesforce(contact, story), *_link(story)]
    for hold in story["holds"]:
        lines.append(
            f"On hold since {hold['since']:%Y-%m-%d %H:%M} as {hold['kind']} ({hold['operation_id']}): {hold['reason']}"
            + _ANSWERS.get(hold["kind"], _ANSWERS["any"]).format(**hold)
        )
    for problem in story["problems"]:
        where = f" in {problem['field']}" if problem["field"] else ""
        lines.append(f"Problem{where} ({problem['code']}): {problem['message']} {problem['remedy'] or ''}".rstrip())
    for frozen in story["frozen"]:
        lines.append(f"The field {frozen['field']} was rewritten by {frozen['side']} {frozen['rewrites']} times.")
    for erasure in story["erased"]:
        lines.append(f"What was known of it before {erasure['erased_at']:%Y-%m-%d %H:%M} was erased on request.")
    pushed = {event["operation_id"] for event in recent}
    for operation in story["plan"]:
        if operation["operation_id"] in pushed:
            continue
        lines.append(
            f"Last plan: {operation['action']} in {operation['side'].capitalize()}, {operation['state']}, "
            f"by {operation['rule']}: {operation['reason']}"
        )
    for conflict in story["conflicts"]:
        waits = conflict["winner"] == "hold"
        end = "It waits for an answer." if waits else f"The value of {conflict['winner']} stays."
        lines.append(f"Conflict in {conflict['field']}: {conflict['reason']} {end}")
    if recent:
        lines.append("Last events:")
        lines += [f"  {_recent(event)}" for event in recent]
    return lines


def _verdict(story: Mapping[str, Rows]) -> str:
    """Whether it is synchronised, before all that follows."""
    if any(link["state"] == "linked" for link in story["links"]):
        if story["holds"]:
            return "It is synchronised; what is on hold waits for a person."
        if story["problems"]:
            return "It is synchronised, save for what has a problem."
        return "It is synchronised."
    if story["holds"]:
        return "It is not synchronised: it waits for a person."
    if story["problems"]:
        return "It is not synchronised: it has a problem."
    if story["links"]:
        return "It is not synchronised any more."
    return "It is not synchronised: nothing links it, and nothing waits."


def _outlook(contact: Mapping[str, Any], story: Mapping[str, Rows]) -> Iterator[str]:
    if not story["item"]:
        if not contact["outlook_id"]:
            yield (
                "Outlook: no mailbox holds it." if not contact["mailbox"] else "Outlook: the mailbox does not hold it."
            )
        else:
            yield f"Outlook: {contact['outlook_id']} is not in the mirror any more."
        return
    for item in story["item"]:
        category = "with the category" if item["categorised"] else "without the category"
        yield f"Outlook ({item['mailbox']}): {_PLACES.get(item['place'], item['place'])}, {category}. Id {item['id']}"


def _salesforce(contact: Mapping[str, Any], story: Mapping[str, Rows]) -> Iterator[str]:
    if not story["contact"]:
        yield (
            "Salesforce: no Contact belongs to it."
            if not contact["salesforce_id"]
            else "Salesforce: the Contact is not mirrored."
        )
        return
    for row in story["contact"]:
        if row["is_deleted"]:
            merged = f", merged into {row['master_id']}" if row["master_id"] else ""
            yield f"Salesforce: the Contact was deleted{merged}. Id {row['id']}"
        elif row["is_readable"] is False:
            yield f"Salesforce: the credential can no longer read the Contact. Id {row['id']}"
        else:
            views = ", ".join(sorted({view["label"] for view in story["views"] if view["label"]}))
            yield f"Salesforce: the Contact is there{f', in the views {views}' if views else ''}. Id {row['id']}"
        if contact["mailbox"] and not any(link["state"] == "linked" for link in story["links"]):
            for sight in story["sight"]:
                shown = "shows it" if sight["is_seen"] else "does not show it"
                view = _VIEWS.get(sight["view_kind"], sight["view_kind"])
                yield f"The view of {contact['mailbox']}, {view}, {shown}."
        if row["is_person_account"]:
            yield "It belongs to a Person Account, so it travels from Salesforce to Outlook only."


def _link(story: Mapping[str, Rows]) -> Iterator[str]:
    if not story["links"]:
        yield "It was never linked."
    for link in story["links"]:
        origin = {"salesforce": "came from Salesforce", "outlook": "came from Outlook", "matched": "was on both sides"}
        if link["state"] == "linked":
            how = origin.get(link["origin"], link["origin"])
            account = f" Account by the rule {link['account_rule']}." if link["account_rule"] else ""
            yield f"Linked in {link['mailbox']} since {link['created_at']:%Y-%m-%d %H:%M}; it {how}.{account}"
        else:
            reason = _CLOSED.get(link["closed_reason"], link["closed_reason"])
            yield f"Its link in {link['mailbox']} was closed on {link['closed_at']:%Y-%m-%d %H:%M}: {reason}."


def _recent(event: Mapping[str, Any]) -> str:
    """One event of the history in a line."""
    side = f" in {event['side'].capitalize()}" if event["side"] else ""
    why = f": {event['reason']}" if event["reason"] else ""
    return f"{event['happened_at']:%Y-%m-%d %H:%M} {event['action']}{side}, {event['outcome']}{why}"
