"""A world for tests: a sandbox with people in it, a user's hands on both services over HTTP, and the synchroniser."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import duckdb
import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync_pipeline import engine
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.sandbox.state import State
from sync_pipeline.settings import Secrets, Settings, load_settings
from sync_pipeline.warehouse import connection as warehouse_connection
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests import loopback

Json = dict[str, Any]
ANNA, BEN, CLEO = "anna@example.com", "ben@example.com", "cleo@example.com"
PEOPLE = {
    ANNA: ("anna@acme.example.com", "Anna Admin"),
    BEN: ("ben@acme.example.com", "Ben Berg"),
    CLEO: ("cleo@acme.example.com", "Cleo Cruz"),
}
FOLDER, CATEGORY = "Salesforce Contacts", "Salesforce"
STAMP = "String {5d1f5a4e-0b7e-4c53-9a8e-6f6d0f6a7c21} Name SyncPipelineStamp"
# A handful of contacts gives a second thread nothing to do, and `make test` has a process for each core.
warehouse_connection.THREADS = 1
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
        self.http = loopback.client(f"{url}/services/data/v60.0/", headers=headers)

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

    def record(self, record: str, sobject: str = "Contact") -> Json:
        """The living record with all its fields; fails where there is none."""
        found = self.get(record, sobject)
        assert found is not None, f"there is no {sobject} {record}"
        return found

    def query(self, soql: str) -> list[Json]:
        answer = self._checked(self.http.get("query", params={"q": soql}))
        rows = list(answer["records"])
        while not answer["done"]:
            answer = self._checked(
                self.http.get(str(httpx.URL(str(self.http.base_url)).join(answer["nextRecordsUrl"])))
            )
            rows += answer["records"]
        return rows

    def contacts(self) -> list[Json]:
        """Every living Contact: Id, FirstName, LastName, Email, Phone, Title, OwnerId, AccountId, Account.Name."""
        return self.query(
            "SELECT Id, FirstName, LastName, Email, Phone, Title, OwnerId, AccountId, Account.Name "
            "FROM Contact ORDER BY Id"
        )

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
        assert answer.status_code < 300, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        )
        return answer.json() if answer.content else None


class Outlook:
    """One mailbox as its owner sees it, over Graph. Item ids are immutable ids."""

    def __init__(self, url: str, address: str) -> None:
        headers = {"Authorization": f"Bearer user:{address}", "Prefer": 'IdType="ImmutableId"'}
        self.http = loopback.client(f"{url}/v1.0/users/{address}/", headers=headers)
        self.address, self.control = address, loopback.client(f"{url}/_sandbox/")

    def folders(self, parent: str | None = None) -> dict[str, str]:
        """Folder name to id, of the top level or below a folder."""
        path = f"contactFolders/{parent}/childFolders" if parent else "contactFolders"
        return {
            row["displayName"]: row["id"] for row in self._checked(self.http.get(path, params={"$top": "100"}))["value"]
        }

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

    def purge(self, contact: str) -> None:
        """Deletes for good, past the Deleted Items."""
        self._checked(self.http.post(f"contacts/{quote(contact, safe='')}/permanentDelete"))

    def move(self, contact: str, folder: str) -> str:
        """Drag and drop; `folder` is an id, a well-known name or a display name. Returns the id, which may be new."""
        return self._drag("move", contact, folder)

    def copy(self, contact: str, folder: str) -> str:
        """Copy and paste; `folder` as for `move`. Returns the copy's id."""
        return self._drag("copy", contact, folder)

    def _drag(self, action: str, contact: str, folder: str) -> str:
        wish = {"mailbox": self.address, "contact": contact, "folder": folder}
        return str(self._checked(self.control.post(f"graph/{action}", json=wish))["immutable_id"])

    def get(self, contact: str) -> Json | None:
        """The contact wherever it lies, extended properties included; None where it is gone for good."""
        answer = self.http.get(f"contacts/{quote(contact, safe='')}", params={"$expand": _expand()})
        return None if answer.status_code == 404 else self._checked(answer)

    def item(self, contact: str) -> Json:
        """The contact wherever it lies; fails where it is gone for good."""
        found = self.get(contact)
        assert found is not None, f"there is no contact {contact}"
        return found

    def contacts(self, folder: str | None = None) -> list[Json]:
        """Every contact of a folder (default: the synchronised one), extended properties included, oldest first."""
        key = folder or self.folder()
        answer = self._checked(
            self.http.get(f"contactFolders/{key}/contacts", params={"$top": "1000", "$expand": _expand()})
        )
        return sorted(answer["value"], key=lambda row: (row["createdDateTime"], row["id"]))

    def contact(self, email: str, folder: str | None = None) -> Json:
        """The one contact of the folder with this e-mail address; fails where there is none or several."""
        rows = [
            row for row in self.contacts(folder) if email in [entry.get("address") for entry in row["emailAddresses"]]
        ]
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
        assert answer.status_code < 300, (
            f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
        )
        return answer.json() if answer.content else None


Hands = TypeVar("Hands", Salesforce, Outlook)


class World:
    """The sandbox, its people and one installation of the synchroniser with its own warehouse."""

    def __init__(self, server: SandboxServer, directory: Path) -> None:
        self.server, self.directory = server, directory
        self.control = loopback.client(f"{server.salesforce_url}/_sandbox/")
        self._clients = [self.control]
        self.salesforce = self._opened(Salesforce(server.salesforce_url, ADMINISTRATOR))
        self.anna, self.ben, self.cleo = (self.outlook(address) for address in (ANNA, BEN, CLEO))
        self.mailboxes: dict[str, Json] = {ANNA: {}}
        self.defaults: Json = {}
        self.top: Json = {}
        self.secrets = Secrets.sandbox()

    def as_user(self, address: str) -> Salesforce:
        """Salesforce in the hands of the mailbox's own user."""
        return self._opened(Salesforce(self.server.salesforce_url, PEOPLE[address][0]))

    def outlook(self, address: str) -> Outlook:
        """A mailbox in its owner's hands."""
        mailbox = Outlook(self.server.graph_url, address)
        self._clients.append(mailbox.control)
        return self._opened(mailbox)

    def close(self) -> None:
        """Ends every connection that was opened."""
        for client in self._clients:
            client.close()

    def _opened(self, hands: Hands) -> Hands:
        self._clients.append(hands.http)
        return hands

    def user_id(self, address: str) -> str:
        """The Salesforce user Id that belongs to a mailbox."""
        return self.salesforce.user_id(PEOPLE[address][0])

    def use(self, *addresses: str, **defaults: Any) -> World:
        """Which mailboxes are synchronised, and what stands under `defaults`; `mailboxes[address]` takes its own."""
        if addresses:
            self.mailboxes = {address: self.mailboxes.get(address, {}) for address in addresses}
        self.defaults |= defaults
        return self

    def settings(self) -> Settings:
        mailboxes = [{"mailbox": a, "salesforce_user": PEOPLE[a][0], **own} for a, own in self.mailboxes.items()]
        more = {"defaults": self.defaults} if self.defaults else {}
        if "mailboxes" in self.top:  # the long form, such as a rule, is for a settings file
            return self._settings_file(more | self.top)
        return Settings.sandbox(
            self.server.salesforce_url, self.server.graph_url, self.directory / "data", mailboxes, **more, **self.top
        )

    def _settings_file(self, values: Json) -> Settings:
        login = {"salesforce": self.server.salesforce_url, "graph": self.server.graph_url}
        sides = {
            side: {"url": url, "auth": "client_credentials", **values.get(side, {})} for side, url in login.items()
        }
        path = self.directory / "settings.yaml"
        path.write_text(yaml.safe_dump({**values, **sides, "data_dir": "data"}), encoding="utf-8")
        return load_settings(path)

    def use_per_user_credentials(self) -> World:
        """Each mailbox's own Salesforce user reads and writes, and sees only what he owns."""
        self.top["salesforce"] = {"auth": "jwt", "credentials": "per_user"}
        integration = {"salesforce_username": "integration@acme.example.com"}  # reads what is the whole org's
        self.secrets = replace(Secrets.sandbox(), salesforce_private_key=private_key(), **integration)
        self.switch(salesforce_sharing="private")
        return self

    def run(
        self,
        *mailboxes: str,
        plan_only: bool = False,
        full: bool = False,
        yes: bool = False,
        settle: bool = True,
        before: Mapping[str, Callable[[], object]] | None = None,
        **undo: Any,
    ) -> Json:
        """One synchronisation; the document of `run --json`. `settle` lets the sandbox's clock pass 5 s first.

        before: what somebody does just before a step of the engine begins, by the step's name. undo: RunOptions' own.
        """
        if settle:
            self.advance(5)
        acts = dict(before or {})

        def progress(step: str, done: int, total: int | None) -> None:
            acts.pop(step, _nothing)()

        options = engine.RunOptions(mailboxes=mailboxes, plan_only=plan_only, full=full, approve_first_run=yes, **undo)
        settings = self.settings()
        with open_warehouse(warehouse_path(settings)):  # a step then finds the file open: a third of a run's time
            document = engine.synchronise(settings, self.secrets, options, run_id=str(uuid.uuid4()), progress=progress)
        assert not acts, f"no such step of the engine: {', '.join(acts)}"
        return document

    def undo(self, *runs: Json, plan_only: bool = False, **scope: Any) -> list[Json]:
        """Takes back what these runs (their documents) wrote; the operations of R24 as the plan has them.

        scope: mailbox, contacts (ids), field, and what `run` takes besides.
        """
        asked = {f"undo_{name}": scope.pop(name) for name in ("mailbox", "contacts", "field") if name in scope}
        document = self.run(undo_runs=tuple(run["run_id"] for run in runs), plan_only=plan_only, **asked, **scope)
        return [operation for operation in self.plan_of(document["run_id"]) if operation["rule"] == "R24"]

    def plan(self, *mailboxes: str, full: bool = False) -> list[Json]:
        """Plans without pushing; the operations of `plan --json`."""
        self.run(*mailboxes, plan_only=True, full=full)
        return list(engine.plan_document(self.settings(), None)["operations"])

    def plan_of(self, run_id: str) -> list[Json]:
        """The operations of a run that has ended."""
        return list(engine.plan_document(self.settings(), run_id)["operations"])

    def ready(self) -> list[Json]:
        """What a run would push now."""
        return [operation for operation in self.plan() if operation["state"] == "ready"]

    def held(self) -> list[Json]:
        """The operations that wait for a person, as a plan without pushing shows them."""
        return [operation for operation in self.plan() if operation["state"] == "held"]

    def judge(self, verdict: str, operations: list[Json]) -> None:
        """A person's answer to `approve`, `drop`, `resolve`: approved, dropped, take_salesforce, take_outlook."""
        now = (
            datetime.fromisoformat(self._checked(self.control.get("clock"))["now"]).astimezone(UTC).replace(tzinfo=None)
        )
        with open_warehouse(warehouse_path(self.settings())) as connection:
            Writer(connection, self.settings().fields).save_verdicts(
                [(operation["id"], operation["mailbox"]) for operation in operations], verdict, now
            )

    def problems(self) -> list[Json]:
        """What `sync-pipeline problems` shows: mailbox, field, code, message, remedy."""
        with open_warehouse(warehouse_path(self.settings())) as connection:
            return Reader(connection).problems()

    def advance(self, seconds: float) -> None:
        self._checked(self.control.post("clock", json={"advance_seconds": seconds}))

    def set_clock(self, moment: datetime) -> None:
        """The sandbox's time becomes this moment (with its zone) and goes on from there."""
        self._checked(self.control.post("clock", json={"set": moment.isoformat()}))

    def fault(self, fault: str, *, position: str = "refused", times: int = 1, **match: Any) -> None:
        """Injects a fault; match: service, method, path (regex), actor, nth."""
        self._checked(
            self.control.post("faults", json=[{"match": match, "fault": fault, "position": position, "times": times}])
        )

    def switch(self, **switches: Any) -> None:
        self._checked(self.control.post("switches", json=switches))

    def org(self, action: str, /, **body: Any) -> Any:
        """A control action on Salesforce: fields, listviews, triggers, merge, undelete, empty_bin, validation rules."""
        return self._checked(self.control.post(f"salesforce/{action}", json=body))

    def expire_delta(self) -> None:
        """Every delta link that the mailboxes gave out so far answers 410 from now on."""
        graph = f"{self.server.graph_url}/_sandbox/graph/expire_delta"
        self._checked(loopback.post(graph, json={}))

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

    def contact_writes(self, after: int = 0) -> list[Json]:
        """What the application wrote to contacts on both sides since; the folder's mark and the categories left out."""
        return [row for row in self.writes(after) if row["entity"].lower() == "contact"]

    def requests(self, method: str, service: str) -> int:
        """How many requests the application has sent by this method to routes with this in their path."""
        counts = self._checked(self.control.get("requests"))["by_actor"].get("application", {})
        return sum(count for route, count in counts.items() if route.startswith(f"{method} ") and service in route)

    @staticmethod
    def _checked(answer: httpx.Response) -> Any:
        assert answer.status_code < 300, f"{answer.request.url}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@contextmanager
def sandbox() -> Iterator[SandboxServer]:
    """Both stand-ins, in memory; a reset leaves Anna, Ben and Cleo."""
    with SandboxServer(None, seeder=seed_people) as server:
        yield server


@contextmanager
def world(server: SandboxServer, directory: Path) -> Iterator[World]:
    """The sandbox as after its first start with Anna, Ben and Cleo, and an installation below `directory`."""
    loopback.post(f"{server.salesforce_url}/_sandbox/reset", json={}).raise_for_status()
    fresh = World(server, directory)
    try:
        yield fresh
    finally:
        fresh.close()


def linked_with_a_conflict_on_hold(world: World) -> str:
    """A Contact and Anna's contact, linked by their e-mail; their job titles differ, and a person is asked: the Id."""
    world.use(conflicts={"default": "hold"})
    record = person(world, 1, Title="Director")
    world.run(plan_only=True)
    world.anna.create(
        givenName="First1", surname="Last1", email="person1@example.com", jobTitle="Plumber", categories=["Salesforce"]
    )
    world.run()
    return record


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


def of(document: Json, address: str) -> Json:
    """One mailbox's part of a run's document."""
    return next(row for row in document["mailboxes"] if row["mailbox"] == address)


@cache
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode()


def _nothing() -> None:
    """Nobody does anything."""


def see_all(world: World, *addresses: str) -> World:
    """These mailboxes are synchronised, and each of them sees every Contact."""
    world.top.setdefault("salesforce", {})["share_all"] = True
    return world.use(*addresses, view="all")


def person(world: World, number: int = 1, /, *, owner: str = ANNA, **fields: Any) -> str:
    """The Id of a new Contact of a mailbox's user: First1 Last1, person1@example.com, unless fields differ."""
    values = {"FirstName": f"First{number}", "LastName": f"Last{number}", "Email": f"person{number}@example.com"}
    return world.salesforce.create(**{**values, "OwnerId": world.user_id(owner), **fields})


def linked(world: World, number: int = 1, /, **fields: Any) -> tuple[str, str]:
    """A new Contact of Anna's and a run: the Ids of the Contact and of its contact in her folder."""
    record = person(world, number, **fields)
    world.run()
    return record, item_of(world.anna, record)["id"]


def items_of(outlook: Outlook, record: str) -> list[Json]:
    """The contacts in a mailbox's folder that are stamped with a Salesforce Contact."""
    return [item for item in outlook.contacts() if stamp_of(item) == record]


def item_of(outlook: Outlook, record: str) -> Json:
    """The one contact of the folder that is stamped with this Contact; fails where there is none or several."""
    found = items_of(outlook, record)
    assert len(found) == 1, f"expected one contact stamped {record} in {outlook.address}, found {len(found)}"
    return found[0]


def exported(world: World, name: str) -> list[Json]:
    """The rows of an exported table: conflicts, problems, holds, history … as any tool reads the Parquet files."""
    exports = world.directory / "data" / "exports"
    found = sorted([*exports.glob(f"{name}.parquet"), *exports.glob(f"{name}/*.parquet")])
    return duckdb.read_parquet([str(path) for path in found]).df().to_dict("records") if found else []


def conflicts(world: World) -> list[tuple[str, str, str, str]]:
    """The conflicts in the history: field, the winning side, Outlook's value, Salesforce's value."""
    names = ("field", "winner", "outlook_value", "salesforce_value")
    return sorted(tuple(str(row[name]) for name in names) for row in exported(world, "conflicts"))  # type: ignore[misc]


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
