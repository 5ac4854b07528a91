"""One sequence: an installation in a fresh sandbox, its steps by name, and the judgement after every run.

A story is a list of (step, arguments), plain data: it can be written down, replayed and cut short."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sync_pipeline import engine
from sync_pipeline.engine.paths import warehouse_path
from sync_pipeline.model.errors import SyncError
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.lock import RunInProgress
from sync_pipeline_tests import loopback
from sync_pipeline_tests.harness import ANNA, BEN, CLEO, FOLDER, World, exported
from sync_pipeline_tests.machine.ending import Ending
from sync_pipeline_tests.machine.hazards import FAULTS, POSITIONS, Killed, Seam, seam
from sync_pipeline_tests.machine.ledger import Json, Ledger
from sync_pipeline_tests.machine.oracle import Oracle, Rules, Run, Violation
from sync_pipeline_tests.machine.users import STEPS, Users

Step = tuple[str, Json]
Bits = int
#: What a sequence can begin with; each choice is an index.
CHOICES: dict[str, tuple[Any, ...]] = {
    "people": (4, 3, 2, 6, 1, 0),
    "mailboxes": ((ANNA,), (ANNA, BEN), (ANNA, BEN), (ANNA, BEN, CLEO)),
    "view": ("mine", "mine", "all", "My_Web"),
    "conflicts": ("salesforce", "outlook", "latest", "salesforce"),
    "outlook_deletion": ("restore", "restore", "delete"),
    "moved_out": ("unlink", "unlink", "restore", "delete"),
    "left_view": ("remove", "remove", "keep"),
    "max_deletes": (10, 10, 1),
    "switch": ({}, {}, {"delta_partial_rows": True}, {"salesforce_commit_lag_seconds": 3},
               {"filter_by_category": True}, {"extended_ids_rewritten": True}, {"delta_removed_reason": "changed"},
               {"salesforce_stamp_granularity_seconds": 60}, {"delta_shows_extended_only_changes": False},
               {"salesforce_page_size": 2}),
}  # fmt: skip
SETTINGS = ("view", "outlook_deletion", "moved_out", "left_view", "conflicts", "enabled", "down_sync")
#: What somebody does in the middle of a run.
RACED = (
    "sf_edit", "ol_edit", "sf_clear", "ol_clear", "ol_move_out", "ol_delete", "sf_delete", "ol_unmapped", "sf_owner",
    "ol_categorise", "ol_away_and_back", "ol_create", "sf_create", "sf_twin", "sf_revert", "ol_revert",
)  # fmt: skip
#: Faults under which a change can stay unseen until the next full listing.
HIDING = {"moved_away_and_back_and_never_re_added", "created_item_missing_from_delta", "clock_skew",
          "move_seen_as_removal_then_upsert", "move_seen_as_upsert_then_removal"}  # fmt: skip


class Story:
    """`perform(name, arguments)` does one step; `end()` lets all come to rest and judges the whole."""

    def __init__(self, world: World, choices: dict[str, int], fired: Counter[str]) -> None:
        self.world, self.fired, self.choices = world, fired, choices
        self.chosen = {name: values[choices.get(name, 0) % len(values)] for name, values in CHOICES.items()}
        addresses = self.chosen["mailboxes"]
        world.top = {"salesforce": {"share_all": True}}
        world.use(*addresses, max_deletes={"count": self.chosen["max_deletes"], "percent": 0})
        world.mailboxes = {address: {} for address in addresses}
        self.rules: dict[str, Json] = {
            address: {key: self.chosen[key] for key in SETTINGS if key in self.chosen}
            | {"enabled": True, "down_sync": True, "version": 1}
            for address in addresses
        }
        where = "LeadSource = 'Web'"
        world.org("listviews", developer_name="My_Web", scope="everything", where=where)
        world.org("fields", object="Contact", name="Level__c")
        world.switch(**self.chosen["switch"])
        hands = {address: world.outlook(address) for address in addresses}
        deleted = {a: str(h.http.get("contactFolders/deleteditems").json()["id"]) for a, h in hands.items()}
        self.ledger = Ledger(deleted, FOLDER)
        self.oracle = Oracle(self.ledger)
        self.users = Users(world, self.ledger, addresses, self.refresh)
        self.run_under_way: Run | None = None
        self._read_to, self._last_good, self.runs = 0, 0, 0
        self.conflicts: set[tuple[str, str, str]] = set()
        self._backup: Path | None = None
        self._backup_mark = 0
        self._approved = False
        self._held: contextlib.ExitStack | None = None
        self.reasons: Counter[str] = Counter()
        self.steps: list[Step] = []

    def begin(self) -> None:
        """People on both sides and a first run, so that few steps are spent on beginnings."""
        number = self.chosen["people"]
        for each in range(number):
            bits = 7 * each + self.choices.get("fields", 0)
            self.users.sf_create(owner=each, fields=bits | 1)
            if each % 2:
                self.users.ol_create_personal(m=each, fields=bits)
        if number:
            self._run(Seam())
            self.users.ol_create(m=0, fields=number)

    # -- steps ---------------------------------------------------------------------------------------------------------

    def perform(self, name: str, arguments: Json) -> None:
        """Does a step; one that finds nothing to be done with is no step."""
        self.steps.append((name, arguments))
        action: Callable[..., bool] = getattr(self.users if name in STEPS else self, name)
        if action(**arguments):
            self.fired[name] += 1

    def fault(self, f: int, position: bool, nth: int, times: int) -> bool:
        """A fault that waits for the nth matching call of ours."""
        service, name, method, path = FAULTS[f % len(FAULTS)]
        match = {"service": service, "actor": "application", "nth": 1 + nth % 6}
        match |= {key: value for key, value in (("method", method), ("path", path)) if value}
        lost = "response_lost" if position else "refused"
        body = {"match": match, "fault": name, "position": lost, "times": 1 + times % 3, "hold_seconds": 0.01}
        self.world.control.post("faults", json=[body]).raise_for_status()
        return True

    def expire(self, what: int) -> bool:
        if what % 2:
            self.world.expire_delta()
        else:
            self.world.control.post("expire_tokens", json={}).raise_for_status()
        return True

    def clock(self, hours: int) -> bool:
        self.world.advance(3600 * (1 + hours % 30))
        return True

    def setting(self, m: int, which: int, value: int) -> bool:
        """Another value of a setting of one mailbox."""
        rules = self.rules[self.users.mailbox(m)]
        name = SETTINGS[which % len(SETTINGS)]
        values = CHOICES.get(name, (True, False))
        if rules[name] == values[value % len(values)]:
            return False
        rules[name] = values[value % len(values)]
        rules["version"] += 1
        return True

    def approve(self) -> bool:
        """A person approves everything that is held."""
        try:
            with seam(Seam(), self.world.advance):
                held = self.world.held()
        except SyncError:
            return False
        self.refresh()
        self.world.judge("approved", held)
        self.oracle.wanted |= {one["outlook_id"] for one in held if one["hold"] == "duplicate" and one["outlook_id"]}
        self._approved = self._approved or bool(held)
        return bool(held)

    def warehouse_lost(self) -> bool:
        return self._replace_warehouse(None)

    def backup(self) -> bool:
        data = self.world.directory / "data"
        if not data.exists():
            return False
        self.let_go()
        self._backup = self.world.directory / "backup"
        shutil.rmtree(self._backup, ignore_errors=True)
        shutil.copytree(data, self._backup)
        self._backup_mark = self.runs
        return True

    def old_copy(self) -> bool:
        """The warehouse is restored from the last backup."""
        return self._backup is not None and self._backup_mark < self.runs and self._replace_warehouse(self._backup)

    def _replace_warehouse(self, by: Path | None) -> bool:
        data = self.world.directory / "data"
        if not data.exists():
            return False
        self._take_conflicts()
        self.let_go()
        shutil.rmtree(data)
        if by:
            shutil.copytree(by, data)
        self.refresh()
        self.oracle.void_at = self._read_to
        self.oracle.restored_at = self._read_to if by else self.oracle.restored_at
        self.oracle.seen.clear()
        self.oracle.voided = set(self.users.addresses)
        self.oracle.suspects.clear()  # the history that would tell of them is lost with the warehouse (R23)
        return True

    # -- runs ----------------------------------------------------------------------------------------------------------

    def run(self, m: int, full: bool) -> bool:
        """One run; now and then of one mailbox only."""
        only = (self.users.mailbox(m),) if m % 5 == 4 else ()
        self._run(Seam(), full=full, only=only)
        return True

    def run_killed(self, where: int, nth: int) -> bool:
        """A run that is killed at its nth write or commit; one that ends before that is a run."""
        position = POSITIONS[where % 4]
        hold = Seam(at={position: 1 + nth % (14 if where % 4 < 2 else 40)})
        self._run(hold)
        if hold.is_dead:
            self.fired[f"killed {position}"] += 1
        return hold.is_dead

    def run_through(self, hold: Seam) -> None:
        """A run of all mailboxes; what happens to it is the seam's affair."""
        self._run(hold)

    def run_raced(self, call: int, s: int, k: int, field: int) -> bool:
        """A run in the middle of which somebody does something."""
        hold = Seam(act=(1 + call % 60, lambda: self._act("raced", s, k, field)))
        self._run(hold)
        return hold.acted

    def run_overtaken(self, step: int, s: int, k: int, field: int) -> bool:
        """A run in which somebody does something after the plan was made, just before a side is pushed."""
        done: list[bool] = []
        side = ("push_salesforce", "push_outlook")[step % 2]
        self._run(Seam(), before={side: lambda: done.append(self._act("overtaken", s, k, field))})
        return any(done)

    def _act(self, how: str, s: int, k: int, field: int) -> bool:
        name = RACED[s % len(RACED)]
        values = {"k": k, "field": field, "owner": field, "fields": field, "m": k}
        could = bool(getattr(self.users, name)(**{key: values[key] for key, _ in STEPS[name]}))
        self.fired[f"{how} {name}"] += could
        return could

    def run_isolated(self, m: int) -> bool:
        """One mailbox refuses everything: the others are synchronised all the same (invariant 14)."""
        broken = self.users.mailbox(m)
        self.world.control.delete("faults").raise_for_status()
        match = {"service": "graph", "actor": "application", "path": broken.partition("@")[0]}
        body = {"match": match, "fault": "403", "times": 9999}
        self.world.control.post("faults", json=[body]).raise_for_status()
        good = self._run(Seam())
        self.world.control.delete("faults").raise_for_status()
        if missing := self._enabled() - {broken} - good:
            raise Violation("14", f"{broken} refused everything, and {missing} were not synchronised")
        return True

    def run_twice(self) -> bool:
        """A second runner starts in the middle of a run: it leaves without having done anything (invariant 15)."""
        said: list[str] = []

        def second() -> None:
            before = self.world.mark()
            try:
                engine.synchronise(
                    self.world.settings(), self.world.secrets, engine.RunOptions(), run_id=str(uuid.uuid4())
                )
                said.append("ran")
            except RunInProgress:
                said.append("left" if self.world.mark() == before else "wrote")

        self._run(Seam(), before={"push_salesforce": second})
        if said and said != ["left"]:
            raise Violation("15", f"a second runner beside a running one {said[0]}")
        return bool(said)

    def _run(
        self, hold: Seam, *, full: bool = False, only: tuple[str, ...] = (),
        before: dict[str, Callable[[], object]] | None = None,
    ) -> set[str]:  # fmt: skip
        """One run of the engine, judged. Returns the mailboxes for which it ended well."""
        world = self.world
        self._settings()
        world.advance(5)
        self.refresh()
        working = only or self.users.addresses
        members = {address: self.members(address) for address in self.users.addresses}
        no_deletes = bool(self.oracle.voided) and not self._approved
        self.run_under_way = Run(self._read_to, self._last_good, self._rules(), members, no_deletes)
        acts = dict(before or {})

        under_way = self.run_under_way

        def progress(step: str, done: int, total: int | None) -> None:
            if step == "extract_outlook":
                under_way.heard = max((entry["seq"] for entry in world.log(self._read_to)), default=self._read_to)
            acts.pop(step, lambda: None)()

        document: Json | None = None
        if self._held is None:  # a step then finds the file open: that takes a third of a run's time
            self._held = contextlib.ExitStack()
            self._held.enter_context(open_warehouse(warehouse_path(world.settings())))
        try:
            with seam(hold, world.advance):
                options = engine.RunOptions(mailboxes=only, full=full)
                document = engine.synchronise(
                    world.settings(), world.secrets, options, run_id=str(uuid.uuid4()), progress=progress
                )
        except (Killed, SyncError) as error:
            self.reasons[f"run: {getattr(error, 'code', type(error).__name__)}"] += 1
        self.runs += 1
        began = self.run_under_way.began
        self.refresh()
        self.run_under_way = None
        good = {
            row["mailbox"] for row in (document or {}).get("mailboxes", []) if row["status"] == "ok"
        } & set(working)  # fmt: skip
        for address in good:
            self.oracle.voided.discard(address)
            self.oracle.seen |= {(address, c): self.rules[address]["version"] for c in members[address]}
        if document is not None:
            self._last_good = began if good == set(self.users.addresses) else self._last_good
            self._take_conflicts()
            self.oracle.settle_suspects(self.conflicts)
        return good

    def let_go(self) -> None:
        """Closes the warehouse, which is held open over runs."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def _take_conflicts(self) -> None:
        for row in exported(self.world, "conflicts"):
            self.conflicts.add((row["field"], row["outlook_value"] or "", row["salesforce_value"] or ""))

    def _settings(self) -> None:
        for address, rules in self.rules.items():
            self.world.mailboxes[address] = {
                "view": rules["view"], "outlook_deletion": rules["outlook_deletion"], "moved_out": rules["moved_out"],
                "left_view": rules["left_view"], "enabled": rules["enabled"], "down_sync": rules["down_sync"],
                "conflicts": {"default": rules["conflicts"]},
            }  # fmt: skip

    def _rules(self) -> dict[str, Rules]:
        return {
            address: Rules(
                self.users.user_ids[address], rules["enabled"], rules["down_sync"], rules["view"], rules["version"],
                rules["outlook_deletion"], rules["moved_out"], rules["left_view"], self.chosen["max_deletes"],
                self._approved,
            )
            for address, rules in self.rules.items()
        }  # fmt: skip

    def members(self, address: str) -> set[str]:
        """The Contacts in a mailbox's view, from the log."""
        view = self.rules[address]["view"]
        living = [(t.id, t.state) for t in self.ledger.things.values() if t.side == "salesforce" and t.state]
        owner = self.users.user_ids[address]
        return {
            key for key, state in living
            if view == "all"
            or (view == "mine" and state["OwnerId"] == owner)
            or (view == "My_Web" and state.get("LeadSource") == "Web")
        }  # fmt: skip

    def refresh(self) -> None:
        """Takes in what the log has gained."""
        log = self.world.log(self._read_to)
        if log:
            self._read_to = log[-1]["seq"]
            self.oracle.feed(log, self.users.persons, self.run_under_way)

    # -- the end -------------------------------------------------------------------------------------------------------

    def end(self) -> None:
        """Faults off, users quiet: invariants 1, 2, 7, 16, 17 and what is left of the others."""
        told = self.world.control.get("requests").json()["faults"]
        self.fired.update({f"fault {name}": count for name, count in told.items()})
        self.world.control.delete("faults").raise_for_status()
        self.world.advance(7200)  # R25: what was refused is tried again after a pause
        hidden = HIDING & set(told)
        # It is put back, then goes up, then comes down to the other mailboxes (docs/how-it-decides.md).
        is_lost = len(self._enabled()) > 1 and any(map(self.ledger.typed_and_lost, self._enabled()))
        for number in range(3 if hidden or is_lost else 2):
            if self._enabled() - self._run(Seam(), full=bool(hidden) and number == 0):
                raise Violation("1", f"quiet run {number + 1} did not end well: {self.world_tells()}")
        full = bool(self.choices.get("fields", 0) % 2)  # in turns: a run takes its time
        before = self._read_to
        if self._enabled() - self._run(Seam(), full=full):
            raise Violation("2", f"a quiet run did not end well: {self.world_tells()}")
        if wrote := [entry for entry in self.world.log(before) if entry["actor"] == "application"]:
            invariant, what = ("16", "full") if full else ("2", "next")
            told_of = ", ".join(f"{e['action']} {e['entity']} {e['id']}" for e in wrote)
            raise Violation(invariant, f"the {what} run wrote: {told_of} {self.why(wrote)}")
        self.oracle.settle_suspects(self.conflicts, is_over=True)
        Ending(self).judge()

    def _enabled(self) -> set[str]:
        return {address for address, rules in self.rules.items() if rules["enabled"]}

    def why(self, wrote: list[Json]) -> list[tuple[str, str]]:
        """What the last plan says about the things that were written, to understand a failure."""
        operations = engine.plan_document(self.world.settings(), None)["operations"]
        ids = {entry["id"] for entry in wrote}
        return [
            (one["rule"], f"{one['reason']} {one['fields']}")
            for one in operations
            if {one["outlook_id"], one["salesforce_id"]} & ids or one["action"] == "create"
        ]

    def world_tells(self) -> str:
        try:
            return str(engine.plan_document(self.world.settings(), None)["operations"])[:600]
        except SyncError as error:
            return error.message


def fresh(world: World, directory: Path) -> None:
    """The sandbox is emptied and people are seeded again; the installation begins anew."""
    loopback.post(f"{world.server.salesforce_url}/_sandbox/reset", json={}).raise_for_status()
    world.directory = directory
    world.defaults, world.top, world.mailboxes = {}, {}, {ANNA: {}}
