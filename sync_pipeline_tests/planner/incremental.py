"""Random worlds in which things happen between plannings: the plan of what was touched must be that of everything."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.planning.context import PlanContext
from sync_pipeline.warehouse.tables import fetch
from sync_pipeline.warehouse.writer import Writer
from sync_pipeline_tests.planner.following import following
from sync_pipeline_tests.planner.scenario import Scenario
from sync_pipeline_tests.planner.stories import stories
from sync_pipeline_tests.planner.tables import MAPPED, NOW, ORG, RUN, all_stages, filled, planned, warehouse

#: What a planning leaves behind. (The reason of a hold may name what else stood in its way in the plan before.)
RESULTS: Final = {
    "planned": "* exclude (hold_reason)", "base_updates": "*", "link_changes": "*", "plan_problems": "*",
    "conflicts": "*", "solved_problems": "*", "postponed": "*",
}  # fmt: skip
Row = dict[str, Any]


@dataclass
class Report:
    """`differences` are told; of all plannings together, the links they looked at, and those there were."""

    differences: list[str] = field(default_factory=list)
    operations: int = 0
    looked_at: int = 0
    links: int = 0


def compare(count: int, seed: int, rounds: int) -> Report:
    """So many random stories in one warehouse, settled first; then rounds of changes, each planned both ways."""
    scenarios = agreed(list(stories(count, seed)))
    report = Report()
    with warehouse() as connection:
        world = World(connection, filled(connection, scenarios), random.Random(f"{seed}/changes"))
        all_stages(connection, world.context)
        world.write_down()
        for number in range(rounds):
            happened = world.change()
            context = world.chosen()
            everything = snapshot(connection, replace(context, full=True))
            touched = snapshot(connection, context)
            report.operations += len(touched["planned"])
            report.looked_at += _count(connection, "planning.links")
            report.links += _count(connection, "sync.links where state = 'linked'")
            for table in RESULTS:
                if odd := touched[table] ^ everything[table]:
                    told = "\n    ".join(sorted(odd)[:4])
                    report.differences.append(f"round {number}, {', '.join(happened)}: {table}\n    {told}")
            world.write_down()
    return report


def agreed(scenarios: list[Scenario]) -> list[Scenario]:
    """What they are once two plans of each were carried out."""
    for number in (1, 2):
        outcomes = planned(scenarios)
        scenarios = [following(*pair, round_number=number) for pair in zip(scenarios, outcomes, strict=True)]
    return scenarios


def snapshot(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> dict[str, set[str]]:
    """Plans; the rows of each table of RESULTS."""
    all_stages(connection, context)
    return {
        table: set(map(repr, connection.execute(f"select {names} from planning.{table}").fetchall()))
        for table, names in RESULTS.items()
    }


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    return int(connection.execute(f"select count(*) from {relation}").fetchall()[0][0])


class World:
    """The mirrors and the settings, and what happens to them. Nothing is pushed: what is planned stays to do."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, context: PlanContext, dice: random.Random) -> None:
        self.connection, self.context, self.dice = connection, context, dice
        self.writer = Writer(connection, MAPPED)
        self.moment = NOW - timedelta(hours=2)
        self.number = 0

    def write_down(self) -> None:
        """Writes the last plan down, and applies what needs no write on either service."""
        self.writer.record_plan(RUN, NOW, plan_only=False)
        self.writer.apply_link_changes(RUN, NOW)

    def chosen(self) -> PlanContext:
        """Now and then a run is about some mailboxes only."""
        if self.dice.random() > 0.4:
            return self.context
        kept = [mailbox for mailbox in self.context.mailboxes if self.dice.random() < 0.7]
        return replace(self.context, mailboxes=tuple(kept))

    def change(self) -> list[str]:
        """A few things happen, each of one sort; their names."""
        sorts: Sequence[Callable[[], object]] = (
            self._edit_item, self._edit_item, self._move_item, self._lose_item, self._new_item, self._stamp_item,
            self._edit_contact, self._edit_contact, self._delete_contact, self._merge, self._hide, self._take_account,
            self._rename_account, self._new_account, self._view, self._unlink, self._link, self._settings, self._judge,
        )  # fmt: skip
        chosen = [self.dice.choice(sorts) for _ in range(self.dice.randint(4, 16))]
        for happens in chosen:
            self.number += 1
            self.moment += timedelta(seconds=1)
            happens()
        return [getattr(happens, "__name__", "") for happens in chosen]

    def _any(self, query: str) -> Row:
        return dict(self.dice.choice(fetch(self.connection, f"{query} order by all")))

    def _item(self) -> Row:
        return self._any("select mailbox, id, place, stamp_contact from outlook.contacts")

    def _contact(self) -> str:
        return str(self._any("select id from salesforce.contacts")["id"])

    def save_item(self, mailbox: str, item: str, **values: Any) -> None:
        """Outlook shows another version of an item; `values` are columns of its mirror."""
        row = {"id": item, "change_key": f"new.{self.number}", "modified_at": self.moment, **values}
        self.writer.save_mailbox_page(mailbox, RUN, contacts=[row])

    def _save_contact(self, contact: str, **values: Any) -> None:
        row = {"id": contact, "modified_at": self.moment, "modstamp": self.moment, **values}
        self.writer.save_contacts([row], RUN)

    def _edit_item(self) -> None:
        item, name = self._item(), self.dice.choice(("job_title", "department", "first_name", "company", "email_list"))
        value: Any = self.dice.choice(("", f"New {self.number}", "x" * 90, "Globex"))
        self.save_item(item["mailbox"], item["id"], **{name: [value] if name == "email_list" else value})

    def _move_item(self) -> None:
        item = self._item()
        place = self.dice.choice(("folder", "elsewhere", "elsewhere", "deleted"))
        self.save_item(item["mailbox"], item["id"], place=place, categorised=self.dice.random() < 0.5)

    def _lose_item(self) -> None:
        item = self._item()
        gone = {item["id"]: self.dice.choice(("gone", "personal"))}
        self.writer.save_mailbox_page(item["mailbox"], RUN, vanished=gone)

    def _new_item(self, **more: Any) -> None:
        like = self._any(
            "select mailbox, first_name, last_name, email_list, company, stamp_contact from outlook.contacts"
        )
        mailbox = self.dice.choice(self.context.mailboxes).mailbox
        same = {name: like[name] for name in ("first_name", "last_name", "company")}
        row = {"place": "folder", "categorised": True, "created_at": self.moment, "job_title": "", "department": ""}
        self.save_item(mailbox, f"new.{self.number}", **row, **same, email_list=like["email_list"], **more)

    def _stamp_item(self) -> None:
        """A copy, be it beside its original or in its place."""
        like = self._item()
        stamp = {"stamp_org": ORG, "stamp_contact": like["stamp_contact"], "copy_of": like["id"]}
        row = {"place": self.dice.choice(("folder", "elsewhere")), "categorised": self.dice.random() < 0.7}
        self.save_item(like["mailbox"], f"copy.{self.number}", created_at=self.moment, **row, **stamp)
        if self.dice.random() < 0.5:
            self.writer.save_mailbox_page(like["mailbox"], RUN, vanished={like["id"]: "gone"})

    def _edit_contact(self) -> None:
        name = self.dice.choice(("job_title", "department", "first_name", "last_name", "email"))
        self._save_contact(self._contact(), **{name: self.dice.choice((f"Other {self.number}", "Clerk"))})

    def _delete_contact(self) -> None:
        self._save_contact(self._contact(), is_deleted=self.dice.random() < 0.7)

    def _merge(self) -> None:
        self._save_contact(self._contact(), is_deleted=True, master_id=self._contact())

    def _hide(self) -> None:
        self.dice.choice((self.writer.mark_unreadable, self.writer.mark_deleted))([self._contact()], RUN)

    def _take_account(self) -> None:
        account = self._any("select id from salesforce.accounts")
        self._save_contact(self._contact(), account_id=account["id"], is_person_account=self.dice.random() < 0.1)

    def _rename_account(self) -> None:
        account = self._any("select id, name from salesforce.accounts")
        self.writer.save_accounts([{**account, "name": f"{account['name']} {self.number}", "modstamp": self.moment}])

    def _new_account(self) -> None:
        row = {"id": f"a.new.{self.number}", "name": self.dice.choice(("Nowhere", f"New {self.number}", "Initech"))}
        self.writer.save_accounts([{**row, "created_at": self.moment, "modstamp": self.moment}])

    def _view(self) -> None:
        key = self.dice.choice(self.context.mailboxes).view_key
        rows = fetch(self.connection, "select contact_id from salesforce.view_members where view_key = ?", [key])
        members = {row["contact_id"] for row in rows} - {self._contact() for _ in range(20)} | {self._contact()}
        self.writer.save_members(key, key, "", sorted(members))

    def _unlink(self) -> None:
        link = self._any("select mailbox, link_id from sync.links where state = 'linked'")
        self.writer.unlink_by_hand(link["mailbox"], link["link_id"], RUN, NOW)

    def _link(self) -> None:
        free = fetch(
            self.connection,
            "select item.mailbox, item.id from outlook.contacts as item where item.place = 'folder' and not exists ("
            "select 1 from sync.links as link where link.state = 'linked' and link.outlook_id = item.id) order by all",
        )
        if free:
            item = self.dice.choice(free)
            self.writer.link_by_hand(item["mailbox"], item["id"], self._contact(), RUN, NOW)

    def _settings(self) -> None:
        index = self.dice.randrange(len(self.context.mailboxes))
        changed: list[dict[str, Any]] = [
            {"enabled": False}, {"enabled": True}, {"down_sync": False}, {"on_disable": "remove"},
            {"retry_empty": True}, {"outlook_deletion": "delete"}, {"left_view": "keep"}, {"view_usable": False},
            {"problem_category": True},
        ]  # fmt: skip
        mailboxes = list(self.context.mailboxes)
        mailboxes[index] = replace(mailboxes[index], **self.dice.choice(changed))
        self.context = replace(self.context, mailboxes=tuple(mailboxes))

    def _judge(self) -> None:
        operations = fetch(
            self.connection, "select operation_id, mailbox from sync.plan where run_id = ? order by all", [RUN]
        )
        if operations:
            one = self.dice.choice(operations)
            self.writer.save_verdicts(
                [(one["operation_id"], one["mailbox"])], self.dice.choice(("approved", "dropped")), NOW
            )
