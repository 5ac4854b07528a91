"""The names Graph knows things by: our extended properties, and which properties of a contact are copied or read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from sync_pipeline.model.fields import FIELDS, Field

FOLDER_NAME: Final = "Salesforce Contacts"
CATEGORY: Final = "Salesforce"
CATEGORY_COLOR: Final = "preset7"  # blue
PROBLEM_CATEGORY: Final = "Salesforce: problem"

_GUID: Final = "{5d1f5a4e-0b7e-4c53-9a8e-6f6d0f6a7c21}"
#: On a contact: "<org id>/<Salesforce id>", both of 18 characters (the value is compared without case, D).
STAMP: Final = f"String {_GUID} Name SyncPipelineStamp"
#: On a copy: the immutable id of the contact it was copied from. On what came from Salesforce: the Id of its Contact.
COPY_OF: Final = f"String {_GUID} Name SyncPipelineCopyOf"
#: On a folder: "<org id>/<installation id>/<number of the last run that pushed>".
MARK: Final = f"String {_GUID} Name SyncPipelineMark"

EXTENDED: Final = "singleValueExtendedProperties"
EMAILS: Final = "emailAddresses"
ADDRESS_PARTS: Final = ("street", "city", "state", "postalCode", "countryOrRegion")
ADDRESSES: Final = ("businessAddress", "homeAddress", "otherAddress")
#: Everything a client can write to a contact (facts/graph.md A), hence what a copy consists of.
WRITABLE: Final = (
    *("assistantName", "birthday", "businessHomePage", "businessPhones", "categories", "children", "companyName"),
    *("department", "displayName", "fileAs", "generation", "givenName", "homePhones", "imAddresses", "initials"),
    *("jobTitle", "manager", "middleName", "mobilePhone", "nickName", "officeLocation", "personalNotes", "profession"),
    *("spouseName", "surname", "title", "yomiCompanyName", "yomiGivenName", "yomiSurname", EMAILS, *ADDRESSES),
)

#: MAPI properties of a contact that Outlook shows and Graph does not: a copy takes them along. Tags as in MS-OXOCNTC.
COPIED_EXTENDED: Final = (
    *("String 0x3A24", "String 0x3A25", "String 0x3A23"),  # business fax, home fax, primary fax
    *("String 0x3A2E", "String 0x3A1F", "String 0x3A1A"),  # assistant, other and primary phone
    *("String 0x3A02", "String 0x3A1D", "String 0x3A1E"),  # callback, radio, car
    *("String 0x3A21", "String 0x3A2C", "String 0x3A2D"),  # pager, telex, ISDN
    *("String 0x3A4B", "String 0x3A57"),  # text telephone, company's main phone
    *("String 0x3A43", "String 0x3A47", "String 0x3A0C", "String 0x3A0D"),  # hobbies, referred by, language, location
    *(
        "String 0x3A00",
        "String 0x3A07",
        "String 0x3A10",
        "String 0x3A4A",
    ),  # account and numbers
    *("String 0x3A4C", "String 0x3A50"),  # FTP site, personal home page
    # The four user fields: named properties by number, in the set PSETID_Address.
    *(f"String {{00062004-0000-0000-c000-000000000046}} Id 0x{number:X}" for number in range(0x804F, 0x8053)),
    *("SystemTime 0x3A41", "Short 0x3A4D", "Integer 0x0036"),  # wedding anniversary, gender, sensitivity
)


@dataclass(frozen=True)
class Mark:
    """What a folder says about who keeps it."""

    org: str
    installation: str
    run: int

    def text(self) -> str:
        return f"{self.org}/{self.installation}/{self.run}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """None for what is no mark; an unreadable run number counts as 0."""
        org, _, rest = text.partition("/")
        installation, _, run = rest.rpartition("/")
        return cls(org, installation, int(run) if run.isdecimal() else 0) if org and installation else None


def stamp_text(org_id: str, contact_id: str) -> str:
    """The stamp's value; "" takes the stamp off."""
    if not contact_id:
        return ""
    if len(org_id) != 18 or len(contact_id) != 18:
        raise ValueError(f"a stamp needs two ids of 18 characters, got {org_id!r} and {contact_id!r}")
    return f"{org_id}/{contact_id}"


def mapped_extended(fields: Iterable[Field] = FIELDS) -> tuple[str, ...]:
    """The ids of the mapped extended properties."""
    return tuple(field.outlook for field in fields if field.is_extended)


def same_property(one: str, other: str) -> bool:
    """Whether two property ids name one property: Graph may answer with other letter case than asked."""
    return one.casefold() == other.casefold()


def extended_value(item: Mapping[str, Any], property_id: str) -> str:
    """The value of an extended property of an item read with $expand; "" where it has none."""
    for entry in item.get(EXTENDED) or ():
        if same_property(str(entry.get("id", "")), property_id):
            return str(entry.get("value") or "")
    return ""


def expand(property_ids: Iterable[str]) -> str:
    """The $expand that shows these extended properties, not yet percent-encoded."""
    wanted = " or ".join(f"id eq '{quoted(property_id)}'" for property_id in property_ids)
    return f"{EXTENDED}($filter={wanted})"


def quoted(text: str) -> str:
    """Text for an OData string literal."""
    return text.replace("'", "''")


def has_category(item: Mapping[str, Any], name: str = CATEGORY) -> bool:
    """Whether an item wears a category; Outlook tells categories apart without case."""
    return any(str(entry).casefold() == name.casefold() for entry in item.get("categories") or ())
