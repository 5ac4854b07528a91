-- in:  written (mailbox, outlook_id, salesforce_id, change_key, display_name, has_stamp, modstamp: what our writes left behind)
-- out: sync.links: "last written by us" of either side, the display name we left, whether the item carries the stamp
update sync.links as link
set outlook_written_key = coalesce(written.change_key, link.outlook_written_key),
    outlook_display_name = coalesce(written.display_name, link.outlook_display_name),
    has_stamp = coalesce(written.has_stamp, link.has_stamp)
from written
where written.outlook_id <> '' and link.mailbox = written.mailbox and link.outlook_id = written.outlook_id and link.state = 'linked';

-- a Contact is one record for all mailboxes, and for a link that is opened again with it (R24)
update sync.links as link set salesforce_written_stamp = written.modstamp
from written
where written.modstamp is not null and written.salesforce_id <> '' and link.salesforce_id = written.salesforce_id;
