"""The vocabulary of the planner's tests: a scenario is what a run finds, an outcome what it does.

Plain values; the oracle and the tables are both made from them, and neither knows the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Values = dict[str, str]
#: By field what Outlook and Salesforce held at the base; a field that is absent has no base (R10).
Base = dict[str, tuple[str, str]]

#: The org's Accounts.
ACCOUNTS = ("Acme", "Globex", "Initech Ltd")

Place = Literal["folder", "elsewhere", "deleted", "gone"]
ContactState = Literal["present", "deleted", "unreadable", "merged"]


@dataclass(frozen=True)
class Guard:
    """R20: `max_deletes` and what makes every deletion wait. None in a policy is a limit that nothing reaches.

    `done` are the deletions of the last day, in Outlook and in Salesforce.
    """

    count: int
    percent: float
    cap: int
    done: tuple[int, int] = (0, 0)
    old_copy: bool = False
    changed: str = ""


@dataclass(frozen=True)
class Policy:
    """A mailbox's settings, as far as the planner decides by them. Field settings are ((field, value), …)."""

    enabled: bool = True
    on_disable: str = "keep"
    down_sync: bool = True
    conflicts: str = "salesforce"
    field_conflicts: tuple[tuple[str, str], ...] = ()
    directions: tuple[tuple[str, str], ...] = ()
    outlook_deletion: str = "restore"
    moved_out: str = "unlink"
    left_view: str = "remove"
    company_edits: str = "keep"
    account_mode: str = "resolve"
    guard: Guard | None = None

    def conflict(self, name: str) -> str:
        """The conflict policy of one field."""
        return dict(self.field_conflicts).get(name, self.conflicts) if self.field_conflicts else self.conflicts

    def direction(self, name: str) -> str:
        """The direction of one field: both, from_salesforce or from_outlook."""
        default = "from_salesforce" if name == "company" else "both"
        return dict(self.directions).get(name, default) if self.directions else default


@dataclass(frozen=True)
class Item:
    """An Outlook contact. `place` is where it lies now; `modified` in seconds; `by_us`: nobody wrote it after us.

    `stamped`: it has the stamp of its holding's Contact although no link names it. `created` is in seconds after the
    items of links; `lost`: deleted together with the whole folder.
    """

    place: Place
    values: Values
    modified: int = 0
    by_us: bool = False
    stamped: bool = False
    categorised: bool = True
    created: int = 0
    lost: bool = False


@dataclass(frozen=True)
class Contact:
    """A Salesforce Contact; `winner` names the one it was merged into."""

    state: ContactState
    values: Values
    modified: int = 0
    by_us: bool = False
    person: bool = False
    winner: str = ""


@dataclass(frozen=True)
class Link:
    """The pair's memory. `closed` is the reason why a former link ended; "" is a living link."""

    base: Base
    origin: str = "salesforce"
    seen_in_view: bool = True
    closed: str = ""
    stamped: bool = True


@dataclass(frozen=True)
class Holding:
    """One mailbox and one Contact: the item, the link and the settings; `in_view`: the mailbox's view has it.

    A stamped item that no link names is a holding of its own, after the one whose stamp it has.
    """

    mailbox: str
    contact: str
    policy: Policy
    item: Item | None
    link: Link | None
    in_view: bool = True


@dataclass(frozen=True)
class Scenario:
    """One story: its Contacts by name and who holds them. Nothing in it touches another scenario."""

    name: str
    contacts: dict[str, Contact]
    holdings: tuple[Holding, ...]


@dataclass(frozen=True)
class Write:
    """A write that is sent: `target` is "holding 0" or "contact x"; `after` the values by field, sorted."""

    target: str
    action: str
    after: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class End:
    """What a holding's link is once everything that is sent has succeeded."""

    link: str  # "none", "closed", or "linked x" with the Contact's name, "linked new" where the run creates it
    base: tuple[tuple[str, str, str], ...] = ()  # field, Outlook, Salesforce; only while linked
    item: int = -1  # the holding whose item takes the place of its own; only while linked


@dataclass(frozen=True)
class Outcome:
    """All that a run does with a scenario."""

    writes: frozenset[Write]
    ends: tuple[End, ...]
    holds: frozenset[tuple[int, str]] = frozenset()  # holding, kind of hold
    conflicts: frozenset[tuple[int, str, str, str, str]] = frozenset()  # + winner, both values
    problems: frozenset[tuple[int, str]] = frozenset()  # holding, field or ""
    kept: frozenset[tuple[int, str, str]] = frozenset()  # holding, field, an edit that the history must keep
    reasons: tuple[str, ...] = ()  # by holding, why this run closes its link; not compared
