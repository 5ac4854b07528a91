-- in:  marts.lag_daily, $since (date)
-- out: one row for each day, mailbox and side that edits arrived on since then, the slowest first
select day::varchar as day, mailbox, side, edits, waited, median_seconds, slowest_seconds
from marts.lag_daily where day >= $since and edits > 0
order by slowest_seconds desc nulls last, day desc, mailbox, side
