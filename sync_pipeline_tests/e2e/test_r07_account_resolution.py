"""R7: the Account of a Contact that comes from Outlook, by its Company."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline_tests import harness
from sync_pipeline_tests.harness import Json, World, of

# -- one run over many Companies -------------------------------------------------------------------------------------

ACCOUNTS = (
    "Exact Ltd", "Exact Ltd Holding", "Twice AG", "Twice AG", "Tied AG", "Tied AG", "Unique Partners of Bonn",
    "Many One", "Many Two", "Two  Blanks   GmbH", "100% Natural", "100 percent Natural", "A_C Corp", "ABC Corp",
    "O'Reilly Books",
    'The "Quoted" Inn', "Back\\slash Ltd", "Émile Zola SARL", "Rocket 🚀 Inc", "Whole", "Whole Foods",
)  # fmt: skip
# Company in Outlook -> (Account, or the place of one among several of that name; None: no Account; rule; candidates)
CASES: dict[str, tuple[str | None, int, str, int]] = {
    "Exact Ltd": ("Exact Ltd", 0, "exact", 1),
    "eXACT lTD": ("Exact Ltd", 0, "exact", 1),
    "  Exact   Ltd ": ("Exact Ltd", 0, "exact", 1),
    "Two Blanks GmbH": ("Two  Blanks   GmbH", 0, "exact", 1),
    "Twice AG": ("Twice AG", 0, "earliest_created", 2),
    "Tied AG": ("Tied AG", 0, "earliest_created", 2),
    "unique partners": ("Unique Partners of Bonn", 0, "unique_substring", 1),
    "Many": (None, 0, "ambiguous_substring", 2),
    "Unheard Of": (None, 0, "no_match", 0),
    "": (None, 0, "no_company", 0),
    "Whole": ("Whole", 0, "exact", 1),
    "100%": ("100% Natural", 0, "unique_substring", 1),
    "%Natural": (None, 0, "no_match", 0),
    "A_C": ("A_C Corp", 0, "unique_substring", 1),
    "_BC": (None, 0, "no_match", 0),
    "o'reilly books": ("O'Reilly Books", 0, "exact", 1),
    "O'Reilly": ("O'Reilly Books", 0, "unique_substring", 1),
    'the "quoted" inn': ('The "Quoted" Inn', 0, "exact", 1),
    "back\\slash": ("Back\\slash Ltd", 0, "unique_substring", 1),
    "ÉMILE ZOLA SARL": ("Émile Zola SARL", 0, "exact", 1),
    "Rocket 🚀": ("Rocket 🚀 Inc", 0, "unique_substring", 1),
    "Exact Ltd Holding of the world and of everything else": (None, 0, "no_match", 0),
}


class Resolved:
    """What became of every Company after one run."""

    def __init__(self, world: World) -> None:
        world.run()
        self.accounts: dict[str, list[str]] = {}
        org = Org(world.server.state)
        for name in ACCOUNTS:
            # Tied ones are made in one call and so in one second; of the others the later ones are younger.
            if name == "Tied AG" and name in self.accounts:
                continue
            world.advance(2)
            rows = [{"Name": name}] * (2 if name == "Tied AG" else 1)
            self.accounts.setdefault(name, []).extend(org.insert("Account", rows, actor="user:admin"))
        folder = world.anna.folder()
        for number, company in enumerate(CASES):
            world.anna.create(
                folder,
                givenName="Case",
                surname=f"Number {number}",
                email=f"n{number}@example.com",
                companyName=company,
            )
        operations = {op["detail"]["match"]["emails"][0]: op for op in world.plan() if op["action"] == "create"}
        world.run()
        world.run()
        contacts = {row["Email"]: row for row in world.salesforce.contacts()}
        items = {item["emailAddresses"][0]["address"]: item for item in world.anna.contacts()}
        self.operations: dict[str, Json] = {}
        self.contacts: dict[str, Json] = {}
        self.items: dict[str, Json] = {}
        for number, company in enumerate(CASES):
            email = f"n{number}@example.com"
            self.operations[company], self.contacts[company] = operations[email], contacts[email]
            self.items[company] = items[email]


@pytest.fixture(scope="module")
def resolved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resolved]:
    with harness.sandbox() as server, harness.world(server, tmp_path_factory.mktemp("accounts")) as world:
        yield Resolved(world)


@pytest.mark.parametrize("company", CASES)
def test_a_company_finds_its_account(resolved: Resolved, company: str) -> None:
    name, place, _, _ = CASES[company]
    expected = None if name is None else sorted(resolved.accounts[name])[place] if name == "Tied AG" else (
        resolved.accounts[name][place]
    )  # fmt: skip
    assert resolved.contacts[company]["AccountId"] == expected


@pytest.mark.parametrize("company", CASES)
def test_the_rule_that_decided_and_the_number_of_candidates_stand_in_the_operation(
    resolved: Resolved, company: str
) -> None:
    _, _, rule, candidates = CASES[company]
    detail = resolved.operations[company]["detail"]
    assert (detail["account_rule"], detail["account_candidates"]) == (rule, candidates)


@pytest.mark.parametrize("company", [company for company, case in CASES.items() if case[0] is None])
def test_an_unresolved_company_is_never_blanked_in_outlook(resolved: Resolved, company: str) -> None:
    assert (resolved.items[company]["companyName"] or "") == company


# -- suggestions -----------------------------------------------------------------------------------------------------


def create(world: World, company: str, email: str = "mia@example.com") -> str:
    """A contact in the folder; the folder is made where it is missing."""
    if "Salesforce Contacts" not in world.anna.folders():
        world.run()
    return world.anna.create(world.anna.folder(), givenName="Mia", surname="Muster", email=email, companyName=company)


def created(world: World, email: str = "mia@example.com") -> Json:
    return world.salesforce.contact(Email=email)


def item(world: World, email: str = "mia@example.com") -> Json:
    return world.anna.contact(email)


@pytest.mark.parametrize(("setting", "most"), [(None, 3), (1, 1), (0, 0)])
def test_the_nearest_names_are_suggested_and_never_used_by_themselves(
    world: World, setting: int | None, most: int
) -> None:
    if setting is not None:
        world.use(account={"suggestions": setting})
    for name in ("Northwind Traders", "Northwind Trading", "Northwind Trade Fair", "Northwind Trades", "Umbrella"):
        world.salesforce.create("Account", Name=name)
    create(world, "Nortwind Traders")
    [operation] = [each for each in world.plan() if each["action"] == "create" and each["side"] == "salesforce"]
    suggestions = operation["detail"]["suggestions"]
    assert len(suggestions) == most
    assert suggestions[:1] == ["Northwind Traders"][:most]
    assert "Umbrella" not in suggestions
    world.run()
    assert created(world)["AccountId"] is None


# -- other ways of finding an Account --------------------------------------------------------------------------------


def test_a_fixed_account_is_taken_whatever_the_company_says(world: World) -> None:
    world.salesforce.create("Account", Name="Acme")
    fixed = world.salesforce.create("Account", Name="House Account")
    world.use(account={"mode": "fixed", "fixed_id": fixed})
    create(world, "Acme")
    world.run()
    assert created(world)["AccountId"] == fixed


def test_without_resolution_a_contact_gets_no_account(world: World) -> None:
    world.salesforce.create("Account", Name="Acme")
    world.use(account={"mode": "none"})
    create(world, "Acme")
    world.run()
    world.run()
    assert created(world)["AccountId"] is None
    assert item(world)["companyName"] == "Acme"


def test_a_deleted_account_is_not_taken(world: World) -> None:
    gone = world.salesforce.create("Account", Name="Acme")
    world.run()
    world.salesforce.delete(gone, "Account")
    create(world, "Acme")
    world.run()
    assert created(world)["AccountId"] is None


# -- a Company that was not resolved ---------------------------------------------------------------------------------


def test_an_unresolved_company_stays_when_the_contact_changes_in_salesforce(world: World) -> None:
    create(world, "Unheard Of")
    world.run()
    world.salesforce.update(created(world)["Id"], Title="Director")
    world.run()
    world.run()
    assert (item(world)["companyName"], item(world)["jobTitle"]) == ("Unheard Of", "Director")


def test_a_company_that_found_no_account_is_not_tried_again_by_default(world: World) -> None:
    create(world, "Acme")
    world.run()
    world.salesforce.create("Account", Name="Acme")
    world.run()
    world.run()
    assert created(world)["AccountId"] is None


def test_with_retry_empty_an_account_that_appears_later_is_taken(world: World) -> None:
    world.use(account={"retry_empty": True})
    create(world, "Acme")
    world.run()
    assert created(world)["AccountId"] is None
    account = world.salesforce.create("Account", Name="Acme")
    world.run()
    assert created(world)["AccountId"] == account
    world.run()
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_with_retry_empty_a_changed_company_is_tried_again(world: World) -> None:
    world.use(account={"retry_empty": True})
    account = world.salesforce.create("Account", Name="Acme")
    create(world, "Acne")
    world.run()
    assert created(world)["AccountId"] is None
    world.anna.update(item(world)["id"], companyName="Acme")
    world.run()
    assert created(world)["AccountId"] == account


def test_with_retry_empty_a_renamed_account_is_found(world: World) -> None:
    world.use(account={"retry_empty": True})
    account = world.salesforce.create("Account", Name="Acne")
    create(world, "Acme")
    world.run()
    world.salesforce.update(account, "Account", Name="Acme")
    world.run()
    assert created(world)["AccountId"] == account


def updates(world: World, document: Json) -> list[Json]:
    """What a run changed in Salesforce, as its plan says it."""
    return [op for op in world.plan_of(document["run_id"]) if (op["side"], op["action"]) == ("salesforce", "update")]


def account_rule(world: World, contact: str) -> tuple[str, int]:
    """What `explain` knows of the Account: the rule and the number of candidates."""
    with open_warehouse(warehouse_path(world.settings())) as connection:
        [link] = Reader(connection).story("", "", contact)["links"]
    return link["account_rule"], link["account_candidates"]


def test_an_account_found_later_is_told_as_that_with_its_rule(world: World) -> None:
    world.use(account={"retry_empty": True})
    create(world, "Acme")
    world.run()
    contact = created(world)["Id"]
    assert account_rule(world, contact) == ("no_match", 0)
    world.salesforce.create("Account", Name="Acme")
    world.salesforce.create("Account", Name="Acme")
    [update] = updates(world, world.run())
    assert update["rule"] == "R7"
    assert update["reason"] == (
        "Created without an Account; its Company finds one now. "
        "Account: the one created first of 2 with its Company as name."
    )
    assert (update["detail"]["account_rule"], update["detail"]["account_candidates"]) == ("earliest_created", 2)
    assert account_rule(world, contact) == ("earliest_created", 2)
    world.run()
    assert account_rule(world, contact) == ("earliest_created", 2)


def test_an_account_found_later_beside_an_edit_is_no_edit_of_company(world: World) -> None:
    world.use(account={"retry_empty": True})
    create(world, "Acme")
    world.run()
    world.salesforce.create("Account", Name="Acme")
    world.anna.update(item(world)["id"], jobTitle="Director")
    [update] = updates(world, world.run())
    assert update["rule"] == "R10"
    assert update["reason"].startswith("Edited in Outlook: job_title. Created without an Account;")
    assert created(world)["Title"] == "Director"


def test_with_retry_empty_an_account_set_in_salesforce_since_stays(world: World) -> None:
    world.use(account={"retry_empty": True})
    create(world, "Acme")
    world.run()
    chosen = world.salesforce.create("Account", Name="Chosen by hand")
    world.salesforce.update(created(world)["Id"], AccountId=chosen)
    world.run()
    world.salesforce.create("Account", Name="Acme")
    world.run()
    world.run()
    assert created(world)["AccountId"] == chosen


@pytest.mark.slow
def test_with_retry_empty_an_account_cleared_in_salesforce_since_stays_empty(world: World) -> None:
    world.use(account={"retry_empty": True})
    create(world, "Acme")
    world.run()
    chosen = world.salesforce.create("Account", Name="Chosen by hand")
    world.salesforce.update(created(world)["Id"], AccountId=chosen)
    world.run()
    world.salesforce.update(created(world)["Id"], AccountId=None)
    world.run()
    world.salesforce.create("Account", Name="Acme")
    world.run()
    world.run()
    assert created(world)["AccountId"] is None


def test_with_retry_empty_a_contact_that_we_did_not_create_is_not_given_an_account(world: World) -> None:
    world.use(account={"retry_empty": True})
    contact = world.as_user(harness.ANNA).create(LastName="Adler", Email="adler@example.com")
    world.run()
    world.anna.update(item(world, "adler@example.com")["id"], companyName="Acme")
    world.run()
    world.salesforce.create("Account", Name="Acme")
    world.run()
    assert world.salesforce.contact(Id=contact)["AccountId"] is None


# -- edits of the Company --------------------------------------------------------------------------------------------


def two_accounts(world: World) -> tuple[str, str]:
    """Mia at Acme, and another Account."""
    acme, other = world.salesforce.create("Account", Name="Acme"), world.salesforce.create("Account", Name="Other")
    create(world, "Acme")
    world.run()
    assert created(world)["AccountId"] == acme
    return acme, other


def test_an_edit_of_company_does_not_move_a_contact_and_is_taken_back_as_a_conflict(world: World) -> None:
    acme, _ = two_accounts(world)
    world.anna.update(item(world)["id"], companyName="Other")
    document = world.run()
    assert of(document, harness.ANNA)["conflicts"] == 1
    world.run()
    assert created(world)["AccountId"] == acme
    assert item(world)["companyName"] == "Acme"


def test_with_company_edits_resolve_an_edit_of_company_moves_the_contact(world: World) -> None:
    world.use(account={"company_edits": "resolve"})
    _, other = two_accounts(world)
    world.anna.update(item(world)["id"], companyName="other")
    [update] = updates(world, world.run())
    assert update["reason"] == "Edited in Outlook: company. Account: the exact name of its Company."
    assert (update["detail"]["account_rule"], update["detail"]["account_candidates"]) == ("exact", 1)
    assert created(world)["AccountId"] == other
    world.run()
    mark = world.mark()
    world.run()
    assert world.writes(mark) == []


def test_with_company_edits_resolve_an_unknown_company_neither_empties_the_account_nor_is_blanked(world: World) -> None:
    world.use(account={"company_edits": "resolve"})
    acme, _ = two_accounts(world)
    world.anna.update(item(world)["id"], companyName="Unheard Of")
    world.run()
    world.run()
    assert created(world)["AccountId"] == acme
    assert item(world)["companyName"] in ("Unheard Of", "Acme")


def test_with_company_edits_resolve_a_contact_from_salesforce_moves_too(world: World) -> None:
    world.use(account={"company_edits": "resolve"})
    acme, other = world.salesforce.create("Account", Name="Acme"), world.salesforce.create("Account", Name="Other")
    contact = world.as_user(harness.ANNA).create(LastName="Adler", Email="adler@example.com", AccountId=acme)
    world.run()
    world.anna.update(item(world, "adler@example.com")["id"], companyName="Other")
    world.run()
    assert world.salesforce.contact(Id=contact)["AccountId"] == other


def test_an_account_changed_in_salesforce_changes_the_company_in_outlook(world: World) -> None:
    _, other = two_accounts(world)
    world.salesforce.update(created(world)["Id"], AccountId=other)
    world.run()
    assert item(world)["companyName"] == "Other"


def test_a_renamed_account_changes_the_company_in_outlook(world: World) -> None:
    acme, _ = two_accounts(world)
    world.salesforce.update(acme, "Account", Name="Acme International")
    world.run()
    assert item(world)["companyName"] == "Acme International"


def test_a_company_is_never_resolved_to_a_person_account(world: World) -> None:
    world.org("person_accounts", FirstName="John", LastName="Smith")
    world.run()
    create(world, "John Smith")
    world.run()
    assert created(world)["AccountId"] is None
