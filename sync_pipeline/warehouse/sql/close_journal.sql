-- in:  receipts (what became of each intent)
-- out: sync.journal without the finished intents' values, with a row for what was never sent; sync.journal_links,
--      sync.journal_bases without the finished rows
insert into sync.journal by name
select run_id, operation_id, mailbox, side, action, link_id, finished_at as started_at from receipts as receipt
where not exists (
    select 1 from sync.journal as journal
    where journal.run_id = receipt.run_id and journal.operation_id = receipt.operation_id);

update sync.journal as journal
set outcome = receipt.outcome, outlook_id = receipt.outlook_id, salesforce_id = receipt.salesforce_id, code = receipt.code,
    message = receipt.message, result = receipt.result, finished_at = receipt.finished_at, intent = null
from receipts as receipt
where journal.run_id = receipt.run_id and journal.operation_id = receipt.operation_id and journal.outcome is null;

delete from sync.journal_links where (run_id, operation_id) in (select (run_id, operation_id) from receipts);
delete from sync.journal_bases where (run_id, operation_id) in (select (run_id, operation_id) from receipts);
