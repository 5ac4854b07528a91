"""The Graph stand-in as O365 sees it, a client that nobody here wrote: graph.md I and J."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from O365 import Account, MSGraphProtocol
from O365.address_book import AddressBook
from O365.utils.token import MemoryTokenBackend
from requests.exceptions import HTTPError

from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient


@pytest.fixture
def account(graph: GraphClient) -> Iterator[Any]:
    """Anna's mailbox by the application's token, asked for beforehand: MSAL refuses plain http."""
    token = graph.http.headers["Authorization"].removeprefix("Bearer ")
    backend = MemoryTokenBackend()
    backend.add(
        {
            "client_id": "sandbox-app",
            "scope": ["https://graph.microsoft.com/.default"],
            "token_endpoint": "https://login.microsoftonline.com/contoso/oauth2/v2.0/token",
            "response": {"access_token": token, "expires_in": 3600, "token_type": "Bearer"},
        }
    )

    class Loopback(MSGraphProtocol):  # type: ignore[misc]
        _protocol_url = f"{str(graph.http.base_url).rstrip('/')}/"

    made = Account(
        ("sandbox-app", "sandbox-secret"),
        auth_flow_type="credentials",
        tenant_id="contoso",
        token_backend=backend,
        protocol=Loopback(),
        main_resource=ANNA,
        requests_delay=0,
        request_retries=0,
        timeout=20,
    )
    made.con.session = made.con.get_session(load_token=True)
    yield made
    made.con.session.close()


def test_o365_adds_changes_lists_and_deletes_a_contact(graph: GraphClient, account: Any) -> None:
    book: AddressBook = account.address_book()
    contact = book.new_contact()
    contact.name, contact.surname, contact.company_name = "Ida", "Adler", "Acme"
    contact.emails.add("ida@example.com")
    contact.business_phones = ["1", "2"]
    assert contact.save()
    assert contact.object_id == graph.ok("GET", "contacts")["value"][0]["id"]
    contact.job_title = "Boss"
    assert contact.save()
    [found] = book.get_contacts(limit=5)
    assert (found.full_name, found.job_title, found.main_email, found.company_name) == (
        "Ida Adler", "Boss", "ida@example.com", "Acme",
    )  # fmt: skip
    [found] = book.get_contacts(query="emailAddresses/any(a:a/address eq 'ida@example.com')")
    assert found.delete()
    assert [row["action"] for row in graph.log()] == ["create", "update", "delete"]


def test_o365_pages_through_contacts_and_folders(graph: GraphClient, account: Any) -> None:
    for number in range(5):
        graph.contact(surname=f"Number {number}")
    graph.folder("Salesforce Contacts")
    book: AddressBook = account.address_book()
    assert len(list(book.get_contacts(limit=None, batch=2))) == 5
    assert [folder.name for folder in book.get_folders()] == ["Salesforce Contacts"]
    assert (
        book.get_folder(folder_name="Salesforce Contacts").folder_id
        == graph.ok("GET", "contactFolders")["value"][0]["id"]
    )


def test_o365_makes_categories_and_meets_refusals(graph: GraphClient, account: Any) -> None:
    categories = account.outlook_categories()
    made = categories.create_category("Salesforce", "blue")
    assert [(each["displayName"], each["color"]) for each in graph.ok("GET", "outlook/masterCategories")["value"]] == [
        ("Salesforce", "preset7")
    ]
    assert [each.name for each in categories.get_categories()] == ["Salesforce"]
    assert made.delete()
    book: AddressBook = account.address_book()
    crowded = book.new_contact()
    crowded.name, crowded.business_phones = "Many", ["1", "2", "3"]
    with pytest.raises(HTTPError, match="max allowed value of 2"):
        crowded.save()
