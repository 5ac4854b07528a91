"""What a single value of the settings must look like. Each check gives a message, or None where the value is good."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from sync_pipeline.model.fields import Direction, MappingError, apply_mapping

LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")

#: What Graph's contact resource lets a client write as text, or as a date (facts/graph.md; the categories, the display
#: name and the file-as name are kept by the synchroniser itself).
# fmt: off
_TEXT_PROPERTIES = (
    "assistantName", "birthday", "businessHomePage", "companyName", "department", "generation", "givenName",
    "initials", "jobTitle", "manager", "middleName", "mobilePhone", "nickName", "officeLocation",
    "personalNotes", "profession", "spouseName", "surname", "title", "yomiCompanyName", "yomiGivenName",
    "yomiSurname",
)
# fmt: on
_LIST_PROPERTIES = ("emailAddresses[]", "businessPhones[]", "homePhones[]", "imAddresses[]")
_ADDRESS_PROPERTIES = tuple(
    f"{address}/{part}"
    for address in ("businessAddress", "homeAddress", "otherAddress")
    for part in ("street", "city", "state", "postalCode", "countryOrRegion")
)
_OUTLOOK_PROPERTIES = frozenset([*_TEXT_PROPERTIES, *_LIST_PROPERTIES, *_ADDRESS_PROPERTIES])
_GUID = r"\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}"
_EXTENDED_PROPERTY = re.compile(rf"String (0x[0-9A-Fa-f]{{1,8}}|{_GUID} (Id 0x[0-9A-Fa-f]{{1,8}}|Name [\w .\-]+))")

_CRON_RANGES = (("minute", 0, 59), ("hour", 0, 23), ("day of the month", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_CRON_PART = re.compile(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?")


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """The message for a name that does not exist: the nearest that does, and all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    guess = f", did you mean `{near[0]}`?" if near else ""
    return f"is no {what}{guess or ';'} allowed: {' | '.join(known)}"


def not_blank(value: str) -> str | None:
    """Some text that is not only blanks."""
    return None if value.strip() else "is empty"


def not_empty(value: Collection[object]) -> str | None:
    """A list with something in it."""
    return None if value else "is empty; name at least one"


def loopback_url(value: str) -> str | None:
    """A sandbox on this machine. The value is not quoted: an address may hold a password."""
    allowed = "allowed: http://127.0.0.1:PORT, http://localhost:PORT or http://[::1]:PORT, without a path"
    try:
        url = urlsplit(value)
        wanted = url.scheme == "http" and url.hostname in LOOPBACK_HOSTS and url.port != 0
    except ValueError:
        return f"is not an address; {allowed}"
    if wanted and "@" not in url.netloc and url.path in ("", "/") and not url.query and not url.fragment:
        return None
    return f"only a sandbox on this machine can be reached by `url`; {allowed}. Leave it out to reach the real service"


def salesforce_domain(value: str) -> str | None:
    """The org's domain as simple-salesforce wants it: what stands before `.salesforce.com`."""
    if not value:
        return "is missing; name the org's My Domain, such as acme.my, or login or test"
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value) or value.lower().endswith(".com"):
        return f"found `{value}`; allowed: what stands before .salesforce.com, such as acme.my, login or test"
    return None


def tenant(value: str) -> str | None:
    """A directory id or one of its domain names."""
    if not value:
        return "is missing; name the directory (tenant) id or a domain of the tenant, such as acme.example.com"
    if not re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", value):
        return f"found `{value}`; allowed: a directory (tenant) id or a domain of the tenant, such as acme.example.com"
    return None


def address(value: str) -> str | None:
    """A mailbox's address."""
    good = re.fullmatch(r"[^@\s/\\?#]+@[^@\s/\\?#]+", value)
    return None if good else f"found `{value}`; allowed: a mailbox's e-mail address, such as anna@example.com"


def account_id(value: str) -> str | None:
    """The Id of an Account, in either of its lengths."""
    good = re.fullmatch(r"001[A-Za-z0-9]{12}([A-Za-z0-9]{3})?", value)
    return None if good else f"found `{value}`; allowed: the Id of an Account, 15 or 18 characters that begin with 001"


def api_name(value: str) -> str | None:
    """A Salesforce field's API name."""
    good = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,79}", value)
    return None if good else f"found `{value}`; allowed: a Salesforce field's API name, such as LeadSource or Region__c"


def api_path(value: str) -> str | None:
    """A field of Contact, or of a record it refers to."""
    good = re.fullmatch(r"([A-Za-z][A-Za-z0-9_]*\.){0,5}[A-Za-z][A-Za-z0-9_]*", value)
    return None if good else f"found `{value}`; allowed: a field of Contact, such as Region__c or Account.Industry"


def field_name(value: str) -> str | None:
    """The name of a mapped field, which is a column of the warehouse."""
    good = re.fullmatch(r"[a-z][a-z0-9_]{0,49}", value)
    return None if good else f"`{value}` cannot name a field; allowed: small letters, digits and _, such as region"


def outlook_property(value: str) -> str | None:
    """A property of a Graph contact that can be written."""
    if value in _OUTLOOK_PROPERTIES or _EXTENDED_PROPERTY.fullmatch(value):
        return None
    near = difflib.get_close_matches(value, _OUTLOOK_PROPERTIES, n=1)
    guess = f"; did you mean `{near[0]}`?" if near else ""
    return (
        f"found `{value}`{guess} allowed: {' | '.join(sorted(_OUTLOOK_PROPERTIES))} | an extended property such as "
        "`String 0x3A24` or `String {GUID} Name Region`"
    )


def cron(value: str) -> str | None:
    """A cron expression in numbers, as Dagster reads it."""
    parts = value.split()
    if len(parts) != len(_CRON_RANGES):
        return f"found `{value}`; allowed: five cron fields (minute hour day month weekday), such as */30 * * * *"
    for text, (name, low, high) in zip(parts, _CRON_RANGES, strict=True):
        for item in text.split(","):
            match = _CRON_PART.fullmatch(item)
            numbers = [int(number) for number in match.group(2, 3) if number] if match else []
            if not match or any(not low <= number <= high for number in numbers) or sorted(numbers) != numbers:
                allowed = f"*, numbers {low}-{high}, lists such as 1,2, ranges, steps such as */2"
                return f"found `{text}` as {name} in `{value}`; allowed: {allowed}"
    return None


def mapping(overrides: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[tuple[str, ...], str]]:
    """What is wrong with the setting `mapping`: key paths below it, and messages."""
    problems = False
    for name, entry in overrides.items():
        try:
            apply_mapping({name: entry})
        except MappingError as error:
            problems = True
            yield (name,), str(error).removeprefix(f"mapping.{name}: ")
    if problems:
        return
    writers: dict[tuple[str, str], str] = {}
    for field in apply_mapping(overrides):
        if field.name == "company" and field.salesforce != "Account.Name":
            yield (
                (field.name, "salesforce"),
                f"found `{field.salesforce}`; allowed: Account.Name, which decides the Account (R7); "
                "to keep another field, switch `company` off and add a field of your own",
            )
        if (field.is_parent_path or field.salesforce == "Id") and field.direction is not Direction.FROM_SALESFORCE:
            yield (field.name, "direction"), f"{field.salesforce} can only be read; allowed: from_salesforce | off"
        written = [("outlook", field.outlook)] if field.direction is not Direction.FROM_OUTLOOK else []
        written += [("salesforce", field.salesforce)] if field.direction is not Direction.FROM_SALESFORCE else []
        for side, target in written:
            other = writers.setdefault((side, target), field.name)
            if other != field.name:
                name, other = (field.name, other) if field.name in overrides else (other, field.name)
                yield (
                    (name,),
                    f"writes {side} `{target}`, which the field `{other}` writes already; switch one of them off",
                )
