-- in:  planning.contact_matches, planning.contact_changes, planning.links, planning.mailboxes, planning.items,
--      salesforce.contacts
-- out: planning.companies (key, company): the Companies that need an Account (R7); key is a link id or `mailbox|item id`
create or replace table planning.companies as
select match.mailbox || '|' || match.outlook_id as key, coalesce(item.company, '') as company
from planning.contact_matches as match
join planning.items as item on item.mailbox = match.mailbox and item.id = match.outlook_id
join planning.mailboxes as mailbox on mailbox.mailbox = match.mailbox and mailbox.account_mode = 'resolve'
where match.verdict in ('create', 'hold')
union all
select change.link_id, change.outlook_value
from planning.contact_changes as change
where change.field = 'company' and change.course = 'resolve'
union all
-- retry_empty: created by us with an empty Account, which nobody has set or cleared since
select link.link_id, item.company
from planning.links as link
join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox and mailbox.retry_empty and mailbox.account_mode = 'resolve'
join planning.items as item on item.mailbox = link.mailbox and item.id = link.outlook_id
join salesforce.contacts as contact on contact.id = link.contact_id and coalesce(contact.account_id, '') = ''
where link.account_rule in ('no_match', 'ambiguous_substring', 'no_company') and coalesce(item.company, '') <> ''
  and link.place = 'folder' and link.contact_state = 'present' and not link.is_person_account
  and link.link_id not in (
    select change.link_id from planning.contact_changes as change where change.field = 'company' and change.course = 'resolve');
