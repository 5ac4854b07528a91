"""Puts together what planning is told about this run, from the session and from what the warehouse remembers."""

from __future__ import annotations

import duckdb

from sync_pipeline.engine.inputs import (
    View,
    changed_kinds,
    create_rules,
    mailbox_fields,
    plan_mailbox,
    settings_fingerprint,
)
from sync_pipeline.engine.session import Session
from sync_pipeline.planning.context import PlanContext, UndoRequest

_BEGUN = (
    "select mailbox from sync.journal where outcome = 'done' and action not in ('create_folder', 'create_category') "
    "except select mailbox from sync.holds where kind = 'first_run'"
)


def plan_context(session: Session, connection: duckdb.DuckDBPyConnection) -> PlanContext:
    """The constants of this run's planning: mailboxes that nothing stopped, with their settings in force."""
    known: dict[str, dict[str, str]] = {}
    for mailbox, kind, value in connection.execute("select mailbox, kind, value from sync.fingerprints").fetchall():
        known.setdefault(mailbox, {})[kind] = value
    begun = {row[0] for row in connection.execute(_BEGUN).fetchall()}
    old_copies = session.reader(connection).old_copies()
    now: dict[str, dict[str, str]] = {}
    for row in fingerprints(session):
        now.setdefault(row["mailbox"], {})[row["kind"]] = row["value"]
    mailboxes = [
        plan_mailbox(
            settings,
            session.views.get(settings.mailbox, View("mine", is_usable=False)),
            salesforce_user_id=session.user_ids[settings.mailbox],
            reader=session.reader_of(settings.mailbox),
            is_first_run=settings.mailbox not in begun,
            is_old_copy=settings.mailbox in old_copies,
            changed=changed_kinds(known.get(settings.mailbox, {}), now[settings.mailbox]),
        )
        for settings in session.working
    ]
    planned = {settings.mailbox for settings in session.working}
    return PlanContext(
        run_id=session.run_id,
        now=session.clock.now(),
        org_id=session.org_id,
        fields=session.fields,
        mailboxes=tuple(mailboxes),
        mailbox_fields=tuple(
            row for settings in session.working for row in mailbox_fields(settings, session.fields, session.describe)
        ),
        create_rules=tuple(row for settings in session.working for row in create_rules(settings, session.describe)),
        instance_url=session.org.instance_url,
        approve_first_run=session.options.approve_first_run,
        suggestions=max((settings.account.suggestions for settings in session.working), default=3),
        undo=UndoRequest(
            session.options.undo_runs,
            session.options.undo_mailbox,
            session.options.undo_contacts,
            session.options.undo_field,
        ),
        full=session.options.full,
        unread=tuple(sorted(session.enabled_in_settings - planned)),
    )


def fingerprints(session: Session) -> list[dict[str, str]]:
    """What the deletions of each working mailbox rest on: its settings, its view's definition, the credential."""
    credential = f"{session.settings.salesforce.credentials} {session.org.user_id}"
    rows = []
    for mailbox in session.working:
        view = session.views.get(mailbox.mailbox)
        own = f"{session.settings.salesforce.credentials} {mailbox.salesforce_user}"
        values = {
            "settings": settings_fingerprint(mailbox),
            "view": view.definition if view else "",
            "credential": credential if session.settings.salesforce.credentials == "org" else own,
        }
        rows += [{"mailbox": mailbox.mailbox, "kind": kind, "value": value} for kind, value in values.items()]
    return rows
