"""Defects of the planner that the comparison with the oracle has found, each as its smallest story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline_tests.planner.compare import judge
from sync_pipeline_tests.planner.scenario import (
    Base,
    Contact,
    ContactState,
    Holding,
    Item,
    Link,
    Outcome,
    Place,
    Policy,
    Scenario,
    Values,
    Write,
)
from sync_pipeline_tests.planner.tables import planned

PERSON: Values = {
    "first_name": "Ann", "last_name": "Lee", "company": "", "email": "ann@example.com",
    "job_title": "", "department": "",
}  # fmt: skip
AGREED: Base = {name: (value, value) for name, value in PERSON.items()}


def held_by(mailbox: str, place: Place, policy: Policy | None = None, *, base: Base = AGREED, **edits: str) -> Holding:
    """A mailbox with a linked item of the Contact x; `edits` are what the item holds otherwise."""
    return Holding(mailbox, "x", policy or Policy(), Item(place, PERSON | edits, modified=200), Link(base))


def plan_of(*holdings: Holding, person: bool = False, by_us: bool = False, **edits: str) -> Outcome:
    """The plan for these holdings of the Contact x, which the oracle accepts too; `edits` are Salesforce's."""
    contact = Contact("present", PERSON | edits, modified=100, person=person, by_us=by_us)
    scenario = Scenario("story", {"x": contact}, holdings)
    [outcome] = planned([scenario])
    mismatch = judge(scenario, outcome)
    assert mismatch is None, mismatch.story()
    return outcome


def writes(outcome: Outcome) -> set[tuple[str, str]]:
    return {(write.target, write.action) for write in outcome.writes}


def without(name: str) -> Base:
    return {field: base for field, base in AGREED.items() if field != name}


# ── R1 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("on_disable", ["keep", "remove"])
def test_an_edit_in_a_mailbox_that_is_switched_off_goes_nowhere(on_disable: str) -> None:
    off = Policy(enabled=False, on_disable=on_disable)
    stays = replace(held_by("a", "folder", off, job_title="Clerk"), link=Link(AGREED, origin="outlook"))
    outcome = plan_of(stays, held_by("b", "folder"))
    assert outcome.writes == frozenset()


def test_a_difference_in_a_mailbox_that_is_switched_off_is_no_conflict_and_no_problem() -> None:
    off = held_by("a", "folder", Policy(enabled=False), job_title="Clerk", email="no address")
    outcome = plan_of(off, job_title="Chief")
    assert (outcome.conflicts, outcome.problems, outcome.holds) == (frozenset(), frozenset(), frozenset())


def test_the_last_copy_of_a_mailbox_that_is_switched_off_still_goes_up_before_its_removal() -> None:
    outcome = plan_of(held_by("a", "folder", Policy(enabled=False, on_disable="remove"), job_title="Clerk"))
    assert writes(outcome) == {("contact x", "update"), ("holding 0", "delete after up")}


# ── R14, R18 ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_kept_contact_that_is_deleted_in_outlook_comes_back_although_it_is_not_in_the_view() -> None:
    kept = replace(held_by("a", "deleted", Policy(left_view="keep")), in_view=False)
    assert writes(plan_of(kept)) == {("holding 0", "restore")}


# ── R18, R19: what has no base ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["deleted", "elsewhere"])
def test_a_value_of_salesforce_that_outlook_never_agreed_to_outlives_a_deletion_in_outlook(place: Place) -> None:
    policy = Policy(outlook_deletion="delete", moved_out="delete", conflicts="hold")
    outcome = plan_of(held_by("a", place, policy, base=without("job_title"), job_title="Clerk"), job_title="Chief")
    assert writes(outcome) == {("holding 0", "restore" if place == "deleted" else "move")}


def test_a_removal_waits_for_a_value_without_base_that_goes_up() -> None:
    left = replace(held_by("a", "folder", base=without("job_title"), job_title="Clerk"), in_view=False)
    assert writes(plan_of(left)) == {("contact x", "update"), ("holding 0", "delete after up")}


def test_a_contact_into_which_a_value_without_base_goes_up_is_not_deleted_by_another_mailbox_in_the_same_plan() -> None:
    holds = held_by("a", "folder", base=without("job_title"), job_title="Clerk")
    outcome = plan_of(holds, held_by("b", "deleted", Policy(outlook_deletion="delete")))
    assert writes(outcome) == {("contact x", "update"), ("holding 1", "restore")}


# ── R7, R9, R18: an edited Company ───────────────────────────────────────────────────────────────────────────────────


def test_a_removal_waits_for_the_account_that_an_edited_company_moves_its_contact_to() -> None:
    left = replace(held_by("a", "folder", Policy(company_edits="resolve"), company="Acme"), in_view=False)
    assert writes(plan_of(left)) == {("contact x", "update"), ("holding 0", "delete after up")}


def test_an_edited_company_never_moves_the_contact_of_a_person_account() -> None:
    edited = held_by("a", "folder", Policy(company_edits="resolve"), company="Acme")
    assert plan_of(edited, person=True).writes == frozenset()


# ── R14, R15 in several mailboxes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", ["deleted", "elsewhere"])
def test_nothing_is_brought_back_from_a_contact_that_the_same_plan_deletes(place: Place) -> None:
    policy = Policy(outlook_deletion="delete", moved_out="delete")
    # The edit in `a` protects the Contact from the deletion in `b`, but not from the one in `a` itself.
    outcome = plan_of(held_by("a", "deleted", policy, job_title="Clerk"), held_by("b", place, policy))
    assert writes(outcome) == {("contact x", "delete")}


def test_a_contact_deleted_by_one_mailbox_is_not_restored_in_another_in_the_same_plan() -> None:
    outcome = plan_of(held_by("a", "deleted", Policy(outlook_deletion="delete")), held_by("b", "deleted"))
    assert writes(outcome) == {("contact x", "delete")}


# ── R9, R10 ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edit_of_a_person_accounts_contact_is_taken_back_in_a_field_that_only_comes_from_outlook() -> None:
    policy = Policy(directions=(("job_title", "from_outlook"),))
    outcome = plan_of(held_by("a", "folder", policy, job_title="Clerk"), person=True)
    assert outcome.writes == {Write("holding 0", "update", (("job_title", ""),))}


def test_latest_does_not_take_our_own_write_for_an_edit_where_a_pair_is_linked_again() -> None:
    again = held_by("a", "folder", Policy(conflicts="latest"), job_title="Clerk")
    again = replace(again, link=Link(AGREED, closed="left_view"))
    outcome = plan_of(replace(again, item=replace(again.item, by_us=True)), job_title="Chief")  # type: ignore[type-var]
    assert ("contact x", "update") not in writes(outcome)


def test_latest_does_not_take_what_we_wrote_for_another_mailbox_for_an_edit() -> None:
    fresh = replace(held_by("b", "folder", Policy(conflicts="latest"), job_title="Clerk"), link=None)
    outcome = plan_of(held_by("a", "folder", job_title="Chief"), fresh, job_title="Chief", by_us=True)
    assert ("contact x", "update") not in writes(outcome)


# ── R9, R16, R17: items with our stamp that no link names ────────────────────────────────────────────────────────────


OTTO = {"first_name": "Otto", "email": "otto@example.com"}


def copy_of(contact: str, created: int, edits: Values | None = None, policy: Policy | None = None) -> Holding:
    """An item in the folder with the stamp of a Contact, which no link names."""
    item = Item("folder", PERSON | (edits or {}), modified=200, stamped=True, created=created)
    return Holding("a", contact, policy or Policy(), item, None)


def story_of(contact: Contact, *holdings: Holding) -> Outcome:
    """The plan for these holdings of the Contact x, into which l was merged; the oracle accepts it too."""
    contacts = {"x": contact, "l": Contact("merged", PERSON, modified=50, winner="x")}
    scenario = Scenario("story", contacts, holdings)
    [outcome] = planned([scenario])
    mismatch = judge(scenario, outcome)
    assert mismatch is None, mismatch.story()
    return outcome


@pytest.mark.parametrize("state", ["deleted", "unreadable"])
@pytest.mark.parametrize("edits", [{}, OTTO])
def test_none_of_several_copies_makes_a_contact_anew_that_is_gone(state: ContactState, edits: Values) -> None:
    copies = copy_of("x", 1, edits), copy_of("x", 2)
    outcome = story_of(Contact(state, PERSON, modified=100), *copies)
    assert not outcome.writes
    assert outcome.holds == {(0, "duplicate"), (1, "duplicate")}


def test_a_copy_does_not_make_the_contact_anew_that_its_linked_original_cannot_read_any_more() -> None:
    original = held_by("a", "folder", Policy(left_view="keep"))
    copy = copy_of("x", 1, policy=Policy(left_view="keep"))
    outcome = story_of(Contact("unreadable", PERSON, modified=100), original, copy)
    assert not outcome.writes
    assert outcome.holds == {(1, "duplicate")}


def test_of_two_copies_with_the_same_new_address_none_becomes_a_second_contact() -> None:
    policy = Policy(conflicts="outlook")
    copies = (copy_of("x", number, {"email": "new@example.com"}, policy) for number in (1, 2))
    outcome = story_of(Contact("present", PERSON, modified=100), *copies)
    assert writes(outcome) == {("contact x", "update")}
    assert outcome.holds == {(1, "duplicate")}


def test_a_copy_with_the_stamp_of_a_merged_contact_that_became_somebody_else_changes_nothing_of_the_winner() -> None:
    policy = Policy(conflicts="outlook")
    holdings = held_by("a", "folder", policy), copy_of("l", 1, OTTO, policy)
    outcome = story_of(Contact("present", PERSON, modified=100), *holdings)
    assert not outcome.writes
    assert outcome.holds == {(1, "duplicate")}


def test_the_item_of_a_merged_contact_stays_where_only_somebody_else_has_the_stamp_of_the_winner() -> None:
    outcome = story_of(Contact("present", PERSON, modified=100), copy_of("x", 1, OTTO), copy_of("l", 2))
    assert not any(action.startswith("delete") for _, action in writes(outcome))
