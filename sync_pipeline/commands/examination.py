"""What `doctor` looks at, each finding as it is made; nothing is written to either service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sync_pipeline.commands import examination_salesforce
from sync_pipeline.commands.examination_alerts import alerts
from sync_pipeline.commands.examination_machine import machine
from sync_pipeline.commands.finding import Finding
from sync_pipeline.commands.invocation import DONE, NOT_SYNCHRONISED, WITH_PROBLEMS, WRONG_USAGE, Invocation
from sync_pipeline.engine.inputs import mailboxes_of
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.engine.session import derived_installation
from sync_pipeline.model.errors import SettingsInvalid, SyncError, WarehouseUnusable
from sync_pipeline.outlook.client import Graph
from sync_pipeline.outlook.extract import Known, find_folder
from sync_pipeline.outlook.properties import CATEGORY
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.views import member_query
from sync_pipeline.settings import GraphSettings, MailboxSettings, Settings
from sync_pipeline.transport import Policy, RequestCounter, ServerClock
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader

_SHARING = (
    "view: all with salesforce.credentials: org shows this mailbox Contacts that its own user may not see there:"
    " the one integration user reads past the sharing rules."
)


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
    yield from alerts(settings)
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
        yield from examination_salesforce.login(org)
        org_id = org.identity().org_id
        found = mailboxes_of(settings, org)
        mailboxes = [mailbox for address, mailbox in found.items() if not addresses or address in addresses]
        yield _rights(settings, org, org.username(), mailboxes)
        yield from examination_salesforce.fields(settings, mailboxes, org)
        users = {row["username"].lower(): row for row in org.users()}
    except SyncError as error:
        yield Finding("Salesforce", NOT_SYNCHRONISED, error.message, error.remedy)
        mailboxes = mailboxes or [m for m in settings.mailboxes.listed if not addresses or m.mailbox in addresses]
    graph_finding = _graph(settings, graph)
    yield graph_finding
    folders, installation = _remembered(settings)
    for mailbox in mailboxes:
        if not mailbox.enabled:
            yield Finding(mailbox.mailbox, DONE, f"switched off (on_disable: {mailbox.on_disable})")
            continue
        shown = f"; view {mailbox.view}"
        if users is not None:
            yield from _pairing(mailbox, users)
            for finding in _view(mailbox, settings, org, users):
                yield finding
                shown = "" if finding.code == NOT_SYNCHRONISED else shown  # told already
        if graph_finding.code != NOT_SYNCHRONISED:
            known = Known(folder_id=folders.get(mailbox.mailbox, ""), org_id=org_id, installation_id=installation)
            yield from _mailbox(mailbox, graph, known, shown)
    if unknown := [address for address in addresses if address not in {mailbox.mailbox for mailbox in mailboxes}]:
        yield Finding("mailboxes", WRONG_USAGE, f"the settings know no {', '.join(unknown)}", "Correct the address.")
    yield from machine(settings, org_id)


def _rights(settings: Settings, org: Org, user: str, mailboxes: list[MailboxSettings]) -> Finding:
    is_org = settings.salesforce.credentials == "org"
    deletes = any("delete" in (mailbox.outlook_deletion, mailbox.moved_out) for mailbox in mailboxes)
    return examination_salesforce.may(org, user=user, writes=is_org, deletes=deletes)


def _graph(settings: Settings, graph: Graph) -> Finding:
    """A token, and what it says that it opens. RBAC for Applications stands in no token: each mailbox's line tells."""
    try:
        granted = graph.wire.granted()
    except SyncError as error:
        remedy = error.remedy
        if settings.graph.auth == "delegated":
            remedy += " With graph.auth: delegated, sign in with `sync-pipeline doctor --sign-in`."
        return Finding("Graph", NOT_SYNCHRONISED, error.message, remedy)
    return token_finding(settings.graph, granted)


def token_finding(settings: GraphSettings, granted: frozenset[str]) -> Finding:
    """What the permissions that a token names mean for the mailboxes."""
    said = f"tenant {settings.tenant} ({settings.cloud}) gives a token"
    if settings.auth == "client_credentials" and "Contacts.ReadWrite" in granted:
        said += " that opens the contacts of every mailbox of the tenant"
        remedy = "Grant it by RBAC for Applications, to these mailboxes only, and take it away in Entra."
        return Finding("Graph", WITH_PROBLEMS, said, remedy)
    named = f" for {', '.join(sorted(granted))}" if granted else ""
    return Finding("Graph", DONE, said + named)


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
    user = users.get(mailbox.salesforce_user.lower())
    try:
        reader = org if is_org else org.as_user(mailbox.salesforce_user)
        if not is_org and user is not None:
            deletes = "delete" in (mailbox.outlook_deletion, mailbox.moved_out)
            yield examination_salesforce.may(reader, user=mailbox.salesforce_user, writes=True, deletes=deletes)
        if mailbox.view in ("mine", "all"):
            return
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


def _mailbox(mailbox: MailboxSettings, graph: Graph, known: Known, view: str) -> Iterator[Finding]:
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
    yield Finding(mailbox.mailbox, DONE, f"Outlook can be read; {where}{category}{view}")
