-- in:  planning.touched, planning.ends, planning.paused, planning.undo_parts, planning.links, planning.mailboxes,
--      planning.mailbox_fields, planning.create_rules, sync.verdicts, sync.frozen
-- out: planning.pairs (link × field that moved in any link of its Contact: both values, both bases, in the form in which they
--      compare; outlook_is_edit: what Outlook holds is not known to come from Salesforce),
--      planning.edits (link: was it edited in Outlook since the base, or anywhere else),
--      planning.contact_changes (pairs with the verdict of the three-way merge),
--      planning.finals (Contact × field: the value that goes up, and from which mailbox; undone: which runs it takes back)
--      (all of it empty where no link is touched: plan.py leaves this stage out then)

create or replace table planning.pairs as
with long as materialized (
    select
        link.link_id, link.mailbox, link.contact_id, link.outlook_id, link.place, link.moves_in, link.contact_state, link.is_person_account,
        link.outlook_modified_at, link.salesforce_modified_at, link.display_name, link.outlook_written_by_us, link.salesforce_written_by_us,
        unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}',
             item: {{ 'null' if f.is_list else 'own.item_' ~ f.name }},
             entries: {{ 'own.item_' ~ f.name if f.is_list else 'null::varchar[]' }},
             base_entries: {{ 'base.entries_' ~ f.name if f.is_list else 'null::varchar[]' }},
             is_list: {{ 'true' if f.is_list else 'false' }},
             outlook_base: base.outlook_{{ f.name }},
             salesforce_value: own.contact_{{ f.name }},
             salesforce_base: coalesce(winner.salesforce_{{ f.name }}, base.salesforce_{{ f.name }})}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from planning.links as link
    join planning.touched using (link_id)
    join planning.ends as own on own.link_id = link.link_id
    -- the base is what its deleted copy held: an original that comes back for it may be older than that
    left join planning.ends as base on base.link_id = link.link_id and not link.is_original
    -- a loser's edits are weighed against what the winner held when this mailbox last agreed with it (R17)
    left join planning.links as first on link.is_merged and link.place_in_merge > 1
        and first.mailbox = link.mailbox and first.contact_id = link.contact_id and first.place_in_merge = 1 and not first.is_merged
    left join planning.ends as winner on winner.link_id = first.link_id
), moved as (
    -- what is as it was on every side decides nothing; a Company does where its Account is looked for again
    select distinct contact_id, field from long
    where field = 'company' or outlook_base is null or salesforce_base is null or salesforce_value is distinct from salesforce_base
        or case when is_list then entries is distinct from base_entries or (outlook_base <> '' and not list_contains(entries, outlook_base))
                else item is distinct from outlook_base end
        or contact_id in (select contact_id from planning.undo_parts)
), placed as (
    select long.*, rule.position, rule.kind, rule.direction, rule.policy, rule.length, rule.salesforce, rule.updateable,
        rule.nillable, rule.picklist,
        case
            when not is_list then item
            when entries is null then null
            when outlook_base is null then coalesce(entries[1], '')
            else coalesce(
                case when outlook_base <> '' then list_filter(
                    entries, lambda entry: planning.normal(rule.kind, entry) = planning.normal(rule.kind, outlook_base))[1] end,
                list_filter(entries, lambda entry: not list_contains(
                    list_transform(coalesce(base_entries, []), lambda known: planning.normal(rule.kind, known)),
                    planning.normal(rule.kind, entry)))[1],
                '')
        end as outlook_value
    from long
    join moved on moved.contact_id = long.contact_id and moved.field = long.field
    join planning.mailbox_fields as rule on rule.mailbox = long.mailbox and rule.field = long.field
)
select * exclude (item, entries, base_entries, is_list),
    -- other entries came, went or changed places: the base remembers them, so that none is taken for a new one later
    is_list and entries is not null and entries is distinct from base_entries as list_changed,
    planning.normal(kind, outlook_value) as outlook_normal, planning.normal(kind, salesforce_value) as salesforce_normal,
    planning.normal(kind, outlook_base) as outlook_base_normal, planning.normal(kind, salesforce_base) as salesforce_base_normal,
    outlook_base is not null and salesforce_base is not null as has_base,
    outlook_base is not null and outlook_value is not null
        and planning.normal(kind, outlook_value) <> planning.normal(kind, outlook_base) as outlook_changed,
    salesforce_base is not null and salesforce_value is not null
        and planning.normal(kind, salesforce_value) <> planning.normal(kind, salesforce_base) as salesforce_changed,
    -- without a base nobody knows who wrote what the other side lacks, so it counts: it must not go with a removal (R18, R19)
    coalesce(outlook_changed or (not has_base and outlook_normal <> '' and outlook_normal is distinct from salesforce_normal), false)
        as outlook_is_edit
from placed;

create or replace table planning.edits as
with own as (
    select link_id, contact_id,
        bool_or(outlook_is_edit and (direction in ('both', 'from_outlook') or (field = 'company' and company_edits = 'resolve'))
                and not is_person_account and outlook_normal is distinct from salesforce_normal) as outlook_edited,
        bool_or((salesforce_changed or (not has_base and salesforce_normal <> '')) and direction <> 'from_outlook'
                and salesforce_normal is distinct from outlook_normal) as salesforce_edited
    from planning.pairs join planning.mailboxes using (mailbox) group by all
)
select own.link_id, own.outlook_edited,
    -- R19: an edit in another mailbox that is not synchronised yet counts as an edit in Salesforce
    own.salesforce_edited or exists (
        select 1 from own as other where other.contact_id = own.contact_id and other.link_id <> own.link_id and other.outlook_edited
    ) as edited_elsewhere
from own;

create or replace table planning.compared as
with judged as (
    select pair.*,
        case
            when outlook_normal = salesforce_normal then 'agree'
            when field = 'company' and direction = 'from_salesforce' and salesforce_normal = '' then
                case when has_base and salesforce_changed and outlook_normal = salesforce_base_normal then 'down'
                     when outlook_changed and mailbox.company_edits = 'resolve' and not is_person_account then 'resolve'
                     else 'differ' end
            when field = 'company' and direction = 'from_salesforce' and outlook_changed and not salesforce_changed
                 and mailbox.company_edits = 'resolve' and not is_person_account then 'resolve'
            when direction = 'from_salesforce' or is_person_account then
                case when outlook_changed then 'take_back'
                     when not has_base and salesforce_normal = '' then 'differ'
                     when not has_base and outlook_normal <> '' then 'take_back'
                     when not has_base or salesforce_changed then 'down'
                     else 'differ' end
            -- only an edit in Outlook goes up: what nobody edited there overwrites nothing in Salesforce
            when direction = 'from_outlook' then
                case when outlook_changed and not salesforce_changed then 'up'
                     when outlook_changed then 'send_up'
                     when not has_base and outlook_normal <> '' then case when salesforce_normal = '' then 'up' else 'send_up' end
                     else 'differ' end
            -- R8: the surname that a Contact's last name was made of is no empty side
            when field = 'last_name' and not has_base and outlook_normal = ''
                 and salesforce_normal = planning.normal(kind, coalesce(display_name, '')) then 'differ'
            when not has_base and outlook_normal = '' then 'down'
            when not has_base and salesforce_normal = '' then 'up'
            when not has_base or (outlook_changed and salesforce_changed) then 'conflict'
            when outlook_changed then 'up'
            when salesforce_changed then 'down'
            else 'differ'
        end as judgement
    from planning.pairs as pair
    join planning.mailboxes as mailbox using (mailbox)
    -- one that is about to move in merges on the way, so that no edit falls between its move and its first base
    where outlook_value is not null and salesforce_value is not null and contact_state = 'present' and (place = 'folder' or moves_in)
), named as (
    -- a held conflict is an operation of its own, so that it can be answered: its id is its content
    select *, 'c' || left(md5(concat_ws('|', mailbox, link_id, field, outlook_normal, salesforce_normal)), 15) as conflict_id
    from judged
), settled as (
    select named.* exclude (judgement), judgement,
        case
            when judgement = 'conflict' then
                case
                    when verdict.verdict = 'take_outlook' then 'outlook'
                    when verdict.verdict = 'take_salesforce' then 'salesforce'
                    when policy = 'outlook' then 'outlook'
                    when policy = 'hold' then 'hold'
                    when policy = 'latest' and not outlook_written_by_us and not salesforce_written_by_us
                         and abs(epoch(outlook_modified_at) - epoch(salesforce_modified_at)) > 2
                         and outlook_modified_at > salesforce_modified_at then 'outlook'
                    else 'salesforce'
                end
            when judgement = 'take_back' then 'salesforce'
            when judgement = 'send_up' then 'outlook'
        end as winner
    from named
    left join sync.verdicts as verdict
        on verdict.operation_id = conflict_id and verdict.lapses_at > {{ literal(now) }}::timestamp
        and verdict.verdict in ('take_outlook', 'take_salesforce')
)
select *,
    case
        when judgement in ('agree', 'differ', 'resolve') then judgement
        when winner = 'outlook' then 'up'
        when winner = 'salesforce' then 'down'
        when winner = 'hold' then 'hold'
        else judgement
    end as course
from settled;

-- R12, R8: what Salesforce would refuse is a problem of that field; the other fields travel.
create or replace table planning.contact_changes as
select compared.*,
    case
        when course <> 'up' then null
        when frozen.rewrites >= 2 then 'rewritten_by_server'
        when not updateable then 'not_writable'
        when exists (select 1 from planning.paused as paused
                     where paused.mailbox = compared.mailbox and paused.field = compared.field
                       and paused.outlook_id = compared.outlook_id) then 'refused_before'
        when outlook_normal = '' and (not nillable or exists (
            select 1 from planning.create_rules as rule
            where rule.mailbox = compared.mailbox and rule.kind = 'required' and rule.salesforce_field = compared.salesforce))
            then 'required_field_cleared'
        when length(outlook_value) > length then 'too_long'
        when kind = 'email' and outlook_normal <> ''
            and not regexp_full_match(outlook_normal, '{{ email_pattern }}') then 'not_an_email'
        when kind = 'date' and outlook_normal <> '' and try_cast(outlook_normal as date) is null then 'not_a_date'
        when outlook_normal <> '' and len(picklist) > 0 and not list_contains(picklist, outlook_value) then 'not_in_picklist'
    end as obstacle
from planning.compared as compared
left join sync.frozen as frozen
    on frozen.link_id = compared.link_id and frozen.field = compared.field and frozen.side = 'salesforce';

-- R13: Salesforce is the hub; for the same field the later edit wins, then the lower address.
create or replace table planning.finals as
select contact_id, field, any_value(position) as position, any_value(kind) as kind, any_value(salesforce) as salesforce,
    arg_min(link_id, rank) as link_id, arg_min(mailbox, rank) as mailbox,
    arg_min(case when outlook_normal = '' then '' else outlook_value end, rank) as value,  -- R12: a blank one is an empty one
    arg_min(outlook_normal, rank) as normal, any_value(salesforce_value) as before, null::varchar as undone
from (
    select change.*, row_number() over (
        partition by contact_id, field order by outlook_modified_at desc, mailbox, link_id) as rank
    from planning.contact_changes as change
    where course = 'up' and obstacle is null
)
group by contact_id, field;
