-- in:  marts.operations_daily, marts.lag_daily, marts.problems_daily, $since, $last (days)
-- out: one row for each day: day, create, update, delete, edits, median_minutes, slowest_minutes, problems, holds
with days as (
    select unnest(generate_series($since::date, $last::date, interval 1 day))::date as day
), done as (
    select day, sum(operations) filter (counted_as = 'create') as "create", sum(operations) filter (counted_as = 'update') as "update",
        sum(operations) filter (counted_as = 'delete') as "delete"
    from marts.operations_daily where mailbox = '*' and outcome = 'done' group by day
), lag as (
    select day, sum(edits) as edits, max(median_seconds) / 60 as median_minutes, max(slowest_seconds) / 60 as slowest_minutes
    from marts.lag_daily where mailbox = '*' group by day
), waiting as (
    select day, sum(open) filter (kind = 'problem') as problems, sum(open) filter (kind = 'hold') as holds from marts.problems_daily where mailbox = '*' group by day
)
select day, coalesce("create", 0)::bigint as "create", coalesce("update", 0)::bigint as "update", coalesce("delete", 0)::bigint as "delete",
    coalesce(edits, 0)::bigint as edits, median_minutes, slowest_minutes, coalesce(problems, 0)::bigint as problems, coalesce(holds, 0)::bigint as holds
from days left join done using (day) left join lag using (day) left join waiting using (day)
order by day
