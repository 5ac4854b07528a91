-- in:  sync.problems
-- out: one row per mailbox with contacts that lack what Salesforce requires: mailbox, contacts
select mailbox, count(distinct subject) as contacts
from sync.problems
where code in ('required_field_missing', 'required_field_cleared')
group by mailbox
order by contacts desc, mailbox;
