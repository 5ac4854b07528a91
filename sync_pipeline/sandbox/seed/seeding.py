"""Fills a sandbox: users, Accounts, Contacts and list views on the Salesforce side, mailboxes on the Outlook side.

Deterministic by its seed. All writing is done in the names of people, never of the application."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR, ListViewDef, insert_list_view, insert_user
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.seed.companies import Account, Companies, make_accounts
from sync_pipeline.sandbox.seed.mailbox import Sources, fill_mailbox
from sync_pipeline.sandbox.seed.persons import People, Person
from sync_pipeline.sandbox.state import State

OWNERS: Final = (
    ("anna", "Anna Berger"), ("bruno", "Bruno Ó Ceallaigh"), ("chloe", "Chloé Lefèvre"), ("david", "David O'Hara"),
    ("emma", "Emma Núñez"), ("felix", "Felix Grünwald"), ("grace", "Grace Okafor"), ("hana", "Hana Dvořáková"),
    ("ivan", "Ivan Petrov"), ("julia", "Júlia Araújo"), ("kofi", "Kofi Mensah"), ("lena", "Lena Åkerström"),
)  # fmt: skip
#: Salesforce users without a mailbox here: their Contacts are in nobody's `mine`.
OTHER_USERS: Final = (("sales.office", "Sam Sales"), ("partners", "Paula Partner"))
ONE_IN: Final = 10  # every tenth Contact is one of theirs
VIEWS: Final = (
    ListViewDef("PartnerContacts", "Partner Contacts", where="LeadSource = 'Partner Referral'"),
    ListViewDef("ContactsInGermany", "Contacts in Germany", where="MailingCountry = 'Deutschland'"),
    ListViewDef(
        "Directors", "Directors", where="Title LIKE '%Director%' OR Title LIKE 'Chief%' OR Title LIKE 'Head of%'"
    ),
    ListViewDef("MyPartners", "My Partners", scope="mine", where="LeadSource IN ('Partner Referral', 'Web')"),
    ListViewDef("ContactsWithoutEmail", "Contacts without E-mail", where="Email = null"),
)
_FIRST_CONTACT: Final = datetime(2023, 3, 1, 7, 0, tzinfo=UTC)
_CONTACT_DAYS: Final = 600


@dataclass(frozen=True)
class _User:
    address: str  # "" for a user without a mailbox here
    username: str
    name: str
    id: str

    @property
    def actor(self) -> str:
        return f"user:{self.address or self.username}"


def seed_sandbox(state: State, *, seed: int = 1, mailboxes: int = 3, contacts: int = 60, accounts: int = 3000) -> None:
    """Adds demo data to an empty sandbox.

    contacts: Salesforce Contacts in all, nine of ten owned by the mailboxes' users in turn; about a quarter as many are
    chosen in Outlook besides, and as many again are personal. Raises ValueError for a negative number.
    """
    for name, number in (("mailboxes", mailboxes), ("contacts", contacts), ("accounts", accounts)):
        if number < 0:
            raise ValueError(f"{name} must not be negative, got {number}")
    randomness = random.Random(f"{seed}")
    org, outlook = Org(state), Mailboxes(state)
    with state.transaction():
        owners, others = _users(state, outlook, mailboxes)
        made = make_accounts(randomness, accounts)
        rows = [{"Name": one.name, "CreatedDate": one.created_at} for one in made]
        account_ids = org.insert("Account", rows, actor=f"user:{ADMINISTRATOR}")
        by_account = dict(zip(account_ids, made, strict=True))
        administrator = org.administrator().user_id
        for view in VIEWS:
            insert_list_view(state, view, administrator)
        people = People(randomness)
        owned = _contacts(randomness, people, by_account, owners, others, contacts)
        for user, persons in owned.items():
            _insert_contacts(org, user, persons)
        sources = Sources(
            randomness=randomness,
            people=people,
            companies=Companies(randomness, made),
            account_names={key: account.name for key, account in by_account.items()},
            emails=Counter(person["Email"] for persons in owned.values() for person in persons if "Email" in person),
            others=[person for user in others for person in owned[user]],
        )
        for number, owner in enumerate(owners):
            fill_mailbox(state, outlook, sources, owner.address, owned[owner], has_folder=number % 2 == 0)


def seeder(
    *, seed: int = 1, mailboxes: int = 3, contacts: int = 60, accounts: int = 3000
) -> Callable[[State, Mapping[str, Any]], None]:
    """What POST /_sandbox/reset runs: these numbers unless its body gives others."""
    defaults = {"seed": seed, "mailboxes": mailboxes, "contacts": contacts, "accounts": accounts}

    def run(state: State, body: Mapping[str, Any]) -> None:
        seed_sandbox(state, **{name: int(body.get(name, default)) for name, default in defaults.items()})

    return run


def _users(state: State, outlook: Mailboxes, mailboxes: int) -> tuple[list[_User], list[_User]]:
    """(those with a mailbox, those without one here)."""
    owners = [_owner(place) for place in range(mailboxes)]
    users: list[_User] = []
    for local, name in (*owners, *OTHER_USERS):
        has_mailbox = len(users) < mailboxes
        address, username = f"{local}@example.com" if has_mailbox else "", f"{local}@acme.example.com"
        # A User's e-mail is his mailbox's address: mailboxes can be discovered from it.
        user_id = insert_user(state, username, name, email=f"{local}@example.com")
        if has_mailbox:
            outlook.create_mailbox(address, name)
        state.add_person(mailbox=address or None, salesforce_user=username, name=name)
        users.append(_User(address, username, name, user_id))
    return users[:mailboxes], users[mailboxes:]


def _owner(place: int) -> tuple[str, str]:
    """The same people under every seed, so that settings which name them stay good."""
    local, name = OWNERS[place % len(OWNERS)]
    turn = place // len(OWNERS) + 1
    return (local, name) if turn == 1 else (f"{local}{turn}", f"{name} {turn}")


def _contacts(
    randomness: random.Random,
    people: People,
    accounts: Mapping[str, Account],
    owners: Sequence[_User],
    others: Sequence[_User],
    count: int,
) -> dict[_User, list[Person]]:
    """`count` Contacts by their owner; about one in thirty shares a colleague's address."""
    owned: dict[_User, list[Person]] = {user: [] for user in (*owners, *others)}
    account_ids = list(accounts)
    # People share companies: a third of the Accounts has all of them.
    randomness.shuffle(account_ids)
    account_ids = account_ids[: max(1, min(len(account_ids) // 3, count // 2))]
    for place in range(count):
        # The mailboxes' users in turn, so that none goes without.
        alone = not owners or place % ONE_IN == ONE_IN - 1
        persons = owned[randomness.choice(others) if alone else owners[(place - place // ONE_IN) % len(owners)]]
        account = randomness.choice(account_ids) if account_ids and randomness.random() < 0.9 else ""
        person = people.draw(accounts[account].name if account else "")
        person |= {"AccountId": account} if account else {}
        person |= {"LeadSource": people.lead_source()} if randomness.random() < 0.6 else {}
        if persons and "Email" in persons[-1] and "Email" in person and randomness.random() < 0.03:
            person["Email"] = persons[-1]["Email"]
        created = _FIRST_CONTACT + timedelta(seconds=randomness.randrange(_CONTACT_DAYS * 86400))
        changed = created + timedelta(seconds=randomness.randrange(90 * 86400))
        person |= {"CreatedDate": stamp(created), "LastModifiedDate": stamp(changed)}
        persons.append(person)
    return owned


def _insert_contacts(org: Org, user: _User, persons: Sequence[Person]) -> None:
    mine = {"OwnerId": user.id, "CreatedById": user.id, "LastModifiedById": user.id}
    org.insert("Contact", [{**person, **mine} for person in persons], actor=user.actor)
