-- in:  sync.history, sync.history_values, sync.history_bases; standing (links_as_of.sql, those that are wanted); $moment (UTC)
-- out: (link_id, field, side, value, event_id, happened_at, run_id, operation_id, action, rule): what each side of a link was last known
--      to hold then, and the event that it is known from
with events as (
    select rowid as turn, * from sync.history
    where happened_at <= $moment and outcome = 'done' and (
        link_id in (select link_id from standing) or salesforce_id in (select salesforce_id from standing where salesforce_id <> ''))
), valued as (
    select events.*, v.field, v.before, v.after, v.is_agreed
    from events join sync.history_values as v using (event_id)
), based as (
    select events.* replace (base.link_id as link_id), base.field, base.outlook_value, base.salesforce_value
    from events join sync.history_bases as base using (event_id)
), known as (
    -- the side that was written to, and the other one where it was left with the same value
    select *, unnest(case
        when action = 'agree' then [{of_side: 'outlook', value: before, weight: 0}, {of_side: 'salesforce', value: after, weight: 0}]
        when action in ('create', 'update', 'move', 'finish_move', 'restore', 'undelete') then
            [{of_side: side, value: after, weight: 0},
             {of_side: case side when 'outlook' then 'salesforce' else 'outlook' end, value: case when is_agreed then after end, weight: 0}]
        end, recursive := true)
    from valued
    union all by name
    select *, unnest([{of_side: 'outlook', value: outlook_value, weight: 1}, {of_side: 'salesforce', value: salesforce_value, weight: 1}],
        recursive := true)
    from based
), placed as (
    -- Outlook's values are the link's own; Salesforce's are the Contact's, whichever mailbox they came from
    select standing.link_id, known.* exclude (link_id)
    from known join standing on known.of_side = 'outlook' and standing.link_id = known.link_id
    union all by name
    select standing.link_id, known.* exclude (link_id)
    from known join standing on known.of_side = 'salesforce' and standing.salesforce_id = known.salesforce_id
)
select link_id, field, of_side as side, value, event_id, happened_at, run_id, coalesce(operation_id, '') as operation_id, action,
    coalesce(rule, '') as rule
from placed where value is not null
qualify row_number() over (partition by link_id, field, of_side order by happened_at desc, turn desc, weight desc) = 1
order by link_id, field, side
