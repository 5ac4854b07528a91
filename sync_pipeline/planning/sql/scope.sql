{% from 'link_states.sql' import open_links -%}
{% from 'members_of.sql' import members_of -%}
-- in:  planning.seen_marks, planning.whole, planning.unlike, planning.unlinked, planning.unheld, planning.successors,
--      planning.undo_parts, planning.mailboxes, outlook.contacts, salesforce.contacts, sync.marks, sync.links, sync.problems,
--      sync.conflicts
-- out: planning.scope_items (mailbox, outlook_id), planning.scope_contacts (contact_id): what this planning looks at. Of a Contact
--      every link is looked at, since an edit in one mailbox concerns all; of an Outlook contact its copies, its original, and the
--      Contact that it is linked to, was linked to, or is stamped with.
--      planning.open_links (the open links of these Contacts), planning.bereft (those whose own item is gone or deleted),
--      planning.members (mailbox × Contact in its view, of these Contacts)

-- what was touched since it was last seen to agree; what a person asked to take back or was told of; what has to be put back
create or replace table planning.scope_items as
with named as (
    select mark.mailbox, mark.id as outlook_id
    from sync.marks as mark
    where mark.kind = 'item' and mark.number <= (select number from planning.seen_marks)
      and mark.mailbox not in (select mailbox from planning.whole)
    union
    select mailbox, outlook_id from planning.unlinked
    union
    select mailbox, outlook_id from planning.undo_parts where outlook_id <> ''
    union
    select mailbox, outlook_id from sync.problems where outlook_id <> ''
    union
    select mailbox, id from outlook.contacts where lost_with_folder and place = 'deleted'
), kin as (
    select mailbox, outlook_id from named
    union
    select copy.mailbox, copy.id
    from outlook.contacts as copy join named on named.mailbox = copy.mailbox and named.outlook_id = copy.copy_of
    union
    select own.mailbox, own.copy_of
    from outlook.contacts as own join named on named.mailbox = own.mailbox and named.outlook_id = own.id
    where own.copy_of <> ''
)
select mailbox, outlook_id from kin where mailbox in (select mailbox from planning.mailboxes);

create or replace table planning.scope_contacts as
with accounts as (
    select mark.id from sync.marks as mark where mark.kind = 'account' and mark.number <= (select number from planning.seen_marks)
), touched as (
    select mark.id from sync.marks as mark
    where mark.kind = 'contact' and mark.number <= (select number from planning.seen_marks)
      -- where every mailbox is compared whole, a mark says nothing more
      and exists (select 1 from planning.mailboxes where mailbox not in (select mailbox from planning.whole))
), items as (
    select item.stamp_contact
    from outlook.contacts as item
    join planning.scope_items as named on named.mailbox = item.mailbox and named.outlook_id = item.id
    where item.stamp_org = {{ literal(org_id) }}
), named as (
    select id from touched
    union
    select contact_id from planning.unlike
    union
    select contact_id from planning.unheld
    union
    select contact_id from planning.undo_parts
    union
    select salesforce_id from sync.problems
    union
    select salesforce_id from sync.conflicts where is_open
    union
    select stamp_contact from items
    union
    -- open links, and ended ones
    select link.salesforce_id
    from sync.links as link
    join planning.scope_items as named on named.mailbox = link.mailbox and named.outlook_id = link.outlook_id
    union
    select link.salesforce_id
    from sync.links as link
    where link.link_id in (
        select link_id from planning.undo_parts union all select link_id from sync.conflicts where is_open)
    union
    select contact.id from salesforce.contacts as contact where contact.account_id in (select id from accounts)
    union
    -- R7: an Account more or less may decide what none could; that of a Person Account is given to nobody
    select link.salesforce_id
    from sync.links as link
    join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox and mailbox.retry_empty
    where link.state = 'linked' and link.account_rule in ('no_match', 'ambiguous_substring', 'no_company') and (
        exists (select 1 from accounts)
        or exists (select 1 from salesforce.contacts as person where person.is_person_account and person.id in (select id from touched)))
)
select distinct coalesce(successor.winner, named.id) as contact_id
from named left join planning.successors as successor on successor.id = named.id
where named.id <> '';

create or replace table planning.open_links as
{{ open_links('planning.scope_contacts') }};

create or replace table planning.bereft as
select open.link_id, open.contact_id
from planning.open_links as open
left join outlook.contacts as own on own.mailbox = open.mailbox and own.id = open.outlook_id
where coalesce(own.place, 'gone') in ('gone', 'deleted');

create or replace table planning.members as
{{ members_of('true', 'contact.id in (select contact_id from planning.scope_contacts)') }};

-- what becomes of an item concerns those that are linked to its Contact
insert into planning.scope_items
select mailbox, outlook_id from planning.open_links
where (mailbox, outlook_id) not in (select (mailbox, outlook_id) from planning.scope_items);
