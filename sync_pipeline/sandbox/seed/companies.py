"""Account names from data/companies.csv with the awkward cases of a real org, and Companies as people write them.

Every Company comes with the way it is meant to find its Account, counted over the names at hand."""

from __future__ import annotations

import csv
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

FILE_NAME: Final = "companies.csv"
SOURCE_TREE: Final = Path(__file__).parents[3] / "data" / FILE_NAME

# Characters that a LIKE pattern, a SOQL string or a careless parser reads as something else.
ODD_NAMES: Final = (
    "O'Malley & Sons",
    'The "Quoted" Company',
    "100% Natural Foods",
    "Under_Score Systems",
    "Under Score Systems",
    "Back\\slash Networks",
    "D'Arcy \"Double\" O'Neil 50%_off",
    "Müller & Söhne Straßenbau",
    "Café Crème Société Générale d'Été",
    "Ångström Øresund Værk",
    "東京 Trading",
    "Rocket 🚀 Labs",
    "(Parenthesis) [Brackets] {Braces} Holding",
    "Dot. Comma, Semicolon; Colon:",
    "NULL",
    "A",
)
#: How a Company finds its Account: the rule's name -> how many of a hundred Companies are meant to take it.
SHARES: Final = {
    "exact": 45,
    "earliest_created": 12,
    "unique_substring": 15,
    "ambiguous_substring": 8,
    "no_match": 8,
    "no_company": 12,
}
_FIRST_DAY: Final = datetime(2016, 1, 4, 8, 0, tzinfo=UTC)
_DAYS: Final = 2600
_POOL: Final = 200
_LOOKED_AT: Final = 400  # names whose parts are counted: each count reads all names
_INVENTED: Final = (
    "Zephyr",
    "Quokka",
    "Wombat",
    "Vexillum",
    "Yarrow",
    "Xylem",
    "Umbral",
    "Jackdaw",
    "Kestrel",
    "Thistle",
)


@dataclass(frozen=True)
class Account:
    name: str
    created_at: datetime


def comparable(name: str) -> str:
    """The form in which names are compared: case, surrounding and repeated blanks do not matter."""
    return " ".join(name.split()).casefold()


@lru_cache(maxsize=1)
def listed_names() -> tuple[str, ...]:
    """The names of data/companies.csv, in its order. An installed package carries the file beside this module."""
    packaged = files(__package__) / FILE_NAME
    for source in (packaged, SOURCE_TREE):
        if source.is_file():
            rows = csv.DictReader(source.read_text(encoding="utf-8").splitlines())
            return tuple(dict.fromkeys(name for row in rows if (name := " ".join(row["name"].split()))))
    raise FileNotFoundError(
        f"{FILE_NAME} is neither in the package ({packaged}) nor in the source tree ({SOURCE_TREE});"
        " install the package again"
    )


def make_accounts(randomness: random.Random, count: int) -> list[Account]:
    """`count` Accounts: odd names, listed ones, and about one in forty the name of another Account again.

    Of those with the same name most were created at different times, a few in the same second."""
    names = list(ODD_NAMES[:count])
    listed = list(listed_names())
    randomness.shuffle(listed)
    repeated = max(0, min(count // 40, count - len(names)))
    wanted = max(0, count - len(names) - repeated)
    names += listed[:wanted]
    names += [f"{listed[place % len(listed)]} {place // len(listed) + 1}" for place in range(len(listed), wanted)]
    accounts = [Account(name, _day(randomness)) for name in names]
    for original in randomness.sample(accounts, min(repeated, len(accounts))):
        same_second = randomness.random() < 0.1
        name = randomness.choice((original.name, original.name, original.name.upper()))
        accounts.append(Account(name, original.created_at if same_second else _day(randomness)))
    # Created in any order: the lowest id is not always the oldest.
    randomness.shuffle(accounts)
    return accounts


class Companies:
    """What people write into Company, given the names of all Accounts."""

    def __init__(self, randomness: random.Random, accounts: Sequence[Account]) -> None:
        self._random = randomness
        self._names = Counter(comparable(account.name) for account in accounts)
        self._comparable = [comparable(account.name) for account in accounts]
        names = list(dict.fromkeys(account.name for account in accounts))
        randomness.shuffle(names)
        odd = [name for name in names if name in ODD_NAMES and self._names[comparable(name)] == 1]
        self._pools: dict[str, list[str]] = {
            # The odd ones come often, so that even a small sandbox shows some of them.
            "exact": [name for name in names if self._names[comparable(name)] == 1][:_POOL] + odd * 3,
            "earliest_created": [name for name in names if self._names[comparable(name)] > 1][:_POOL],
            "unique_substring": self._parts(names, unique=True),
            "ambiguous_substring": self._parts(names, unique=False),
            "no_match": [name for name in _invented(randomness) if self.holders(name) == 0],
        }

    def holders(self, company: str) -> int:
        """How many Account names contain the Company."""
        part = comparable(company)
        return sum(part in name for name in self._comparable)

    def draw(self) -> tuple[str, str]:
        """(Company, the rule it is meant to take); the Company is empty for `no_company`."""
        rule = self._random.choices(list(SHARES), weights=list(SHARES.values()))[0]
        pool = self._pools.get(rule, [])
        if not pool:
            return "", "no_company"
        company = self._random.choice(pool)
        return (self._respelt(company) if rule == "exact" else company), rule

    def _respelt(self, company: str) -> str:
        spelling = self._random.random()
        return company.lower() if spelling < 0.15 else company.replace(" ", "  ") if spelling < 0.2 else company

    def _parts(self, names: Sequence[str], *, unique: bool) -> list[str]:
        found: dict[str, None] = {}
        for name in names[:_LOOKED_AT]:
            words = name.split()
            parts = [" ".join(words[:2]), words[0]] if unique else words
            for part in (part.strip(",.& ") for part in parts if part != name):
                if len(part) > 5 and self._names[comparable(part)] == 0 and (self.holders(part) == 1) is unique:
                    found[part] = None
                    break
        return list(found)


def _day(randomness: random.Random) -> datetime:
    return _FIRST_DAY + timedelta(seconds=randomness.randrange(_DAYS * 86400))


def _invented(randomness: random.Random) -> list[str]:
    return [f"{first} & {second} Unlisted" for first in _INVENTED for second in randomness.sample(_INVENTED, 3)]
