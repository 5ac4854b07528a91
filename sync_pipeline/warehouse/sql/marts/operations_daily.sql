-- in:  sync.history, $first, $until (UTC)
-- out: rows of marts.operations_daily of the days from $first to before $until
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, side, action,
    case when action in ('create', 'restore', 'undelete') then 'create' when action in ('update', 'move', 'finish_move', 'release') then 'update'
         when action = 'delete' then 'delete' else '' end as counted_as,
    rule, outcome, count(*) as operations
from (
    select happened_at::date as day, coalesce(mailbox, '') as mailbox, coalesce(side, '') as side, action, coalesce(rule, '') as rule, outcome
    from sync.history where happened_at >= $first and happened_at < $until)
group by grouping sets ((day, mailbox, side, action, rule, outcome), (day, side, action, rule, outcome))
