-- in:  sync.problems, sync.holds, sync.plan, moment (run_id, happened_at)
-- out: sync.waits: those that are no more are ended, new ones begin
create or replace temp table waiting as
select 'problem' as kind, mailbox, subject, field, code, salesforce_id, since as began_at from sync.problems
union all
select 'hold', hold.mailbox, hold.operation_id, '', hold.kind, plan.salesforce_id, hold.since
from sync.holds as hold
left join sync.plan as plan on plan.run_id = hold.last_run and plan.operation_id = hold.operation_id;

update sync.waits as wait set ended_at = moment.happened_at, ended_run = moment.run_id
from moment
where wait.ended_at is null and (wait.kind, wait.mailbox, wait.subject, wait.field, wait.code)
    not in (select (kind, mailbox, subject, field, code) from waiting);

-- a problem that changed its code goes on under its new one from now on
insert into sync.waits by name
select waiting.* exclude (began_at), case when ended.subject is null then waiting.began_at else moment.happened_at end as began_at
from waiting cross join moment
left join (select distinct kind, mailbox, subject, field from sync.waits join moment on ended_run = moment.run_id) as ended
    using (kind, mailbox, subject, field)
where (kind, mailbox, subject, field, code) not in (
    select (kind, mailbox, subject, field, code) from sync.waits where ended_at is null);
