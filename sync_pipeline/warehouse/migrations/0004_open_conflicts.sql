-- A conflict that lasts over several runs is one row: open until a run of its mailbox does not find it any more.
alter table sync.conflicts add column is_open boolean default false;
