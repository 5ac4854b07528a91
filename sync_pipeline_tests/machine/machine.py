"""The Hypothesis machine: draws the steps of a story, which is where they are done and judged."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sync_pipeline_tests.machine.story import Step
from sync_pipeline_tests.machine.users import STEPS as USER_STEPS
from sync_pipeline_tests.machine.users import Arguments

#: Everything that can happen: a user's step, or one of Story's own.
STEPS: dict[str, Arguments] = {
    **USER_STEPS,
    "fault": (("f", int), ("position", bool), ("nth", int), ("times", int)),
    "expire": (("what", int),),
    "clock": (("hours", int),),
    "setting": (("m", int), ("which", int), ("value", int)),
    "approve": (),
    "warehouse_lost": (),
    "backup": (),
    "old_copy": (),
    "run": (("m", int), ("full", bool)),
    "run_killed": (("where", int), ("nth", int)),
    "run_raced": (("call", int), ("s", int), ("k", int), ("field", int)),
    "run_overtaken": (("step", int), ("s", int), ("k", int), ("field", int)),
    "run_twice": (),
    "run_isolated": (("m", int),),
}
#: How many rules of the machine do a step: the likelier ones.
WEIGHTS = {
    "run": 6, "run_killed": 4, "run_raced": 4, "run_overtaken": 3, "fault": 8, "sf_create": 3, "ol_create": 2,
    "sf_edit": 4, "ol_edit": 4, "ol_clear": 2, "sf_clear": 2,
}  # fmt: skip
_UP_TO: dict[type, int] = {int: 10_000, bool: 2}
_rule: Any = rule  # its overloads do not take a dictionary of arguments
_STRATEGIES: dict[type, st.SearchStrategy[Any]] = {int: st.integers(0, 9999), bool: st.booleans()}


def machine(begin: Callable[[dict[str, int]], Any]) -> type[RuleBasedStateMachine]:
    """A machine class. `begin` makes the sequence from the choices: an object with perform(name, arguments), end()."""

    class Machine(RuleBasedStateMachine):
        story: Any = None

        @initialize(choices=st.fixed_dictionaries({name: st.integers(0, 959) for name in _CHOICES}))
        def start(self, choices: dict[str, int]) -> None:
            self.story = begin(choices)

        def teardown(self) -> None:
            if self.story is not None:
                self.story.end()

    members: dict[str, Any] = {}
    for name, arguments in STEPS.items():
        for number in range(WEIGHTS.get(name, 1)):
            label = f"{name}_{number}"
            strategies = {key: _STRATEGIES[kind] for key, kind in arguments}
            members[label] = _rule(**strategies)(_doing(name, label))
    return type("SynchroniserMachine", (Machine,), members)


_CHOICES = (
    "people", "fields", "mailboxes", "view", "conflicts", "outlook_deletion", "moved_out", "left_view",
    "max_deletes", "switch",
)  # fmt: skip


def drawn(seed: int, steps: int) -> tuple[dict[str, int], list[Step]]:
    """One story by seed alone; what Hypothesis draws changes with the code, from whose constants it draws too."""
    dice = random.Random(seed)
    names = dice.choices(list(STEPS), [WEIGHTS.get(name, 1) for name in STEPS], k=steps)
    choices = {name: dice.randrange(960) for name in _CHOICES}
    return choices, [(name, {key: kind(dice.randrange(_UP_TO[kind])) for key, kind in STEPS[name]}) for name in names]


def _doing(name: str, label: str) -> Callable[..., None]:
    def do(self: Any, **arguments: Any) -> None:
        self.story.perform(name, arguments)

    do.__name__ = label
    return do
