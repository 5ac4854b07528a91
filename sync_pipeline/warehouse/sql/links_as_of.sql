-- in:  sync.history, sync.links; $moment (UTC); $links, $mailboxes: only these, NULL for all
-- out: (link_id, mailbox, outlook_id, salesforce_id, state, closed_reason, since, run_id, last_at, outlook_there, salesforce_there):
--      each link as it stood then. `since`: when it was made, opened again or closed; *_there: not known to be deleted on that side
with events as (
    select rowid as turn, * from sync.history
    where happened_at <= $moment and link_id <> '' and outcome = 'done'
      and ($links is null or list_contains($links, link_id)) and ($mailboxes is null or list_contains($mailboxes, mailbox))
), told as (
    select *, row(happened_at, turn) as moment,
        case when action in ('link', 'reopen') then true
             when action = 'unlink' then reason <> 'deleted_in_outlook'
             when side = 'outlook' then action <> 'delete' end as shows_outlook,
        case when action in ('link', 'reopen') then true
             when action = 'unlink' then reason not in ('deleted_in_salesforce', 'merged')
             when action = 'relink' then true
             when side = 'salesforce' then action <> 'delete' end as shows_salesforce
    from events
), states as (
    select link_id,
        arg_max(mailbox, moment) as mailbox,
        arg_max(outlook_id, moment) filter (where outlook_id <> '') as outlook_id,
        arg_max(salesforce_id, moment) filter (where salesforce_id <> '') as salesforce_id,
        arg_max(action, moment) filter (where action in ('link', 'reopen', 'unlink')) as last,
        arg_max(reason, moment) filter (where action = 'unlink') as closed_reason,
        max(happened_at) filter (where action in ('link', 'reopen', 'unlink')) as since,
        arg_max(run_id, moment) filter (where action in ('link', 'reopen', 'unlink')) as run_id,
        max(happened_at) as last_at,
        -- a link closes for what happened on one side, and the deletion on the other one stands before or after it
        bool_and(shows_outlook) filter (where moment >= opened) as outlook_there,
        bool_and(shows_salesforce) filter (where moment >= opened) as salesforce_there
    from (select *, max(case when action in ('link', 'reopen') then moment end) over (partition by link_id) as opened from told)
    group by link_id
)
select states.link_id, states.mailbox, coalesce(states.outlook_id, '') as outlook_id, coalesce(states.salesforce_id, '') as salesforce_id,
    case when last = 'unlink' or closed.link_id is not null then 'closed' else 'linked' end as state,
    case when last = 'unlink' then states.closed_reason else closed.closed_reason end as closed_reason,
    coalesce(since, closed.closed_at) as since, coalesce(run_id, closed.closed_run) as run_id, last_at,
    coalesce(outlook_there, true) and coalesce(closed.closed_reason, '') <> 'deleted_in_outlook' as outlook_there,
    coalesce(salesforce_there, true) and coalesce(closed.closed_reason, '') not in ('deleted_in_salesforce', 'merged') as salesforce_there
from states
-- of a link whose own events are older than the history is kept, the link itself tells
left join sync.links as closed on states.last is null and closed.link_id = states.link_id and closed.state = 'closed'
    and closed.closed_at <= $moment
where last is not null or $links is not null
order by states.mailbox, since, states.link_id
