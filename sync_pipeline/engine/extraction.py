"""Reads both services into the mirrors; each page is written together with the cursors that cover it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from datetime import datetime, timedelta

from duckdb import DuckDBPyConnection

from sync_pipeline.engine.inputs import View, fields_fingerprint
from sync_pipeline.engine.session import Session
from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.outlook.extract import Known, Page, extract
from sync_pipeline.salesforce import extract as salesforce
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.views import ViewError
from sync_pipeline.settings import MailboxSettings
from sync_pipeline.warehouse.reader import Reader
from sync_pipeline.warehouse.writer import Writer

MAILBOXES_AT_ONCE = 4
PAGES_WAITING = 8
#: How often every Contact's presence is checked, because a lost permission leaves no trace in a change query.
PRESENCE_EVERY = timedelta(days=1)


def accounts(session: Session) -> int:
    """Accounts since the watermark, all of them where there is none. Returns the rows read."""
    rows_read = 0
    with session.warehouse() as connection:
        writer = session.writer(connection)
        seen: list[str] = []
        for page in salesforce.accounts(session.org, _watermark(session, connection, "org", "accounts")):
            rows = [*page.rows, *({"id": gone, "is_deleted": True} for gone in page.gone)]
            writer.save_accounts(rows, ("org", page.watermark.isoformat(), session.clock.now()))
            rows_read += len(page.rows)
            seen += [row["id"] for row in page.rows]
            if page.is_last and page.is_full and seen:  # R20: an empty answer is no reason to forget them all
                writer.forget_accounts(seen)
            session.progress("Accounts", rows_read, None)
    return rows_read


def contacts(session: Session) -> int:
    """Contacts since the watermark, for each credential that reads. Returns the rows read."""
    if session.settings.salesforce.credentials == "org":
        return _contacts(session, session.org, "org", set())
    rows_read = 0
    gone: set[str] = set()
    for mailbox in [mailbox for mailbox in session.working if mailbox.enabled]:
        with session.run_context().own_login(mailbox.mailbox):
            rows_read += _contacts(session, session.org_for(mailbox.mailbox), mailbox.mailbox, gone)
    with session.warehouse() as connection:
        # undeleted since, and another credential reads it: not gone
        readers = session.reader(connection).rows("select distinct contact_id from salesforce.readers")
        session.writer(connection).mark_deleted(gone - {row["contact_id"] for row in readers}, session.run_id)
    return rows_read


def _contacts(session: Session, org: Org, scope: str, gone: set[str]) -> int:
    """Those of one credential. `gone` takes, even if it breaks off, the Ids that it knows to be deleted for good."""
    rows_read = 0
    with session.warehouse() as connection:
        writer, reader = session.writer(connection), session.reader(connection)
        known = set(reader.living_contact_ids())
        seen: set[str] = set()
        is_full = False
        selected = fields_fingerprint(session.fields, "salesforce")
        watermark = _watermark(session, connection, scope, "contacts")
        if reader.cursor(scope, "contact_fields") != selected:
            watermark = None  # the rows behind it lack a field, or hold what it was before it was hidden
        for page in salesforce.contacts(org, session.fields, session.describe, watermark):
            gone |= set(page.gone)
            if scope == "org":
                writer.mark_deleted(page.gone, session.run_id)  # before the cursor: what was lost is not told again
            writer.save_contacts(
                page.rows, session.run_id, (scope, page.watermark.isoformat(), session.clock.now()), selected
            )
            seen |= {row["id"] for row in page.rows}
            rows_read += len(page.rows)
            is_full = page.is_full
            session.progress("Contacts", rows_read, None)
        is_due = is_full or _presence_is_due(session, reader)
        if scope == "org" and not is_due:
            return rows_read
        # a permission that was lost or given leaves no trace in a change query
        shown = seen if scope == "org" and is_full else salesforce.contact_ids(org)
        rows = salesforce.contacts_of(org, sorted(shown - known - seen), session.fields, session.describe)
        writer.save_contacts(rows, session.run_id)
        if scope != "org":
            writer.save_readers(scope, shown)
        elif shown or not known:  # R20: an empty listing makes nothing unreadable
            missing = known - shown - gone
            absent = [
                contact
                for contact, found in salesforce.presence(org, sorted(missing)).items()
                if found.state == "absent"
            ]
            writer.mark_unreadable(absent, session.run_id)
            writer.save_cursor("org", "presence", session.clock.now().isoformat(), session.clock.now())
    return rows_read + len(rows)


def _presence_is_due(session: Session, reader: Reader) -> bool:
    checked = reader.cursor("org", "presence")
    return checked is None or datetime.fromisoformat(checked) < session.clock.now() - PRESENCE_EVERY


def _watermark(session: Session, connection: DuckDBPyConnection, scope: str, name: str) -> datetime | None:
    saved = None if session.options.full else session.reader(connection).cursor(scope, name)
    return datetime.fromisoformat(saved) if saved else None


def view_members(session: Session) -> int:
    """Every list view in use, scanned whole, once for all mailboxes that share it. Returns the members read."""
    scanned: dict[str, set[str]] = {}
    with session.warehouse() as connection:
        writer = session.writer(connection)
        for mailbox in session.working:
            if not mailbox.enabled:
                session.views[mailbox.mailbox] = View("mine", is_usable=False)
                continue
            try:
                with session.run_context().own_login(mailbox.mailbox):
                    session.views[mailbox.mailbox] = _view(session, mailbox, writer, scanned)
            except ViewError as error:
                session.stop(MailboxStopped(mailbox.mailbox, error.message, remedy=error.remedy, code=error.code))
            session.progress("List views", len(session.views), len(session.mailboxes))
        session.record_stops(writer)
    return sum(len(members) for members in scanned.values())


def _view(session: Session, mailbox: MailboxSettings, writer: Writer, scanned: dict[str, set[str]]) -> View:
    user_id = session.user_ids[mailbox.mailbox]
    if mailbox.view in ("mine", "all"):
        return View(mailbox.view, definition=f"{mailbox.view} {user_id if mailbox.view == 'mine' else ''}")
    org = session.org_for(mailbox.mailbox)
    found = org.list_view(mailbox.view)
    is_org = session.settings.salesforce.credentials == "org"
    owner = user_id if is_org else ""
    key = found.key(owner) if is_org else f"{found.key(owner)} {mailbox.mailbox}"
    if key not in scanned:
        scanned[key] = salesforce.members(org, found, owner)
        writer.save_members(key, found.label, found.definition, scanned[key])
    return View("list", key, found.definition)


def outlook(session: Session) -> int:
    """The contact folders of every working mailbox, a few mailboxes at once. Returns the items read."""
    with session.warehouse() as connection:
        writer, reader = session.writer(connection), session.reader(connection)
        wanted = [
            mailbox for mailbox in session.working if mailbox.enabled or reader.came_from_salesforce(mailbox.mailbox)
        ]
        for mailbox in session.working:
            if mailbox not in wanted or (not mailbox.enabled and mailbox.on_disable == "keep"):
                session.mailboxes.pop(mailbox.mailbox)
        known = {mailbox.mailbox: _known(session, reader, mailbox.mailbox) for mailbox in session.working}
        owners = {row["mailbox"]: row["object_id"] for row in reader.mailboxes()}
        session.old_copies |= reader.old_copies()
        items = 0
        renamed: set[str] = set()
        for done, (address, page) in enumerate(_pages(session, known), 1):
            if _is_reassigned(owners.get(address), page):
                session.stop(_reassigned(address))
            if address in session.stopped:
                continue
            items += len(page.contacts)
            if address not in renamed and (former := _former_address(connection, address, page)):
                writer.rename_mailbox(former, address)
                renamed.add(address)
            if address not in renamed:  # its pages were read without what is known of it
                _save(session, writer, address, page)
            session.progress("Outlook", done, None)
        for addresses, full in ((renamed, False), (session.old_copies, True)):
            working = {mailbox.mailbox for mailbox in session.working}
            again = {address: _known(session, reader, address) for address in addresses if address in working}
            for address, page in _pages(session, again, full=full):
                items += len(page.contacts)
                _save(session, writer, address, page)
        _report_vanished(session, writer, reader)
        session.record_stops(writer)
    return items


def _report_vanished(session: Session, writer: Writer, reader: Reader) -> None:
    """R1: a mailbox that the rule found once and finds no longer is a problem, until it is back or taken out.

    Looked at after reading, when a mailbox that has another address now goes on under that one. One that a person took
    off a plain list is nobody's surprise.
    """
    if session.options.mailboxes or session.settings.mailboxes.discover is None:
        return
    vanished = [address for address in reader.mailboxes_read() if address not in session.in_settings]
    for address in vanished:
        session.stop(
            MailboxStopped(
                address,
                f"The rule that discovers mailboxes finds {address} no longer: its Salesforce user is inactive, does "
                "not meet the rule's condition, or names another mailbox.",
                remedy="Nothing of it is touched. Make the rule find it again, list it with its salesforce_user, or "
                f"take it out with `sync-pipeline remove {address} --yes`.",
                code="mailbox_vanished",
            )
        )
    writer.add_to_run(session.run_id, vanished)


def _is_reassigned(owner: str | None, page: Page) -> bool:
    """R1: whether the address led to another mailbox when it was read last. Only a first page says whose it is."""
    return bool(owner and page.state.get("object_id")) and page.state["object_id"] != owner


def _reassigned(address: str) -> MailboxStopped:
    return MailboxStopped(
        address,
        f"{address} is the address of another mailbox now than the one whose contacts are known under it.",
        remedy="Nothing of either is touched. Where the former mailbox has another address now, list it under that "
        f"one; otherwise take it out with `sync-pipeline remove {address} --yes "
        "--while-enabled`. Then run again.",
        code="mailbox_reassigned",
    )


def _former_address(connection: DuckDBPyConnection, address: str, page: Page) -> str:
    """R1: the address under which this very mailbox was known; "" where it has not changed."""
    found = connection.execute(
        "select mailbox from outlook.mailboxes where object_id = ? and mailbox <> ?",
        [page.state.get("object_id"), address],
    ).fetchone()
    return str(found[0]) if found else ""


def _save(session: Session, writer: Writer, address: str, page: Page) -> None:
    state = dict(page.state)
    mark = state.get("mark_org") or "", state.get("mark_installation") or ""
    if any(mark) and mark != (session.org_id, session.installation_id):
        session.stop(
            MailboxStopped(
                address,
                f"The folder of {address} is kept by another installation ({mark[1]}) for org {mark[0]}.",
                remedy="Run only one of the two; if you moved this one, give it its former data_dir again. "
                "If the other one is gone for good, delete the folder: its contacts come back.",
                code="foreign_installation",
            )
        )
        return
    number = int(state.get("mark_run") or 0)
    if any(mark) and number > session.reader(writer.connection).mark(address):
        # R21: the folder was written by a later run than this warehouse knows of, so the warehouse is an old copy
        if number >= session.number:
            session.number = number + 1
            writer.raise_run_number(session.run_id, session.number)
        is_noticed = address not in session.old_copies
        if is_noticed:
            session.old_copies |= writer.void_old_copy(address, session.clock.now())
        writer.save_mark(address, number, session.clock.now())
        if is_noticed:
            return
    if address not in session.stopped:
        writer.save_mailbox_page(
            address, session.run_id, state=state, folders=page.folders, contacts=page.contacts, vanished=page.vanished,
            cursors=page.cursors, listed=page.listed, now=session.clock.now(),
            selected=fields_fingerprint(session.fields, "outlook"),
        )  # fmt: skip
        if page.is_last:
            writer.keep_folders(address, [folder["id"] for folder in page.folders])
            writer.save_mailbox(address, session.run_id)


def _known(session: Session, reader: Reader, address: str) -> Known:
    found = reader.known(address)
    known = Known(**{field.name: getattr(found, field.name) for field in fields(Known)})
    # Items listed with other fields are listed again: no change of theirs would ever bring the new ones.
    is_same = reader.cursor(address, "outlook_fields") == fields_fingerprint(session.fields, "outlook")
    return known if is_same else replace(known, listed_at=None)


def _pages(session: Session, known: dict[str, Known], *, full: bool = False) -> Iterator[tuple[str, Page]]:
    """The pages of several mailboxes as they come; a mailbox that fails is stopped and gives no more."""
    pages: queue.Queue[tuple[str, Page | MailboxStopped | BaseException | None]] = queue.Queue(maxsize=PAGES_WAITING)
    is_over = threading.Event()

    def read(address: str) -> None:
        try:
            if not is_over.is_set():
                mailbox = session.graph.mailbox(address, extended=session.extended)
                for page in extract(mailbox, known[address], session.fields, full=full or session.options.full):
                    pages.put((address, page))
                    if is_over.is_set():
                        break
            pages.put((address, None))
        except BaseException as error:  # handed to the main thread, which raises what is not the mailbox's own
            pages.put((address, error))

    with ThreadPoolExecutor(MAILBOXES_AT_ONCE, thread_name_prefix="outlook") as pool:
        for address in known:
            pool.submit(read, address)
        left = len(known)
        try:
            while left:
                address, page = pages.get()
                left -= page is None or isinstance(page, BaseException)
                if isinstance(page, MailboxStopped):
                    session.stop(page)
                elif isinstance(page, BaseException):
                    raise page
                elif page is not None:
                    yield address, page
        finally:
            # Where a page cannot be saved nobody takes them any more, and readers that wait for room would never end.
            is_over.set()
            while left:
                _, page = pages.get()
                left -= page is None or isinstance(page, BaseException)
