-- in:  held (kind: contact | item | link, id: whose e-mail it is now or was once, or who was named by an id), salesforce.contacts,
--      outlook.contacts, sync.links, sync.history
-- out: person (kind, id): the Contacts, Outlook contacts and links that are this person's; living (kind, id): those of them that
--      still stand on a service, or wait to be unlinked; shown (name, mailbox, salesforce_id, outlook_id, state): for people
create or replace temp table person as
with recursive merges as (
    -- R17: the records that were merged are one person's
    select id as one, master_id as other from salesforce.contacts where master_id <> ''
    union all select master_id, id from salesforce.contacts where master_id <> ''
), contacts(id) as (
    select id from (
        select id from held where kind = 'contact'
        union select salesforce_id from sync.links where link_id in (select id from held where kind = 'link')
        union select salesforce_id from sync.links where outlook_id in (select id from held where kind = 'item'))
    where id <> ''
    union
    select merges.other from merges join contacts on merges.one = contacts.id
), links as (
    select id from held where kind = 'link' and id <> ''
    union select link_id from sync.links where salesforce_id in (select id from contacts)
    union select link_id from sync.links where outlook_id in (select id from held where kind = 'item')
    union select link_id from sync.history where salesforce_id in (select id from contacts) and link_id <> ''
), items as (
    select id from held where kind = 'item' and id <> ''
    union select outlook_id from sync.links where outlook_id <> '' and link_id in (select id from links)
    union select outlook_id from sync.history where outlook_id <> '' and link_id in (select id from links)
)
select 'contact' as kind, id from contacts
union all select 'link', id from links
union all select 'item', id from items;

create or replace temp table living as
select 'contact' as kind, id from salesforce.contacts
where id in (select id from person where kind = 'contact') and is_readable and not coalesce(is_deleted, false)
union all
select 'link', link_id from sync.links where state = 'linked' and link_id in (select id from person where kind = 'link')
union all
select 'item', item.id from outlook.contacts as item
where item.id in (select id from person where kind = 'item') and (
    place in ('folder', 'elsewhere')
    or exists (select 1 from sync.links as link where link.mailbox = item.mailbox and link.outlook_id = item.id and link.state = 'linked'));

create or replace temp table shown as
with linked as (
    select link.mailbox, link.salesforce_id, link.outlook_id, link.state from sync.links as link
    where link.link_id in (select id from person where kind = 'link')
), alone as (
    select '' as mailbox, id as salesforce_id, '' as outlook_id, '' as state from person
    where kind = 'contact' and id not in (select salesforce_id from linked)
    union all
    select item.mailbox, '', item.id, '' from outlook.contacts as item
    where item.id in (select id from person where kind = 'item') and item.id not in (select outlook_id from linked)
)
select coalesce(nullif(item.display_name, ''), contact.name, '') as name, found.*
from (from linked union all from alone) as found
left join outlook.contacts as item on item.mailbox = found.mailbox and item.id = found.outlook_id
left join salesforce.contacts as contact on contact.id = found.salesforce_id
