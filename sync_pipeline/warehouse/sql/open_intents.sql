-- in:  intents (rows of sync.journal), planning.link_changes, planning.base_updates
-- out: sync.journal, sync.journal_links, sync.journal_bases
insert into sync.journal by name select * from intents;

insert into sync.journal_links by name
select intents.run_id, change.*
from planning.link_changes as change join intents using (operation_id);

insert into sync.journal_bases by name
select intents.run_id, base.*
from planning.base_updates as base join intents using (operation_id);
