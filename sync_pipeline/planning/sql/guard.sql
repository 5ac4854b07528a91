{% from 'keep_back.sql' import keep_back %}
-- in:  planning.operations, planning.base_updates, planning.link_changes, planning.mailboxes, planning.link_counts, planning.decisions,
--      planning.paused, sync.verdicts, sync.holds, sync.plan, sync.journal, the macro planning.subject_of (decisions.sql)
-- out: planning.planned: every operation with its state (ready | held | problem | dropped) and the reason for a hold,
--      planning.postponed: the mailboxes with a deletion that this run could neither push nor hold by name
create or replace table planning.planned as
with earlier as (
    -- what follows the first sentence is what else stood in its way then
    select hold.operation_id, hold.kind, split_part(hold.reason, ' Besides: ', 1) as reason, plan.link_id, plan.side, plan.action
    from sync.holds as hold
    left join sync.plan as plan on plan.run_id = hold.last_run and plan.operation_id = hold.operation_id
    where hold.kind in ('guard', 'changed_settings', 'changed_since', 'old_copy')
), counted as (
    select operation.*,
        coalesce(verdict.verdict, '') as verdict,
        -- R22: what was judged for another content asks again
        case when verdict.verdict is null and operation.action = 'delete' and judged_before.subject is not null then 'changed_since'
             else coalesce(same.kind, alike.kind) end as earlier_kind,
        case when verdict.verdict is null and operation.action = 'delete' and judged_before.subject is not null
             then 'The contact was changed since this deletion was approved or dropped, so it asks again.'
             else coalesce(same.reason, alike.reason) end as earlier_reason
    from planning.operations as operation
    left join (
        select operation_id, arg_max(verdict, given_at) as verdict from sync.verdicts
        where lapses_at > {{ literal(now) }}::timestamp group by all
    ) as verdict on verdict.operation_id = operation.operation_id
    left join (
        select operation_id, any_value(kind) as kind, any_value(reason) as reason from earlier group by all
    ) as same on same.operation_id = operation.operation_id
    -- a deletion that is held stays so when it takes another form, as when the Deleted Items are emptied
    left join (
        select link_id, side, any_value(kind) as kind, any_value(reason) as reason from earlier
        where action = 'delete' and link_id <> '' group by all
    ) as alike on alike.link_id = operation.link_id and alike.side = operation.side and operation.action = 'delete'
    left join (
        select distinct planning.subject_of(operation_id) as subject from sync.verdicts
        where verdict in ('approved', 'dropped') and lapses_at > {{ literal(now) }}::timestamp
    ) as judged_before on judged_before.subject = planning.subject_of(operation.operation_id)
), judged as (
    select counted.*,
        case when verdict = 'approved' and not (action = 'delete' and is_problem) and coalesce(hold_kind, '') <> 'not_undoable' then 'ready'
             when verdict = 'dropped' then 'dropped'
             when hold_kind is not null then 'held'
             when is_problem then 'problem'
             when exists (select 1 from planning.paused as paused
                          where paused.mailbox = counted.mailbox and paused.field = ''
                            and ((counted.outlook_id <> '' and paused.outlook_id = counted.outlook_id)
                                 or (counted.salesforce_id <> '' and paused.salesforce_id = counted.salesforce_id))) then 'problem'
             else 'ready' end as state
    from counted
), limits as (
    select mailbox.mailbox, least(greatest(mailbox.guard_count, ceil(mailbox.guard_percent / 100.0 * coalesce(counted.links, 0))), mailbox.guard_cap)
        as most, mailbox.guard_org as most_in_org
    from planning.mailboxes as mailbox left join planning.link_counts as counted on counted.mailbox = mailbox.mailbox
), done_today as (
    select mailbox, side, count(*) as deletes from sync.journal
    where action = 'delete' and outcome = 'done' and finished_at > {{ literal(now) }}::timestamp - interval 1 day
    group by all
), deletes as (
    select judged.mailbox, judged.side, count(*) filter (where verdict <> 'approved') as planned,
        coalesce(any_value(done_today.deletes), 0) as done
    from judged left join done_today on done_today.mailbox = judged.mailbox and done_today.side = judged.side
    where judged.action = 'delete' and judged.state = 'ready'
    group by judged.mailbox, judged.side
), in_org as (
    select coalesce(sum(planned), 0) + (select coalesce(sum(deletes), 0) from done_today) as deletes from deletes
), guarded as (
    select judged.*,
        case
            when judged.verdict in ('approved', 'dropped') or (judged.state <> 'ready' and judged.action <> 'delete') then null
            when judged.action = 'delete' and mailbox.old_copy then ['old_copy',
                'The folder was last written by a later run than this warehouse knows: this is an old copy, so every deletion waits.']
            when judged.action = 'delete' and mailbox.changed <> '' then ['changed_settings',
                'It follows a change of ' || mailbox.changed || ', so it waits for approval.']
            when judged.state = 'ready' and judged.action = 'delete' and deletes.planned + deletes.done > limits.most then ['guard',
                'More deletions in this mailbox than max_deletes allows (' || (deletes.planned + deletes.done)
                || ' against ' || limits.most::integer || ').']
            when judged.state = 'ready' and judged.action = 'delete' and (select deletes from in_org) > limits.most_in_org then ['guard',
                'More deletions in all than max_deletes.org allows (' || (select deletes from in_org)::integer || ' against '
                || limits.most_in_org || ').']
            when judged.earlier_kind in ('guard', 'changed_settings', 'changed_since', 'old_copy') then [judged.earlier_kind, judged.earlier_reason]
        end as guard
    from judged
    join planning.mailboxes as mailbox on mailbox.mailbox = judged.mailbox
    join limits on limits.mailbox = judged.mailbox
    left join deletes on deletes.mailbox = judged.mailbox and deletes.side = judged.side
), large as (
    select mailbox, count(*) as operations from guarded
    where state = 'ready' and guard is null and verdict <> 'approved' group by mailbox
), started as (
    -- R22: what of a held first run is not approved waits on, whatever was approved of it; what was begun goes on
    select guarded.*, large.operations, mailbox.plan_above,
        guarded.state = 'ready' and guarded.verdict <> 'approved' and {{ 'false' if approve_first_run else 'true' }}
        and mailbox.is_first_run
        and large.operations + coalesce(begun.operations, 0) > mailbox.plan_above
        and guarded.link_id not in (
            select link_id from sync.journal where outcome = 'done' and link_id is not null) as waits_for_start
    from guarded
    join planning.mailboxes as mailbox on mailbox.mailbox = guarded.mailbox
    left join large on large.mailbox = guarded.mailbox
    left join (select mailbox, count(*) as operations from sync.journal where outcome = 'done' group by mailbox) as begun
        on begun.mailbox = guarded.mailbox
)
select started.* exclude (
        state, hold_kind, hold_reason, guard, earlier_kind, earlier_reason, is_problem, operations, plan_above, waits_for_start),
    case when guard is not null then 'held'
         when waits_for_start then 'held'
         else state end as state,
    case when guard is not null then guard[1]
         when waits_for_start then 'first_run'
         when state in ('held') then hold_kind end as hold_kind,
    case when guard is not null then concat_ws(' Besides: ', guard[2], hold_reason)
         when waits_for_start then
            'The first run of this mailbox has ' || operations || ' operations that nobody approved, and more than '
            || 'first_run.plan_above (' || plan_above || ') in all. Look at the plan, then approve it or run with --yes.'
         when state in ('held') then hold_reason end as hold_reason
from started;

-- R13, R25: of an update that waits for one of Salesforce, only the fields that go up wait with it; a name's parts and what is
-- made of them together
create or replace table planning.waiting_fields as
with changes as (
    select operation_id, unnest(planning.changes_of(fields)) as change
    from planning.planned where action in ('update', 'move')
), waits as (
    select dependent.operation_id, dependent.detail ->> 'display_name' is not null as shows_name, change.field as field
    from planning.planned as update
    join planning.planned as dependent on dependent.depends_on = update.operation_id and dependent.action in ('update', 'move')
    join changes on changes.operation_id = update.operation_id
    where update.side = 'salesforce' and update.action = 'update' and update.state <> 'ready'
)
select operation_id, field from waits
union
select operation_id, unnest({{ names }}) from waits where shows_name and list_contains({{ names }}, field);

{{ keep_back('planning.planned', 'planning.waiting_fields', names) }}

update planning.planned set depends_on = '' where operation_id in (select operation_id from planning.waiting_fields);

-- what waits for an operation that will not be pushed is planned again when that one is; a deletion that is held stays so
delete from planning.planned as dependent
where dependent.depends_on <> '' and dependent.depends_on not in (select operation_id from planning.planned where state = 'ready')
  and not (dependent.action = 'delete' and dependent.state = 'held');

-- R18, R20: an item is written while its removal waits, not when it is removed
create or replace table planning.removed as
select link_id from planning.planned where side = 'outlook' and action = 'delete' and state = 'ready' and link_id <> '';

delete from planning.base_updates where operation_id in (
    select operation_id from planning.planned
    where side = 'outlook' and action = 'update' and link_id in (select link_id from planning.removed));

delete from planning.planned where side = 'outlook' and action = 'update' and link_id in (select link_id from planning.removed);

delete from planning.link_changes where kind = 'relink' and link_id in (select link_id from planning.removed);

-- R20: their settings, view and credential count as changed until every deletion that follows is pushed or held by name
create or replace table planning.postponed as
with settled as (
    select link_id, side, salesforce_id from planning.planned
    where action = 'delete' and (state in ('ready', 'dropped') or hold_kind in ('guard', 'changed_settings', 'changed_since', 'old_copy'))
)
select distinct decision.mailbox
from planning.decisions as decision
where decision.decision in ('wait', 'remove', 'remove_after_edits', 'hold_removal', 'delete_contact')
  and decision.link_id not in (select link_id from settled)
  -- of several mailboxes that delete one Contact, one does
  and not (decision.decision = 'delete_contact' and decision.contact_id in (select salesforce_id from settled where side = 'salesforce'));
