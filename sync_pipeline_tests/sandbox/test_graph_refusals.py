"""Graph's documented refusals on the routes where the other wire tests do not meet them: graph.md A, B, G, J.7, J.9."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.sandbox.graph_client import GraphClient


@pytest.mark.parametrize("status", [400, 409])
def test_a_folders_name_is_its_own_among_its_siblings(graph: GraphClient, status: int) -> None:
    graph.control("POST", "switches", {"folder_exists_status": status})
    parent, other = graph.folder("Parent"), graph.folder("Other")
    graph.ok("POST", f"contactFolders/{parent}/childFolders", json={"displayName": "Child"})
    expected = (status, "ErrorFolderExists")
    assert graph.error("POST", f"contactFolders/{parent}/childFolders", json={"displayName": "CHILD"})[:2] == expected
    assert graph.error("PATCH", f"contactFolders/{other}", json={"displayName": "parent"})[:2] == expected
    assert graph.ok("GET", f"contactFolders/{other}")["displayName"] == "Other"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"$select": "nonsense"}, "BadRequest"),
        ({"$search": "x"}, "ErrorInvalidUrlQuery"),
        ({"$filter": "surname eq 'x'"}, "ErrorInvalidUrlQueryFilter"),
    ],
)
def test_a_folders_list_refuses_what_the_default_one_refuses(
    graph: GraphClient, options: dict[str, str], code: str
) -> None:
    for path in ("contacts", f"contactFolders/{graph.folder()}/contacts"):
        assert graph.error("GET", path, params=options)[:2] == (400, code)


@pytest.mark.parametrize("option", ["$orderby", "$filter", "$expand", "$search", "$top"])
def test_a_folders_delta_names_the_parameters_it_does_not_take(graph: GraphClient, option: str) -> None:
    path = f"contactFolders/{graph.folder()}/contacts/delta"
    status, code, message = graph.error("GET", path, params={option: "x"})
    assert (status, code) == (400, "ErrorInvalidUrlQuery")
    assert "not supported with change tracking over the 'Contacts' resource" in message


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"businessPhones": ["1", "2", "3"]}, "BusinessPhones has 3 entries, that exceeds the max allowed value of 2"),
        ({"emailAddresses": [{"address": f"{n}@x.y"} for n in range(4)]}, "EmailAddresses has 4 entries"),
    ],
)
def test_lists_are_limited_wherever_a_contact_is_written(graph: GraphClient, body: dict[str, Any], told: str) -> None:
    folder = graph.folder()
    made = graph.contact(folder, surname="Full")["id"]
    places = (("POST", "contacts"), ("PATCH", f"contacts/{made}"), ("POST", f"contactFolders/{folder}/contacts"),
              ("PATCH", f"contactFolders/{folder}/contacts/{made}"))  # fmt: skip
    for method, path in places:
        status, code, message = graph.error(method, path, json=body)
        assert (status, code) == (400, "ErrorInvalidArgument")
        assert told in message
    assert len(graph.log()) == 2


def test_an_old_version_is_refused_below_the_folder_too(graph: GraphClient) -> None:
    folder = graph.folder()
    made = graph.contact(folder, surname="Old")
    path = f"contactFolders/{folder}/contacts/{made['id']}"
    graph.ok("PATCH", path, json={"surname": "New"})
    old = {"If-Match": made["@odata.etag"]}
    expected = (412, "ErrorIrresolvableConflict")
    assert graph.error("PATCH", path, json={"surname": "Lost"}, headers=old)[:2] == expected
    assert graph.error("DELETE", path, headers=old)[:2] == expected
    assert graph.ok("GET", path)["surname"] == "New"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_photo_is_a_picture(graph: GraphClient, method: str) -> None:
    folder = graph.folder()
    made = graph.contact(folder, surname="Face")["id"]
    for path in (f"contacts/{made}/photo/$value", f"contactFolders/{folder}/contacts/{made}/photo/$value"):
        for content, kind in ((b"text", "text/plain"), (b"", "image/png")):
            told = graph.error(method, path, content=content, headers={"Content-Type": kind})
            assert told[:2] == (400, "BadRequest")
