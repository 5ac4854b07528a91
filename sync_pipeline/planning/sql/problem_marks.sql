-- in:  planning.operations, planning.plan_problems, planning.contact_changes, planning.new_values, planning.mailboxes,
--      planning.reversals, planning.scope_items, sync.problems, outlook.contacts
-- out: planning.solved_problems: refused writes that nobody wants to make any more;
--      planning.operations: with `problem_category`, a contact in the folder wears "Salesforce: problem" while it has one (R25)
create or replace table planning.solved_problems as
select problem.mailbox, problem.subject, problem.field
from sync.problems as problem
join planning.mailboxes as mailbox on mailbox.mailbox = problem.mailbox
where problem.attempts > 0 and case
    when problem.field <> '' then
        (coalesce(problem.salesforce_id, ''), problem.field) not in (
            select (contact_id, field) from planning.contact_changes where course in ('up', 'hold'))
        and (problem.mailbox, coalesce(problem.outlook_id, ''), problem.field) not in (
            select (mailbox, outlook_id, field) from planning.new_values)
        and (coalesce(problem.salesforce_id, ''), problem.field) not in (select (contact_id, field) from planning.reversals where state = 'wait')
    else
        (problem.mailbox, coalesce(problem.outlook_id, '')) not in (
            select (mailbox, outlook_id) from planning.operations where outlook_id <> '')
        and (problem.mailbox, coalesce(problem.salesforce_id, '')) not in (
            select (mailbox, salesforce_id) from planning.operations where salesforce_id <> '')
    end;

create or replace table planning.problem_marks as
with troubled as (
    select mailbox, outlook_id from planning.plan_problems where outlook_id <> ''
    union
    select mailbox, outlook_id from sync.problems
    where attempts > 0 and coalesce(outlook_id, '') <> ''
      and (mailbox, subject, field) not in (select (mailbox, subject, field) from planning.solved_problems)
)
select item.mailbox, item.id as outlook_id, item.change_key, troubled.outlook_id is not null as wanted,
    (select min(operation.operation_id) from planning.operations as operation
     where operation.mailbox = item.mailbox and operation.outlook_id = item.id and operation.side = 'outlook'
       and operation.action = 'update' and operation.depends_on = '' and operation.hold_kind is null) as operation_id,
    exists (select 1 from planning.operations as operation
            where operation.mailbox = item.mailbox and operation.outlook_id = item.id and operation.side = 'outlook') as is_written
from outlook.contacts as item
join planning.scope_items as looked_at on looked_at.mailbox = item.mailbox and looked_at.outlook_id = item.id
join planning.mailboxes as mailbox on mailbox.mailbox = item.mailbox and mailbox.enabled and mailbox.problem_category
left join troubled on troubled.mailbox = item.mailbox and troubled.outlook_id = item.id
where item.place = 'folder'
  and (troubled.outlook_id is not null) <> list_contains(
        list_transform(coalesce(item.categories, []), lambda name: lower(name)), 'salesforce: problem');

update planning.operations as operation
set detail = json_merge_patch(operation.detail, case when mark.wanted then '{"problem": true}' else '{"problem": false}' end)
from planning.problem_marks as mark where mark.operation_id = operation.operation_id;

-- an item that another operation writes in this run gets its mark in the next one
insert into planning.operations by name
select 'p' || left(md5(concat_ws('|', mark.mailbox, mark.outlook_id, mark.wanted, mark.change_key)), 15) as operation_id, 50 as phase,
    mark.mailbox, 'outlook' as side, 'update' as action, '' as link_id, mark.outlook_id, '' as salesforce_id, '[]'::json as fields,
    case when mark.wanted then '{"problem": true}' else '{"problem": false}' end::json as detail, 'R25' as rule,
    case when mark.wanted then 'Shows the mailbox''s owner that this contact has a problem.'
         else 'Its problem is solved.' end as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, mark.change_key as planned_key,
    null::timestamp as planned_stamp
from planning.problem_marks as mark where not mark.is_written;
