"""$batch on the wire."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sync_pipeline_tests.sandbox.graph_client import ANNA, IMMUTABLE, GraphClient

JSON = {"Content-Type": "application/json"}


def post(id: str, surname: str, **more: Any) -> dict[str, Any]:
    request = {
        "id": id,
        "method": "POST",
        "url": f"/users/{ANNA}/contacts",
        "headers": JSON,
        "body": {"surname": surname},
    }
    return {**request, **more}


def test_each_part_has_its_own_answer_and_its_own_preferences(graph: GraphClient) -> None:
    made = graph.contact(surname="There")
    url = f"users/{ANNA}/contacts/{made['id']}"
    answers = graph.batch(
        post("a", "New", depends_on=[], headers={**JSON, **IMMUTABLE}),
        {"id": "b", "method": "GET", "url": f"/v1.0/{url}?$select=surname", "headers": IMMUTABLE},
        {"id": "c", "method": "GET", "url": url},
        {"id": "d", "method": "GET", "url": f"/users/{ANNA}/contacts/nothing"},
        {"id": "e", "method": "DELETE", "url": url, "headers": {"If-Match": 'W/"old"'}},
    )
    assert {id: answer["status"] for id, answer in answers.items()} == {
        "a": 201,
        "b": 200,
        "c": 200,
        "d": 404,
        "e": 412,
    }
    assert answers["b"]["body"]["id"] == made["id"] != answers["c"]["body"]["id"]
    assert answers["d"]["body"]["error"]["code"] == "ErrorItemNotFound"
    assert graph.control("GET", "requests")["batch_subrequests"] == {"application": 5}


def test_a_part_whose_dependency_failed_is_not_done(graph: GraphClient) -> None:
    answers = graph.batch(
        post("1", "First"),
        {"id": "2", "method": "GET", "url": f"/users/{ANNA}/contacts/nothing", "dependsOn": ["1"]},
        post("3", "Never", dependsOn=["2"]),
        post("4", "Neither", dependsOn=["3"]),
    )
    assert [answers[id]["status"] for id in "1234"] == [201, 404, 424, 424]
    assert [row["after"]["surname"] for row in graph.log()] == ["First"]


@pytest.mark.parametrize(
    "requests",
    [
        [post("a", "One"), post("A", "Two")],
        [post(str(number), "Many") for number in range(21)],
        [post("1", "No type", headers={})],
        [post("1", "Circle", dependsOn=["2"]), post("2", "Circle", dependsOn=["1"])],
        [post("1", "Unknown", dependsOn=["9"])],
        [post("1", "A"), post("2", "B", dependsOn=["1"]), post("3", "C", dependsOn=["2"]), post("4", "Alone")],
        [
            post("1", "A"),
            post("2", "B", dependsOn=["1"]),
            post("3", "C", dependsOn=["1"]),
            post("4", "D", dependsOn=["2", "3"]),
        ],
        [post("1", "A"), post("2", "B"), post("3", "C", dependsOn=["1", "2"])],
        [{"id": "1", "method": "GET", "url": "https://example.com/v1.0/me"}],
        [],
    ],
    ids=[
        "duplicate ids",
        "21 parts",
        "no Content-Type",
        "circle",
        "unknown dependency",
        "mixed",
        "diamond",
        "two at once",
        "absolute url",
        "empty",
    ],
)
def test_a_malformed_batch_is_refused_as_a_whole(graph: GraphClient, requests: list[dict[str, Any]]) -> None:
    assert graph.error("POST", "/v1.0/$batch", json={"requests": requests})[0] == 400
    assert graph.log() == []


def test_parts_that_all_wait_for_one_are_a_batch_unless_the_switch_says_not(graph: GraphClient) -> None:
    parts = [post("1", "A"), post("2", "B", dependsOn=["1"]), post("3", "C", dependsOn=["1"])]
    assert {answer["status"] for answer in graph.batch(*parts).values()} == {201}
    graph.control("POST", "switches", {"batch_same_dependency_accepted": False})
    told = graph.error("POST", "/v1.0/$batch", json={"requests": parts})
    assert told[0] == 400
    assert "all sequential or all parallel" in told[2]


def test_photos_travel_as_base64(graph: GraphClient) -> None:
    url = f"/users/{ANNA}/contacts/{graph.contact(surname='Face')['id']}/photo/$value"
    picture = base64.b64encode(b"\x89PNG").decode()
    answers = graph.batch(
        {"id": "1", "method": "PUT", "url": url, "headers": {"Content-Type": "image/png"}, "body": picture},
        {"id": "2", "method": "GET", "url": url, "dependsOn": ["1"]},
    )
    assert answers["1"]["status"] == 200
    assert answers["2"]["body"] == picture


def test_a_fault_hits_one_part_before_or_after_its_effect(graph: GraphClient) -> None:
    match = {"service": "graph", "method": "POST", "path": f"/users/{ANNA}/contacts$"}
    graph.control(
        "POST",
        "faults",
        [
            {"match": {**match, "nth": 1}, "fault": "429", "retry_after": 7},
            {"match": {**match, "nth": 2}, "fault": "timeout", "position": "response_lost"},
        ],
    )
    answers = graph.batch(post("1", "Refused"), post("2", "Done", dependsOn=[]), post("3", "Fine"))
    assert [answers[id]["status"] for id in "123"] == [429, 504, 201]
    assert answers["1"]["headers"]["Retry-After"] == "7"
    assert sorted(row["after"]["surname"] for row in graph.log()) == ["Done", "Fine"]
    assert graph.control("GET", "requests")["faults"] == {"429": 1, "timeout": 1}


def test_a_batch_sends_four_at_a_time_and_more_than_four_are_refused_behind_the_switch(graph: GraphClient) -> None:
    graph.control("POST", "switches", {"throttle_concurrency": True, "latency_ms": 5})
    parts = [post(str(number), f"S{number}") for number in range(8)]
    assert {answer["status"] for answer in graph.batch(*parts).values()} == {201}
    graph.control("POST", "switches", {"latency_ms": 1000})  # long enough for all eight to be there at once
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda _: graph.request("GET", "contacts").status_code, range(8)))
    assert sorted(statuses) == [200] * 4 + [429] * 4
