-- in:  sync.history, sync.history_values, sync.links, salesforce.contacts; $lower in lower case
-- out: (id): the Contacts and Outlook contacts that had this e-mail or this name once, as far as the history and links tell
with events as (
    select event_id from sync.history_values where field = 'email' and $lower in (lower(before), lower(after))
), names as (
    select contact_key, field, unnest([lower(before), lower(after)]) as value from sync.history_values
    where field in ('first_name', 'last_name')
    union all
    select id, field, lower(case field when 'first_name' then first_name else last_name end)
    from salesforce.contacts cross join (values ('first_name'), ('last_name')) as fields(field)
), named as (
    select last.contact_key
    from names as last
    left join names as first on first.contact_key = last.contact_key and first.field = 'first_name' and first.value <> ''
    where last.field = 'last_name' and last.value <> '' and ends_with($lower, last.value)
      and $lower in (last.value, concat_ws(' ', first.value, last.value))
), linked as (
    select outlook_id, salesforce_id from sync.links
    where $lower in (lower(outlook_email), lower(salesforce_email), lower(outlook_display_name))
)
select id from (
    select coalesce(nullif(salesforce_id, ''), outlook_id) as id from sync.history where event_id in (select event_id from events)
    union
    select contact_key from named
    union
    select coalesce(nullif(salesforce_id, ''), outlook_id) from linked)
where id <> '' order by id
