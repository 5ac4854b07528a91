-- in:  planning.operations, planning.mailboxes, planning.links, sync.verdicts, sync.holds, planning.paused, sync.journal
-- out: planning.planned: every operation with its state (ready | held | problem | dropped) and the reason for a hold
create or replace table planning.planned as
with counted as (
    select operation.*,
        case when action in ('create_folder', 'create_category') then 0 else
            len(list_filter(from_json(fields, '[{"field": "VARCHAR", "before": "VARCHAR", "after": "VARCHAR"}]'),
                lambda change: change.after = '' and coalesce(change.before, '') <> '')) end as clears,
        coalesce(verdict.verdict, '') as verdict,
        earlier.kind as earlier_kind, earlier.reason as earlier_reason
    from planning.operations as operation
    left join (
        select operation_id, arg_max(verdict, given_at) as verdict from sync.verdicts
        where lapses_at > {{ literal(now) }}::timestamp group by all
    ) as verdict on verdict.operation_id = operation.operation_id
    left join (
        select operation_id, any_value(kind) as kind, any_value(reason) as reason from sync.holds
        where kind in ('guard', 'changed_settings', 'old_copy', 'first_run') group by all
    ) as earlier on earlier.operation_id = operation.operation_id
), judged as (
    select counted.*,
        case when verdict = 'approved' then 'ready'
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
    select mailbox.mailbox, least(greatest(mailbox.guard_count, ceil(mailbox.guard_percent / 100.0 * count(link.link_id))), mailbox.guard_cap)
        as most, any_value(mailbox.guard_org) as most_in_org
    from planning.mailboxes as mailbox left join planning.links as link on link.mailbox = mailbox.mailbox
    group by mailbox.mailbox, mailbox.guard_count, mailbox.guard_percent, mailbox.guard_cap
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
            when judged.state <> 'ready' or judged.verdict = 'approved' then null
            when judged.action = 'delete' and mailbox.old_copy then ['old_copy',
                'The folder was last written by a later run than this warehouse knows: this is an old copy, so every deletion waits.']
            when judged.action = 'delete' and mailbox.changed <> '' then ['changed_settings',
                'It follows a change of ' || mailbox.changed || ', so it waits for approval.']
            when judged.action = 'delete' and deletes.planned + deletes.done > limits.most then ['guard',
                'More deletions in this mailbox than max_deletes allows (' || (deletes.planned + deletes.done)
                || ' against ' || limits.most::integer || ').']
            when judged.action = 'delete' and (select deletes from in_org) > limits.most_in_org then ['guard',
                'More deletions in all than max_deletes.org allows (' || (select deletes from in_org)::integer || ' against '
                || limits.most_in_org || ').']
            when judged.earlier_kind in ('guard', 'changed_settings', 'old_copy') then [judged.earlier_kind, judged.earlier_reason]
        end as guard
    from judged
    join planning.mailboxes as mailbox on mailbox.mailbox = judged.mailbox
    join limits on limits.mailbox = judged.mailbox
    left join deletes on deletes.mailbox = judged.mailbox and deletes.side = judged.side
), large as (
    select mailbox, count(*) as operations from guarded
    where state = 'ready' and guard is null and verdict <> 'approved' group by mailbox
)
select guarded.* exclude (state, hold_kind, hold_reason, guard, earlier_kind, earlier_reason, is_problem),
    case when guard is not null then 'held'
         when state = 'ready' and verdict <> 'approved' and {{ 'false' if approve_first_run else 'true' }} and mailbox.is_first_run
              and large.operations > mailbox.plan_above then 'held'
         else state end as state,
    case when guard is not null then guard[1]
         when state = 'ready' and verdict <> 'approved' and {{ 'false' if approve_first_run else 'true' }} and mailbox.is_first_run
              and large.operations > mailbox.plan_above then 'first_run'
         when state in ('held') then hold_kind end as hold_kind,
    case when guard is not null then guard[2]
         when state = 'ready' and verdict <> 'approved' and {{ 'false' if approve_first_run else 'true' }} and mailbox.is_first_run
              and large.operations > mailbox.plan_above then
            'The first run of this mailbox has ' || large.operations || ' operations, more than first_run.plan_above ('
            || mailbox.plan_above || '). Look at the plan, then approve it or run with --yes.'
         when state in ('held') then hold_reason end as hold_reason
from guarded
join planning.mailboxes as mailbox on mailbox.mailbox = guarded.mailbox
left join large on large.mailbox = guarded.mailbox;

-- what waits for an operation that will not be pushed is planned again when that one is
delete from planning.planned as dependent
where dependent.depends_on <> '' and dependent.depends_on not in (select operation_id from planning.planned where state = 'ready');
