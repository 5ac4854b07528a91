-- in:  sync.waits, $first, $until (UTC)
-- out: rows of marts.problems_daily: what began and ended on each day, and what was open at its end
with days as (
    select unnest(generate_series($first::date, ($until - interval 1 day)::date, interval 1 day))::date as day
), events as (
    select began_at::date as day, mailbox, kind, code, 1 as began, 0 as ended, 0 as open
    from sync.waits where began_at >= $first and began_at < $until
    union all
    select ended_at::date, mailbox, kind, code, 0, 1, 0 from sync.waits where ended_at >= $first and ended_at < $until
    union all
    select days.day, mailbox, kind, code, 0, 0, 1
    from days join sync.waits on began_at < days.day + interval 1 day and coalesce(ended_at, 'infinity'::timestamp) >= days.day + interval 1 day
)
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, kind, code,
    sum(began)::bigint as began, sum(ended)::bigint as ended, sum(open)::bigint as open
from events
group by grouping sets ((day, mailbox, kind, code), (day, kind, code))
