"""Change tracking of a contact folder on the wire."""

from __future__ import annotations

import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, IMMUTABLE, STAMP, GraphClient


def move(graph: GraphClient, contact: str, folder: str) -> None:
    graph.control("POST", "graph/move", {"mailbox": ANNA, "contact": contact, "folder": folder})


def test_a_round_shows_whole_rows_once_and_the_next_one_only_what_changed(graph: GraphClient) -> None:
    folder = graph.folder()
    first, second = graph.contact(folder, surname="One"), graph.contact(folder, surname="Two")
    for name in ("delta", "delta()", "microsoft.graph.delta()"):
        rows, link = graph.delta(f"contactFolders/{folder}/contacts/{name}", headers=IMMUTABLE)
        assert [row["id"] for row in rows] == [first["id"], second["id"]]
    assert rows[0]["categories"] == []
    assert "singleValueExtendedProperties" not in rows[0]
    assert graph.delta(link, headers=IMMUTABLE)[0] == []
    graph.ok("PATCH", f"contacts/{first['id']}", json={"surname": "Uno"})
    graph.ok("DELETE", f"contacts/{second['id']}")
    rows, _ = graph.delta(link, headers=IMMUTABLE)
    assert [(row["id"], "@removed" in row) for row in rows] == [(first["id"], False), (second["id"], True)]
    assert rows[1]["@removed"] == {"reason": "deleted"}
    # Every page answers in the id form that its own request asks for.
    assert {row["id"] for row in graph.delta(link)[0]}.isdisjoint({first["id"], second["id"]})


def test_pages_show_the_state_when_the_round_began(graph: GraphClient) -> None:
    folder = graph.folder()
    made = [graph.contact(folder, surname=f"S{number}") for number in range(5)]
    prefer = {"Prefer": 'odata.maxpagesize=2, IdType="ImmutableId"'}
    page = graph.ok("GET", f"contactFolders/{folder}/contacts/delta", headers=prefer)
    assert [row["id"] for row in page["value"]] == [contact["id"] for contact in made[:2]]
    assert "$skiptoken=" in page["@odata.nextLink"]
    late = graph.contact(folder, surname="Late")
    graph.ok("PATCH", f"contacts/{made[0]['id']}", json={"surname": "Changed"})
    rest, link = graph.delta(page["@odata.nextLink"], headers=prefer)
    assert [row["id"] for row in rest] == [contact["id"] for contact in made[2:]]
    following, _ = graph.delta(link, headers=prefer)
    assert [row["id"] for row in following] == [late["id"], made[0]["id"]]


def test_a_move_is_a_removal_here_and_an_arrival_there(graph: GraphClient) -> None:
    folder = graph.folder()
    _, inside = graph.delta(f"contactFolders/{folder}/contacts/delta", headers=IMMUTABLE)
    made = graph.contact(surname="Drag")
    _, outside = graph.delta("contacts/delta", headers=IMMUTABLE)
    move(graph, made["id"], folder)
    assert [row["surname"] for row in graph.delta(inside, headers=IMMUTABLE)[0]] == ["Drag"]
    [gone] = graph.delta(outside, headers=IMMUTABLE)[0]
    assert (gone["id"], gone["@removed"]["reason"]) == (made["id"], "deleted")
    move(graph, made["id"], "contacts")
    assert ["@removed" in row for row in graph.delta(outside, headers=IMMUTABLE)[0]] == [False]
    assert ["@removed" in row for row in graph.delta(outside)[0]] == [True, False]


def test_select_is_remembered_unless_the_switch_refuses_it(graph: GraphClient) -> None:
    graph.contact(surname="Known", jobTitle="Chief")
    rows, link = graph.delta("contacts/delta?$select=surname,categories")
    assert set(rows[0]) == {"@odata.etag", "id", "surname", "categories"}
    graph.contact(surname="New", jobTitle="Chief")
    assert "jobTitle" not in graph.delta(link)[0][0]
    graph.control("POST", "switches", {"delta_select_rejected": True})
    assert graph.error("GET", "contacts/delta?$select=surname")[1] == "ErrorInvalidUrlQuery"


@pytest.mark.parametrize("option", ["$top=5", "$filter=id eq '1'", "$orderby=id", "$expand=photo", "$search=x"])
def test_other_options_are_refused(graph: GraphClient, option: str) -> None:
    status, code, message = graph.error("GET", f"contacts/delta?{option}")
    assert (status, code) == (400, "ErrorInvalidUrlQuery")
    assert "not supported with change tracking over the 'Contacts' resource" in message


def test_an_expired_an_unknown_and_another_folders_token_get_410(graph: GraphClient) -> None:
    folder = graph.folder()
    _, link = graph.delta("contacts/delta")
    token = link.split("$deltatoken=")[1]
    assert graph.error("GET", f"contactFolders/{folder}/contacts/delta?$deltatoken={token}")[0] == 410
    assert graph.error("GET", "contacts/delta?$deltatoken=made-up")[0] == 410
    graph.control("POST", "graph/expire_delta")
    assert graph.error("GET", link)[:2] == (410, "SyncStateNotFound")


def test_a_change_of_an_extended_property_alone_shows_only_where_the_switch_says_so(graph: GraphClient) -> None:
    made = graph.contact(surname="Stamped")
    stamp = {"singleValueExtendedProperties": [{"id": STAMP, "value": "003AAAAAAAAAAAAAAA"}]}
    _, link = graph.delta("contacts/delta")
    graph.ok("PATCH", f"contacts/{made['id']}", json=stamp)
    rows, link = graph.delta(link)
    assert len(rows) == 1
    graph.control("POST", "switches", {"delta_shows_extended_only_changes": False})
    graph.ok("PATCH", f"contacts/{made['id']}", json=stamp)
    assert graph.delta(link)[0] == []
