"""The Graph stand-in's faults beyond plain answers: facts/graph.md B, F, J9 and J12, and the list in reliability.md."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, BEN, IMMUTABLE, GraphClient

Json = dict[str, Any]
JSON = {"Content-Type": "application/json"}
PERSON = {"Authorization": f"Bearer user:{ANNA}"}


def inject(graph: GraphClient, fault: str, **more: Any) -> None:
    graph.control("POST", "faults", [{"fault": fault, "match": {"service": "graph"}, **more}])


def fired(graph: GraphClient) -> Json:
    return dict(graph.control("GET", "requests")["faults"])


def move(graph: GraphClient, contact: str, folder: str) -> None:
    graph.control("POST", "graph/move", {"mailbox": ANNA, "contact": contact, "folder": folder})


def surnames(rows: list[Json]) -> list[str | None]:
    """The surnames of a delta page's items, None for a removal."""
    return [row.get("surname") for row in rows]


def test_every_fault_is_listed_with_its_meaning_and_unknown_ones_are_refused_with_the_list(graph: GraphClient) -> None:
    known = graph.control("GET", "faults/known")["graph"]
    assert all(meaning for meaning in known.values())
    answer = graph.request("POST", "/_sandbox/faults", json=[{"fault": "rain", "match": {"service": "graph"}}])
    assert answer.status_code == 400
    assert all(name in answer.json()["error"] for name in known)


def test_a_fault_may_be_named_as_people_write_it(graph: GraphClient) -> None:
    inject(graph, "Moved away and back and never re-added")
    [rule] = graph.control("GET", "faults")
    assert rule["fault"] == "moved_away_and_back_and_never_re_added"


def test_items_come_twice_and_in_another_order(graph: GraphClient) -> None:
    for name in ("One", "Two", "Three"):
        graph.contact(surname=name)
    inject(graph, "repeated_delta_items")
    assert surnames(graph.delta("contacts/delta")[0]) == ["One", "Two", "Three"] * 2
    inject(graph, "reordered_delta_items")
    rows, link = graph.delta("contacts/delta")
    assert surnames(rows) == ["Three", "Two", "One"]
    assert graph.delta(link)[0] == []
    assert fired(graph) == {"repeated_delta_items": 1, "reordered_delta_items": 1}


def test_a_behaviour_waits_for_a_call_in_which_it_can_do_something(graph: GraphClient) -> None:
    inject(graph, "repeated_delta_items")
    assert graph.delta("contacts/delta")[0] == []
    assert fired(graph) == {}
    graph.contact(surname="One")
    assert len(graph.delta("contacts/delta")[0]) == 2


def test_an_empty_page_has_a_next_link_that_goes_on_at_the_same_place(graph: GraphClient) -> None:
    graph.contact(surname="One")
    for url in ("contacts/delta", "contacts/delta"):
        inject(graph, "empty_page_with_nextlink")
        page = graph.ok("GET", url)
        assert page["value"] == []
        assert surnames(graph.delta(page["@odata.nextLink"])[0]) == ["One"]


def test_an_expired_next_link_stays_expired(graph: GraphClient) -> None:
    for name in ("One", "Two", "Three"):
        graph.contact(surname=name)
    first = graph.ok("GET", "contacts/delta", headers={"Prefer": "odata.maxpagesize=1"})
    inject(graph, "expired_nextlink")
    assert graph.error("GET", first["@odata.nextLink"])[:2] == (410, "SyncStateNotFound")
    assert graph.error("GET", first["@odata.nextLink"])[0] == 410
    assert len(graph.delta("contacts/delta", headers={"Prefer": "odata.maxpagesize=1"})[0]) == 3
    assert fired(graph) == {"expired_nextlink": 1}


def test_the_removal_of_an_unknown_item_is_told(graph: GraphClient) -> None:
    graph.contact(surname="One")
    inject(graph, "removed_of_an_unknown_id")
    rows, _ = graph.delta("contacts/delta", headers=IMMUTABLE)
    assert surnames(rows) == ["One", None]
    assert graph.error("GET", f"contacts/{rows[1]['id']}")[0] == 404


def test_a_created_item_is_missing_for_so_many_rounds(graph: GraphClient) -> None:
    _, link = graph.delta("contacts/delta")
    graph.contact(surname="Late")
    graph.contact(surname="There")
    inject(graph, "created_item_missing_from_delta", times=2)
    rows, link = graph.delta(link)
    assert surnames(rows) == ["There"]
    rows, link = graph.delta(link)
    assert rows == []
    assert surnames(graph.delta(link)[0]) == ["Late"]
    assert sorted(row["surname"] for row in graph.ok("GET", "contacts")["value"]) == ["Late", "There"]


def test_change_keys_change_without_a_change_and_the_log_says_who_did_it(graph: GraphClient) -> None:
    made = graph.contact(surname="Same")
    _, link = graph.delta("contacts/delta")
    inject(graph, "changekey_changed_without_a_change")
    [row], _ = graph.delta(link, headers=IMMUTABLE)
    assert (row["id"], row["surname"]) == (made["id"], "Same")
    assert row["changeKey"] != made["changeKey"]
    entry = graph.log()[-1]
    assert (entry["actor"], entry["action"]) == ("service", "update")
    ignored = {"changeKey", "lastModifiedDateTime"}
    assert {k: v for k, v in entry["before"].items() if k not in ignored} == {
        k: v for k, v in entry["after"].items() if k not in ignored
    }


@pytest.mark.parametrize(
    ("fault", "there_first", "here_first"),
    [
        ("move_seen_as_removal_then_upsert", [], [None]),
        ("move_seen_as_upsert_then_removal", ["Drag"], []),
    ],
)
def test_a_move_is_told_in_either_order(
    graph: GraphClient, fault: str, there_first: list[str], here_first: list[None]
) -> None:
    folder, made = graph.folder(), graph.contact(surname="Drag")
    _, there = graph.delta(f"contactFolders/{folder}/contacts/delta")
    _, here = graph.delta("contacts/delta")
    move(graph, made["id"], folder)
    inject(graph, fault)
    rows_there, there = graph.delta(there)
    rows_here, here = graph.delta(here)
    assert (surnames(rows_there), surnames(rows_here)) == (there_first, here_first)
    late_there, late_here = graph.delta(there)[0], graph.delta(here)[0]
    assert surnames(rows_there + late_there) == ["Drag"]
    assert surnames(rows_here + late_here) == [None]


@pytest.mark.parametrize("headers", [IMMUTABLE, {}], ids=["immutable ids", "default ids"])
def test_what_was_moved_away_and_back_is_told_as_removed_only(graph: GraphClient, headers: dict[str, str]) -> None:
    folder, made = graph.folder(), graph.contact(surname="Lost")
    shown = graph.ok("GET", f"contacts/{made['id']}", headers=headers)["id"]
    _, link = graph.delta("contacts/delta", headers=headers)
    move(graph, made["id"], folder)
    move(graph, made["id"], "contacts")
    inject(graph, "moved_away_and_back_and_never_re_added")
    rows, link = graph.delta(link, headers=headers)
    assert [(row["id"], "@removed" in row) for row in rows] == [(shown, True)]
    assert graph.delta(link, headers=headers)[0] == []
    assert graph.ok("GET", "contacts")["value"][0]["surname"] == "Lost"


def test_a_delete_may_answer_404_although_it_succeeded(graph: GraphClient) -> None:
    made = graph.contact(surname="Gone")
    inject(graph, "delete_answers_404_although_it_succeeded")
    assert graph.error("DELETE", f"contacts/{made['id']}")[:2] == (404, "ErrorItemNotFound")
    assert [row["action"] for row in graph.log()] == ["create", "delete"]
    assert graph.ok("GET", "contacts")["value"] == []


def test_parts_of_a_batch_fail_with_their_own_retry_after(graph: GraphClient) -> None:
    url = f"/users/{ANNA}/contacts"
    part = {"method": "POST", "url": url, "headers": JSON, "body": {"surname": "Part"}}
    rules = [{"fault": "batch_part_429", "retry_after": 7}, {"fault": "batch_part_503", "retry_after": 9}]
    graph.control("POST", "faults", rules)
    assert graph.request("POST", "contacts", json={"surname": "Alone"}).status_code == 201
    answers = graph.batch(*({"id": str(number), **part} for number in range(3)))
    told = {(answer["status"], answer["headers"].get("Retry-After")) for answer in answers.values()}
    assert told == {(429, "7"), (503, "9"), (201, None)}
    assert len(graph.log()) == 2


def test_a_fault_can_be_kept_to_parts_of_a_batch_or_to_calls_outside(graph: GraphClient) -> None:
    inject(graph, "500", match={"in_batch": False, "path": "/contacts$"})
    part = {"id": "1", "method": "GET", "url": f"/users/{ANNA}/contacts"}
    assert graph.batch(part)["1"]["status"] == 200
    assert graph.request("GET", "contacts").status_code == 500


def test_a_fifth_concurrent_call_to_a_mailbox_is_refused_and_counted(graph: GraphClient) -> None:
    graph.control("POST", "switches", {"latency_ms": 1000})
    inject(graph, "more_than_4_concurrent_refused", times=99)
    calls = [ANNA] * 6 + [BEN]
    with ThreadPoolExecutor(7) as threads:
        answers = list(threads.map(lambda mailbox: graph.request("GET", f"/v1.0/users/{mailbox}/contacts"), calls))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 2
    assert {answer.headers.get("Retry-After") for answer in answers if answer.status_code == 429} == {"1"}
    assert fired(graph) == {"more_than_4_concurrent_refused": 2}


def test_the_server_trims_reorders_and_renames_what_it_stores(graph: GraphClient) -> None:
    emails = [{"address": "a@example.com"}, {"address": "b@example.com"}]
    inject(graph, "server_trims_values")
    made = graph.contact(surname="  Blank ", businessPhones=[" 1 "], emailAddresses=emails)
    assert (made["surname"], made["businessPhones"]) == ("Blank", ["1"])
    inject(graph, "server_reorders_emails")
    patched = graph.ok("PATCH", f"contacts/{made['id']}", json={"emailAddresses": emails})
    assert [entry["address"] for entry in patched["emailAddresses"]] == ["b@example.com", "a@example.com"]
    inject(graph, "server_rewrites_display_name")
    patched = graph.ok("PATCH", f"contacts/{made['id']}", json={"jobTitle": "Chief"})  # nothing to rewrite
    assert "server_rewrites_display_name" not in fired(graph)
    patched = graph.ok("PATCH", f"contacts/{made['id']}", json={"givenName": "Bea", "displayName": "The Boss"})
    assert patched["displayName"] == "Bea Blank"
    assert graph.log()[-1]["after"]["displayName"] == "Bea Blank"


def test_a_copy_with_a_photo_vanishes_with_its_original(graph: GraphClient) -> None:
    original, copy = graph.contact(surname="Twin"), graph.contact(surname="Twin")
    for contact in (original, copy):
        photo = {"content": b"\x89PNG", "headers": {"Content-Type": "image/png"}}
        assert graph.request("PUT", f"contacts/{contact['id']}/photo/$value", **photo).status_code == 200
    inject(graph, "copy_with_photo_vanishes")
    assert graph.request("DELETE", f"contacts/{original['id']}").status_code == 204
    assert graph.error("GET", f"contacts/{copy['id']}")[0] == 404
    assert [(row["actor"], row["action"]) for row in graph.log()[-2:]] == [
        ("service", "delete"),
        ("application", "delete"),
    ]


def test_a_clock_may_be_off_for_one_call(graph: GraphClient) -> None:
    inject(graph, "clock_skew", skew_seconds=-3600)
    answer = graph.request("POST", "contacts", json={"surname": "Early"})
    now = graph.request("GET", "contacts")
    off = parsedate_to_datetime(now.headers["Date"]) - parsedate_to_datetime(answer.headers["Date"])
    assert 3590 <= off.total_seconds() <= 3610
    later = graph.ok("POST", "contacts", json={"surname": "Now"})
    assert answer.json()["createdDateTime"] < later["createdDateTime"]
    assert fired(graph) == {"clock_skew": 1}


@pytest.mark.parametrize(
    "fault", ["clock_skew", "server_trims_values", "delete_answers_404_although_it_succeeded", "507", "409"]
)
def test_every_fault_can_lose_its_answer_after_the_effect(graph: GraphClient, fault: str) -> None:
    made = graph.contact(surname="Old")
    inject(graph, fault, position="response_lost")
    method = "DELETE" if fault.startswith("delete") else "PATCH"
    options = {} if method == "DELETE" else {"json": {"surname": " New "}}
    try:
        status = graph.request(method, f"contacts/{made['id']}", **options).status_code
    except httpx.TransportError:
        status = 0
    assert status in (0, 404, 409, 507)
    assert len(graph.log()) == 2
    assert fired(graph) == {fault: 1}


# -- the log of what fired ---------------------------------------------------------------------------------------------


def told(graph: GraphClient, after: int = 0) -> list[tuple[str, str, str, str, bool, int]]:
    """What the log of faults says: fault, position, method, end of the path, whether in a batch, log_seq."""
    rows = graph.control("GET", f"log/faults?after={after}")
    assert {row["service"] for row in rows} <= {"graph"}
    assert {row["actor"] for row in rows} <= {"application"}
    return [
        (row["fault"], row["position"], row["method"], row["path"].rpartition("/")[2], row["in_batch"], row["log_seq"])
        for row in rows
    ]


def test_every_fault_that_fires_is_told_with_its_call_and_its_place_in_the_log(graph: GraphClient) -> None:
    graph.contact(surname="First")
    inject(graph, "503")
    graph.request("POST", "contacts", json={"surname": "Never"})
    inject(graph, "connection_reset", position="response_lost")
    with pytest.raises(httpx.TransportError):
        graph.request("POST", "contacts", json={"surname": "Second"})
    assert told(graph) == [
        ("503", "refused", "POST", "contacts", False, 1),
        ("connection_reset", "response_lost", "POST", "contacts", False, 2),
    ]
    assert told(graph, after=1) == told(graph)[1:]
    # The log itself tells mutations only, numbered without a gap: its readers judge changes of state by it.
    assert [(row["seq"], row["entity"]) for row in graph.log()] == [(1, "contact"), (2, "contact")]


def test_a_behaviour_is_told_once_it_had_something_to_do(graph: GraphClient) -> None:
    inject(graph, "repeated_delta_items")
    graph.delta("contacts/delta")
    assert told(graph) == []
    graph.contact(surname="Twice")
    graph.delta("contacts/delta")
    assert told(graph) == [("repeated_delta_items", "refused", "GET", "delta", False, 1)]


def test_a_fault_of_a_batchs_part_is_told_as_such(graph: GraphClient) -> None:
    inject(graph, "batch_part_429")
    graph.batch({"id": "1", "method": "GET", "url": f"/users/{ANNA}/contacts"})
    assert told(graph) == [("batch_part_429", "refused", "GET", "contacts", True, 0)]


def test_what_fired_outlives_the_rules_and_ends_with_a_reset(graph: GraphClient) -> None:
    inject(graph, "503")
    graph.request("GET", "contacts")
    graph.control("DELETE", "faults")
    graph.control("DELETE", "requests")
    assert [row[0] for row in told(graph)] == ["503"]
    graph.control("POST", "reset", {"empty": True})
    assert told(graph) == []
