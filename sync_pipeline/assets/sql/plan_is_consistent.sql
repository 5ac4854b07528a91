-- in:  sync.plan of one run ($run_id)
-- out: one row per fault of the plan: mailbox, operation_id, fault
with pushed as (
    select * from sync.plan where run_id = $run_id and state = 'ready'
)
select mailbox, operation_id, 'it has no reason or no rule' as fault
from sync.plan
where run_id = $run_id and (coalesce(reason, '') = '' or coalesce(rule, '') = '')
union all
select mailbox, operation_id, 'another operation has the same id'
from pushed qualify count(*) over (partition by operation_id) > 1
union all
select mailbox, operation_id, 'another operation of the same action writes to the same Outlook contact'
from pushed
where side = 'outlook' and outlook_id <> ''
qualify count(*) over (partition by mailbox, outlook_id, action) > 1
union all
select mailbox, operation_id, 'the same Outlook contact is deleted and written'
from pushed
where side = 'outlook' and outlook_id <> ''
qualify bool_or(action = 'delete') over (partition by mailbox, outlook_id)
    and bool_or(action <> 'delete') over (partition by mailbox, outlook_id)
union all
select mailbox, operation_id, 'another operation writes to the same Contact'
from pushed
where side = 'salesforce' and salesforce_id <> ''
qualify count(*) over (partition by salesforce_id) > 1
union all
select mailbox, operation_id, 'what it depends on is not pushed'
from pushed
where depends_on <> '' and depends_on not in (select operation_id from pushed)
order by all;
