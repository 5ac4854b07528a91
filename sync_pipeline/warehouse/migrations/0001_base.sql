-- The warehouse of one shard. Columns of mapped fields are added from the field table (warehouse/schema.py), not here.
-- Conventions: times are UTC `timestamp`; a mapped value is text, '' when known to be empty, NULL when never seen.
create schema salesforce;
create schema outlook;
create schema if not exists sync;
create schema planning;
create schema marts;

-- ── mirrors of Salesforce ────────────────────────────────────────────────────────────────────────────────────────────
create table salesforce.accounts (id varchar, name varchar, created_at timestamp, modstamp timestamp);
create table salesforce.contacts (
    id varchar, name varchar, is_deleted boolean, master_id varchar, account_id varchar, owner_id varchar,
    created_at timestamp, created_by varchar, modified_at timestamp, modified_by varchar, modstamp timestamp,
    is_person_account boolean, is_readable boolean, seen_run varchar  -- + mapped fields
);
create table salesforce.users (id varchar, username varchar, email varchar, name varchar, is_active boolean);
-- filled with credentials `per_user` only: which Contacts a mailbox's own credential returned
create table salesforce.readers (mailbox varchar, contact_id varchar);
create table salesforce.describe (
    name varchar, label varchar, type varchar, length integer, createable boolean, updateable boolean, nillable boolean,
    defaulted boolean, restricted boolean, picklist varchar[]
);
create table salesforce.views (view_key varchar, label varchar, definition varchar, scanned_run varchar);
create table salesforce.view_members (view_key varchar, contact_id varchar);

-- ── mirrors of Outlook: nothing of a personal contact ever stands here ───────────────────────────────────────────────
create table outlook.mailboxes (
    mailbox varchar, object_id varchar, folder_id varchar, folder_state varchar,  -- present | missing | lost
    category_listed boolean, mark_org varchar, mark_installation varchar, mark_run bigint,
    status varchar, code varchar, message varchar, remedy varchar,                -- status: ok | stopped
    extracted_run varchar
);
create table outlook.folders (
    mailbox varchar, id varchar, name varchar, parent_id varchar,
    role varchar,                                                                 -- ours | default | other | deleted
    delta_link varchar, listed_at timestamp
);
create table outlook.contacts (
    mailbox varchar, id varchar, folder_id varchar,
    place varchar,                        -- folder | elsewhere | deleted (still in Deleted Items) | gone
    lost_with_folder boolean,             -- deleted because the whole folder was
    change_key varchar, created_at timestamp, modified_at timestamp, display_name varchar, categories varchar[],
    categorised boolean, stamp_org varchar, stamp_contact varchar, copy_of varchar, seen_run varchar  -- + mapped fields, + lists
);

-- ── what the synchroniser knows ──────────────────────────────────────────────────────────────────────────────────────
create table sync.identity (org_id varchar, tenant varchar, installation_id varchar, created_at timestamp);
create table sync.runs (
    run_id varchar, number bigint, started_at timestamp, finished_at timestamp, status varchar,
    plan_only boolean, is_full boolean, mailboxes varchar[], planned integer, pushed integer, failed integer, message varchar
);
create table sync.cursors (scope varchar, name varchar, value varchar, saved_at timestamp);
create table sync.fingerprints (mailbox varchar, kind varchar, value varchar, run_id varchar);  -- settings | view | credential
create table sync.links (
    link_id varchar, mailbox varchar, outlook_id varchar, salesforce_id varchar,
    origin varchar,                       -- salesforce | outlook | matched: who had it first
    state varchar,                        -- linked | closed
    closed_reason varchar,                -- unlinked | deleted_in_salesforce | deleted_in_outlook | left_view | merged | disabled | by_hand | mailbox_removed
    seen_in_view boolean, has_stamp boolean, created_run varchar, created_at timestamp, closed_run varchar, closed_at timestamp,
    account_rule varchar, account_company varchar, account_candidates integer,
    outlook_written_key varchar,          -- changeKey after our last write: "last written by us"
    salesforce_written_stamp timestamp,   -- SystemModstamp after our last write
    outlook_display_name varchar          -- + outlook_<field>, salesforce_<field>, outlook_<list>: the base of each side
);
create table sync.plan (
    run_id varchar, seq integer, operation_id varchar, mailbox varchar,
    side varchar, action varchar, link_id varchar, outlook_id varchar, salesforce_id varchar,
    fields json,                          -- [{"field", "before", "after"}]
    detail json,                          -- what the executor needs beyond the fields (model/operation.py)
    rule varchar, reason varchar,
    state varchar,                        -- ready | held | problem | dropped
    hold_kind varchar,                    -- duplicate | conflict | guard | changed_settings | first_run | old_copy | unsaved_edit
                                          -- | changed_since | empty_view
    hold_reason varchar, depends_on varchar, clears integer, planned_key varchar, planned_stamp timestamp
);
create table sync.conflicts (
    run_id varchar, found_at timestamp, mailbox varchar, link_id varchar, salesforce_id varchar, field varchar,
    policy varchar, winner varchar, outlook_value varchar, salesforce_value varchar, reason varchar
);
create table sync.verdicts (operation_id varchar, verdict varchar, given_at timestamp, lapses_at timestamp, mailbox varchar, detail varchar);
create table sync.holds (
    operation_id varchar, mailbox varchar, kind varchar, reason varchar, since timestamp, last_run varchar, candidates varchar[],
    subject varchar
);
create table sync.problems (
    mailbox varchar, subject varchar, field varchar, code varchar, message varchar, remedy varchar, since timestamp,
    attempts integer, next_try timestamp, last_run varchar, salesforce_id varchar, outlook_id varchar
);
create table sync.frozen (link_id varchar, field varchar, side varchar, rewrites integer, value varchar);
create table sync.journal (
    run_id varchar, operation_id varchar, mailbox varchar, side varchar, action varchar, link_id varchar, outlook_id varchar,
    salesforce_id varchar, intent json, started_at timestamp, outcome varchar,   -- NULL while in doubt | done | refused | stale | skipped | unsent
    result json, code varchar, message varchar, finished_at timestamp
);
create table sync.history (
    event_id varchar, happened_at timestamp, run_id varchar, mailbox varchar, contact_key varchar, link_id varchar,
    outlook_id varchar, salesforce_id varchar, operation_id varchar, side varchar, action varchar, rule varchar, reason varchar,
    outcome varchar, code varchar, message varchar
);
create table sync.history_values (event_id varchar, contact_key varchar, field varchar, before varchar, after varchar);
create table sync.requests (run_id varchar, mailbox varchar, side varchar, calls integer, subrequests integer, seconds double);

-- ── what an intent will do to links and bases once its operation is done; kept until the receipt ──────────────────────
create table sync.journal_links (
    run_id varchar, operation_id varchar, kind varchar, mailbox varchar, link_id varchar, outlook_id varchar, salesforce_id varchar,
    origin varchar, reason varchar, seen_in_view boolean
);
create table sync.journal_bases (
    run_id varchar, operation_id varchar, link_id varchar, field varchar, outlook_value varchar, salesforce_value varchar
);

-- ── written by every planning, read by the receipts; operation_id NULL: needs no write on either service ─────────────
create table planning.link_changes (
    kind varchar,                         -- link | close | relink | item | view | account
    mailbox varchar, link_id varchar, outlook_id varchar, salesforce_id varchar, origin varchar, reason varchar, seen_in_view boolean,
    operation_id varchar
);
create table planning.base_updates (
    operation_id varchar, link_id varchar, field varchar, outlook_value varchar, salesforce_value varchar
);
