-- in:  sync.links, outlook.contacts, salesforce.contacts, salesforce.accounts (a Company is its Account's name)
-- out: found (temp): link × side × field that differs from its base: before and after on that side
create or replace temp table found as
with changed as (
    select link.link_id, [
    {%- for f in fields %}
        case when item.{{ f.item }} is distinct from link.{{ f.base }}
            then {side: 'salesforce', field: '{{ f.name }}', before: {{ f.contact }}, after: item.{{ f.value }}} end,
        case when {{ f.contact }} is distinct from link.salesforce_{{ f.name }}
            then {side: 'outlook', field: '{{ f.name }}', before: item.{{ f.value }}, after: {{ f.contact }}} end{{ '' if loop.last else ',' }}
    {%- endfor %}
    ] as changes
    from sync.links as link
    join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id
    join salesforce.contacts as contact on contact.id = link.salesforce_id
    left join salesforce.accounts as account on account.id = contact.account_id
    where
    {%- for f in fields %}
        item.{{ f.item }} is distinct from link.{{ f.base }} or {{ f.contact }} is distinct from link.salesforce_{{ f.name }}{{ '' if loop.last else ' or' }}
    {%- endfor %}
), listed as (
    select link_id, unnest(changes) as change from changed
)
select link_id, change.side as side, change.field as field, change.before as before, change.after as after
from listed where change is not null;
