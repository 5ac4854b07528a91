-- in:  sync.history, sync.history_values, the variable day
-- out: day_events, day_values (temp): the events of one day and their values
create or replace temp table day_events as
select * from sync.history
where happened_at >= getvariable('day')::timestamp and happened_at < getvariable('day')::timestamp + interval 1 day;

create or replace temp table day_values as
select * from sync.history_values where event_id in (select event_id from day_events);
