-- R23: what both sides held is known of any past moment. is_agreed: the other side was left with the same value;
-- what was left otherwise stands in sync.history_bases. NULL: written before this was recorded.
alter table sync.history_values add column is_agreed boolean;
create table sync.history_bases (
    event_id varchar, contact_key varchar, link_id varchar, field varchar, outlook_value varchar, salesforce_value varchar
);
-- Erasures on request: when, by whom and how much, and never of whom but by the ids that the history keeps anyway.
create table sync.erasures (
    erasure_id varchar, erased_at timestamp, asked_by varchar, contacts integer, rows bigint, files integer,
    finished_at timestamp         -- NULL: the values are gone from the tables, and not yet from the freed blocks and the exports
);
create table sync.erased_keys (
    erasure_id varchar,
    kind varchar,                 -- salesforce | outlook | link
    id varchar
);
