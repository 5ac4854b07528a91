-- in:  sync.runs, sync.requests, $run (a run, or null), $first, $until (UTC, without a run)
-- out: one row: runs, failed, plan_only, mailboxes, planned, pushed, seconds, calls, subrequests
select count(*) as runs, count(*) filter (status in ('failed', 'broken_off')) as failed, count(*) filter (plan_only) as plan_only,
    coalesce(max(len(mailboxes)), 0) as mailboxes, coalesce(sum(planned), 0)::bigint as planned, coalesce(sum(pushed), 0)::bigint as pushed,
    coalesce(sum(epoch(finished_at) - epoch(started_at)), 0) as seconds,
    coalesce(sum(asked.calls), 0)::bigint as calls, coalesce(sum(asked.subrequests), 0)::bigint as subrequests
from sync.runs as run
left join (select run_id, sum(calls) as calls, sum(subrequests) as subrequests from sync.requests group by run_id) as asked using (run_id)
where case when $run is null then run.started_at >= $first and run.started_at < $until else run.run_id = $run end
