"""Every route and method of the Graph stand-in, from its route table: one success, and each error that all have."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import httpx
import pytest

from sync_pipeline.sandbox.graph.routes import ROUTES
from sync_pipeline_tests.sandbox.graph_client import ANNA, BEN, GraphClient

CASES: Final = [
    (template, method)
    for template, methods in ROUTES.items()
    for method in methods
    if template != "users"  # of no mailbox: test_graph_contacts has it
]
BODIES: Final[dict[str, Any]] = {
    "contacts": {"surname": "New"},
    "contactFolders": {"displayName": "New"},
    "childFolders": {"displayName": "New"},
    "masterCategories": {"displayName": "New"},
    "{contact}": {"surname": "Changed"},
    "{folder}": {"displayName": "Changed"},
    "{category}": {"color": "preset1"},
}
PICTURE: Final = b"\x89PNG"
ANNAS: Final = {"Authorization": f"Bearer user:{ANNA}"}
BENS: Final = {"Authorization": f"Bearer user:{BEN}"}


@pytest.fixture
def ids(graph: GraphClient) -> dict[str, str]:
    """What the templates' {…} stand for, all of them things that exist; the contact is added by each test."""
    category = graph.ok("POST", "outlook/masterCategories", json={"displayName": "Old"})
    return {"user": ANNA, "folder": graph.folder("Old"), "category": str(category["id"])}


def call(
    graph: GraphClient,
    template: str,
    method: str,
    ids: dict[str, str],
    *,
    headers: dict[str, str] | None = None,
    content: bytes | None = None,
) -> httpx.Response:
    parts = [quote(ids[part.strip("{}")]) if part.startswith("{") else part for part in template.split("/")]
    options: dict[str, Any] = {"headers": dict(headers or {})}
    last = template.split("/")[-1]
    if content is not None:
        options["content"] = content
        options["headers"]["Content-Type"] = "application/json"
    elif last == "$value" and method in ("PUT", "PATCH"):
        options["content"] = PICTURE
        options["headers"]["Content-Type"] = "image/png"
    elif method in ("POST", "PATCH") and last in BODIES:
        options["json"] = BODIES[last]
    return graph.request(method, "/v1.0/" + "/".join(parts), **options)


def contact(graph: GraphClient, template: str, ids: dict[str, str]) -> str:
    made = graph.contact(ids["folder"] if "{folder}" in template else "contacts", surname="Old")
    photo = {"content": PICTURE, "headers": {"Content-Type": "image/png"}}
    assert graph.request("PUT", f"contacts/{made['id']}/photo/$value", **photo).status_code == 200
    return str(made["id"])


@pytest.mark.parametrize(("template", "method"), CASES)
def test_a_route_answers_its_owner(graph: GraphClient, ids: dict[str, str], template: str, method: str) -> None:
    ids["contact"] = contact(graph, template, ids)
    answer = call(graph, template, method, ids, headers=ANNAS if template.startswith("me") else None)
    assert answer.is_success, answer.text
    assert answer.status_code == {"DELETE": 204}.get(method, answer.status_code)
    assert (answer.status_code == 204) == (not answer.content and method != "PUT" and "photo" not in template)


@pytest.mark.parametrize(("template", "method"), [case for case in CASES if case[0].startswith("users")])
def test_a_route_refuses_strangers_the_unknown_and_what_is_no_json(
    graph: GraphClient, ids: dict[str, str], template: str, method: str
) -> None:
    ids["contact"] = contact(graph, template, ids)
    before = len(graph.log())

    def refused(answer: httpx.Response) -> tuple[int, str]:
        return answer.status_code, answer.json()["error"]["code"]

    assert refused(call(graph, template, method, ids, headers=BENS)) == (403, "ErrorAccessDenied")
    nobody = {**ids, "user": "nobody@example.com"}
    assert refused(call(graph, template, method, nobody)) == (404, "Request_ResourceNotFound")
    assert refused(call(graph, template, method, ids, headers={"Authorization": "Bearer old"}))[0] == 401
    for name in ("folder", "contact", "category"):
        if f"{{{name}}}" in template:
            unknown = {**ids, name: "AAMkNothing"}
            assert refused(call(graph, template, method, unknown)) == (404, "ErrorItemNotFound")
    if method in ("POST", "PATCH") and template.split("/")[-1] in BODIES:
        for content in (b"{", b"[]", b'"text"', b"\xff", b'{"displayName": 5, "surname": 5, "color": 5}'):
            assert call(graph, template, method, ids, content=content).status_code == 400
    wrong = "PUT" if "$value" not in template else "POST"
    assert call(graph, template, wrong, ids).status_code == 405
    assert len(graph.log()) == before
