-- in:  planning.planned, planning.plan_problems, planning.solved_problems, planning.mailboxes, planning.base_updates,
--      planning.mailbox_fields, outlook.contacts, salesforce.contacts, salesforce.accounts, planning.kept_marks, planning.seen_marks, planning.compared_marks,
--      planning.fingerprints, moment (run_id, happened_at)
-- out: sync.plan of this run; sync.holds and sync.problems as they stand now for the planned mailboxes; sync.marks of what does
--      not agree yet, and sync.compared: a mailbox that sat out this plan is compared whole the next time
delete from sync.plan using moment where plan.run_id = moment.run_id;
-- An edit travels in an update of a pair that was in agreement before. When it was made stands in its own side's item; down
-- to the mailboxes it goes with the update of Salesforce that it waits for, else from the Contact. What only another record of
-- Salesforce shows was edited there: a Company in its Account; nobody knows when in any other, which leaves no stamp on the Contact.
create or replace temp table edits as
with updates as (
    select operation_id, mailbox, side, outlook_id, salesforce_id, depends_on, fields
    from planning.planned
    where action = 'update' and rule in ('R10', 'R13')
        and operation_id in (select operation_id from planning.base_updates where not is_first)
), up as (
    select update.operation_id, item.modified_at
    from updates as update join outlook.contacts as item on item.mailbox = update.mailbox and item.id = update.outlook_id
    where update.side = 'salesforce'
), records as (
    select change.operation_id, bool_or(not contains(rule.salesforce, '.')) as is_own,
        bool_or(contains(rule.salesforce, '.') and rule.salesforce <> 'Account.Name') as is_unknown
    from (select operation_id, mailbox, unnest(planning.changes_of(fields)) as change from updates where side = 'outlook') as change
    join planning.mailbox_fields as rule on rule.mailbox = change.mailbox and rule.field = change.change.field
    group by change.operation_id
)
select operation_id, modified_at as edited_at from up
union all
select update.operation_id,
    case when up.modified_at is not null then up.modified_at
         when coalesce(records.is_own, true) then contact.modified_at
         when not records.is_unknown then greatest(contact.modified_at, account.modstamp) end
from updates as update
join salesforce.contacts as contact on contact.id = update.salesforce_id
left join salesforce.accounts as account on account.id = contact.account_id
left join records on records.operation_id = update.operation_id
left join up on up.operation_id = update.depends_on
where update.side = 'outlook';

insert into sync.plan by name
select moment.run_id, row_number() over (order by phase, mailbox, operation_id) as seq, operation_id, mailbox, side, action, link_id,
    outlook_id, salesforce_id, fields, detail, rule, reason, state, hold_kind, hold_reason, depends_on, planned_key, planned_stamp,
    edits.edited_at
from planning.planned cross join moment left join edits using (operation_id);

create or replace temp table held as
select operation_id, mailbox, hold_kind as kind, hold_reason as reason, detail -> '$.candidates' as found,
    coalesce(nullif(outlook_id, ''), salesforce_id) as subject
from planning.planned where state = 'held';

delete from sync.holds
where mailbox in (select mailbox from planning.mailboxes) and operation_id not in (select operation_id from held);
update sync.holds as hold set kind = held.kind, reason = held.reason, last_run = moment.run_id
from held cross join moment where hold.operation_id = held.operation_id;
insert into sync.holds by name
select operation_id, mailbox, kind, reason, moment.happened_at as since, moment.run_id as last_run,
    from_json(found, '["VARCHAR"]') as candidates, subject
from held cross join moment
where operation_id not in (select operation_id from sync.holds);

create or replace temp table found as
select any_value(code) as code, any_value(message) as message, any_value(remedy) as remedy, mailbox, field, outlook_id, salesforce_id,
    coalesce(nullif(outlook_id, ''), salesforce_id) as subject
from planning.plan_problems group by mailbox, field, outlook_id, salesforce_id;

-- attempts > 0: refused writes, which a receipt solves, or the person who takes the edit back
delete from sync.problems
where attempts > 0 and (mailbox, subject, field) in (select (mailbox, subject, field) from planning.solved_problems);
delete from sync.problems as problem
where attempts = 0 and mailbox in (select mailbox from planning.mailboxes)
    and not exists (
        select 1 from found
        where found.mailbox = problem.mailbox and found.subject = problem.subject and found.field = problem.field and found.code = problem.code);
update sync.problems as problem set message = found.message, remedy = found.remedy, last_run = moment.run_id
from found cross join moment
where found.mailbox = problem.mailbox and found.subject = problem.subject and found.field = problem.field and problem.attempts = 0;
insert into sync.problems by name
select found.*, moment.happened_at as since, 0 as attempts, moment.run_id as last_run
from found cross join moment
where not exists (
    select 1 from sync.problems as problem
    where found.mailbox = problem.mailbox and found.subject = problem.subject and found.field = problem.field);

-- (not of a planning of which only some stages were run)
create or replace temp table looked_at as
select number from planning.seen_marks where planning in (select planning from planning.compared_marks);
delete from sync.marks where number <= (select number from looked_at);
insert into sync.marks by name select kind, mailbox, id from planning.kept_marks where exists (select 1 from looked_at);
delete from sync.compared where exists (select 1 from looked_at);
insert into sync.compared by name select mailbox, fingerprint from planning.fingerprints where exists (select 1 from looked_at);
