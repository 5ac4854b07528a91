-- in:  planning.links, planning.undo_parts, planning.contacts, planning.mailboxes, outlook.contacts, salesforce.contacts, sync.links, sync.problems,
--      sync.runs
-- out: planning.ends (link: what its item and its Contact hold, and its bases),
--      planning.touched (the links of which either side is not as at the base, and those that share a Contact with one),
--      planning.paused (mailbox × field, outlook_id, salesforce_id: a refused write that is not tried again yet)

-- (each of the wide tables is read once, for the rows that are looked at)
create or replace table planning.ends as
select link.link_id
{%- for f in fields %},
    item.{{ f.list_column if f.is_list else f.name }} as item_{{ f.name }}, base.outlook_{{ f.name }} as outlook_{{ f.name }},
    {% if f.is_list %}base.outlook_{{ f.list_column }} as entries_{{ f.name }}, {% endif -%}
    contact.{{ f.name }} as contact_{{ f.name }}, base.salesforce_{{ f.name }} as salesforce_{{ f.name }}
{%- endfor %}
from planning.links as link
left join sync.links as base on base.link_id = link.link_id
left join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id
left join planning.contacts as contact on contact.id = link.contact_id;

create or replace table planning.touched as
with raw as (
    select link.link_id, link.contact_id
    from planning.links as link
    join planning.ends as ends on ends.link_id = link.link_id
    where link.is_new or link.is_merged or link.place <> 'folder' or link.contact_state <> 'present'
        or link.contact_id in (select contact_id from planning.undo_parts)
    {%- for f in fields %}
        or ends.item_{{ f.name }} is distinct from ends.{{ 'entries' if f.is_list else 'outlook' }}_{{ f.name }}
        or ends.contact_{{ f.name }} is distinct from ends.salesforce_{{ f.name }}
    {%- endfor %}
)
-- an edit in one mailbox concerns every mailbox that holds the Contact; what stays in a mailbox that is switched off
-- takes no part: nothing of it goes up, and nothing that happens to it is observed (R1)
select link.link_id
from planning.links as link join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox
where link.contact_id in (select contact_id from raw)
  and (mailbox.enabled or (mailbox.on_disable = 'remove' and link.origin = 'salesforce'));

-- R25: what a service refused is tried again with growing pauses, or as soon as a person edits either side
create or replace table planning.paused as
select problem.mailbox, problem.field, coalesce(problem.outlook_id, '') as outlook_id, coalesce(problem.salesforce_id, '') as salesforce_id
from sync.problems as problem
left join sync.runs as run on run.run_id = problem.last_run
left join outlook.contacts as item on item.mailbox = problem.mailbox and item.id = problem.outlook_id
left join salesforce.contacts as contact on contact.id = problem.salesforce_id
where problem.attempts > 0 and problem.next_try > {{ literal(now) }}::timestamp
  and not coalesce(item.modified_at >= date_trunc('second', run.finished_at), false)
  and not coalesce(contact.modified_at >= date_trunc('second', run.finished_at), false);
