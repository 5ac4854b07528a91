-- in:  sync.conflicts, $first, $until (UTC)
-- out: rows of marts.conflicts_daily: conflicts by the day on which they were found first
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, field, policy, winner, count(*) as conflicts
from (select found_at::date as day, mailbox, field, policy, winner from sync.conflicts where found_at >= $first and found_at < $until)
group by grouping sets ((day, mailbox, field, policy, winner), (day, field, policy, winner))
