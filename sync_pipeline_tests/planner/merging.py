"""The oracle's second half: what becomes of each field (R7, R10 to R13)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sync_pipeline_tests.planner.scenario import Contact, Holding, Item, Scenario
from sync_pipeline_tests.planner.values import Either, account_for, base_of, holdable, same


@dataclass(frozen=True)
class Merged:
    """What becomes of one field of one holding.

    none: nothing; agree: both sides hold it; stand: they differ by design; up; down; hold: a person decides;
    problem: it cannot travel; lost: another mailbox's edit is the later one. `winner` is a conflict's.
    """

    course: str
    conflict: bool = False
    winner: str = ""


@dataclass(frozen=True)
class Merging:
    """Merges the fields of one Contact over its holdings."""

    scenario: Scenario
    either: Either

    def merge(self, contact: Contact, numbers: list[int]) -> tuple[dict[int, dict[str, Merged]], dict[str, str]]:
        """By holding and field the course, and by field what Salesforce holds in the end."""
        merged: dict[int, dict[str, Merged]] = {number: {} for number in numbers}
        result = dict(contact.values)
        for name in contact.values:
            courses = {number: self._course(self.scenario.holdings[number], name, contact) for number in numbers}
            self._contest(name, courses)
            for number, entry in courses.items():
                merged[number][name] = entry
                if entry.course == "up":
                    value = self._item(number).values[name]
                    result[name] = account_for(value) if name == "company" else value
        return merged, result

    def _item(self, number: int) -> Item:
        item = self.scenario.holdings[number].item
        assert item is not None
        return item

    def _contest(self, name: str, courses: dict[int, Merged]) -> None:
        """R13: of several mailboxes' edits the later wins, then the lower address; the others are conflicts."""
        contenders = [number for number, entry in courses.items() if entry.course == "up"]
        if len(contenders) < 2:
            return
        holdings = self.scenario.holdings
        ranks = {number: (-self._item(number).modified, holdings[number].mailbox) for number in contenders}
        first, *others = sorted(contenders, key=ranks.__getitem__)
        if ranks[first] == ranks[others[0]] and self._item(others[0]).stamped:
            # Two items of one mailbox, one of them a loser's: nothing says which comes first.
            first = {"one": first, "other": others[0]}[self.either("R13, R17: edits at one time", "one", "other")]
        for number in contenders:
            if number != first:
                agrees = same(name, self._item(number).values[name], self._item(first).values[name])
                lost = Merged("lost", True, "other")
                courses[number] = replace(courses[number], course="agree") if agrees else lost

    def _course(self, holding: Holding, name: str, contact: Contact) -> Merged:
        """One field of one holding against its own base."""
        assert holding.item is not None
        base = base_of(self.scenario, holding, name)
        outlook, salesforce = holding.item.values[name], contact.values[name]
        if same(name, outlook, salesforce):
            unmoved = base is not None and same(name, outlook, base[0]) and same(name, salesforce, base[1])
            return Merged("none" if unmoved else "agree")
        # R9: Contacts of Person Accounts go from Salesforce to Outlook only.
        direction = "from_salesforce" if contact.person else holding.policy.direction(name)
        if name == "company" and self._moves_account(holding, contact, base):
            return Merged("up" if account_for(outlook) else "none")
        if name == "company" and direction == "from_salesforce" and not salesforce:
            # R7, invariant 13: a Company is never blanked, except that an Account taken off in Salesforce goes (R11).
            taken_off = base is not None and base[1] and same(name, outlook, base[1])
            return Merged("down" if taken_off else "stand" if base is None else "none")
        if base is None:
            return self._without_base(holding, contact, name, direction)
        outlook_changed = not same(name, outlook, base[0])
        salesforce_changed = not same(name, salesforce, base[1])
        if not outlook_changed and not salesforce_changed:
            return Merged("none")
        if direction == "from_salesforce":
            return Merged("down", outlook_changed, "salesforce")  # R10: an edit in Outlook is taken back and recorded
        if direction == "from_outlook":
            # Only an edit in Outlook goes up; where Salesforce was edited too, both values are kept (invariant 4).
            return self._up(name, outlook, conflict=salesforce_changed) if outlook_changed else Merged("none")
        if not salesforce_changed:
            return self._up(name, outlook)
        return self._conflict(holding, contact, name) if outlook_changed else Merged("down")

    def _moves_account(self, holding: Holding, contact: Contact, base: tuple[str, str] | None) -> bool:
        """R7: an edit of Company moves the Contact to another Account only where `company_edits: resolve` says so."""
        assert holding.item is not None
        if holding.policy.company_edits != "resolve" or contact.person or base is None:
            return False
        salesforce = contact.values["company"]
        edited_there = not same("company", salesforce, base[1]) and salesforce
        return not same("company", holding.item.values["company"], base[0]) and not edited_there

    def _without_base(self, holding: Holding, contact: Contact, name: str, direction: str) -> Merged:
        """R10: an empty side takes the other's value, two values are a conflict, and nothing counts as cleared."""
        assert holding.item is not None
        outlook, salesforce = holding.item.values[name], contact.values[name]
        if not outlook:
            return Merged("stand" if direction == "from_outlook" else "down")
        if not salesforce:
            return Merged("stand") if direction == "from_salesforce" else self._up(name, outlook)
        if direction == "from_salesforce":
            return Merged("down", True, "salesforce")
        if direction == "from_outlook":
            return self._up(name, outlook, conflict=True)
        return self._conflict(holding, contact, name)

    def _conflict(self, holding: Holding, contact: Contact, name: str) -> Merged:
        item, policy = holding.item, holding.policy.conflict(name)
        assert item is not None
        if policy == "latest":
            known = not item.by_us and not contact.by_us and abs(item.modified - contact.modified) > 2
            policy = "outlook" if known and item.modified > contact.modified else "salesforce"
        if policy == "hold":
            return Merged("hold", True)
        return self._up(name, item.values[name], conflict=True) if policy == "outlook" else Merged("down", True, policy)

    def _up(self, name: str, value: str, *, conflict: bool = False) -> Merged:
        return Merged("up" if holdable(name, value) else "problem", conflict, "outlook" if conflict else "")
