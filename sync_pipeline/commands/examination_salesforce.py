"""What `doctor` says of the org: rights, Contact's fields and their lengths, required fields, calls, clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sync_pipeline.commands.finding import Finding
from sync_pipeline.commands.invocation import DONE, NOT_SYNCHRONISED, WITH_PROBLEMS
from sync_pipeline.engine.inputs import create_rules, mailbox_fields, missing_fields, usable_fields
from sync_pipeline.model.errors import SideUnavailable, SyncError
from sync_pipeline.model.fields import Direction
from sync_pipeline.salesforce.client import Org
from sync_pipeline.settings import MailboxSettings, Settings

#: A JWT lives some minutes; a clock that is wrong by less is no trouble to anyone.
SECONDS_OF_DIFFERENCE = 60
_ACCESS = "Give the user behind the credential access to them (field-level security), or switch them off in `mapping`."


def login(org: Org) -> Iterator[Finding]:
    """As whom we are there, the org's calls, and its clock beside this machine's. Raises SyncError."""
    identity, username, usage = org.identity(), org.username(), org.limits_used()
    limit = f", {usage[0]:,} of {usage[1]:,} calls used in 24 hours" if usage else ""
    yield Finding("Salesforce", DONE, f"org {identity.org_id} as {username}{limit}")
    ahead = (datetime.now(UTC).replace(tzinfo=None) - org.server_time()).total_seconds()
    if abs(ahead) > SECONDS_OF_DIFFERENCE:
        said = f"this machine's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} Salesforce's"
        yield Finding("clock", WITH_PROBLEMS, said, "Let the machine take its time from a time server (NTP).")
    else:
        yield Finding("clock", DONE, "this machine's clock agrees with Salesforce's")


def rights(
    account: Mapping[str, Any], contact: Mapping[str, Any], *, user: str, writes: bool, deletes: bool
) -> Finding:
    """What the describes of Account and Contact let `user` do, against what the settings ask for."""
    wanted = [("Account", account, ("queryable",)), ("Contact", contact, ("queryable",))]
    if writes:
        wanted.append(("Contact", contact, ("createable", "updateable", *(("deletable",) if deletes else ()))))
    words = {"queryable": "read", "createable": "create", "updateable": "edit", "deletable": "delete"}
    lacking = [
        f"{words[right]} {name}s" for name, described, names in wanted for right in names if not described[right]
    ]
    if not lacking:
        may = "read, create, edit" + (" and delete" if deletes else "") if writes else "read"
        return Finding("rights", DONE, f"{user} may read Accounts, and {may} Contacts")
    remedy = "Give the user a permission set with these object rights."
    if lacking == ["delete Contacts"]:
        remedy += " Or set outlook_deletion and moved_out to something else than delete."
    return Finding("rights", NOT_SYNCHRONISED, f"{user} may not {', '.join(lacking)}", remedy)


def fields(settings: Settings, mailboxes: Sequence[MailboxSettings], org: Org) -> Iterator[Finding]:
    """The mapped fields that cannot be read, or written, or hold less than the mapping says. Raises SyncError."""
    described = org.describe()
    missing = missing_fields(settings.fields, described)
    if missing:
        yield Finding(
            "fields",
            WITH_PROBLEMS,
            f"the org does not show Contact's {', '.join(missing)}; they are left out",
            _ACCESS,
        )
    usable, left_out = usable_fields(settings.fields, described), set[str]()
    for mailbox in mailboxes:
        kept = {row.field for row in mailbox_fields(mailbox, usable, described)}
        left_out |= {field.salesforce for field in usable_fields(mailbox.fields, described) if field.name not in kept}
    if left_out:
        names = ", ".join(sorted(left_out))
        yield Finding("fields", WITH_PROBLEMS, f"{names} may not be written; they are left out", _ACCESS)
    if not missing and not left_out:
        yield Finding("fields", DONE, f"all {len(settings.fields)} mapped fields can be read and written as mapped")
    yield from _lengths(settings, described)
    yield from _required(mailboxes, described)
    yield from _external_id(settings, org)


def _lengths(settings: Settings, described: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Where Outlook may hold more than Salesforce takes and the mapping says otherwise."""
    lengths = {row["name"]: int(row["length"] or 0) for row in described}
    asked = {name: entry.max_length for name, entry in settings.defaults.mapping.items() if entry.max_length}
    for mailbox in settings.mailboxes.listed:
        asked |= {name: entry.max_length for name, entry in mailbox.mapping.items() if entry.max_length}
    for field in settings.fields:
        most, said = lengths.get(field.salesforce, 0), asked.get(field.name, 0)
        if 0 < most < said and field.direction is not Direction.FROM_SALESFORCE:
            yield Finding(
                "fields",
                WITH_PROBLEMS,
                f"{field.salesforce} holds {most} characters, and mapping.{field.name}.max_length says {said}",
                f"Longer values become problems. Set max_length to {most}, or make the field longer in Salesforce.",
            )


def _required(mailboxes: Iterable[MailboxSettings], described: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What every new Contact needs and nothing gives it (R8)."""
    names = {row["name"] for row in described}
    unfilled, unknown = set[str](), set[str]()
    for mailbox in mailboxes:
        rules = create_rules(mailbox, described)
        filled = {rule.salesforce_field for rule in rules if rule.kind in ("default", "fixed")}
        filled |= {field.salesforce for field in mailbox.fields if field.direction is not Direction.FROM_SALESFORCE}
        unfilled |= {rule.salesforce_field for rule in rules if rule.kind == "required"} - filled
        unknown |= {rule.salesforce_field for rule in rules} - names
    if unfilled - unknown:
        yield Finding(
            "fields",
            WITH_PROBLEMS,
            f"new Contacts need {', '.join(sorted(unfilled - unknown))}, which is neither mapped nor given a value",
            "Give it a value under create.defaults or create.fixed, or map it.",
        )
    if unknown:
        yield Finding(
            "fields",
            WITH_PROBLEMS,
            f"`create` names {', '.join(sorted(unknown))}, which the org does not show",
            "Correct the name, or give the user access to the field.",
        )


def _external_id(settings: Settings, org: Org) -> Iterator[Finding]:
    name = settings.salesforce.external_id_field
    if name is None:
        return
    field = next((field for field in org.object("Contact")["fields"] if field["name"] == name), None)
    if field is None:
        said = f"salesforce.external_id_field: the org does not show Contact's {name}"
    elif not (field["externalId"] and field["unique"] and field["createable"]):
        said = f"salesforce.external_id_field: {name} is not a unique external id that may be written"
    else:
        yield Finding("fields", DONE, f"{name} is a unique external id")
        return
    remedy = "Make it a text field with External ID and Unique ticked and give the user access, or set it to null."
    yield Finding("fields", NOT_SYNCHRONISED, said, remedy)


def may(org: Org, *, user: str, writes: bool, deletes: bool) -> Finding:
    """`rights` as this login has them; an object that is not shown at all may not be read. Raises SideUnavailable."""
    described = []
    for name in ("Account", "Contact"):
        try:
            described.append(org.object(name))
        except SideUnavailable:
            raise  # it speaks of the login, not of the object
        except SyncError as error:
            remedy = "Give the user a permission set that lets it read Accounts and Contacts."
            return Finding("rights", NOT_SYNCHRONISED, f"{user} cannot see {name}s: {error.message}", remedy)
    return rights(*described, user=user, writes=writes, deletes=deletes)
