-- in:  sync.history, sync.waits, $first, $until (UTC)
-- out: rows of marts.lag_daily: from an edit to its arrival on the other side, by the day of the arrival; an edit of a Contact
--      that had waited until that run, for a person or for a problem's solution, is counted and not measured
with edits as (
    select event.happened_at::date as day, event.mailbox, event.side,
        greatest(epoch(event.happened_at) - epoch(event.edited_at), 0) as seconds,
        (event.salesforce_id, event.run_id) in (select (salesforce_id, ended_run) from sync.waits where ended_run is not null)
            as has_waited
    from sync.history as event
    where event.happened_at >= $first and event.happened_at < $until and event.edited_at is not null and event.outcome = 'done'
)
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, side,
    count(*) as edits, count(*) filter (has_waited) as waited,
    round(avg(seconds) filter (not has_waited), 3) as mean_seconds,
    round(median(seconds) filter (not has_waited), 3) as median_seconds,
    round(quantile_cont(seconds, 0.95) filter (not has_waited), 3) as p95_seconds,
    round(max(seconds) filter (not has_waited), 3) as slowest_seconds
from edits
group by grouping sets ((day, mailbox, side), (day, side))
