-- in:  receipts (what became of each intent)
-- out: sync.journal without the finished intents' values; sync.journal_links, sync.journal_bases without the finished rows
update sync.journal as journal
set outcome = receipt.outcome, outlook_id = receipt.outlook_id, salesforce_id = receipt.salesforce_id, code = receipt.code,
    message = receipt.message, result = receipt.result, finished_at = receipt.finished_at, intent = null
from receipts as receipt
where journal.run_id = receipt.run_id and journal.operation_id = receipt.operation_id and journal.outcome is null;

delete from sync.journal_links where (run_id, operation_id) in (select (run_id, operation_id) from receipts);
delete from sync.journal_bases where (run_id, operation_id) in (select (run_id, operation_id) from receipts);
