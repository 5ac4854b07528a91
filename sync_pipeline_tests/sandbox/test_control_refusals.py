"""The control plane takes nothing that poisons later calls: what is wrong is a 400 which says what is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.graph_client import GraphClient
from sync_pipeline_tests.sandbox.ledger import snapshot
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient, fresh_org

HUGE: Final = 10**30


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def refused(client: GraphClient, name: str, body: Any) -> str:
    """The text of the 400."""
    answer = client.http.post(f"/_sandbox/{name}", json=body)
    assert answer.status_code == 400, f"{name} {body}: {answer.status_code} {answer.text}"
    return str(answer.json()["error"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ([5], "a fault is an object"),
        ([[]], "a fault is an object"),
        ([{"fault": "503", "match": []}], "a fault is an object"),
        ([{"fault": "503", "match": 5}], "a fault is an object"),
        ([{"fault": "503", "match": {"service": []}}], "match.service is a text"),
        ([{"fault": "503", "match": {"actor": 5}}], "match.actor is a text"),
        ([{"fault": "503", "match": {"path": {}}}], "match.path is a text"),
        ([{"fault": "503", "match": {"path": "("}}], "no regular expression"),
        ([{"fault": "503", "match": {"method": "FOO"}}], "unknown method 'FOO'; known: GET, POST"),
        ([{"fault": "503", "match": {"nth": True}}], "whole number from 1 to"),
        ([{"fault": "503", "match": {"in_batch": "yes"}}], "true or false"),
        ([{"fault": "503", "times": HUGE}], "times takes a whole number from 1 to"),
        ([{"fault": "503", "retry_after": -1}], "retry_after takes a whole number from 0 to 86400"),
        ([{"fault": "503", "retry_after": "x"}], "retry_after takes a whole number from 0 to 86400"),
        ([{"fault": "timeout", "hold_seconds": -5}], "hold_seconds takes a number from 0 to 86400"),
        ([{"fault": "late_commit", "hold_seconds": 1e308}], "hold_seconds takes a number from 0 to 86400"),
        ([{"fault": "clock_skew", "skew_seconds": 1e308}], "skew_seconds takes a number from -"),
        ([{"fault": "partial_failure", "rows": [True]}], "a row of rows takes a whole number from 0 to"),
        ([{"fault": "partial_failure", "rows": 5}], "rows is a list"),
        ([{"fault": "503"}, {"fault": "503", "hold_seconds": None}], "hold_seconds takes a number"),
    ],
)
def test_a_fault_that_could_not_be_acted_out_is_refused(graph: GraphClient, body: Any, told: str) -> None:
    assert told in refused(graph, "faults", body)
    assert graph.control("GET", "faults") == []


def test_every_number_among_the_switches_has_bounds(graph: GraphClient) -> None:
    known = graph.control("GET", "switches/known")
    unbounded = [
        name
        for name, told in known.items()
        if isinstance(told["default"], int | float) and not told["choices"] and told["bounds"] is None
    ]
    assert unbounded == []
    for name, told in known.items():
        if told["bounds"] is not None:
            lowest, highest = told["bounds"]
            assert lowest <= told["default"] <= highest
            wrong: tuple[Any, ...] = (lowest - 1, highest + 1, HUGE, -HUGE, True, "5", None, [])
            for value in wrong:
                assert f"switch {name} takes a " in refused(graph, "switches", {name: value})
            for value in (lowest, highest):
                assert graph.control("POST", "switches", {name: value})[name] == value


@pytest.mark.parametrize("value", [0, -5, 2.5, HUGE])
def test_a_page_size_that_cannot_be_is_refused_and_queries_go_on(
    org: OrgClient, graph: GraphClient, value: Any
) -> None:
    assert "from 1 to 2000" in refused(graph, "switches", {"salesforce_page_size": value})
    assert org.query("SELECT Id FROM Contact") == []


@pytest.mark.parametrize("text", ["", "x" * 81, 5, None, "Ü"])
def test_an_error_code_is_a_short_plain_text(graph: GraphClient, text: Any) -> None:
    assert "switch salesforce_lost_cursor_code takes" in refused(
        graph, "switches", {"salesforce_lost_cursor_code": text}
    )


def test_every_bound_of_a_switch_leaves_the_services_answering(org: OrgClient, graph: GraphClient) -> None:
    known = graph.control("GET", "switches/known")
    for name, told in known.items():
        if told["bounds"] is None or name == "latency_ms":
            continue
        for value in told["bounds"]:
            graph.control("POST", "switches", {name: value})
            answers = [
                graph.request("POST", "contacts", json={"surname": "Bound", "homePhones": ["1"]}),
                graph.request("GET", "contacts", params={"$count": "true"}),
                org.request("POST", "sobjects/Contact", json={"LastName": "Bound"}),
                org.request("GET", "query", params={"q": "SELECT FIELDS(ALL) FROM Contact LIMIT 3"}),
            ]
            assert [each.status_code for each in answers if each.status_code >= 500] == [], (name, value)
        graph.control("POST", "switches", {name: told["default"]})


@pytest.mark.parametrize(
    "fault", [{"fault": "late_commit", "hold_seconds": 86_400}, {"fault": "clock_skew", "skew_seconds": -366 * 86_400}]
)
def test_the_bounds_of_a_fault_can_be_acted_out(org: OrgClient, fault: dict[str, Any]) -> None:
    org.control("faults", [{**fault, "match": {"service": "salesforce"}}])  # type: ignore[arg-type]
    assert org.request("POST", "sobjects/Contact", json={"LastName": "Bound"}).status_code == 201


@pytest.mark.parametrize("how", ["upper", {"set": "x"}])
@pytest.mark.parametrize(
    "field", [[], ["Title"], 5, None, {}, "Nothing", "Id", "CreatedDate", "AccountId", "IsDeleted", "Name"]
)
def test_a_trigger_is_about_one_text_that_users_write(org: OrgClient, graph: GraphClient, field: Any, how: Any) -> None:
    refused(graph, "salesforce/triggers", {"object": "Contact", "field": field, "rewrite": how})
    assert org.request("POST", "sobjects/Contact", json={"LastName": "Fine", "Title": "t"}).status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [("LastName", None), ("LastName", ""), ("LastName", "x" * 81), ("Email", "no address"), ("Title", 5)],
)
def test_a_trigger_sets_nothing_that_the_field_cannot_hold(
    graph: GraphClient, org: OrgClient, field: str, value: Any
) -> None:
    refused(graph, "salesforce/triggers", {"object": "Contact", "field": field, "rewrite": {"set": value}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": []}, {"field": "AccountId"}, {"contains": 5}, {"message": ["x"]}, {"message": None},
        {"error_code": 5}, {"error_code": ""}, {"error_code": "two words"}, {"times": HUGE}, {"times": True},
        {"clear": "x"},
    ],
)  # fmt: skip
def test_a_validation_rule_is_made_of_texts(org: OrgClient, graph: GraphClient, wrong: dict[str, Any]) -> None:
    rule = {"object": "Contact", "field": "Title", "contains": "poison", "message": "No poison."}
    refused(graph, "salesforce/validation_rules", {**rule, **wrong})
    assert org.request("POST", "sobjects/Contact", json={"LastName": "Fine", "Title": "poison"}).status_code == 201


@pytest.mark.parametrize(
    "wrong", [{"fields": []}, {"fields": [5]}, {"fields": 5}, {"name": 5}, {"clear": 1}, {"action": []}]
)
def test_a_duplicate_rule_names_fields(org: OrgClient, graph: GraphClient, wrong: dict[str, Any]) -> None:
    refused(graph, "salesforce/duplicate_rules", {"object": "Contact", **wrong})
    assert org.request("POST", "sobjects/Contact", json={"LastName": "Fine"}).status_code == 201


def test_a_duplicate_rule_may_name_one_field_as_a_text(org: OrgClient) -> None:
    org.control("salesforce/duplicate_rules", {"object": "Contact", "fields": "Title", "action": "block"})
    statuses = [
        org.request("POST", "sobjects/Contact", json={"LastName": "A", "Title": "Same"}).status_code for _ in "ab"
    ]
    assert statuses == [201, 400]


@pytest.mark.parametrize(
    "body", [{"empty": "x"}, {"empty": 1}, {"empty": None}, {"mailboxes": -1}, {"contacts": "x"}, {"accounts": 1.5},
             {"seed": None}, {"mailboxes": HUGE}, []],
)  # fmt: skip
def test_a_reset_that_is_asked_for_wrongly_changes_nothing(
    graph: GraphClient, sandbox_server: SandboxServer, body: Any
) -> None:
    graph.contact(surname="Stays")
    before = snapshot(sandbox_server.state)
    refused(graph, "reset", body)
    assert snapshot(sandbox_server.state) == before


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("clock", {"advance_seconds": "5"}), ("clock", {"advance_seconds": True}), ("clock", {"set": 5}),
        ("clock", {"advance_seconds": 1e308}), ("expire_tokens", {"a": 1}), ("graph/expire_delta", {"a": 1}),
    ],
)  # fmt: skip
def test_other_actions_take_only_what_they_name(graph: GraphClient, name: str, body: Any) -> None:
    refused(graph, name, body)


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=", "after=²", "bogus=1"])
def test_the_log_is_asked_from_a_number_on(graph: GraphClient, query: str) -> None:
    assert graph.request("GET", f"/_sandbox/log?{query}").status_code == 400


def test_switches_bounds_are_kept_where_a_default_is_given_anew(sandbox_server: SandboxServer) -> None:
    sandbox_server.state.declare_switches({"latency_ms": 0})
    with pytest.raises(ValueError, match="from 0 to 600000"):
        sandbox_server.state.check_switch("latency_ms", -1)
