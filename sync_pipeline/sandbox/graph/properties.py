"""A contact's properties: types, the checks on what a client sends, what the server derives, the full wire form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sync_pipeline.sandbox.graph.errors import InvalidArgument, RequestBodyRead
from sync_pipeline.sandbox.graph.switches import SWITCHES
from sync_pipeline.sandbox.state import Json

STRINGS: Final = frozenset(
    [
        "assistantName",
        "businessHomePage",
        "companyName",
        "department",
        "displayName",
        "fileAs",
        "generation",
        "givenName",
        "initials",
        "jobTitle",
        "manager",
        "middleName",
        "mobilePhone",
        "nickName",
        "officeLocation",
        "personalNotes",
        "profession",
        "spouseName",
        "surname",
        "title",
        "yomiCompanyName",
        "yomiGivenName",
        "yomiSurname",
    ]
)
STRING_LISTS: Final = frozenset({"businessPhones", "homePhones", "imAddresses", "children", "categories"})
ADDRESSES: Final = frozenset({"businessAddress", "homeAddress", "otherAddress"})
ADDRESS_PARTS: Final = ("street", "city", "state", "countryOrRegion", "postalCode")
# Read-only in practice: accepted in a body and ignored. The three e-mail properties echo emailAddresses[0..2].
ECHOES: Final = ("primaryEmailAddress", "secondaryEmailAddress", "tertiaryEmailAddress")
MOMENTS: Final = frozenset({"createdDateTime", "lastModifiedDateTime"})
IGNORED: Final = frozenset({"id", "changeKey", "parentFolderId", *MOMENTS, *ECHOES})
WRITABLE: Final = STRINGS | STRING_LISTS | ADDRESSES | {"birthday", "emailAddresses"}
SELECTABLE: Final = WRITABLE | IGNORED
EXTENDED: Final = "singleValueExtendedProperties"
DEFAULTS: Final[Mapping[str, Any]] = {name: switch.default for name, switch in SWITCHES.items()}
NAME_PARTS: Final = ("givenName", "middleName", "surname", "generation")
BIRTHDAY_TIME: Final = "T11:59:00Z"  # Outlook's noon-ish time of day; the UTC date is what counts

_EMPTY: Final[Json] = {
    **{name: None for name in sorted(STRINGS | {"birthday"})},
    **{name: [] for name in sorted(STRING_LISTS | {"emailAddresses"})},
    **{name: {} for name in sorted(ADDRESSES)},
}


def check(body: Mapping[str, Any], switches: Mapping[str, Any] = DEFAULTS) -> Json:
    """What a POST or PATCH body sets, by property, checked and in stored form. None, [] and {} clear.

    Annotations (@odata.…) and read-only properties are ignored, as is the extended part. Raises GraphError."""
    values: Json = {}
    for name, value in body.items():
        if name == EXTENDED or "@odata." in name:
            continue
        if name in IGNORED:
            _check_ignored(name, value)
            continue
        if name in STRINGS:
            values[name] = _string(name, value)
        elif name in STRING_LISTS:
            values[name] = [_string(name, entry, required=True) for entry in _list(name, value)]
        elif name in ADDRESSES:
            values[name] = _address(name, value)
        elif name == "emailAddresses":
            values[name] = [_email(entry) for entry in _list(name, value)]
        elif name == "birthday":
            values[name] = _birthday(value)
        else:
            raise RequestBodyRead(
                f"The property '{name}' does not exist on type 'microsoft.graph.contact'."
                " Make sure to only use property names that are defined by the type."
            )
    limits = {
        "businessPhones": 2,
        "homePhones": switches["home_phones_limit"],
        "imAddresses": switches["im_addresses_limit"],
        "emailAddresses": 3,
    }
    for name, limit in limits.items():
        if limit and len(values.get(name) or ()) > limit:
            raise InvalidArgument(
                f"The multi value property {name[0].upper()}{name[1:]} has {len(values[name])} entries,"
                f" that exceeds the max allowed value of {limit}"
            )
    if switches["long_strings"] != "kept":
        _limit_length(values, switches["string_length_limit"], truncate=switches["long_strings"] == "truncated")
    return values


def _limit_length(values: Json, limit: int, *, truncate: bool) -> None:
    for name in STRINGS & set(values) - {"personalNotes"}:
        if len(values[name] or "") > limit:
            if not truncate:
                raise InvalidArgument(f"The length of the property '{name}' exceeds the maximum of {limit} characters.")
            values[name] = values[name][:limit]


def created(values: Json, rule: str = "last_first") -> Json:
    """The stored properties of a new contact: displayName and fileAs are made where they were left out."""
    stored = _without_empty(values)
    if not stored.get("displayName"):
        stored["displayName"] = display_name(stored)
    if not stored.get("fileAs"):
        stored["fileAs"] = file_as(stored, rule) or None
    return _without_empty(stored)


def updated(stored: Json, values: Json, *, merge_addresses: bool, rule: str = "last_first") -> Json:
    """The stored properties after a PATCH of `values`: lists are replaced, null clears, a changed name makes a new
    displayName unless the PATCH gives one (and a new fileAs unless someone chose it)."""
    after = dict(stored)
    for name, value in values.items():
        keep = after.get(name, {}) if name in ADDRESSES and merge_addresses and value else {}
        after[name] = {**keep, **value} if name in ADDRESSES else value
    if any((after.get(part) or "") != (stored.get(part) or "") for part in NAME_PARTS):
        if "displayName" not in values:
            after["displayName"] = display_name(after)
        if "fileAs" not in values and stored.get("fileAs") == file_as(stored, rule):
            after["fileAs"] = file_as(after, rule)
    return _without_empty(after)


def wire(stored: Json) -> Json:
    """Every property with its value: null for strings, [] for lists, {} for addresses where nothing is stored."""
    full = {**_EMPTY, **stored}
    emails = full["emailAddresses"]
    for place, echo in enumerate(ECHOES):
        full[echo] = emails[place] if len(emails) > place else None
    return full


def display_name(stored: Mapping[str, Any]) -> str:
    """ "Garth Quentin Fort Jr.": what the server calls a contact that nobody named."""
    name = " ".join(stored[part] for part in NAME_PARTS if stored.get(part))
    emails = stored.get("emailAddresses") or [{}]
    return name or stored.get("companyName") or emails[0].get("address") or ""


def file_as(stored: Mapping[str, Any], rule: str = "last_first") -> str:
    """ "Fort, Garth": the sample's form. The real rule is not known: switch file_as_rule."""
    if rule == "empty":
        return ""
    first = " ".join(stored[part] for part in ("givenName", "middleName") if stored.get(part))
    if rule == "first_last":
        return " ".join(part for part in (first, stored.get("surname")) if part) or stored.get("companyName") or ""
    return ", ".join(part for part in (stored.get("surname"), first) if part) or stored.get("companyName") or ""


def _without_empty(values: Json) -> Json:
    kept: Json = {}
    for name, value in values.items():
        if name in ADDRESSES:
            value = {part: text for part, text in value.items() if text is not None}
        if value is not None and value not in ([], {}):
            kept[name] = value
    return kept


def _wrong_type(name: str, value: Any, expected: str) -> RequestBodyRead:
    return RequestBodyRead(
        f"Cannot convert the value {value!r} of property '{name}' to the expected type '{expected}'."
    )


def _string(name: str, value: Any, *, required: bool = False) -> str | None:
    if (value is None and not required) or isinstance(value, str):
        return value
    raise _wrong_type(name, value, "Edm.String")


def _list(name: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise _wrong_type(name, value, "Collection")


def _address(name: str, value: Any) -> Json:
    if value is None or value == {}:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type(name, value, "microsoft.graph.physicalAddress")
    parts = {key: text for key, text in value.items() if "@odata." not in key}
    for key in parts:
        if key not in ADDRESS_PARTS:
            raise RequestBodyRead(f"The property '{key}' does not exist on type 'microsoft.graph.physicalAddress'.")
    return {key: _string(f"{name}/{key}", text) for key, text in parts.items()}


def _email(entry: Any) -> Json:
    if not isinstance(entry, dict):
        raise _wrong_type("emailAddresses", entry, "microsoft.graph.emailAddress")
    for key in entry:
        if key not in ("name", "address") and "@odata." not in key:
            raise RequestBodyRead(f"The property '{key}' does not exist on type 'microsoft.graph.emailAddress'.")
    address = _string("emailAddresses/address", entry.get("address"))
    name = _string("emailAddresses/name", entry.get("name"))
    given = {"name": name or address, "address": address}
    return {key: text for key, text in given.items() if text is not None}


def _check_ignored(name: str, value: Any) -> None:
    """What is not written must still be of its type: the body is read before it is judged."""
    if name in ECHOES:
        if value is not None:
            _email(value)
    elif name in MOMENTS:
        try:
            datetime.fromisoformat(value)
        except (ValueError, TypeError):
            if value is not None:
                raise _wrong_type(name, value, "Edm.DateTimeOffset") from None
    else:
        _string(name, value)


def _birthday(value: Any) -> str | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise _wrong_type("birthday", value, "Edm.DateTimeOffset") from None
    utc = moment.astimezone(UTC) if moment.tzinfo else moment
    return f"{utc.date().isoformat()}{BIRTHDAY_TIME}"
