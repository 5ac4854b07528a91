"""One org through simple-salesforce: login, queries, list views, collections. Says what it returns and how it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed

from sync_pipeline.model.errors import SideUnavailable, SyncError
from sync_pipeline.salesforce.session import SIDE, SalesforceSession
from sync_pipeline.settings import SalesforceSettings, Secrets
from sync_pipeline.transport import (
    BUSY_CODES,
    OutcomeUnknown,
    Policy,
    Refused,
    RequestCounter,
    ServerClock,
    redact,
    register_secret,
)

API_VERSION: Final = "62.0"
COLLECTION_ROWS: Final = 200  # facts/salesforce.md D
RETRIEVE_ROWS: Final = 2000
LIST_VIEW_TYPE: Final = "Contact"


class ViewError(SyncError):
    """A list view that cannot be used: unknown, not readable or not expressible as SOQL. Never read as "no contacts"."""

    code = "view_unusable"


@dataclass(frozen=True)
class OrgInfo:
    """Whose credential this is; ids have 18 characters."""

    org_id: str
    user_id: str
    username: str


@dataclass(frozen=True)
class ListView:
    """A list view of Contacts; `soql` is its own query, whatever its scope."""

    id: str
    label: str
    soql: str
    scope: str


@dataclass(frozen=True)
class RowResult:
    """One row of a collection call. `duplicates` are the Ids that a duplicate rule named."""

    id: str = ""
    created: bool = False
    error: Refused | OutcomeUnknown | None = None
    duplicates: tuple[str, ...] = ()


class Org:
    """Calls raise Refused, OutcomeUnknown (writes) and SideUnavailable (no login). One thread at a time."""

    def __init__(
        self,
        settings: SalesforceSettings,
        secrets: Secrets,
        policy: Policy,
        counter: RequestCounter,
        clock: ServerClock,
        *,
        username: str = "",
    ) -> None:
        """Calls nothing yet. `username` is the user that a JWT stands for (default: the one of the secrets)."""
        self._settings = settings
        self._secrets = secrets
        self._policy = policy
        self._counter = counter
        self._clock = clock
        self._username = username or secrets.salesforce_username
        self.session = SalesforceSession(settings.url, policy, counter, clock)
        self._client: Salesforce | None = None
        self._identity: OrgInfo | None = None
        self._users: dict[str, Org] = {}

    def as_user(self, username: str) -> Org:
        """The same org in the hands of one of its users, by JWT bearer."""
        if username not in self._users:
            self._users[username] = Org(
                self._settings, self._secrets, self._policy, self._counter, self._clock, username=username
            )
        return self._users[username]

    def close(self) -> None:
        for org in self._users.values():
            org.close()
        self.session.close()

    # -- the org ---------------------------------------------------------------------------------------------------

    @property
    def instance_url(self) -> str:
        """Where people open records."""
        return self._settings.url or f"https://{self.client.sf_instance}"

    @property
    def user_id(self) -> str:
        return self.identity().user_id

    def identity(self) -> OrgInfo:
        """The org's and the user's ids. Raises SideUnavailable where the login is refused."""
        if self._identity is None:
            found = self.client.oauth2("userinfo")
            self._identity = OrgInfo(found["organization_id"], found["user_id"], found["preferred_username"])
        return self._identity

    def describe(self) -> list[dict[str, Any]]:
        """Rows of salesforce.describe for Contact."""
        fields = self._get("sobjects/Contact/describe")["fields"]
        return [
            {
                "name": field["name"],
                "label": field["label"],
                "type": field["type"],
                "length": field["length"],
                "createable": field["createable"],
                "updateable": field["updateable"],
                "nillable": field["nillable"],
                "defaulted": field["defaultedOnCreate"],
                "restricted": bool(field.get("restrictedPicklist")),
                "picklist": [
                    entry["value"] for entry in field.get("picklistValues") or () if entry.get("active", True)
                ],
            }
            for field in fields
        ]

    def users(self) -> list[dict[str, Any]]:
        """Rows of salesforce.users."""
        soql = "SELECT Id, Username, Email, Name, IsActive FROM User"
        return [
            {
                "id": row["Id"],
                "username": row["Username"],
                "email": row["Email"] or "",
                "name": row["Name"],
                "is_active": row["IsActive"],
            }
            for page in self.query(soql)
            for row in page
        ]

    def limits_used(self) -> tuple[int, int]:
        """(used, allowed) calls of the day, from the last answer's Sforce-Limit-Info; (0, 0) where it had none."""
        return self.session.used, self.session.allowed

    # -- reading ---------------------------------------------------------------------------------------------------

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[list[dict[str, Any]]]:
        """Pages of records. Ends only when Salesforce says `done`."""
        answer = self.client.query(soql, include_deleted=include_deleted)
        while True:
            yield answer["records"]
            if answer["done"]:
                return
            answer = self.client.query_more(answer["nextRecordsUrl"], identifier_is_url=True)

    def retrieve(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """Contacts by Id; None for what is not there or not readable. Parent paths are not possible here."""
        found: dict[str, dict[str, Any] | None] = {}
        for start in range(0, len(ids), RETRIEVE_ROWS):
            part = list(ids[start : start + RETRIEVE_ROWS])
            body = {"ids": part, "fields": list(fields)}
            rows = self.client.restful("composite/sobjects/Contact", method="POST", json=body)
            found |= dict(zip(part, rows or [], strict=True))
        return found

    def deleted_since(self, start: datetime, end: datetime) -> set[str] | None:
        """Ids of Contacts deleted in the span (naive UTC); None where the delete log no longer covers it."""
        span = {"start": f"{start:%Y-%m-%dT%H:%M:%S}+00:00", "end": f"{end:%Y-%m-%dT%H:%M:%S}+00:00"}
        try:
            answer = self._get("sobjects/Contact/deleted", span)
        except Refused as refused:
            if refused.status != 400:
                raise
            return None
        return {row["id"] for row in answer["deletedRecords"]}

    def list_view(self, name: str) -> ListView:
        """A list view of Contacts by Id, developer name or label. Raises ViewError."""
        try:
            rows = [
                row
                for row in self._list_views()
                if name in (row["developerName"], row["label"]) or _same_id(name, row["id"])
            ]
            exact = [row for row in rows if row["label"] != name or row["developerName"] == name] or rows
            if not exact:
                raise ViewError(
                    f"There is no list view of Contacts with the Id, developer name or label {name!r} that this credential sees.",
                    remedy="Correct `view` in the settings, or share the view with the user in Salesforce.",
                    code="view_unknown",
                )
            if len(exact) > 1:
                raise ViewError(
                    f"{len(exact)} list views are labelled {name!r}.",
                    remedy="Name it by its Id or developer name in the settings.",
                    code="view_ambiguous",
                )
            found = exact[0]
            described = (
                self._get(f"sobjects/{LIST_VIEW_TYPE}/listviews/{found['id']}/describe")
                if found["soqlCompatible"]
                else {}
            )
        except Refused as refused:
            if refused.status not in (400, 403, 404):
                raise
            raise ViewError(
                f"The list view {name!r} cannot be read: {refused.message}",
                remedy="Check in Salesforce that it still exists and is shared with the user.",
                code="view_not_readable",
            ) from refused
        if not described.get("query"):
            raise ViewError(
                f"The list view {name!r} cannot be expressed as SOQL.",
                remedy="Choose another view, or make one with plain filters.",
                code="view_not_compatible",
            )
        return ListView(found["id"], found["label"], described["query"], described.get("scope") or "everything")

    def _list_views(self) -> Iterator[dict[str, Any]]:
        answer = self._get(f"sobjects/{LIST_VIEW_TYPE}/listviews")
        while True:
            yield from answer["listviews"]
            link = answer.get("nextRecordsUrl")
            if not link:
                return
            answer = self._get(link.partition(f"/v{API_VERSION}/")[2])

    # -- writing ---------------------------------------------------------------------------------------------------

    def create(self, rows: Sequence[Mapping[str, Any]], *, allow_duplicates: bool = False) -> list[RowResult]:
        """New Contacts; results in the rows' order. A whole call without an answer is OutcomeUnknown for each row."""
        return self._collection("POST", [{"attributes": {"type": "Contact"}, **row} for row in rows], allow_duplicates)

    def update(self, rows: Sequence[Mapping[str, Any]], *, allow_duplicates: bool = False) -> list[RowResult]:
        """Changes Contacts; each row has `id`."""
        return self._collection("PATCH", [{"attributes": {"type": "Contact"}, **row} for row in rows], allow_duplicates)

    def upsert(self, field: str, rows: Sequence[Mapping[str, Any]]) -> list[RowResult]:
        """Creates or changes Contacts by a unique external id field: repeating it is harmless."""
        return self._collection(
            "PATCH",
            [{"attributes": {"type": "Contact"}, **row} for row in rows],
            False,
            path=f"composite/sobjects/Contact/{field}",
        )

    def delete(self, ids: Sequence[str]) -> list[RowResult]:
        """Moves Contacts to the recycle bin."""
        results: list[RowResult] = []
        for start in range(0, len(ids), COLLECTION_ROWS):
            part = list(ids[start : start + COLLECTION_ROWS])
            results += self._rows(
                part, lambda some: self._call("DELETE", "composite/sobjects", params={"ids": ",".join(some)})
            )
        return results

    def _collection(
        self, method: str, rows: Sequence[Mapping[str, Any]], allow_duplicates: bool, path: str = "composite/sobjects"
    ) -> list[RowResult]:
        headers = {"Sforce-Duplicate-Rule-Header": "allowSave=true"} if allow_duplicates else {}
        results: list[RowResult] = []
        for start in range(0, len(rows), COLLECTION_ROWS):
            part = list(rows[start : start + COLLECTION_ROWS])
            results += self._rows(
                part, lambda some: self._call(method, path, json={"allOrNone": False, "records": some}, headers=headers)
            )
        return results

    def _rows(self, part: list[Any], send: Any) -> list[RowResult]:
        """Sends one call of rows; those that were only locked are sent again, within the policy."""
        results: dict[int, RowResult] = {}
        left, attempt = list(range(len(part))), 0
        while left:
            attempt += 1
            try:
                answers = send([part[index] for index in left])
            except (Refused, OutcomeUnknown) as error:
                return [results.get(index, RowResult(error=error)) for index in range(len(part))]
            busy = []
            for index, answer in zip(left, answers, strict=True):
                results[index] = _row_result(answer)
                error = results[index].error
                if isinstance(error, Refused) and error.error_code in BUSY_CODES:
                    busy.append(index)
            left = busy if busy and self._policy.wait(attempt, None) else []
        return [results[index] for index in range(len(part))]

    # -- inside ----------------------------------------------------------------------------------------------------

    @property
    def client(self) -> Salesforce:
        """simple-salesforce, logged in."""
        if self._client is None:
            self._client = self._login()
            self.session.refresh = self._renew
        return self._client

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._call("GET", path, params=params)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        return self.client.restful(path, method=method, **arguments)

    def _renew(self) -> str:
        """A new session id, for this client and for the call that is being repeated."""
        fresh = self._login()
        if self._client is not None:
            self._client.session_id = fresh.session_id
            self._client._generate_headers()
        return str(fresh.session_id)

    def _login(self) -> Salesforce:
        settings, secrets = self._settings, self._secrets
        given: dict[str, Any] = {"consumer_key": secrets.salesforce_client_id, "domain": settings.domain or "login"}
        if settings.auth == "jwt":
            given |= {"username": self._username, "privatekey": secrets.salesforce_private_key}
        elif settings.auth == "client_credentials":
            given |= {"consumer_secret": secrets.salesforce_client_secret}
        else:
            given |= {"username": self._username, "password": secrets.salesforce_password}
            given |= {"consumer_secret": secrets.salesforce_client_secret}
        try:
            client = Salesforce(version=API_VERSION, session=self.session, **given)
        except (SalesforceAuthenticationFailed, Refused, ValueError) as error:
            who = f" for {self._username}" if settings.auth != "client_credentials" else ""
            raise SideUnavailable(
                SIDE,
                redact(f"Salesforce does not accept the login ({settings.auth}){who}: {error}"),
                remedy="Check salesforce.domain, the client id and secret or key in the environment, and the connected app;"
                " `sync-pipeline doctor` tells which.",
                code="salesforce_credentials",
            ) from error
        register_secret(client.session_id)
        return client


def _row_result(answer: Mapping[str, Any]) -> RowResult:
    if answer.get("success"):
        return RowResult(id=answer["id"], created=bool(answer.get("created", False)))
    first = (answer.get("errors") or [{}])[0]
    code = str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN")
    fields = ", ".join(first.get("fields") or ())
    error = Refused(
        f"{first.get('message', 'no message')}" + (f" ({fields})" if fields else ""),
        status=400,
        error_code=code,
        body=first,
        remedy="Correct the value; the contact is tried again after a pause.",
    )
    # The key is misspelt in the single-row form (facts/salesforce.md D).
    found = first.get("duplicateResult") or first.get("duplicateResut") or {}
    matches = (entry for result in found.get("matchResults") or () for entry in result.get("matchRecords") or ())
    return RowResult(error=error, duplicates=tuple(entry["record"]["Id"] for entry in matches))


def _same_id(one: str, other: str) -> bool:
    return len(one) in (15, 18) and one[:15] == other[:15]
