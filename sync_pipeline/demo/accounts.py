"""The stories of R7: what people write into Company, and which Account that gives, judged from the org's own list."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from sync_pipeline.demo.day import Day, Desk, Mismatch, Story, Telling, expect
from sync_pipeline.demo.services import Json, name_of

_SHORTEST_PART: Final = 5
_ODD: Final = frozenset("'\"%_\\")


class _Accounts:
    """All Accounts as a user reads them."""

    def __init__(self, day: Day) -> None:
        self._day = day
        self.rows = day.desks[0].salesforce.query("SELECT Id, Name, CreatedDate FROM Account")
        self.by_name: dict[str, list[Json]] = defaultdict(list)
        for row in self.rows:
            self.by_name[_comparable(row["Name"])].append(row)

    def one(self) -> Json:
        """An Account whose name no other has; by choice one that LIKE or a quoted string would read wrongly."""
        single = [rows[0] for rows in self.by_name.values() if len(rows) == 1]
        odd = [row for row in single if _ODD & set(row["Name"])]
        return self._day.random.choice(odd or single)

    def several(self) -> list[Json]:
        """Accounts of one name, the one created first in front."""
        rows = self._day.random.choice([rows for rows in self.by_name.values() if len(rows) > 1])
        return sorted(rows, key=lambda row: (row["CreatedDate"], row["Id"]))

    def part(self, *, unique: bool) -> tuple[str, list[Json]]:
        """A part of names that is no name itself, and the Accounts that contain it: one of them, or several."""
        rows = self._day.random.sample(self.rows, len(self.rows))
        for row in rows:
            words = row["Name"].split()
            for part in (" ".join(words[:2]), *words):
                part = part.strip(" ,.&()")
                if len(part) < _SHORTEST_PART or _comparable(part) in self.by_name:
                    continue
                holders = [each for each in rows if _comparable(part) in _comparable(each["Name"])]
                if (len(holders) == 1) is unique:
                    return part, holders
        raise Mismatch("a part of Account names for this story", expected="one", found="none; give more --accounts")


def exact(day: Day) -> Telling:
    """The exact name, whatever its case and blanks."""
    account = _Accounts(day).one()
    company = account["Name"].swapcase().replace(" ", "  ") if account["Name"].isascii() else account["Name"]
    desk, email = _create(day, company)
    yield f"{desk.address} creates a contact of {company!r}."
    return _expect_account(desk, email, account, "the Account of that exact name")


def several(day: Day) -> Telling:
    """Several Accounts of one name: the one created first, then the lowest Id."""
    accounts = _Accounts(day).several()
    desk, email = _create(day, accounts[-1]["Name"])
    yield f"{desk.address} creates a contact of {accounts[-1]['Name']!r}, a name that {len(accounts)} Accounts have."
    return _expect_account(desk, email, accounts[0], f"the one created first, {accounts[0]['CreatedDate'][:10]}")


def substring(day: Day) -> Telling:
    """A part of exactly one name."""
    company, [account] = _Accounts(day).part(unique=True)
    desk, email = _create(day, company)
    yield f"{desk.address} creates a contact of {company!r}, which only one Account's name contains."
    return _expect_account(desk, email, account, "the only Account that contains it")


def ambiguous(day: Day) -> Telling:
    """A part of several names decides nothing."""
    company, accounts = _Accounts(day).part(unique=False)
    desk, email = _create(day, company)
    yield f"{desk.address} creates a contact of {company!r}, which {len(accounts)} Accounts' names contain."
    return _expect_no_account(desk, email, company)


def unknown(day: Day) -> Telling:
    """A Company of no Account."""
    company = f"{day.word()} & Nobody GmbH"
    desk, email = _create(day, company)
    yield f"{desk.address} creates a contact of {company!r}, which no Account's name contains."
    return _expect_no_account(desk, email, company)


def _create(day: Day, company: str) -> tuple[Desk, str]:
    desk = day.desk()
    person, body = day.newcomer()
    desk.mailbox.create({**body, "companyName": company}, desk.folder())
    return desk, person["Email"]


def _expect_account(desk: Desk, email: str, account: Json, why: str) -> str:
    record = desk.record_at(email)
    expect("the Contact's Account", record["AccountId"], account["Id"])
    item = desk.item_of(record["Id"])
    expect("the Company in Outlook", item["companyName"], account["Name"])
    return f"{name_of(item)} belongs to {account['Name']!r}: {why}."


def _expect_no_account(desk: Desk, email: str, company: str) -> str:
    record = desk.record_at(email)
    expect("the Contact's Account", record["AccountId"], None)
    item = desk.item_of(record["Id"])
    expect("the Company in Outlook, which is never blanked", item["companyName"], company)
    return f"{name_of(item)} has an empty Account; Outlook still says {company!r}."


def _comparable(name: str) -> str:
    return " ".join(name.split()).casefold()


ACCOUNTS: Final = (
    Story("Account: exact name", "R7", exact),
    Story("Account: several of that name", "R7", several),
    Story("Account: part of one name", "R7", substring),
    Story("Account: part of several names", "R7", ambiguous),
    Story("Account: none", "R7", unknown),
)
