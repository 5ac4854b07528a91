"""The demo data keeps its promises: the same under the same seed, with every awkward case, in people's names only."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.seed import seed_sandbox, seeder
from sync_pipeline.sandbox.seed.companies import ODD_NAMES, comparable
from sync_pipeline.sandbox.seed.mailbox import CATEGORY, CUSTOMERS, FOLDER
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.sandbox.state import State

SEEDS = [1, 2, 71]


@pytest.fixture(params=SEEDS, scope="module")
def state(request: pytest.FixtureRequest) -> State:
    return _seeded(seed=request.param)


def _seeded(**numbers: int) -> State:
    state = State(None)
    Org(state)
    Mailboxes(state)
    seed_sandbox(state, **numbers)
    return state


def _rows(state: State, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in state.db.execute(sql)]


def _items(state: State, mailbox: str) -> list[dict[str, Any]]:
    """Every contact of a mailbox with `folder` (its name) and `properties`."""
    outlook = Mailboxes(state)
    sql = (
        "SELECT f.name AS folder, c.properties, c.immutable_id"
        " FROM graph_contacts c JOIN graph_folders f ON f.id = c.folder"
        f" WHERE c.mailbox = '{outlook.user(mailbox).id}' ORDER BY c.number"
    )
    return [{**row, "properties": json.loads(row["properties"])} for row in _rows(state, sql)]


def _chosen(item: Mapping[str, Any]) -> bool:
    alive = item["folder"] != "Deleted Items"
    return alive and (item["folder"] == FOLDER or CATEGORY in item["properties"].get("categories", []))


def _addresses(state: State) -> list[str]:
    return [str(person["mailbox"]) for person in state.people() if person["mailbox"]]


def _email(item: Mapping[str, Any]) -> str:
    entries = item["properties"].get("emailAddresses") or [{}]
    return str(entries[0].get("address", "")).lower()


def test_the_same_seed_gives_the_same_data() -> None:
    def content(seed: int) -> list[Any]:
        state = _seeded(seed=seed)
        records = _rows(
            state, "SELECT Name, Email, AccountId, Phone, Description, CreatedDate FROM sf_Contact ORDER BY Id"
        )
        accounts = _rows(state, "SELECT Name, CreatedDate FROM sf_Account ORDER BY Id")
        items = _rows(state, "SELECT properties FROM graph_contacts ORDER BY number")
        return [records, accounts, items, _rows(state, "SELECT content FROM graph_photos ORDER BY content")]

    assert content(7) == content(7)
    assert content(7) != content(8)


def test_numbers_are_as_asked(state: State) -> None:
    assert len(_addresses(state)) == 3
    assert _rows(state, "SELECT count(*) AS n FROM sf_Contact") == [{"n": 60}]
    assert _rows(state, "SELECT count(*) AS n FROM sf_Account") == [{"n": 3000}]


@pytest.mark.parametrize(
    "numbers",
    [
        {"mailboxes": 0, "contacts": 0, "accounts": 0},
        {"mailboxes": 0, "contacts": 7, "accounts": 1},
        {"mailboxes": 15, "contacts": 3, "accounts": 17},
        {"mailboxes": 1, "contacts": 40, "accounts": 9000},
    ],
)
def test_small_and_lopsided_sandboxes_can_be_seeded(numbers: dict[str, int]) -> None:
    state = _seeded(**numbers)
    assert len(_addresses(state)) == numbers["mailboxes"]
    assert _rows(state, "SELECT count(*) AS n FROM sf_Account") == [{"n": numbers["accounts"]}]
    assert _rows(state, "SELECT count(*) AS n FROM sf_Contact") == [{"n": numbers["contacts"]}]


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="contacts must not be negative, got -1"):
        _seeded(contacts=-1)


def test_everything_is_written_by_people(state: State) -> None:
    actors = {entry["actor"] for entry in state.log()}
    assert actors
    assert all(actor.startswith("user:") for actor in actors)


def test_only_reserved_domains_occur(state: State) -> None:
    values = _rows(state, "SELECT Email AS text FROM sf_Contact WHERE Email IS NOT NULL")
    values += _rows(state, "SELECT properties AS text FROM graph_contacts")
    values += _rows(state, "SELECT Username AS text FROM sf_User UNION SELECT Email FROM sf_User")
    domains = {domain for row in values for domain in re.findall(r"@([\w.-]+)", row["text"])}
    assert domains
    assert all(re.fullmatch(r"(.+\.)?example\.(com|org)", domain) for domain in domains)


def test_account_names_have_every_awkward_case(state: State) -> None:
    accounts = _rows(state, "SELECT Name, CreatedDate FROM sf_Account")
    names = Counter(comparable(account["Name"]) for account in accounts)
    assert set(ODD_NAMES) <= {account["Name"] for account in accounts}
    twice = [name for name, count in names.items() if count > 1]
    assert len(twice) > 10
    created = [{a["CreatedDate"] for a in accounts if comparable(a["Name"]) == name} for name in twice]
    assert sum(len(dates) > 1 for dates in created) > len(created) // 2
    assert any(one != other and one in other for one in list(names)[:500] for other in names if len(one) > 4)


def test_people_have_accents_apostrophes_phones_and_gaps(state: State) -> None:
    people = _rows(state, "SELECT * FROM sf_Contact")
    assert any(not person["LastName"].isascii() for person in people)
    assert len({person["AccountId"] for person in people if person["AccountId"]}) < len(people)
    for field in ("FirstName", "Email", "Phone", "MailingCity", "Title"):
        assert any(person[field] is not None for person in people)
    for field in ("Email", "Phone", "MailingCity", "Title", "Birthdate"):
        assert any(person[field] is None for person in people)
    assert any(
        person["Phone"] and person["MobilePhone"] and person["Phone"] != person["MobilePhone"] for person in people
    )


def test_apostrophes_occur_in_a_larger_org() -> None:
    names = [row["LastName"] for row in _rows(_seeded(contacts=1000), "SELECT LastName FROM sf_Contact")]
    assert any("'" in name for name in names)
    assert any("’" in name for name in names)
    assert any("-" in name for name in names)


def test_every_mailbox_owns_contacts_and_some_belong_to_nobody_here(state: State) -> None:
    owners = Counter(
        row["Username"]
        for row in _rows(state, "SELECT u.Username FROM sf_Contact c JOIN sf_User u ON u.Id = c.OwnerId ORDER BY c.Id")
    )
    for person in state.people():
        if person["mailbox"]:
            assert owners[person["salesforce_user"]] >= 15
    mine = {person["salesforce_user"] for person in state.people() if person["mailbox"]}
    assert set(owners) - mine


def test_contacts_are_chosen_in_every_way(state: State) -> None:
    ways = {item["folder"] for address in _addresses(state) for item in _items(state, address) if _chosen(item)}
    assert ways == {FOLDER, "Contacts", CUSTOMERS}
    for address in _addresses(state):
        chosen = [item for item in _items(state, address) if _chosen(item)]
        assert len(chosen) >= 4


def test_personal_contacts_are_in_every_mailbox_some_with_photos(state: State) -> None:
    pictured = {row["owner"] for row in _rows(state, "SELECT owner FROM graph_photos")}
    personal = [[i for i in _items(state, address) if not _chosen(i)] for address in _addresses(state)]
    assert all(len(items) >= 4 for items in personal)
    assert any(item["immutable_id"] in pictured for items in personal for item in items)
    assert any(item["folder"] == "Deleted Items" and CATEGORY in item["properties"].get("categories", [])
               for items in personal for item in items)  # fmt: skip


def test_each_mailbox_has_a_near_duplicate_that_a_person_must_judge(state: State) -> None:
    for address in _addresses(state):
        chosen = Counter(_email(item) for item in _items(state, address) if _chosen(item) and _email(item))
        assert max(chosen.values()) == 2


def test_nobody_is_chosen_in_two_mailboxes(state: State) -> None:
    people = []
    for address in _addresses(state):
        chosen = [item for item in _items(state, address) if _chosen(item)]
        names = {" ".join(item["properties"].get(part, "") for part in ("givenName", "surname")) for item in chosen}
        people.append((names, {_email(item) for item in chosen if _email(item)}))
    for number, (names, emails) in enumerate(people):
        for other_names, other_emails in people[number + 1 :]:
            assert not names & other_names
            assert not emails & other_emails


def test_nobody_chosen_is_another_mailboxes_contact(state: State) -> None:
    owned = _rows(state, "SELECT c.Email, u.Username FROM sf_Contact c JOIN sf_User u ON u.Id = c.OwnerId")
    users = {person["mailbox"]: person["salesforce_user"] for person in state.people() if person["mailbox"]}
    for address, username in users.items():
        strangers = {
            str(row["Email"]).lower()
            for row in owned
            if row["Email"] and row["Username"] in users.values() and row["Username"] != username
        }
        emails = {_email(item) for item in _items(state, address) if _chosen(item) and _email(item)}
        assert not emails & strangers


def test_list_views_overlap() -> None:
    state = _seeded(contacts=200)
    views = _rows(state, "SELECT DeveloperName, _scope, _where FROM sf_ListView WHERE _where IS NOT NULL")
    members: dict[str, set[str]] = {}
    for view in views:
        if "THIS_WEEK" not in view["_where"]:
            rows = _rows(state, f"SELECT Id FROM sf_Contact WHERE {view['_where'].replace('= null', 'IS NULL')}")
            members[view["DeveloperName"]] = {row["Id"] for row in rows}
    assert all(members.values())
    assert members["PartnerContacts"] & members["Directors"]
    assert members["PartnerContacts"] - members["Directors"]


def test_the_clock_is_not_shifted(state: State) -> None:
    fresh = State(None)
    assert abs((state.now() - fresh.now()).total_seconds()) < 1


def test_ten_thousand_contacts_are_made_in_one_go() -> None:
    state = _seeded(contacts=10_000, mailboxes=5)
    names = Counter(row["Name"] for row in _rows(state, "SELECT FirstName || ' ' || LastName AS Name FROM sf_Contact"))
    assert names.total() == 10_000
    assert max(names.values()) == 1 or names.most_common(1)[0][0] is None


def test_reset_seeds_again_with_other_numbers() -> None:
    with SandboxServer(None, seeder=seeder(contacts=20, accounts=50)) as server:
        people = httpx.post(f"{server.graph_url}/_sandbox/reset", json={}, timeout=60).raise_for_status().json()
        assert len(people) == 3
        again = (
            httpx.post(f"{server.graph_url}/_sandbox/reset", json={"mailboxes": 2}, timeout=60)
            .raise_for_status()
            .json()
        )
        assert again == people[:2]
        query = {"q": "SELECT COUNT() FROM Contact"}
        headers = {"Authorization": f"Bearer user:{people[0]['mailbox']}"}
        answer = httpx.get(f"{server.salesforce_url}/services/data/v60.0/query", params=query, headers=headers)
        assert answer.json()["totalSize"] == 20
