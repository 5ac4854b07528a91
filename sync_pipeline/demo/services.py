"""Both services in a person's hands, over HTTP with that person's token; the synchroniser has no part in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

import requests

from sync_pipeline.model.fields import FIELDS
from sync_pipeline.outlook.properties import STAMP

Json = dict[str, Any]

FOLDER: Final = "Salesforce Contacts"
CATEGORY: Final = "Salesforce"
DEFAULT_FOLDER: Final = "contacts"
DELETED_ITEMS: Final = "deleteditems"
_SECONDS: Final = 60.0
_EXTENDED: Final = (STAMP, *(field.outlook for field in FIELDS if field.is_extended))
_EXPAND: Final = f"singleValueExtendedProperties($filter={' or '.join(f'id eq {id!r}' for id in _EXTENDED)})"


class Refused(Exception):
    """A service did not do what a person of the demo asked."""


class _Client:
    def __init__(self, base: str, headers: Mapping[str, str]) -> None:
        self._base = base
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy between us and loopback
        self._http.headers.update(headers)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The JSON answer (None for an empty one). Raises Refused for any status of 400 and above."""
        answer = self._send(method, path, **options)
        if answer.status_code >= 400:
            raise Refused(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json() if answer.content else None

    def find(self, path: str, **options: Any) -> Any:
        """The JSON answer of a GET, or None where it is a 404."""
        answer = self._send("GET", path, **options)
        if answer.status_code == 404:
            return None
        if answer.status_code >= 400:
            raise Refused(f"GET {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._http.request(method, f"{self._base}{path}", timeout=_SECONDS, **options)


class Control(_Client):
    """The sandbox's control plane: its clock, its log, a user's drag and drop."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}/_sandbox/", {})

    def mailboxes(self) -> list[dict[str, str]]:
        return list(self.call("GET", "mailboxes"))

    def let_pass(self, seconds: float) -> None:
        self.call("POST", "clock", json={"advance_seconds": seconds})

    def log(self, after: int = 0) -> list[Json]:
        return list(self.call("GET", "log", params={"after": after}))

    def last_entry(self) -> int:
        return max((entry["seq"] for entry in self.log()), default=0)


class Salesforce(_Client):
    """The org as one of its users sees it."""

    def __init__(self, url: str, username: str) -> None:
        super().__init__(f"{url}/services/data/v60.0/", {"Authorization": f"Bearer user:{username}"})
        self.username = username

    def query(self, soql: str) -> list[Json]:
        page = self.call("GET", "query", params={"q": soql})
        rows = list(page["records"])
        while not page["done"]:
            page = self.call("GET", page["nextRecordsUrl"].partition("/v60.0/")[2])
            rows += page["records"]
        return rows

    def contacts(self, where: str = "") -> dict[str, Json]:
        """Living Contacts by Id, with every mapped field."""
        names = dict.fromkeys(["Id", "OwnerId", "AccountId", "LeadSource", *(field.salesforce for field in FIELDS)])
        condition = f" WHERE {where}" if where else ""
        return {row["Id"]: row for row in self.query(f"SELECT {', '.join(names)} FROM Contact{condition} ORDER BY Id")}

    def contact(self, record: str) -> Json | None:
        """A living Contact with every mapped field, or None."""
        return self.contacts(f"Id = '{record}'").get(record)

    def user_id(self, username: str) -> str:
        return str(self.query(f"SELECT Id FROM User WHERE Username = '{username}'")[0]["Id"])

    def create(self, **fields: Any) -> str:
        return str(self.call("POST", "sobjects/Contact", json=fields)["id"])

    def update(self, record: str, **fields: Any) -> None:
        self.call("PATCH", f"sobjects/Contact/{record}", json=fields)

    def delete(self, record: str) -> None:
        self.call("DELETE", f"sobjects/Contact/{record}")


class Mailbox(_Client):
    """A mailbox as its owner sees it. Item ids are immutable ids."""

    def __init__(self, graph_url: str, address: str, control: Control) -> None:
        headers = {"Authorization": f"Bearer user:{address}", "Prefer": 'IdType="ImmutableId"'}
        super().__init__(f"{graph_url}/v1.0/users/{address}/", headers)
        self.address = address
        self._control = control

    def folders(self, parent: str | None = None) -> dict[str, str]:
        """Contact folders below the top level, or below a folder: name -> id."""
        path = "contactFolders" if parent is None else f"contactFolders/{parent}/childFolders"
        return {row["displayName"]: row["id"] for row in self.call("GET", path, params={"$top": "100"})["value"]}

    def folder(self) -> str | None:
        """The id of the synchronised folder, None before there is one."""
        return self.folders().get(FOLDER)

    def other_folders(self) -> list[str]:
        """Ids of all contact folders but the synchronised one (and Deleted Items)."""
        found = [self.call("GET", f"contactFolders/{DEFAULT_FOLDER}")["id"]]
        waiting = [DEFAULT_FOLDER, *(key for name, key in self.folders().items() if name != FOLDER)]
        found += waiting[1:]
        while waiting:
            children = list(self.folders(waiting.pop()).values())
            found += children
            waiting += children
        return found

    def items(self, folder: str) -> list[Json]:
        """All contacts of a folder, with stamp and mapped extended properties."""
        path, rows = f"contactFolders/{folder}/contacts", list[Json]()
        while True:
            page = self.call("GET", path, params={"$top": "1000", "$skip": str(len(rows)), "$expand": _EXPAND})
            rows += page["value"]
            if "@odata.nextLink" not in page:
                return rows

    def item(self, contact: str) -> Json | None:
        """The contact wherever it lies, None where it is gone for good."""
        found = self.find(f"contacts/{quote(contact, safe='')}", params={"$expand": _EXPAND})
        return None if found is None else dict(found)

    def create(self, body: Json, folder: str = DEFAULT_FOLDER) -> str:
        return str(self.call("POST", f"contactFolders/{folder}/contacts", json=body)["id"])

    def update(self, contact: str, **properties: Any) -> None:
        self.call("PATCH", f"contacts/{quote(contact, safe='')}", json=properties)

    def delete(self, contact: str) -> None:
        self.call("DELETE", f"contacts/{quote(contact, safe='')}")

    def drag(self, contact: str, folder: str) -> None:
        self._control.call("POST", "graph/move", json={"mailbox": self.address, "contact": contact, "folder": folder})

    def photo(self, contact: str) -> bytes | None:
        answer = self._send("GET", f"contacts/{quote(contact, safe='')}/photo/$value")
        return answer.content if answer.status_code == 200 else None

    def put_photo(self, contact: str, content: bytes) -> None:
        path = f"contacts/{quote(contact, safe='')}/photo/$value"
        self.call("PUT", path, data=content, headers={"Content-Type": "image/png"})

    def lies_in_deleted_items(self, contact: str) -> bool:
        found = self.item(contact)
        deleted = self.call("GET", f"contactFolders/{DELETED_ITEMS}")["id"]
        return found is not None and found["parentFolderId"] == deleted


def stamp(item: Json) -> str | None:
    """The Id of the Contact that an item is stamped with."""
    value = extended(item, STAMP)
    return value.rpartition("/")[2] if value else None


def extended(item: Json, property_id: str) -> str:
    """An extended property's value, '' where it is not set."""
    entries: Iterable[Json] = item.get("singleValueExtendedProperties", ())
    return next((str(entry["value"]) for entry in entries if entry["id"] == property_id), "")


def name_of(item: Json) -> str:
    """First and last name as a person says them."""
    return " ".join(part for part in (item.get("givenName"), item.get("surname")) if part) or str(item["displayName"])
