"""What the Graph stand-in reads and refuses: tokens, bodies and their types; the bare count; what goes for good."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient


@pytest.mark.parametrize("path", ["/v1.0/me", f"/v1.0/users/{ANNA}/contacts", "/v1.0/users", f"/v1.0/users/{ANNA}"])
@pytest.mark.parametrize("name", ["nobody@example.com", "x", "administrator"])
def test_the_token_of_a_person_who_is_not_there_is_an_unknown_token(graph: GraphClient, name: str, path: str) -> None:
    headers = {"Authorization": f"Bearer user:{name}"}
    assert graph.error("GET", path, headers=headers)[:2] == (401, "InvalidAuthenticationToken")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/json5"])
def test_a_body_that_says_it_is_no_json_is_refused(graph: GraphClient, kind: str) -> None:
    made = graph.contact(surname="Stays")
    for method, path in (("PATCH", f"contacts/{made['id']}"), ("POST", "contacts"), ("POST", "/v1.0/$batch")):
        told = graph.error(method, path, content=b'{"surname": "Other"}', headers={"Content-Type": kind})
        assert told[:2] == (415, "RequestBodyRead")
    assert len(graph.log()) == 1
    odd = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert graph.request("POST", "contacts", content=b"{}", headers=odd).status_code == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {"createdDateTime": "zz"}, {"lastModifiedDateTime": 5}, {"id": 5}, {"changeKey": []}, {"parentFolderId": {}},
        {"primaryEmailAddress": "text"}, {"createdDateTime": True},
    ],
)  # fmt: skip
def test_a_read_only_property_of_the_wrong_type_is_refused(graph: GraphClient, wrong: dict[str, Any]) -> None:
    made = graph.contact(surname="Stays")
    for method, path in (("PATCH", f"contacts/{made['id']}"), ("POST", "contacts")):
        assert graph.error(method, path, json=wrong)[:2] == (400, "RequestBodyRead")
    assert len(graph.log()) == 1


def test_a_contact_is_taken_back_as_it_was_given(graph: GraphClient) -> None:
    made = graph.contact(surname="Whole", emailAddresses=[{"address": "whole@example.com"}])
    again = graph.ok("PATCH", f"contacts/{made['id']}", json=made)
    assert again["surname"] == "Whole"
    assert graph.request("POST", "contacts", json={**made, "createdDateTime": None}).status_code == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("contactFolders", {"displayName": "F", "colour": "red"}),
        ("contactFolders/contacts/childFolders", {"displayName": "F", "contacts": []}),
        ("outlook/masterCategories", {"displayName": "C", "colour": "preset1"}),
    ],
)
def test_folders_and_categories_have_no_unknown_properties(graph: GraphClient, path: str, body: dict[str, Any]) -> None:
    assert graph.error("POST", path, json=body)[:2] == (400, "RequestBodyRead")
    typed = {"@odata.type": "#microsoft.graph.x", **{name: body[name] for name in list(body)[:1]}}
    made = graph.ok("POST", path, json=typed)
    if path.endswith("Categories"):
        assert graph.error("PATCH", f"{path}/{made['id']}", json={"colour": "x"})[:2] == (400, "RequestBodyRead")
    assert len(graph.log()) == 1


# -- counting and what goes for good -----------------------------------------------------------------------------------


def test_contacts_are_counted_as_plain_text(graph: GraphClient) -> None:
    folder = graph.folder()
    graph.contact(surname="Here", emailAddresses=[{"address": "here@example.com"}])
    graph.contact(folder, surname="There")
    graph.contact(folder, surname="There too")
    for path, count in (("contacts/$count", "1"), (f"contactFolders/{folder}/contacts/$count", "2")):
        answer = graph.request("GET", path)
        assert (answer.status_code, answer.text) == (200, count)
        assert answer.headers["Content-Type"].startswith("text/plain")
    found = {"$filter": "emailAddresses/any(a:a/address eq 'nowhere@example.com')"}
    assert graph.request("GET", "contacts/$count", params=found).text == "0"
    graph.control("POST", "switches", {"contact_lists_counted": 3})
    assert graph.request("GET", "contacts/$count").text == "4"
    answers = graph.batch({"id": "1", "method": "GET", "url": f"/users/{ANNA}/contacts/$count"})
    assert (answers["1"]["status"], answers["1"]["body"]) == (200, "4")
    assert graph.error("GET", "contacts/$count", params={"$top": "1"})[:2] == (400, "ErrorInvalidUrlQuery")
    assert graph.error("GET", "contacts/$count", params={"$filter": "x"})[:2] == (400, "ErrorInvalidUrlQueryFilter")


def test_a_photo_that_goes_for_good_with_its_contact_is_in_the_log(graph: GraphClient) -> None:
    made = graph.contact(surname="Face")
    photo = f"contacts/{made['id']}/photo/$value"
    assert graph.request("PUT", photo, content=b"PNG", headers={"Content-Type": "image/png"}).status_code == 200
    assert graph.request("POST", f"contacts/{made['id']}/permanentDelete").status_code == 204
    entry, contact = graph.log()[-2:]
    assert (entry["entity"], entry["action"], entry["id"], entry["after"]) == ("photo", "delete", made["id"], None)
    assert entry["before"]["size"] == 3
    assert (contact["entity"], contact["action"]) == ("contact", "delete")
