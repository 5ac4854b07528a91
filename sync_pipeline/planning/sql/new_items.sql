-- in:  planning.arrivals, planning.decisions, planning.contacts, planning.mailbox_fields, planning.refused_duplicates
-- out: rows of planning.operations, planning.base_updates, planning.link_changes for new Outlook contacts
--      (nothing where nothing arrives and nothing is made anew: plan.py leaves this stage out then)

create or replace table planning.arrival_values as
with long as (
    select arrival.mailbox, arrival.contact_id,
        unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}', value: coalesce(contact.{{ f.name }}, '')}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from (select mailbox, contact_id from planning.arrivals
          union all
          select mailbox, contact_id from planning.decisions where decision = 'restore' and place = 'gone') as arrival
    join planning.contacts as contact on contact.id = arrival.contact_id
)
select long.*, rule.position, rule.kind, rule.direction
from long join planning.mailbox_fields as rule on rule.mailbox = long.mailbox and rule.field = long.field;

create or replace table planning.new_items as
select arrival.mailbox, arrival.contact_id, coalesce(arrival.held_by, refused.outlook_id) as held_by,
    coalesce(arrival.held_reason,
        case when refused.is_perhaps then 'It may be what an Outlook contact was created as; the answer was lost.'
             when refused.outlook_id is not null
                 then 'A duplicate rule of Salesforce says that it is the same as an Outlook contact.' end) as held_reason,
    '' as link_id_open, 'R2' as rule, 'The Contact is in the view of this mailbox.' as reason
from planning.arrivals as arrival
left join (
    select mailbox, contact_id, min(outlook_id) as outlook_id, bool_or(is_perhaps) as is_perhaps
    from (select mailbox, outlook_id, is_perhaps, unnest(contact_ids) as contact_id from planning.refused_duplicates)
    group by mailbox, contact_id
) as refused on refused.mailbox = arrival.mailbox and refused.contact_id = arrival.contact_id
union all
select mailbox, contact_id, null, null, link_id, rule, reason || ' Its deleted item is gone, so it is made anew.'
from planning.decisions where decision = 'restore' and place = 'gone';

create or replace table planning.new_items as
select new.*, contact.modstamp,
    case when link_id_open <> '' then link_id_open
         else left(md5(concat_ws('|', {{ literal(run_id) }}, new.mailbox, new.contact_id)), 16) end as link_id,
    'o' || left(md5(concat_ws('|', new.mailbox, new.contact_id, new.rule,
        (select string_agg(value.field || '=' || value.value, '|' order by value.position)
         from planning.arrival_values as value where value.mailbox = new.mailbox and value.contact_id = new.contact_id))), 15) as operation_id,
    {{ display_name }} as display_name
from planning.new_items as new join planning.contacts as contact on contact.id = new.contact_id;

insert into planning.operations by name
select new.operation_id, 30 as phase, new.mailbox, 'outlook' as side, 'create' as action, new.link_id, '' as outlook_id,
    new.contact_id as salesforce_id,
    (select to_json(list({field: value.field, before: '', after: value.value} order by value.position))
     from planning.arrival_values as value
     where value.mailbox = new.mailbox and value.contact_id = new.contact_id and value.value <> ''
       and value.direction in ('both', 'from_salesforce')) as fields,
    to_json({stamp: new.contact_id, categorise: true, display_name: new.display_name}) as detail,
    new.rule, new.reason,
    case when new.held_by is not null then 'duplicate' end as hold_kind, new.held_reason as hold_reason,
    false as is_problem, '' as depends_on, '' as planned_key, new.modstamp as planned_stamp
from planning.new_items as new;

insert into planning.link_changes by name
select case when new.link_id_open = '' then 'link' else 'item' end as kind, new.mailbox, new.link_id, '' as outlook_id,
    new.contact_id as salesforce_id, 'salesforce' as origin, '' as reason, true as seen_in_view, new.operation_id
from planning.new_items as new;

insert into planning.base_updates by name
select new.operation_id, new.link_id, value.field,
    case when value.direction in ('both', 'from_salesforce') then value.value else '' end as outlook_value,
    value.value as salesforce_value
from planning.new_items as new
join planning.arrival_values as value on value.mailbox = new.mailbox and value.contact_id = new.contact_id;
