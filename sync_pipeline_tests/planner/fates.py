"""The oracle's first half: what becomes of a holding as a whole (R1, R6, R9, R14 to R19), fields aside."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline_tests.planner.scenario import Contact, Holding, Link, Policy, Scenario
from sync_pipeline_tests.planner.values import Either, is_edit, lives, same, target_of, travels


@dataclass(frozen=True)
class Fate:
    """What becomes of one holding. `merges`: its fields take part in the three-way merge of this run."""

    name: str
    merges: bool = False


@dataclass(frozen=True)
class Fates:
    """Decides for the holdings of one scenario; `either` chooses where the requirements leave a choice."""

    scenario: Scenario
    either: Either

    def all(self) -> list[Fate]:
        """One fate a holding, in order."""
        fates = [self._fate(holding) for holding in self.scenario.holdings]
        targets = [target_of(self.scenario, holding) for holding in self.scenario.holdings]
        for target in dict.fromkeys(targets):
            group = [number for number, name in enumerate(targets) if name == target]
            self._settle_deletions(fates, group)
        return fates

    def _settle_deletions(self, fates: list[Fate], group: list[int]) -> None:
        """Nothing is brought back from a Contact that this very run deletes; the next run finds it deleted (R16)."""
        deleting = [number for number in group if fates[number].name.startswith("delete_contact")]
        for number in group:
            if deleting and fates[number].name in ("restore", "move_back", "create_again"):
                fates[number] = Fate("leave")
        for number in deleting[1:]:
            if self.either("a second mailbox that deletes the same Contact", "next run", "at once") == "next run":
                fates[number] = Fate("leave")

    def _fate(self, holding: Holding) -> Fate:
        place = holding.item.place if holding.item else "gone"
        contact = self.scenario.contacts[target_of(self.scenario, holding)]
        if not holding.policy.enabled:
            return self._switched_off(holding, contact, place)
        if holding.link is not None and not holding.link.closed:
            return self._linked(holding, holding.link, contact, place)
        return self._unlinked(holding, contact, place)

    def _switched_off(self, holding: Holding, contact: Contact, place: str) -> Fate:
        # R1: contacts stay in place, or those that came from Salesforce are taken out after R18's last copy up.
        if holding.policy.on_disable == "keep" or holding.link is None or holding.link.closed:
            return Fate("leave")
        if holding.link.origin == "salesforce" and place == "folder":
            if contact.state == "present":
                return Fate("remove", merges=True)
            # R18 holds a removal whose edits cannot go up, R19 lets the deletion in Salesforce win.
            return Fate(self.either("R18 and R19 both apply", "remove_unreadable", "remove_now"))
        if place == "folder":
            return Fate(self.either("R1 says nothing of the link of a contact that stays", "leave", "close"))
        return Fate(self.either("R1 says nothing of a contact outside the folder", "leave", "close", "release"))

    # ── without a link ───────────────────────────────────────────────────────────────────────────────────────────────

    def _unlinked(self, holding: Holding, contact: Contact, place: str) -> Fate:
        was_unlinked = holding.link is not None and holding.link.closed == "unlinked"
        if place in ("folder", "elsewhere"):
            return self._newcomer(holding, contact, place, was_unlinked)
        if contact.state != "present" or not holding.in_view or not holding.policy.down_sync:
            return Fate("leave")
        # R15: it does not come back until it is dragged in or categorised again.
        return Fate("leave" if was_unlinked else "create_item")

    def _newcomer(self, holding: Holding, contact: Contact, place: str, was_unlinked: bool) -> Fate:
        # R9: all readable Contacts are candidates, in the view or not; not one that is linked in this mailbox already.
        if contact.state == "present":
            if any(self._is_rival(holding, other) for other in self.scenario.holdings):
                return Fate("hold_duplicate")
            if place == "elsewhere" and self._now_or_later("R6, R9: a contact that is linked by its move") == "later":
                return Fate("move_and_link")
            return Fate("link", merges=True)
        if was_unlinked:
            # R6 makes a Contact of it; invariant 6 warns of a resurrection: asking is as good.
            return Fate(self.either("dragged in again, and its Contact is gone", "create_contact", "hold_duplicate"))
        return Fate("create_contact")

    def _is_rival(self, holding: Holding, other: Holding) -> bool:
        same_contact = target_of(self.scenario, other) == target_of(self.scenario, holding)
        return other is not holding and other.mailbox == holding.mailbox and lives(other) and same_contact

    # ── with a link ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _linked(self, holding: Holding, link: Link, contact: Contact, place: str) -> Fate:
        if contact.state == "deleted":
            return self._deleted_in_salesforce(holding.policy, place)
        if contact.state == "unreadable":
            return self._unreadable(holding.policy, place, link.seen_in_view)
        if self._is_loser(holding):
            return self._loser(holding.policy, place)
        if place == "elsewhere":
            # Linked by its category with its move still to come (R6), or moved out before the stamp was written.
            if not link.stamped and self.either("R6 or R15", "R6", "R15") == "R6":
                if self._now_or_later("R6, R9: a contact that is linked by its move") == "later":
                    return Fate("move_and_link")
                return Fate("link", merges=True)
            return self._moved_out(holding, contact)
        if place == "folder":
            return Fate("remove_from_view" if self._has_left(holding) else "merge", merges=True)
        return self._deleted_in_outlook(holding, contact, place)

    def _has_left(self, holding: Holding) -> bool:
        # R18: only what was in the view can leave it. R1: with down-sync off nothing is removed for the view.
        policy, link = holding.policy, holding.link
        return (
            link is not None
            and link.seen_in_view
            and not holding.in_view
            and policy.down_sync
            and policy.left_view == "remove"
        )

    def _is_loser(self, holding: Holding) -> bool:
        """R17: its Contact was merged, and the mailbox holds the winner too."""
        target = target_of(self.scenario, holding)
        return target != holding.contact and any(
            other.mailbox == holding.mailbox and other.contact == target and lives(other)
            for other in self.scenario.holdings
        )

    def _deleted_in_salesforce(self, policy: Policy, place: str) -> Fate:
        if place == "folder":
            return Fate("remove_now")  # R16, R19
        if place != "elsewhere":
            return Fate("close")
        # R15: always this case. Nothing is left in Salesforce to delete or to come back for.
        if policy.moved_out == "restore":
            return Fate(self.either("R15 restore and R16 both apply", "release", "remove_now", "move_back"))
        return Fate("release")

    def _unreadable(self, policy: Policy, place: str, seen_in_view: bool) -> Fate:
        if place == "folder":
            # R18: what was chosen in Outlook and never was in the view stays in the folder.
            removes = policy.left_view == "remove" and policy.down_sync and seen_in_view
            return Fate("remove_unreadable" if removes else "freeze")
        if place != "elsewhere":
            return Fate(self.either("nothing can be brought back", "close", "freeze"))
        if policy.moved_out == "unlink":
            return Fate("release")
        return Fate(self.either("R15 and R18 both apply", "release", "freeze", "remove_unreadable", "move_back"))

    def _loser(self, policy: Policy, place: str) -> Fate:
        if place == "folder":
            return Fate("remove", merges=True)
        if place != "elsewhere":
            return Fate("close")
        if policy.moved_out == "unlink":
            return Fate("release")
        return Fate(self.either("R15 and R17 both apply", "release", "close", "remove_now"))

    def _moved_out(self, holding: Holding, contact: Contact) -> Fate:
        policy, left = holding.policy, self._has_left(holding)
        if policy.moved_out == "unlink":
            return Fate("release")
        if policy.moved_out == "restore":
            if left:  # moved back and removed again, or removed where it lies, or left to its owner
                return Fate(self.either("R15 restore and R18 both apply", "release", "remove_now", "move_back"))
            return Fate(
                "move_back", merges=self._now_or_later("R15: the merge of a contact that is moved back") == "now"
            )
        if left and self.either("R15 delete and R18 both apply", "release", "delete") == "release":
            return Fate("release")
        if contact.person or self._edited(holding, contact):
            # R19: the deletion loses; R14: never for Person Accounts.
            return Fate(self.either("the deletion lost; R15 does not say where the item goes", "move_back", "release"))
        return Fate("delete_contact_and_release")

    def _deleted_in_outlook(self, holding: Holding, contact: Contact, place: str) -> Fate:
        policy, left = holding.policy, self._has_left(holding)
        deletes = policy.outlook_deletion == "delete"
        if left and (not deletes or self.either("R14 delete and R18 both apply", "close", "delete") == "close"):
            return Fate("close")
        if deletes and holding.link is not None and holding.link.origin == "matched" and not holding.link.stamped:
            return Fate("close")  # R6, R9: matched, but never marked as the Contact's: it is no deletion of that one
        if deletes and not contact.person and not self._edited(holding, contact):
            return Fate("delete_contact")
        if left or not policy.down_sync:
            return Fate("close")  # R1, R18
        if place == "gone":
            return Fate("create_again")
        return Fate("restore", merges=self._now_or_later("R14: the merge of a contact that is brought back") == "now")

    def _now_or_later(self, what: str) -> str:
        # Invariant 1 gives two runs: the item is put back in this one, and may be merged in the next.
        return self.either(what, "later", "now")

    # ── R19 ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _edited(self, holding: Holding, contact: Contact) -> bool:
        """An edit in Salesforce since the base, or one in another mailbox that is not synchronised yet."""
        if any(self._edited_in_salesforce(holding, name, value) for name, value in contact.values.items()):
            return True
        target = target_of(self.scenario, holding)
        others = [
            other for other in self.scenario.holdings if other is not holding and takes_part(other) and other.item
        ]
        return any(
            self._edited_there(other, contact)
            for other in others
            if lives(other) and target_of(self.scenario, other) == target
        )

    def _edited_in_salesforce(self, holding: Holding, name: str, value: str) -> bool:
        assert holding.link is not None
        base = holding.link.base.get(name)
        known_to_outlook = holding.item is not None and same(name, value, holding.item.values[name])
        changed = not same(name, value, base[1] if base else "")
        if not changed:
            return False
        if holding.policy.direction(name) == "from_outlook":
            return (
                self.either("R19: an edit in Salesforce of a field that only comes from Outlook", "edit", "none")
                == "edit"
            )
        if base is None:
            # Nobody knows whether it was edited: a deletion has to be the careful one.
            return not known_to_outlook
        return not known_to_outlook or self.either("R19: an edit that Outlook had made too", "edit", "none") == "edit"

    def _edited_there(self, other: Holding, contact: Contact) -> bool:
        assert other.item is not None
        return any(
            travels(other, contact, name)
            and is_edit(self.scenario, other, name)
            and not same(name, value, contact.values[name])
            for name, value in other.item.values.items()
        )


def takes_part(holding: Holding) -> bool:
    """R1: what stays in a mailbox that is switched off is left alone."""
    removes = holding.policy.on_disable == "remove" and holding.link is not None and holding.link.origin == "salesforce"
    return holding.policy.enabled or removes
