"""What `doctor` looks at, each finding as it is made; nothing is written to either service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sync_pipeline.commands.invocation import DONE, NOT_SYNCHRONISED, WITH_PROBLEMS, WRONG_USAGE, Invocation
from sync_pipeline.engine.inputs import mailbox_fields, mailboxes_of, missing_fields, usable_fields
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.engine.session import LOCK_FILE, derived_installation
from sync_pipeline.model.errors import SettingsInvalid, SyncError, WarehouseUnusable
from sync_pipeline.outlook.client import Graph
from sync_pipeline.outlook.extract import Known, find_folder
from sync_pipeline.outlook.properties import CATEGORY
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.views import member_query
from sync_pipeline.settings import MailboxSettings, Settings
from sync_pipeline.transport import Policy, RequestCounter, ServerClock
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunLock
from sync_pipeline.warehouse.reader import Reader

_SHARING = (
    "view: all with salesforce.credentials: org shows this mailbox Contacts that its own user may not see there:"
    " the one integration user reads past the sharing rules."
)


@dataclass(frozen=True)
class Finding:
    """One line. `code`: 0 good, 1 works with a reservation, 2 settings or credentials are wrong, 3 does not work."""

    what: str
    code: int
    said: str
    remedy: str = ""


def examine(invocation: Invocation, addresses: list[str], *, sign_in: bool) -> Iterator[Finding]:
    """Everything, the foundations first; `addresses` limit the mailboxes."""
    try:
        settings = invocation.settings()
        yield Finding("settings", DONE, f"valid; data in {settings.data_dir}, schedule {settings.schedule}")
        secrets = invocation.secrets(settings)
    except SettingsInvalid as error:
        yield Finding("settings", WRONG_USAGE, error.message, error.remedy)
        return
    ways = f"Salesforce ({settings.salesforce.auth}) and Graph ({settings.graph.auth})"
    yield Finding("credentials", DONE, f"set for {ways}")
    for warning in settings.warnings:
        yield Finding("credentials", WITH_PROBLEMS, warning)
    # Somebody waits for the answer: a service that is down is told soon.
    policy, counter, clock = Policy(attempts=2, pause_cap=5.0, pause_budget=10.0), RequestCounter(), ServerClock()
    org = Org(settings.salesforce, secrets, policy, counter, clock)
    graph = Graph(settings.graph, secrets, policy, counter, clock, token_file=settings.data_dir / "graph_token.txt")
    try:
        with graph:
            if sign_in:
                graph.wire.sign_in(invocation.say)
            yield from _services(settings, org, graph, addresses)
    finally:
        org.close()


def _services(settings: Settings, org: Org, graph: Graph, addresses: list[str]) -> Iterator[Finding]:
    org_id, mailboxes = "", list[MailboxSettings]()
    users: dict[str, dict[str, Any]] | None = None
    try:
        org_id, username = org.identity().org_id, org.username()
        usage = org.limits_used()
        limit = f", {usage[0]:,} of {usage[1]:,} calls used in 24 hours" if usage else ""
        yield Finding("Salesforce", DONE, f"org {org_id} as {username}{limit}")
        found = mailboxes_of(settings, org)
        mailboxes = [mailbox for address, mailbox in found.items() if not addresses or address in addresses]
        yield from _fields(settings, mailboxes, org)
        users = {row["username"].lower(): row for row in org.users()}
    except SyncError as error:
        yield Finding("Salesforce", NOT_SYNCHRONISED, error.message, error.remedy)
        mailboxes = mailboxes or [m for m in settings.mailboxes.listed if not addresses or m.mailbox in addresses]
    folders, installation = _remembered(settings)
    for mailbox in mailboxes:
        if not mailbox.enabled:
            yield Finding(mailbox.mailbox, DONE, f"switched off (on_disable: {mailbox.on_disable})")
            continue
        if users is not None:
            yield from _pairing(mailbox, users)
            yield from _view(mailbox, settings, org, users)
        known = Known(folder_id=folders.get(mailbox.mailbox, ""), org_id=org_id, installation_id=installation)
        yield from _mailbox(mailbox, graph, known)
    if unknown := [address for address in addresses if address not in {mailbox.mailbox for mailbox in mailboxes}]:
        yield Finding("mailboxes", WRONG_USAGE, f"the settings know no {', '.join(unknown)}")
    yield from _warehouse(settings, org_id)


def _fields(settings: Settings, mailboxes: Iterable[MailboxSettings], org: Org) -> Iterator[Finding]:
    described = org.describe()
    missing = missing_fields(settings.fields, described)
    if missing:
        names = ", ".join(missing)
        yield Finding(
            "fields",
            WITH_PROBLEMS,
            f"the org does not show Contact's {names}; they are left out",
            "Give the user access.",
        )
    usable, left_out = usable_fields(settings.fields, described), set[str]()
    for mailbox in mailboxes:
        kept = {row.field for row in mailbox_fields(mailbox, usable, described)}
        left_out |= {field.salesforce for field in usable_fields(mailbox.fields, described) if field.name not in kept}
    if left_out:
        names = ", ".join(sorted(left_out))
        yield Finding(
            "fields", WITH_PROBLEMS, f"{names} may not be written; they are left out", "Give the user access."
        )
    if not missing and not left_out:
        number = len(settings.fields)
        yield Finding("fields", DONE, f"all {number} mapped fields can be read and written as mapped")


def _pairing(mailbox: MailboxSettings, users: dict[str, dict[str, Any]]) -> Iterator[Finding]:
    user = users.get(mailbox.salesforce_user.lower())
    if user is None:
        said = f"the org has no user {mailbox.salesforce_user!r}"
        yield Finding(
            mailbox.mailbox, NOT_SYNCHRONISED, said, "salesforce_user is the user's Username; correct the settings."
        )
    elif not user["is_active"]:
        said = f"the Salesforce user {mailbox.salesforce_user} is not active"
        yield Finding(
            mailbox.mailbox, WITH_PROBLEMS, said, "He can own no new Contact; set create.fixed: {OwnerId: …}."
        )


def _view(
    mailbox: MailboxSettings, settings: Settings, org: Org, users: dict[str, dict[str, Any]]
) -> Iterator[Finding]:
    is_org = settings.salesforce.credentials == "org"
    if mailbox.view == "all" and is_org:
        yield Finding(mailbox.mailbox, DONE, _SHARING)
    if mailbox.view in ("mine", "all"):
        return
    user = users.get(mailbox.salesforce_user.lower())
    try:
        reader = org if is_org else org.as_user(mailbox.salesforce_user)
        view = reader.list_view(mailbox.view)
        member_query(view.soql, scope=view.scope, owner=str(user["id"]) if user and is_org else "")
        yield Finding(mailbox.mailbox, DONE, f"list view {view.label!r} can be read")
    except SyncError as error:
        yield Finding(mailbox.mailbox, NOT_SYNCHRONISED, error.message, error.remedy)


def _remembered(settings: Settings) -> tuple[dict[str, str], str]:
    """Our folder by mailbox and this installation's id, read once; of a warehouse that cannot be read only what a new
    one would know."""
    try:
        with open_warehouse(warehouse_path(settings), read_only=True, wait_seconds=5.0) as connection:
            reader = Reader(connection)
            folders = {row["mailbox"]: row["folder_id"] or "" for row in reader.mailboxes()}
            identity = reader.identity() or {}
    except WarehouseUnusable:  # told in the line of the warehouse
        folders, identity = {}, {}
    return folders, identity.get("installation_id") or derived_installation(settings.data_dir)


def _mailbox(mailbox: MailboxSettings, graph: Graph, known: Known) -> Iterator[Finding]:
    try:
        survey = graph.mailbox(mailbox.mailbox).survey()
    except SyncError as error:
        yield Finding(mailbox.mailbox, NOT_SYNCHRONISED, error.message, error.remedy)
        return
    folder = find_folder(survey.folders, known)
    listed = survey.categories is None or any(name.casefold() == CATEGORY.casefold() for name in survey.categories)
    marked = folder is not None and folder.run is not None and known.org_id != ""
    if folder and marked and (folder.org, folder.installation) != (known.org_id, known.installation_id):
        said = (
            f"its folder {folder.name!r} is kept by another installation ({folder.installation}) for org {folder.org}"
        )
        remedy = (
            "Two installations never share a folder: switch the other one off for this mailbox, and delete its folder."
        )
        yield Finding(mailbox.mailbox, NOT_SYNCHRONISED, said, remedy)
        return
    where = f"folder {folder.name!r}" if folder else "the first run makes the folder"
    category = "" if listed else "; the first run lists the category"
    yield Finding(mailbox.mailbox, DONE, f"can be read; {where}{category}; view {mailbox.view}")


def _warehouse(settings: Settings, org_id: str) -> Iterator[Finding]:
    path = warehouse_path(settings)
    if owner := RunLock(settings.data_dir / LOCK_FILE).owner():
        yield Finding(
            "run", DONE, f"run {owner.run_id} goes on, or died, in process {owner.process} since {owner.since}"
        )
    if not path.exists():
        yield Finding("warehouse", DONE, f"{path} is made by the first run")
        return
    try:
        with open_warehouse(path, read_only=True, wait_seconds=5.0) as connection:
            identity, last = Reader(connection).identity(), Reader(connection).run()
    except SyncError as error:
        yield Finding("warehouse", NOT_SYNCHRONISED, error.message, error.remedy)
        return
    if identity and org_id and (identity["org_id"], identity["tenant"]) != (org_id, settings.graph.tenant):
        said = f"{path} belongs to org {identity['org_id']} and tenant {identity['tenant']}"
        yield Finding("warehouse", NOT_SYNCHRONISED, said, "Set another data_dir for this org and tenant.")
        return
    ran = f"; last run {last['run_id']} at {last['started_at']:%Y-%m-%d %H:%M} UTC, {last['status']}" if last else ""
    yield Finding("warehouse", DONE, f"{path} can be opened{ran}")
