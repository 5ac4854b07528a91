-- in:  the variables operations, contacts, days, seed
-- out: sync.history, sync.history_values: so many updates over the days, in the order in which they happened, two fields each
insert into sync.history by name
select
    uuid()::varchar as event_id,
    timestamp '2025-01-01' + to_seconds(n * (getvariable('days') * 86400) // getvariable('operations')) as happened_at,
    'run-' || n // 5000 as run_id,
    printf('mailbox%04d@example.com', contact % 1000) as mailbox,
    printf('003%012dAAA', contact) as contact_key,
    left(md5(contact || 'link'), 16) as link_id,
    'AAkALgAA' || md5(contact || 'item') || md5(contact || 'more') as outlook_id,
    printf('003%012dAAA', contact) as salesforce_id,
    's' || left(md5(n || 'operation'), 15) as operation_id,
    ['salesforce', 'outlook'][n % 2 + 1] as side, 'update' as action, 'R10' as rule,
    'Edited in Outlook: job_title, phone.' as reason, 'done' as outcome, '' as code, '' as message
from (select n, hash(n, getvariable('seed')) % getvariable('contacts') as contact
      from range(getvariable('operations')) as numbers(n));

insert into sync.history_values by name
select event_id, contact_key, field, 'Old ' || left(operation_id, 8) as before, 'New ' || right(operation_id, 8) as after
from sync.history cross join (values ('job_title'), ('phone')) as fields(field);
