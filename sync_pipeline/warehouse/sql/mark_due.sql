-- in:  due_links, due_bases, sync.links
-- out: sync.marks of both ends of every link that either is about
with due as (select link_id from due_links union select link_id from due_bases)
insert into sync.marks by name
select 'contact' as kind, '' as mailbox, link.salesforce_id as id from due join sync.links as link using (link_id) where link.salesforce_id <> ''
union
select 'item', link.mailbox, link.outlook_id from due join sync.links as link using (link_id) where link.outlook_id <> '';
