"""What docs/sandbox.md promises by name is there in the running server."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from sync_pipeline_tests.sandbox.graph_client import GraphClient

PAGE: Final = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")
#: The service faults that are to be had (reliability.md), word by word; those of the process are the harness's.
BOTH: Final = (
    "401 mid-run", "429 with Retry-After", "429 without Retry-After", "500", "502", "503", "504", "timeout",
    "connection reset", "truncated body", "HTML error page", "clock skew",
)  # fmt: skip
GRAPH: Final = (
    "410 resync", "expired nextLink", "repeated delta items", "reordered delta items", "empty page with nextLink",
    "@removed of an unknown id", "a created item missing from delta for n polls", "changeKey changed without a change",
    "a move seen as removal, then upsert", "a move seen as upsert, then removal",
    "moved away and back and never re-added", "404", "409", "412", "403", "507", "$batch with failing parts",
    "per-part Retry-After", "more than 4 concurrent calls refused", "DELETE answering 404 although it succeeded",
    "server rewriting values: trim", "server rewriting values: e-mail order", "server rewriting values: display name",
)  # fmt: skip
SALESFORCE: Final = (
    "REQUEST_LIMIT_EXCEEDED", "UNABLE_TO_LOCK_ROW", "DUPLICATES_DETECTED", "DUPLICATE_VALUE",
    "300 on an ambiguous external id", "ENTITY_IS_DELETED", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "STRING_TOO_LONG",
    "INVALID_CROSS_REFERENCE_KEY", "invalid query locator", "partial failure of a collection call", "merge",
    "undelete", "owner change", "a trigger that rewrites fields", "equal SystemModstamps at the watermark",
    "a row committed late with an old stamp", "shuffled bulk results", "a view that was deleted",
    "a view that was edited",
)  # fmt: skip


def rows(name: str) -> list[list[str]]:
    """The cells of the table between the marks of that name, without its head."""
    text = PAGE.split(f"<!-- {name} -->")[1].split(f"<!-- /{name} -->")[0]
    lines = [line.strip().strip("|") for line in text.strip().splitlines()]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[2:]]


def test_every_fault_that_is_to_be_had_is_told_with_what_produces_it() -> None:
    mapped = {(service, what) for service, what, _ in rows("mapping")}
    wanted = {("both", each) for each in BOTH} | {("graph", each) for each in GRAPH}
    assert (wanted | {("salesforce", each) for each in SALESFORCE}) - mapped == set()


@pytest.mark.parametrize(("service", "what", "means"), rows("mapping"), ids=lambda text: str(text)[:40])
def test_what_produces_a_fault_is_there(graph: GraphClient, service: str, what: str, means: str) -> None:
    faults, switches = graph.control("GET", "faults/known"), graph.control("GET", "switches/known")
    services = ["graph", "salesforce"] if service == "both" else [service]
    named = re.findall(r"(fault|switch|action|call) `([^`]+)`", means)
    assert named, f"{what}: the table names nothing that produces it"
    for kind, name in named:
        if kind == "fault":
            assert [each for each in services if name not in faults[each]] == []
        elif kind == "switch":
            assert name in switches
        elif kind == "action":
            assert name in actions(graph)
        else:
            method, path = name.split()
            assert (
                f"| {service} | `{path.replace('v60.0', 'v{version}').replace('Contact', '{object}')}` | {method} |"
                in PAGE
            )


def actions(graph: GraphClient) -> list[str]:
    """The control actions that the running server knows, by its own words."""
    answer = graph.request("POST", "/_sandbox/no/such/action", json={})
    assert answer.status_code == 400
    return [*answer.json()["error"].partition("known: ")[2].split(", "), "expire_tokens"]
