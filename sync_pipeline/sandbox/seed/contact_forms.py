"""A person as a Graph contact: the same values in Outlook's properties, and with what only Outlook knows."""

from __future__ import annotations

import random
import struct
import zlib
from typing import Any, Final

from sync_pipeline.sandbox.seed.persons import Person

Json = dict[str, Any]

_PLAIN: Final = {
    "Salutation": "title", "FirstName": "givenName", "MiddleName": "middleName", "LastName": "surname",
    "Suffix": "generation", "Title": "jobTitle", "Department": "department", "MobilePhone": "mobilePhone",
    "AssistantName": "assistantName", "Birthdate": "birthday", "Description": "personalNotes",
}  # fmt: skip
_LISTS: Final = {"Phone": "businessPhones", "HomePhone": "homePhones"}
_EXTENDED: Final = {"Fax": "String 0x3A24", "AssistantPhone": "String 0x3A2E", "OtherPhone": "String 0x3A1F"}
_ADDRESSES: Final = {"Mailing": "businessAddress", "Other": "otherAddress"}
_ADDRESS_PARTS: Final = {
    "Street": "street", "City": "city", "State": "state", "PostalCode": "postalCode", "Country": "countryOrRegion"
}  # fmt: skip
_NICKNAMES: Final = ("Bibi", "Max", "The Boss", "Lou", "Mike from accounting")


def graph_contact(person: Person, *, company: str, categories: tuple[str, ...] = ()) -> Json:
    """The body of a POST."""
    body: Json = {name: person[field] for field, name in _PLAIN.items() if field in person}
    body |= {name: [person[field]] for field, name in _LISTS.items() if field in person}
    for prefix, name in _ADDRESSES.items():
        parts = {part: person[prefix + field] for field, part in _ADDRESS_PARTS.items() if prefix + field in person}
        body |= {name: parts} if parts else {}
    full_name = " ".join(person[part] for part in ("FirstName", "LastName") if part in person)
    if "Email" in person:
        body["emailAddresses"] = [{"name": full_name, "address": person["Email"]}]
    extended = [{"id": id, "value": person[field]} for field, id in _EXTENDED.items() if field in person]
    body |= {"singleValueExtendedProperties": extended} if extended else {}
    body |= {"companyName": company} if company else {}
    body |= {"categories": list(categories)} if categories else {}
    body["displayName"] = full_name
    return body


def add_own_values(body: Json, randomness: random.Random, second_phone: str) -> None:
    """What Salesforce has no field for: it must survive every synchronisation."""
    if randomness.random() < 0.5:
        body["nickName"] = randomness.choice(_NICKNAMES)
    if randomness.random() < 0.3:
        body["spouseName"] = randomness.choice(("Dana", "Élodie", "Jürgen", "Siobhán"))
    if randomness.random() < 0.3:
        body["imAddresses"] = [f"sip:{randomness.randrange(10**6):06}@example.org"]
    if "emailAddresses" in body and randomness.random() < 0.4:
        address = f"private{randomness.randrange(10**9):09}@example.org"
        body["emailAddresses"] = [*body["emailAddresses"], {"name": "private", "address": address}]
    if "businessPhones" in body and randomness.random() < 0.3:
        body["businessPhones"] = [*body["businessPhones"], second_phone]
    if body.get("givenName") and body.get("surname") and randomness.random() < 0.2:
        body["displayName"] = f"{body['surname']}, {body['givenName']}"
    if randomness.random() < 0.2:
        body["homeAddress"] = {"city": "Springfield", "countryOrRegion": "United States"}


def in_another_form(body: Json, randomness: random.Random) -> None:
    """The same values as someone else types them: punctuation of a phone, case of an e-mail, line ends, blanks."""
    if body.get("businessPhones") and randomness.random() < 0.5:
        first, *others = body["businessPhones"]
        body["businessPhones"] = [first.replace(" ", "-"), *others]
    if body.get("emailAddresses") and randomness.random() < 0.5:
        first, *others = body["emailAddresses"]
        body["emailAddresses"] = [{**first, "address": first["address"].capitalize()}, *others]
    if "personalNotes" in body:
        body["personalNotes"] = body["personalNotes"].replace("\n", "\r\n") + "\r\n"


def photo(randomness: random.Random) -> bytes:
    """A small PNG of one colour."""
    side, colour = 16, randomness.randbytes(3)
    rows = (b"\x00" + colour * side) * side

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
