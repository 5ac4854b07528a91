"""The oracle: what one run must do with a scenario, written from the requirements (R1 to R19) in plain Python.

It shares nothing with the planner but the vocabulary of `sync_pipeline.model`. Where the requirements leave a choice,
`either` names it, and every choice is an outcome that the oracle accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sync_pipeline_tests.planner.claims import Claims, claims
from sync_pipeline_tests.planner.fates import Fate, Fates
from sync_pipeline_tests.planner.merging import Merged, Merging
from sync_pipeline_tests.planner.scenario import Contact, End, Holding, Item, Outcome, Scenario, Write
from sync_pipeline_tests.planner.values import (
    Either,
    account_for,
    base_of,
    holdable,
    is_edit,
    lives,
    same,
    target_of,
    travels,
)


def accepted(scenario: Scenario) -> list[Outcome]:
    """Every outcome that the requirements allow; the first is the one that they say most plainly."""
    outcomes: list[Outcome] = []
    pending: list[tuple[str, ...]] = [()]
    while pending:
        prefix = pending.pop(0)
        taken: list[str] = []

        def either(why: str, *options: str, prefix: tuple[str, ...] = prefix, taken: list[str] = taken) -> str:
            if len(taken) < len(prefix):
                choice = prefix[len(taken)]
            else:
                choice = options[0]
                pending.extend((*taken, other) for other in options[1:])
            taken.append(choice)
            return choice

        outcomes.append(_Run(claims(scenario, either), either).outcome())
    return outcomes


@dataclass(frozen=True)
class _Case:
    """One holding, its Contact, and what the merge made of both; `result` is what Salesforce holds in the end."""

    number: int
    holding: Holding
    target: str
    contact: Contact
    merged: Mapping[str, Merged]
    result: Mapping[str, str]

    @property
    def item(self) -> Item:
        """The item, where the fate says that there is one."""
        assert self.holding.item is not None
        return self.holding.item

    @property
    def base(self) -> dict[str, tuple[str, str]]:
        """The base of a living link."""
        return dict(self.holding.link.base) if lives(self.holding) and self.holding.link else {}


@dataclass
class _Run:
    """One run over one scenario."""

    claims: Claims
    either: Either
    writes: list[Write] = field(default_factory=list)
    holds: set[tuple[int, str]] = field(default_factory=set)
    conflicts: set[tuple[int, str, str, str, str]] = field(default_factory=set)
    kept: set[tuple[int, str, str]] = field(default_factory=set)
    problems: set[tuple[int, str]] = field(default_factory=set)

    @property
    def scenario(self) -> Scenario:
        """The scenario in which every link has the item that it goes on with."""
        return self.claims.scenario

    def outcome(self) -> Outcome:
        """Decides every holding, merges every Contact, and does what follows from both."""
        fates = Fates(self.scenario, self.either, self.claims.heirs).all()
        targets = [target_of(self.scenario, holding) for holding in self.scenario.holdings]
        ends: dict[int, End] = {}
        self._put_back()
        for target in dict.fromkeys(targets):
            ends |= self._contact(target, [n for n, name in enumerate(targets) if name == target], fates)
        return Outcome(
            writes=frozenset(self.writes),
            ends=tuple(ends[number] for number in range(len(fates))),
            holds=frozenset(self.holds),
            conflicts=frozenset(self.conflicts),
            problems=frozenset(self.problems),
            kept=frozenset(self.kept),
        )

    def _put_back(self) -> None:
        """R3: what a lost folder took along comes back, also where another item has its link by now."""
        for number in self.claims.heirs:
            own, policy = self.claims.own[number], self.scenario.holdings[number].policy
            if own is not None and own.lost and own.place == "deleted" and policy.enabled:
                self.writes.append(Write(f"holding {number}", "restore"))

    def _contact(self, target: str, group: list[int], fates: list[Fate]) -> dict[int, End]:
        contact = self.scenario.contacts[target]
        merged, result = Merging(self.scenario, self.either).merge(contact, [n for n in group if fates[n].merges])
        ends = {}
        for number in group:
            case = _Case(number, self.scenario.holdings[number], target, contact, merged.get(number, {}), result)
            self._record(case)
            end = getattr(self, f"_{fates[number].name}")(case)
            keeps = end.link.startswith("linked") and fates[number].name != "create_again"
            ends[number] = replace(end, item=self.claims.heirs.get(number, -1)) if keeps else end
        up = {name: value for name, value in result.items() if not same(name, value, contact.values[name])}
        if any(fates[number].name.startswith("delete_contact") for number in group):
            self.writes.append(Write(f"contact {target}", "delete"))
        elif up:
            self.writes.append(Write(f"contact {target}", "update", _after(up)))
        return ends

    def _record(self, case: _Case) -> None:
        for name, entry in case.merged.items():
            values = case.item.values[name], case.contact.values[name]
            if entry.conflict:
                self.conflicts.add((case.number, name, entry.winner, *values))
            if entry.course == "problem":
                self.problems.add((case.number, name))
            if entry.course == "hold":
                self.holds.add((case.number, "conflict"))

    def _write(self, case: _Case, action: str, after: Mapping[str, str] | None = None) -> None:
        item = -1 if action == "create" else self.claims.heirs.get(case.number, -1)
        self.writes.append(Write(f"holding {case.number if item < 0 else item}", action, _after(after or {})))

    # ── the fates that merge ─────────────────────────────────────────────────────────────────────────────────────────

    def _merge(self, case: _Case) -> End:
        # R17: a winner's stamp takes the loser's place; one that was never written is written now.
        heir = self.claims.heirs.get(case.number, case.number)
        stamp = self.scenario.holdings[heir].contact
        stands = stamp == case.target and case.holding.link is not None and case.holding.link.stamped
        return self._write_down(case, "update" if stands else "restamp")

    def _link(self, case: _Case) -> End:
        bears = case.item.stamped and case.holding.contact == case.target
        return self._write_down(case, "move" if case.item.place == "elsewhere" else "update" if bears else "restamp")

    def _move_back(self, case: _Case) -> End:
        return self._write_down(case, "move")

    def _restore(self, case: _Case) -> End:
        return self._write_down(case, "restore")

    def _write_down(self, case: _Case, action: str) -> End:
        """What changed goes down with the write; without a merge the item is only put back."""
        down, base = {}, case.base
        for name, entry in case.merged.items():
            held, final = case.item.values[name], case.result[name]
            if entry.course == "hold":
                if same(name, final, held):  # another mailbox brings it to the same value
                    base[name] = (held, final)
            elif entry.course == "stand":  # they differ by design; that is what both hold from now on
                base[name] = (held, case.contact.values[name])
            elif entry.course == "problem" or (entry.course == "none" and same(name, final, case.contact.values[name])):
                continue
            elif same(name, final, held):
                base[name] = (final, final)
            elif case.contact.person or case.holding.policy.direction(name) != "from_outlook":
                down[name], base[name] = final, (final, final)
        if down or action != "update":
            self._write(case, action, down)
        merges = bool(case.merged)
        return End(f"linked {case.target if merges else case.holding.contact}", _base(base))

    def _remove_from_view(self, case: _Case) -> End:
        # R20: a removal that waits keeps no other operation waiting.
        waits = any(entry.course in ("hold", "problem") for entry in case.merged.values())
        end = self._remove(case)
        return self._merge(case) if waits else end

    def _remove(self, case: _Case) -> End:
        # R18: the edits since the base go up first; if they cannot, the removal is held.
        if any(entry.course in ("hold", "problem") for entry in case.merged.values()):
            self.holds.add((case.number, "unsaved_edit"))
            base = case.base
            for name, entry in case.merged.items():
                held = case.item.values[name]
                if entry.course in ("up", "agree", "hold") and same(name, held, case.result[name]):
                    base[name] = (held, held)
                elif entry.course == "stand":
                    base[name] = (held, case.contact.values[name])
            return End(f"linked {case.holding.contact}", _base(base))
        # A → field that Salesforce changed is written again; that is no edit, so nothing is lost where it fails.
        ups = [name for name, entry in case.merged.items() if entry.course == "up"]
        waits = any(is_edit(self.scenario, case.holding, name) for name in ups)
        self._write(case, "delete after up" if waits else "delete")
        return End("closed")

    # ── the fates that do not ────────────────────────────────────────────────────────────────────────────────────────

    def _leave(self, case: _Case) -> End:
        link = case.holding.link
        return (
            End(f"linked {case.holding.contact}", _base(case.base))
            if lives(case.holding)
            else End("none" if link is None else "closed")
        )

    def _close(self, case: _Case) -> End:
        return End("closed")

    def _freeze(self, case: _Case) -> End:
        self.problems.add((case.number, ""))
        return self._leave(case)

    def _release(self, case: _Case) -> End:
        self._write(case, "release")
        return End("closed")

    def _remove_now(self, case: _Case) -> End:
        # R19: the deletion in Salesforce wins, and the edit is kept in the history.
        for name, value in case.item.values.items():
            goes_up = case.holding.policy.direction(name) != "from_salesforce"
            if goes_up and base_of(self.scenario, case.holding, name) and is_edit(self.scenario, case.holding, name):
                self.kept.add((case.number, name, value))
        self._write(case, "delete")
        return End("closed")

    def _remove_unreadable(self, case: _Case) -> End:
        # R18: what Salesforce, as last read, does not hold cannot go up any more.
        for name, value in case.item.values.items():
            saved = same(name, value, case.contact.values[name]) or not is_edit(self.scenario, case.holding, name)
            if not saved and travels(case.holding, case.contact, name):
                self.holds.add((case.number, "unsaved_edit"))
                return self._leave(case)
        self._write(case, "delete")
        return End("closed")

    def _delete_contact(self, case: _Case) -> End:
        return End("closed")

    def _delete_contact_and_release(self, case: _Case) -> End:
        return self._release(case)

    def _hold_duplicate(self, case: _Case) -> End:
        self.holds.add((case.number, "duplicate"))
        bad = {
            name for name in self._upwards(case) if not holdable(name, case.item.values[name]) and name != "last_name"
        }
        if bad and self.either("R12: a problem of what is held", "told", "later") == "told":
            self.problems |= {(case.number, name) for name in bad}
        return self._leave(case)

    def _hold_creation(self, case: _Case) -> End:
        self.holds.add((case.number, "duplicate"))
        return self._leave(case)

    def _move_and_link(self, case: _Case) -> End:
        self._write(case, "move")
        return End(f"linked {case.target}", _base(case.base))

    def _create_again(self, case: _Case) -> End:
        return self._create_item(case)

    def _create_item(self, case: _Case) -> End:
        direction, held = case.holding.policy.direction, case.contact.values
        values = {name: "" if direction(name) == "from_outlook" else value for name, value in held.items()}
        self._write(case, "create", {name: value for name, value in values.items() if value})
        return End(f"linked {case.target}", _base({name: (value, held[name]) for name, value in values.items()}))

    def _create_contact(self, case: _Case) -> End:
        values, upwards = case.item.values, self._upwards(case)
        good = {name: values[name] for name in upwards if holdable(name, values[name])}
        self.problems |= {(case.number, name) for name in upwards if name not in good}
        if "last_name" not in good:
            return self._leave(case)
        self.writes.append(Write(f"new {case.number}", "create", _after({n: v for n, v in good.items() if v})))
        # R7: the Contact has the Account that was found, and the item shows that Account's name.
        resolves = case.holding.policy.account_mode == "resolve"
        account = account_for(values["company"]) if resolves else ""
        down = {"company": account} if account and not same("company", account, values["company"]) else {}
        self._write(case, "move" if case.item.place == "elsewhere" else "restamp", down)
        known = good.keys() | (values.keys() - set(upwards))
        base = {name: (values[name], good.get(name, "")) for name in known}
        return End("linked new", _base(base | {"company": (account or values["company"], account)}))

    def _upwards(self, case: _Case) -> list[str]:
        return [name for name in case.item.values if case.holding.policy.direction(name) != "from_salesforce"]


def _after(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def _base(values: Mapping[str, tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple(sorted((name, outlook, salesforce) for name, (outlook, salesforce) in values.items()))
