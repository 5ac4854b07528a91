-- in:  standing (links_as_of.sql: the links that were open at the horizon), in_force (values_as_of.sql: what they held then, and the
--      events that it is known from), horizon (day), sync.undos, sync.undo_events, sync.holds, sync.problems, sync.runs
-- out: sync.history, sync.history_values, sync.history_bases, sync.conflicts, sync.plan, sync.journal from the horizon on; before it
--      only what was still in force then, what an undo that is not finished needs, and what still waits
create or replace temp table old as
select event_id from sync.history
where happened_at < (select day from horizon)
  and event_id not in (select event_id from sync.undo_events join sync.undos using (undo_id) where closed_at is null);

-- a link is known by the event that opened it last, and by the last ones that show its two ends
create or replace temp table opened as
with ends as (
    select link_id, row(happened_at, history.rowid) as moment, event_id, action, outlook_id, salesforce_id
    from sync.history as history join old using (event_id)
    where outcome = 'done' and link_id in (select link_id from standing)
)
select distinct unnest([
    arg_max(event_id, moment) filter (where action in ('link', 'reopen')), arg_max(event_id, moment) filter (where outlook_id <> ''),
    arg_max(event_id, moment) filter (where salesforce_id <> '')]) as event_id
from ends group by link_id
union all
-- and one that was closed, whose event a Contact's value is still known from, by the event that closed it
select arg_max(event_id, row(happened_at, history.rowid))
from sync.history as history join old using (event_id)
where outcome = 'done' and action in ('link', 'reopen', 'unlink') and link_id not in (select link_id from standing)
  and link_id in (select link_id from sync.history where event_id in (select event_id from in_force))
group by link_id;

delete from sync.history_values
where event_id in (select event_id from old) and (event_id, field) not in (select (event_id, field) from in_force);
-- what a value replaced was not in force any more
update sync.history_values set before = null
where before is not null and event_id in (select event_id from old join sync.history using (event_id) where action <> 'agree');
delete from sync.history_bases
where event_id in (select event_id from old) and (event_id, field) not in (select (event_id, field) from in_force);
delete from sync.history
where event_id in (select event_id from old) and event_id not in (select event_id from in_force)
  and event_id not in (select event_id from opened where event_id is not null);

delete from sync.conflicts where found_at < (select day from horizon) and not is_open;
delete from sync.plan
where run_id in (select run_id from sync.runs where started_at < (select day from horizon))
  and (run_id, operation_id) not in (select (last_run, operation_id) from sync.holds);
delete from sync.journal
where outcome is not null and run_id not in (select last_run from sync.problems)
  and finished_at < (select least(day, (select min(requested_at) from sync.undos where closed_at is null)) from horizon);
