-- in:  planning.link_changes, planning.base_updates
-- out: due_links, due_bases (temporary): what needs no write on either service
create or replace temp table due_links as
select kind, mailbox, link_id, coalesce(outlook_id, '') as outlook_id, coalesce(salesforce_id, '') as salesforce_id, origin, reason,
    seen_in_view, null::varchar as operation_id, null::integer as candidates
from planning.link_changes where operation_id is null;

create or replace temp table due_bases as
select link_id, field, outlook_value, salesforce_value from planning.base_updates where operation_id is null;
