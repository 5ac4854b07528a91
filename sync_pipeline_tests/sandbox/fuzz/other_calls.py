"""Right calls for the pages of both ports and for the control plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode

from sync_pipeline.sandbox.control import control_routes
from sync_pipeline_tests.sandbox.fuzz.calls import Luck, Sent
from sync_pipeline_tests.sandbox.fuzz.graph_calls import PICTURE, GraphCalls
from sync_pipeline_tests.sandbox.fuzz.salesforce_calls import SalesforceCalls
from sync_pipeline_tests.sandbox.graph_client import ANNA

CONTROL: Final = "/_sandbox/{name:path}"
#: Not among the actions at random: a fault is injected by the run itself, which then knows of it.
LEFT_OUT: Final = frozenset({"/_sandbox/faults POST"})


def control_calls(actions: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        (route.path, method) for route in control_routes() for method in sorted((route.methods or set()) - {"HEAD"})
    ]
    plain = [each for each in found if each[0] != CONTROL and f"{each[0]} {each[1]}" not in LEFT_OUT]
    return [*plain, *((f"/_sandbox/{name}", "POST") for name in sorted(actions))]


class OtherCalls:
    def __init__(self, luck: Luck, graph: GraphCalls, salesforce: SalesforceCalls) -> None:
        self.luck, self.graph, self.salesforce = luck, graph, salesforce

    # -- control -------------------------------------------------------------------------------------------------------

    def control(self, path: str, method: str) -> Sent:
        sent = Sent(self.luck.one(["graph", "salesforce"]), method, path)
        if path.endswith("/log"):
            sent.query = {"after": "1"}
        if method == "POST":
            sent.body = self._body(path.removeprefix("/_sandbox/"))
        return sent

    def _body(self, name: str) -> dict[str, Any]:
        luck, org = self.luck, self.salesforce
        contacts, number = org._ids("Contact"), luck.number(0, 10**6)
        user = self.graph.mailboxes.user(ANNA)
        rows = self.graph.mailboxes.contacts(user.id)
        anna = {"mailbox": luck.one([ANNA, user.id])}
        drag = {**anna, "contact": luck.one(rows)["immutable_id"] if rows else "none", "folder": "Salesforce Contacts"}
        bodies: dict[str, list[dict[str, Any]]] = {
            "clock": [{"advance_seconds": 60}, {"set": "2026-06-01T00:00:00Z"}],
            "switches": [{luck.one(SWITCHES): luck.chance(50)}],
            "reset": [{"empty": True}],
            "graph/move": [drag], "graph/copy": [drag],
            "graph/rename": [{"mailbox": "ben@example.com", "address": f"r{number}@example.com"}],
            "graph/mailbox": [{"mailbox": f"m{number % 4 if luck.chance(20) else number}@example.com", "name": "M"}],
            "graph/remove_mailbox": [{"mailbox": "ben@example.com"}],
            "graph/expire_delta": [{}],
            "salesforce/merge": [{"winner": contacts[0], "losers": contacts[1:2], "fill": luck.chance(50)}],
            "salesforce/undelete": [{"ids": org._ids("Contact", deleted=1)[:2]}],
            "salesforce/empty_bin": [{}, {"ids": org._ids("Contact", deleted=1)[:1]}],
            "salesforce/users": [{"username": f"u{number}@acme.example.com", "name": "New User"},
                                 {"username": "ben@acme.example.com", "name": "Ben Falk", "is_active": True}],
            "salesforce/person_accounts": [{"LastName": "Person"}],
            "salesforce/objects": [{"object": f"O{number}__c", "fields": [{"name": "Ext__c", "unique": True}]}],
            "salesforce/fields": [{"object": "Contact", "name": f"F{number % 5}__c", "type": "string"}],
            "salesforce/listviews": [{"developer_name": f"V{number % 5}", "where": "Title = 'CEO'"}],
            "salesforce/triggers": [{"object": "Contact", "field": "Title", "rewrite": "trim", "times": 1}],
            "salesforce/validation_rules": [{"object": "Contact", "field": "Title", "contains": "forbidden",
                                             "message": "no", "times": 1}, {"object": "Contact", "clear": True}],
            "salesforce/duplicate_rules": [{"object": "Lead", "fields": ["Email"]}, {"object": "Lead", "clear": True}],
        }  # fmt: skip
        return luck.one(bodies.get(name, [{}]))

    # -- pages ---------------------------------------------------------------------------------------------------------

    def page(self, service: str, path: str, method: str) -> Sent:
        return (self._graph_page if service == "graph" else self._salesforce_page)(path, method)

    def _graph_page(self, path: str, method: str) -> Sent:
        user = self.graph.mailboxes.user(ANNA)
        photo = " JOIN graph_photos ON owner = immutable_id" if path.endswith("photo") else ""
        find = f"SELECT immutable_id FROM graph_contacts{photo} WHERE mailbox = ?"
        rows = self.graph.state.db.execute(find, (user.id,)).fetchall()
        own = [row["id"] for row in self.graph.mailboxes.child_folders(user.id, "msgfolderroot", user_made=True)]
        contact, folder = (self.luck.one(rows)["immutable_id"] if rows else "none"), self.luck.one(own)
        holes = {"mailbox": ANNA, "contact": contact, "folder": folder}
        sent = Sent("graph", method, _filled(path, holes))
        if path.endswith("photo"):
            sent.headers["Content-Type"], sent.body = "image/png", PICTURE
        elif method == "POST":
            form = {"folder": folder, "displayName": f"F{self.luck.number(0, 10**6)}", "surname": "Page",
                    "category": "Red", "emailAddresses": "a@example.com"}  # fmt: skip
            sent.body = urlencode(form).encode()
        return sent

    def _salesforce_page(self, path: str, method: str) -> Sent:
        kind = "Account" if "accounts" in path else "Contact"
        ids = self.salesforce._ids(kind)
        sent = Sent("salesforce", method, _filled(path, {"id": self.luck.one(ids)}))
        binned = self.salesforce._ids("Contact", deleted=1)
        forms: dict[str, list[tuple[str, str]]] = {
            "/pages/act_as": [("user", "admin@acme.example.com")],
            "/pages/bin": [("id", self.luck.one(binned) if binned else "none")],
            "/pages/merge": [("id", each) for each in ids[:2]],
            "/pages/contacts/{id}": [("LastName", "Page"), ("account", "")],
            "/pages/accounts/{id}": [("Name", "Page")],
        }
        if method == "POST":
            sent.body = urlencode(forms.get(path, [])).encode()
        elif self.luck.chance(40):
            sent.query = {self.luck.one(["q", "offset", "view"]): self.luck.one(["a", "5", "Acme", ids[0]])}
        return sent


#: Switches without effect on whether a call succeeds.
SWITCHES: Final = ("delta_links_in_key_form", "delta_partial_rows", "salesforce_bulk_zulu_stamps")


def _filled(path: str, holes: dict[str, str]) -> str:
    for hole, value in holes.items():
        path = path.replace(f"{{{hole}}}", quote(value, safe=""))
    return path
