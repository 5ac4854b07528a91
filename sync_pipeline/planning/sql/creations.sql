-- in:  planning.contact_matches, planning.newcomers, planning.account_resolution, planning.create_rules, planning.mailbox_fields,
--      planning.mailboxes, outlook.contacts, salesforce.contacts, salesforce.accounts, sync.journal, sync.links, sync.problems, the macro
--      planning.account_reason (results.sql)
-- out: planning.new_contacts (newcomers that become Contacts, with account, owner and missing fields),
--      planning.refused_duplicates (newcomers that a duplicate rule of Salesforce refused, with the Contacts it named; or, with
--      is_perhaps, whose creation was in doubt, with the Contacts that may be what it made),
--      planning.new_values (newcomer × field: Outlook's value, Salesforce's value, what stands in the way),
--      rows of planning.operations, planning.base_updates, planning.link_changes, planning.plan_problems for new Contacts
--      (nothing where there is no newcomer: plan.py leaves this stage out then)

create or replace table planning.new_values as
with long as (
    select match.mailbox, match.outlook_id, match.verdict, item.display_name,
        unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}', outlook_value:
                {{ "coalesce(item." ~ f.list_column ~ "[1], '')" if f.is_list else "coalesce(item." ~ f.name ~ ", '')" }}}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from planning.contact_matches as match
    join outlook.contacts as item on item.mailbox = match.mailbox and item.id = match.outlook_id
    where match.verdict in ('create', 'hold')
), ruled as (
    select long.*, rule.position, rule.kind, rule.salesforce, rule.length, rule.picklist,
        rule.createable and rule.direction in ('both', 'from_outlook') as travels,
        fixed.value as fixed_value, standard.value as default_value,
        -- LastName comes from the surname; at creation only, else from the display name (R8)
        case when long.field = 'last_name' and planning.normal(rule.kind, outlook_value) = '' then coalesce(display_name, '')
             else outlook_value end as wanted
    from long
    join planning.mailbox_fields as rule on rule.mailbox = long.mailbox and rule.field = long.field
    left join planning.create_rules as fixed
        on fixed.mailbox = long.mailbox and fixed.kind = 'fixed' and fixed.salesforce_field = rule.salesforce
    left join planning.create_rules as standard
        on standard.mailbox = long.mailbox and standard.kind = 'default' and standard.salesforce_field = rule.salesforce
), checked as (
    select *, planning.normal(kind, wanted) as wanted_normal,
        case
            when not travels or fixed_value is not null then null
            when length(wanted) > length then 'too_long'
            when kind = 'email' and planning.normal(kind, wanted) <> ''
                and not regexp_full_match(planning.normal(kind, wanted), '{{ email_pattern }}') then 'not_an_email'
            when kind = 'date' and planning.normal(kind, wanted) <> ''
                and try_cast(planning.normal(kind, wanted) as date) is null then 'not_a_date'
            when planning.normal(kind, wanted) <> '' and len(picklist) > 0 and not list_contains(picklist, wanted) then 'not_in_picklist'
        end as obstacle
    from ruled
)
select mailbox, outlook_id, verdict, field, position, kind, salesforce, length, travels, outlook_value, obstacle,
    case
        when fixed_value is not null then fixed_value
        when not travels or obstacle is not null then ''
        when wanted_normal = '' then coalesce(default_value, '')
        else wanted
    end as salesforce_value
from checked;

create or replace table planning.new_contacts as
with required as (
    select mailbox, salesforce_field from planning.create_rules where kind = 'required'
), supplied as (
    select mailbox, outlook_id, salesforce as salesforce_field from planning.new_values where salesforce_value <> ''
    union
    select match.mailbox, match.outlook_id, rule.salesforce_field
    from planning.contact_matches as match
    join planning.create_rules as rule on rule.mailbox = match.mailbox and rule.kind in ('default', 'fixed') and rule.value <> ''
), missing as (
    select match.mailbox, match.outlook_id, string_agg(required.salesforce_field, ', ' order by required.salesforce_field) as missing
    from planning.contact_matches as match
    join required on required.mailbox = match.mailbox
    where match.verdict in ('create', 'hold')
      and (match.mailbox, match.outlook_id, required.salesforce_field) not in (select (mailbox, outlook_id, salesforce_field) from supplied)
      and not (required.salesforce_field = 'AccountId' and exists (
            select 1 from planning.mailboxes as mailbox
            left join planning.account_resolution as account on account.key = match.mailbox || '|' || match.outlook_id
            where mailbox.mailbox = match.mailbox
              and (mailbox.account_mode = 'fixed' or coalesce(account.account_id, '') <> '')))
    group by all
), given as (
    -- an owner and an Account that the settings name (R8): a default one only where nothing else says so
    select mailbox,
        max(value) filter (where salesforce_field = 'OwnerId' and kind = 'fixed') as fixed_owner,
        max(value) filter (where salesforce_field = 'OwnerId' and kind = 'default') as default_owner,
        max(value) filter (where salesforce_field = 'AccountId' and kind = 'fixed') as fixed_account,
        max(value) filter (where salesforce_field = 'AccountId' and kind = 'default') as default_account
    from planning.create_rules group by mailbox
), placed as (
    select match.mailbox, match.outlook_id,
        case when given.fixed_account is not null then given.fixed_account
             when mailbox.account_mode = 'fixed' then mailbox.fixed_account_id
             when mailbox.account_mode = 'resolve' and coalesce(account.account_id, '') <> '' then account.account_id
             else coalesce(given.default_account, '') end as account_id,
        case when given.fixed_account is not null then 'fixed'
             when mailbox.account_mode = 'resolve' then coalesce(account.rule, 'no_company')
             else mailbox.account_mode end as account_rule,
        coalesce(account.candidates, 0) as account_candidates, list_slice(coalesce(account.suggestions, []), 1, mailbox.suggestions) as suggestions,
        coalesce(given.fixed_owner, given.default_owner, mailbox.salesforce_user_id) as owner_id
    from planning.contact_matches as match
    join planning.mailboxes as mailbox on mailbox.mailbox = match.mailbox
    left join planning.account_resolution as account on account.key = match.mailbox || '|' || match.outlook_id
    left join given on given.mailbox = match.mailbox
)
select match.mailbox, match.outlook_id, match.verdict, match.reason as match_reason, match.candidates,
    newcomer.place, newcomer.change_key, newcomer.emails, newcomer.full_name,
    coalesce(missing.missing, '') as missing,
    placed.account_id, placed.account_rule, placed.account_candidates, placed.suggestions, placed.owner_id,
    coalesce(named.name, '') as account_name,
    left(md5(concat_ws('|', {{ literal(run_id) }}, match.mailbox, match.outlook_id)), 16) as link_id,
    'n' || left(md5(concat_ws('|', match.mailbox, match.outlook_id,
        (select string_agg(value.field || '=' || value.salesforce_value, '|' order by value.position)
         from planning.new_values as value
         where value.mailbox = match.mailbox and value.outlook_id = match.outlook_id),
        placed.account_id, array_to_string(match.candidates, ','))), 15) as operation_id
from planning.contact_matches as match
join planning.newcomers as newcomer on newcomer.mailbox = match.mailbox and newcomer.outlook_id = match.outlook_id
join placed on placed.mailbox = match.mailbox and placed.outlook_id = match.outlook_id
left join missing on missing.mailbox = match.mailbox and missing.outlook_id = match.outlook_id
left join salesforce.accounts as named on named.id = placed.account_id
where match.verdict in ('create', 'hold');

-- R9: what a duplicate rule of Salesforce refused in just this form is held, until the Outlook contact or a Contact that
-- the rule named changes; what may have been created, its answer lost, is held as long as such a Contact is there
create or replace table planning.refused_duplicates as
with refused as (
    select new.mailbox, new.outlook_id, new.operation_id,
        arg_max(journal.finished_at, journal.finished_at) as refused_at,
        arg_max(coalesce(from_json(journal.result -> '$.duplicates', '["VARCHAR"]'), []), journal.finished_at) as contact_ids
    from planning.new_contacts as new
    join sync.journal as journal on journal.operation_id = new.operation_id and journal.outcome = 'refused' and journal.code = 'DUPLICATES_DETECTED'
    group by all
), named as (
    select refused.*, unnest(contact_ids) as contact_id from refused
), perhaps as (
    select new.mailbox, new.outlook_id, unnest(from_json(journal.result -> '$.duplicates', '["VARCHAR"]')) as contact_id
    from planning.new_contacts as new
    join sync.journal as journal on journal.mailbox = new.mailbox and journal.outlook_id = new.outlook_id
    where journal.code = 'perhaps_created' and journal.outcome = 'refused'
), found as (
    select refused.mailbox, refused.outlook_id, refused.contact_ids, false as is_perhaps
    from refused
    where len(contact_ids) = 0 or exists (
        select 1 from named left join salesforce.contacts as contact on contact.id = named.contact_id
        where named.operation_id = refused.operation_id
          and (contact.id is null or (not contact.is_deleted and contact.modstamp <= refused.refused_at)))
    union all
    select perhaps.mailbox, perhaps.outlook_id, [perhaps.contact_id], true
    from perhaps join salesforce.contacts as contact on contact.id = perhaps.contact_id and not contact.is_deleted
    where not exists (select 1 from sync.links as link where link.salesforce_id = perhaps.contact_id
                      and link.state = 'linked' and link.mailbox = perhaps.mailbox)
)
select mailbox, outlook_id, list_sort(list_distinct(flatten(list(contact_ids)))) as contact_ids, bool_or(is_perhaps) as is_perhaps
from found group by mailbox, outlook_id;

-- ── Outlook → Salesforce ─────────────────────────────────────────────────────────────────────────────────────────────
insert into planning.operations by name
select new.operation_id, 15 as phase, new.mailbox, 'salesforce' as side, 'create' as action, new.link_id, new.outlook_id,
    '' as salesforce_id,
    (select to_json(list({field: value.field, before: '', after: value.salesforce_value} order by value.position))
     from planning.new_values as value
     where value.mailbox = new.mailbox and value.outlook_id = new.outlook_id and value.travels and value.salesforce_value <> '') as fields,
    to_json({
        account_id: new.account_id, account_rule: new.account_rule, account_candidates: new.account_candidates,
        suggestions: new.suggestions,
        candidates: list_sort(list_distinct(list_concat(new.candidates, coalesce(refused.contact_ids, [])))), owner_id: new.owner_id,
        extra: (select map_from_entries(list((rule.salesforce_field, rule.value) order by rule.kind, rule.salesforce_field))
                from planning.create_rules as rule
                where rule.mailbox = new.mailbox and rule.kind in ('default', 'fixed')
                  and rule.salesforce_field not in (
                    select value.salesforce from planning.new_values as value
                    where value.mailbox = new.mailbox and value.outlook_id = new.outlook_id and value.travels)
                  and not (rule.kind = 'default' and exists (
                    select 1 from planning.create_rules as fixed
                    where fixed.mailbox = rule.mailbox and fixed.kind = 'fixed' and fixed.salesforce_field = rule.salesforce_field))),
        match: {emails: new.emails, full_name: new.full_name}
    }) as detail,
    'R6' as rule,
    'Chosen in Outlook' || case new.place when 'folder' then ' (in the folder)' else ' (by its category)' end || '. ' || new.match_reason
    || ' ' || planning.account_reason(new.account_rule, new.account_candidates) as reason,
    case when new.verdict = 'hold' or refused.outlook_id is not null then 'duplicate' end as hold_kind,
    case when new.verdict = 'hold' then new.match_reason
         when refused.is_perhaps then 'The answer to its creation was lost, and one of these Contacts may be what it made.'
         when refused.outlook_id is not null then 'A duplicate rule of Salesforce says that it is there already.' end as hold_reason,
    new.missing <> '' as is_problem, '' as depends_on, new.change_key as planned_key, null::timestamp as planned_stamp
from planning.new_contacts as new
left join planning.refused_duplicates as refused on refused.mailbox = new.mailbox and refused.outlook_id = new.outlook_id;

insert into planning.plan_problems by name
with lacking as (
    -- a value that Salesforce cannot hold is told as that
    select mailbox, outlook_id, string_agg(name, ', ' order by name) as names
    from (select mailbox, outlook_id, unnest(string_split(missing, ', ')) as name from planning.new_contacts where missing <> '')
    where (mailbox, outlook_id, name) not in (select (mailbox, outlook_id, salesforce) from planning.new_values where obstacle is not null)
    group by all
)
select mailbox, outlook_id, '' as salesforce_id, '' as field, 'required_field_missing' as code,
    'The contact lacks what Salesforce requires: ' || names || '.' as message,
    'Fill it in Outlook, or give a default under create.defaults in the settings.' as remedy
from lacking
union all by name
select value.mailbox, value.outlook_id, '' as salesforce_id, value.field, value.obstacle as code,
    planning.obstacle(value.field, value.obstacle, value.outlook_value, value.length) as message,
    'Change the value in Outlook; ' || case when new.missing = '' then 'the other fields travel meanwhile.'
        else 'the contact is created then.' end as remedy
from planning.new_values as value
join planning.new_contacts as new on new.mailbox = value.mailbox and new.outlook_id = value.outlook_id
where value.obstacle is not null;

insert into planning.link_changes by name
select 'link' as kind, new.mailbox, new.link_id, new.outlook_id, '' as salesforce_id, 'outlook' as origin, new.account_rule as reason,
    false as seen_in_view, new.operation_id
from planning.new_contacts as new;

insert into planning.base_updates by name
select new.operation_id, new.link_id, value.field,
    value.outlook_value,
    case when value.field = 'company' then new.account_name else value.salesforce_value end as salesforce_value
from planning.new_contacts as new
join planning.new_values as value on value.mailbox = new.mailbox and value.outlook_id = new.outlook_id
where value.obstacle is null;

-- the item itself: stamp, category, and what Salesforce now holds otherwise (account's name, defaults, fixed values)
create or replace table planning.new_item_fields as
select new.mailbox, new.outlook_id, new.operation_id, new.link_id, value.field, value.position, value.outlook_value as before,
    case when value.field = 'company' then new.account_name else value.salesforce_value end as after
from planning.new_contacts as new
join planning.new_values as value on value.mailbox = new.mailbox and value.outlook_id = new.outlook_id
join planning.mailbox_fields as rule on rule.mailbox = value.mailbox and rule.field = value.field
where rule.direction in ('both', 'from_salesforce') and value.obstacle is null and value.field <> 'last_name'
  and case when value.field = 'company' then new.account_name <> '' and planning.normal(value.kind, new.account_name) <> planning.normal(value.kind, value.outlook_value)
           else rule.direction = 'both' and planning.normal(value.kind, value.salesforce_value) <> planning.normal(value.kind, value.outlook_value)
                and value.salesforce_value <> '' end;

insert into planning.operations by name
select 'u' || left(md5(concat_ws('|', new.operation_id, 'stamp')), 15) as operation_id,
    case when new.place = 'folder' then 50 else 45 end as phase, new.mailbox, 'outlook' as side,
    case when new.place = 'folder' then 'update' else 'move' end as action, new.link_id, new.outlook_id, '' as salesforce_id,
    coalesce((select to_json(list({field: item.field, before: item.before, after: item.after} order by item.position))
     from planning.new_item_fields as item where item.mailbox = new.mailbox and item.outlook_id = new.outlook_id), '[]'::json) as fields,
    to_json({stamp: 'created', categorise: true, source_id: new.outlook_id}) as detail,
    'R6' as rule,
    case when new.place = 'folder' then 'Marks the item with its new Contact.'
         else 'Moves the categorised contact into the folder and marks it with its new Contact.' end as reason,
    null as hold_kind, null as hold_reason, false as is_problem, new.operation_id as depends_on, new.change_key as planned_key,
    null::timestamp as planned_stamp
from planning.new_contacts as new;

insert into planning.base_updates by name
select 'u' || left(md5(concat_ws('|', item.operation_id, 'stamp')), 15) as operation_id, item.link_id, item.field,
    item.after as outlook_value, item.after as salesforce_value
from planning.new_item_fields as item;

insert into planning.link_changes by name
select 'item' as kind, new.mailbox, new.link_id, '' as outlook_id, '' as salesforce_id, '' as origin, '' as reason, false as seen_in_view,
    'u' || left(md5(concat_ws('|', new.operation_id, 'stamp')), 15) as operation_id
from planning.new_contacts as new where new.place = 'elsewhere';
