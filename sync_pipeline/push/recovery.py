"""Looks at the services for every intent without an outcome, before contacts are read or planned: was it done or not?

Nothing is ever sent again from here. What was not done is planned afresh; what cannot be looked at stays in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.fields import Field
from sync_pipeline.model.operation import Action, Operation, Side
from sync_pipeline.outlook.client import Graph
from sync_pipeline.outlook.properties import mapped_extended
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.recovery_outlook import OutlookWitness
from sync_pipeline.push.recovery_salesforce import SalesforceWitness
from sync_pipeline.salesforce.client import Org
from sync_pipeline.warehouse.intents import intents_in_doubt
from sync_pipeline.warehouse.receipt import Receipt
from sync_pipeline.warehouse.writer import Writer


@dataclass(frozen=True)
class Doubt:
    """An intent without an outcome: of which run, what, and when it was about to be sent (the services' time)."""

    run_id: str
    operation: Operation
    started_at: datetime


def recover(
    writer: Writer,
    org_for: Callable[[str], Org],
    graph: Graph,
    fields: Sequence[Field],
    run: RunContext,
    *,
    mailboxes: Sequence[str] | None = None,
) -> int:
    """Returns the operations settled. Only those of `mailboxes`, where given: `org_for` knows no others.

    A mailbox that cannot be read, or whose own login is refused, is reported to `run.stop` and stays in doubt.
    Raises SideUnavailable.
    """
    doubts = [
        Doubt(*found)
        for found in intents_in_doubt(writer.connection)
        if mailboxes is None or found[1].mailbox in mailboxes
    ]
    settled = 0
    by_mailbox: dict[str, list[Doubt]] = {}
    for doubt in doubts:
        by_mailbox.setdefault(doubt.operation.mailbox, []).append(doubt)
    for address, mine in by_mailbox.items():
        try:
            with run.own_login(address):
                settled += _settle(writer, address, mine, org_for, graph, fields, run)
        except MailboxStopped as error:
            run.stop(error)
    return settled


def _settle(
    writer: Writer,
    address: str,
    doubts: Sequence[Doubt],
    org_for: Callable[[str], Org],
    graph: Graph,
    fields: Sequence[Field],
    run: RunContext,
) -> int:
    receipts: list[Receipt] = []
    salesforce = [doubt for doubt in doubts if doubt.operation.side is Side.SALESFORCE]
    if salesforce:
        creations = [(d.operation, d.started_at) for d in salesforce if d.operation.action is Action.CREATE]
        witness = SalesforceWitness(org_for(address), writer.connection, fields, run, creations)
        for doubt in salesforce:
            receipts.append(witness.look(doubt.run_id, doubt.operation))
    outlook = [doubt for doubt in doubts if doubt.operation.side is Side.OUTLOOK]
    if outlook:
        mailbox = graph.mailbox(address, extended=mapped_extended(fields))
        seer = OutlookWitness(mailbox, writer.connection, fields, run)
        for doubt in outlook:
            receipts.append(seer.look(doubt.run_id, doubt.operation, doubt.started_at))
    # One at a time: a later intent may rest on the link that an earlier one makes.
    for receipt in receipts:
        writer.close([receipt], run.clock.now())
    return len(receipts)
