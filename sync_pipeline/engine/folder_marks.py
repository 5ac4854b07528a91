"""R21: the number that our folder carries, before a mailbox is pushed and after: by it an old warehouse is known.

A number is always saved in the warehouse before a folder gets it, so that no crash makes the warehouse look old."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.engine.session import Session
from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.transport import OutcomeUnknown, Refused
from sync_pipeline.warehouse.tables import fetch


def mark_start(session: Session) -> None:
    """Marks the folders of this plan before anything of it is pushed; where that fails, the mailbox is stopped."""
    with session.warehouse() as connection:
        rows = connection.execute(
            "select distinct plan.mailbox, state.folder_id, state.folder_state from sync.plan as plan "
            "join outlook.mailboxes as state using (mailbox) where plan.run_id = ? and plan.state = 'ready'",
            [session.run_id],
        ).fetchall()
        writer = session.writer(connection)
        for address, _, _ in rows:  # a folder that is made in this run is marked when it is made
            writer.save_mark(address, session.number, session.clock.now())
    if not rows:
        return
    present = [(address, folder_id) for address, folder_id, state in rows if state == "present"]
    failed = {address for address, _ in present} - set(_marked(session, present))
    with session.warehouse() as connection:
        # After the marks: until then the folder still has the number of a push that may lack its end.
        session.writer(connection).begin_push(
            [address for address, _, _ in rows if address not in failed], session.run_id, session.clock.now()
        )


def mark_end(session: Session) -> None:
    """Gives the folder of each mailbox that was written to a number above the one that the push began with.

    A copy of the warehouse that was taken in between is known by that. A push that broke off gets its end from the next
    run of its mailbox.
    """
    with session.warehouse() as connection:
        writer = session.writer(connection)
        pushes = fetch(
            connection,
            "select push.scope as mailbox, push.value as run_id, state.folder_id, "
            "state.folder_state = 'present' and exists (select 1 from sync.journal as journal "
            "where journal.run_id = push.value and journal.mailbox = push.scope "
            "and coalesce(journal.outcome, 'done') = 'done') as has_written from sync.cursors as push "
            "join outlook.mailboxes as state on state.mailbox = push.scope where push.name = 'push'",
        )
        working = {mailbox.mailbox for mailbox in session.working}
        # Of another run's push only a mailbox that this run could read is marked: it may be a foreign one by now.
        mine = [push for push in pushes if push["run_id"] == session.run_id or push["mailbox"] in working]
        due = [(push["mailbox"], push["folder_id"]) for push in mine if push["has_written"]]
        if due:
            session.number += 1
            writer.raise_run_number(session.run_id, session.number)
        for address, _ in due:
            writer.save_mark(address, session.number, session.clock.now())
    ended = set(_marked(session, due)) | {push["mailbox"] for push in mine if not push["has_written"]}
    if ended:
        with session.warehouse() as connection:
            session.writer(connection).end_push(ended)


def _marked(session: Session, folders: Iterable[tuple[str, str]]) -> list[str]:
    """Marks these folders; the mailboxes where that was done."""
    done = []
    for address, folder_id in folders:
        try:
            session.graph.mailbox(address).mark_folder(folder_id, session.run_context().mark)
            done.append(address)
        except (Refused, OutcomeUnknown) as error:
            session.stop(
                MailboxStopped(
                    address, f"The folder cannot be marked: {error.message}", remedy="The next run tries again."
                )
            )
    return done
