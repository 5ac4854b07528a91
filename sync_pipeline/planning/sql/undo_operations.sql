-- in:  planning.undo_parts, planning.undo_events, planning.undo_done, planning.reversals, planning.links, planning.edits,
--      planning.contacts, planning.items, planning.parted, planning.successors, planning.mailboxes, planning.mailbox_fields,
--      planning.operations, salesforce.contacts, outlook.contacts, sync.links, sync.history, sync.history_values, sync.journal,
--      sync.verdicts, sync.erased_keys, the macros planning.content_id (decisions.sql) and planning.contradict (states.sql)
-- out: rows of planning.operations, planning.link_changes, planning.base_updates that take back what a person asked to (R24);
--      planning.undo_answers: parts that are done, needless or dropped by now

-- ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────
-- what waits for a person; and what is ready of a Contact that no mailbox of this run holds
insert into planning.operations by name
select case when state = 'ready' then 's' || left(md5(concat_ws('|', 'undo', contact_id, list(field order by field), list(target order by field))), 15)
            else any_value(operation_id) end as operation_id,
    10 as phase, any_value(mailbox) as mailbox, 'salesforce' as side, 'update' as action, any_value(link_id) as link_id,
    any_value(item_id) as outlook_id, contact_id as salesforce_id,
    to_json(list({field: field, before: current, after: coalesce(target, '')} order by position)) as fields, '{}'::json as detail, 'R24' as rule,
    any_value(reason) as reason, case when state = 'ready' then null else any_value(hold_kind) end as hold_kind,
    case when state = 'ready' then null else any_value(hold_reason) end as hold_reason,
    false as is_problem, '' as depends_on, '' as planned_key, any_value(modstamp) as planned_stamp
from planning.reversals
where state in ('held', 'dropped') or (state = 'ready' and link_id = '')
group by contact_id, state, case when state = 'ready' then '' else field end;

-- ── creations: the copy that we made goes, the person's own contact stays ────────────────────────────────────────────
-- the fields that hold something else by now than it was made with, save for what is taken back too
create or replace table planning.undo_later as
with later as (
    select part.part_id, part.kind, event.event_id, event.happened_at, event.action
    from planning.undo_parts as part
    join sync.history as event on event.salesforce_id = part.contact_id and event.outcome = 'done' and event.side = 'salesforce'
        and event.action in ('create', 'update') and (part.kind = 'contact_gone' or event.link_id = part.link_id)
    where part.kind in ('contact_gone', 'item_gone')
), net as (
    select later.part_id, v.field,
        coalesce(arg_max(v.after, later.happened_at) filter (where undone.event_id is not null or later.action = 'create'), '') as made,
        arg_max(v.after, later.happened_at) as held
    from later
    join sync.history_values as v on v.event_id = later.event_id
    left join planning.undo_events as undone on undone.event_id = later.event_id and undone.field in ('', v.field)
    where later.happened_at >= (
        select min(first.happened_at) from sync.history as first
        join planning.undo_events as chosen on chosen.event_id = first.event_id and chosen.field = ''
        where first.salesforce_id = (select part.contact_id from planning.undo_parts as part where part.part_id = later.part_id))
    group by later.part_id, v.field
), shown as (
    select part.part_id, unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}', value: coalesce(contact.{{ f.name }}, '')}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from planning.undo_parts as part join planning.contacts as contact on contact.id = part.contact_id
    where part.kind = 'contact_gone' and part.began = 'create'
)
select part_id, field from net where made <> held
union
select shown.part_id, shown.field
from shown
join (select field, any_value(kind) as kind from planning.mailbox_fields where createable group by field) as rule using (field)
left join net using (part_id, field)
where planning.normal(rule.kind, shown.value) <> planning.normal(rule.kind, coalesce(net.made, ''));

create or replace table planning.undo_removals as
with sides as (
    select part.*, link.state = 'linked' as is_linked, item.change_key, item.place, item.id as item_id,
        case when part.kind = 'contact_gone' and part.is_merged then false
             when part.kind = 'contact_gone' then coalesce(contact.is_deleted, true) or not coalesce(contact.is_readable, false)
             else coalesce(item.place, 'gone') not in ('folder', 'elsewhere') or (item.place = 'elsewhere' and not item.categorised) end as is_gone,
        contact.modstamp, planned.link_id is not null as is_planned,
        case when part.kind = 'contact_gone'
             then contact.modstamp > (select max(other.salesforce_written_stamp) from sync.links as other where other.salesforce_id = part.contact_id)
             else item.change_key <> link.outlook_written_key end is distinct from false
            or coalesce(edits.outlook_edited or (part.kind = 'contact_gone' and edits.edited_elsewhere), false) or part.part_id in (select part_id from planning.undo_later) as is_edited,
        (select min(other.mailbox) from sync.links as other
         where part.kind = 'contact_gone' and other.state = 'linked' and other.salesforce_id = part.contact_id and other.link_id <> part.link_id
           and other.link_id not in (select link_id from planning.undo_parts as also where also.kind = 'item_gone')) as held_by
    from planning.undo_parts as part
    join planning.mailboxes as mailbox on mailbox.mailbox = part.mailbox and mailbox.enabled
    join sync.links as link on link.link_id = part.link_id
    left join planning.links as planned on planned.link_id = part.link_id
    left join outlook.contacts as item on item.mailbox = part.mailbox and item.id = link.outlook_id
    left join salesforce.contacts as contact on contact.id = part.contact_id
    left join planning.edits as edits on edits.link_id = part.link_id
    where part.kind in ('contact_gone', 'item_gone')
)
select sides.*,
    case when kind = 'contact_gone'
         then planning.content_id('d', concat_ws('|', 'undo', link_id, contact_id), concat_ws('|', modstamp, change_key))
         else planning.content_id('r', concat_ws('|', 'undo', link_id, item_id), change_key) end as operation_id,
    -- R17: the Contact that is left was never made by us
    kind = 'contact_gone' and is_merged as is_not_ours,
    case when is_not_ours then 'The Contact was merged into another one, which Salesforce does not take back. `drop` this once it is settled by hand.'
         when held_by is not null then 'Another mailbox (' || held_by || ') holds the Contact too; approve to delete it all the same.'
         when kind = 'contact_gone' and not is_linked then 'It was unlinked since; approve to delete the Contact all the same.'
         when is_edited then 'It was edited since it was made; approve to remove it all the same.' end as hold_reason
from sides;

insert into planning.operations by name
select operation_id, 20 as phase, mailbox, 'salesforce' as side, 'delete' as action, link_id,
    case when is_linked and place in ('folder', 'elsewhere') then item_id else '' end as outlook_id, contact_id as salesforce_id,
    '[]'::json as fields, to_json({close: 'undone'}) as detail, 'R24' as rule, reason || ' The Contact was made by it.' as reason,
    case when is_not_ours then 'not_undoable' when hold_reason is not null then 'edited_since' end as hold_kind, hold_reason,
    -- its edits go up first, and it is looked at again
    exists (select 1 from planning.operations as other
            where other.side = 'salesforce' and other.salesforce_id = undo_removals.contact_id) as is_problem,
    '' as depends_on, '' as planned_key, modstamp as planned_stamp
from planning.undo_removals where kind = 'contact_gone' and not is_gone
-- the same Contact as another mailbox's: one deletes it
qualify row_number() over (partition by contact_id order by mailbox, link_id) = 1;

insert into planning.operations by name
select operation_id, 70 as phase, mailbox, 'outlook' as side, 'delete' as action, link_id, item_id as outlook_id, contact_id as salesforce_id,
    '[]'::json as fields, to_json({close: 'undone'}) as detail, 'R24' as rule, reason || ' The Outlook contact was made by it.' as reason,
    case when hold_reason is not null then 'edited_since' end as hold_kind, hold_reason, false as is_problem, '' as depends_on,
    change_key as planned_key, null::timestamp as planned_stamp
from planning.undo_removals as removal
where kind = 'item_gone' and not is_gone
  -- what becomes of it anyway goes first
  and not exists (
        select 1 from planning.operations as other
        where other.side = 'outlook' and other.mailbox = removal.mailbox and other.outlook_id = removal.item_id and other.action <> 'update');

-- no mailbox gets what is about to go
create or replace table planning.undo_stopped as
select operation_id from planning.operations as arrival
where side = 'outlook' and action = 'create' and salesforce_id in (
    select contact_id from planning.undo_removals where kind = 'contact_gone' and not is_gone and hold_reason is null);
delete from planning.link_changes where operation_id in (select operation_id from planning.undo_stopped);
delete from planning.base_updates where operation_id in (select operation_id from planning.undo_stopped);
delete from planning.operations where operation_id in (select operation_id from planning.undo_stopped);

insert into planning.link_changes by name
select 'close' as kind, mailbox, link_id, '' as outlook_id, '' as salesforce_id, '' as origin, 'undone' as reason, false as seen_in_view,
    operation_id
from planning.undo_removals where is_linked and not is_gone and not is_not_ours;

-- ── deletions: both ends are there again, and linked as before ───────────────────────────────────────────────────────
{% set has_names = 'first_name' in known and 'last_name' in known -%}
{% macro identity(contact) -%}
    planning.normal_email(coalesce({{ contact }}.email, '')) as email,
    lower(planning.normal_text(coalesce({{ contact }}.first_name, ''))) as first_name,
    lower(planning.normal_text(coalesce({{ contact }}.last_name, ''))) as last_name,
    lower(planning.normal_text(
        {{ "concat_ws(' ', nullif(" ~ contact ~ ".first_name, ''), nullif(" ~ contact ~ ".last_name, ''))" if has_names
           else "coalesce(" ~ contact ~ ".name, '')" }})) as full_name
{%- endmacro -%}
{% macro no_other_name(other) -%}
    not planning.contradict(person.first_name, {{ other }}.first_name)
    and (person.last_name = {{ other }}.last_name or person.last_name = '' or {{ other }}.last_name = '')
{%- endmacro -%}
-- R9: whoever was made again since, on either side, is not brought back besides
create or replace table planning.undo_people as
select contact.id as contact_id, {{ identity('contact') }}
from planning.contacts as contact
where contact.is_deleted and contact.id in (select contact_id from planning.undo_parts where kind = 'return');

create or replace table planning.undo_twins as
with contacts as (
    select contact.id, {{ identity('contact') }}
    from planning.contacts as contact
    where contact.is_readable and not contact.is_deleted and exists (select 1 from planning.undo_people)
), items as (
    select item.mailbox, item.id as outlook_id, item.stamp_contact,
        list_transform(coalesce(item.email_list, []), lambda entry: planning.normal_email(entry)) as emails,
        lower(planning.normal_text(coalesce(item.first_name, ''))) as first_name,
        lower(planning.normal_text(coalesce(item.last_name, ''))) as last_name,
        lower(planning.normal_text(
            {{ "case when coalesce(item.first_name, '') || coalesce(item.last_name, '') = '' then coalesce(item.display_name, '')
                 else concat_ws(' ', nullif(item.first_name, ''), nullif(item.last_name, '')) end" if has_names
               else "coalesce(item.display_name, '')" }})) as full_name
    from planning.items as item
    join planning.mailboxes as mailbox on mailbox.mailbox = item.mailbox and mailbox.enabled
    where (item.place = 'folder' or (item.place = 'elsewhere' and item.categorised)) and exists (select 1 from planning.undo_people)
      and not exists (
        select 1 from sync.links as link where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
      and not exists (
        select 1 from sync.links as link
        join planning.undo_parts as part on part.link_id = link.link_id and part.kind = 'return'
        where link.mailbox = item.mailbox and link.outlook_id = item.id)
      and not exists (
        select 1 from planning.parted as parted
        where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason in ('by_hand', 'undone'))
)
select person.contact_id, contact.id as other_id, contact.id as shown, true as is_contact
from planning.undo_people as person
join contacts as contact on contact.email = person.email and person.email <> ''
where contact.id <> person.contact_id and {{ no_other_name('contact') }}
union
select person.contact_id, contact.id, contact.id, true
from planning.undo_people as person
join contacts as contact on contact.full_name = person.full_name and person.full_name <> ''
where contact.id <> person.contact_id and (contact.email = person.email or contact.email = '' or person.email = '')
union
select person.contact_id, item.outlook_id, item.mailbox || ' ' || item.outlook_id, false
from planning.undo_people as person
join (select *, unnest(emails) as email from items) as item on item.email = person.email and person.email <> ''
where coalesce(item.stamp_contact, '') <> person.contact_id and {{ no_other_name('item') }}
union
select person.contact_id, item.outlook_id, item.mailbox || ' ' || item.outlook_id, false
from planning.undo_people as person
join items as item on item.full_name = person.full_name and person.full_name <> ''
where coalesce(item.stamp_contact, '') <> person.contact_id
  and (list_contains(item.emails, person.email) or len(item.emails) = 0 or person.email = '');

create or replace table planning.undo_returns as
with ends as (
    select part.* exclude (outlook_id, is_merged), link.outlook_id, link.closed_reason, link.closed_at, link.state = 'linked' as is_linked, mailbox.enabled,
        coalesce(item.place, 'gone') as place, contact.id is not null as is_known, coalesce(contact.is_readable, false) as is_readable,
        coalesce(contact.is_deleted, false) as is_binned, contact.modstamp, successor.winner is not null as is_merged,
        coalesce(contact.is_deleted, false) and exists (
            select 1 from sync.journal as journal
            where journal.action = 'undelete' and journal.outcome = 'refused' and journal.salesforce_id = part.contact_id
                and journal.code in ('UNDELETE_FAILED', 'ENTITY_IS_DELETED', 'INVALID_ID_FIELD', 'NOT_FOUND')
              and journal.finished_at >= part.requested_at) as is_lost,
        exists (select 1 from planning.links as other
                where other.mailbox = part.mailbox and other.link_id <> part.link_id and other.contact_state <> 'deleted'
                  and (other.contact_id = part.contact_id or other.outlook_id = link.outlook_id)) as is_taken,
        contact.name is null and part.contact_id in (select id from sync.erased_keys) as is_erased,
        twins.shown as twins, coalesce(twins.contacts, []) as candidates, person.email, person.full_name
    from planning.undo_parts as part
    join planning.mailboxes as mailbox on mailbox.mailbox = part.mailbox
    join sync.links as link on link.link_id = part.link_id
    left join planning.successors as successor on successor.id = link.salesforce_id
    left join outlook.contacts as item on item.mailbox = part.mailbox and item.id = link.outlook_id
    left join salesforce.contacts as contact on contact.id = part.contact_id
    left join planning.undo_people as person on person.contact_id = part.contact_id
    left join (
        select contact_id, string_agg(shown, ', ' order by is_contact desc, shown) as shown,
            list(other_id order by other_id) filter (where is_contact) as contacts
        from planning.undo_twins group by contact_id
    ) as twins on twins.contact_id = part.contact_id
    where part.kind = 'return'
), judged as (
    select *, case
        when is_linked or is_taken then 'already'
        when not is_known or (not is_binned and not is_readable) then 'The Contact cannot be read any more, so nothing can be brought back.'
        when is_erased then 'What was known of it was erased on request. Undelete it in Salesforce: it is read anew then.'
        when is_merged then 'The Contact was merged into another one, which Salesforce does not take back.'
        when not enabled then 'The mailbox is switched off.'
        when place = 'elsewhere' then 'The Outlook contact lies outside the folder: drag it in or give it the category.'
        else 'ready' end as verdict
    from ends
)
select judged.*,
    case when verdict <> 'ready' then 'w' || left(md5(concat_ws('|', 'undo', link_id, contact_id, modstamp, verdict)), 15) end as hold_id,
    -- one of the mailboxes brings the Contact back for all
    row_number() over (partition by contact_id, verdict = 'ready' order by mailbox, link_id) = 1 as is_first_of_contact,
    case when verdict <> 'ready' or not is_binned then ''
         -- an approval is void once there is somebody else to be doubled
         when is_lost then 'n' || left(md5(concat_ws('|', 'undo', contact_id, modstamp, twins)), 15)
         else 'z' || left(md5(concat_ws('|', 'undo', contact_id, modstamp, twins)), 15) end as contact_operation,
    to_json({emails: list_filter([coalesce(email, '')], lambda entry: entry <> ''), full_name: coalesce(full_name, '')}) as match,
    case when twins is not null then 'The same person is there by now: ' || twins || '. Approve to bring it back besides.' end as twin_reason,
    case when verdict <> 'ready' or place = 'folder' then ''
         when place = 'deleted' then 'b' || left(md5(concat_ws('|', 'undo', link_id, outlook_id, closed_at)), 15)
         else 'o' || left(md5(concat_ws('|', 'undo', link_id, modstamp, closed_at)), 15) end as item_operation
from judged;

insert into planning.operations by name
select hold_id as operation_id, 35 as phase, mailbox, 'outlook' as side, 'restore' as action, '' as link_id, outlook_id,
    contact_id as salesforce_id, '[]'::json as fields, '{}'::json as detail, 'R24' as rule, reason, 'not_undoable' as hold_kind,
    verdict || ' `drop` this once it is settled by hand.' as hold_reason, false as is_problem, '' as depends_on, '' as planned_key,
    null::timestamp as planned_stamp
from planning.undo_returns where verdict not in ('ready', 'already');

insert into planning.operations by name
select contact_operation as operation_id, 12 as phase, mailbox, 'salesforce' as side, 'undelete' as action, link_id, '' as outlook_id,
    contact_id as salesforce_id, '[]'::json as fields, to_json({match: match, candidates: candidates}) as detail, 'R24' as rule,
    reason || ' The Contact comes out of the recycle bin.' as reason, case when twins is not null then 'duplicate' end as hold_kind,
    twin_reason as hold_reason, false as is_problem,
    '' as depends_on, '' as planned_key, modstamp as planned_stamp
from planning.undo_returns where contact_operation like 'z%' and is_first_of_contact;

create or replace table planning.undo_values as
with long as (
    select back.link_id, back.mailbox, back.contact_id, unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}', value: coalesce(contact.{{ f.name }}, '')}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from planning.undo_returns as back join planning.contacts as contact on contact.id = back.contact_id
    where back.verdict = 'ready' and (back.contact_operation like 'n%' or back.item_operation like 'o%')
)
select long.*, rule.position, rule.direction, rule.createable
from long join planning.mailbox_fields as rule on rule.mailbox = long.mailbox and rule.field = long.field;

insert into planning.operations by name
select back.contact_operation as operation_id, 15 as phase, back.mailbox, 'salesforce' as side, 'create' as action, back.link_id, back.outlook_id,
    '' as salesforce_id,
    (select to_json(list({field: value.field, before: '', after: value.value} order by value.position)) from planning.undo_values as value
     where value.link_id = back.link_id and value.createable and value.value <> '') as fields,
    to_json({account_id: coalesce(contact.account_id, ''), owner_id: contact.owner_id, extra: map(), match: back.match,
        candidates: back.candidates}) as detail,
    'R24' as rule, back.reason || ' The Contact is made anew.' as reason,
    case when back.twins is not null then 'duplicate' else 'not_in_bin' end as hold_kind,
    concat_ws(' ', 'The Contact is not in Salesforce''s recycle bin any more; approve to make it anew from what is known of it.',
              back.twin_reason) as hold_reason,
    false as is_problem, '' as depends_on, '' as planned_key, null::timestamp as planned_stamp
from planning.undo_returns as back join salesforce.contacts as contact on contact.id = back.contact_id
where back.contact_operation like 'n%' and back.is_first_of_contact;

insert into planning.operations by name
select back.item_operation as operation_id, case when back.place = 'deleted' then 35 else 30 end as phase, back.mailbox, 'outlook' as side,
    case when back.place = 'deleted' then 'restore' else 'create' end as action, back.link_id,
    case when back.place = 'deleted' then back.outlook_id else '' end as outlook_id,
    case when back.contact_operation like 'n%' then '' else back.contact_id end as salesforce_id,
    case when back.place = 'deleted' then '[]'::json else (
        select to_json(list({field: value.field, before: '', after: value.value} order by value.position)) from planning.undo_values as value
        where value.link_id = back.link_id and value.value <> '' and value.direction in ('both', 'from_salesforce')) end as fields,
    to_json({stamp: case when back.contact_operation like 'n%' then 'created' else back.contact_id end, categorise: true,
             source_id: case when back.place = 'deleted' then back.outlook_id end,
             display_name: case when back.place <> 'deleted' then {{ display_name }} end}) as detail,
    'R24' as rule,
    back.reason || case when back.place = 'deleted' then ' The Outlook contact comes out of the Deleted Items.'
                        else ' Its deleted item is gone, so it is made anew.' end as reason,
    null as hold_kind, null as hold_reason, false as is_problem, back.contact_operation as depends_on, '' as planned_key,
    null::timestamp as planned_stamp
from planning.undo_returns as back join planning.contacts as contact on contact.id = back.contact_id
where back.item_operation <> '';

insert into planning.link_changes by name
select 'reopen' as kind, mailbox, link_id, case when item_operation = '' then outlook_id else '' end as outlook_id,
    case when contact_operation like 'n%' then '' else contact_id end as salesforce_id, '' as origin, reason,
    -- what left the view stays all the same, as if it had been chosen in Outlook
    case when closed_reason = 'left_view' then false end as seen_in_view,
    coalesce(nullif(item_operation, ''), nullif(contact_operation, '')) as operation_id
from planning.undo_returns where verdict = 'ready';

-- the link knows the Contact that is made anew from its first moment, so that none is made twice
insert into planning.link_changes by name
select 'relink' as kind, mailbox, link_id, outlook_id, '' as salesforce_id, '' as origin, reason, null::boolean as seen_in_view,
    contact_operation as operation_id
from planning.undo_returns where contact_operation like 'n%';

insert into planning.base_updates by name
select back.item_operation as operation_id, value.link_id, value.field,
    case when value.direction in ('both', 'from_salesforce') then value.value else '' end as outlook_value, value.value as salesforce_value
from planning.undo_returns as back join planning.undo_values as value on value.link_id = back.link_id
where back.item_operation like 'o%';

-- ── what is settled ──────────────────────────────────────────────────────────────────────────────────────────────────
create or replace table planning.undo_answers as
with dropped as (
    select operation_id from sync.verdicts where verdict = 'dropped' and lapses_at > {{ literal(now) }}::timestamp
)
select undo_id, part_id, outcome from planning.undo_done
union all
select undo_id, part_id, state from planning.reversals where state in ('already', 'dropped')
union all
select undo_id, part_id, case when is_gone then 'already' else 'dropped' end
from planning.undo_removals where is_gone or operation_id in (select operation_id from dropped)
union all
select undo_id, part_id, case when verdict = 'already' then 'already' else 'dropped' end
from planning.undo_returns
where verdict = 'already' or hold_id in (select operation_id from dropped) or contact_operation in (select operation_id from dropped);
