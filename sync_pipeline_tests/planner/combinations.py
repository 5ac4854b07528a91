"""Every combination of two fields, presence and policy, by number."""

from __future__ import annotations

from sync_pipeline_tests.planner.scenario import Base, Contact, Holding, Item, Link, Place, Policy, Scenario, Values

#: What a field holds, by side. The base has no fourth word but the lack of a base (first link, lost warehouse).
BASES = (None, "", "a", "b")
SIDES = ("", "a", "b", "c")
FIELD_STATES = tuple((base, outlook, salesforce) for base in BASES for outlook in SIDES for salesforce in SIDES)

#: The three states of each with the most meaning.
#: item: in the folder; in another folder (without a link, with the category: R6); in Deleted Items (no link: none).
ITEMS: tuple[Place, ...] = ("folder", "elsewhere", "deleted")
#: link: a living one; none; one that ended when its item was moved out (R15: it does not come back by itself).
LINKS = ("linked", "none", "unlinked")
#: Contact: in the view; readable but no longer in the view (R18); deleted (R16).
CONTACTS = ("in view", "left the view", "deleted")
PRESENCES = tuple((item, link, contact) for item in ITEMS for link in LINKS for contact in CONTACTS)

CONFLICTS = ("salesforce", "outlook", "latest", "hold")
#: Four conflict policies, each with the defaults (the Outlook edit is the later one) and with the contrary of every
#: default (the Salesforce edit is the later one; the second field comes from Salesforce only).
POLICIES = tuple(Policy(conflicts=name) for name in CONFLICTS) + tuple(
    Policy(
        conflicts=name,
        directions=(("department", "from_salesforce"),),
        outlook_deletion="delete",
        moved_out="delete" if name in ("salesforce", "hold") else "restore",
        left_view="keep",
    )
    for name in CONFLICTS
)

SINGLE = len(FIELD_STATES) * len(PRESENCES) * len(POLICIES)
DOUBLE = len(FIELD_STATES) ** 2 * len(PRESENCES) * len(POLICIES)
_EVEN = FIELD_STATES.index(("", "", ""))


def combination(number: int) -> Scenario:
    """One of the DOUBLE combinations of two fields."""
    rest, policy = divmod(number, len(POLICIES))
    rest, presence = divmod(rest, len(PRESENCES))
    first, second = divmod(rest, len(FIELD_STATES))
    return _combined(f"combination {number}", first, second, presence, policy)


def single(number: int) -> Scenario:
    """One of the SINGLE combinations of one field; the second is empty everywhere."""
    rest, policy = divmod(number, len(POLICIES))
    first, presence = divmod(rest, len(PRESENCES))
    return _combined(f"single {number}", first, _EVEN, presence, policy)


def _combined(name: str, first: int, second: int, presence: int, policy_number: int) -> Scenario:
    place, linked, state = PRESENCES[presence]
    policy = POLICIES[policy_number]
    outlook, salesforce, base = somebody(name)
    for field, states in (("job_title", FIELD_STATES[first]), ("department", FIELD_STATES[second])):
        if states[0] is None:
            del base[field]
        else:
            base[field] = (states[0], states[0])
        outlook[field], salesforce[field] = states[1], states[2]
    outlook_later = policy_number < len(CONFLICTS)
    link = Link(base, closed="" if linked == "linked" else "unlinked") if linked != "none" else None
    item: Item | None = Item(place, outlook, modified=7200 if outlook_later else 60)
    if link is None and place == "deleted":
        item = None  # without a link nothing in Deleted Items is known
    contact = Contact("deleted" if state == "deleted" else "present", salesforce, modified=3600)
    return Scenario(name, {"x": contact}, (Holding("a", "x", policy, item, link, in_view=state == "in view"),))


def somebody(name: str) -> tuple[Values, Values, Base]:
    """Somebody whom no other scenario knows, the same on both sides and at the base."""
    word = name.replace(" ", "-")
    values = {
        "first_name": "Ann", "last_name": f"Of {word}", "company": "", "email": f"{word}@example.com", "job_title": "",
        "department": "",
    }  # fmt: skip
    return dict(values), dict(values), {field: (value, value) for field, value in values.items()}
