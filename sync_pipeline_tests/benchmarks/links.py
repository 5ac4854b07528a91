"""A warehouse with linked contacts in agreement, made without a service, and changes to them through the mirrors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import JOINED, Field, apply_mapping
from sync_pipeline.planning import plan
from sync_pipeline.planning.context import CreateRule, MailboxField, PlanContext, PlanMailbox
from sync_pipeline.warehouse.connection import MEMORY_LIMIT, open_warehouse
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.writer import Writer

FIELDS: Final = apply_mapping({})
MAILBOXES: Final = 10
ORG: Final = "00D000000000001AAA"
RUN: Final = "run-2"
NOW: Final = datetime(2026, 3, 1, 12, 0, 0)
AGREED: Final = NOW - timedelta(days=10)
#: For what does not fit into the product's own memory, so that its time is known all the same.
MORE_MEMORY: Final = "4GB"
#: Every so many-th link is changed on a side: 1 %.
ONE_IN: Final = 100

Change = tuple[str, str, str, str, str]


class Links:
    """The warehouse file of so many links over ten mailboxes, filled and then found to agree by a first plan."""

    def __init__(self, path: Path, count: int, seed: int) -> None:
        self.path, self.count, self.seed = path, count, seed
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(path)) as connection:  # not the product's memory: filling is not what is measured
            migrate(connection, FIELDS)
            self._fill(connection)
        self.plan(MORE_MEMORY)

    def _fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        for name, number in (("links", self.count), ("mailboxes", MAILBOXES), ("seed", self.seed)):
            connection.execute(f"set variable {name} = {number}")
        connection.execute(Path(__file__).with_name("links.sql").read_text(encoding="utf-8"))
        moment = f"timestamp '{AGREED}'"
        connection.execute(
            "insert into salesforce.accounts by name "
            f"select distinct account_id as id, company as name, {moment} as created_at, {moment} as modstamp "
            "from people"
        )
        held = ", ".join(field.name for field in FIELDS if field.salesforce not in JOINED)
        connection.execute(
            "insert into salesforce.contacts by name select contact_id as id, first_name || ' ' || last_name as name, "
            f"false as is_deleted, account_id, owner_id, {moment} as created_at, {moment} as modified_at, "
            f"{moment} as modstamp, false as is_person_account, true as is_readable, 'run-1' as seen_run, {held} "
            "from people"
        )
        values = ", ".join(_as_list(field) if field.is_list else field.name for field in FIELDS)
        connection.execute(
            "insert into outlook.contacts by name select mailbox, item_id as id, 'ours ' || mailbox as folder_id, "
            f"'folder' as place, false as lost_with_folder, change_key, {moment} as created_at, {moment} as "
            "modified_at, first_name || ' ' || last_name as display_name, ['Salesforce'] as categories, "
            f"true as categorised, '{ORG}' as stamp_org, contact_id as stamp_contact, 'run-1' as seen_run, {values} "
            "from people"
        )
        base = ", ".join(f"{f.name} as outlook_{f.name}, {f.name} as salesforce_{f.name}" for f in FIELDS)
        lists = ", ".join(_as_list(field, "outlook_") for field in FIELDS if field.is_list)
        connection.execute(
            "insert into sync.links by name select link_id, mailbox, item_id as outlook_id, contact_id as "
            "salesforce_id, 'salesforce' as origin, 'linked' as state, true as seen_in_view, true as has_stamp, "
            f"'run-1' as created_run, {moment} as created_at, change_key as outlook_written_key, "
            f"{moment} as salesforce_written_stamp, first_name || ' ' || last_name as outlook_display_name, "
            f"{base}, {lists} from people"
        )
        connection.execute(
            "insert into outlook.mailboxes by name select mailbox, mailbox as object_id, 'ours ' || mailbox as "
            "folder_id, 'present' as folder_state, true as category_listed, 'ok' as status from people group by mailbox"
        )

    def change(self) -> None:
        """New job titles in Outlook and new phones in Salesforce, each for one link in a hundred.

        Through the mirrors' own writer, so that whatever marks a change for planning marks these too.
        """
        later = NOW - timedelta(hours=1)
        with open_warehouse(self.path) as connection:
            writer = Writer(connection, FIELDS)
            chosen = f"from sync.links where hash(link_id, {self.seed}, ?) % {ONE_IN} = 0 order by all"
            items: dict[str, list[dict[str, Any]]] = {}
            query = f"select mailbox, outlook_id {chosen}"
            for mailbox, item in connection.execute(query, ["outlook"]).fetchall():
                row = {"id": item, "job_title": f"New {item[-8:]}", "modified_at": later, "change_key": f"new {item}"}
                items.setdefault(mailbox, []).append(row)
            records = [
                {"id": contact, "phone": f"+44 1632 96{contact[9:15]}", "modified_at": later, "modstamp": later}
                for (contact,) in connection.execute(f"select salesforce_id {chosen}", ["salesforce"]).fetchall()
            ]
            for mailbox, rows in items.items():
                writer.save_mailbox_page(mailbox, RUN, contacts=rows)
            writer.save_contacts(records, RUN)

    @contextmanager
    def opened(self, memory: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse as a run opens it, with so much memory."""
        with open_warehouse(self.path) as connection:
            connection.execute(f"set memory_limit = '{memory}'")
            yield connection

    def plan(self, memory: str = MEMORY_LIMIT, *, full: bool = False) -> None:
        """All stages of planning, each with its own connection as in a run; the plan is written down.

        full: every link is compared, as with `--full` and in a first run; otherwise what was touched.

        Raises duckdb.OutOfMemoryException where the memory does not do.
        """
        context = replace(plan_context(), full=full)
        for stage in (plan.match_contacts, plan.compare_fields, plan.resolve_companies):
            with self.opened(memory) as connection:
                stage(connection, context)
        with self.opened(memory) as connection:
            plan.build_plan(connection, context)
            Writer(connection, FIELDS).record_plan(RUN, NOW, plan_only=True)

    def planned(self) -> set[Change]:
        """What the plan that was written down would write: (link, side, field, before, after)."""
        with open_warehouse(self.path) as connection:
            rows = connection.execute(
                "select link_id, side, change.field, change.before, change.after from ("
                "select link_id, side, unnest(planning.changes_of(fields)) as change from sync.plan "
                "where run_id = ? and state = 'ready')",
                [RUN],
            ).fetchall()
        return set(rows)


def plan_context() -> PlanContext:
    """Ten mailboxes with default settings that see the Contacts of their users."""
    addresses = [f"mailbox{number:04}@example.com" for number in range(MAILBOXES)]
    return PlanContext(
        run_id=RUN,
        now=NOW,
        org_id=ORG,
        fields=FIELDS,
        mailboxes=tuple(
            PlanMailbox(mailbox=address, salesforce_user_id=f"005{number:012}AAA")
            for number, address in enumerate(addresses)
        ),
        mailbox_fields=tuple(
            MailboxField(
                mailbox=address, field=field.name, position=position, kind=field.kind.value,
                direction=field.direction.value, policy="salesforce", length=field.length, salesforce=field.salesforce,
                createable=not field.is_parent_path, updateable=not field.is_parent_path,
                nillable=field.name != "last_name",
            )
            for address in addresses
            for position, field in enumerate(FIELDS)
        ),
        create_rules=tuple(CreateRule(address, "LastName", "required") for address in addresses),
    )  # fmt: skip


def compared(fields: Sequence[Field]) -> list[dict[str, str]]:
    """For each field what the limits and peers compare: its name, Outlook's column and base, Outlook's value."""
    return [
        {
            "name": field.name,
            "item": field.list_column if field.is_list else field.name,
            "base": f"outlook_{field.list_column if field.is_list else field.name}",
            "value": f"{field.list_column}[1]" if field.is_list else field.name,
        }
        for field in fields
    ]


def _as_list(field: Field, prefix: str = "") -> str:
    return f"case when {field.name} = '' then [] else [{field.name}] end as {prefix}{field.list_column}"
