"""Invented people, no two alike: names of many languages, addresses, notes; reserved domains, fictional numbers.

A person is a dict of Salesforce's field names without the empty ones."""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from faker import Faker

Person = dict[str, str]


@dataclass(frozen=True)
class _Country:
    name: str
    phones: tuple[str, ...]  # ranges that are kept for fiction where the country has such


_COUNTRIES: Final = {
    "en_US": _Country("United States", ("+1 202-555-01##", "+1 (415) 555-01##", "(212) 555-01##", "303.555.01##")),
    "en_GB": _Country("United Kingdom", ("+44 1632 960###", "+44 20 7946 0###", "(0161) 496 0###")),
    "de_DE": _Country("Deutschland", ("+49 30 23125 ###", "+49 (0)89 99998 ###", "040 66969 ###")),
    "fr_FR": _Country("France", ("+33 1 99 00 ## ##", "03 53 01 ## ##")),
    "es_ES": _Country("España", ("+34 910 555 ###", "910-555-###")),
    "pl_PL": _Country("Polska", ("+48 22 555 ## ##",)),
    "sv_SE": _Country("Sverige", ("+46 31 390 06 ##", "08-465 004 ##")),
    "pt_BR": _Country("Brasil", ("+55 11 5555-01##",)),
    "cs_CZ": _Country("Česko", ("+420 555 01# ###",)),
}
_SURNAMES: Final = (
    "O'Connor", "O’Brien", "D'Angelo", "van der Berg", "von Öttingen", "Müller-Lüdenscheidt", "Núñez", "Saint-Exupéry",
    "Łukaszewicz", "Škvorecký", "Çelik", "Sørensen", "Ó Súilleabháin", "MacDonald", "Nguyễn", "de la Cruz", "Strauß",
)  # fmt: skip
_TITLES: Final = (
    "Account Director", "Head of Procurement", "Sales Manager", "Chief Financial Officer", "Software Engineer", "Buyer",
    "Managing Director", "Vice President, R&D", "Office Manager", "Consultant", "IT-Leiter", "Directrice générale",
)  # fmt: skip
_DEPARTMENTS: Final = ("Purchasing", "Finance", "Research & Development", "Sales", "Legal", "IT", "Human Resources")
_SALUTATIONS: Final = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
_SUFFIXES: Final = ("Jr.", "Sr.", "III", "PhD")
_LEAD_SOURCES: Final = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_NOTES: Final = (
    "Met at the trade fair.", "Prefers e-mail.", "Assistant handles the diary.\nCall before noon.",
    "Speaks French & German; allergic to nuts.", "VIP ⭐\n\nAlways “yes, but”.", "Until 2027, 10% discount_agreed.",
)  # fmt: skip
_LATIN: Final = str.maketrans({"ł": "l", "ø": "o", "ß": "ss", "æ": "ae", "đ": "d", "ı": "i", "ð": "d", "þ": "th"})
_TRIES: Final = 20


@dataclass(frozen=True)
class _Pool:
    country: str
    phones: tuple[str, ...]
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]
    streets: tuple[str, ...]
    postcodes: tuple[str, ...]
    states: tuple[str, ...]


class People:
    """Draws people; no full name and no e-mail comes twice."""

    def __init__(self, randomness: random.Random) -> None:
        self._random = randomness
        # Faker is asked for a stock of each, because drawing from a list is a hundred times quicker.
        self._pools = [_pool(locale, randomness.getrandbits(32)) for locale in _COUNTRIES]
        self._names: set[str] = set()
        self._mails: set[str] = set()

    def draw(self, company: str, *, fullness: float = 0.75) -> Person:
        """A new person of that company ('' for none). `fullness` is how likely each optional field is filled."""
        randomness = self._random
        pool = randomness.choice(self._pools)
        first, last = self._name(pool)
        person: Person = {"LastName": last}
        if first:
            person["FirstName"] = first
        email = self._mail(first, last, company)

        def maybe(share: float, field: str, value: str) -> None:
            if randomness.random() < share * fullness:
                person[field] = value

        maybe(0.55, "Salutation", randomness.choice(_SALUTATIONS))
        maybe(0.15, "MiddleName", randomness.choice((*pool.first[:20], "J.", "M.")))
        maybe(0.05, "Suffix", randomness.choice(_SUFFIXES))
        maybe(1.2, "Email", email)
        maybe(1.0, "Title", randomness.choice(_TITLES))
        maybe(0.7, "Department", randomness.choice(_DEPARTMENTS))
        maybe(1.0, "Phone", self.phone(pool))
        maybe(0.8, "MobilePhone", self.phone(pool))
        for field, share in (("HomePhone", 0.25), ("Fax", 0.3), ("OtherPhone", 0.15)):
            maybe(share, field, self.phone(pool))
        if randomness.random() < 0.2 * fullness:
            person["AssistantName"] = f"{randomness.choice(pool.first)} {randomness.choice(pool.last)}"
            person["AssistantPhone"] = self.phone(pool)
        birth = f"{randomness.randrange(1948, 2004)}-{randomness.randrange(1, 13):02}-{randomness.randrange(1, 29):02}"
        maybe(0.35, "Birthdate", birth)
        self._address(person, pool, "Mailing", 0.9 * fullness)
        self._address(person, pool, "Other", 0.15 * fullness)
        maybe(0.4, "Description", randomness.choice(_NOTES))
        return person

    def phone(self, pool: _Pool | None = None) -> str:
        """A fictional number in one of a country's forms."""
        pattern = self._random.choice((pool or self._random.choice(self._pools)).phones)
        return re.sub("#", lambda _: str(self._random.randrange(10)), pattern)

    def lead_source(self) -> str:
        return self._random.choice(_LEAD_SOURCES)

    def _name(self, pool: _Pool) -> tuple[str, str]:
        randomness = self._random
        for attempt in range(10 * _TRIES):
            first = randomness.choice(pool.first) if randomness.random() < 0.97 else ""
            last = randomness.choice(pool.last) if randomness.random() < 0.93 else randomness.choice(_SURNAMES)
            if attempt >= _TRIES:  # the stock runs out: double names
                last = f"{last}-{randomness.choice(pool.last)}"[:80]
            key = " ".join(f"{first} {last}".split()).casefold()
            if key not in self._names:
                self._names.add(key)
                return first, last
        raise RuntimeError(
            f"no new name after {10 * _TRIES} tries; {len(self._names)} people are more than this data can name"
        )

    def _mail(self, first: str, last: str, company: str) -> str:
        local = ".".join(part for part in (latin(first), latin(last)) if part)[:40].strip(".-") or "contact"
        domain = f"{latin(company)[:24].strip('-')}.example.com" if latin(company)[:24].strip("-") else "example.org"
        address, number = f"{local}@{domain}", 1
        while address in self._mails:
            number += 1
            address = f"{local}{number}@{domain}"
        self._mails.add(address)
        return address

    def _address(self, person: Person, pool: _Pool, prefix: str, share: float) -> None:
        randomness = self._random
        if randomness.random() >= share:
            return
        street = randomness.choice(pool.streets)
        person[f"{prefix}Street"] = (
            f"{street}\nFloor {randomness.randrange(1, 30)}" if randomness.random() < 0.2 else street
        )
        person[f"{prefix}City"] = randomness.choice(pool.cities)
        person[f"{prefix}PostalCode"] = randomness.choice(pool.postcodes)
        person[f"{prefix}Country"] = pool.country
        if pool.states:
            person[f"{prefix}State"] = randomness.choice(pool.states)


def latin(text: str) -> str:
    """Lower-case letters and digits of a-z, the rest as single hyphens: fit for an e-mail address."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LATIN))
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "").replace("’", "")).strip("-")


def _pool(locale: str, seed: int) -> _Pool:
    fake = Faker(locale, use_weighting=False)
    fake.seed_instance(seed)
    country = _COUNTRIES[locale]

    def stock(make: str, count: int, longest: int) -> tuple[str, ...]:
        values = (" ".join(str(fake.format(make)).split()) for _ in range(count))
        return tuple(dict.fromkeys(value[:longest] for value in values))

    return _Pool(
        country=country.name,
        phones=country.phones,
        first=stock("first_name", 400, 40),
        last=stock("last_name", 600, 80),
        cities=stock("city", 60, 40),
        streets=stock("street_address", 80, 120),
        postcodes=stock("postcode", 60, 20),
        states=stock("state_abbr", 40, 80) if locale == "en_US" else (),
    )
