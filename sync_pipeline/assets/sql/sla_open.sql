-- in:  sync.plan, sync.journal, sync.runs, outlook.mailboxes, $run_id, $now, $allowed (seconds), $mailboxes (those that are on)
-- out: (mailbox, side, waiting, edits, waiting_seconds): edits that this run planned and that are not on the other side after that
--      long, and mailboxes that nobody read for that long; what waits for a person or for a problem's solution is neither
with written as (
    select plan.mailbox, plan.side, count(*) as edits, max(epoch($now::timestamp) - epoch(plan.edited_at)) as waiting_seconds
    from sync.plan as plan
    left join sync.journal as journal using (run_id, operation_id)
    where plan.run_id = $run_id and plan.state = 'ready' and coalesce(journal.outcome, 'unsent') not in ('done', 'refused')
        and epoch($now::timestamp) - epoch(plan.edited_at) > $allowed
    group by plan.mailbox, plan.side
), reads as (
    select mailbox.mailbox, mailbox.extracted_run,
        coalesce(last.started_at, (
            select min(run.started_at) from sync.runs as run where list_contains(run.mailboxes, mailbox.mailbox))) as began_at
    from outlook.mailboxes as mailbox
    left join sync.runs as last on last.run_id = mailbox.extracted_run
    where list_contains($mailboxes, mailbox.mailbox)
)
select mailbox, side, 'not written' as waiting, edits, waiting_seconds from written
union all
select mailbox, '', 'not read', 0, epoch($now::timestamp) - epoch(began_at) from reads
where extracted_run is distinct from $run_id and epoch($now::timestamp) - epoch(began_at) > $allowed
order by waiting_seconds desc, mailbox, side
