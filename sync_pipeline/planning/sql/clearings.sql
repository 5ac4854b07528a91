{% from 'keep_back.sql' import is_empty, keep_back, without %}
-- in:  planning.operations, planning.base_updates, planning.mailboxes, planning.link_counts, sync.verdicts, sync.holds, sync.history,
--      sync.history_values
-- out: planning.operations, planning.base_updates: where one field is cleared more often than max_deletes allows (R20), the
--      clearing becomes an operation of its own, so that it alone is held and the other fields travel;
--      planning.waiting: Outlook operation × field that such a clearing keeps back in the other mailboxes

create or replace table planning.clearings as
with changes as (
    select operation_id, mailbox, side, case when side = 'salesforce' then salesforce_id else mailbox || '|' || outlook_id end as subject,
        unnest(planning.changes_of(fields)) as change
    from planning.operations where action = 'update' and hold_kind is null
), cleared as (
    -- named by itself and not by its operation, whose other fields travel meanwhile
    select operation_id, mailbox, side, change.field as field,
        'h' || left(md5(concat_ws('|', side, subject, change.field, change.before)), 15) as held_id
    from changes where change.after = '' and coalesce(change.before, '') <> ''
), today as (
    select event.mailbox, event.side, v.field, count(*) as done
    from sync.history as event join sync.history_values as v using (event_id)
    where event.happened_at > {{ literal(now) }}::timestamp - interval 1 day and event.outcome = 'done' and event.action = 'update'
      and v.after = '' and coalesce(v.before, '') <> ''
    group by all
), limits as (
    select mailbox.mailbox, least(greatest(mailbox.guard_count, ceil(mailbox.guard_percent / 100.0 * coalesce(counted.links, 0))), mailbox.guard_cap)
        as most
    from planning.mailboxes as mailbox left join planning.link_counts as counted on counted.mailbox = mailbox.mailbox
), answers as (
    select operation_id, arg_max(verdict, given_at) as verdict from sync.verdicts
    where lapses_at > {{ literal(now) }}::timestamp group by operation_id
), over_limit as (
    select cleared.mailbox, cleared.side, cleared.field, count(*) + coalesce(any_value(today.done), 0) as planned, any_value(limits.most) as most
    from cleared
    join limits on limits.mailbox = cleared.mailbox
    left join today on today.mailbox = cleared.mailbox and today.side = cleared.side and today.field = cleared.field
    where cleared.held_id not in (select operation_id from answers where verdict = 'approved')
    group by cleared.mailbox, cleared.side, cleared.field
    having count(*) + coalesce(any_value(today.done), 0) > any_value(limits.most)
)
select cleared.*, coalesce(over_limit.planned, 0) as planned, coalesce(over_limit.most, 0) as most
from cleared
left join over_limit on over_limit.mailbox = cleared.mailbox and over_limit.side = cleared.side and over_limit.field = cleared.field
where cleared.held_id not in (select operation_id from answers where verdict = 'approved')  -- it travels with the other fields
  and (over_limit.field is not null
       -- once held, a clearing waits for a person even when the others were dropped or approved meanwhile
       or cleared.held_id in (select operation_id from sync.holds where kind = 'guard')
       or cleared.held_id in (select operation_id from answers));

insert into planning.operations by name
select clearing.held_id as operation_id, operation.* exclude (operation_id, fields, hold_kind, hold_reason, detail),
    to_json([{field: clearing.field, before: (
        select change.before from (
            select unnest(planning.changes_of(operation.fields)) as change)
        where change.field = clearing.field), after: ''}]) as fields,
    '{}'::json as detail, 'guard' as hold_kind,
    'More contacts lose their ' || clearing.field || ' in this mailbox than max_deletes allows (' || clearing.planned
        || ' against ' || clearing.most::integer || ').' as hold_reason
from planning.clearings as clearing join planning.operations as operation on operation.operation_id = clearing.operation_id;

update planning.base_updates as base set operation_id = clearing.held_id
from planning.clearings as clearing
where base.operation_id = clearing.operation_id and base.field = clearing.field;

update planning.operations as operation set fields = {{ without('operation', 'planning.clearings') }}
where operation_id in (select operation_id from planning.clearings);

-- R13: what waits on its way to Salesforce waits for every other mailbox too; a name's parts and what is made of them together
create or replace table planning.waiting as
with waits as (
    select distinct operation.operation_id, clearing.field
    from planning.clearings as clearing
    join planning.operations as operation on operation.depends_on = clearing.operation_id
    where clearing.side = 'salesforce' and operation.side = 'outlook' and operation.action = 'update'
)
select operation_id, field from waits
union
select operation_id, unnest({{ names }}) from waits where list_contains({{ names }}, field);

{{ keep_back('planning.operations', 'planning.waiting', names) }}

delete from planning.operations
where operation_id in (select operation_id from planning.clearings) and {{ is_empty() }};

-- R18: a removal waits for a clearing that waits
update planning.operations as removal
set hold_kind = 'unsaved_edit',
    hold_reason = 'A clearing made in Outlook waits for approval, so it cannot go up to Salesforce first.'
from planning.clearings as clearing join planning.operations as held on held.operation_id = clearing.held_id
where removal.side = 'outlook' and removal.action = 'delete' and held.side = 'salesforce'
  and removal.salesforce_id = held.salesforce_id and removal.hold_kind is null
  and removal.detail ->> 'close' in ('left_view', 'merged', 'disabled');
