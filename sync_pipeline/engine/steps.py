"""The steps of a run, each a few lines: read from a service or the warehouse, hand on, report counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sync_pipeline.engine import extraction
from sync_pipeline.engine.folder_marks import mark_end, mark_start
from sync_pipeline.engine.paths import exports_path
from sync_pipeline.engine.planning_inputs import fingerprints, plan_context
from sync_pipeline.engine.session import Progress, RunOptions, Session, no_progress
from sync_pipeline.engine.summary import exit_code, summary
from sync_pipeline.planning import plan
from sync_pipeline.push.outlook import push_outlook as push_to_outlook
from sync_pipeline.push.recovery import recover
from sync_pipeline.push.salesforce import push_salesforce as push_to_salesforce
from sync_pipeline.settings import Secrets, Settings
from sync_pipeline.warehouse.export import export
from sync_pipeline.warehouse.marts import rebuild
from sync_pipeline.warehouse.retention import drop_history
from sync_pipeline.warehouse.tables import fetch

#: Of what is left of the time budget: the rest is Outlook's, however large a load Salesforce gets (R21).
SALESFORCES_SHARE: Final = 0.7
#: Of the mailboxes that need a look, and of the plan; `sync-pipeline problems` and `plan` show all.
MOST_ROWS: Final = 20

_PLANNED: Final = """
    select mailbox, side, action, state, rule, coalesce(nullif(salesforce_id, ''), outlook_id) as contact,
        array_to_string(list_transform(planning.changes_of(fields), lambda change: change.field), ', ') as fields
    from sync.plan where run_id = ? order by seq limit ?
"""


@dataclass(frozen=True)
class StepResult:
    """`counts` are plotted over time by name; `attention` names mailboxes that need a look; `operations` are the first
    of the plan. No contact data stands in any: ids and names of fields only."""

    counts: dict[str, int | float] = field(default_factory=dict)
    attention: list[dict[str, str | int]] = field(default_factory=list)
    operations: list[dict[str, str | int]] = field(default_factory=list)


class Step(Protocol):
    """One of this module's steps."""

    __name__: str

    def __call__(self, session: Session) -> StepResult: ...


def run_step(session: Session, step: Step) -> StepResult:
    """Runs a step under its name in the progress; where it fails, the run is closed as failed."""
    if not (session.options.plan_only and step in (push_salesforce, push_outlook)):  # nothing is pushed then
        session.progress(step.__name__, 0, None)
    try:
        return step(session)
    except BaseException as error:
        session.fail(error)
        raise


def extract_accounts(session: Session) -> StepResult:
    """The org's Accounts since the last run, for resolving Companies."""
    return StepResult({"accounts": extraction.accounts(session)})


def extract_contacts(session: Session) -> StepResult:
    """The Contacts that changed since the last run, deleted ones too; before that, what a dead run left in doubt."""
    recovered = _recover(session)
    return StepResult({"contacts": extraction.contacts(session), "recovered": recovered})


def extract_view_members(session: Session) -> StepResult:
    """The members of every list view that a mailbox shows, as a complete scan."""
    return StepResult({"members": extraction.view_members(session)}, _attention(session))


def extract_outlook(session: Session) -> StepResult:
    """What changed in the contact folders of every mailbox of the run, a few mailboxes at a time."""
    items = extraction.outlook(session)
    return StepResult(
        {"items": items, "mailboxes": len(session.working), "stopped": len(session.stopped)}, _attention(session)
    )


def match_contacts(session: Session) -> StepResult:
    """R9: who on one side is whom on the other."""
    with session.warehouse() as connection:
        unlinked = plan.match_contacts(connection, plan_context(session, connection))
        verdicts = connection.execute(
            "select verdict, count(*) from planning.contact_matches group by verdict"
        ).fetchall()
    return StepResult({"unlinked": unlinked, **{f"verdict_{verdict}": count for verdict, count in sorted(verdicts)}})


def compare_fields(session: Session) -> StepResult:
    """R10–R19: the three-way merge of every link, and its fate."""
    with session.warehouse() as connection:
        return StepResult({"fields_that_differ": plan.compare_fields(connection, plan_context(session, connection))})


def resolve_companies(session: Session) -> StepResult:
    """R7: the Account of every Company that needs one."""
    with session.warehouse() as connection:
        resolved = plan.resolve_companies(connection, plan_context(session, connection))
        rules = connection.execute("select rule, count(*) from planning.account_resolution group by rule").fetchall()
    return StepResult({"companies": resolved, **{f"rule_{rule}": count for rule, count in sorted(rules)}})


def build_plan(session: Session) -> StepResult:
    """The plan of this run, written down before anything is pushed."""
    with session.warehouse() as connection:
        ready = plan.build_plan(connection, plan_context(session, connection))
        session.writer(connection).record_plan(session.run_id, session.clock.now(), plan_only=session.options.plan_only)
        settled = "select mailbox from planning.mailboxes where mailbox not in (select mailbox from planning.postponed)"
        session.settled = {row[0] for row in connection.execute(settled).fetchall()}
        rows = connection.execute(
            "select side, action, state, count(*) from sync.plan where run_id = ? group by all", [session.run_id]
        ).fetchall()
        operations = fetch(connection, _PLANNED, [session.run_id, MOST_ROWS])
    counts: Counter[str] = Counter()
    for side, action, state, count in rows:
        counts[f"{side}_{action}" if state == "ready" else state] += count
    return StepResult({"ready": ready, **dict(sorted(counts.items()))}, operations=operations)


def push_salesforce(session: Session) -> StepResult:
    """Sends the plan's operations on Salesforce, with intent before and receipt after each call."""
    if session.options.plan_only:
        return StepResult({"pushed": 0})
    mark_start(session)
    with session.warehouse() as connection:
        writer = session.writer(connection)
        writer.apply_link_changes(session.run_id, session.clock.now())
        counts = push_to_salesforce(
            writer, session.org_for, session.graph.mailbox, session.fields, session.run_context(SALESFORCES_SHARE)
        )
    return StepResult(dict(counts))


def push_outlook(session: Session) -> StepResult:
    """Sends the plan's operations on Outlook, several mailboxes at once."""
    if session.options.plan_only:
        return StepResult({"pushed": 0})
    with session.warehouse() as connection:
        counts = push_to_outlook(session.writer(connection), session.graph, session.fields, session.run_context())
    mark_end(session)
    return StepResult(dict(counts))


def finish(session: Session) -> StepResult:
    """Closes the run: fingerprints, request counts, exports; drops history that is too old."""
    with session.warehouse() as connection:
        writer = session.writer(connection)
        now = session.clock.now()
        if not session.options.plan_only:
            # R20: who keeps the old ones has a deletion still to come, which is to be held as one that follows a change
            rows = [row for row in fingerprints(session) if row["mailbox"] in session.settled]
            writer.save_fingerprints(rows, session.run_id)
            writer.end_old_copy(session.settled & session.old_copies - session.stopped.keys())
            writer.record_waits(session.run_id, now)  # what ended with this run was pushed by it
        session.record_stops(writer)
        writer.save_requests(session.run_id, session.counter.rows())
        document = summary(session.settings, session.run_id, connection)
        writer.finish_run(
            session.run_id,
            now,
            status="problems" if exit_code(document) else "done",
            planned=document["planned"],
            pushed=document["pushed"],
            failed=document["failed"],
        )
        since = session.reader(connection).unexported_since(session.run_id)
        exports = exports_path(session.settings)
        # The marts' day in progress, and the days since the last run that ended: some milliseconds here, where the file
        # is open already; a run of Dagster's own for them would cost seconds.
        rebuild(connection, since.date(), now.date(), directory=exports)
        export(connection, exports, since=since)
        if session.settings.keep_history_days is not None:
            drop_history(connection, exports, days=session.settings.keep_history_days, now=now)
    counts = {key: document[key] for key in ("planned", "pushed", "failed")}
    return StepResult(counts, [*_attention(session), *_waiting(document)][:MOST_ROWS])


STEPS = (
    extract_accounts,
    extract_contacts,
    extract_view_members,
    extract_outlook,
    match_contacts,
    compare_fields,
    resolve_companies,
    build_plan,
    push_salesforce,
    push_outlook,
    finish,
)


def synchronise(
    settings: Settings, secrets: Secrets, options: RunOptions, *, run_id: str, progress: Progress = no_progress
) -> dict[str, Any]:
    """All steps in order, without Dagster. Returns the document of `run --json`."""
    with Session(settings, secrets, options, run_id, progress) as session:
        for step in STEPS:
            run_step(session, step)
    return summary(settings, run_id)


def _recover(session: Session) -> int:
    """Looks at what a dead run left in doubt, before contacts are read. Returns the operations settled."""
    if session.options.plan_only:
        return 0
    with session.warehouse() as connection:
        return recover(
            session.writer(connection),
            session.org_for,
            session.graph,
            session.fields,
            session.run_context(),
            mailboxes=[mailbox.mailbox for mailbox in session.working],
        )


def _attention(session: Session) -> list[dict[str, str | int]]:
    rows: list[dict[str, str | int]] = [
        {"mailbox": address, "code": error.code, "message": error.message} for address, error in session.stopped.items()
    ]
    return rows[:MOST_ROWS]


def _waiting(document: dict[str, Any]) -> list[dict[str, str | int]]:
    return [
        {
            "mailbox": row["mailbox"],
            "code": "waiting",
            "message": f"{row['holds']} operations wait for a person, {row['problems']} problems.",
        }
        for row in document["mailboxes"]
        if row["holds"] or row["problems"]
    ]
