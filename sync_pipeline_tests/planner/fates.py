"""The oracle's first half: what becomes of a holding as a whole (R1, R6, R9, R14 to R19), fields aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sync_pipeline_tests.planner.claims import is_personal, is_similar, is_stamped, shares_address, shows
from sync_pipeline_tests.planner.scenario import Contact, Holding, Link, Policy, Scenario, Values
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
    heirs: Mapping[int, int] = field(default_factory=dict)

    def all(self) -> list[Fate]:
        """One fate a holding, in order."""
        fates = [
            Fate("leave") if number in self.heirs.values() else self._fate(holding)
            for number, holding in enumerate(self.scenario.holdings)
        ]
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
        if is_stamped(holding):
            return self._stamped(holding, contact)
        if place in ("folder", "elsewhere"):
            return self._newcomer(holding, contact, place, was_unlinked)
        if contact.state != "present" or not holding.in_view or not holding.policy.down_sync:
            return Fate("leave")
        if any(self._speaks_for(other, holding) for other in self.scenario.holdings):
            # R9: there is one already, or one that waits for a person; a hold blocks the creation on both sides.
            return Fate(self.either("R9: the side of a hold that has no item", "leave", "hold_creation"))
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

    # ── with a stamp, but without a link ─────────────────────────────────────────────────────────────────────────────

    def _stamped(self, holding: Holding, contact: Contact) -> Fate:
        item = holding.item
        assert item is not None
        if not _comes_in(holding):
            return Fate("leave")  # R5: personal, or deleted
        owner = next((other for other in self.scenario.holdings if self._is_rival(holding, other)), None)
        if contact.state != "present":
            return self._of_nobody(holding, contact, owner)
        if owner is None:
            return self._claimant(holding, contact)
        if self._is_of_unknown_loser(holding) and self._shows_its_contact(holding):
            if self._has_own(owner) or self.either("R17: beside a link that lost its own", "copy", "loser") == "loser":
                return self._of_loser(holding)
            return self._somebody_else("R17: beside a link that lost its own")
        near = [*self._readable(), *self._earlier(holding)]
        linked = [other for other in self.scenario.holdings if lives(other) and _stands(other)]
        addresses = [o.item.values for o in linked if o.item and not is_personal(o.item)]
        owned = owner.item.values if owner.item and _stands(owner) and not is_personal(owner.item) else {}
        if any(is_similar(item.values, values) for values in near):
            return Fate("hold_duplicate")
        if any(shares_address(item.values, values) for values in addresses):
            return Fate("hold_duplicate")
        if any(is_similar(item.values, o.item.values) for o in self._others(holding) if o.item and self._speaks(o)):
            return self._somebody_else("R9: one that was created later, and whose stamp speaks")
        if owned and is_similar(item.values, owned):
            return self._somebody_else("R9: only the name of one that is linked, which its Contact has no more")
        if owner.contact != holding.contact:
            return self._somebody_else("R17: a stamp that a merge made stale")
        if owner.item is not None and owner.item.lost:
            return self._somebody_else("R3: it may be the one that the lost folder took along")
        return Fate("create_contact")

    def _somebody_else(self, why: str) -> Fate:
        """Nothing says that it is the same person; whether it has to wait for a person is open."""
        return Fate(self.either(why, "create_contact", "hold_duplicate"))

    def _of_nobody(self, holding: Holding, contact: Contact, owner: Holding | None) -> Fate:
        """Its Contact is gone or not readable. Who shows that person is not made again (invariant 6)."""
        item = holding.item
        assert item is not None
        if owner is None and not any(self._order(other) < self._order(holding) for other in self._others(holding)):
            return Fate("hold_duplicate")
        near = [*self._readable(), *self._earlier(holding)]
        near += [contact.values] if owner is None or (self._has_own(owner) and contact.state == "deleted") else []
        owned = owner.item.values if owner and owner.item and self._has_own(owner) else {}
        if any(is_similar(item.values, values) for values in near) or (owned and shares_address(item.values, owned)):
            return Fate("hold_duplicate")
        return self._somebody_else("its Contact is gone")

    def _claimant(self, holding: Holding, contact: Contact) -> Fate:
        """Nothing in the mailbox is linked with its Contact: the stamp speaks, if the item still shows the person."""
        assert holding.item is not None
        before = [other for other in self._others(holding) if self._order(other) < self._order(holding)]
        is_second = any(self._shows_its_contact(other) for other in before)
        shows_it = self._shows_its_contact(holding)
        if not before:
            # R9: with neither the e-mail nor the full name of its Contact it may be somebody else by now.
            if not shows_it:
                return Fate("hold_duplicate")
            is_moved = holding.item.place == "elsewhere"
            if is_moved and self._now_or_later("R6, R9: a contact that is linked by its move") == "later":
                return Fate("move_and_link")
            return Fate("link", merges=True)
        if is_second and shows_it and self._is_of_unknown_loser(holding):
            first = self._shows_its_contact(min(before, key=self._order))
            if (
                first
                or self.either("R17: the first with the winner's stamp is somebody else", "goes", "waits") == "goes"
            ):
                return self._of_loser(holding)
            return Fate("hold_duplicate")
        # Beside the one that comes first it is a copy; whose stamp speaks was there before those whose stamp does not.
        near = [*self._readable(), *self._earlier(holding)]
        near += [other.item.values for other in self._others(holding) if other.item and self._speaks(other)]
        if any(is_similar(holding.item.values, values) for values in near):
            return Fate("hold_duplicate")
        return self._somebody_else("R9: a second with the stamp")

    def _of_loser(self, holding: Holding) -> Fate:
        """R17: the mailbox holds the winner too; the item of a loser that nobody knew merges, then goes."""
        assert holding.item is not None
        if holding.item.place == "folder":
            return Fate("remove", merges=True)
        fate = self._loser(holding.policy, "elsewhere")
        return Fate(fate.name, merges=self.either("R17: the merge of one that lies elsewhere", "now", "never") == "now")

    def _order(self, holding: Holding) -> tuple[bool, bool, int]:
        """Who of several comes first: the Contact's own before a loser's, in the folder, created first."""
        return (self._is_of_loser(holding), *_age(holding))

    def _shows_its_contact(self, holding: Holding) -> bool:
        """Whether the item still shows its Contact, or the one that was merged into it."""
        assert holding.item is not None
        names = (target_of(self.scenario, holding), holding.contact)
        return any(shows(holding.item.values, self.scenario.contacts[name].values) for name in names)

    def _others(self, holding: Holding) -> list[Holding]:
        """The other items of the mailbox that come in with a stamp, but without a link."""
        return [
            other
            for other in self.scenario.holdings
            if other is not holding and other.mailbox == holding.mailbox and is_stamped(other) and _comes_in(other)
        ]

    def _has_own(self, owner: Holding) -> bool:
        """Whether a link has its own item yet."""
        return _stands(owner) and not any(self.scenario.holdings[number] is owner for number in self.heirs)

    def _readable(self) -> list[Values]:
        """R9: all Contacts that the credential can read are candidates."""
        return [contact.values for contact in self.scenario.contacts.values() if contact.state == "present"]

    def _earlier(self, holding: Holding) -> list[Values]:
        """What those show who were created before it."""
        created = holding.item.created if holding.item else 0
        return [other.item.values for other in self._others(holding) if other.item and other.item.created < created]

    def _is_of_unknown_loser(self, holding: Holding) -> bool:
        """R17: the first item with the stamp of a merged Contact that the mailbox never was linked with."""
        return self._is_of_loser(holding) and self._speaks(holding)

    def _is_of_loser(self, holding: Holding) -> bool:
        known = any(
            other.link is not None and other.mailbox == holding.mailbox and other.contact == holding.contact
            for other in self.scenario.holdings
        )
        return target_of(self.scenario, holding) != holding.contact and not known

    def _speaks(self, holding: Holding) -> bool:
        """Whether no other item comes before it with the very same stamp."""
        same_stamp = [other for other in self._others(holding) if other.contact == holding.contact]
        return all(_age(holding) < _age(other) for other in same_stamp)

    def _speaks_for(self, other: Holding, holding: Holding) -> bool:
        """Whether another item of the mailbox is, or may be, the one of this holding's Contact."""
        if other is holding or target_of(self.scenario, other) != target_of(self.scenario, holding):
            return False
        return other.mailbox == holding.mailbox and (lives(other) or (is_stamped(other) and _comes_in(other)))

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
        if holding.item is not None and holding.item.lost:
            return self._lost_with_folder(holding, place)
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

    def _lost_with_folder(self, holding: Holding, place: str) -> Fate:
        """R3: a lost folder is never read as deleting its contacts: it is refilled."""
        hidden = self._has_left(holding) or not holding.policy.down_sync
        if hidden and self.either("R3 against R1 and R18", "restore", "close") == "close":
            return Fate("close")
        if place == "gone":
            return Fate("create_again")
        return Fate("restore", merges=self._now_or_later("R14: the merge of a contact that is brought back") == "now")

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
            # R5: of a personal one nothing was read that could merge.
            later = holding.item is not None and is_personal(holding.item)
            return Fate(
                "move_back", merges=not later and self._now_or_later("R15: a contact that is moved back") == "now"
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
        losers = [other for other in self._others(holding) if self._is_of_unknown_loser(other)]
        if losers and self.either("R17, R19: what the item of a loser shows", "none", "edit") == "edit":
            return True
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
        known_to_outlook = (
            holding.item is not None and not is_personal(holding.item) and same(name, value, holding.item.values[name])
        )
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


def _age(holding: Holding) -> tuple[bool, int]:
    """In the folder first, then the one created first."""
    assert holding.item is not None
    return holding.item.place != "folder", holding.item.created


def _stands(holding: Holding) -> bool:
    """Whether its item is neither gone nor deleted."""
    return holding.item is not None and holding.item.place in ("folder", "elsewhere")


def _comes_in(holding: Holding) -> bool:
    """R5, R6: in the folder, or marked with the category in another one."""
    item = holding.item
    return item is not None and (item.place == "folder" or (item.place == "elsewhere" and item.categorised))


def takes_part(holding: Holding) -> bool:
    """R1: what stays in a mailbox that is switched off is left alone."""
    removes = holding.policy.on_disable == "remove" and holding.link is not None and holding.link.origin == "salesforce"
    return holding.policy.enabled or removes
