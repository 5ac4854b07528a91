-- in:  sync.conflicts, $run (a run, or null), $first, $until (UTC, without a run)
-- out: (field, winner, conflicts)
select field, winner, count(*) as conflicts
from sync.conflicts
where case when $run is null then found_at >= $first and found_at < $until else run_id = $run end
group by all
