-- in:  returned (link_id, salesforce_id, side, field, value, is_rewritten: how each sent value came back), sync.links
-- out: sync.frozen: how often in a row a side rewrote a field (R12); a value that comes back as it was sent ends the row
create or replace temp table came_back as
select distinct coalesce(link.link_id, returned.link_id) as link_id, returned.field, returned.side, returned.value, returned.is_rewritten
from returned
-- a Contact is one record for all mailboxes
left join sync.links as link
    on returned.side = 'salesforce' and link.salesforce_id = returned.salesforce_id and link.state = 'linked';

delete from sync.frozen
where rewrites < 2 and (link_id, field, side) in (select (link_id, field, side) from came_back where not is_rewritten);

update sync.frozen as frozen set rewrites = frozen.rewrites + 1, value = came_back.value
from came_back
where came_back.is_rewritten and frozen.link_id = came_back.link_id and frozen.field = came_back.field and frozen.side = came_back.side;

insert into sync.frozen by name
select link_id, field, side, 1 as rewrites, value from came_back
where is_rewritten and not exists (
    select 1 from sync.frozen as frozen
    where frozen.link_id = came_back.link_id and frozen.field = came_back.field and frozen.side = came_back.side);
