-- What the marts are made of and nothing told so far. Dates of the past are known where they were recorded otherwise.
alter table sync.plan add column edited_at timestamp;       -- when the edit that the operation carries was made; NULL: it carries none
alter table sync.history add column edited_at timestamp;
alter table sync.history add column account_rule varchar;   -- R7: the rule that decided the Account, where one was decided

update sync.history as event set account_rule = link.account_rule
from sync.links as link
where event.link_id = link.link_id and event.side = 'salesforce' and event.action = 'create' and event.outcome = 'done'
    and link.account_rule is not null;

-- Every problem and hold from its beginning to its end; sync.problems and sync.holds know only those of now.
create table sync.waits (
    kind varchar,                         -- problem | hold
    mailbox varchar, subject varchar,     -- of a problem the contact's id, of a hold the operation's
    field varchar, code varchar,          -- of a hold its kind
    salesforce_id varchar, began_at timestamp, ended_at timestamp, ended_run varchar
);

-- ── summaries by day (UTC); mailbox '*': all mailboxes together ──────────────────────────────────────────────────────
create table marts.operations_daily (
    day date, mailbox varchar, side varchar, action varchar, counted_as varchar, rule varchar, outcome varchar, operations bigint
);
create table marts.conflicts_daily (
    day date, mailbox varchar, field varchar, policy varchar, winner varchar, conflicts bigint
);
create table marts.problems_daily (
    day date, mailbox varchar, kind varchar, code varchar, began bigint, ended bigint, open bigint
);
create table marts.lag_daily (
    day date, mailbox varchar, side varchar, edits bigint, waited bigint, mean_seconds double, median_seconds double,
    p95_seconds double, slowest_seconds double
);
create table marts.requests_daily (
    day date, mailbox varchar, side varchar, calls bigint, subrequests bigint, seconds double
);
create table marts.account_rules_daily (
    day date, mailbox varchar, account_rule varchar, contacts bigint
);
