-- in:  sync.journal, refused (run_id, mailbox, subject, field, code, message, remedy, salesforce_id, outlook_id, finished_at),
--      solved (mailbox, subject: contacts that were written now), receipts, sync.journal_bases
-- out: sync.problems; those with attempts > 0 come from refused writes and are tried again with growing pauses (R25)
-- a field's problem is solved by a write of that field, not by any other write of its contact; one of the whole write by one
-- like that which was refused
delete from sync.problems as problem
where attempts > 0 and (mailbox, subject) in (select (mailbox, subject) from solved)
    and (mailbox, subject, field) not in (select (mailbox, subject, field) from refused)
    and case when field = '' then coalesce((
        select bool_or(exists (
            select 1 from receipts
            where receipts.outcome = 'done' and receipts.mailbox = problem.mailbox and receipts.subject = problem.subject
              and receipts.side = refusal.side and receipts.action = refusal.action))
        from sync.journal as refusal
        where refusal.run_id = problem.last_run and refusal.outcome = 'refused' and refusal.mailbox = problem.mailbox
          and (problem.subject in (refusal.outlook_id, refusal.salesforce_id)
               or (refusal.salesforce_id <> '' and refusal.salesforce_id = problem.salesforce_id))), true)
    else exists (
        select 1 from receipts join sync.journal_bases as base using (run_id, operation_id)
        where receipts.outcome = 'done' and receipts.mailbox = problem.mailbox and receipts.subject = problem.subject
          and base.field = problem.field) end;

update sync.problems as problem
set code = refused.code, message = refused.message, remedy = refused.remedy, attempts = problem.attempts + 1,
    next_try = refused.finished_at + least(interval 25 minute * power(2, least(problem.attempts, 10))::integer, interval 1 day),
    last_run = refused.run_id
from refused
where problem.mailbox = refused.mailbox and problem.subject = refused.subject and problem.field = refused.field;

insert into sync.problems by name
select mailbox, subject, field, code, message, remedy, finished_at as since, 1 as attempts,
    finished_at + interval 25 minute as next_try, run_id as last_run, salesforce_id, outlook_id
from refused
where not exists (
    select 1 from sync.problems as problem
    where problem.mailbox = refused.mailbox and problem.subject = refused.subject and problem.field = refused.field);

-- a copy takes over what its original's fields were refused with (R6, R14)
update sync.problems as problem set subject = receipts.outlook_id, outlook_id = receipts.outlook_id
from receipts
where receipts.outcome = 'done' and receipts.action in ('move', 'restore') and receipts.outlook_id <> receipts.subject
  and problem.attempts > 0 and problem.mailbox = receipts.mailbox and problem.subject = receipts.subject;
