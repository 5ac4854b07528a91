"""A thin HTTP client and a server with two mailboxes for the Graph stand-in's wire tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import httpx

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests import loopback

ANNA = "anna@example.com"
BEN = "ben@example.com"
IMMUTABLE = {"Prefer": 'IdType="ImmutableId"'}
STAMP = "String {00020329-0000-0000-c000-000000000046} Name SalesforceId"
Json = dict[str, Any]


class GraphClient:
    """Speaks as one token to one mailbox; paths are below /v1.0/users/{mailbox}/ unless they begin with a slash."""

    def __init__(self, base_url: str, token: str, mailbox: str = ANNA) -> None:
        self.mailbox = mailbox
        self.http = loopback.client(base_url, headers={"Authorization": f"Bearer {token}"})

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        if not url.startswith(("/", "http")):
            url = f"/v1.0/users/{self.mailbox}/{url}"
        return self.http.request(method, url, **options)

    def ok(self, method: str, url: str, **options: Any) -> Json:
        """The JSON of an answer that must succeed; {} for 204."""
        response = self.request(method, url, **options)
        assert response.is_success, f"{method} {url}: {response.status_code} {response.text}"
        return dict(response.json()) if response.content else {}

    def error(self, method: str, url: str, **options: Any) -> tuple[int, str, str]:
        """(status, code, message) of an answer that must be Graph's error envelope."""
        response = self.request(method, url, **options)
        error = response.json()["error"]
        assert {"date", "request-id", "client-request-id"} <= set(error["innerError"])
        return response.status_code, error["code"], error["message"]

    def pages(self, url: str, **options: Any) -> list[list[Json]]:
        """Every page's value, following nextLinks."""
        found: list[list[Json]] = []
        link: str | None = url
        while link is not None:
            answer = self.ok("GET", link, **options)
            found.append(answer["value"])
            link = answer.get("@odata.nextLink")
            options.pop("params", None)
        return found

    def delta(self, link: str, **options: Any) -> tuple[list[Json], str]:
        """A whole round: its rows, and the deltaLink."""
        rows: list[Json] = []
        while True:
            answer = self.ok("GET", link, **options)
            rows += answer["value"]
            if "@odata.deltaLink" in answer:
                return rows, str(answer["@odata.deltaLink"])
            link = answer["@odata.nextLink"]

    def folder(self, name: str = "Salesforce Contacts") -> str:
        return str(self.ok("POST", "contactFolders", json={"displayName": name})["id"])

    def contact(self, folder: str = "contacts", **properties: Any) -> Json:
        return self.ok("POST", f"contactFolders/{quote(folder)}/contacts", json=properties, headers=IMMUTABLE)

    def batch(self, *requests: Json) -> dict[str, Json]:
        """The sub-responses by id."""
        answer = self.ok("POST", "/v1.0/$batch", json={"requests": list(requests)})
        return {response["id"]: response for response in answer["responses"]}

    def control(self, method: str, name: str, json: Any = None) -> Any:
        response = self.http.request(method, f"/_sandbox/{name}", json=json)
        assert response.is_success, response.text
        return response.json()

    def log(self, after: int = 0) -> list[Json]:
        return list(self.control("GET", f"log?after={after}"))


@contextmanager
def fresh_graph(server: SandboxServer) -> Iterator[GraphClient]:
    """The application's client for Anna's mailbox, after a reset that leaves the empty mailboxes of Anna and Ben."""
    loopback.post(f"{server.graph_url}/_sandbox/reset", json={"empty": True}).raise_for_status()
    mailboxes = Mailboxes(server.state)
    for address, name in ((ANNA, "Anna Berg"), (BEN, "Ben Falk")):
        mailboxes.create_mailbox(address, name)
        server.state.add_person(mailbox=address, salesforce_user=f"{address}.org", name=name)
    client = GraphClient(server.graph_url, application_token(server.graph_url))
    with client.http:
        yield client


def application_token(base_url: str) -> str:
    answer = loopback.post(
        f"{base_url}/contoso/oauth2/v2.0/token",
        data={
            "grant_type": "client_credentials",
            "client_id": "sandbox-app",
            "client_secret": "sandbox-secret",
            "scope": "https://graph.microsoft.com/.default",
        },
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])
