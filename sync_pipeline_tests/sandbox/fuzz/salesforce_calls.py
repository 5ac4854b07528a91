"""Right calls for every route of the Salesforce port: records and jobs that exist, SOQL that runs, CSV that fits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.routing import Route

from sync_pipeline.sandbox.salesforce import bulk_ingest, bulk_jobs, bulk_query
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.salesforce.queries import run_query
from sync_pipeline.sandbox.salesforce.routes import API
from sync_pipeline.sandbox.state import State
from sync_pipeline_tests.sandbox.fuzz.calls import Luck, Sent

ADMIN: Final = "user:admin@acme.example.com"
DATA: Final = "/services/data/v{version}"
CSV: Final = b"LastName,Email\nBulk,bulk@example.com\n,wrong\n"
SOQL: Final = (
    "SELECT Id, LastName, Account.Name FROM Contact WHERE {condition} ORDER BY LastName DESC NULLS LAST LIMIT 5",
    "SELECT FIELDS(STANDARD) FROM Contact WHERE {condition} LIMIT 3 OFFSET 1",
    "SELECT count() FROM Contact WHERE {condition}",
    "SELECT Id FROM Contact USING SCOPE mine WHERE {condition}",
    "SELECT toLabel(Salutation), MailingAddress FROM Contact WHERE {condition}",
    "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account) AND ({condition})",
    "SELECT MAX(LastName), COUNT(Id) FROM Contact WHERE {condition}",
    "SELECT Id, DeveloperName FROM ListView",
)
CONDITIONS: Final = (
    "LastName = 'Berg'", "Email LIKE '%@example.com'", "NOT (Title = null)", "Birthdate = TODAY",
    "CreatedDate = LAST_N_DAYS:7", "LastName IN ('a', 'b\\'c', null)", "SystemModstamp > 2020-01-01T00:00:00Z",
    "IsDeleted = false", "Account.Name != 'x' AND Phone = ''", "Birthdate > 1970-01-01 OR Name < 'z'",
)  # fmt: skip


class SalesforceCalls:
    """Builds a right call for a route; what it needs and is not there is made first."""

    def __init__(self, luck: Luck, state: State, application: str) -> None:
        self.luck, self.state, self.application = luck, state, application
        self.org = Org(state)
        self.acting = self.org.administrator()

    def routes(self) -> list[tuple[str, str]]:
        return [(path, method) for path, methods in API.items() for method in methods]

    def populate(self) -> None:
        with self.state.transaction():
            for name, body in (("Account", {"Name": "Acme"}), ("Contact", {"LastName": "Berg"}),
                               ("Lead", {"LastName": "Lee", "Company": "Acme"})):  # fmt: skip
                for _ in range(4 - len(self._ids(name))):
                    self.org.create(self.acting, self.org.object(name), body)
            if not self._ids("Contact", deleted=1):
                self.org.delete(self.acting, self.org.object("Contact"), self._ids("Contact")[-1])

    def _ids(self, name: str, *, deleted: int = 0) -> list[str]:
        person = " AND IsPersonAccount = 0" if name in ("Account", "Contact") else ""
        rows = self.state.db.execute(f'SELECT Id FROM "sf_{name}" WHERE IsDeleted = ?{person}', (deleted,))
        return [row["Id"] for row in rows]

    # -- bodies --------------------------------------------------------------------------------------------------------

    def record(self, name: str, *, new: bool = True) -> dict[str, Any]:
        luck = self.luck
        needed = {"Account": {"Name": "Acme"}, "Contact": {"LastName": "Berg"},
                  "Lead": {"LastName": "Lee", "Company": "A"}}[name]  # fmt: skip
        body: dict[str, Any] = dict(needed) if new or luck.chance(50) else {}
        given: dict[str, list[Any]] = {
            "Phone": ["+1 555", None, ""], "Description": ["a\nb", "x" * 100], "Fax": ["1"],
        }  # fmt: skip
        if name == "Contact":
            given |= {"Email": [f"m{luck.number(0, 9999)}@example.com", None], "Birthdate": ["1974-07-22", None],
                      "AccountId": [luck.one(self._ids("Account")), None], "Salutation": ["Mr."], "Title": ["CEO"],
                      "MailingStreet": ["1 Way"], "Ext__c": [f"e{luck.number(0, 9999)}"]}  # fmt: skip
        return body | {key: luck.one(given[key]) for key in luck.some(sorted(given), 4)}

    def soql(self) -> str:
        return self.luck.one(SOQL).replace("{condition}", self.luck.one(CONDITIONS))

    def _typed(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"attributes": {"type": name}, **body}

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def _ingest(self, state: str) -> str:
        with self.state.transaction():
            body = {"object": "Contact", "operation": "insert"}
            job = bulk_ingest.create(self.org, self.acting, "60.0", body)
            if state != "Open":
                bulk_ingest.upload(self.org, job, "text/csv", CSV)
                job = bulk_jobs.find(self.org, "ingest", job.id)
            if state == "JobComplete":
                job = bulk_ingest.close(self.org, job)
                while job.state == "InProgress":
                    job = bulk_ingest.look(self.org, job)
        return job.id

    def _query_job(self, *, ready: bool) -> str:
        with self.state.transaction():
            body = {"operation": "query", "query": "SELECT Id, LastName FROM Contact"}
            job = bulk_query.create(self.org, self.acting, "60.0", body)
            while ready and job.state != "JobComplete":
                job = bulk_jobs.look(self.org, job)
        return job.id

    def _locator(self) -> str:
        with self.state.transaction():
            page = run_query(
                self.org, self.acting, "SELECT Id FROM User", include_deleted=False, batch_size=1, version="60.0"
            )
            if "nextRecordsUrl" in page:
                return str(page["nextRecordsUrl"]).rpartition("/")[2]
            limit = self.state.switches["salesforce_page_size"]
            self.state.switches["salesforce_page_size"] = 1
            page = run_query(
                self.org, self.acting, "SELECT Id FROM User", include_deleted=False, batch_size=1, version="60.0"
            )
            self.state.switches["salesforce_page_size"] = limit
            return str(page["nextRecordsUrl"]).rpartition("/")[2]

    # -- a call --------------------------------------------------------------------------------------------------------

    def build(self, template: str, method: str) -> Sent:
        luck = self.luck
        name = luck.one(["Contact", "Contact", "Account", "Lead"])
        sent = Sent("salesforce", method, template, token=ADMIN)
        holes = {"version": "60.0", "object": name}
        if "/jobs/" in template:
            self._job(sent, template, holes)
        elif template.startswith(DATA):
            self._data(sent, template, name, holes)
        else:
            self._login(sent, template, holes)
        for hole, value in holes.items():
            for form in (f"{{{hole}}}", f"{{{hole}:path}}"):
                sent.path = sent.path.replace(form, quote(value, safe=""))
        if isinstance(sent.body, dict):
            sent.headers["Content-Type"] = "application/json"
        return sent

    def _login(self, sent: Sent, template: str, holes: dict[str, str]) -> None:
        client = {"client_id": "sandbox-consumer", "client_secret": "sandbox-secret"}
        person = {"username": "admin@acme.example.com", "password": "sandbox-password"}
        holes |= {"organization": self.org.organization_id(), "user": self.acting.user_id}
        if template.endswith("/token"):
            grants: list[dict[str, str]] = [
                {"grant_type": "client_credentials", **client},
                {"grant_type": "password", **client, **person},
                {"grant_type": "refresh_token", **client, "refresh_token": f"sandbox-refresh:{person['username']}"},
            ]
            sent.body = urlencode(self.luck.one(grants)).encode()
        elif template.endswith("/revoke"):
            sent.body = b"token=unknown"
        elif "Soap" in template:
            login = f"<login><username>{person['username']}</username><password>{person['password']}</password></login>"
            binned = "".join(f"<ids>{each}</ids>" for each in self._ids("Contact", deleted=1)[:2])
            undelete = f"<sessionId>user:{person['username']}</sessionId><undelete>{binned}</undelete>"
            sent.body = f"<e>{self.luck.one([login, undelete])}</e>".encode()

    def _job(self, sent: Sent, template: str, holes: dict[str, str]) -> None:
        rest, luck = template.removeprefix(f"{DATA}/jobs/"), self.luck
        match rest, sent.method:
            case "ingest", "POST":
                operation = luck.one(["insert", "update", "upsert", "delete"])
                sent.body = {"object": "Contact", "operation": operation}
                if operation == "upsert":
                    sent.body["externalIdFieldName"] = luck.one(["Email", "Ext__c", "Id"])
            case "query", "POST":
                sent.body = {"operation": luck.one(["query", "queryAll"]), "query": "SELECT Id, Email FROM Contact"}
            case "ingest/{id}/batches", _:
                holes["id"], sent.body, sent.headers["Content-Type"] = self._ingest("Open"), CSV, "text/csv"
            case "ingest/{id}", "PATCH":
                holes["id"] = self._ingest("Loaded")
                sent.body = {"state": luck.one(["UploadComplete", "Aborted"])}
            case "query/{id}", "PATCH":
                holes["id"], sent.body = self._query_job(ready=False), {"state": "Aborted"}
            case _ if rest.startswith("query/"):
                holes["id"] = self._query_job(ready=True)
                if rest.endswith("results") and luck.chance(50):
                    sent.query = {"maxRecords": "1"}
            case _ if rest.startswith("ingest/"):
                holes["id"] = self._ingest("JobComplete")

    def _data(self, sent: Sent, template: str, name: str, holes: dict[str, str]) -> None:
        luck, rest = self.luck, template.removeprefix(DATA).lstrip("/")
        ids, method = self._ids(name), sent.method
        many = luck.some(ids, 3) or ids[:1]
        holes |= {"id": luck.one(ids), "field": "Id", "value": luck.one(ids)}
        moment = self.state.now()
        if rest in ("query", "queryAll"):
            sent.query = {"q": self.soql()}
        elif "{locator}" in rest:
            holes["locator"] = self._locator()
        elif rest.endswith(("updated", "deleted")):
            sent.query = {"start": (moment - timedelta(hours=2)).isoformat(), "end": moment.isoformat()}
        elif "listviews/{id}" in rest:
            holes["object"] = "Contact"
            view = "SELECT Id FROM sf_ListView WHERE SobjectType = 'Contact'"
            holes["id"] = luck.one([row["Id"] for row in self.state.db.execute(view)])
            sent.query = {"limit": "5", "offset": "0"} if rest.endswith("results") and luck.chance(50) else {}
        elif rest == "composite" and method == "POST":
            sent.body = {"allOrNone": luck.chance(50), "compositeRequest": self._parts()}
        elif rest == "composite/batch":
            parts = self._parts()
            short = [{"method": each["method"], "url": each["url"].removeprefix("/services/data/"),
                      "richInput": each.get("body")} for each in parts]  # fmt: skip
            sent.body = {"batchRequests": short, "haltOnError": luck.chance(50)}
        elif rest.startswith("composite/tree"):
            holes["object"] = "Account"
            child = {"attributes": {"type": "Contact", "referenceId": "c"}, "LastName": "Tree"}
            root = {
                "attributes": {"type": "Account", "referenceId": "a"},
                "Name": "T",
                "Contacts": {"records": [child]},
            }
            sent.body = {"records": [root]}
        elif rest == "composite/sobjects" and method == "DELETE":
            sent.query = {"ids": ",".join(many), "allOrNone": luck.one(["true", "false"])}
        elif rest == "composite/sobjects":
            change = method == "PATCH"
            records = [self._typed(name, {**({"id": each} if change else {}), **self.record(name, new=not change)})
                       for each in many]  # fmt: skip
            sent.body = {"allOrNone": luck.chance(50), "records": records}
        elif rest == "composite/sobjects/{object}":
            if method == "GET":
                sent.query = {"ids": ",".join(many), "fields": "Id,CreatedDate"}
            else:
                sent.body = {"ids": many, "fields": ["Id"]}
        elif rest == "composite/sobjects/{object}/{field}":
            holes |= {"object": "Contact", "field": luck.one(["Email", "Id", "Ext__c"])}
            key = {"Email": "up@example.com", "Id": luck.one(self._ids("Contact")), "Ext__c": "e1"}[holes["field"]]
            body = {**self.record("Contact"), holes["field"]: key}
            sent.body = {"records": [self._typed("Contact", body)]}
        elif rest == "sobjects/{object}" and method == "POST":
            sent.body = self.record(name)
        elif rest == "sobjects/{object}/{id}" and method == "PATCH":
            sent.body = self.record(name, new=False)
        elif rest.endswith("{value:path}"):
            self._by_external_id(sent, holes)

    def _by_external_id(self, sent: Sent, holes: dict[str, str]) -> None:
        holes |= {"object": "Contact", "value": self.luck.one(self._ids("Contact"))}
        if sent.method == "PATCH":
            holes |= self.luck.one([{}, {"field": "Ext__c", "value": f"e{self.luck.number(0, 99)}"}])
            sent.body = {key: each for key, each in self.record("Contact").items() if key != holes["field"]}

    def _parts(self) -> list[dict[str, Any]]:
        base = "/services/data/v60.0"
        kinds: list[Callable[[], dict[str, Any]]] = [
            lambda: {"method": "GET", "url": f"{base}/query?{urlencode({'q': self.soql()})}"},
            lambda: {"method": "POST", "url": f"{base}/sobjects/Contact", "body": self.record("Contact")},
            lambda: {"method": "GET", "url": f"{base}/sobjects/Contact/{self.luck.one(self._ids('Contact'))}"},
            lambda: {"method": "DELETE", "url": f"{base}/sobjects/Lead/{self.luck.one(self._ids('Lead'))}"},
            lambda: {"method": "GET", "url": f"{base}/sobjects/Account/@{{r0.id}}"},
        ]
        return [{"referenceId": f"r{number}", **self.luck.one(kinds)()} for number in range(self.luck.number(1, 4))]


def page_routes(routes: list[Any]) -> list[tuple[str, str]]:
    """The pages among a service's routes: path, method."""
    pages = [route for route in routes if isinstance(route, Route) and route.path.startswith(("/pages/", "/"))]
    return [
        (route.path, method)
        for route in pages
        if route.path == "/" or route.path.startswith("/pages/")
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]
