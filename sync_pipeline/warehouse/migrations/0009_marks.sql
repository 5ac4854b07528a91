-- What planning has to look at: every write to a mirror or a link leaves a mark, in the same transaction. A plan takes away the
-- marks that it looked at and puts back those of what does not agree yet (planning/sql/kept_marks.sql).
create sequence sync.mark_numbers;
create table sync.marks (
    number bigint default nextval('sync.mark_numbers'),
    kind varchar,                         -- contact | item | account
    mailbox varchar,                      -- of an item; '' otherwise
    id varchar
);
-- With which settings each mailbox's links were all compared. One that is not here, or with others, is compared whole.
create table sync.compared (mailbox varchar, fingerprint varchar);
-- It is a view from now on.
drop table if exists planning.parted;
