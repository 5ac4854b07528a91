-- in:  outlook.contacts, salesforce.contacts, sync.links; $text as given, $lower in lower case
-- out: (mailbox, outlook_id, salesforce_id, name) of everyone meant by an id, an e-mail or a name, in each mailbox that holds the
--      Contact or held it once; mailbox '' where none ever did
with items as (
    select item.mailbox, item.id as outlook_id, item.display_name as name, item.place, coalesce(link.salesforce_id, '') as salesforce_id
    from outlook.contacts as item
    left join sync.links as link on link.mailbox = item.mailbox and link.outlook_id = item.id and link.state = 'linked'
    where item.id = $text or lower(item.display_name) = $lower or link.salesforce_id = $text
        or list_contains(list_transform(item.email_list, lambda entry: lower(entry)), $lower)
), thrown_away as (
    -- what lies in Deleted Items is the Contact's whose link it had last
    select mailbox, outlook_id, arg_max(salesforce_id, closed_at) as salesforce_id from sync.links
    where state = 'closed' and outlook_id in (select outlook_id from items where place in ('deleted', 'gone') and salesforce_id = '')
    group by mailbox, outlook_id
), matched as (
    select id, name, master_id from salesforce.contacts
    where id = $text or left(id, 15) = $text or lower(email) = $lower or lower(name) = $lower
), people as (
    -- a record that was merged is told of with the one that it was merged into
    select id, name from matched
    where id = $text or left(id, 15) = $text or coalesce(master_id, '') not in (select id from matched)
), held as (
    select mailbox, outlook_id, salesforce_id from sync.links where state = 'linked' and salesforce_id in (select id from people)
), held_once as (
    -- of an item that was linked to another Contact since, that link tells
    select mailbox, arg_max(outlook_id, closed_at) as outlook_id, salesforce_id from sync.links
    where state = 'closed' and salesforce_id in (select id from people)
      and (mailbox, salesforce_id) not in (select (mailbox, salesforce_id) from held)
      and (mailbox, outlook_id) not in (select (mailbox, outlook_id) from sync.links where state = 'linked')
    group by mailbox, salesforce_id
), links as (
    select mailbox, outlook_id, salesforce_id, outlook_display_name as name from sync.links where outlook_id = $text or salesforce_id = $text
), together as (
    select items.mailbox, items.outlook_id, coalesce(nullif(items.salesforce_id, ''), thrown_away.salesforce_id, '') as salesforce_id, name
    from items left join thrown_away on thrown_away.mailbox = items.mailbox and thrown_away.outlook_id = items.outlook_id
    union all
    select coalesce(link.mailbox, ''), coalesce(link.outlook_id, ''), person.id, person.name
    from people as person left join (from held union all from held_once) as link on link.salesforce_id = person.id
    union all
    from links
)
select mailbox, outlook_id, salesforce_id, any_value(name) as name
from together
group by mailbox, outlook_id, salesforce_id
order by all
