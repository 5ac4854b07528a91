-- in:  sync.history, $run (a run, or null), $first, $until (UTC, without a run)
-- out: (mailbox, side, create, update, delete, refused): operations of the run, or of the time
select mailbox, side,
    count(*) filter (outcome = 'done' and action in ('create', 'restore', 'undelete')) as "create",
    count(*) filter (outcome = 'done' and action in ('update', 'move', 'finish_move', 'release')) as "update",
    count(*) filter (outcome = 'done' and action = 'delete') as "delete",
    count(*) filter (outcome = 'refused') as refused
from sync.history
where side in ('outlook', 'salesforce') and mailbox <> ''
    and case when $run is null then happened_at >= $first and happened_at < $until else run_id = $run end
group by all
