-- in:  planning.mailboxes (of the last plan), salesforce.contacts, salesforce.view_members, salesforce.readers; $mailbox, $salesforce_id
-- out: (view_kind, is_seen): whether the Contact is in the mailbox's view; no row where the last plan did not take the mailbox
select mailbox.view_kind,
    (mailbox.view_kind = 'all' or (mailbox.view_kind = 'mine' and contact.owner_id = mailbox.salesforce_user_id)
     or (mailbox.view_kind = 'list' and exists (
            select 1 from salesforce.view_members as member
            where member.view_key = mailbox.view_key and member.contact_id = contact.id)))
    and (mailbox.view_kind = 'list' or mailbox.reader = 'org' or exists (
            select 1 from salesforce.readers as reader
            where reader.mailbox = mailbox.mailbox and reader.contact_id = contact.id)) as is_seen
from planning.mailboxes as mailbox
join salesforce.contacts as contact on contact.id = $salesforce_id and contact.is_readable and not coalesce(contact.is_deleted, false)
where mailbox.mailbox = $mailbox and mailbox.enabled and mailbox.view_usable
