-- in:  sync.history, sync.history_values; $contact, $item
-- out: the events of a Contact and of its item with their values, by a scan of both tables and nothing else
select event.*, held.fields
from (select * from sync.history where salesforce_id = $contact
      union select * from sync.history where outlook_id = $item) as event
join (
    select event_id, list({field: field, before: before, after: after} order by field) as fields
    from sync.history_values where contact_key = $contact group by event_id
) as held using (event_id)
order by event.happened_at, event.event_id
