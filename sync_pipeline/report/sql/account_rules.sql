-- in:  sync.history, $run (a run, or null), $first, $until (UTC, without a run)
-- out: (account_rule, contacts)
select account_rule, count(*) as contacts
from sync.history
where account_rule is not null and outcome = 'done'
    and case when $run is null then happened_at >= $first and happened_at < $until else run_id = $run end
group by all
