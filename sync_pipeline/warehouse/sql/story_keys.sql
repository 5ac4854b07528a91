-- in:  sync.links, sync.history, salesforce.contacts; $keys: Outlook and Salesforce ids
-- out: (keys, links): the ids with those of the Contacts that were merged into them; every link that one of them ever had
with recursive meant(id) as (
    select unnest($keys::varchar[])
    union
    select contact.id from salesforce.contacts as contact join meant on contact.master_id = meant.id
), had as (
    select link_id from sync.links where salesforce_id in (select id from meant)
    union select link_id from sync.links where outlook_id in (select id from meant)
    union select link_id from sync.history where salesforce_id in (select id from meant)
    union select link_id from sync.history where outlook_id in (select id from meant)
)
select (select list(id order by id) from meant) as keys,
    coalesce((select list(link_id order by link_id) from had where link_id <> ''), []) as links
