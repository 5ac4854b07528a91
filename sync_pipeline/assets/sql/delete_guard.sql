-- in:  sync.plan of one run ($run_id)
-- out: one row per mailbox that plans deletions or has them held: mailbox, planned, held, why
select mailbox,
    count(*) filter (where state = 'ready') as planned,
    count(*) filter (where state = 'held') as held,
    coalesce(any_value(hold_reason) filter (where state = 'held'), '') as why
from sync.plan
where run_id = $run_id and (action = 'delete' or hold_kind in ('guard', 'old_copy', 'changed_settings'))
group by mailbox
order by held desc, mailbox;
