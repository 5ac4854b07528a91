"""Scenarios as the warehouse's tables, one planning run over all of them, and the plan read back, one outcome each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb

from sync_pipeline.model.fields import FIELDS, Field
from sync_pipeline.planning import plan
from sync_pipeline.planning.context import CreateRule, MailboxField, PlanContext, PlanMailbox
from sync_pipeline.warehouse.schema import migrate
from sync_pipeline.warehouse.tables import insert
from sync_pipeline_tests.planner.scenario import ACCOUNTS, End, Guard, Holding, Outcome, Policy, Scenario, Write
from sync_pipeline_tests.planner.values import target_of

NAMES = ("first_name", "last_name", "company", "email", "job_title", "department")
MAPPED: tuple[Field, ...] = tuple(entry for entry in FIELDS if entry.name in NAMES)
ORG = "00D000000000001AAA"
NOW = datetime(2026, 3, 1, 12, 0, 0)
START = NOW - timedelta(days=1)
RUN = "run-2"
#: A Contact in every mailbox's view, so that none comes back empty (R20); not judged.
BYSTANDER = "c.bystander"
#: So high that the guard of R20 never speaks; it has scenarios of its own.
NO_LIMIT = 1_000_000_000


@contextmanager
def warehouse() -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty warehouse in memory, with the schema of the migrations."""
    connection = duckdb.connect(":memory:", config={"threads": "2", "memory_limit": "2GB"})
    try:
        migrate(connection, MAPPED)
        yield connection
    finally:
        connection.close()


def planned(scenarios: Sequence[Scenario]) -> list[Outcome]:
    """What one planning run over all the scenarios plans for each of them."""
    with warehouse() as connection:
        load = _Load(scenarios)
        load.fill(connection)
        all_stages(connection, load.context())
        return _Reading(scenarios, load.mailboxes).outcomes(connection)


def filled(connection: duckdb.DuckDBPyConnection, scenarios: Sequence[Scenario]) -> PlanContext:
    """Writes the scenarios into an empty warehouse; the settings of their mailboxes."""
    load = _Load(scenarios)
    load.fill(connection)
    return load.context()


def all_stages(connection: duckdb.DuckDBPyConnection, context: PlanContext) -> None:
    """One planning, which is not written down."""
    plan.match_contacts(connection, context)
    plan.compare_fields(connection, context)
    plan.resolve_companies(connection, context)
    plan.build_plan(connection, context)


def item_id(number: int, holding: int) -> str:
    """The Outlook contact of a scenario's holding."""
    return f"i.{number}.{holding}"


def contact_id(number: int, key: str) -> str:
    """The Contact of a scenario."""
    return f"c.{number}.{key}"


def link_id(number: int, holding: int) -> str:
    """The link of a scenario's holding."""
    return f"l.{number}.{holding}"


@dataclass
class _Load:
    """The rows of all scenarios. Scenarios share the mailboxes that have the same name and settings."""

    scenarios: Sequence[Scenario]
    mailboxes: dict[tuple[str, Policy], str] = field(default_factory=dict)

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        tables: dict[str, list[dict[str, Any]]] = {
            "salesforce.contacts": [], "salesforce.view_members": [], "outlook.contacts": [], "sync.links": [],
            "outlook.mailboxes": [], "sync.journal": [],
            "salesforce.accounts": [
                {"id": f"a.{name}", "name": name, "created_at": START, "modstamp": START} for name in ACCOUNTS
            ],
        }  # fmt: skip
        for number, scenario in enumerate(self.scenarios):
            tables["salesforce.contacts"] += self._contacts(number, scenario)
            for position, holding in enumerate(scenario.holdings):
                self._holding(number, position, holding, tables)
        tables["salesforce.contacts"].append(
            {"id": BYSTANDER, "last_name": "Bystander", "owner_id": "u.owner", "is_deleted": False, "is_readable": True}
            | {"created_at": START, "modified_at": START, "modstamp": START, "is_person_account": False}
        )
        for (_, policy), address in self.mailboxes.items():
            tables["salesforce.view_members"].append({"view_key": address, "contact_id": BYSTANDER})
            done = policy.guard.done if policy.guard else (0, 0)
            for side, count in zip(("outlook", "salesforce"), done, strict=True):
                row = {"run_id": "run-1", "mailbox": address, "side": side, "action": "delete", "outcome": "done"}
                tables["sync.journal"] += [row | {"finished_at": NOW - timedelta(hours=1)}] * count
            tables["outlook.mailboxes"].append(
                {
                    "mailbox": address,
                    "folder_id": "ours",
                    "folder_state": "present",
                    "category_listed": True,
                    "status": "ok",
                }
            )
        for table, rows in tables.items():
            insert(connection, table, rows)

    def _contacts(self, number: int, scenario: Scenario) -> Iterator[dict[str, Any]]:
        for key, contact in scenario.contacts.items():
            moment = START + timedelta(seconds=contact.modified)
            company = contact.values.get("company", "")
            yield {
                "id": contact_id(number, key),
                "is_deleted": contact.state in ("deleted", "merged"),
                "master_id": contact_id(number, contact.winner) if contact.winner else "",
                "account_id": f"a.{company}" if company else "",
                "owner_id": "u.owner",
                "created_at": START - timedelta(days=30),
                "modified_at": moment,
                "modstamp": moment,
                "is_person_account": contact.person,
                "is_readable": contact.state != "unreadable",
                **{name: value for name, value in contact.values.items() if name != "company"},
            }

    def _holding(self, number: int, position: int, holding: Holding, tables: dict[str, list[dict[str, Any]]]) -> None:
        address = self.address(holding)
        if holding.in_view:
            member = {"view_key": address, "contact_id": contact_id(number, self._winner(number, holding.contact))}
            if member not in tables["salesforce.view_members"][-len(self.scenarios[number].holdings) :]:
                tables["salesforce.view_members"].append(member)
        item, link = holding.item, holding.link
        stamped = (link is not None and link.stamped and not link.closed) or (item is not None and item.stamped)
        if item is not None:
            moment = START + timedelta(seconds=item.modified)
            created = START - timedelta(days=20) + timedelta(seconds=item.created)
            tables["outlook.contacts"].append(
                {
                    "mailbox": address, "id": item_id(number, position), "folder_id": item.place, "place": item.place,
                    "lost_with_folder": item.lost, "change_key": f"k.{number}.{position}",
                    "created_at": created, "modified_at": moment,
                    "display_name": f"{item.values['first_name']} {item.values['last_name']}".strip(),
                    "categories": ["Salesforce"] if item.categorised else [], "categorised": item.categorised,
                    "stamp_org": ORG if stamped else None,
                    "stamp_contact": contact_id(number, holding.contact) if stamped else None,
                    **{name: value for name, value in item.values.items() if name != "email"},
                    "email_list": [item.values["email"]] if item.values["email"] else [],
                }
            )  # fmt: skip
            if item.place == "elsewhere" and not item.categorised:
                # R5: the mirror has nothing of it but where it lies and its stamp
                mirrored = tables["outlook.contacts"][-1]
                mirrored |= dict.fromkeys(("created_at", "modified_at", "display_name", "categories", "email_list"))
                mirrored |= dict.fromkeys(name for name in item.values if name != "email")
        if link is not None:
            row: dict[str, Any] = {
                "link_id": link_id(number, position), "mailbox": address,
                "outlook_id": item_id(number, position), "salesforce_id": contact_id(number, holding.contact),
                "origin": link.origin, "state": "closed" if link.closed else "linked",
                "closed_reason": link.closed or None,
                "closed_at": START if link.closed else None, "closed_run": "run-1" if link.closed else None,
                "seen_in_view": link.seen_in_view, "has_stamp": link.stamped, "created_run": "run-1",
                "created_at": START - timedelta(days=10 - position),
                "outlook_written_key": f"k.{number}.{position}" if item is not None and item.by_us else "k.older",
            }  # fmt: skip
            contact = self.scenarios[number].contacts[holding.contact]
            if contact.by_us:
                row["salesforce_written_stamp"] = START + timedelta(seconds=contact.modified)
            for name, (outlook, salesforce) in link.base.items():
                row[f"outlook_{name}"], row[f"salesforce_{name}"] = outlook, salesforce
                if name == "email":
                    row["outlook_email_list"] = [outlook] if outlook else []
            tables["sync.links"].append(row)

    def _winner(self, number: int, key: str) -> str:
        while winner := self.scenarios[number].contacts[key].winner:
            key = winner
        return key

    def address(self, holding: Holding) -> str:
        """The mailbox's address. It begins with the holding's own name, so that "the lower address" stays."""
        key = (holding.mailbox, holding.policy)
        return self.mailboxes.setdefault(key, f"{holding.mailbox}.{len(self.mailboxes)}@example.com")

    def context(self) -> PlanContext:
        """The settings of every mailbox."""
        mailboxes, fields, rules = [], [], []
        for (_, policy), address in self.mailboxes.items():
            guard = policy.guard or Guard(NO_LIMIT, 0.0, NO_LIMIT)
            mailboxes.append(
                PlanMailbox(
                    mailbox=address, salesforce_user_id="u.owner", enabled=policy.enabled, down_sync=policy.down_sync,
                    view_kind="list", view_key=address, on_disable=policy.on_disable,
                    company_edits=policy.company_edits, account_mode=policy.account_mode,
                    outlook_deletion=policy.outlook_deletion, moved_out=policy.moved_out, left_view=policy.left_view,
                    guard_count=guard.count, guard_percent=guard.percent, guard_cap=guard.cap, guard_org=NO_LIMIT,
                    old_copy=guard.old_copy, changed=guard.changed, suggestions=0,
                )
            )  # fmt: skip
            rules.append(CreateRule(address, "LastName", "required"))
            for position, entry in enumerate(MAPPED):
                fields.append(
                    MailboxField(
                        mailbox=address, field=entry.name, position=position, kind=entry.kind.value,
                        direction=policy.direction(entry.name), policy=policy.conflict(entry.name), length=entry.length,
                        salesforce=entry.salesforce, createable=not entry.is_parent_path,
                        updateable=not entry.is_parent_path, nillable=entry.name != "last_name",
                    )
                )  # fmt: skip
        return PlanContext(
            run_id=RUN, now=NOW, org_id=ORG, fields=MAPPED, mailboxes=tuple(mailboxes), mailbox_fields=tuple(fields),
            create_rules=tuple(rules), suggestions=0,
        )  # fmt: skip


class _Reading:
    """Reads the planner's result tables back into outcomes."""

    def __init__(self, scenarios: Sequence[Scenario], mailboxes: dict[tuple[str, Policy], str]) -> None:
        self.scenarios = scenarios
        self.by_address = {address: key for key, address in mailboxes.items()}
        self.writes: list[set[Write]] = [set() for _ in scenarios]
        self.holds: list[set[tuple[int, str]]] = [set() for _ in scenarios]
        self.conflicts: list[set[tuple[int, str, str, str, str]]] = [set() for _ in scenarios]
        self.kept: list[set[tuple[int, str, str]]] = [set() for _ in scenarios]
        self.problems: list[set[tuple[int, str]]] = [set() for _ in scenarios]
        self.links: list[list[str]] = []
        self.bases: list[list[dict[str, tuple[str, str]]]] = []
        self.new_links: dict[str, tuple[int, int]] = {}
        self.heirs: list[dict[int, int]] = [{} for _ in scenarios]  # by holding the one whose item its link has now
        self.not_judged: set[str] = set()
        self.reasons = [[""] * len(scenario.holdings) for scenario in scenarios]
        for scenario in scenarios:
            self.links.append(
                [
                    "none" if h.link is None else "closed" if h.link.closed else f"linked {h.contact}"
                    for h in scenario.holdings
                ]
            )
            self.bases.append([dict(h.link.base) if h.link and not h.link.closed else {} for h in scenario.holdings])

    def outcomes(self, connection: duckdb.DuckDBPyConnection) -> list[Outcome]:
        self._heirs(connection)
        ready = self._operations(connection)
        self._link_changes(connection, ready)
        self._bases(connection, ready)
        self._remarks(connection)
        return [
            Outcome(
                writes=frozenset(self.writes[number]),
                ends=tuple(
                    End(link, _base(base), self.heirs[number].get(position, -1))
                    if link.startswith("linked")
                    else End(link)
                    for position, (link, base) in enumerate(zip(self.links[number], self.bases[number], strict=True))
                ),
                holds=frozenset(self.holds[number]),
                conflicts=frozenset(self.conflicts[number]),
                problems=frozenset(self.problems[number]),
                kept=frozenset(self.kept[number]),
                reasons=tuple(self.reasons[number]),
            )
            for number in range(len(self.scenarios))
        ]

    def _where(
        self, mailbox: str, outlook_id: str | None, salesforce_id: str | None, link: str | None
    ) -> tuple[int, int]:
        if link and link.startswith("l."):
            _, number, position = link.split(".")
            return int(number), int(position)
        if link and link in self.new_links:
            return self.new_links[link]
        if outlook_id:
            _, number, position = outlook_id.split(".")
            links = {heir: holding for holding, heir in self.heirs[int(number)].items()}
            return int(number), links.get(int(position), int(position))
        assert salesforce_id
        _, number, key = salesforce_id.split(".")
        name, policy = self.by_address[mailbox]
        scenario = self.scenarios[int(number)]
        for place, holding in enumerate(scenario.holdings):
            held = (holding.contact, target_of(scenario, holding))  # a merged one may come back as its winner
            if (holding.mailbox, holding.policy) == (name, policy) and key in held:
                return int(number), place
        raise AssertionError(f"{mailbox} plans {salesforce_id}, which it does not hold")

    def _heirs(self, connection: duckdb.DuckDBPyConnection) -> None:
        for link, item in connection.execute(
            "select link_id, outlook_id from planning.link_changes where kind = 'item' and outlook_id <> ''"
        ).fetchall():
            _, number, position = link.split(".")
            self.heirs[int(number)][int(position)] = int(item.split(".")[2])

    def _operations(self, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """Fills writes and holds; returns the ready operations with their order."""
        rows = connection.execute(
            "select operation_id, mailbox, side, action, link_id, outlook_id, salesforce_id, fields::varchar, "
            "detail ->> 'stamp', detail ->> 'categorise', state, hold_kind, depends_on, phase from planning.planned"
        ).fetchall()
        ready: dict[str, int] = {}
        for row in rows:
            (
                operation,
                mailbox,
                side,
                action,
                link,
                item,
                record,
                text,
                stamp,
                categorise,
                state,
                kind,
                depends,
                phase,
            ) = row
            if record == BYSTANDER:
                self.not_judged.add(link)
                continue
            number, position = self._where(mailbox, item, record, link)
            if link and not link.startswith("l."):
                self.new_links[link] = (number, position)
            if state == "held":
                self.holds[number].add((position, kind))
                continue
            if state != "ready":
                continue  # a problem: it stands among planning.plan_problems
            ready[operation] = phase
            after = tuple(sorted((change["field"], change["after"]) for change in json.loads(text)))
            # what is written to an item that took the place of the link's own is a write to that item
            target = f"holding {item.split('.')[2] if item else position}"
            if side == "salesforce":
                target = f"contact {record.split('.')[2]}" if record else f"new {position}"
            elif action == "update" and stamp is not None:
                action = "restamp"
            elif action == "update" and categorise == "true":
                action = "categorise"
            elif action == "delete" and depends:
                action = "delete after up"
            self.writes[number].add(Write(target, action, after))
        return ready

    def _link_changes(self, connection: duckdb.DuckDBPyConnection, ready: dict[str, int]) -> None:
        rows = connection.execute(
            "select kind, mailbox, link_id, outlook_id, salesforce_id, reason, operation_id from planning.link_changes"
        ).fetchall()
        # a link that begins may end in the same plan: the item of a loser that nobody knew
        for kind, mailbox, link, item, record, reason, operation in sorted(rows, key=lambda row: row[0] != "link"):
            is_moved = kind == "item" and record  # to the winner of a merge, with the item that is made for it
            if not (kind in ("link", "close", "relink") or is_moved) or link in self.not_judged:
                continue
            number, position = self._where(mailbox, item, record, link)
            if not link.startswith("l."):
                self.new_links[link] = (number, position)
            if operation is not None and operation not in ready:
                continue
            if kind == "close":
                self.links[number][position] = "closed"
                self.reasons[number][position] = reason
            else:
                self.links[number][position] = f"linked {record.split('.')[2]}" if record else "linked new"

    def _bases(self, connection: duckdb.DuckDBPyConnection, ready: dict[str, int]) -> None:
        rows = connection.execute(
            "select operation_id, link_id, field, outlook_value, salesforce_value from planning.base_updates"
        ).fetchall()
        due = [row for row in rows if (row[0] is None or row[0] in ready) and row[1] not in self.not_judged]
        due.sort(key=lambda row: -1 if row[0] is None else ready[row[0]])
        for _, link, name, outlook, salesforce in due:
            number, position = self._where("", None, None, link)
            self.bases[number][position][name] = (outlook, salesforce)

    def _remarks(self, connection: duckdb.DuckDBPyConnection) -> None:
        for mailbox, link, record, name, policy, winner, outlook, salesforce in connection.execute(
            "select mailbox, link_id, salesforce_id, field, policy, winner, outlook_value, salesforce_value "
            "from planning.conflicts"
        ).fetchall():
            number, position = self._where(mailbox, None, record, link)
            if policy == "deletion":
                self.kept[number].add((position, name, outlook))
            else:
                winner = {"hold": "", "latest_mailbox": "other"}.get(
                    winner if policy != "latest_mailbox" else policy, winner
                )
                self.conflicts[number].add((position, name, winner, outlook, salesforce))
        for mailbox, item, record, name, code in connection.execute(
            "select mailbox, outlook_id, salesforce_id, field, code from planning.plan_problems"
        ).fetchall():
            number, position = self._where(mailbox, item, record, None)
            self.problems[number].add((position, "last_name" if code == "required_field_missing" else name))


def _base(values: dict[str, tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(sorted((name, outlook or "", salesforce or "") for name, (outlook, salesforce) in values.items()))
