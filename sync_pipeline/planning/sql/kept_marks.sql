-- in:  planning.scope_contacts, planning.links, planning.decisions, planning.contact_changes, planning.operations,
--      planning.base_updates, planning.link_changes, planning.plan_problems, planning.conflicts, planning.arrivals,
--      planning.reversals, planning.undo_parts, planning.newcomers, planning.heirs, planning.problem_marks
-- out: planning.kept_marks (kind, mailbox, id): what does not agree yet. Whatever this planning found something to do, to tell or
--      to wait for is looked at again by the next one, however this run goes on.
create or replace table planning.kept_marks as
with links as (
    select link_id from planning.decisions where decision not in ('merge', 'keep')
    union
    select link_id from planning.contact_changes where course not in ('agree', 'differ')
    union
    select link_id from planning.operations
    union
    select link_id from planning.base_updates
    union
    select link_id from planning.link_changes
    union
    select link_id from planning.conflicts
    union
    select link_id from planning.heirs
    union
    select link_id from planning.undo_parts
    union
    select link_id from planning.links where is_new
), contacts as (
    select link.contact_id as id from planning.links as link where link.link_id in (select link_id from links)
    union
    select salesforce_id from planning.operations
    union
    select salesforce_id from planning.link_changes
    union
    select salesforce_id from planning.plan_problems
    union
    select salesforce_id from planning.conflicts
    union
    select contact_id from planning.arrivals
    union
    select contact_id from planning.reversals
    union
    select contact_id from planning.undo_parts
), items as (
    select mailbox, outlook_id as id from planning.newcomers
    union
    select mailbox, outlook_id from planning.operations
    union
    select mailbox, outlook_id from planning.link_changes
    union
    select mailbox, outlook_id from planning.plan_problems
    union
    select mailbox, outlook_id from planning.heirs
    union
    select mailbox, outlook_id from planning.problem_marks
    union
    select mailbox, outlook_id from planning.undo_parts
)
select 'contact' as kind, '' as mailbox, id from contacts where id <> ''
union all
select 'item', mailbox, id from items where id <> '';
