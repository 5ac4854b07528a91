-- in:  due_bases, sync.links, moment (run_id, happened_at)
-- out: sync.history, sync.history_values: one event for each link whose bases were observed to agree, with their values;
--      sync.history_bases: the fields that were found empty on both sides
create or replace temp table agreed as
select uuid()::varchar as event_id, link.link_id, link.mailbox, link.outlook_id, link.salesforce_id,
    coalesce(nullif(link.salesforce_id, ''), link.outlook_id) as contact_key
from sync.links as link where link.link_id in (select link_id from due_bases);

insert into sync.history by name
select agreed.*, moment.happened_at, moment.run_id, 'agree' as action, 'done' as outcome from agreed cross join moment;

insert into sync.history_values by name
select agreed.event_id, agreed.contact_key, due.field, due.outlook_value as before, due.salesforce_value as after
from due_bases as due join agreed using (link_id)
where coalesce(due.outlook_value, '') <> '' or coalesce(due.salesforce_value, '') <> '';

insert into sync.history_bases by name
select agreed.event_id, agreed.contact_key, agreed.link_id, due.field, due.outlook_value, due.salesforce_value
from due_bases as due join agreed using (link_id)
where coalesce(due.outlook_value, '') = '' and coalesce(due.salesforce_value, '') = '';
