-- in:  sync.links, leaving (mailbox)
-- out: due_links, due_bases (temporary): every link of the mailbox closes;
--      outlook.contacts, outlook.folders, outlook.mailboxes, salesforce.readers, sync.holds, sync.problems, sync.verdicts and
--      sync.fingerprints, sync.compared without its rows
create or replace temp table due_links as
select 'close' as kind, link.mailbox, link.link_id, link.outlook_id, link.salesforce_id, null::varchar as origin, 'mailbox_removed' as reason,
    null::boolean as seen_in_view, null::varchar as operation_id, null::integer as candidates
from sync.links as link join leaving using (mailbox) where link.state = 'linked';
create or replace temp table due_bases (link_id varchar, field varchar, outlook_value varchar, salesforce_value varchar);

delete from outlook.contacts where mailbox in (select mailbox from leaving);
delete from outlook.folders where mailbox in (select mailbox from leaving);
delete from outlook.mailboxes where mailbox in (select mailbox from leaving);
delete from salesforce.readers where mailbox in (select mailbox from leaving);
delete from sync.holds where mailbox in (select mailbox from leaving);
delete from sync.problems where mailbox in (select mailbox from leaving);
delete from sync.verdicts where mailbox in (select mailbox from leaving);
delete from sync.fingerprints where mailbox in (select mailbox from leaving);
delete from sync.compared where mailbox in (select mailbox from leaving);
