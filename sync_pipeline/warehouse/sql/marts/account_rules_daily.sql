-- in:  sync.history, $first, $until (UTC)
-- out: rows of marts.account_rules_daily: Contacts whose Account was decided on each day, by the rule that decided (R7)
select day, case when grouping(mailbox) = 1 then '*' else mailbox end as mailbox, account_rule, count(*) as contacts
from (
    select happened_at::date as day, mailbox, account_rule
    from sync.history
    where happened_at >= $first and happened_at < $until and account_rule is not null and outcome = 'done')
group by grouping sets ((day, mailbox, account_rule), (day, account_rule))
