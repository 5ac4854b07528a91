-- in:  salesforce.contacts, salesforce.accounts, salesforce.view_members, salesforce.readers, outlook.contacts, sync.links,
--      planning.mailboxes
-- out: planning.contacts (what a mailbox may know of each Contact), planning.successors (loser → winner of a merge),
--      planning.members (mailbox × Contact in its view), planning.links (open links with the state of both ends)

create or replace table planning.successors as
with recursive chain (id, winner, depth) as (
    select id, master_id, 1 from salesforce.contacts where is_deleted and coalesce(master_id, '') <> ''
    union all
    select chain.id, next.master_id, chain.depth + 1
    from chain join salesforce.contacts as next on next.id = chain.winner
    where next.is_deleted and coalesce(next.master_id, '') <> '' and chain.depth < 50
)
select id, arg_max(winner, depth) as winner from chain group by id;

-- Account.Name is joined here and not stored, because a renamed Account does not stamp its Contacts.
create or replace view planning.contacts as
select
    contact.id, contact.is_deleted, contact.master_id, contact.account_id, contact.owner_id, contact.created_at, contact.modified_at,
    contact.modified_by, contact.modstamp, contact.is_person_account, contact.is_readable,
    {% for f in fields if f.name not in ('company', 'record_link') %}contact.{{ f.name }}, {% endfor %}
    {% for f in fields if f.name == 'company' -%}
    case when contact.is_person_account then '' else coalesce(account.name, '') end as company,
    {% endfor -%}
    {% for f in fields if f.name == 'record_link' -%}
    {{ literal(instance_url) }} || '/' || contact.id as record_link,
    {% endfor -%}
    account.name as account_name
from salesforce.contacts as contact
left join salesforce.accounts as account on account.id = contact.account_id;

create or replace view planning.readable as
select mailbox.mailbox, contact.id as contact_id
from planning.mailboxes as mailbox join salesforce.contacts as contact on mailbox.reader = 'org'
where contact.is_readable and not contact.is_deleted
union all
select reader.mailbox, reader.contact_id
from salesforce.readers as reader
join planning.mailboxes as mailbox on mailbox.mailbox = reader.mailbox and mailbox.reader <> 'org'
join salesforce.contacts as contact on contact.id = reader.contact_id and contact.is_readable and not contact.is_deleted;

create or replace table planning.members as
select mailbox.mailbox, contact.id as contact_id
from planning.mailboxes as mailbox
join salesforce.contacts as contact
    on mailbox.view_kind = 'all' or (mailbox.view_kind = 'mine' and contact.owner_id = mailbox.salesforce_user_id)
where mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable
  and (mailbox.reader = 'org' or exists (
        select 1 from salesforce.readers as reader
        where reader.mailbox = mailbox.mailbox and reader.contact_id = contact.id))
union all
select mailbox.mailbox, contact.id
from planning.mailboxes as mailbox
join salesforce.view_members as member on member.view_key = mailbox.view_key
join salesforce.contacts as contact on contact.id = member.contact_id
where mailbox.view_kind = 'list' and mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable;

create or replace table planning.links as
with resolved as (
    select link.*, coalesce(successor.winner, link.salesforce_id) as contact_id, successor.winner is not null as is_merged
    from sync.links as link
    join planning.mailboxes using (mailbox)
    left join planning.successors as successor on successor.id = link.salesforce_id
    where link.state = 'linked'
)
select
    link.link_id, link.mailbox, link.outlook_id, link.salesforce_id, link.contact_id, link.is_merged, link.origin,
    false as is_new, link.seen_in_view, link.has_stamp, link.created_at, link.account_rule, link.account_company,
    coalesce(item.place, 'gone') as place, coalesce(item.lost_with_folder, false) as lost_with_folder,
    item.change_key, item.modified_at as outlook_modified_at, item.display_name, coalesce(item.categorised, false) as categorised,
    item.stamp_contact, item.stamp_org,
    coalesce(item.change_key = link.outlook_written_key, false) as outlook_written_by_us,
    coalesce(contact.modstamp <= max(link.salesforce_written_stamp) over (partition by link.contact_id), false)
        as salesforce_written_by_us,
    contact.modstamp, contact.modified_at as salesforce_modified_at, coalesce(contact.is_person_account, false) as is_person_account,
    case
        when contact.id is null and link.is_merged then 'merge_pending'
        when contact.id is null or not contact.is_readable then 'unreadable'
        when contact.is_deleted then 'deleted'
        when mailbox.reader <> 'org' and reader.contact_id is null then 'unreadable'
        else 'present'
    end as contact_state,
    member.contact_id is not null as in_view,
    row_number() over (
        partition by link.mailbox, link.contact_id
        order by link.is_merged, link.created_at, link.link_id
    ) as place_in_merge
from resolved as link
join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox
left join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id
left join salesforce.contacts as contact on contact.id = link.contact_id
left join salesforce.readers as reader on reader.mailbox = link.mailbox and reader.contact_id = link.contact_id
left join planning.members as member on member.mailbox = link.mailbox and member.contact_id = link.contact_id;
