-- in:  sync.waits, $until (UTC)
-- out: (kind, code, open): what was open at that time
select kind, code, count(*) as open
from sync.waits
where began_at < $until and coalesce(ended_at, 'infinity'::timestamp) >= $until
group by all
