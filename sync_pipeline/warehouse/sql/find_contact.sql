-- in:  outlook.contacts, salesforce.contacts, sync.links; $text as given, $lower in lower case
-- out: (mailbox, outlook_id, salesforce_id, name) of everyone meant by an id, an e-mail or a name; mailbox '' where none holds the Contact
with items as (
    select item.mailbox, item.id as outlook_id, coalesce(link.salesforce_id, '') as salesforce_id, item.display_name as name
    from outlook.contacts as item
    left join sync.links as link on link.mailbox = item.mailbox and link.outlook_id = item.id and link.state = 'linked'
    where item.id = $text or lower(item.display_name) = $lower or link.salesforce_id = $text
        or list_contains(list_transform(item.email_list, lambda entry: lower(entry)), $lower)
), people as (
    select coalesce(link.mailbox, '') as mailbox, coalesce(link.outlook_id, '') as outlook_id, contact.id as salesforce_id, contact.name
    from salesforce.contacts as contact
    left join sync.links as link on link.salesforce_id = contact.id and link.state = 'linked'
    where contact.id = $text or left(contact.id, 15) = $text or lower(contact.email) = $lower or lower(contact.name) = $lower
), links as (
    select mailbox, outlook_id, salesforce_id, outlook_display_name as name from sync.links where outlook_id = $text or salesforce_id = $text
)
select mailbox, outlook_id, salesforce_id, any_value(name) as name
from (from items union all from people union all from links)
group by mailbox, outlook_id, salesforce_id
order by all
