"""Mailboxes over Microsoft Graph, as calls that say what they return and how they fail. Decides nothing.

What cannot be read stops the mailbox; what cannot be written is an error of that one write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self
from urllib.parse import quote

from requests import Response

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.outlook.batch import LOOKS, SubRequest, SubResult, run_batch, version
from sync_pipeline.outlook.connection import Wire
from sync_pipeline.outlook.folders import (
    FolderInfo,
    ReadFailed,
    Survey,
    folder_info,
    folder_path,
    folder_request,
    take_survey,
)
from sync_pipeline.outlook.properties import (
    COPIED_EXTENDED,
    COPY_OF,
    EXTENDED,
    MARK,
    STAMP,
    Mark,
    expand,
    mapped_extended,
    quoted,
)
from sync_pipeline.settings import GraphSettings, Secrets
from sync_pipeline.transport import OutcomeUnknown, Policy, Refused, RequestCounter, ServerClock, Verb

LISTING_PAGE: Final = 500
IDENTITIES_PAGE: Final = 1000
DELTA_PAGE: Final = 1000
DELTA_SELECT: Final = "$select=categories,changeKey,parentFolderId"
#: What may be kept of a contact that can be a personal one (R5).
DELTA_KEYS: Final = ("id", "categories", "changeKey", "parentFolderId")
ROUND_ATTEMPTS: Final = 3
_UNKNOWN_MAILBOX: Final = frozenset(
    {"ErrorInvalidUser", "Request_ResourceNotFound", "ResourceNotFound", "MailboxNotEnabledForRESTAPI"}
)
_RESYNC: Final = re.compile("syncstate|resync|deltatoken", re.IGNORECASE)


@dataclass(frozen=True)
class Changes:
    """A round of change tracking. `changed` has DELTA_KEYS where Graph gave them; an id can stand in both lists.

    `restarted`: the link was void; the round shows what is there, and not what is gone.
    """

    changed: list[dict[str, Any]]
    removed: list[str]
    link: str
    restarted: bool


class Graph:
    """Graph for one tenant; give each mailbox its own Mailbox. Thread-safe."""

    def __init__(
        self,
        settings: GraphSettings,
        secrets: Secrets,
        policy: Policy,
        counter: RequestCounter,
        clock: ServerClock,
        *,
        token_file: Path | None = None,
    ) -> None:
        """Calls nothing yet. `token_file` keeps a delegated sign-in (`wire.sign_in`)."""
        self.wire = Wire(settings, secrets, policy, counter, clock, token_file=token_file)
        self._policy = policy

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wire.close()

    def mailbox(self, address: str, *, extended: Iterable[str] | None = None) -> Mailbox:
        """A mailbox by address or object id. `extended`: the mapped extended properties; default: the field table's."""
        wanted = mapped_extended() if extended is None else tuple(extended)
        return Mailbox(self.wire, address, self._policy.fresh(), wanted)


class Mailbox:
    """One mailbox. Reading raises MailboxStopped, writing Refused or OutcomeUnknown; both raise SideUnavailable."""

    def __init__(self, wire: Wire, address: str, policy: Policy, extended: tuple[str, ...]) -> None:
        self.address = address
        self.policy = policy
        self._wire = wire
        self._prefix = f"users/{quote(address, safe='@')}"
        self._expand = f"$expand={quote(expand([STAMP, COPY_OF, *extended]))}"
        copied = dict.fromkeys([*extended, *COPIED_EXTENDED])
        self._expand_all = f"$expand={quote(expand([STAMP, COPY_OF, *copied]))}"

    # -- the mailbox ---------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """Graph's time as naive UTC."""
        return self._wire.clock.now()

    def survey(self, known: Iterable[str] = ()) -> Survey:
        """User, contact folders and categories, in one call and one for each level of folders.

        `known` are ids of folders that were there before: what lies below them is asked for in the first call already.
        """
        with self._reading("The contact folders"):
            try:
                has_categories = self._wire.cloud.has_categories
                return take_survey(self.batch, self._following, tuple(known), has_categories=has_categories)
            except ReadFailed as failed:
                self._stop(failed.what, failed.error)

    def contact_folders(self) -> list[FolderInfo]:
        """The default folder, all below it and beside it, Deleted Items and all below it."""
        return self.survey().folders

    def read_folder(self, folder_id: str) -> FolderInfo | None:
        """None where there is no such folder. Its role is always "other": that takes the whole tree to know."""
        [result] = self.batch([folder_request(folder_id)])
        if result.status == 404:
            return None
        with self._reading("The contact folder"):
            return folder_info(_done(result))

    def create_folder(self, name: str, mark: Mark) -> FolderInfo:
        """Creates it beside the default folder, marked. One that is there is returned as it is, its mark not ours."""
        body = {"displayName": name, EXTENDED: [{"id": MARK, "value": mark.text()}]}
        try:
            created = self._write("post", "contactFolders", body)
        except Refused as refused:
            if refused.error_code != "ErrorFolderExists":
                raise
            same = [folder for folder in self.contact_folders() if folder.name.casefold() == name.casefold()]
            living = [folder for folder in same if folder.role != "deleted"]
            if not living:
                raise
            return living[0]
        folder = self.read_folder(created["id"])
        if folder is None or folder.run is None:  # POST with an extended property is documented for messages only
            return self.mark_folder(created["id"], mark)
        return folder

    def mark_folder(self, folder_id: str, mark: Mark) -> FolderInfo:
        """Writes the mark. The folder's other properties stay."""
        body = {EXTENDED: [{"id": MARK, "value": mark.text()}]}
        changed = self._write("patch", folder_path(folder_id), body, verb=Verb.CONDITIONAL)
        return folder_info({**changed, EXTENDED: body[EXTENDED]})

    def category_listed(self, name: str) -> bool:
        """Whether the master list has it; true where the cloud has no such list."""
        categories = self.survey().categories
        return categories is None or any(entry.casefold() == name.casefold() for entry in categories)

    def ensure_category(self, name: str, color: str) -> None:
        """Puts it into the master list; colours are "preset0" to "preset24". One that is there stays as it is."""
        try:
            self._write("post", "outlook/masterCategories", {"displayName": name, "color": color})
        except Refused:
            # Which error a duplicate gives is not documented, and another client may have been faster.
            if not self.category_listed(name):
                raise

    # -- reading contacts ----------------------------------------------------------------------------------------------

    def changes(self, folder_id: str, link: str | None = None) -> Changes:
        """What changed in a folder since `link`, all pages; without a link all that is there."""
        restarted = False
        with self._reading("The changes of a contact folder"):
            for attempt in range(ROUND_ATTEMPTS):
                try:
                    return self._round(folder_id, link, restarted)
                except Refused as refused:
                    if attempt == ROUND_ATTEMPTS - 1 or not _is_resync(refused):
                        raise
                    link, restarted = None, True
        raise AssertionError("the last attempt returns or raises")

    def listing(self, folder_id: str) -> Iterator[list[dict[str, Any]]]:
        """Pages of whole contacts with our and the mapped extended properties. Ends only when the folder does."""
        first = folder_path(folder_id, f"/contacts?$top={LISTING_PAGE}&{self._expand}")
        yield from self._pages("The contacts of a folder", first)

    def identities(self, folder_id: str) -> Iterator[list[dict[str, Any]]]:
        """Pages of id and categories, for folders that are not ours: no other value is asked for (R5)."""
        first = folder_path(folder_id, f"/contacts?$top={IDENTITIES_PAGE}&$select=categories")
        for page in self._pages("The categories of a folder", first):
            yield [{key: item[key] for key in DELTA_KEYS if key in item} for item in page]

    def categories_of(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """The categories of contacts by id, and no other value; those that are not there are left out."""
        found = self._read_all([SubRequest("GET", _item(item_id, "?$select=categories")) for item_id in ids])
        return {item_id: item["categories"] for item_id, item in zip(ids, found, strict=True) if item is not None}

    def read(self, ids: Sequence[str]) -> dict[str, dict[str, Any] | None]:
        """Contacts in any folder, with our and the mapped extended properties; None where there is none (404).

        They are read anew where a pause lay between two answers, so that all are of now; at most LOOKS times.
        """
        requests = [self.read_request(item_id) for item_id in ids]
        for _ in range(LOOKS):
            pauses = self.policy.pauses
            found = self._read_all(requests)
            if len(requests) == 1 or self.policy.pauses == pauses:
                break
        return dict(zip(ids, found, strict=True))

    def whole(self, item_id: str) -> dict[str, Any] | None:
        """Every property that the API shows and the extended ones that a copy takes along; None where there is none."""
        return self._read_all([SubRequest("GET", _item(item_id, f"?{self._expand_all}"))])[0]

    def find_by_property(self, folder_id: str, property_id: str, value: str) -> list[dict[str, Any]]:
        """The contacts of a folder whose extended property has the value; letter case does not count."""
        query = self._property_query(property_id, value)
        pages = self._pages("The contacts with a stamp", folder_path(folder_id, f"/contacts?{query}"))
        return [item for page in pages for item in page]

    def find_all(self, folder_ids: Sequence[str], property_id: str, values: Sequence[str]) -> list[dict[str, Any]]:
        """As find_by_property, for several folders and values, in batches; the first page of each."""
        queries = [self._property_query(property_id, value) for value in values]
        found = self._read_all(
            [
                SubRequest("GET", folder_path(folder_id, f"/contacts?{query}"))
                for folder_id in folder_ids
                for query in queries
            ]
        )
        return [item for page in found if page is not None for item in page["value"]]

    # -- writing contacts ----------------------------------------------------------------------------------------------

    def batch(self, requests: Sequence[SubRequest]) -> list[SubResult]:
        """Any number of calls, 20 at a time; results in their order, each with its own error."""
        return run_batch(self._wire, self._prefix, requests, policy=self.policy, mailbox=self.address)

    def read_request(self, item_id: str) -> SubRequest:
        """As `read` asks."""
        return SubRequest("GET", _item(item_id, f"?{self._expand}"))

    def create_request(self, folder_id: str, body: Mapping[str, Any]) -> SubRequest:
        """POST into a folder. The answer does not show extended properties."""
        return SubRequest("POST", folder_path(folder_id, "/contacts"), body, verb=Verb.WRITE)

    def update_request(self, item_id: str, body: Mapping[str, Any], *, change_key: str) -> SubRequest:
        """PATCH on condition that the contact still has this change key (412 otherwise, where Graph honours it)."""
        return SubRequest("PATCH", _item(item_id), body, _if_match(change_key), Verb.CONDITIONAL)

    def delete_request(self, item_id: str, *, change_key: str) -> SubRequest:
        """DELETE to Deleted Items. Never repeated: from there a second one deletes for good. 404 can mean done."""
        return SubRequest("DELETE", _item(item_id), None, _if_match(change_key), Verb.WRITE)

    def photo(self, item_id: str) -> bytes | None:
        """None where there is none."""
        path = _item(item_id, "/photo/$value")
        with self._reading("A contact's photo"):
            for _ in range(2):  # a photo taken for missing is lost with the original, hence asked twice
                try:
                    return self._call("get", path, Verb.READ).content
                except Refused as refused:
                    if refused.status != 404:
                        raise
        return None

    def put_photo(self, item_id: str, content: bytes) -> None:
        """Sets the photo, a JPEG or PNG."""
        kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        headers = {"Content-type": kind}
        self._call("put", _item(item_id, "/photo/$value"), Verb.CONDITIONAL, body=content, headers=headers)

    def _property_query(self, property_id: str, value: str) -> str:
        condition = f"ep/id eq '{quoted(property_id)}' and ep/value eq '{quoted(value)}'"
        return f"$filter={quote(f'{EXTENDED}/Any(ep: {condition})')}&$top={LISTING_PAGE}&{self._expand}"

    # -- inside --------------------------------------------------------------------------------------------------------

    def _call(self, method: str, path: str, verb: Verb, **given: Any) -> Response:
        is_own = "://" in path  # a link that Graph gave
        separator = "" if path.startswith("?") else "/"
        url = path if is_own else f"{self._prefix}{separator}{path}"
        return self._wire.call(method, url, verb=verb, policy=self.policy, mailbox=self.address, **given)

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        body: dict[str, Any] = self._call("get", path, Verb.READ, headers=headers).json()
        return body

    def _write(self, method: str, path: str, body: Mapping[str, Any], *, verb: Verb = Verb.WRITE) -> dict[str, Any]:
        answer: dict[str, Any] = self._call(method, path, verb, body=body).json()
        return answer

    def _round(self, folder_id: str, link: str | None, restarted: bool) -> Changes:
        changed: dict[str, dict[str, Any]] = {}
        removed: dict[str, None] = {}
        # A Prefer of its own would stand beside the one for immutable ids, so both are given here.
        headers = {"Prefer": f'IdType="ImmutableId", odata.maxpagesize={DELTA_PAGE}'}
        body = self._get(link, headers) if link else self._first_of_round(folder_id, headers)
        while True:
            for item in body["value"]:
                if "@removed" in item:
                    removed[item["id"]] = None
                else:
                    kept = {key: item[key] for key in DELTA_KEYS if key in item}
                    changed[item["id"]] = {**changed.get(item["id"], {}), **kept}
            following = body.get("@odata.nextLink")
            if not following:
                return Changes(list(changed.values()), list(removed), body["@odata.deltaLink"], restarted)
            body = self._get(following, headers)

    def _first_of_round(self, folder_id: str, headers: Mapping[str, str]) -> dict[str, Any]:
        path = folder_path(folder_id, "/contacts/delta")
        try:
            return self._get(f"{path}?{DELTA_SELECT}", headers)
        except Refused as refused:
            # Documented, named in the error text as not supported, and seen to work: sources differ.
            if refused.status != 400 or "$select" not in refused.message:
                raise
            return self._get(path, headers)

    def _pages(self, what: str, first: str) -> Iterator[list[dict[str, Any]]]:
        with self._reading(what):
            yield from self._following(self._get(first))

    def _following(self, body: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """The page given and all after it. A page may be empty and still have a next one."""
        while True:
            yield body["value"]
            link = body.get("@odata.nextLink")
            if not link:
                return
            body = self._get(link)

    def _read_all(self, requests: Sequence[SubRequest]) -> list[dict[str, Any] | None]:
        with self._reading("A contact"):
            return [None if result.status == 404 else _done(result) for result in self.batch(requests)]

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        try:
            yield
        except (Refused, OutcomeUnknown) as error:
            self._stop(what, error)

    def _stop(self, what: str, error: Refused | OutcomeUnknown) -> NoReturn:
        code, remedy = "mailbox_unreadable", "The next run tries again; nothing is concluded from this one."
        error_code = error.error_code if isinstance(error, Refused) else ""
        if error.status == 404 and (error_code in _UNKNOWN_MAILBOX or what == "The mailbox"):
            code = "mailbox_unknown"
            remedy = "Check the address; a mailbox that is no longer there is to be taken out of the settings."
        elif error.status in (401, 403):
            code = "mailbox_forbidden"
            remedy = (
                "Give the application Contacts.ReadWrite, MailboxSettings.ReadWrite and User.Read.All,"
                " and put the mailbox into the scope of its access policy."
            )
        elif error.status == 429:
            code = "mailbox_throttled"
        raise MailboxStopped(
            self.address, f"{what} of {self.address} cannot be read: {error.message}", remedy=remedy, code=code
        ) from error


def _item(item_id: str, rest: str = "") -> str:
    return f"contacts/{quote(item_id, safe='')}{rest}"


def _if_match(change_key: str) -> dict[str, str]:
    return {"If-Match": version({"changeKey": change_key})}


def _done(result: SubResult) -> dict[str, Any]:
    if result.error is not None:
        raise result.error
    return dict(result.body)


def _is_resync(refused: Refused) -> bool:
    """410 in any form (Graph's codes for it differ), or a token that is not understood any more."""
    return refused.status == 410 or (400 <= refused.status < 500 and _RESYNC.search(refused.error_code) is not None)
