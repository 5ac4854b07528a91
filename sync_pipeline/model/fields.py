"""The one field table: what is mapped between Outlook and Salesforce, in which direction, and in what form."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What a value is, hence what counts as the same value in another form."""

    TEXT = "text"
    MULTILINE = "multiline"
    EMAIL = "email"
    PHONE = "phone"
    DATE = "date"


class Direction(StrEnum):
    """Which side's edits travel."""

    BOTH = "both"
    FROM_SALESFORCE = "from_salesforce"
    FROM_OUTLOOK = "from_outlook"
    OFF = "off"


@dataclass(frozen=True)
class Field:
    """One mapped field.

    `name` is the column in the warehouse. `salesforce` is the API name on Contact; a path such as `Account.Name` is
    read only. `outlook` is the Graph property: a plain name, `property[]` for the mapped entry of a list,
    `property/part` for a part of an address, or an extended property id (`String 0x3A24`). `length` is Salesforce's
    limit in characters, used where the org's describe does not give one.
    """

    name: str
    salesforce: str
    outlook: str
    kind: Kind = Kind.TEXT
    direction: Direction = Direction.BOTH
    length: int = 255

    @property
    def is_list(self) -> bool:
        """Whether Outlook keeps the value as an entry of a list."""
        return self.outlook.endswith("[]")

    @property
    def is_extended(self) -> bool:
        """Whether Outlook keeps the value in a MAPI property that Graph shows only with $expand."""
        return " " in self.outlook

    @property
    def outlook_property(self) -> str:
        """The whole property, or the id of the extended one, in which Outlook keeps the value."""
        return self.outlook.removesuffix("[]").partition("/")[0]

    @property
    def list_column(self) -> str:
        """The mirror's column that keeps the whole list of a list field."""
        return f"{self.name}_list"

    @property
    def is_parent_path(self) -> bool:
        """Whether the Salesforce side is a field of a parent record, which a Contact write cannot set."""
        return "." in self.salesforce


def _address(prefix: str, outlook: str, salesforce: str) -> tuple[Field, ...]:
    parts = (("street", "street", "Street", 255, Kind.MULTILINE), ("city", "city", "City", 40, Kind.TEXT))
    rest = (("state", "state", "State", 80), ("postal_code", "postalCode", "PostalCode", 20))
    country = ("country", "countryOrRegion", "Country", 80)
    return tuple(
        Field(f"{prefix}_{name}", f"{salesforce}{api}", f"{outlook}/{part}", kind, length=length)
        for name, part, api, length, kind in (*parts, *((*row, Kind.TEXT) for row in (*rest, country)))
    )


BUSINESS_FAX = "String 0x3A24"
ASSISTANT_PHONE = "String 0x3A2E"
OTHER_PHONE = "String 0x3A1F"

#: The default mapping, in the order in which people read a contact. Lengths: the describe of a standard Contact.
FIELDS: tuple[Field, ...] = (
    Field("salutation", "Salutation", "title", length=40),
    Field("first_name", "FirstName", "givenName", length=40),
    Field("middle_name", "MiddleName", "middleName", length=40),
    Field("last_name", "LastName", "surname", length=80),
    Field("suffix", "Suffix", "generation", length=40),
    Field("job_title", "Title", "jobTitle", length=128),
    Field("department", "Department", "department", length=80),
    Field("company", "Account.Name", "companyName", direction=Direction.FROM_SALESFORCE),
    Field("email", "Email", "emailAddresses[]", Kind.EMAIL, length=80),
    Field("phone", "Phone", "businessPhones[]", Kind.PHONE, length=40),
    Field("mobile_phone", "MobilePhone", "mobilePhone", Kind.PHONE, length=40),
    Field("home_phone", "HomePhone", "homePhones[]", Kind.PHONE, length=40),
    Field("fax", "Fax", BUSINESS_FAX, Kind.PHONE, length=40),
    Field("other_phone", "OtherPhone", OTHER_PHONE, Kind.PHONE, length=40),
    Field("assistant_name", "AssistantName", "assistantName", length=40),
    Field("assistant_phone", "AssistantPhone", ASSISTANT_PHONE, Kind.PHONE, length=40),
    Field("birthdate", "Birthdate", "birthday", Kind.DATE, length=10),
    *_address("mailing", "businessAddress", "Mailing"),
    *_address("other", "otherAddress", "Other"),
    Field("description", "Description", "personalNotes", Kind.MULTILINE, length=32000),
    Field("record_link", "Id", "businessHomePage", direction=Direction.OFF),
    Field("manager", "ReportsTo.Name", "manager", direction=Direction.OFF),
)

#: What planning puts together itself: the Account's name, which a renamed Account changes on no Contact, and the link.
JOINED = frozenset({"Account.Name", "Id"})

#: Who somebody is (R9) and where (R7): the warehouse has their columns also where they are switched off or not shown.
IDENTITY_FIELDS = tuple(field for field in FIELDS if field.name in ("first_name", "last_name", "company", "email"))

#: What a display name is made of.
NAME_FIELDS = frozenset({"salutation", "first_name", "middle_name", "last_name", "suffix"})

# Python's re and DuckDB's RE2 read these alike.
_BLANKS = r"[ \t\n\r\f\v\xa0]+"
_SPACES = r"[ \t\f\v\xa0]+"
_PHONE_FORM = r"[ \xa0()\-./]"


def normal(kind: Kind, value: str) -> str:
    """The form in which two values are compared (R12): blanks, line ends, an e-mail's case, a phone's punctuation."""
    if kind is Kind.EMAIL:
        return re.sub(_BLANKS, " ", value).strip(" ").lower()
    if kind is Kind.PHONE:
        return re.sub(_PHONE_FORM, "", value)
    if kind is Kind.DATE:
        return value[:10]
    if kind is Kind.MULTILINE:
        lines = value.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        return "\n".join(re.sub(_SPACES, " ", line).strip(" ") for line in lines).strip("\n")
    return re.sub(_BLANKS, " ", value).strip(" ")


def normal_sql(kind: Kind | str, column: str) -> str:
    """The DuckDB expression that computes `normal(kind, column)`."""
    match Kind(kind):
        case Kind.EMAIL:
            return f"lower(trim(regexp_replace({column}, '{_BLANKS}', ' ', 'g'), ' '))"
        case Kind.PHONE:
            return f"regexp_replace({column}, '{_PHONE_FORM}', '', 'g')"
        case Kind.DATE:
            return f"left({column}, 10)"
        case Kind.MULTILINE:
            ends = f"regexp_replace({column}, '\\r\\n?', chr(10), 'g')"
            inner = f"regexp_replace(regexp_replace({ends}, '{_SPACES}', ' ', 'g'), ' ?\\n ?', chr(10), 'g')"
            return f"trim(trim({inner}, ' '), chr(10))"
        case Kind.TEXT:
            return f"trim(regexp_replace({column}, '{_BLANKS}', ' ', 'g'), ' ')"


class MappingError(ValueError):
    """A mapping setting that cannot be applied; `field` is the entry, `allowed` what may stand there."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"mapping.{field}: {message}")
        self.field = field


def apply_mapping(overrides: Mapping[str, Mapping[str, Any]]) -> tuple[Field, ...]:
    """The field table with the setting `mapping` laid over it; fields whose direction is `off` are left out.

    Raises MappingError where a new field lacks a side, or an unknown kind or direction is named.
    """
    fields = {field.name: field for field in FIELDS}
    for name, entry in overrides.items():
        known = fields.get(name)
        if known is None and not (entry.get("salesforce") and entry.get("outlook")):
            raise MappingError(
                name, f"a new field needs both `salesforce` and `outlook`; known fields: {', '.join(fields)}"
            )
        try:
            changed: dict[str, Any] = {key: entry[key] for key in ("salesforce", "outlook") if key in entry}
            changed |= {"kind": Kind(entry["kind"])} if "kind" in entry else {}
            changed |= {"direction": Direction(entry["direction"])} if "direction" in entry else {}
            changed |= {"length": int(entry["max_length"])} if "max_length" in entry else {}
        except ValueError as error:
            raise MappingError(name, str(error)) from error
        base = known or Field(name, entry["salesforce"], entry["outlook"])
        fields[name] = replace(base, **changed)
    return tuple(field for field in fields.values() if field.direction is not Direction.OFF)


def field_names(fields: Iterable[Field]) -> list[str]:
    """The column names, in order."""
    return [field.name for field in fields]
