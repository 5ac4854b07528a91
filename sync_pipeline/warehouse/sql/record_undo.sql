-- in:  planning.undos, planning.undo_events, planning.undo_parts, planning.undo_answers, moment (run_id, happened_at)
-- out: sync.undos, sync.undo_events: what was asked with this run (R24); sync.undo_answers: what is done or answered of it;
--      an undo of which nothing is left is closed
insert into sync.undos by name
select undo_id, requested_at, runs from planning.undos
where is_new and undo_id not in (select undo_id from sync.undos);

insert into sync.undo_events by name
select undo_id, event_id, field from planning.undo_events
where undo_id not in (select undo_id from sync.undo_events);

insert into sync.undo_answers by name
select answer.undo_id, answer.part_id, answer.outcome, moment.run_id, moment.happened_at as answered_at
from planning.undo_answers as answer cross join moment
where (answer.undo_id, answer.part_id) not in (select (undo_id, part_id) from sync.undo_answers);

update sync.undos as undo set closed_at = moment.happened_at
from moment
where undo.closed_at is null and undo.undo_id in (select undo_id from planning.undos) and not exists (
    select 1 from planning.undo_parts as part
    where part.undo_id = undo.undo_id and (part.undo_id, part.part_id) not in (select (undo_id, part_id) from sync.undo_answers));
