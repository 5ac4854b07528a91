-- in:  events, event_values (rows of sync.history, sync.history_values with run and operation), sync.journal_bases
-- out: sync.history, sync.history_values; sync.history_bases: what each side held after the write where the event's own
--      values do not tell it
insert into sync.history by name select * from events;

create or replace temp table told as
select v.*, coalesce(base.is_first, false) as is_first,
    coalesce(base.outlook_value = v.after and base.salesforce_value = v.after, false) as is_agreed
from event_values as v
join events using (event_id)
left join sync.journal_bases as base
    on base.run_id = events.run_id and base.operation_id = events.operation_id and base.link_id = events.link_id and base.field = v.field;

insert into sync.history_values by name select * from told;

insert into sync.history_bases by name
select events.event_id, events.contact_key, base.link_id, base.field, base.outlook_value, base.salesforce_value
from sync.journal_bases as base
join events using (run_id, operation_id)
left join told on told.event_id = events.event_id and told.field = base.field and base.link_id = events.link_id and told.is_agreed
where events.outcome = 'done' and told.event_id is null;
