"""Right calls for every route of the Graph port: ids that exist, bodies and query options that its documents allow."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote, urlencode

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.graph.properties import ADDRESS_PARTS, ADDRESSES, EXTENDED, STRING_LISTS, STRINGS
from sync_pipeline.sandbox.graph.routes import ROUTES
from sync_pipeline.sandbox.state import State
from sync_pipeline_tests.sandbox.fuzz.calls import Luck, Sent
from sync_pipeline_tests.sandbox.graph_client import ANNA, BEN, STAMP

BATCH: Final = "/v1.0/$batch"
TOKEN: Final = "/{tenant}/oauth2/v2.0/token"
PICTURE: Final = b"\x89PNG picture"
_NAMES: Final = ("Berg", "Ö'Hara", "Núñez", "Li", "van der Meer")


class GraphCalls:
    """Builds a right call for a route; what it needs and is not there is made first, by Anna's own hand."""

    def __init__(self, luck: Luck, state: State, application: str) -> None:
        self.luck, self.state, self.application = luck, state, application
        self.mailboxes = Mailboxes(state)

    def routes(self) -> list[tuple[str, str]]:
        found = [(f"/v1.0/{template}", method) for template, methods in ROUTES.items() for method in methods]
        return [*found, (BATCH, "POST"), (TOKEN, "POST")]

    def populate(self) -> None:
        """Anna and Ben with a folder, categories, contacts, a photo."""
        with self.state.transaction():
            known = {user.address for user in self.mailboxes.users()}
            for address, name in ((ANNA, "Anna Berg"), (BEN, "Ben Falk")):
                if address not in known:
                    self.mailboxes.create_mailbox(address, name)
                    self.state.add_person(mailbox=address, salesforce_user=address.replace("@", "@acme."), name=name)
                self._fill(address)

    def _fill(self, address: str) -> None:
        mine: Any = {"actor": f"user:{address}"}
        user = self.mailboxes.user(address)
        folders = self.mailboxes.child_folders(address, "msgfolderroot", user_made=True)
        if not folders:
            folders = [{"id": self.mailboxes.create_folder(address, "Salesforce Contacts", **mine)}]  # type: ignore[list-item]
        if not self.mailboxes.categories(address):
            self.mailboxes.create_category(address, "Salesforce", "preset7", **mine)
        for folder in ("contacts", str(folders[0]["id"])):
            if not self.mailboxes.contacts(user.id, folder):
                made = self.mailboxes.create_contact(user.id, folder, self.contact(), **mine)
                self.mailboxes.put_photo(user.id, made["id"], "image/png", PICTURE, **mine)

    # -- bodies --------------------------------------------------------------------------------------------------------

    def contact(self) -> dict[str, Any]:
        luck = self.luck
        body: dict[str, Any] = {"givenName": "Ida", "surname": luck.one(_NAMES)}
        for name in luck.some(sorted(STRINGS), 3):
            body[name] = luck.one([*_NAMES, None, ""])
        for name in luck.some(sorted(STRING_LISTS), 2):
            body[name] = luck.some(["Salesforce", "+1 555 0100", "Red"], 2)
        if luck.chance(50):
            body["emailAddresses"] = [{"address": "ida@example.com", "name": "Ida"}][: luck.number(0, 1)]
        if luck.chance(20):
            body[luck.one(sorted(ADDRESSES))] = {part: "x" for part in luck.some(ADDRESS_PARTS, 3)}
        if luck.chance(20):
            body["birthday"] = luck.one(["1974-07-22", "1974-07-22T00:00:00Z", None])
        if luck.chance(30):
            body[EXTENDED] = self.extended()
        return body

    def extended(self) -> list[dict[str, Any]]:
        return [{"id": self.luck.one([STAMP, "String 0x3A24"]), "value": self.luck.one(["0035g000000001AAAQ", None])}]

    def folder_body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"displayName": f"Folder {self.luck.number(0, 10**6)}"}
        return {**body, EXTENDED: self.extended()} if self.luck.chance(30) else body

    # -- a call --------------------------------------------------------------------------------------------------------

    def build(self, template: str, method: str, *, in_batch: bool = False) -> Sent:
        if template == TOKEN:
            form = {"grant_type": "client_credentials", "client_id": "sandbox-app", "client_secret": "sandbox-secret"}
            return Sent("graph", method, "/contoso/oauth2/v2.0/token", body=urlencode(form).encode())
        if template == BATCH:
            return Sent("graph", method, BATCH, body=self._batch(), token=self.application)
        address = self.luck.one([ANNA, BEN])
        user = self.mailboxes.user(address)
        tokens = [f"user:{address}"] if "/me" in template or in_batch else [self.application, f"user:{address}"]
        holes = self._holes(template, user.id)
        holes["user"] = self.luck.one([user.id, address, address.upper()])
        parts = [quote(holes[part[1:-1]], safe="") if part.startswith("{") else part for part in template.split("/")]
        sent = Sent("graph", method, "/".join(parts), token=self.luck.one(tokens))
        if method == "GET":
            sent.query = self._options(template, holes)
        elif method in ("POST", "PATCH", "PUT") and not template.endswith("permanentDelete"):
            self._add_body(sent, template)
        if self.luck.chance(30):
            sent.headers["Prefer"] = self.luck.one(['IdType="ImmutableId"', "odata.maxpagesize=1"])
        return sent

    def _holes(self, template: str, user_id: str) -> dict[str, str]:
        photo = " JOIN graph_photos p ON p.owner = immutable_id" if "photo" in template else ""
        rows = self.state.db.execute(f"SELECT * FROM graph_contacts{photo} WHERE mailbox = ?", (user_id,)).fetchall()
        folders = self.mailboxes.child_folders(user_id, "msgfolderroot", user_made=True)
        holes = {"category": self.luck.one(self.mailboxes.categories(user_id))["id"]}
        holes["folder"] = self.luck.one([*(row["id"] for row in folders), "contacts", "deleteditems"])
        if template.endswith(("{folder}", "{folder}/permanentDelete")):
            holes["folder"] = self.luck.one([row["id"] for row in folders])
        if "{contact}" in template and rows:
            row = self.luck.one(rows)
            holes["contact"] = self.luck.one([row["default_id"], row["immutable_id"]])
            holes["folder"] = row["folder"]
        return {"contact": "none", **holes}

    def _add_body(self, sent: Sent, template: str) -> None:
        last = template.rsplit("/", 1)[-1]
        if last == "$value":
            sent.headers["Content-Type"], sent.body = "image/png", PICTURE
            return
        sent.headers["Content-Type"] = "application/json"
        if last in ("contacts", "{contact}"):
            sent.body = self.contact()
        elif last == "masterCategories":
            sent.body = {"displayName": f"C{self.luck.number(0, 10**6)}", "color": self.luck.one(["preset3", "none"])}
        elif last == "{category}":
            sent.body = {"color": "preset1"}
        else:
            sent.body = self.folder_body()

    def _options(self, template: str, holes: dict[str, str]) -> dict[str, str]:
        luck = self.luck
        if template.endswith("/delta"):
            tracked = "SELECT token, until FROM graph_delta_tokens ORDER BY rowid DESC LIMIT 5"
            known = self.state.db.execute(tracked).fetchall()
            if known and luck.chance(30):
                row = luck.one(known)
                return {"$skiptoken" if row["until"] else "$deltatoken": row["token"]}
            return {"$select": luck.one(["displayName", "id"])} if luck.chance(20) else {}
        allowed: dict[str, list[str]] = {}
        if template.endswith("/contacts"):
            allowed = {
                "$top": ["1", "5", "1000", "2000"], "$skip": ["0", "1"], "$count": ["true", "false"],
                "$select": ["displayName,surname", "id", "emailAddresses"], "$orderby": ["surname desc", "displayName"],
                "$expand": [f"{EXTENDED}($filter=id eq '{STAMP}')"],
                "$filter": ["emailAddresses/any(a:a/address eq 'ida@example.com')",
                            f"{EXTENDED}/any(e:e/id eq '{STAMP}' and e/value eq 'x')"],
            }  # fmt: skip
        elif template.endswith(("ontactFolders", "childFolders")):
            allowed = {"$top": ["1"], "$skip": ["0"], "$filter": ["displayName eq 'X'"], "$orderby": ["displayName"]}
        elif template.endswith(("{contact}", "{folder}")):
            allowed = {"$select": ["displayName"], "$expand": [f"{EXTENDED}($filter=id eq '{STAMP}')"]}
        elif template == "/v1.0/users":
            allowed = {"$top": ["1"], "$filter": [f"mail eq '{ANNA}'"], "$select": ["mail"], "$count": ["true"]}
        return {name: luck.one(allowed[name]) for name in luck.some(sorted(allowed), 2)} if allowed else {}

    def _batch(self) -> dict[str, Any]:
        requests: list[dict[str, Any]] = []
        choices = [route for route in self.routes() if route[0].startswith("/v1.0/") and route[0] != BATCH]
        is_chain = self.luck.chance(30)  # all or none: a mixture is refused
        for number in range(self.luck.number(1, 4)):
            part = self.build(*self.luck.one(choices), in_batch=True)
            request: dict[str, Any] = {"id": str(number), "method": part.method, "url": part.address}
            if part.body and not isinstance(part.body, bytes):
                request |= {"body": part.body, "headers": {"Content-Type": "application/json", **part.headers}}
            if number and is_chain:
                request["dependsOn"] = [str(number - 1)]
            requests.append(request)
        return {"requests": requests}
