"""What changed in Salesforce since a watermark, in pages that can be saved one by one with the watermark they cover."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sync_pipeline.model.fields import Field
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.rows import Describe, row, selectable
from sync_pipeline.salesforce.soql import id_lists, literal, moment
from sync_pipeline.salesforce.views import MEMBERS_AT_ONCE, ListView, MemberQuery, member_query
from sync_pipeline.transport import Refused

#: A row is stamped before its transaction commits, and a call may last ten minutes (facts/salesforce.md C).
OVERLAP: Final = timedelta(minutes=15)
#: The recycle bin and the delete log hold 15 days: after a longer pause only a full reading finds what is gone.
RECYCLE_BIN: Final = timedelta(days=14)

_ACCOUNT_FIELDS: Final = ("Id", "Name", "IsDeleted", "CreatedDate", "SystemModstamp")
_RESTARTS: Final = 3
_BROKEN_OFF: Final = frozenset({"INVALID_QUERY_LOCATOR", "QUERY_TIMEOUT"})

Record = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Rows of one page. Save them and `watermark` in one transaction.

    rows: of salesforce.accounts or salesforce.contacts, to be upserted. gone: Ids that no longer exist (Accounts:
    deleted; Contacts: deleted for good, beyond the recycle bin). watermark: naive UTC; what to give next time, also if
    this page is the last that arrives. is_last: the reading is complete. is_full: it began at the beginning, so what
    stands in the mirror and in no page is not readable any more, once is_last came.
    """

    rows: list[Record]
    watermark: datetime
    gone: list[str] = field(default_factory=list)
    is_full: bool = False
    is_last: bool = False


@dataclass(frozen=True)
class Presence:
    """Where a Contact is: `readable`, `deleted` (in the recycle bin), `absent` (deleted for good, or not readable)."""

    state: str


def accounts(org: Org, watermark: datetime | None) -> Iterator[Page]:
    """The Accounts that changed since; all where there is no watermark, or one older than the recycle bin.

    The last page always comes, even with no rows. Raises SideUnavailable, Refused.
    """
    start = org.server_time()
    since = watermark if watermark and watermark > start - RECYCLE_BIN else None
    for records, reached in _changed(org, "Account", _ACCOUNT_FIELDS, since):
        rows = [_account(record) for record in records if not record["IsDeleted"]]
        gone = [record["Id"] for record in records if record["IsDeleted"]]
        yield Page(rows, _covered(reached, since, start), gone, is_full=since is None)
    yield Page([], start, is_full=since is None, is_last=True)


def contacts(org: Org, fields: Iterable[Field], describe: Describe, watermark: datetime | None) -> Iterator[Page]:
    """The Contacts that changed since, with those in the recycle bin (is_deleted, master_id); else as `accounts`.

    What was deleted beyond the recycle bin is read from the delete log, and stands in `gone` of the last page.
    Raises SideUnavailable, Refused.
    """
    mapped = tuple(fields)
    start = org.server_time()
    since = watermark if watermark and watermark > start - RECYCLE_BIN else None
    log = org.deleted_since(since - OVERLAP if since else start - RECYCLE_BIN, start)
    if log is None:
        since = None
    logged = set(log or ())
    for records, reached in _changed(org, "Contact", selectable(mapped, describe), since):
        logged.difference_update(record["Id"] for record in records)
        rows = [row(record, mapped) for record in records]
        yield Page(rows, _covered(reached, since, start), is_full=since is None)
    found = presence(org, sorted(logged))
    gone = [contact for contact, place in found.items() if place.state == "absent"]
    yield Page([], start, gone, is_full=since is None, is_last=True)


def contacts_of(org: Org, ids: Iterable[str], fields: Iterable[Field], describe: Describe) -> list[Record]:
    """Rows of these Contacts, of those that are readable and not deleted. Raises SideUnavailable, Refused."""
    mapped = tuple(fields)
    names = ", ".join(selectable(mapped, describe))
    queries = (f"SELECT {names} FROM Contact WHERE Id IN {part}" for part in id_lists(ids))
    return [row(record, mapped) for soql in queries for page in org.query(soql) for record in page]


def presence(org: Org, ids: Iterable[str]) -> dict[str, Presence]:
    """Where each of these Contacts is now. Raises SideUnavailable, Refused."""
    found = {contact: Presence("absent") for contact in ids}
    for part in id_lists(found):
        for page in org.query(f"SELECT Id, IsDeleted FROM Contact WHERE Id IN {part}", include_deleted=True):
            for record in page:
                found[record["Id"]] = Presence("deleted" if record["IsDeleted"] else "readable")
    return found


def members(org: Org, view: ListView, owner_id: str = "") -> set[str]:
    """The Ids of all Contacts that a list view shows: a complete scan, or an error; never a part.

    `owner_id`: whose Contacts the scope `mine` means under org credentials; "" under the user's own.
    Raises SideUnavailable, Refused, ViewNotCompatible.
    """
    return _scan(org, member_query(view.soql, scope=view.scope, owner=owner_id))


def contact_ids(org: Org) -> set[str]:
    """All Contacts that this credential reads, without the recycle bin: a complete scan. Raises as `members`."""
    return _scan(org, MemberQuery("Contact"))


def _scan(org: Org, query: MemberQuery) -> set[str]:
    found: set[str] = set()
    after, restarts = "", 0
    while True:
        count = 0
        try:
            for page in org.query(query.page(after)):
                count += len(page)
                found.update(record["Id"] for record in page)
                after = page[-1]["Id"] if page else after
        except Refused as error:
            restarts += 1
            if error.error_code not in _BROKEN_OFF or restarts > _RESTARTS:
                raise
            continue  # from the last Id that arrived
        if count < MEMBERS_AT_ONCE:
            return found


def _changed(
    org: Org, sobject: str, names: Iterable[str], since: datetime | None
) -> Iterator[tuple[list[Record], datetime]]:
    """Pages of records by SystemModstamp, with the stamp reached; goes on from there where the query is dropped."""
    begin = literal(since - OVERLAP) if since else ""
    restarts = 0
    while True:
        where = f" WHERE SystemModstamp >= {begin}" if begin else ""
        soql = f"SELECT {', '.join(names)} FROM {sobject}{where} ORDER BY SystemModstamp, Id"
        try:
            for records in org.query(soql, include_deleted=True):
                if records:
                    reached = moment(records[-1]["SystemModstamp"])
                    yield records, reached
                    # The same stamp again is no progress: a query dropped for ever must end.
                    restarts = restarts if begin == literal(reached) else 0
                    begin = literal(reached)
            return
        except Refused as error:
            restarts += 1
            if error.error_code not in _BROKEN_OFF or restarts > _RESTARTS:
                raise


def _covered(reached: datetime, since: datetime | None, start: datetime) -> datetime:
    """The watermark after a page: what the ordered reading has passed, never before where it began nor after now."""
    return min(max(reached, since) if since else reached, start)


def _account(record: Record) -> Record:
    return {
        "id": record["Id"],
        "name": record["Name"],
        "created_at": moment(record["CreatedDate"]),
        "modstamp": moment(record["SystemModstamp"]),
    }
