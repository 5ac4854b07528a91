"""A world for tests: a sandbox with people in it, a user's hands on both services over HTTP, and the synchroniser."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from sync_pipeline import engine
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.sandbox.state import State
from sync_pipeline.settings import Secrets, Settings

Json = dict[str, Any]
ANNA, BEN, CLEO = "anna@example.com", "ben@example.com", "cleo@example.com"
PEOPLE = {ANNA: ("anna@acme.example.com", "Anna Admin"), BEN: ("ben@acme.example.com", "Ben Berg"), CLEO: ("cleo@acme.example.com", "Cleo Cruz")}
FOLDER, CATEGORY = "Salesforce Contacts", "Salesforce"
STAMP = "String {5d1f5a4e-0b7e-4c53-9a8e-6f6d0f6a7c21} Name SyncPipelineStamp"
PROPERTIES = (STAMP, "String 0x3A24", "String 0x3A2E", "String 0x3A1F")


def seed_people(state: State, body: Mapping[str, Any]) -> None:
    """Mailboxes and Salesforce users, and nothing in them."""
    mailboxes, org = Mailboxes(state), Org(state)
    for address, (username, name) in PEOPLE.items():
        mailboxes.create_mailbox(address, name)
        org.create_user(username=username, email=address, name=name)
        state.add_person(mailbox=address, salesforce_user=username, name=name)


class Salesforce:
    """Salesforce as a person sees it, over REST."""

    def __init__(self, url: str, user: str) -> None:
        headers = {"Authorization": f"Bearer user:{user}"}
        self.http = httpx.Client(base_url=f"{url}/services/data/v60.0/", headers=headers, timeout=30)

    def create(self, sobject: str = "Contact", **fields: Any) -> str:
        """Creates a record; returns its 18-character Id."""
        return str(self._checked(self.http.post(f"sobjects/{sobject}", json=fields))["id"])

    def update(self, record: str, sobject: str = "Contact", **fields: Any) -> None:
        self._checked(self.http.patch(f"sobjects/{sobject}/{record}", json=fields))

    def delete(self, record: str, sobject: str = "Contact") -> None:
        self._checked(self.http.delete(f"sobjects/{sobject}/{record}"))

    def get(self, record: str, sobject: str = "Contact") -> Json | None:
        """The record, or None where it is deleted or unknown."""
        answer = self.http.get(f"sobjects/{sobject}/{record}")
        return None if answer.status_code == 404 else self._checked(answer)

    def query(self, soql: str) -> list[Json]:
        answer = self._checked(self.http.get("query", params={"q": soql}))
        rows = list(answer["records"])
        while not answer["done"]:
            answer = self._checked(self.http.get(str(httpx.URL(str(self.http.base_url)).join(answer["nextRecordsUrl"]))))
            rows += answer["records"]
        return rows

    def contacts(self) -> list[Json]:
        """Every living Contact: Id, FirstName, LastName, Email, Phone, Title, OwnerId, AccountId, Account.Name."""
        return self.query("SELECT Id, FirstName, LastName, Email, Phone, Title, OwnerId, AccountId, Account.Name FROM Contact ORDER BY Id")

    def contact(self, **values: str) -> Json:
        """The one living Contact with these values, with all its fields; fails where there is none or several."""
        where = " AND ".join(f"{name} = '{value}'" for name, value in values.items())
        rows = self.query(f"SELECT Id FROM Contact WHERE {where}")
        assert len(rows) == 1, f"expected one Contact with {values}, found {len(rows)}"
        found = self.get(rows[0]["Id"])
        assert found is not None
        return found

    def user_id(self, username: str) -> str:
        return str(self.query(f"SELECT Id FROM User WHERE Username = '{username}'")[0]["Id"])

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class Outlook:
    """One mailbox as its owner sees it, over Graph. Item ids are immutable ids."""

    def __init__(self, url: str, address: str) -> None:
        headers = {"Authorization": f"Bearer user:{address}", "Prefer": 'IdType="ImmutableId"'}
        self.http = httpx.Client(base_url=f"{url}/v1.0/users/{address}/", headers=headers, timeout=30)
        self.address, self.control = address, httpx.Client(base_url=f"{url}/_sandbox/", timeout=30)

    def folders(self, parent: str | None = None) -> dict[str, str]:
        """Folder name to id, of the top level or below a folder."""
        path = f"contactFolders/{parent}/childFolders" if parent else "contactFolders"
        return {row["displayName"]: row["id"] for row in self._checked(self.http.get(path, params={"$top": "100"}))["value"]}

    def folder(self) -> str:
        """The id of the synchronised folder."""
        return self.folders()[FOLDER]

    def create_folder(self, name: str, parent: str | None = None) -> str:
        path = f"contactFolders/{parent}/childFolders" if parent else "contactFolders"
        return str(self._checked(self.http.post(path, json={"displayName": name}))["id"])

    def create(self, folder: str | None = None, **properties: Any) -> str:
        """Creates a contact (in the default folder where none is named); `email` and `phone` are short forms."""
        path = f"contactFolders/{folder}/contacts" if folder else "contacts"
        return str(self._checked(self.http.post(path, json=_short_forms(properties)))["id"])

    def update(self, contact: str, **properties: Any) -> None:
        self._checked(self.http.patch(f"contacts/{quote(contact, safe='')}", json=_short_forms(properties)))

    def delete(self, contact: str) -> None:
        self._checked(self.http.delete(f"contacts/{quote(contact, safe='')}"))

    def move(self, contact: str, folder: str) -> None:
        """Drag and drop; `folder` is an id, a well-known name or a display name."""
        self._checked(self.control.post("graph/move", json={"mailbox": self.address, "contact": contact, "folder": folder}))

    def get(self, contact: str) -> Json | None:
        """The contact wherever it lies, extended properties included; None where it is gone for good."""
        answer = self.http.get(f"contacts/{quote(contact, safe='')}", params={"$expand": _expand()})
        return None if answer.status_code == 404 else self._checked(answer)

    def contacts(self, folder: str | None = None) -> list[Json]:
        """Every contact of a folder (default: the synchronised one), extended properties included, oldest first."""
        key = folder or self.folder()
        answer = self._checked(self.http.get(f"contactFolders/{key}/contacts", params={"$top": "1000", "$expand": _expand()}))
        return sorted(answer["value"], key=lambda row: (row["createdDateTime"], row["id"]))

    def contact(self, email: str, folder: str | None = None) -> Json:
        """The one contact of the folder with this e-mail address among its own; fails where there is none or several."""
        rows = [row for row in self.contacts(folder) if email in [entry.get("address") for entry in row["emailAddresses"]]]
        assert len(rows) == 1, f"expected one contact with {email} in {folder or FOLDER}, found {len(rows)}"
        return rows[0]

    def deleted(self) -> list[Json]:
        """The contacts that lie directly in Deleted Items."""
        return self.contacts("deleteditems")

    def put_photo(self, contact: str, content: bytes) -> None:
        path = f"contacts/{quote(contact, safe='')}/photo/$value"
        self._checked(self.http.put(path, content=content, headers={"Content-Type": "image/jpeg"}))

    def photo(self, contact: str) -> bytes | None:
        answer = self.http.get(f"contacts/{quote(contact, safe='')}/photo/$value")
        return answer.content if answer.status_code == 200 else None

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


class World:
    """The sandbox, its people and one installation of the synchroniser with its own warehouse."""

    def __init__(self, server: SandboxServer, directory: Path) -> None:
        self.server, self.directory = server, directory
        self.control = httpx.Client(base_url=f"{server.salesforce_url}/_sandbox/", timeout=30)
        self.salesforce = Salesforce(server.salesforce_url, "admin")
        self.anna, self.ben, self.cleo = (Outlook(server.graph_url, address) for address in (ANNA, BEN, CLEO))
        self.mailboxes: dict[str, Json] = {ANNA: {}}
        self.defaults: Json = {}
        self.top: Json = {}

    def as_user(self, address: str) -> Salesforce:
        """Salesforce in the hands of the mailbox's own user."""
        return Salesforce(self.server.salesforce_url, PEOPLE[address][0])

    def user_id(self, address: str) -> str:
        """The Salesforce user Id that belongs to a mailbox."""
        return self.salesforce.user_id(PEOPLE[address][0])

    def use(self, *addresses: str, **defaults: Any) -> World:
        """Which mailboxes are synchronised, and what stands under `defaults`. `mailboxes[address]` takes single settings."""
        if addresses:
            self.mailboxes = {address: self.mailboxes.get(address, {}) for address in addresses}
        self.defaults |= defaults
        return self

    def settings(self) -> Settings:
        mailboxes = [{"mailbox": a, "salesforce_user": PEOPLE[a][0], **own} for a, own in self.mailboxes.items()]
        more = {"defaults": self.defaults} if self.defaults else {}
        return Settings.sandbox(
            self.server.salesforce_url, self.server.graph_url, self.directory / "data", mailboxes, **more, **self.top
        )

    def run(self, *mailboxes: str, plan_only: bool = False, full: bool = False, yes: bool = False, settle: bool = True) -> Json:
        """One synchronisation; the document of `run --json`. `settle` lets the sandbox's clock pass 5 s first."""
        if settle:
            self.advance(5)
        options = engine.RunOptions(mailboxes=mailboxes, plan_only=plan_only, full=full, approve_first_run=yes)
        return engine.synchronise(self.settings(), Secrets.sandbox(), options, run_id=str(uuid.uuid4()))

    def plan(self, *mailboxes: str, full: bool = False) -> list[Json]:
        """Plans without pushing; the operations of `plan --json`."""
        self.run(*mailboxes, plan_only=True, full=full)
        return list(engine.plan_document(self.settings(), None)["operations"])

    def ready(self) -> list[Json]:
        """What a run would push now."""
        return [operation for operation in self.plan() if operation["state"] == "ready"]

    def advance(self, seconds: float) -> None:
        self._checked(self.control.post("clock", json={"advance_seconds": seconds}))

    def fault(self, fault: str, *, position: str = "refused", times: int = 1, **match: Any) -> None:
        """Injects a fault; match: service, method, path (regex), actor, nth."""
        self._checked(self.control.post("faults", json=[{"match": match, "fault": fault, "position": position, "times": times}]))

    def switch(self, **switches: Any) -> None:
        self._checked(self.control.post("switches", json=switches))

    def org(self, action: str, **body: Any) -> Any:
        """A control action on Salesforce: fields, listviews, triggers, merge, undelete, empty_bin, validation rules."""
        return self._checked(self.control.post(f"salesforce/{action}", json=body))

    def log(self, after: int = 0) -> list[Json]:
        """The mutation log."""
        return list(self._checked(self.control.get("log", params={"after": after})))

    def mark(self) -> int:
        """The number of the newest log entry: `writes(after)` counts from there."""
        return max((row["seq"] for row in self.log()), default=0)

    def writes(self, after: int = 0, **match: Any) -> list[Json]:
        """What the application wrote since; match filters on service, mailbox, entity, id, action."""
        rows = (row for row in self.log(after) if row["actor"] == "application")
        return [row for row in rows if all(row[key] == value for key, value in match.items())]

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, f"{answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@contextmanager
def world(directory: Path) -> Iterator[World]:
    """A fresh sandbox with Anna, Ben and Cleo, and an installation below `directory`."""
    with SandboxServer(None, seeder=seed_people) as server:
        httpx.post(f"{server.salesforce_url}/_sandbox/reset", json={}).raise_for_status()
        yield World(server, directory)


def stamp_of(item: Json) -> str | None:
    """The Salesforce Contact Id that an item is stamped with."""
    for entry in item.get("singleValueExtendedProperties", []):
        if entry["id"] == STAMP:
            return str(entry["value"]).rpartition("/")[2]
    return None


def extended(item: Json, identifier: str) -> str | None:
    """The value of an extended property of an item."""
    found = [entry["value"] for entry in item.get("singleValueExtendedProperties", []) if entry["id"] == identifier]
    return found[0] if found else None


def _expand() -> str:
    named = " or ".join(f"id eq '{identifier}'" for identifier in PROPERTIES)
    return f"singleValueExtendedProperties($filter={named})"


def _short_forms(properties: Mapping[str, Any]) -> Json:
    body = dict(properties)
    if "email" in body:
        address = body.pop("email")
        body["emailAddresses"] = [{"address": address, "name": address}] if address else []
    if "phone" in body:
        phone = body.pop("phone")
        body["businessPhones"] = [phone] if phone else []
    return body
