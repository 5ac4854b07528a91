"""The Graph stand-in as Microsoft's own Python SDK sees it: graph.md J. What the SDK's model does not know stands out
in `additional_data`, where nothing may be but annotations."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import time
import warnings
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from typing import Any

import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, IMMUTABLE, STAMP, GraphClient

INSTALL = ".venv/bin/python -m pip install -r sync_pipeline_tests/sandbox/witness/requirements.txt"
ALLOWED = ("@odata.", "@removed")
Using = Callable[[Callable[[Any], Awaitable[Any]]], Any]

pytestmark = [
    pytest.mark.witness,
    # The SDK warns of itself while it is imported.
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated:DeprecationWarning"),
]


@pytest.fixture
def sdk(graph: GraphClient, request: pytest.FixtureRequest) -> Using:
    """Runs a coroutine function with the SDK's client of Anna's mailbox."""
    if find_spec("msgraph") is None:
        missing = f"msgraph-sdk is not installed: {INSTALL}"
        if "witness" in str(request.config.getoption("markexpr")):
            pytest.fail(missing)
        pytest.skip(missing)
    from azure.core.credentials import AccessToken
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from msgraph.graph_request_adapter import GraphRequestAdapter
    from msgraph.graph_service_client import GraphServiceClient
    from msgraph_core import GraphClientFactory

    token = graph.http.headers["Authorization"].removeprefix("Bearer ")

    class Credential:
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            return AccessToken(token, int(time.time()) + 3600)

    def using(act: Callable[[Any], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            provider = AzureIdentityAuthenticationProvider(Credential(), allowed_hosts=["127.0.0.1"])
            async with GraphClientFactory.create_with_default_middleware() as http:
                adapter = GraphRequestAdapter(provider, http)
                adapter.base_url = f"{str(graph.http.base_url).rstrip('/')}/v1.0"
                return await act(GraphServiceClient(request_adapter=adapter).users.by_user_id(ANNA))

        done = asyncio.run(run())
        with warnings.catch_warnings():  # the SDK's transport does not pass the closing on: its sockets are collected
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        return done

    return using


def unknown(value: Any, path: str = "") -> list[str]:
    """What of an answer, at any depth, Microsoft's model has no property for."""
    if isinstance(value, list | tuple):
        return [each for place, item in enumerate(value) for each in unknown(item, f"{path}[{place}]")]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return []
    extra = getattr(value, "additional_data", {})
    found = [f"{path}.{name}" for name in extra if not name.startswith(ALLOWED)]
    for one in dataclasses.fields(value):
        if one.name not in ("additional_data", "backing_store"):
            found += unknown(getattr(value, one.name, None), f"{path}.{one.name}")
    return found


def preferring(builder: Any, kind: str = "", **parameters: Any) -> Any:
    """A request configuration with immutable ids and query parameters of that builder's own class."""
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    query = getattr(builder, kind)(**parameters) if kind else None
    configuration = RequestConfiguration(query_parameters=query)
    configuration.headers.add("Prefer", IMMUTABLE["Prefer"])
    return configuration


def full_contact() -> Any:
    """One with every writable property that the model has."""
    from msgraph.generated.models.contact import Contact
    from msgraph.generated.models.email_address import EmailAddress
    from msgraph.generated.models.physical_address import PhysicalAddress
    from msgraph.generated.models.single_value_legacy_extended_property import SingleValueLegacyExtendedProperty

    address = PhysicalAddress(street="1 Way", city="Bern", postal_code="3000", country_or_region="CH", state="BE")
    texts = {name: name.replace("_", " ") for name in (
        "assistant_name", "business_home_page", "company_name", "department", "display_name", "file_as", "generation",
        "given_name", "initials", "job_title", "manager", "middle_name", "mobile_phone", "nick_name", "office_location",
        "personal_notes", "profession", "spouse_name", "surname", "title", "yomi_company_name", "yomi_given_name",
        "yomi_surname",
    )}  # fmt: skip
    return Contact(
        **texts,
        email_addresses=[EmailAddress(address="ida@example.com", name="Ida")],
        business_phones=["1"], home_phones=["2"], im_addresses=["sip:a"], children=["C"], categories=["Salesforce"],
        business_address=address, home_address=address, other_address=address,
        single_value_extended_properties=[SingleValueLegacyExtendedProperty(id=STAMP, value="0035g000000001AAAQ")],
    )  # fmt: skip


def test_a_contact_goes_there_and_back_and_nothing_is_outside_the_model(graph: GraphClient, sdk: Using) -> None:
    from msgraph.generated.models.contact import Contact

    async def act(anna: Any) -> None:
        made = await anna.contacts.post(full_contact(), preferring(anna.contacts))
        assert (made.given_name, made.email_addresses[0].address, made.single_value_extended_properties) == (
            "given name", "ida@example.com", None,
        )  # fmt: skip
        assert made.additional_data["@odata.etag"] == f'W/"{made.change_key}"'
        one = anna.contacts.by_contact_id(made.id)
        expand = [f"singleValueExtendedProperties($filter=id eq '{STAMP}')"]
        kind = "ContactItemRequestBuilderGetQueryParameters"
        read = await one.get(preferring(one, kind, expand=expand))
        assert [each.value for each in read.single_value_extended_properties] == ["0035g000000001AAAQ"]
        changed = await one.patch(Contact(surname="Neu", business_phones=[]), preferring(one))
        assert (changed.surname, changed.business_phones, changed.change_key != made.change_key) == ("Neu", [], True)
        listing = await anna.contacts.get(preferring(anna.contacts))
        assert [each.id for each in listing.value] == [made.id]
        for answer in (made, read, changed, listing):
            assert unknown(answer) == []
        await one.photo.content.put(b"\x89PNG", _typed("image/png"))
        assert await one.photo.content.get() == b"\x89PNG"
        assert unknown(await one.photo.get()) == []
        await one.delete()

    sdk(act)
    assert [row["action"] for row in graph.log()] == ["create", "update", "create", "delete"]


def _typed(media_type: str) -> Any:
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    configuration = RequestConfiguration[Any]()
    configuration.headers.add("Content-Type", media_type)
    return configuration


def test_folders_and_categories_are_in_the_model(graph: GraphClient, sdk: Using) -> None:
    from msgraph.generated.models.category_color import CategoryColor
    from msgraph.generated.models.contact import Contact
    from msgraph.generated.models.contact_folder import ContactFolder
    from msgraph.generated.models.outlook_category import OutlookCategory

    async def act(anna: Any) -> None:
        folder = await anna.contact_folders.post(ContactFolder(display_name="Salesforce Contacts"))
        own = anna.contact_folders.by_contact_folder_id(folder.id)
        child = await own.child_folders.post(ContactFolder(display_name="Below"))
        renamed = await own.patch(ContactFolder(display_name="Renamed"))
        contact = await own.contacts.post(Contact(surname="Inside"))
        found = await anna.contact_folders.get()
        below = await own.child_folders.get()
        assert [each.display_name for each in (*found.value, *below.value)] == ["Renamed", "Below"]
        categories = anna.outlook.master_categories
        made = await categories.post(OutlookCategory(display_name="Salesforce", color=CategoryColor.Preset7))
        listed = await categories.get()
        assert listed.value[0].color is CategoryColor.Preset7
        for answer in (folder, child, renamed, contact, found, below, made, listed, await own.contacts.get()):
            assert unknown(answer) == []
        await categories.by_outlook_category_id(made.id).delete()
        await own.contacts.by_contact_id(contact.id).permanent_delete.post()
        await own.delete()

    sdk(act)
    assert graph.ok("GET", "contactFolders")["value"] == []


def test_changes_are_followed_page_by_page_by_link(graph: GraphClient, sdk: Using) -> None:
    ids = [graph.contact(surname=f"Number {number}")["id"] for number in range(3)]

    async def act(anna: Any) -> None:
        builder = anna.contact_folders.by_contact_folder_id("contacts").contacts.delta
        seen: list[Any] = []
        configuration = preferring(builder)
        configuration.headers.add("Prefer", "odata.maxpagesize=2")
        page = await builder.get(configuration)
        while True:
            assert unknown(page) == []
            seen += page.value
            if page.odata_next_link is None:
                break
            page = await builder.with_url(page.odata_next_link).get(configuration)
        assert [each.id for each in seen] == ids
        graph.ok("DELETE", f"contacts/{ids[0]}")
        page = await builder.with_url(page.odata_delta_link).get(configuration)
        [gone] = page.value
        assert (gone.id, gone.additional_data["@removed"]) == (ids[0], {"reason": "deleted"})
        assert unknown(page) == []

    sdk(act)


def test_refusals_are_errors_of_the_model(graph: GraphClient, sdk: Using) -> None:
    from msgraph.generated.models.contact import Contact
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    async def refused(call: Awaitable[Any]) -> tuple[int, str, list[str]]:
        with pytest.raises(ODataError) as caught:
            await call
        error = caught.value
        assert error.error.inner_error.request_id
        return error.response_status_code, error.error.code, unknown(error.error)

    async def act(anna: Any) -> None:
        missing = await refused(anna.contacts.by_contact_id("none").get())
        assert missing == (404, "ErrorItemNotFound", [])
        crowded = await refused(anna.contacts.post(Contact(business_phones=["1", "2", "3"])))
        assert crowded == (400, "ErrorInvalidArgument", [])
        delta = anna.contacts.delta
        kind = "DeltaRequestBuilderGetQueryParameters"
        assert (await refused(delta.get(preferring(delta, kind, top=1))))[:2] == (400, "ErrorInvalidUrlQuery")

    sdk(act)


def test_a_batch_is_taken_and_given_back(graph: GraphClient, sdk: Using) -> None:
    made = graph.contact(surname="In a batch")

    async def act(anna: Any) -> None:
        from msgraph_core.requests.batch_request_builder import BatchRequestBuilder
        from msgraph_core.requests.batch_request_content import BatchRequestContent
        from msgraph_core.requests.batch_request_item import BatchRequestItem

        adapter = anna.request_adapter
        asked = [anna.contacts.by_contact_id(each).to_get_request_information() for each in (made["id"], "none")]
        items = [BatchRequestItem(information) for information in asked]
        batch = BatchRequestContent({item.id: item for item in items})
        answer = await BatchRequestBuilder(adapter).post(batch)
        assert [answer.get_response_by_id(item.id).status for item in items] == [200, 404]

    sdk(act)


def test_the_sdk_sends_a_create_again_after_a_503_and_so_makes_it_twice(graph: GraphClient, sdk: Using) -> None:
    from msgraph.generated.models.contact import Contact

    fault = {"fault": "503_with_retry_after", "position": "response_lost", "retry_after": 1}
    graph.control("POST", "faults", [{**fault, "match": {"method": "POST"}}])

    async def act(anna: Any) -> None:
        await anna.contacts.post(Contact(surname="Twice"))

    sdk(act)
    assert [row["after"]["surname"] for row in graph.log()] == ["Twice", "Twice"]
