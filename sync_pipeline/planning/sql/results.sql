-- in:  planning.base_updates, planning.link_changes of an earlier planning
-- out: the empty tables that planning fills: operations, base_updates, link_changes, plan_problems, conflicts;
--      the macros planning.account_reason and planning.obstacle: what a rule and a code mean in a sentence
create or replace table planning.operations (
    operation_id varchar, phase integer, mailbox varchar, side varchar, action varchar, link_id varchar, outlook_id varchar,
    salesforce_id varchar, fields json, detail json, rule varchar, reason varchar, hold_kind varchar, hold_reason varchar,
    is_problem boolean, depends_on varchar, planned_key varchar, planned_stamp timestamp
);
delete from planning.base_updates;
delete from planning.link_changes;
create or replace table planning.plan_problems (
    mailbox varchar, outlook_id varchar, salesforce_id varchar, field varchar, code varchar, message varchar, remedy varchar
);
create or replace table planning.conflicts (
    mailbox varchar, link_id varchar, salesforce_id varchar, field varchar, policy varchar, winner varchar, outlook_value varchar,
    salesforce_value varchar, reason varchar
);
create or replace macro planning.account_reason(rule, candidates) as case rule
    when 'exact' then 'Account: the exact name of its Company.'
    when 'earliest_created' then 'Account: the one created first of ' || candidates || ' with its Company as name.'
    when 'unique_substring' then 'Account: the only one whose name contains its Company.'
    when 'ambiguous_substring' then 'No Account: ' || candidates || ' names contain its Company.'
    when 'no_match' then 'No Account has its Company as a name or in it.'
    when 'no_company' then 'It names no Company.'
    when 'fixed' then 'Account: the fixed one of the settings.'
    else 'No Account, by the settings.' end;
create or replace macro planning.obstacle(field, code, value, most) as case code
    when 'too_long' then field || ' has ' || length(value) || ' characters; Salesforce holds ' || most || '.'
    when 'not_an_email' then field || ' is not an e-mail address that Salesforce accepts.'
    when 'not_a_date' then field || ' is not a valid date.'
    when 'not_in_picklist' then field || ' is not among the values of the picklist in Salesforce.'
    when 'required_field_cleared' then field || ' was cleared in Outlook, but Salesforce requires it.'
    when 'not_writable' then field || ' may not be written in Salesforce with this credential.'
    when 'refused_before' then field || ' was refused by Salesforce; it is tried again after a pause.'
    when 'rewritten_by_server' then field || ' is rewritten by Salesforce again and again; it is frozen.'
    else field || ' cannot be written: ' || code || '.' end;
