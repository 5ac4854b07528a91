-- in:  sync.history, sync.waits, $run (a run, or null), $first, $until (UTC, without a run)
-- out: (minutes, waited): each edit that arrived, with the time it took
select greatest(epoch(happened_at) - epoch(edited_at), 0) / 60 as minutes,
    (salesforce_id, run_id) in (select (salesforce_id, ended_run) from sync.waits where ended_run is not null) as waited
from sync.history
where edited_at is not null and outcome = 'done'
    and case when $run is null then happened_at >= $first and happened_at < $until else run_id = $run end
