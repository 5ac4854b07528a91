-- in:  outlook.mailboxes
-- out: one row per mailbox that could not be synchronised: mailbox, code, message, remedy
select mailbox, coalesce(code, '') as code, coalesce(message, '') as message, coalesce(remedy, '') as remedy
from outlook.mailboxes
where status = 'stopped'
order by mailbox;
