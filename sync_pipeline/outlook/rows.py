"""A contact as Graph shows it ⇄ a row of the mirror, and the bodies of writes: only what is named is changed.

Nothing here decides what is written; entries of lists and properties that are not named go back as they were read."""

from __future__ import annotations

import copy as copying
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sync_pipeline.model.fields import Field, Kind, normal
from sync_pipeline.model.operation import FieldChange
from sync_pipeline.outlook.properties import (
    ADDRESS_PARTS,
    ADDRESSES,
    CATEGORY,
    COPY_OF,
    EMAILS,
    EXTENDED,
    PROBLEM_CATEGORY,
    STAMP,
    WRITABLE,
    extended_value,
    has_category,
    same_property,
    stamp_text,
)

#: Outlook keeps a birthday as this time of day in UTC; the date is what counts (facts/graph.md A).
BIRTHDAY_TIME: Final = "T11:59:00Z"
_NO_BIRTHDAY: Final = "0001-01-01"


def row(item: Mapping[str, Any], fields: Iterable[Field], mailbox: str) -> dict[str, Any]:
    """The columns of outlook.contacts that an item tells, and the mapped fields; of a list field `<name>_list` only.

    Absent is None, null and empty are "" (or an empty list). The item was read with $expand, so that an extended
    property it does not show is empty; the answer to a write shows none. Not among the columns: place,
    lost_with_folder, seen_run.
    """
    found: dict[str, Any] = {
        "mailbox": mailbox,
        "id": item["id"],
        "folder_id": item.get("parentFolderId"),
        "change_key": item.get("changeKey"),
        "created_at": _time(item.get("createdDateTime")),
        "modified_at": _time(item.get("lastModifiedDateTime")),
        "display_name": _text(item, "displayName"),
        "categories": list(item["categories"] or ()) if "categories" in item else None,
        "categorised": has_category(item) if "categories" in item else None,
        "copy_of": extended_value(item, COPY_OF),
    }
    found["stamp_org"], _, found["stamp_contact"] = extended_value(item, STAMP).partition("/")
    for field in fields:
        if field.is_list:
            found[field.list_column] = _entries(item, field)
        elif not field.is_extended:
            found[field.name] = _value(item, field)
        else:
            found[field.name] = extended_value(item, field.outlook)
    return found


def patch(
    item: Mapping[str, Any],
    changes: Sequence[FieldChange],
    detail: Mapping[str, Any],
    fields: Iterable[Field],
    *,
    org_id: str = "",
) -> dict[str, Any]:
    """The PATCH body that makes these changes to an item just read, and what `detail` says of stamp and category.

    A list's entry is the one equal in form to the change's `before`; a cleared one is taken out, one that is not found
    is put first. displayName is always sent: Graph makes one up otherwise.
    detail["stamp"] == "" takes stamp and category off. `org_id` is needed for a stamp. Raises KeyError for a field
    that is not in the table.
    """
    table = {field.name: field for field in fields}
    body: dict[str, Any] = {"displayName": detail.get("display_name") or item.get("displayName") or ""}
    for change in changes:
        field = table[change.field]
        name = field.outlook
        if field.is_list:
            name = name.removesuffix("[]")
            entries = body[name] if name in body else copying.deepcopy(list(item.get(name) or ()))
            body[name] = _with_entry(field, entries, change.before or "", change.after)
        elif field.is_extended:
            _set_extended(body, name, change.after)
        elif "/" in name:
            name, part = name.split("/")
            # Graph may replace the whole address by what is sent, so all its parts are.
            address = body.get(name) or {key: (item.get(name) or {}).get(key) for key in ADDRESS_PARTS}
            body[name] = {**address, part: change.after or None}
        else:
            body[name] = _wire_value(field, change.after)
    _set_ours(body, item, detail, org_id)
    return body


def creation(
    values: Mapping[str, str], detail: Mapping[str, Any], fields: Iterable[Field], *, org_id: str = ""
) -> dict[str, Any]:
    """The POST body of a new contact with these values by field name; it wears the category, and the stamp if any.

    Its original is the Contact that the stamp names: so it is known, whatever happens to the warehouse, that it came
    from Salesforce.
    """
    changes = [FieldChange(name, "", value) for name, value in values.items() if value]
    name = " ".join(part for part in (values.get("first_name"), values.get("last_name")) if part)
    given = {"categorise": True, "display_name": name, **detail}
    body = patch({}, changes, given, fields, org_id=org_id)
    if detail.get("stamp"):
        _set_extended(body, COPY_OF, str(detail["stamp"]))
    for address in ADDRESSES:
        if address in body:
            body[address] = {part: text for part, text in body[address].items() if text}
    return body if body["displayName"] else {key: value for key, value in body.items() if key != "displayName"}


def copy(
    whole: Mapping[str, Any],
    changes: Sequence[FieldChange],
    detail: Mapping[str, Any],
    fields: Iterable[Field],
    *,
    org_id: str = "",
) -> dict[str, Any]:
    """The POST body of a copy of an item read whole: everything a client can write, the category, the stamp if any,
    and the original's id; with the changes made. What is empty is left out."""
    body = {name: copying.deepcopy(whole[name]) for name in WRITABLE if whole.get(name)}
    body[EXTENDED] = [
        {"id": entry["id"], "value": entry["value"]}
        for entry in whole.get(EXTENDED) or ()
        if entry.get("value") and not any(same_property(entry["id"], ours) for ours in (STAMP, COPY_OF))
    ]
    changed = patch(whole, changes, {"categorise": True, **detail}, fields, org_id=org_id)
    for entry in changed.pop(EXTENDED, ()):
        _set_extended(body, entry["id"], entry["value"])
    body.update(changed)
    _set_extended(body, COPY_OF, whole["id"])
    body[EXTENDED] = [entry for entry in body[EXTENDED] if entry["value"]]
    return {name: value for name, value in body.items() if value}


def differences(body: Mapping[str, Any], item: Mapping[str, Any]) -> list[str]:
    """The properties of a sent body that an item, read whole, does not hold as sent: what is missing from a copy.

    Blank and absent are one; of an e-mail entry the address counts (Graph may override the name), of a birthday the
    date, of a list of categories the set.
    """
    found = [
        name for name in body if name != EXTENDED and _comparable(name, body[name]) != _comparable(name, item.get(name))
    ]
    found += [entry["id"] for entry in body.get(EXTENDED, ()) if extended_value(item, entry["id"]) != entry["value"]]
    return found


def _text(item: Mapping[str, Any], name: str) -> str | None:
    return str(item[name] or "") if name in item else None


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _value(item: Mapping[str, Any], field: Field) -> str | None:
    name, _, part = field.outlook.partition("/")
    if name not in item:
        return None
    if part:
        return str((item[name] or {}).get(part) or "")
    if field.kind is Kind.DATE:
        return _date(item[name])
    return str(item[name] or "")


def _date(text: str | None) -> str:
    """The date; text that is none (a mapped plain property can hold any) stays as it is, for planning to judge."""
    try:
        moment = _time(text)
    except ValueError:
        return str(text)
    date = moment.date().isoformat() if moment else ""
    return "" if date == _NO_BIRTHDAY else date


def _entries(item: Mapping[str, Any], field: Field) -> list[str] | None:
    name = field.outlook.removesuffix("[]")
    if name not in item:
        return None
    return [text for entry in item[name] or () if (text := _entry_text(entry))]


def _entry_text(entry: Any) -> str:
    """An e-mail's address, where it has one, or a phone."""
    return str((entry.get("address") if isinstance(entry, Mapping) else entry) or "")


def _with_entry(field: Field, entries: list[Any], before: str, after: str) -> list[Any]:
    forms = [normal(field.kind, _entry_text(entry)) for entry in entries]
    place = forms.index(normal(field.kind, before)) if before and normal(field.kind, before) in forms else None
    if not after:
        return [entry for number, entry in enumerate(entries) if number != place]
    if place is None:
        is_there = normal(field.kind, after) in forms
        return entries if is_there else [_new_entry(field, after), *entries]
    old = entries[place]
    if isinstance(old, Mapping):
        is_named_after_it = normal(field.kind, str(old.get("name") or "")) in ("", forms[place])
        entries[place] = {**old, "address": after, **({"name": after} if is_named_after_it else {})}
    else:
        entries[place] = after
    return entries


def _new_entry(field: Field, value: str) -> Any:
    return {"address": value, "name": value} if field.outlook.removesuffix("[]") == EMAILS else value


def _wire_value(field: Field, value: str) -> str | None:
    if not value:
        return None
    return f"{value[:10]}{BIRTHDAY_TIME}" if field.kind is Kind.DATE else value


def _set_extended(body: dict[str, Any], property_id: str, value: str) -> None:
    kept = [entry for entry in body.get(EXTENDED, ()) if not same_property(entry["id"], property_id)]
    body[EXTENDED] = [*kept, {"id": property_id, "value": value}]


def _set_ours(body: dict[str, Any], item: Mapping[str, Any], detail: Mapping[str, Any], org_id: str) -> None:
    stamp = detail.get("stamp")
    if stamp is not None and (stamp or item):
        _set_extended(body, STAMP, stamp_text(org_id, stamp))
    categories = [str(entry) for entry in item.get("categories") or ()]
    synchronised = detail.get("categorise", False if stamp == "" and item else None)
    kept = list(categories)
    for name, wanted in ((CATEGORY, synchronised), (PROBLEM_CATEGORY, detail.get("problem"))):
        if wanted is not None:
            kept = [entry for entry in kept if entry.casefold() != name.casefold() or wanted]
            kept += [name] if wanted and not has_category({"categories": kept}, name) else []
    if kept != categories:
        body["categories"] = kept


def _comparable(name: str, value: Any) -> Any:
    if name == "birthday":
        return _date(value)
    if name == EMAILS:
        return [_entry_text(entry) for entry in value or ()]
    if name == "categories":
        return {str(entry).casefold() for entry in value or ()}
    if name in ADDRESSES:
        return {part: text for part, text in (value or {}).items() if text and part in ADDRESS_PARTS}
    return value or None
