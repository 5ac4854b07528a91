"""The Graph stand-in's switches, one for each fact that facts/graph.md marks as not verified; both values of each."""

from __future__ import annotations

from typing import Any

import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, IMMUTABLE, STAMP, GraphClient

EXPAND = {"$expand": f"singleValueExtendedProperties($filter=id eq '{STAMP}')"}
STAMPED: dict[str, Any] = {"singleValueExtendedProperties": [{"id": STAMP, "value": "003AAAAAAAAAAAAAAA"}]}


def switch(graph: GraphClient, **values: Any) -> None:
    graph.control("POST", "switches", values)


def test_every_switch_has_a_default_a_value_and_a_sentence_why(graph: GraphClient) -> None:
    known = graph.control("GET", "switches/known")
    mine = {name: told for name, told in known.items() if not name.startswith("salesforce_")}
    assert {"etag_is_change_key", "latency_ms"} <= set(mine)
    assert all(told["why"].endswith((".", "'")) and told["default"] == told["value"] for told in mine.values())
    assert known["long_strings"]["choices"] == ["kept", "refused", "truncated"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"no_such_switch": True}, "unknown key"),
        ({"etag_is_change_key": "yes"}, "takes a bool"),
        ({"long_strings": "shouted"}, "one of 'kept', 'refused', 'truncated'"),
    ],
)
def test_an_unknown_switch_and_a_wrong_value_are_refused(graph: GraphClient, values: Any, told: str) -> None:
    answer = graph.request("POST", "/_sandbox/switches", json=values)
    assert answer.status_code == 400
    assert told in answer.json()["error"]


def test_limits_of_phones_and_chat_addresses(graph: GraphClient) -> None:
    three = ["1", "2", "3"]
    assert graph.error("POST", "contacts", json={"homePhones": three})[1] == "ErrorInvalidArgument"
    assert graph.request("POST", "contacts", json={"imAddresses": three}).status_code == 201
    switch(graph, home_phones_limit=0, im_addresses_limit=2)
    assert graph.request("POST", "contacts", json={"homePhones": three}).status_code == 201
    assert "ImAddresses has 3 entries" in graph.error("POST", "contacts", json={"imAddresses": three})[2]


def test_long_texts_are_kept_refused_or_cut(graph: GraphClient) -> None:
    long = "x" * 300
    assert graph.contact(surname=long)["surname"] == long
    switch(graph, long_strings="refused")
    assert graph.error("POST", "contacts", json={"surname": long})[:2] == (400, "ErrorInvalidArgument")
    switch(graph, long_strings="truncated", string_length_limit=10)
    assert graph.contact(surname=long)["surname"] == "x" * 10


@pytest.mark.parametrize(
    ("rule", "name"), [("last_first", "Fort, Garth"), ("first_last", "Garth Fort"), ("empty", None)]
)
def test_file_as_is_made_by_one_rule_or_another(graph: GraphClient, rule: str, name: str | None) -> None:
    switch(graph, file_as_rule=rule)
    assert graph.contact(givenName="Garth", surname="Fort")["fileAs"] == name


def test_an_etag_need_not_be_the_change_key_and_both_serve_as_a_condition(graph: GraphClient) -> None:
    made = graph.contact(surname="One")
    assert made["@odata.etag"] == f'W/"{made["changeKey"]}"'
    switch(graph, etag_is_change_key=False)
    shown = graph.ok("GET", f"contacts/{made['id']}")
    assert shown["@odata.etag"] != made["@odata.etag"]
    patch = {"json": {"surname": "Two"}, "headers": {"If-Match": shown["@odata.etag"]}}
    assert graph.request("PATCH", f"contacts/{made['id']}", **patch).status_code == 200
    assert graph.error("PATCH", f"contacts/{made['id']}", **patch)[0] == 412


def test_part_of_an_address_leaves_the_rest_or_not(graph: GraphClient) -> None:
    made = graph.contact(businessAddress={"city": "Bern", "street": "1 Way"})
    patch = {"businessAddress": {"city": "Basel"}}
    url = f"contacts/{made['id']}"
    assert graph.ok("PATCH", url, json=patch)["businessAddress"] == {"city": "Basel", "street": "1 Way"}
    switch(graph, address_patch_merges=False)
    assert graph.ok("PATCH", url, json=patch)["businessAddress"] == {"city": "Basel"}


def test_a_patch_of_the_parent_folder_is_ignored_obeyed_or_refused(graph: GraphClient) -> None:
    folder, made = graph.folder(), graph.contact(surname="Here")
    url, patch = f"contacts/{made['id']}", {"parentFolderId": folder}
    assert graph.ok("PATCH", url, json=patch)["parentFolderId"] != folder
    switch(graph, patch_parent_folder="refused")
    before = len(graph.log())
    assert graph.error("PATCH", url, json=patch)[0] == 400
    assert len(graph.log()) == before
    switch(graph, patch_parent_folder="moves")
    assert graph.ok("PATCH", url, json=patch)["parentFolderId"] == folder


def test_a_permanent_delete_is_for_good_or_soft(graph: GraphClient) -> None:
    for soft, status in ((False, 404), (True, 200)):
        switch(graph, permanent_delete_is_soft=soft)
        made = graph.contact(surname="Gone")
        assert graph.request("POST", f"contacts/{made['id']}/permanentDelete").status_code == 204
        assert graph.request("GET", f"contacts/{made['id']}").status_code == status


@pytest.mark.parametrize("keeps", [True, False])
def test_a_persons_copy_carries_the_extended_properties_or_not(graph: GraphClient, keeps: bool) -> None:
    switch(graph, copy_keeps_extended=keeps)
    made = graph.contact(surname="Twin", **STAMPED)
    copy = graph.control("POST", "graph/copy", {"mailbox": ANNA, "contact": made["id"], "folder": "contacts"})
    shown = graph.ok("GET", f"contacts/{copy['immutable_id']}", params=EXPAND)
    assert shown["surname"] == "Twin"
    assert ("singleValueExtendedProperties" in shown) == keeps
    assert [row["actor"] for row in graph.log()] == ["application", f"user:{ANNA}"]


def test_a_drag_may_change_the_immutable_id_and_keeps_everything_else(graph: GraphClient) -> None:
    folder, made = graph.folder(), graph.contact(surname="Drag", **STAMPED)
    switch(graph, move_changes_immutable_id=True)
    moved = graph.control("POST", "graph/move", {"mailbox": ANNA, "contact": made["id"], "folder": folder})
    assert moved["immutable_id"] != made["id"]
    assert graph.error("GET", f"contacts/{made['id']}")[0] == 404
    shown = graph.ok("GET", f"contacts/{moved['immutable_id']}", params=EXPAND)
    assert shown["singleValueExtendedProperties"][0]["value"] == "003AAAAAAAAAAAAAAA"


def test_contact_lists_inflate_the_count(graph: GraphClient) -> None:
    graph.contact(surname="One")
    assert graph.ok("GET", "contacts?$count=true")["@odata.count"] == 1
    switch(graph, contact_lists_counted=2)
    answer = graph.ok("GET", "contacts?$count=true")
    assert (answer["@odata.count"], len(answer["value"])) == (3, 1)


def test_an_unlisted_category_is_accepted_or_refused(graph: GraphClient) -> None:
    assert graph.request("POST", "contacts", json={"categories": ["New"]}).status_code == 201
    switch(graph, unlisted_categories_accepted=False)
    assert graph.error("POST", "contacts", json={"categories": ["New"]})[0] == 400
    graph.ok("POST", "outlook/masterCategories", json={"displayName": "New"})
    made = graph.contact(categories=["new"])
    assert graph.error("PATCH", f"contacts/{made['id']}", json={"categories": ["Other"]})[0] == 400


@pytest.mark.parametrize("status", [400, 409])
def test_a_second_category_of_a_name_is_refused_with_either_status(graph: GraphClient, status: int) -> None:
    switch(graph, category_exists_status=status)
    graph.ok("POST", "outlook/masterCategories", json={"displayName": "New"})
    assert graph.error("POST", "outlook/masterCategories", json={"displayName": "new"})[0] == status


def test_extended_values_set_to_nothing_go_or_stay_empty(graph: GraphClient) -> None:
    for removes in (True, False):
        switch(graph, extended_null_removes=removes)
        made = graph.contact(surname="One", **STAMPED)
        cleared = {"singleValueExtendedProperties": [{"id": STAMP, "value": None}]}
        graph.ok("PATCH", f"contacts/{made['id']}", json=cleared)
        shown = graph.ok("GET", f"contacts/{made['id']}", params=EXPAND)
        assert ("singleValueExtendedProperties" in shown) != removes


@pytest.mark.parametrize(
    "id",
    [
        "String {00062004-0000-0000-C000-000000000046} Id 0x804F",
        "String {00020329-0000-0000-C000-000000000046} Name MixedCase",
        "String 0x3A24",
    ],
)
def test_the_three_forms_of_extended_ids_are_stored_and_may_come_back_rewritten(graph: GraphClient, id: str) -> None:
    made = graph.contact(singleValueExtendedProperties=[{"id": id, "value": "x"}])
    expand = {"$expand": f"singleValueExtendedProperties($filter=id eq '{id}')"}
    url = f"contacts/{made['id']}"
    assert graph.ok("GET", url, params=expand)["singleValueExtendedProperties"] == [{"id": id, "value": "x"}]
    switch(graph, extended_ids_rewritten=True)
    [shown] = graph.ok("GET", url, params=expand)["singleValueExtendedProperties"]
    assert shown["id"] != id
    assert shown["id"].casefold() == id.casefold()


def test_removals_are_told_in_either_form(graph: GraphClient) -> None:
    made = graph.contact(surname="Gone")
    _, link = graph.delta("contacts/delta")
    graph.ok("DELETE", f"contacts/{made['id']}")
    [row], _ = graph.delta(link)
    assert (row["@odata.type"], row["@removed"]) == ("#microsoft.graph.contact", {"reason": "deleted"})
    switch(graph, delta_removed_type="", delta_removed_reason="changed")
    [row], _ = graph.delta(link)
    assert set(row) == {"id", "@removed"}
    assert row["@removed"] == {"reason": "changed"}


def test_rows_after_the_first_round_may_be_partial(graph: GraphClient) -> None:
    switch(graph, delta_partial_rows=True)
    made = graph.contact(surname="Whole")
    [row], link = graph.delta("contacts/delta")
    assert row["surname"] == "Whole"
    graph.ok("PATCH", f"contacts/{made['id']}", json={"surname": "Part"})
    [row], _ = graph.delta(link, headers=IMMUTABLE)
    assert set(row) == {"@odata.etag", "id", "changeKey", "lastModifiedDateTime", "parentFolderId"}


def test_links_may_come_in_key_form(graph: GraphClient) -> None:
    folder = graph.folder()
    switch(graph, delta_links_in_key_form=True)
    _, link = graph.delta(f"contactFolders/{folder}/contacts/delta")
    assert f"/contactFolders('{folder}')/contacts/delta" in link
    graph.contact(folder, surname="New")
    assert len(graph.delta(link)[0]) == 1


@pytest.mark.parametrize("code", ["SyncStateNotFound", "syncStateNotFound", "SyncStateInvalid", "resyncRequired"])
def test_an_expired_state_has_one_of_several_codes_and_perhaps_a_location(graph: GraphClient, code: str) -> None:
    switch(graph, delta_expired_code=code)
    assert graph.error("GET", "contacts/delta?$deltatoken=old")[:2] == (410, code)
    assert "Location" not in graph.request("GET", "contacts/delta?$deltatoken=old").headers
    switch(graph, delta_expired_location=True)
    location = graph.request("GET", "contacts/delta?$deltatoken=old").headers["Location"]
    assert location.endswith(f"/users/{ANNA}/contacts/delta?$deltatoken=")
    assert "@odata.deltaLink" in graph.ok("GET", location)


def test_the_parts_of_a_batch_inherit_prefer_or_not(graph: GraphClient) -> None:
    made = graph.contact(surname="One")
    body = {"requests": [{"id": "1", "method": "GET", "url": f"/users/{ANNA}/contacts"}]}
    for inherits in (False, True):
        switch(graph, batch_inherits_prefer=inherits)
        [answer] = graph.ok("POST", "/v1.0/$batch", json=body, headers=IMMUTABLE)["responses"]
        assert (answer["body"]["value"][0]["id"] == made["id"]) == inherits


def test_throttling_has_either_code(graph: GraphClient) -> None:
    switch(graph, throttled_code="UnknownError")
    graph.control("POST", "faults", [{"fault": "429"}])
    assert graph.error("GET", "contacts") == (429, "UnknownError", "")


def test_the_delta_of_folders_takes_more_options_and_shows_the_default_folder_or_not(graph: GraphClient) -> None:
    assert graph.error("GET", "contactFolders/delta?$top=5")[1] == "ErrorInvalidUrlQuery"
    assert graph.delta("contactFolders/delta")[0] == []
    switch(graph, folder_delta_options_refused=False, folder_delta_includes_default=True)
    rows, _ = graph.delta("contactFolders/delta?$top=5")
    assert [row["displayName"] for row in rows] == ["Contacts"]
