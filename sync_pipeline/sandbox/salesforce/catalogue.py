"""What objects and fields the org has: the JSON descriptions, the org's switches, the control plane's changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.switches import FIELD_SWITCHES
from sync_pipeline.sandbox.state import State

OBJECTS: Final = ("Account", "Contact", "Lead", "ListView", "Organization", "User")
TEXT_TYPES: Final = frozenset({"string", "textarea", "phone", "email", "url", "picklist"})
NUMBER_TYPES: Final = frozenset({"int", "double", "currency", "percent"})
ID_TYPES: Final = frozenset({"id", "reference"})
FIELD_TYPES: Final = TEXT_TYPES | NUMBER_TYPES | ID_TYPES | {"boolean", "date", "datetime", "address"}
LONGEST_FILTERABLE: Final = 255
CUSTOM: Final = "Custom"  # the description that every custom object begins with


@dataclass(frozen=True)
class FieldDef:
    """One field, with the properties of Salesforce's describe that this stand-in acts on. Names are describe's own."""

    name: str
    label: str
    type: str
    length: int = 0
    nillable: bool = True
    createable: bool = True
    updateable: bool = True
    filterable: bool = True
    sortable: bool = True
    defaultedOnCreate: bool = False
    idLookup: bool = False
    externalId: bool = False
    unique: bool = False
    caseSensitive: bool = False
    restrictedPicklist: bool = False
    nameField: bool = False
    custom: bool = False
    compoundFieldName: str | None = None
    relationshipName: str | None = None
    referenceTo: tuple[str, ...] = ()
    picklistValues: tuple[str, ...] = ()
    extraTypeInfo: str | None = None
    defaultValue: Any = None
    ignoresYear: bool = False  # filters on Birthdate compare month and day only
    hidden: bool = False  # field-level security: as if the field were not there
    switch: str | None = None  # the field is there only while this switch is on

    @property
    def is_text(self) -> bool:
        return self.type in TEXT_TYPES

    @property
    def is_required(self) -> bool:
        """Whether a create must give a value."""
        return self.createable and not self.nillable and not self.defaultedOnCreate and self.type != "boolean"


@dataclass(frozen=True)
class ObjectDef:
    """One object as the org shows it now: `fields` by API name, in describe's order, hidden ones left out."""

    name: str
    label: str
    labelPlural: str
    keyPrefix: str
    createable: bool
    updateable: bool
    deletable: bool
    undeletable: bool
    mergeable: bool
    replicateable: bool
    scopes: Mapping[str, str]
    fields: Mapping[str, FieldDef]
    _by_lower: dict[str, FieldDef] = field(init=False, repr=False, compare=False, default_factory=dict)
    _relationships: dict[str, FieldDef] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._by_lower.update({name.lower(): one for name, one in self.fields.items()})
        named = {one.relationshipName.lower(): one for one in self.fields.values() if one.relationshipName}
        self._relationships.update(named)

    @property
    def table(self) -> str:
        return f'"sf_{self.name}"'

    def field(self, name: str) -> FieldDef | None:
        """A field by its name in any case."""
        return self._by_lower.get(name.lower())

    def relationship(self, name: str) -> FieldDef | None:
        """The reference field behind a relationship, e.g. AccountId for Account."""
        return self._relationships.get(name.lower())

    @property
    def is_custom(self) -> bool:
        return self.name.endswith("__c")

    @property
    def has_owner(self) -> bool:
        return "OwnerId" in self.fields

    def stored(self) -> list[FieldDef]:
        """The fields with a column of their own (compound addresses have none)."""
        return [one for one in self.fields.values() if one.type != "address"]

    def address_parts(self, compound: FieldDef) -> dict[str, str]:
        """JSON key of a compound address -> its field's name, e.g. postalCode -> MailingPostalCode."""
        prefix = compound.name.removesuffix("Address")
        parts = ("street", "city", "state", "postalCode", "country")
        named = {part: f"{prefix}{part[0].upper()}{part[1:]}" for part in parts}
        return {part: name for part, name in named.items() if name in self.fields}


@dataclass(frozen=True)
class Catalogue:
    objects: Mapping[str, ObjectDef]

    def object(self, name: str) -> ObjectDef | None:
        return self.objects.get(name.lower())

    def of_id(self, record_id: str) -> ObjectDef | None:
        """The object an id belongs to by its first three characters."""
        return next((one for one in self.objects.values() if one.keyPrefix == record_id[:3]), None)


def raw_description(name: str) -> dict[str, Any]:
    """One of the package's JSON files, switches and changes not applied."""
    text = (files(__package__) / "objects" / f"{name}.json").read_text(encoding="utf-8")
    description: dict[str, Any] = json.loads(text)
    return description


def description_of(state: State, name: str) -> dict[str, Any]:
    """The description that an object of the org was made from, a standard or a custom one."""
    row = state.db.execute("SELECT definition FROM sf_objects WHERE name = ?", (name,)).fetchone()
    return raw_description(name) if row is None else dict(json.loads(row["definition"]))


def catalogue(state: State) -> Catalogue:
    """The org's objects at this moment."""
    own = tuple(row["definition"] for row in state.db.execute("SELECT definition FROM sf_objects ORDER BY rowid"))
    changes = state.db.execute("SELECT object, name, definition FROM sf_fields ORDER BY rowid").fetchall()
    on = frozenset(name for name in FIELD_SWITCHES if state.switches[name])
    return _build(own, tuple(tuple(row) for row in changes), on)


@lru_cache(maxsize=64)
def _build(own: tuple[str, ...], changes: tuple[tuple[str, ...], ...], on: frozenset[str]) -> Catalogue:
    objects: dict[str, ObjectDef] = {}
    for raw in (*map(raw_description, OBJECTS), *map(json.loads, own)):
        name = raw["name"]
        described: dict[str, dict[str, Any]] = {one["name"]: one for one in raw.pop("fields")}
        for changed_object, field_name, definition in changes:
            if changed_object == name:
                described[field_name] = {**described.get(field_name, {}), **json.loads(definition)}
        all_fields = (make_field(one) for one in described.values())
        shown = {one.name: one for one in all_fields if not one.hidden and (one.switch is None or one.switch in on)}
        objects[name.lower()] = ObjectDef(**raw, fields=shown)
    return Catalogue(objects)


def make_field(description: Mapping[str, Any]) -> FieldDef:
    """A FieldDef from describe's properties. Raises ValueError on a property or a type that is not known."""
    known = {one.name for one in fields(FieldDef)}
    unknown = sorted(set(description) - known)
    if unknown:
        raise ValueError(f"unknown field property {unknown[0]!r}; known: {', '.join(sorted(known))}")
    if description["type"] not in FIELD_TYPES:
        raise ValueError(f"unknown field type {description['type']!r}; known: {', '.join(sorted(FIELD_TYPES))}")
    lists = {key: tuple(description[key]) for key in ("referenceTo", "picklistValues") if key in description}
    return FieldDef(**{**description, **lists})
