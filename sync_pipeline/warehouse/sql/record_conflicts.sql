-- in:  planning.conflicts, planning.mailboxes, moment (run_id, happened_at)
-- out: sync.conflicts: those that a run found, each once for as long as every run of its mailbox finds the same
create or replace temp table seen as
select distinct known.rowid as number, conflict.link_id, conflict.field, conflict.policy, conflict.winner,
    conflict.outlook_value, conflict.salesforce_value
from planning.conflicts as conflict
join sync.conflicts as known on known.is_open and known.mailbox = conflict.mailbox and known.link_id = conflict.link_id
    and known.field = conflict.field and known.policy = conflict.policy and known.winner = conflict.winner
    and known.outlook_value is not distinct from conflict.outlook_value
    and known.salesforce_value is not distinct from conflict.salesforce_value;

update sync.conflicts set is_open = false
where is_open and mailbox in (select mailbox from planning.mailboxes) and rowid not in (select number from seen);

insert into sync.conflicts by name
select moment.run_id, moment.happened_at as found_at, conflict.*, true as is_open
from planning.conflicts as conflict cross join moment
where not exists (
    select 1 from seen where seen.link_id = conflict.link_id and seen.field = conflict.field and seen.policy = conflict.policy
        and seen.winner = conflict.winner and seen.outlook_value is not distinct from conflict.outlook_value
        and seen.salesforce_value is not distinct from conflict.salesforce_value);
