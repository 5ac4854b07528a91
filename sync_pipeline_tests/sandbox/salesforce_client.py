"""Clients and an org with two users for the Salesforce stand-in's wire tests: plain HTTP, and simple_salesforce."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import requests
from simple_salesforce.api import Salesforce

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests import loopback

ANNA, BEN = "anna@acme.example.com", "ben@acme.example.com"
Json = dict[str, Any]


class PlainHttpSession(requests.Session):
    """Sends what simple_salesforce asks of https://… to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.trust_env = False
        self._target = urlsplit(url)

    def request(self, method: str | bytes, url: str | bytes, *given: Any, **options: Any) -> requests.Response:
        parts = urlsplit(str(url))
        here = urlunsplit((self._target.scheme, self._target.netloc, parts.path, parts.query, ""))
        return super().request(method, here, *given, **options)


class OrgClient:
    """Speaks as one token; paths are below /services/data/v60.0/ unless they begin with a slash."""

    def __init__(self, server: SandboxServer, token: str = "user:admin@acme.example.com") -> None:
        self.server = server
        self.http = loopback.client(server.salesforce_url, headers={"Authorization": f"Bearer {token}"})
        self.others = ExitStack()  # what else was opened on the way, closed with the first client

    def close(self) -> None:
        self.others.close()
        self.http.close()

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.http.request(method, path if path.startswith("/") else f"/services/data/v60.0/{path}", **options)

    def ok(self, method: str, path: str, **options: Any) -> Any:
        """The JSON of an answer that must succeed; None for 204."""
        response = self.request(method, path, **options)
        assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def refused(self, method: str, path: str, **options: Any) -> tuple[int, str, str]:
        """(status, errorCode, message) of an answer that must be an error."""
        response = self.request(method, path, **options)
        assert response.status_code >= 400, f"{method} {path}: {response.status_code} {response.text}"
        [error] = response.json()
        return response.status_code, error["errorCode"], error["message"]

    def create(self, sobject: str = "Contact", **values: Any) -> str:
        return str(self.ok("POST", f"sobjects/{sobject}", json=values)["id"])

    def get(self, record_id: str, sobject: str = "Contact") -> Json:
        return dict(self.ok("GET", f"sobjects/{sobject}/{record_id}"))

    def query(self, soql: str, resource: str = "query") -> list[Json]:
        return list(self.ok("GET", resource, params={"q": soql})["records"])

    def names(self, condition: str) -> list[str]:
        """Last names of the contacts that a condition finds."""
        return [
            record["LastName"] for record in self.query(f"SELECT LastName FROM Contact WHERE {condition} ORDER BY Id")
        ]

    def user_id(self, username: str) -> str:
        return str(self.query(f"SELECT Id FROM User WHERE Username = '{username}'")[0]["Id"])

    def control(self, name: str, body: Json) -> Any:
        return self.ok("POST", f"/_sandbox/{name}", json=body)

    def log(self) -> list[Json]:
        return list(self.ok("GET", "/_sandbox/log"))

    def as_user(self, name: str) -> OrgClient:
        return self.with_token(f"user:{name}")

    def with_token(self, token: str) -> OrgClient:
        return self.others.enter_context(closing(OrgClient(self.server, token)))

    def session(self) -> PlainHttpSession:
        """For simple_salesforce."""
        return self.others.enter_context(PlainHttpSession(self.server.salesforce_url))

    def library(self) -> Salesforce:
        """simple_salesforce, logged in with client credentials."""
        return Salesforce(
            consumer_key="sandbox-consumer",
            consumer_secret="sandbox-secret",
            domain="acme.my",
            session=self.session(),
        )


@contextmanager
def fresh_org(server: SandboxServer) -> Iterator[OrgClient]:
    """The administrator's client for an org that has Anna and Ben, and no contacts."""
    with closing(OrgClient(server)) as client:
        _fill(client)
        yield client


def _fill(client: OrgClient) -> None:
    client.control("reset", {"empty": True})
    for username, name in ((ANNA, "Anna Adler"), (BEN, "Ben Berg")):
        mailbox = username.replace("acme.", "")
        client.control("salesforce/users", {"username": username, "name": name, "mailbox": mailbox})
