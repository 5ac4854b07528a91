"""One org as one credential sees it: reading and writing Contacts over REST, with Salesforce's own errors made plain.

An Org is for one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self

import requests
from simple_salesforce.api import Salesforce

from sync_pipeline.salesforce import undelete, views, writes
from sync_pipeline.salesforce.session import UNAVAILABLE, OrgSession, log_in, side_unavailable
from sync_pipeline.salesforce.soql import chunks, long_id, moment, quote
from sync_pipeline.salesforce.views import ListView
from sync_pipeline.salesforce.writes import BeforeRepeat, RowResult
from sync_pipeline.settings import SalesforceSettings, Secrets
from sync_pipeline.transport import Policy, Refused, RequestCounter, ServerClock, Verb, perform

API_VERSION: Final = "62.0"
RETRIEVED_AT_ONCE: Final = 2000

_COLLECTIONS: Final = "composite/sobjects"
#: The delete log does not cover the range any more: only a full comparison can tell.
_LOG_GONE: Final = frozenset({"INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"})


@dataclass(frozen=True)
class OrgInfo:
    """Which org it is and as whom we are there; Ids have 18 characters."""

    org_id: str
    user_id: str


class Org:
    """Salesforce through one credential: the integration user's, or (per_user) `username`'s. Calls nothing until used.

    Reads raise SideUnavailable where nothing can be read at all (code salesforce_credentials, salesforce_limit or
    salesforce_unreachable) and Refused for what concerns the one call. Writes raise neither: each row has its result.
    """

    def __init__(
        self,
        settings: SalesforceSettings,
        secrets: Secrets,
        policy: Policy,
        counter: RequestCounter,
        clock: ServerClock,
        *,
        username: str = "",
        mailbox: str = "",
    ) -> None:
        self._settings, self._secrets, self._policy = settings, secrets, policy
        self._counter, self._clock = counter, clock
        self._username = username or secrets.salesforce_username
        self._session = OrgSession(settings.url, policy=policy, counter=counter, clock=clock, mailbox=mailbox)
        self._salesforce: Salesforce | None = None
        self._identity: OrgInfo | None = None
        self._usage: tuple[int, int] | None = None
        self._users: dict[str, Org] = {}

    def as_user(self, username: str, mailbox: str = "") -> Org:
        """The same org with a user's own credential (JWT) and a pause budget of its own; the same Org each time."""
        if username not in self._users:
            shared = self._settings, self._secrets, self._policy.fresh(), self._counter, self._clock
            self._users[username] = Org(*shared, username=username, mailbox=mailbox)
        return self._users[username]

    def close(self) -> None:
        """Closes the connections, those of `as_user` too."""
        for org in self._users.values():
            org.close()
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- who and what --------------------------------------------------------------------------------------------------

    @property
    def instance_url(self) -> str:
        """Where a person opens records, such as https://acme.my.salesforce.com."""
        return self._settings.url or f"https://{self._connection().sf_instance}"

    @property
    def user_id(self) -> str:
        """The Id of the user that we are there; what we create and write says so."""
        return self.identity().user_id

    def identity(self) -> OrgInfo:
        """Which org this is, and as whom we are there; asked once."""
        if self._identity is None:
            # The version's own resource names it, so that the OAuth scope `api` is enough.
            org_id, user_id = str(self._read("GET", "")["identity"]).rstrip("/").split("/")[-2:]
            self._identity = OrgInfo(long_id(org_id), long_id(user_id))
        return self._identity

    def username(self) -> str:
        """Our own user's name there; "" where that user's record cannot be read."""
        rows = [row for page in self.query(_USERNAME + quote(self.user_id)) for row in page]
        return str(rows[0]["Username"]) if rows else ""

    def object(self, name: str) -> dict[str, Any]:
        """An object's describe as Salesforce gives it: what this user may do with it, its fields as it sees them."""
        described: dict[str, Any] = self._read("GET", f"sobjects/{name}/describe")
        return described

    def describe(self) -> list[dict[str, Any]]:
        """Contact's fields as this user sees them: rows of salesforce.describe."""
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
                "restricted": field["restrictedPicklist"],
                "picklist": [value["value"] for value in field.get("picklistValues") or [] if value["active"]],
            }
            for field in self.object("Contact")["fields"]
        ]

    def users(self) -> list[dict[str, Any]]:
        """The org's users: rows of salesforce.users."""
        names = {"id": "Id", "username": "Username", "email": "Email", "name": "Name", "is_active": "IsActive"}
        pages = self.query(f"SELECT {', '.join(names.values())} FROM User ORDER BY Id")
        return [{column: row.get(name) for column, name in names.items()} for page in pages for row in page]

    @property
    def pauses(self) -> int:
        """How many pauses our calls have made: what was read before the last one may have changed since."""
        return self._policy.pauses

    def limits_used(self) -> tuple[int, int] | None:
        """(calls used, calls allowed) of the org in the last 24 hours, as the last answer told; None before one did."""
        return self._usage

    def server_time(self) -> datetime:
        """The server's time, naive UTC; logs in first where it has not answered yet."""
        self._connection()
        return self._clock.now()

    # -- reading -------------------------------------------------------------------------------------------------------

    def query(self, soql: str, *, include_deleted: bool = False) -> Iterator[list[dict[str, Any]]]:
        """The rows page by page (at most 2,000 each); with `include_deleted` those in the recycle bin too.

        Raises Refused with error_code INVALID_QUERY_LOCATOR where Salesforce has dropped the query midway: start anew.
        """
        page = self._read("GET", "queryAll" if include_deleted else "query", params={"q": soql})
        while True:
            yield page["records"]
            if page["done"]:
                return
            page = self._read("GET", page["nextRecordsUrl"])

    def retrieve(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """Contacts by Id, in the order asked; None for one that is deleted or not readable. No fields of parents."""
        own = list(dict.fromkeys(["Id", *(name for name in fields if "." not in name)]))
        found: dict[str, dict[str, Any] | None] = {}
        for part in chunks(list(dict.fromkeys(ids)), RETRIEVED_AT_ONCE):
            rows = self._read("POST", f"{_COLLECTIONS}/Contact", json={"ids": list(part), "fields": own})
            found.update(zip(part, rows, strict=True))
        return found

    def deleted_since(self, start: datetime, end: datetime) -> list[str] | None:
        """The Ids of the Contacts deleted between two times (naive UTC).

        None where the log does not reach back to `start` any more (15 days, or less where it was purged).
        """
        span = {"start": start.replace(tzinfo=UTC).isoformat(), "end": end.replace(tzinfo=UTC).isoformat()}
        try:
            body = self._read("GET", "sobjects/Contact/deleted/", params=span)
        except Refused as error:
            if error.error_code in _LOG_GONE:
                return None
            raise
        if moment(body["earliestDateAvailable"]) > start:
            return None
        return [long_id(row["id"]) for row in body["deletedRecords"]]

    def list_view(self, view: str) -> ListView:
        """A Contact list view by Id, developer name or label. Raises ViewError."""

        def read(path: str) -> Any:
            # A 403 here speaks of the view, and not of everything.
            return self._read("GET", path, forbidden_stops=False)

        return views.find(view, read)

    # -- writing -------------------------------------------------------------------------------------------------------

    # `before_repeat`: the look at rows that are about to be sent again (writes.write).

    def create(
        self,
        rows: Sequence[Mapping[str, Any]],
        *,
        allow_duplicates: bool = False,
        before_repeat: BeforeRepeat | None = None,
    ) -> list[RowResult]:
        """Creates Contacts from {API name: value}. A duplicate rule that matches refuses a row, with its matches."""
        return self._write("POST", _COLLECTIONS, rows, allow_duplicates, before_repeat)

    def update(
        self, rows: Sequence[Mapping[str, Any]], *, before_repeat: BeforeRepeat | None = None
    ) -> list[RowResult]:
        """Updates Contacts from {"id": …, API name: value}. Duplicate rules that only warn do not stop an update."""
        changed = [{"id" if name == "Id" else name: value for name, value in row.items()} for row in rows]
        return self._write("PATCH", _COLLECTIONS, changed, True, before_repeat)

    def upsert(
        self,
        field: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        allow_duplicates: bool = False,
        before_repeat: BeforeRepeat | None = None,
    ) -> list[RowResult]:
        """Creates or updates Contacts by a unique external id field, whose value stands in each row."""
        return self._write("PATCH", f"{_COLLECTIONS}/Contact/{field}", rows, allow_duplicates, before_repeat)

    def delete(self, ids: Sequence[str], *, before_repeat: BeforeRepeat | None = None) -> list[RowResult]:
        """Moves Contacts to the recycle bin."""

        def send(part: Sequence[str]) -> requests.Response:
            params = {"ids": ",".join(part), "allOrNone": "false"}
            return self._call("DELETE", _COLLECTIONS, verb=Verb.CHECKED, params=params)

        return writes.write(ids, send, self._policy, before_repeat)

    def undelete(self, ids: Sequence[str]) -> list[RowResult]:
        """Takes Contacts out of the recycle bin; one that is not there is refused with UNDELETE_FAILED."""

        def send(part: Sequence[str]) -> requests.Response:
            path = undelete.path(API_VERSION)
            self._keep_reserve(f"POST {path}")

            def post() -> requests.Response:
                connection = self._connection()
                url, body = f"https://{connection.sf_instance}{path}", undelete.envelope(connection.session_id, part)
                own = {**undelete.HEADERS, "Authorization": f"Bearer {connection.session_id}"}
                return undelete.as_collection(self._session.request("POST", url, headers=own, data=body))

            return perform(post, verb=Verb.CHECKED, policy=self._policy, refresh=self._log_in)

        return writes.write(ids, send, self._policy)

    def _write(
        self,
        method: str,
        path: str,
        rows: Sequence[Mapping[str, Any]],
        allow_duplicates: bool,
        before_repeat: BeforeRepeat | None,
    ) -> list[RowResult]:
        allow = f"allowSave={str(allow_duplicates).lower()}"
        headers = {"Sforce-Duplicate-Rule-Header": f"{allow}; includeRecordDetails=true; runAsCurrentUser=true"}

        def send(part: Sequence[Mapping[str, Any]]) -> requests.Response:
            records = [{"attributes": {"type": "Contact"}, **row} for row in part]
            body = {"allOrNone": False, "records": records}
            return self._call(method, path, verb=Verb.CHECKED, json=body, headers=headers)

        return writes.write(rows, send, self._policy, before_repeat)

    # -- the wire ------------------------------------------------------------------------------------------------------

    def _read(self, method: str, path: str, *, forbidden_stops: bool = True, **arguments: Any) -> Any:
        try:
            return self._call(method, path, verb=Verb.READ, **arguments).json()
        except Refused as error:
            unavailable = side_unavailable(error)
            speaks_of_it = unavailable is not None and unavailable.code == "salesforce_credentials"
            if unavailable is None or (speaks_of_it and error.status == 403 and not forbidden_stops):
                raise
            raise unavailable from error

    def _call(
        self, method: str, path: str, *, verb: Verb, headers: Mapping[str, str] | None = None, **arguments: Any
    ) -> requests.Response:
        """`path` is below the version's resource, or absolute as Salesforce gave it. Raises Refused, OutcomeUnknown."""
        self._keep_reserve(f"{method} {path.split('?')[0]}")

        def send() -> requests.Response:
            connection = self._connection()
            url = f"https://{connection.sf_instance}{path}" if path.startswith("/") else connection.base_url + path
            own = {"Authorization": f"Bearer {connection.session_id}", "Accept": "application/json", **(headers or {})}
            # Not simple-salesforce's own call: its repeat after a 401 drops headers such as the duplicate rule's.
            response = self._session.request(method, url, headers=own, **arguments)
            if told := response.headers.get("Sforce-Limit-Info"):
                usage = Salesforce.parse_api_usage(told).get("api-usage")
                self._usage = (usage.used, usage.total) if usage else self._usage
            return response

        return perform(send, verb=verb, policy=self._policy, refresh=self._log_in)

    def _keep_reserve(self, asked: str) -> None:
        """Refuses a call that would take from the daily calls that `api_reserve` leaves to others; it is not sent."""
        if self._usage is None:
            return
        used, allowed = self._usage
        if allowed - used > self._settings.api_reserve:
            return
        raise Refused(
            f"{asked} was not sent: {allowed - used} of the org's {allowed} daily calls are left, and "
            f"salesforce.api_reserve keeps {self._settings.api_reserve} for others.",
            status=403,
            error_code="REQUEST_LIMIT_EXCEEDED",
            remedy=UNAVAILABLE["salesforce_limit"],
        )

    def _connection(self) -> Salesforce:
        if self._salesforce is None:
            self._log_in()
        assert self._salesforce is not None
        return self._salesforce

    def _log_in(self) -> None:
        token, instance = log_in(self._session, self._settings, self._secrets, self._username)
        self._salesforce = Salesforce(session_id=token, instance=instance, session=self._session, version=API_VERSION)


_USERNAME: Final = "SELECT Username FROM User WHERE Id = "
