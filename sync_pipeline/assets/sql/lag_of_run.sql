-- in:  sync.history, sync.waits, $run_id
-- out: one row: median_seconds, slowest_seconds from an edit to its arrival in this run; null where no edit arrived that had not
--      waited for a person or for a problem's solution
select median(seconds) as median_seconds, max(seconds) as slowest_seconds
from (
    select greatest(epoch(happened_at) - epoch(edited_at), 0) as seconds
    from sync.history
    where run_id = $run_id and edited_at is not null and outcome = 'done'
      and (salesforce_id, run_id) not in (select (salesforce_id, ended_run) from sync.waits where ended_run is not null))
