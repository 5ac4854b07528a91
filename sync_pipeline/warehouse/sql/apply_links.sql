-- in:  due_links, due_bases, moment (run_id, happened_at)
-- out: sync.links without its bases; sync.history with one event for each link that is made, closed, opened again, or moved to
--      a winner or (without an operation of ours) to another item
--      (nothing where due_links is empty: journal.py leaves it out then)
insert into sync.links by name
select due.link_id, due.mailbox, due.outlook_id, due.salesforce_id, due.origin, 'linked' as state,
    coalesce(due.seen_in_view, false) as seen_in_view, false as has_stamp, moment.run_id as created_run, moment.happened_at as created_at,
    -- R7: what decided the Account, and from which Company, so that `retry_empty` can decide it again
    case when due.origin = 'outlook' then nullif(due.reason, '') end as account_rule,
    case when due.origin = 'outlook' then company.outlook_value end as account_company,
    case when due.origin = 'outlook' then due.candidates end as account_candidates
from due_links as due
cross join moment
left join due_bases as company on company.link_id = due.link_id and company.field = 'company'
where due.kind = 'link' and not exists (select 1 from sync.links as known where known.link_id = due.link_id);

update sync.links as link set outlook_id = due.outlook_id
from due_links as due where due.kind = 'item' and due.outlook_id <> '' and link.link_id = due.link_id;

update sync.links as link
set salesforce_id = due.salesforce_id, seen_in_view = coalesce(due.seen_in_view, link.seen_in_view)
from due_links as due where due.kind = 'relink' and due.salesforce_id <> '' and link.link_id = due.link_id;

update sync.links as link
set account_rule = due.reason, account_candidates = coalesce(due.candidates, link.account_candidates)
from due_links as due where due.kind = 'account' and link.link_id = due.link_id;

update sync.links as link set seen_in_view = true
from due_links as due where due.kind = 'view' and link.link_id = due.link_id;

update sync.links as link
set state = 'closed', closed_reason = due.reason, closed_run = moment.run_id, closed_at = moment.happened_at
from due_links as due cross join moment where due.kind = 'close' and link.link_id = due.link_id;

-- R24: with its bases of then, so that what was edited since is known for an edit
update sync.links as link
set state = 'linked', closed_reason = null, closed_run = null, closed_at = null, seen_in_view = coalesce(due.seen_in_view, link.seen_in_view),
    outlook_id = coalesce(nullif(due.outlook_id, ''), link.outlook_id), salesforce_id = coalesce(nullif(due.salesforce_id, ''), link.salesforce_id)
from due_links as due where due.kind = 'reopen' and link.link_id = due.link_id;

insert into sync.history by name
select uuid()::varchar as event_id, moment.happened_at, moment.run_id, link.mailbox,
    coalesce(nullif(link.salesforce_id, ''), link.outlook_id) as contact_key, link.link_id, link.outlook_id, link.salesforce_id,
    due.operation_id, case due.kind when 'close' then 'unlink' when 'item' then 'relink' else due.kind end as action, due.reason, 'done' as outcome
from due_links as due
join sync.links as link using (link_id)
cross join moment
where due.kind in ('link', 'close', 'relink', 'reopen') or (due.kind = 'item' and due.operation_id is null);
