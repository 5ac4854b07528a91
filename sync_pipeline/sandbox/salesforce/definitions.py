"""Objects and fields that the control plane adds to the org, or changes, by JSON descriptions in describe's words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import (
    CUSTOM,
    LONGEST_FILTERABLE,
    FieldDef,
    ObjectDef,
    description_of,
    make_field,
    raw_description,
)
from sync_pipeline.sandbox.salesforce.ids import custom_prefix
from sync_pipeline.sandbox.salesforce.models import ADMINISTRATOR_ACTOR, Org
from sync_pipeline.sandbox.salesforce.storage import add_column, create_table
from sync_pipeline.sandbox.state import Json

Body = Mapping[str, Any]
_API_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_KEY_PREFIX: Final = re.compile(r"[A-Za-z0-9]{3}")
_FIELD_KEYS: Final = tuple(one.name for one in dataclass_fields(FieldDef))
_SHORT: Final = (*_FIELD_KEYS, "required")


def add_object(org: Org, body: Body) -> Json:
    """{object, label, labelPlural, keyPrefix, fields}: a custom object, with Name, OwnerId and the audit fields."""
    keys(body, needed=("object",), allowed=("label", "labelPlural", "keyPrefix", "fields"))
    name = body["object"]
    if not isinstance(name, str) or not _API_NAME.fullmatch(name) or not name.endswith("__c"):
        raise ValueError(f"a new object's name has letters, digits, underscores and ends with __c, got {name!r}")
    if org.catalogue.object(name) is not None:
        raise ValueError(f"there is an object {name!r} already; its fields are changed with salesforce/fields")
    label = body.get("label", _label(name))
    raw = raw_description(CUSTOM) | {"name": name, "label": label, "labelPlural": body.get("labelPlural", f"{label}s")}
    raw["keyPrefix"] = body.get("keyPrefix") or _free_prefix(org)
    for key in ("label", "labelPlural", "keyPrefix"):
        if not isinstance(raw[key], str):
            raise ValueError(f"{key} is a text, got {raw[key]!r}")
    if not _KEY_PREFIX.fullmatch(raw["keyPrefix"]) or org.catalogue.of_id(raw["keyPrefix"]) is not None:
        raise ValueError(f"keyPrefix is three letters or digits that no other object has, got {raw['keyPrefix']!r}")
    raw["fields"] = _fields(org, raw, body.get("fields", []))
    org.state.db.execute("INSERT INTO sf_objects VALUES (?, ?)", (name, json.dumps(raw, ensure_ascii=False)))
    create_table(org.state, raw)
    _log(org, "Object", name, None, raw)
    return raw


def _fields(org: Org, raw: Json, listed: Any) -> list[Json]:
    """The fields that every custom object has, as the listed ones change them, and then the others."""
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed
    ):
        raise ValueError("fields is a list of objects, each with a name")
    described: dict[str, Json] = {one["name"]: one for one in raw["fields"]}
    standard = frozenset(described)
    for one in listed:
        keys(one, needed=("name",), allowed=_SHORT)
        name = one["name"]
        if name not in standard and name.lower() in (each.lower() for each in described):
            raise ValueError(f"the field {name!r} stands twice")
        definition = _definition(one)
        described[name] = described[name] | definition if name in standard else _custom(name, definition)
        _checked(org, described[name], also=raw["name"])
    return list(described.values())


def _free_prefix(org: Org) -> str:
    while True:
        prefix = custom_prefix(org.state.counter("salesforce.object"))
        if org.catalogue.of_id(prefix) is None:
            return prefix


def change_field(org: Org, body: Body) -> Json:
    """Adds a field, or changes one. `required` is short for not nillable; `hidden` takes it away from everyone."""
    keys(body, needed=("object", "name"), allowed=_SHORT)
    target = known_object(org, body)
    name = str(body["name"])
    described = description_of(org.state, target.name)["fields"]
    old = next((one for one in described if one["name"] == name), None)
    definition = _definition(body)
    earlier = org.state.db.execute(
        "SELECT definition FROM sf_fields WHERE object = ? AND name = ?", (target.name, name)
    ).fetchone()
    if earlier is not None:
        definition = {**json.loads(earlier["definition"]), **definition}
    elif old is None:
        there = org.state.db.execute("SELECT name FROM sf_fields WHERE object = ?", (target.name,)).fetchall()
        named = [row["name"] for row in there] + [one["name"] for one in described]
        if name.lower() in (each.lower() for each in named):
            raise ValueError(f"{target.name} has a field of that name in another case")
        definition = _custom(name, definition)
    one = _checked(org, {**(old or {}), **definition})
    org.state.db.execute(
        "INSERT INTO sf_fields VALUES (?, ?, ?)"
        " ON CONFLICT (object, name) DO UPDATE SET definition = excluded.definition",
        (target.name, name, json.dumps(definition, ensure_ascii=False)),
    )
    add_column(org.state, target.name, one)
    before = None if earlier is None else json.loads(earlier["definition"])
    _log(org, "Field", f"{target.name}.{name}", before, definition)
    return {"object": target.name, **definition}


def _checked(org: Org, description: Json, *, also: str = "") -> FieldDef:
    """A field that nothing stumbles over later; `also` is an object that is about to be. Raises ValueError."""
    kinds: dict[str, type] = {"length": int, "name": str, "label": str, "referenceTo": list, "picklistValues": list}
    texts = ("type", "compoundFieldName", "relationshipName", "extraTypeInfo", "switch")
    for key, value in description.items():
        expected = kinds.get(key, str | None if key in texts else bool)
        if key != "defaultValue" and (not isinstance(value, expected) or (key == "length" and type(value) is bool)):
            raise ValueError(f"{key} of a field is a {getattr(expected, '__name__', 'text')}, got {value!r}")
    if not _API_NAME.fullmatch(description["name"]):
        raise ValueError(f"a field's name has letters, digits and underscores, got {description['name']!r}")
    if not isinstance(description.get("defaultValue"), str | int | float | None):
        raise ValueError(f"defaultValue is a plain value, got {description['defaultValue']!r}")
    parents = list(description.get("referenceTo", ()))
    unknown = [
        each for each in parents if each != also and (not isinstance(each, str) or org.catalogue.object(each) is None)
    ]
    if unknown or (description["type"] == "reference") != bool(parents):
        raise ValueError(f"a reference, and nothing else, names the objects it refers to, got {parents!r}")
    if not all(isinstance(each, str) for each in description.get("picklistValues", ())):
        raise ValueError(f"picklistValues is a list of texts, got {description['picklistValues']!r}")
    if description.get("switch") not in (None, *org.state.switches):
        raise ValueError(f"there is no switch {description['switch']!r}")
    return make_field(description)


def _custom(name: str, definition: Json) -> Json:
    if not name.endswith("__c"):
        raise ValueError(f"a new field's name ends with __c, got {name!r}")
    kind = definition.setdefault("type", "string")
    length = definition.setdefault("length", 255 if kind in ("string", "textarea", "picklist", "url") else 0)
    if kind == "textarea" and length > LONGEST_FILTERABLE:
        definition |= {"filterable": False, "sortable": False}
    if kind == "reference":
        definition.setdefault("relationshipName", name.removesuffix("__c") + "__r")
        definition["length"] = 18
    return {"label": _label(name), **definition, "custom": True}


def _definition(given: Body) -> Json:
    definition = {key: value for key, value in given.items() if key not in ("object", "required")}
    if "required" in given:
        definition["nillable"] = not given["required"]
    return definition


def _label(name: str) -> str:
    return name.removesuffix("__c").replace("_", " ")


def _log(org: Org, entity: str, name: str, before: Json | None, after: Json) -> None:
    org.state.record(
        service="salesforce", actor=ADMINISTRATOR_ACTOR, mailbox=None, entity=entity, id=name,
        action="create" if before is None else "update", before=before, after=after,
    )  # fmt: skip


def known_object(org: Org, body: Body) -> ObjectDef:
    """The object that a body names. Raises ValueError."""
    target = org.catalogue.object(str(body["object"]))
    if target is None:
        raise ValueError(f"unknown object {body['object']!r}; known: {', '.join(org.catalogue.objects)}")
    return target


def keys(body: Body, *, needed: tuple[str, ...] = (), allowed: tuple[str, ...] = ()) -> None:
    """Raises ValueError for a body with a key that is not known, or without one that is needed."""
    known = (*needed, *allowed)
    unknown = sorted(set(body) - set(known))
    missing = [key for key in needed if key not in body]
    if unknown or missing:
        what = f"unknown key {unknown[0]!r}" if unknown else f"{missing[0]} is needed"
        raise ValueError(f"{what}; known: {', '.join(known)}")
