"""What people do on both sides. Every step picks by number among what there is, so that a story can be cut short.

Each value that a user writes is unique, or was written to that field of that person before: the log alone tells who
wrote what, and when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sync_pipeline.model.fields import Field, Kind, normal
from sync_pipeline_tests import loopback
from sync_pipeline_tests.harness import CATEGORY, PEOPLE, Outlook, World
from sync_pipeline_tests.machine.ledger import BY_NAME, TWO_WAY, Json, Ledger, Thing

EDITED = (
    "job_title", "department", "phone", "mobile_phone", "home_phone", "email", "mailing_city", "mailing_street",
    "description", "assistant_name", "fax", "other_city", "middle_name", "last_name", "assistant_phone",
)  # fmt: skip
CLEARED = tuple(name for name in EDITED if name != "last_name")
LISTS = ("email", "phone", "home_phone")
COMPANIES = ("Acme", "Acme Holding", "Borealis", "Nobody Knows Ltd", "50% Off_Corp", "")
Chosen = TypeVar("Chosen")


def pick(among: Sequence[Chosen], number: int) -> Chosen | None:
    """The number-th, counted round and round; None where there is nothing."""
    return among[number % len(among)] if among else None


class Users:
    """The hands of everybody. A step answers whether it could be done."""

    def __init__(self, world: World, ledger: Ledger, addresses: Sequence[str], refresh: Callable[[], None]) -> None:
        self.world, self.ledger, self.addresses = world, ledger, tuple(addresses)
        self.hands: dict[str, Outlook] = {a: world.outlook(a) for a in addresses}
        self.user_ids = {address: world.user_id(address) for address in PEOPLE}
        self.persons: dict[str, int] = {}
        self._names: dict[int, Json] = {}
        self._tokens = 0
        self._refresh = refresh
        self.other = {a: self.hands[a].create_folder("Private") for a in addresses}

    # -- values --------------------------------------------------------------------------------------------------------

    def token(self, one: Field) -> str:
        self._tokens += 1
        number = self._tokens
        if one.kind is Kind.EMAIL:
            return f"T{number}.Mail@example.com"
        if one.kind is Kind.PHONE:
            return f"+49 (30) {number:06d}-{number % 10}"
        if one.kind is Kind.MULTILINE:
            return f"{one.name} {number}\nsecond line {number}"
        return f"{one.name[:9]}{number}x"  # no token is the beginning of another

    def outlook_body(self, one: Field, value: str, item: Json | None = None) -> Json:
        """The PATCH by which a person sets a field to a value; entries that are not mapped stay behind it."""
        if one.is_list:
            name = one.outlook.removesuffix("[]")
            behind = [
                entry for entry in (item or {}).get(name) or []
                if normal(one.kind, entry["address"] if isinstance(entry, dict) else entry) in self.ledger.unmapped
            ]  # fmt: skip
            first: Any = {"address": value, "name": value} if one.kind is Kind.EMAIL else value
            return {name: [*([first] if value else []), *behind]}
        if one.is_extended:
            return {"singleValueExtendedProperties": [{"id": one.outlook, "value": value}]}
        holder, _, part = one.outlook.partition("/")
        if part:
            return {holder: {**((item or {}).get(holder) or {}), part: value or None}}
        return {holder: value or None}

    def new_person(self) -> int:
        number = len(self._names) + 1
        self._names[number] = {
            "first_name": f"First{number}x", "last_name": f"Last{number}x", "email": f"person{number}@example.com",
        }  # fmt: skip
        return number

    def _salesforce_fields(self, person: int, more: Sequence[str]) -> Json:
        values = {**self._names[person], **{name: self.token(BY_NAME[name]) for name in more}}
        return {BY_NAME[name].salesforce: value for name, value in values.items()}

    def _outlook_fields(self, person: int, more: Sequence[str], **rest: Any) -> Json:
        body: Json = {"nickName": f"Nick{self._tokens}", "spouseName": f"Spouse{self._tokens}x", **rest}
        for name, value in {**self._names[person], **{name: self.token(BY_NAME[name]) for name in more}}.items():
            if not (one := BY_NAME[name]).is_extended:
                body |= self.outlook_body(one, value, body)
        return body

    # -- what there is -------------------------------------------------------------------------------------------------

    def contacts(self) -> list[Thing]:
        self._refresh()
        return [t for t in self.ledger.things.values() if t.side == "salesforce" and t.state is not None]

    def items(self, where: Callable[[Thing], bool]) -> list[Thing]:
        self._refresh()
        return [
            t for t in self.ledger.things.values()
            if t.side == "graph" and t.state is not None and t.mailbox in self.hands and where(t)
        ]  # fmt: skip

    def in_folder(self, number: int) -> Thing | None:
        return pick(self.items(self.ledger.is_in_folder), number)

    def mailbox(self, number: int) -> str:
        return self.addresses[number % len(self.addresses)]

    def folder(self, mailbox: str) -> str | None:
        self._refresh()
        return self.ledger.folder(mailbox) or None

    # -- Salesforce ----------------------------------------------------------------------------------------------------

    def sf_create(self, owner: int, fields: int) -> bool:
        return self._sf_create(self.new_person(), owner, fields)

    def _sf_create(self, person: int, owner: int, fields: int) -> bool:
        more = [name for bit, name in enumerate(EDITED[:10]) if fields >> bit & 1 and name != "email"]
        values = self._salesforce_fields(person, more)
        values |= {"OwnerId": self.user_ids[self.mailbox(owner)], "LeadSource": "Web" if fields & 1 else None}
        made = self.world.salesforce.create(**values)
        self.persons[made] = person
        return True

    def sf_twin(self, k: int, owner: int, fields: int) -> bool:
        """Somebody enters in Salesforce a person who stands in a mailbox already and not in Salesforce."""
        alone = [
            item for item in self.items(self.ledger.is_living)
            if item.maker == "user" and item.person in self._names and not item.stamps
            and not any(t.side == "salesforce" for t in self.ledger.of_person(item.person))
        ]  # fmt: skip
        item = pick(alone, k)
        return item is not None and self._sf_create(item.person or 0, owner, fields)

    def sf_edit(self, k: int, field: int) -> bool:
        contact = pick(self.contacts(), k)
        one = BY_NAME[EDITED[field % len(EDITED)]]
        if contact:
            self.world.salesforce.update(contact.id, **{one.salesforce: self.token(one)})
        return bool(contact)

    def sf_edit_late(self, k: int, field: int) -> bool:
        """An edit of a transaction that began minutes ago: it is stamped with its beginning."""
        body = {"match": {"service": "salesforce", "method": "PATCH"}, "fault": "late_commit", "hold_seconds": 300}
        self.world.control.post("faults", json=[body]).raise_for_status()
        return self.sf_edit(k, field)

    def sf_clear(self, k: int, field: int) -> bool:
        one = BY_NAME[CLEARED[field % len(CLEARED)]]
        contact = pick([c for c in self.contacts() if (c.state or {}).get(one.salesforce)], k)
        if contact:
            change: Json = {one.salesforce: None}
            self.world.salesforce.update(contact.id, **change)
        return bool(contact)

    def _earlier(self, side: str, k: int, field: int) -> tuple[Thing, Field, str] | None:
        """A value that people typed into a field before the one that both sides hold now, and where to type it again.

        Were the newest value not everywhere, a run might never have seen it, and nothing would have been changed.
        """
        self._refresh()
        found: list[tuple[Thing, Field, str]] = []
        for thing in self.ledger.things.values():
            if thing.side != side or thing.person is None or not self.ledger.is_living(thing):
                continue
            alike = [one for one in self.ledger.of_person(thing.person) if self.ledger.is_living(one)]
            held = [self.ledger.values(one.side, one.state) for one in alike]
            for name in EDITED:
                values = {each[name] for each in held}
                writes = [one for one in self.ledger.writes[name] if self.ledger.same(one.person, thing.person)]
                older = [one.value for one in writes if one.value and one.value not in values | self.ledger.unmapped]
                if len(values) == 1 and "" not in values and older and len({one.side for one in alike}) == 2:
                    found.append((thing, BY_NAME[name], older[-1]))
        return pick(found, k + field)

    def sf_revert(self, k: int, field: int) -> bool:
        """Somebody types an earlier value again."""
        found = self._earlier("salesforce", k, field)
        if found:
            contact, one, value = found
            self.world.salesforce.update(contact.id, **{one.salesforce: value})
        return bool(found)

    def sf_unmapped(self, k: int) -> bool:
        contact = pick(self.contacts(), k)
        if contact:
            self._tokens += 1
            self.world.salesforce.update(contact.id, Level__c=f"Level {self._tokens}")
        return bool(contact)

    def sf_owner(self, k: int, owner: int) -> bool:
        contact = pick(self.contacts(), k)
        if contact:
            everybody = [*(self.user_ids[a] for a in self.addresses), self.user_ids["cleo@example.com"]]
            self.world.salesforce.update(contact.id, OwnerId=everybody[owner % len(everybody)])
        return bool(contact)

    def sf_source(self, k: int) -> bool:
        """In or out of the list view."""
        contact = pick(self.contacts(), k)
        if contact:
            is_in = (contact.state or {}).get("LeadSource") == "Web"
            self.world.salesforce.update(contact.id, LeadSource=None if is_in else "Web")
        return bool(contact)

    def sf_delete(self, k: int) -> bool:
        contact = pick(self.contacts(), k)
        if contact:
            self.world.salesforce.delete(contact.id)
        return bool(contact)

    def sf_undelete(self, k: int) -> bool:
        self._refresh()
        gone = [
            t for t in self.ledger.things.values()
            if t.side == "salesforce" and t.state is None and not t.winner and t.deleted_at
        ]  # fmt: skip
        contact = pick(gone, k)
        if contact:
            self.world.org("undelete", ids=[contact.id])
        return bool(contact)

    def sf_merge(self, k: int, j: int, fill: bool) -> bool:
        contacts = self.contacts()
        winner, loser = pick(contacts, k), pick(contacts, j)
        if not winner or not loser or winner.id == loser.id:
            return False
        self.world.org("merge", winner=winner.id, losers=[loser.id], fill=fill)
        return True

    def sf_account(self, k: int, name: int) -> bool:
        """A new Account of one of a few names, so that they come twice and within each other."""
        named = [company for company in COMPANIES if company and "Nobody" not in company]
        self.world.salesforce.create("Account", Name=f"{named[k % len(named)]}{' GmbH' if name % 3 == 1 else ''}")
        return True

    def sf_assign(self, k: int, a: int) -> bool:
        contact, account = pick(self.contacts(), k), pick(self.world.salesforce.query("SELECT Id FROM Account"), a)
        if contact and account:
            self.world.salesforce.update(contact.id, AccountId=account["Id"])
        return bool(contact and account)

    # -- Outlook -------------------------------------------------------------------------------------------------------

    def _ol_create(self, m: int, where: str, person: int, fields: int) -> bool:
        mailbox = self.mailbox(m)
        folder = self.folder(mailbox) if where == "folder" else self.other[mailbox]
        if folder is None:
            return False
        more = [name for bit, name in enumerate(EDITED[:10]) if fields >> bit & 1 and name != "email"]
        company = COMPANIES[fields % len(COMPANIES)]
        body = self._outlook_fields(person, more, companyName=company or None, profession=f"Job {fields}")
        if where == "categorised":
            body["categories"] = ["Friends", CATEGORY]
        made = self.hands[mailbox].create(folder, **body)
        self.persons[made] = person
        return True

    def ol_create(self, m: int, fields: int) -> bool:
        return self._ol_create(m, "folder", self.new_person(), fields)

    def ol_create_categorised(self, m: int, fields: int) -> bool:
        return self._ol_create(m, "categorised", self.new_person(), fields)

    def ol_create_personal(self, m: int, fields: int) -> bool:
        return self._ol_create(m, "personal", self.new_person(), fields)

    def ol_twin(self, m: int, k: int, fields: int, marked: bool) -> bool:
        """Somebody enters in Outlook a person who stands in Salesforce already and in no mailbox."""
        alone = [
            c for c in self.contacts()
            if c.maker == "user" and c.person in self._names
            and not any(t.side == "graph" for t in self.ledger.of_person(c.person))
        ]  # fmt: skip
        contact = pick(alone, k)
        where = "categorised" if marked else "folder"
        return bool(contact and self._ol_create(m, where, contact.person or 0, fields))

    def _patch(self, item: Thing, body: Json) -> bool:
        self.hands[item.mailbox].update(item.id, **body)
        return True

    def ol_edit(self, k: int, field: int) -> bool:
        one = BY_NAME[EDITED[field % len(EDITED)]]
        item = pick(self.items(lambda t: self.ledger.is_living(t)), k)
        return bool(item and self._patch(item, self.outlook_body(one, self.token(one), item.state)))

    def ol_revert(self, k: int, field: int) -> bool:
        """Somebody types an earlier value again."""
        found = self._earlier("graph", k, field)
        return bool(found and self._patch(found[0], self.outlook_body(found[1], found[2], found[0].state)))

    def ol_clear(self, k: int, field: int) -> bool:
        one = BY_NAME[CLEARED[field % len(CLEARED)]]
        full = self.items(lambda t: self.ledger.is_living(t) and bool(self.ledger.values("graph", t.state)[one.name]))
        item = pick(full, k)
        return bool(item and self._patch(item, self.outlook_body(one, "", item.state)))

    def ol_unmapped(self, k: int) -> bool:
        item = self.in_folder(k)
        self._tokens += 1
        return bool(item and self._patch(item, {"nickName": f"Nick{self._tokens}", "categories": [
            *((item.state or {})["categories"]), f"Own{self._tokens}"]}))  # fmt: skip

    def ol_second_entry(self, k: int, field: int) -> bool:
        """An entry behind the mapped one."""
        one = BY_NAME[LISTS[field % len(LISTS)]]
        name = one.outlook.removesuffix("[]")
        limit = 3 if one.kind is Kind.EMAIL else 2
        full = self.items(
            lambda t: bool(
                self.ledger.is_in_folder(t)
                and t.stamps
                and self.ledger.values("graph", t.state)[one.name]
                and len((t.state or {})[name]) < limit
            )
        )
        item = pick(full, k)
        if not item or not item.state:
            return False
        value = self.token(one)
        self.ledger.unmapped.add(normal(one.kind, value))
        entry: Any = {"address": value, "name": value} if one.kind is Kind.EMAIL else value
        return self._patch(item, {name: [*item.state[name], entry]})

    def ol_company(self, k: int, company: int) -> bool:
        item = self.in_folder(k)
        return bool(item and self._patch(item, {"companyName": COMPANIES[company % len(COMPANIES)] or None}))

    def ol_delete(self, k: int) -> bool:
        item = self.in_folder(k)
        if item:
            self.hands[item.mailbox].delete(item.id)
        return bool(item)

    def ol_purge(self, k: int) -> bool:
        item = pick(self.items(lambda t: self.ledger.is_in_folder(t) or not self.ledger.is_living(t)), k)
        if item:
            self.hands[item.mailbox].purge(item.id)
        return bool(item)

    def _move(self, item: Thing | None, folder: str | None) -> bool:
        if not item or not folder:
            return False
        self.hands[item.mailbox].move(item.id, folder)
        return True

    def ol_move_out(self, k: int) -> bool:
        item = self.in_folder(k)
        return self._move(item, self.other[item.mailbox] if item else None)

    def ol_move_in(self, k: int) -> bool:
        item = pick(self.items(lambda t: self.ledger.is_living(t) and not self.ledger.is_in_folder(t)), k)
        return self._move(item, self.folder(item.mailbox) if item else None)

    def ol_bring_back(self, k: int) -> bool:
        """Out of the Deleted Items into the folder."""
        item = pick(self.items(lambda t: not self.ledger.is_living(t)), k)
        return self._move(item, self.folder(item.mailbox) if item else None)

    def ol_away_and_back(self, k: int) -> bool:
        item = self.in_folder(k)
        return self._move(item, self.other[item.mailbox] if item else None) and self._move(
            item, self.folder(item.mailbox) if item else None
        )

    def _categories(self, item: Thing | None, change: Callable[[list[str]], list[str]]) -> bool:
        return bool(item and self._patch(item, {"categories": change(list((item.state or {})["categories"]))}))

    def ol_categorise(self, k: int) -> bool:
        plain = self.items(
            lambda t: self.ledger.is_living(t) and not self.ledger.is_in_folder(t)
            and CATEGORY not in (t.state or {})["categories"]
        )  # fmt: skip
        return self._categories(pick(plain, k), lambda names: [*names, CATEGORY])

    def ol_uncategorise(self, k: int) -> bool:
        worn = self.items(lambda t: self.ledger.is_living(t) and CATEGORY in (t.state or {})["categories"])
        return self._categories(pick(worn, k), lambda names: [name for name in names if name != CATEGORY])

    def ol_copy(self, k: int, template: bool) -> bool:
        """Copy and paste within the folder; as a template it becomes another person."""
        item = self.in_folder(k)
        if not item or item.person is None:
            return False
        body = {"mailbox": item.mailbox, "contact": item.id, "folder": item.folder}
        answer = loopback.post(f"{self.world.server.graph_url}/_sandbox/graph/copy", json=body)
        made = str(answer.raise_for_status().json()["immutable_id"])
        self.persons[made] = self.new_person() if template else item.person
        self._refresh()
        self.ledger.things[made].copied = not template
        if template:
            state = self.ledger.things[made].state or {}
            change: Json = {}
            for name, value in self._names[self.persons[made]].items():
                change |= self.outlook_body(BY_NAME[name], value, {**state, **change})
            self.hands[item.mailbox].update(made, **change)
        return True

    def ol_rename_folder(self, m: int) -> bool:
        mailbox = self.mailbox(m)
        folder = self.ledger.folder(mailbox)
        if folder:
            self._tokens += 1
            self.hands[mailbox].http.patch(f"contactFolders/{folder}", json={"displayName": f"Renamed {self._tokens}"})
        return bool(folder)

    def ol_delete_folder(self, m: int) -> bool:
        mailbox = self.mailbox(m)
        self._refresh()
        folder = self.ledger.folder(mailbox)
        if folder:
            self.hands[mailbox].http.delete(f"contactFolders/{folder}").raise_for_status()
        return bool(folder)


#: Step -> its arguments: (name, kind), drawn by Hypothesis; a heavier step is drawn more often.
Arguments = tuple[tuple[str, type], ...]
_K: Arguments = (("k", int),)
_KF: Arguments = (("k", int), ("field", int))
STEPS: dict[str, Arguments] = {
    "sf_create": (("owner", int), ("fields", int)),
    "sf_twin": (("k", int), ("owner", int), ("fields", int)),
    "sf_edit": _KF,
    "sf_edit_late": _KF,
    "sf_clear": _KF,
    "sf_revert": _KF,
    "sf_unmapped": _K,
    "sf_owner": (("k", int), ("owner", int)),
    "sf_source": _K,
    "sf_delete": _K,
    "sf_undelete": _K,
    "sf_merge": (("k", int), ("j", int), ("fill", bool)),
    "sf_account": (("k", int), ("name", int)),
    "sf_assign": (("k", int), ("a", int)),
    "ol_create": (("m", int), ("fields", int)),
    "ol_create_categorised": (("m", int), ("fields", int)),
    "ol_create_personal": (("m", int), ("fields", int)),
    "ol_twin": (("m", int), ("k", int), ("fields", int), ("marked", bool)),
    "ol_edit": _KF,
    "ol_clear": _KF,
    "ol_revert": _KF,
    "ol_unmapped": _K,
    "ol_second_entry": _KF,
    "ol_company": (("k", int), ("company", int)),
    "ol_delete": _K,
    "ol_purge": _K,
    "ol_move_out": _K,
    "ol_move_in": _K,
    "ol_bring_back": _K,
    "ol_away_and_back": _K,
    "ol_categorise": _K,
    "ol_uncategorise": _K,
    "ol_copy": (("k", int), ("template", bool)),
    "ol_rename_folder": (("m", int),),
    "ol_delete_folder": (("m", int),),
}
assert all(name in {one.name for one in TWO_WAY} for name in EDITED)
