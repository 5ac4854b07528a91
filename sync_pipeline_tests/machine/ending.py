"""The state in which everything has come to rest, judged as a whole: invariants 1, 5, 7, 16 and 17.

What differs must be written down by us as held or as a problem; everything else must be equal on both sides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline import engine
from sync_pipeline_tests.harness import CATEGORY, exported
from sync_pipeline_tests.machine.ledger import TWO_WAY, Json, Thing, stamp_of
from sync_pipeline_tests.machine.oracle import Violation

if TYPE_CHECKING:
    from sync_pipeline_tests.machine.story import Story


class Ending:
    """Reads what is recorded as held or as a problem from the documents that people read; all else from the log."""

    def __init__(self, story: Story) -> None:
        self.story, self.ledger = story, story.ledger
        self.operations: list[Json] = engine.plan_document(story.world.settings(), None)["operations"]
        self.excused: set[tuple[str, str]] = set()  # (mailbox, id of either side)
        self.problems: set[tuple[str, str, str]] = set()
        for one in self.operations:
            if one["state"] != "ready":
                ids = {one["outlook_id"], one["salesforce_id"], *(one["detail"].get("candidates") or [])}
                self.excused |= {(one["mailbox"], key) for key in ids if key}
                story.reasons[f"{one['state']} {one['rule']} {one['hold']}: {one['hold_reason'] or one['reason']}"] += 1
        for row in exported(story.world, "problems"):
            story.reasons[f"problem {row['code']}"] += 1
            for key in (row["subject"], row["salesforce_id"], row["outlook_id"]):
                self.problems.add((row["mailbox"], str(key), row["field"] or ""))
                if not row["field"]:
                    self.excused.add((row["mailbox"], str(key)))

    def judge(self) -> None:
        ready = [f"{one['side']} {one['action']} {one['rule']}" for one in self.operations if one["state"] == "ready"]
        if ready:
            raise Violation("1", f"after two quiet runs the plan is not empty: {ready}")
        for address in self.story.users.addresses:
            if self.story.rules[address]["enabled"]:
                self._mailbox(address)
        self._contacts()
        self._never_told()

    def _mailbox(self, address: str) -> None:
        ledger, rules = self.ledger, self.story.rules[address]
        held: dict[str, list[Thing]] = {}
        for item in ledger.items(address):
            assert item.state is not None
            contact = stamp_of(item.state)
            is_excused = (address, item.id) in self.excused or (address, contact) in self.excused
            in_folder, marked = ledger.is_in_folder(item), CATEGORY in item.state["categories"]
            if in_folder and not contact and not is_excused:
                raise Violation("1", f"{item.id} lies in the folder of {address} without a stamp and without a reason")
            if in_folder and not marked and not is_excused:
                raise Violation("1", f"{item.id} lies in the folder of {address} without the category (R4)")
            if not in_folder and marked and not is_excused:
                raise Violation("1", f"{item.id} wears the category outside the folder of {address} (R6)")
            if in_folder and contact and not is_excused:
                target = ledger.things.get(contact)
                if target is None or target.state is None:
                    raise Violation("1", f"{item.id} is stamped with {contact}, which is deleted (R16)")
                self._equal(address, item, target)
            if contact and item.maker == "application" and not item.brought_back:
                held.setdefault(contact, []).append(item)
        for contact, items in held.items():
            if len(items) > 1:
                raise Violation("5", f"{contact} has {len(items)} copies of ours in {address}: {[i.id for i in items]}")
        if rules["down_sync"]:
            for contact in sorted(self.story.members(address)):
                self._shown(address, contact)

    def _contacts(self) -> None:
        """Invariant 5 in Salesforce: nobody has two Contacts of ours, but by a person's doing."""
        made: dict[int, list[str]] = {}
        for thing in self.ledger.things.values():
            is_ours = thing.side == "salesforce" and thing.maker == "application" and thing.state is not None
            if is_ours and thing.person is not None and not thing.is_second and not thing.brought_back:
                made.setdefault(self.ledger.root(thing.person), []).append(thing.id)
        if twice := [ids for ids in made.values() if len(ids) > 1]:
            raise Violation("5", f"two Contacts of ours for one person: {twice}")

    def _equal(self, address: str, item: Thing, target: Thing) -> None:
        ours, theirs = self.ledger.values("graph", item.state), self.ledger.values("salesforce", target.state)
        for one in TWO_WAY:
            keys = {(address, key, one.name) for key in (item.id, target.id)}
            if ours[one.name] == theirs[one.name] or keys & self.problems:
                continue
            if one.name == "last_name" and not ours[one.name]:
                continue  # R8: a Contact's LastName made from the display name is not written back
            raise Violation(
                "1", f"{one.name} is {ours[one.name]!r} on {item.id} and {theirs[one.name]!r} on {target.id}"
            )

    def _shown(self, address: str, contact: str) -> None:
        """R2: what is in the view is in the folder once, unless its owner put it elsewhere (R15) or it is held."""
        if (address, contact) in self.excused or self.ledger.items(address, contact):
            return
        target = self.ledger.things[contact]
        released = [
            item for item in self.ledger.things.values()
            if item.mailbox == address and item.released_at and contact in {
                self.ledger.successor(stamp) for stamp in item.stamps}
        ]  # fmt: skip
        alike = [
            item for item in self.ledger.of_person(target.person)
            if item.mailbox == address and (address, item.id) in self.excused
        ]  # fmt: skip
        if not released and not alike:
            raise Violation("1", f"{contact} is in the view of {address} and has no contact in its folder")

    def _never_told(self) -> None:
        """Invariants 7 and 17: values of personal contacts and secrets stand in no file of ours."""
        self.story.let_go()
        personal: set[str] = set()
        for thing in self.ledger.things.values():
            if thing.side == "graph" and not thing.was_chosen and thing.state is not None:
                personal |= {value for value in (thing.state.get("spouseName"), thing.state.get("jobTitle")) if value}
        for other in self.ledger.things.values():
            if other.state is not None and other.was_chosen:
                personal -= {other.state.get("spouseName"), other.state.get("jobTitle")}
        secrets = {value for value in self.story.world.secrets.values() if value and "secret" in value}
        for path in sorted(Path(self.story.world.directory / "data").rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                for text in personal | secrets:
                    if text.encode() in content:
                        raise Violation("7" if text in personal else "17", f"{text!r} stands in {path.name}")
