"""The reading half of the warehouse: what extraction has to know, and what the command line and the assets show."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync_pipeline.warehouse.past import Past
from sync_pipeline.warehouse.tables import fetch, statement

Row = dict[str, Any]


@dataclass(frozen=True)
class KnownMailbox:
    """What the warehouse knows of a mailbox, as the extraction of Outlook takes it.

    `listed_at`: when our folder was last listed in full. `places` by id of every mirrored item, `linked` the ids of the
    linked ones, `lost` of those in Deleted Items that no person put there, `stamps` ("<org>/<contact>") by id.
    """

    folder_id: str
    delta_links: Mapping[str, str]
    listed_at: datetime | None
    places: Mapping[str, str]
    linked: frozenset[str]
    lost: frozenset[str]
    stamps: Mapping[str, str]
    org_id: str
    installation_id: str


class Reader(Past):
    """Reads only; works on a read-only connection too."""

    def rows(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Any query's result; parameters by position or by name."""
        return fetch(self.connection, query, parameters)

    def identity(self) -> Row | None:
        """org_id, tenant, installation_id, created_at; None for a warehouse that no run has claimed."""
        return self._first("select * from sync.identity")

    def known(self, mailbox: str) -> KnownMailbox:
        """Empty before the mailbox's first extraction."""
        state = self._first("select folder_id from outlook.mailboxes where mailbox = ?", [mailbox]) or {}
        folders = self.rows("select id, role, delta_link, listed_at from outlook.folders where mailbox = ?", [mailbox])
        items = self.rows(
            "select id, place, coalesce(lost_with_folder, false) and place = 'deleted' as is_lost, "
            "stamp_org || '/' || stamp_contact as stamp from outlook.contacts where mailbox = ?",
            [mailbox],
        )
        linked = self.rows("select outlook_id from sync.links where mailbox = ? and state = 'linked'", [mailbox])
        identity = self.identity() or {}
        return KnownMailbox(
            folder_id=state.get("folder_id") or "",
            delta_links={row["id"]: row["delta_link"] for row in folders if row["delta_link"]},
            listed_at=next((row["listed_at"] for row in folders if row["role"] == "ours"), None),
            places={row["id"]: row["place"] for row in items},
            linked=frozenset(row["outlook_id"] for row in linked),
            lost=frozenset(row["id"] for row in items if row["is_lost"]),
            stamps={row["id"]: row["stamp"] for row in items if row["stamp"] and row["stamp"] != "/"},
            org_id=identity.get("org_id", ""),
            installation_id=identity.get("installation_id", ""),
        )

    def living_contact_ids(self) -> list[str]:
        """The Contacts of the mirror that are readable and not deleted."""
        found = self.rows("select id from salesforce.contacts where is_readable and not coalesce(is_deleted, false)")
        return [row["id"] for row in found]

    def came_from_salesforce(self, mailbox: str) -> bool:
        """Whether an open link of the mailbox began in Salesforce."""
        query = (
            "select 1 as found from sync.links where mailbox = ? and state = 'linked' and origin = 'salesforce' limit 1"
        )
        return self._first(query, [mailbox]) is not None

    def mailboxes(self) -> list[Row]:
        return self.rows("select * from outlook.mailboxes order by mailbox")

    def held_of(self, mailbox: str) -> dict[str, int]:
        """How many open `links`, `holds` and `problems` a mailbox has."""
        [row] = self.rows(
            "select (select count(*) from sync.links where mailbox = $mailbox and state = 'linked') as links, "
            "(select count(*) from sync.holds where mailbox = $mailbox) as holds, "
            "(select count(*) from sync.problems where mailbox = $mailbox) as problems",
            {"mailbox": mailbox},
        )
        return row

    def mailboxes_read(self) -> list[str]:
        """The mailboxes that some run has read: those known by their object id."""
        found = self.rows("select mailbox from outlook.mailboxes where object_id is not null order by mailbox")
        return [row["mailbox"] for row in found]

    def old_copies(self) -> set[str]:
        """R21: the mailboxes of which this warehouse is an old copy, until a run has compared everything of them."""
        return {row["scope"] for row in self.rows("select scope from sync.cursors where name = 'old_copy'")}

    def mark(self, mailbox: str) -> int:
        """R21: the number of the last run that this warehouse knows to have marked the mailbox's folder; 0 for none."""
        return int(self.cursor(mailbox, "mark") or 0)

    def cursor(self, scope: str, name: str) -> str | None:
        """A watermark as it was saved."""
        row = self._first("select value from sync.cursors where scope = ? and name = ?", [scope, name])
        return row["value"] if row else None

    def run(self, run_id: str | None = None) -> Row | None:
        """That run, or the last one."""
        if run_id is None:
            return self._first("select * from sync.runs order by number desc limit 1")
        return self._first("select * from sync.runs where run_id = ?", [run_id])

    def runs(self, limit: int = 20) -> list[Row]:
        return self.rows("select * from sync.runs order by number desc limit ?", [limit])

    def unexported_since(self, run_id: str) -> datetime:
        """When the first run began whose history no run before this one has exported (UTC)."""
        [row] = self.rows(
            "select min(started_at) as since from sync.runs where number > coalesce("
            "(select max(number) from sync.runs where finished_at is not null and status in ('done', 'problems') "
            "and run_id <> ?), 0)",
            [run_id],
        )
        since: datetime = row["since"]
        return since

    def plan(self, run_id: str, mailboxes: Collection[str] = ()) -> list[Row]:
        """Rows of sync.plan in the order in which they are pushed, each with the contact's name."""
        chosen, parameters = _among("row.mailbox", mailboxes)
        return self._named(
            "plan",
            "row.outlook_id",
            "row.salesforce_id",
            f"run_id = ? and {chosen} order by seq",
            [run_id, *parameters],
        )

    def problems(self, mailboxes: Collection[str] = ()) -> list[Row]:
        """What cannot be synchronised, each with the contact's name ("" where it is not known)."""
        chosen, parameters = _among("row.mailbox", mailboxes)
        where = f"{chosen} order by row.mailbox, since, subject, field"
        return self._named("problems", "subject", "subject", where, parameters)

    def holds(self, mailboxes: Collection[str] = ()) -> list[Row]:
        """What waits for a person, each with the contact's name, what it would do (action, side, fields), and the
        verdict given since ("" where there is none)."""
        chosen, parameters = _among("row.mailbox", mailboxes)
        where = f"{chosen} order by row.mailbox, since, operation_id"
        rows = self._named("holds", "subject", "subject", where, parameters)
        planned = {
            row["operation_id"]: row
            for row in self.rows(
                "select hold.operation_id, plan.action, plan.side, plan.fields, "
                "coalesce(verdict.verdict, '') as verdict from sync.holds as hold left join sync.plan as plan "
                "on plan.run_id = hold.last_run and plan.operation_id = hold.operation_id "
                "left join sync.verdicts as verdict on verdict.operation_id = hold.operation_id "
                "and verdict.lapses_at > (select max(started_at) from sync.runs)"
            )
        }
        return [row | planned[row["operation_id"]] for row in rows]

    def history(
        self,
        *,
        contact_keys: Collection[str] = (),
        link_ids: Collection[str] = (),
        mailboxes: Collection[str] = (),
        run_id: str | None = None,
        since: datetime | None = None,
        limit: int = 1000,
    ) -> list[Row]:
        """Events with their values ([{field, before, after}]), the oldest first, the last `limit` of them.

        `contact_keys` are Outlook or Salesforce ids, as `find_contact` gives them; `link_ids` the links whose events
        belong to it too, as `story_of` gives them.
        """
        conditions, parameters = ["true"], list[Any]()
        if contact_keys:
            marks = ", ".join("?" * len(contact_keys))
            of_links = (
                f" union select rowid from sync.history where {_among('link_id', link_ids)[0]}" if link_ids else ""
            )
            # Column by column: DuckDB filters one while it scans it, and evaluates an OR over several row by row.
            conditions.append(
                f"event.rowid in (select rowid from sync.history where salesforce_id in ({marks}) "
                f"union select rowid from sync.history where outlook_id in ({marks}){of_links})"
            )
            parameters += [*contact_keys, *contact_keys, *link_ids]
        if mailboxes:
            chosen, values = _among("event.mailbox", mailboxes)
            conditions.append(chosen)
            parameters += values
        if run_id is not None:
            conditions.append("event.run_id = ?")
            parameters.append(run_id)
        if since is not None:
            conditions.append("event.happened_at >= ?")
            parameters.append(since)
        return self.rows(
            f"""
            with chosen as (
                select rowid as turn, * from sync.history as event where {" and ".join(conditions)}
                order by event.happened_at desc, turn desc limit {int(limit)}
            ), gathered as (
                select event_id, list({{field: v.field, before: v.before, after: v.after}} order by v.field) as fields
                from sync.history_values as v
                where contact_key in (select contact_key from chosen) and event_id in (select event_id from chosen)
                group by event_id
            )
            select chosen.* exclude (turn), coalesce(gathered.fields, []) as fields
            from chosen left join gathered using (event_id) order by happened_at, turn
            """,
            parameters,
        )

    def newest_writing_run(
        self, *, mailbox: str = "", contact_keys: Collection[str] = (), field: str = ""
    ) -> str | None:
        """R24: the run that last wrote for a mailbox, to one of these ids, to a field; None where none did."""
        conditions, parameters = ["event.outcome = 'done'", "event.side in ('salesforce', 'outlook')"], list[Any]()
        if mailbox:
            conditions.append("event.mailbox = ?")
            parameters.append(mailbox)
        if contact_keys:
            marks = ", ".join("?" * len(contact_keys))
            conditions.append(f"(event.salesforce_id in ({marks}) or event.outlook_id in ({marks}))")
            parameters += [*contact_keys] * 2
        if field:
            conditions.append("event.action in ('update', 'move') and event.event_id in "
                              "(select event_id from sync.history_values where field = ?)")  # fmt: skip
            parameters.append(field)
        row = self._first(
            f"select event.run_id from sync.history as event where {' and '.join(conditions)} "
            "and (event.link_id <> '' or event.action = 'update') "
            "and event.action in ('update', 'move', 'create', 'restore', 'undelete', 'delete') "
            "order by event.happened_at desc, event.event_id limit 1",
            parameters,
        )
        return row["run_id"] if row else None

    def unfinished_erasures(self) -> list[datetime]:
        """When erasures began that broke off: freed blocks and exports still hold what they erased (`forget`)."""
        query = "select 1 from duckdb_tables() where schema_name = 'sync' and table_name = 'erasures'"
        if not self.rows(query):  # a warehouse of an older version, which the next run migrates
            return []
        found = self.rows("select erased_at from sync.erasures where finished_at is null order by erased_at")
        return [row["erased_at"] for row in found]

    def values_waiting_for_undo(self) -> int:
        """R24: values that the last plan could not take back yet, as their Contact has to come back first."""
        rows = self.rows("select count(*) as values from planning.reversals where state = 'wait'")
        return int(rows[0]["values"])

    def impossible_to_undo(self) -> list[Row]:
        """R24: rows of (mailbox, contacts): what the last plan was asked to take back and cannot now.

        Their mailbox is switched off or not in the settings.
        """
        return self.rows("select mailbox, contacts from planning.undo_impossible order by mailbox")

    def find_contact(self, text: str, mailboxes: Collection[str] = ()) -> list[Row]:
        """Who is meant by an e-mail, a name, an Outlook or a Salesforce id; else who had that e-mail or name once.

        Rows of (mailbox, outlook_id, salesforce_id, name), one for each mailbox that holds the Contact or held it once;
        a Contact that none ever held has the mailbox "".
        """
        lower = text.strip().lower()
        found = self.rows(statement("find_contact"), {"text": text, "lower": lower})
        if not found and lower:
            former = [row["id"] for row in self.rows(statement("find_former"), {"lower": lower})]
            rows = [row for key in former for row in self.rows(statement("find_contact"), {"text": key, "lower": key})]
            found = list({(row["mailbox"], row["outlook_id"], row["salesforce_id"]): row for row in rows}.values())
        return [row for row in found if not mailboxes or row["mailbox"] in mailboxes or row["mailbox"] == ""]

    def last_contact_ids(self, outlook_ids: Collection[str]) -> dict[str, str]:
        """By Outlook id, the Salesforce id of the Contact that it was linked to last; left out where there was none."""
        chosen, values = _among("outlook_id", outlook_ids)
        rows = self.rows(
            "select outlook_id, arg_max(salesforce_id, coalesce(closed_at, created_at)) as salesforce_id "
            f"from sync.links where {chosen} and salesforce_id <> '' group by outlook_id",
            values,
        )
        return {row["outlook_id"]: row["salesforce_id"] for row in rows}

    def story(self, mailbox: str, outlook_id: str, salesforce_id: str) -> dict[str, list[Row]]:
        """Everything that bears on one contact now, by table: what `explain` makes its sentences of."""
        keys = {"mailbox": mailbox, "outlook_id": outlook_id or "-", "salesforce_id": salesforce_id or "-"}
        either = "(outlook_id = $outlook_id or salesforce_id = $salesforce_id)"
        here = f"(mailbox = $mailbox or $mailbox = '') and {either}"
        last = "run_id = (select run_id from sync.runs order by number desc limit 1)"
        queries = {
            "item": "select * from outlook.contacts where (mailbox = $mailbox or $mailbox = '') and id = $outlook_id",
            "contact": "select * from salesforce.contacts where id = $salesforce_id",
            "links": f"select * from sync.links where {here} order by created_at",
            "plan": f"select * from sync.plan where {last} and {here} order by seq",
            "holds": "select * from sync.holds where (mailbox = $mailbox or $mailbox = '') "
            "and (subject in ($outlook_id, $salesforce_id) or list_contains(candidates, $salesforce_id))",
            "problems": f"select * from sync.problems where {here}",
            "conflicts": "select * from sync.conflicts where is_open and salesforce_id = $salesforce_id",
            "frozen": f"select * from sync.frozen where link_id in (select link_id from sync.links where {here})",
            "erased": "select max(erased_at) as erased_at from sync.erased_keys join sync.erasures using (erasure_id) "
            "where id in ($outlook_id, $salesforce_id) having count(*) > 0",
            "views": "select view.label, view.view_key from salesforce.view_members "
            "join salesforce.views as view using (view_key) where contact_id = $salesforce_id",
        }
        planned = "select 1 from duckdb_tables() where schema_name = 'planning' and table_name = 'mailboxes'"
        if self.rows(planned):  # as the last plan took the mailbox
            queries["sight"] = statement("sight")
        story: dict[str, list[Row]] = {"sight": []}
        for name, query in queries.items():
            used = {key: value for key, value in keys.items() if f"${key}" in query}
            story[name] = self.rows(query, used)
        return story

    def _named(
        self, table: str, outlook_id: str, salesforce_id: str, where: str, parameters: Sequence[Any]
    ) -> list[Row]:
        return self.rows(
            "select row.*, coalesce(nullif(item.display_name, ''), item.email_list[1], contact.name, '') as name "
            f"from sync.{table} as row "
            f"left join outlook.contacts as item on item.mailbox = row.mailbox and item.id = {outlook_id} "
            f"left join salesforce.contacts as contact on contact.id = {salesforce_id} where {where}",
            parameters,
        )

    def _first(self, query: str, parameters: Sequence[Any] = ()) -> Row | None:
        found = self.rows(query, parameters)
        return found[0] if found else None


def _among(column: str, values: Collection[str]) -> tuple[str, list[str]]:
    if not values:
        return "true", []
    return f"{column} in ({', '.join('?' * len(values))})", list(values)
