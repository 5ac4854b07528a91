-- in:  sync.requests, sync.runs, $first, $until (UTC)
-- out: rows of marts.requests_daily: what the runs that started on each day asked of the services
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, side,
    sum(calls)::bigint as calls, sum(subrequests)::bigint as subrequests, round(sum(seconds), 3) as seconds
from (
    select run.started_at::date as day, coalesce(request.mailbox, '') as mailbox, request.side, calls, subrequests, seconds
    from sync.requests as request join sync.runs as run using (run_id)
    where run.started_at >= $first and run.started_at < $until)
group by grouping sets ((day, mailbox, side), (day, side))
