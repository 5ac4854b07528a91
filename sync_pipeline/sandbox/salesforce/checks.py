"""Checks what a client sends for a field, and turns it into what is stored or into Salesforce's error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from math import isfinite
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import ID_TYPES, NUMBER_TYPES, FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import ParseError, RowError
from sync_pipeline.sandbox.salesforce.ids import full_id
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.state import Json

_BLANKS: Final = "".join(map(chr, range(33)))  # what is taken off both ends of a text
_EMAIL: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_AT_SIGN: Final = re.compile(r"[^@\s]+@[^@\s]+")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")


def read_body(target: ObjectDef, body: Any, *, creating: bool, loose_email: bool = False) -> Json:
    """A record's JSON as stored values by field name. Raises ParseError or RowError."""
    if not isinstance(body, Mapping):
        raise ParseError("The HTTP entity body must be an object at [line:1, column:1]")
    changes: Json = {}
    refused: list[str] = []
    for name, value in body.items():
        if name == "attributes":
            continue
        one = target.field(name)
        if one is None:
            raise ParseError.unknown_field(name, target.name)
        if not (one.createable if creating else one.updateable):
            refused.append(one.name)
            continue
        changes[one.name] = stored_value(one, value, loose_email=loose_email)
    if refused:
        raise not_writable(refused)
    return changes


def not_writable(names: list[str]) -> RowError:
    """A field that describe says cannot be written, or that this user may not write."""
    message = (
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this field and"
        " verify that it is read/write for your profile or permission set."
    )
    return RowError("INVALID_FIELD_FOR_INSERT_UPDATE", message, names)


def stored_value(one: FieldDef, value: Any, *, loose_email: bool = False) -> Any:
    """The value as the column holds it; empty texts are None. Raises ParseError or RowError."""
    if one.type == "boolean":
        return _boolean(value)
    if value is None:
        return None
    if one.type == "date":
        return _date(value)
    if one.type == "datetime":
        return _datetime(value)
    if one.type in NUMBER_TYPES:
        return _number(one, value)
    if not isinstance(value, str):
        raise ParseError.value("string", value)
    text = value.strip(_BLANKS)
    if not text:
        return None
    if one.type in ID_TYPES:
        return _id(one, text)
    return _text(one, text, _AT_SIGN if loose_email else _EMAIL)


def _text(one: FieldDef, text: str, email: re.Pattern[str]) -> str:
    if one.length and len(text) > one.length:
        message = f"{one.label}: data value too large: {text} (max length={one.length})"
        raise RowError("STRING_TOO_LONG", message, [one.name])
    if one.type == "email" and not email.fullmatch(text):
        raise RowError("INVALID_EMAIL_ADDRESS", f"{one.label}: invalid email address: {text}", [one.name])
    if one.restrictedPicklist and text not in one.picklistValues:
        message = f"{one.label}: bad value for restricted picklist field: {text}"
        raise RowError("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, [one.name])
    return text


def _id(one: FieldDef, text: str) -> str:
    found = full_id(text)
    if found is None:
        raise RowError("MALFORMED_ID", f"{one.label}: id value of incorrect type: {text}", [one.name])
    return found


def _boolean(value: Any) -> int:
    if value in (True, False, None, "true", "false"):
        return int(value in (True, "true"))
    raise ParseError.value("boolean", value)


def _number(one: FieldDef, value: Any) -> float | int:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ParseError.value(one.type, value) from None
    fits = isfinite(number) and (one.type != "int" or (number == int(number) and abs(number) < 2**31))
    if isinstance(value, bool) or not fits:
        raise ParseError.value(one.type, value)
    return int(number) if one.type == "int" else number


def _date(value: Any) -> str:
    try:
        if not isinstance(value, str) or not _DATE.fullmatch(value):
            raise ValueError(value)
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ParseError.value("date", value) from None


def _datetime(value: Any) -> str:
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError(value)
        return stamp(moment)
    except (TypeError, ValueError, OverflowError):
        raise ParseError.value("datetime", value) from None
