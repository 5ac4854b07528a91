-- in:  sync.links
-- out: one row per contact that is linked twice in one mailbox: mailbox, side, id, links
select mailbox, 'outlook' as side, outlook_id as id, count(*) as links
from sync.links where state = 'linked' group by all having count(*) > 1
union all
select mailbox, 'salesforce', salesforce_id, count(*)
from sync.links where state = 'linked' group by all having count(*) > 1
order by all;
