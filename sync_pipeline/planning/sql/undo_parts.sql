-- in:  sync.undos, sync.undo_events, sync.undo_answers, sync.history, sync.history_values, sync.links, sync.runs,
--      sync.mapped_fields, planning.successors, planning.mailboxes, planning.unread_mailboxes, planning.mailbox_fields
-- out: planning.undos (what is to be taken back, R24: asked before and not finished, or asked with this run),
--      planning.undo_asked (what is asked for with this run; is_possible: can it be done now),
--      planning.undo_impossible (mailbox, contacts: what of it cannot, so that it is not kept to be done later unseen),
--      planning.undo_events (the history's events that it is about; field '': the creation or deletion itself),
--      planning.undo_parts (what is still to be done, however far an earlier run got. kind:
--        value         contact_id × field: target is what it held before the first event (in Salesforce, where one wrote there),
--                      expected what the last one left, written what the last one left in Salesforce, went_up: did one write there;
--                      is_split: the mailboxes held several values; is_first: it was filled when first compared;
--                      is_remapped: the field had another counterpart when it was written;
--                      meanwhile: later events left another value, so what it holds now was chosen since; asked_after: the last such one
--                      before it was asked to take it back, which makes an approval of an earlier undo void
--        contact_gone  link_id: the Contact that we made goes (began: create, or undelete; contact_id: the record that was made, be
--                      it merged away since);  item_gone  link_id: the Outlook copy that we made goes
--        return        link_id: the Contact and the item are there again, and linked; so for every mailbox that lost it by the same deletion
--      is_merged: the Contact that was written to was merged into contact_id, or into another, since)
--      planning.undo_done (parts that the history shows as done since they were asked for)
create or replace table planning.undos as
select undo_id, requested_at, runs, false as is_new from sync.undos where closed_at is null
{% if undo.runs -%}
union all
select {{ literal(run_id) }}, {{ literal(now) }}::timestamp, {{ texts(undo.runs) }}::varchar[], true
{%- endif %};

-- of a mailbox that is switched off or taken out nothing is done, unless it is the value of a Contact that another one holds too
create or replace table planning.undo_asked as
with usable as (
    select mailbox from planning.mailboxes where enabled union select mailbox from planning.unread_mailboxes
)
select chosen.event_id, chosen.field, chosen.mailbox, chosen.salesforce_id,
    chosen.mailbox in (select mailbox from usable) or (chosen.field <> '' and exists (
        select 1 from sync.links as link
        left join planning.successors as successor on successor.id = link.salesforce_id
        where link.state = 'linked' and link.mailbox in (select mailbox from usable)
          and coalesce(successor.winner, link.salesforce_id) = chosen.contact_id)) as is_possible
from (
    select event.*, coalesce(successor.winner, event.salesforce_id) as contact_id, unnest(case
        when event.action in ('update', 'move') then (
            select coalesce(list(v.field), []) from sync.history_values as v where v.event_id = event.event_id)
        when event.link_id <> '' then [''] else [] end) as field
    from sync.history as event
    left join planning.successors as successor on successor.id = event.salesforce_id
    where event.run_id in (select unnest({{ texts(undo.runs) }}::varchar[])) and event.outcome = 'done'
      and event.action in ('update', 'move', 'create', 'restore', 'undelete', 'delete')
      {%- if undo.mailbox %}
      and event.mailbox = {{ literal(undo.mailbox) }}
      {%- endif %}
      {%- if undo.contacts %}
      and (list_contains({{ texts(undo.contacts) }}, event.salesforce_id) or list_contains({{ texts(undo.contacts) }}, event.outlook_id))
      {%- endif %}
) as chosen
{%- if undo.field %}
where chosen.field = {{ literal(undo.field) }}
{%- endif %};

create or replace table planning.undo_impossible as
select mailbox, count(distinct salesforce_id) as contacts from planning.undo_asked where not is_possible group by mailbox;

create or replace table planning.undo_events as
select event.* from sync.undo_events as event join planning.undos using (undo_id)
{%- if undo.runs and not (undo.mailbox or undo.contacts or undo.field) %}
-- who takes back a whole undo wants nothing more of it, what still waits included: it is closed then
where undo_id not in (select unnest({{ texts(undo.runs) }}::varchar[]))
{%- endif %}
union all
select {{ literal(run_id) }} as undo_id, event_id, field from planning.undo_asked where is_possible;

create or replace table planning.undo_parts as
with events as (
    select event.undo_id, event.field, happened.event_id, happened.happened_at, happened.run_id, happened.mailbox, happened.link_id,
        happened.side, happened.action, happened.outlook_id, coalesce(successor.winner, happened.salesforce_id) as contact_id,
        happened.salesforce_id as record_id, successor.winner is not null as is_merged,
        row(happened.happened_at, happened.side = 'outlook', happened.mailbox, happened.event_id) as turn
    from planning.undo_events as event
    join sync.history as happened using (event_id)
    left join planning.successors as successor on successor.id = happened.salesforce_id
), lives as (
    -- the first event of each side tells what was there before
    select undo_id, link_id, any_value(mailbox) as mailbox, max(happened_at) as last_at,
        arg_min(action, turn) filter (where side = 'salesforce') as in_salesforce,
        arg_min(action, turn) filter (where side = 'outlook') as in_outlook,
        arg_max(contact_id, turn) as contact_id, arg_max(record_id, turn) as record_id, arg_max(is_merged, turn) as is_merged,
        arg_max(outlook_id, turn) as outlook_id, list_sort(list(distinct run_id)) as runs
    from events where field = '' group by all
), ended as (
    select lives.*, link.salesforce_id
    from lives join sync.links as link using (link_id)
    where coalesce(in_salesforce, '') not in ('create', 'undelete') and (in_salesforce = 'delete' or in_outlook = 'delete')
), alive as (
    -- since when the Contact was gone: nothing of the sort is done to one that is deleted
    select back.undo_id, back.salesforce_id, max(event.happened_at) as last_at
    from ended as back
    join sync.history as event on event.salesforce_id = back.salesforce_id and event.outcome = 'done' and event.happened_at < back.last_at
        and event.action in ('create', 'update', 'link', 'reopen', 'undelete', 'restore', 'move')
    group by all
), followers as (
    -- R16: what other mailboxes lost by the same deletion, in this run or a later one, comes back with it, and not as a bare copy
    select back.undo_id, event.link_id, event.mailbox, event.happened_at, back.runs
    from (
        select undo_id, salesforce_id, any_value(undo.requested_at) as requested_at, any_value(back.runs) as runs
        from ended as back join planning.undos as undo using (undo_id) group by all
    ) as back
    join sync.history as event on event.salesforce_id = back.salesforce_id and event.outcome = 'done' and event.side = 'outlook'
        and event.action = 'delete' and event.rule = 'R16' and event.happened_at < back.requested_at
    join planning.mailboxes as mailbox on mailbox.mailbox = event.mailbox and mailbox.enabled
    left join alive on alive.undo_id = back.undo_id and alive.salesforce_id = back.salesforce_id
    where event.happened_at > coalesce(alive.last_at, event.happened_at - interval 1 second)
      and (back.undo_id, event.link_id) not in (select (undo_id, link_id) from lives)
    -- of several links of a mailbox to the Contact the last one
    qualify row_number() over (partition by back.undo_id, back.salesforce_id, event.mailbox order by event.happened_at desc, event.link_id) = 1
), fates as (
    select undo_id, link_id, mailbox, happened_at as last_at, 'delete' as in_outlook, runs, 'return' as kind from followers
    union all by name
    select *, unnest(case
        when in_salesforce in ('create', 'undelete') then
            case when in_outlook in ('create', 'restore') then ['contact_gone', 'item_gone'] else ['contact_gone'] end
        when in_salesforce = 'delete' or in_outlook = 'delete' then ['return']
        else ['item_gone'] end) as kind
    from lives
), valued as (
    select event.*, v.before, v.after, coalesce(v.is_first, false) as is_first, coalesce(run.number <= mapped.other_until, false) as is_remapped,
        (select any_value(rule.kind) from planning.mailbox_fields as rule where rule.field = event.field) as form,
        first_value(event.run_id) over first as first_run, first_value(event.side) over first as first_side
    from events as event
    join sync.history_values as v on v.event_id = event.event_id and v.field = event.field
    left join sync.runs as run on run.run_id = event.run_id
    left join sync.mapped_fields as mapped on mapped.field = event.field
    where event.contact_id <> ''
    window first as (partition by event.undo_id, event.contact_id, event.field order by event.turn
                     rows between unbounded preceding and unbounded following)
), parts as (
    select undo_id, 'value' as kind, contact_id, field, arg_min(mailbox, turn) as mailbox, arg_min(link_id, turn) as link_id,
        '' as outlook_id, arg_max(after, turn) as expected, any_value(form) as form,
        -- what only Outlook held never was Salesforce's
        coalesce(bool_or(side = 'salesforce'), false) as went_up,
        case when went_up then arg_min_null(before, turn) filter (where side = 'salesforce') else arg_min_null(before, turn) end as target,
        arg_max(after, turn) filter (where side = 'salesforce') as written, bool_or(is_merged) as is_merged, max(turn) as last_turn,
        bool_or(is_first) as is_first, bool_or(is_remapped) as is_remapped, max(happened_at) as last_at,
        count(distinct planning.normal(coalesce(form, 'text'), before)) filter (where run_id = first_run and first_side = 'outlook') > 1
            as is_split,
        list_sort(list(distinct run_id)) as runs, null::varchar as began
    from valued group by undo_id, contact_id, field
    union all by name
    -- made anew, a Contact has another Id, which its link knows
    select undo_id, kind, case kind when 'return' then coalesce(successor.winner, link.salesforce_id)
            when 'contact_gone' then fates.record_id else fates.contact_id end as contact_id,
        fates.is_merged,
        '' as field, fates.mailbox, link_id, coalesce(link.outlook_id, fates.outlook_id) as outlook_id, null as target, null as expected,
        null as form, false as is_first, last_at, false as is_split, runs, in_salesforce as began
    from fates
    join sync.links as link using (link_id)
    left join planning.successors as successor on successor.id = link.salesforce_id
), later as (
    -- its own writes are none that somebody made since
    select part.undo_id, part.contact_id, part.field,
        arg_max(event.event_id, row(event.happened_at, event.side = 'outlook', event.mailbox, event.event_id)) filter (
            where event.happened_at < undo.requested_at) as asked_after
    from parts as part
    join planning.undos as undo using (undo_id)
    join (
        select id, winner from planning.successors union all select distinct contact_id, contact_id from valued
    ) as record on record.winner = part.contact_id
    join sync.history as event on event.salesforce_id = record.id and event.outcome = 'done'
        and row(event.happened_at, event.side = 'outlook', event.mailbox, event.event_id) > part.last_turn
        and not (event.rule is not distinct from 'R24' and event.happened_at >= undo.requested_at)
    join sync.history_values as v on v.event_id = event.event_id and v.field = part.field
    where part.kind = 'value' and not exists (
            select 1 from planning.undo_events as chosen
            where chosen.undo_id = part.undo_id and chosen.event_id = event.event_id and chosen.field = part.field)
      and planning.normal(coalesce(part.form, 'text'), v.after) <> planning.normal(coalesce(part.form, 'text'), part.expected)
    group by all
), named as (
    select parts.* exclude (last_turn), later.undo_id is not null as meanwhile, later.asked_after, undo.requested_at,
        'Takes back run ' || array_to_string(parts.runs, ', ') || '.' as reason,
        left(md5(concat_ws('|', undo_id, kind, case when kind = 'value' then parts.contact_id else parts.link_id end, parts.field)), 15) as part_id
    from parts
    join planning.undos as undo using (undo_id)
    left join later on parts.kind = 'value' and later.undo_id = parts.undo_id and later.contact_id = parts.contact_id and later.field = parts.field
)
select * from named where (undo_id, part_id) not in (select (undo_id, part_id) from sync.undo_answers)
  -- what goes whole is not changed first
  and not (kind = 'value' and exists (
        select 1 from named as other where other.undo_id = named.undo_id and other.contact_id = named.contact_id and other.kind = 'contact_gone'))
-- of two undos of the same thing the later one says how it shall be
qualify row_number() over (
    partition by kind, case when kind = 'value' then contact_id else link_id end, field order by requested_at desc, undo_id) = 1;

create or replace table planning.undo_done as
select part.undo_id, part.part_id, 'done' as outcome
from planning.undo_parts as part
where exists (
    select 1 from sync.history as event
    where event.happened_at >= part.requested_at and event.outcome = 'done'
      and case part.kind
        when 'contact_gone' then event.side = 'salesforce' and event.action = 'delete' and event.salesforce_id = part.contact_id
        when 'item_gone' then event.side = 'outlook' and event.action = 'delete' and event.link_id = part.link_id
        when 'return' then event.action = 'reopen' and event.link_id = part.link_id
        else event.side = 'salesforce' and event.action = 'update' and event.salesforce_id = part.contact_id and exists (
            select 1 from sync.history_values as v
            where v.event_id = event.event_id and v.field = part.field
              and planning.normal(coalesce(part.form, 'text'), v.after) = planning.normal(coalesce(part.form, 'text'), part.target))
        end);

delete from planning.undo_parts where (undo_id, part_id) in (select (undo_id, part_id) from planning.undo_done);
