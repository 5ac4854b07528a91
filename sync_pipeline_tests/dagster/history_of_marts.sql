-- in:  sync.history (benchmarks/history.sql), the variable days
-- out: the same with several actions, outcomes, edits and Account rules; sync.conflicts, sync.waits, sync.runs, sync.requests
create temp macro drawn(text, salt, below) as (hash(text || ' ' || salt) % below)::integer;

update sync.history set
    action = ['update', 'update', 'update', 'create', 'delete', 'restore', 'move', 'link'][1 + drawn(operation_id, 1, 8)],
    outcome = ['done', 'done', 'done', 'refused'][1 + drawn(operation_id, 2, 4)];
update sync.history set edited_at = happened_at - to_seconds(drawn(operation_id, 3, 7000)) + interval 200 second
where action = 'update' and drawn(operation_id, 4, 3) > 0;
update sync.history set account_rule = ['exact', 'no_match', 'unique_substring'][1 + drawn(operation_id, 5, 3)]
where action = 'create' and side = 'salesforce';
update sync.history set side = null, rule = null where action = 'link';

insert into sync.conflicts by name
select run_id, happened_at as found_at, mailbox, link_id, salesforce_id, ['job_title', 'phone'][1 + drawn(operation_id, 6, 2)] as field,
    'salesforce' as policy, ['salesforce', 'hold'][1 + drawn(operation_id, 7, 2)] as winner, true as is_open
from sync.history where drawn(operation_id, 8, 50) = 0;

-- some end on a later day, some never; some end with a run that carried an edit of their Contact
insert into sync.waits by name
select ['problem', 'hold'][drawn(operation_id, 9, 2) + 1] as kind, mailbox, operation_id as subject, '' as field,
    ['too_long', 'conflict'][drawn(operation_id, 9, 2) + 1] as code, salesforce_id,
    happened_at - to_hours(drawn(operation_id, 10, 30)) as began_at,
    case when drawn(operation_id, 11, 3) > 0 then happened_at + to_hours(drawn(operation_id, 12, 100)) end as ended_at,
    case when drawn(operation_id, 11, 3) > 0 then run_id end as ended_run
from sync.history where drawn(operation_id, 13, 100) = 0;

insert into sync.runs by name
select 'of ' || day || ' ' || number as run_id, day + to_hours(number) as started_at
from (select timestamp '2025-01-01' + to_days(d::integer) as day from range(getvariable('days')) as of_days(d)), range(24) as of_hours(number);
insert into sync.requests by name
select run_id, mailbox, side, 1 + drawn(run_id || mailbox, 15, 9) as calls, drawn(run_id || mailbox, 16, 30) as subrequests, 0.25 as seconds
from sync.runs, (values ('', 'salesforce'), ('mailbox0001@example.com', 'outlook'), ('mailbox0002@example.com', 'outlook')) as asked(mailbox, side);
