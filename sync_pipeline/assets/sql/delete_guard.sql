-- in:  sync.plan of one run ($run_id), sync.holds as they stand
-- out: one row per mailbox that plans deletions or has operations held by the guard: mailbox, planned, held, why
with planned as (
    select mailbox, count(*) as planned from sync.plan
    where run_id = $run_id and action = 'delete' and state = 'ready' group by mailbox
), held as (
    select mailbox, count(*) as held, any_value(reason) as why from sync.holds
    where kind in ('guard', 'old_copy', 'changed_settings', 'changed_since', 'empty_view') group by mailbox
)
select mailbox, coalesce(planned, 0) as planned, coalesce(held, 0) as held, coalesce(why, '') as why
from planned full join held using (mailbox)
order by held desc, mailbox;
