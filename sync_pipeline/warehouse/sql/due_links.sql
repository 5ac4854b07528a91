-- in:  done (run_id, operation_id, outlook_id, salesforce_id, candidates: what operations that ended well made),
--      sync.journal_links, sync.journal_bases
-- out: due_links, due_bases (temporary): what the operations' receipts change in links and in their bases
create or replace temp table due_links as
select change.kind, change.mailbox, change.link_id,
    coalesce(nullif(change.outlook_id, ''), done.outlook_id, '') as outlook_id,
    coalesce(nullif(change.salesforce_id, ''), done.salesforce_id, '') as salesforce_id,
    change.origin, change.reason, change.seen_in_view, change.operation_id, done.candidates
from sync.journal_links as change
join done using (run_id, operation_id)
union all
select 'item', mailbox, link_id, outlook_id, '', '', '', false, operation_id, null from done where moves_link and link_id <> '';

create or replace temp table due_bases as
select base.link_id, base.field, base.outlook_value, base.salesforce_value
from sync.journal_bases as base
join done using (run_id, operation_id);
