-- R24: what a person asked to take back. No values stand here: they are those of the history's events.
-- Further kinds of hold: edited_since | not_undoable | not_in_bin.
create table sync.undos (
    undo_id varchar,                      -- the run that it was asked with
    requested_at timestamp, runs varchar[],
    closed_at timestamp                   -- every part of it is done or answered
);
create table sync.undo_events (
    undo_id varchar, event_id varchar,
    field varchar                         -- '': the creation or the deletion itself
);
create table sync.undo_answers (
    undo_id varchar, part_id varchar, outcome varchar,                             -- done | already | dropped
    run_id varchar, answered_at timestamp
);
-- is_first: the pair had never agreed on the field, so what the write filled was no edit (R10)
alter table planning.base_updates add column is_first boolean default false;
alter table sync.journal_bases add column is_first boolean default false;
alter table sync.history_values add column is_first boolean default false;
-- where a thrown away item lies is not known until it is read there
update outlook.contacts set folder_id = '' where place = 'deleted' and not coalesce(lost_with_folder, false);
