"""Silent drift: values that are unchanged on both sides since they were last in agreement, and yet differ."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.model.fields import Direction, Field, normal_sql
from sync_pipeline.settings import Settings

#: R8: a LastName that was made of the display name, which is never written back as surname. The display name as it is
#: now, or as it was when we created the Contact: someone may have changed it since.
_MADE_OF_DISPLAY_NAME = """outlook_last_name = '' and (
            salesforce_last_name = trim(display_name) or exists (
                select 1 from sync.history_bases as base join sync.history as event using (event_id)
                where base.link_id = paired.link_id and base.field = 'last_name' and base.outlook_value = ''
                  and base.salesforce_value = salesforce_last_name
                  and event.action = 'create' and event.side = 'salesforce'))"""


def drift_sql(fields: Iterable[Field], settings: Settings) -> str:
    """A query that gives (mailbox, link_id, salesforce_id, outlook_id, field) for each value that drifted.

    Left out is what rests on a rule: fields that travel one way (in that mailbox, by `settings`), Person Accounts, a
    LastName made of the display name (R8), fields frozen after a rewrite (R12), and what is told as a problem already.
    """
    compared = [field for field in fields if field.direction is Direction.BOTH]
    entries = ",\n        ".join(
        f"case when coalesce(outlook_{f.name} = salesforce_{f.name}, true) then null "
        f"when {_normal(f, 'outlook')} = {_normal(f, 'salesforce')} then null "
        f"when {_moved(f)} then null {_by_rule(f)}else '{f.name}' end"
        for f in compared
    )
    columns = ", ".join(
        f"link.outlook_{f.name}, link.salesforce_{f.name}, contact.{f.name} as contact_{f.name}"
        + ("" if f.is_list else f", item.{f.name} as item_{f.name}")
        for f in compared
    )
    return f"""
with paired as (
    select link.mailbox, link.link_id, link.salesforce_id, link.outlook_id,
        coalesce(item.display_name, '') as display_name, {columns}
    from sync.links as link
    join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id and item.place = 'folder'
    join salesforce.contacts as contact on contact.id = link.salesforce_id
    where link.state = 'linked' and not coalesce(contact.is_deleted, false)
      and not coalesce(contact.is_person_account, false)
), drifted as (
    select mailbox, link_id, salesforce_id, outlook_id, unnest([
        {entries}
    ]) as field
    from paired
)
select drifted.* from drifted
where field is not null{_one_way(compared, settings)}
  and not exists (select 1 from sync.frozen where frozen.link_id = drifted.link_id and frozen.field = drifted.field)
  and not exists (
    select 1 from sync.problems as problem
    where problem.mailbox = drifted.mailbox and problem.subject in (drifted.outlook_id, drifted.salesforce_id)
      and problem.field in ('', drifted.field))
order by all"""


def _normal(field: Field, side: str) -> str:
    return normal_sql(field.kind, f"{side}_{field.name}")


def _by_rule(field: Field) -> str:
    return (
        f"when {_MADE_OF_DISPLAY_NAME} then null "
        if (field.name, field.salesforce) == ("last_name", "LastName")
        else ""
    )


def _one_way(compared: Iterable[Field], settings: Settings) -> str:
    """Leaves out the fields that a mailbox's own mapping lets travel one way, or not at all."""
    names = [field.name for field in compared]
    exempt = []
    for mailbox in settings.mailboxes.listed:
        both = {field.name for field in mailbox.fields if field.direction is Direction.BOTH}
        own = [f"'{name}'" for name in names if name not in both]
        if own:
            address = mailbox.mailbox.replace("'", "''")
            exempt.append(f"(mailbox = '{address}' and field in ({', '.join(own)}))")
    return f"\n  and not ({' or '.join(exempt)})" if exempt else ""


def _moved(field: Field) -> str:
    """Whether a side's value is not its base any more: that is a change, and the plan's business."""
    moved = f"contact_{field.name} is distinct from salesforce_{field.name}"
    return moved if field.is_list else f"({moved} or item_{field.name} is distinct from outlook_{field.name})"
