-- in:  planning.decisions, planning.contact_changes, planning.finals, planning.links, planning.heirs, planning.account_resolution,
--      planning.mailboxes, planning.contacts, planning.items, planning.pairs, planning.newcomers, planning.contact_matches, planning.parted,
--      planning.new_contacts, planning.refused_duplicates, outlook.contacts, outlook.mailboxes, salesforce.contacts,
--      salesforce.accounts, sync.links, sync.frozen, the macro planning.content_id (decisions.sql),
--      planning.account_reason (results.sql)
-- out: rows of planning.operations, planning.base_updates, planning.link_changes, planning.plan_problems, planning.conflicts
--      for everything but creations

-- ── the mailbox itself (R3, R4) ──────────────────────────────────────────────────────────────────────────────────────
insert into planning.operations by name
select 'f' || left(md5(concat_ws('|', state.mailbox, state.folder_state, state.folder_id)), 15) as operation_id, 0 as phase,
    state.mailbox, 'outlook' as side, 'create_folder' as action, '' as link_id, '' as outlook_id, '' as salesforce_id, '[]'::json as fields,
    '{}'::json as detail, 'R3' as rule,
    case when state.folder_state = 'lost' then 'The folder was deleted; it is made again and refilled.'
         else 'The mailbox has no folder for synchronised contacts yet.' end as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, '' as planned_key, null::timestamp as planned_stamp
from outlook.mailboxes as state join planning.mailboxes using (mailbox)
where enabled and state.folder_state in ('missing', 'lost');

insert into planning.operations by name
select 'g' || left(md5(state.mailbox), 15) as operation_id, 1 as phase,
    state.mailbox, 'outlook' as side, 'create_category' as action, '' as link_id, '' as outlook_id, '' as salesforce_id, '[]'::json as fields,
    '{}'::json as detail, 'R4' as rule, 'The category is not in the master category list of the mailbox.' as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, '' as planned_key, null::timestamp as planned_stamp
from outlook.mailboxes as state join planning.mailboxes using (mailbox)
where enabled and not coalesce(state.category_listed, false);

-- ── Company edits and retried Companies (R7) ─────────────────────────────────────────────────────────────────────────
create or replace table planning.account_moves as
select link.link_id, link.mailbox, link.contact_id, account.account_id, account.rule as account_rule, account.candidates,
    edit.link_id is not null as is_edit, named.name as account_name, contact.company as before, item.company as outlook_company,
    row_number() over (partition by link.contact_id order by item.modified_at desc, link.mailbox) as rank
from planning.account_resolution as account
join planning.links as link on link.link_id = account.key
join planning.contacts as contact on contact.id = link.contact_id
join planning.items as item on item.mailbox = link.mailbox and item.id = link.outlook_id
join salesforce.accounts as named on named.id = account.account_id
left join planning.contact_changes as edit on edit.link_id = link.link_id and edit.field = 'company' and edit.course = 'resolve'
where account.account_id is not null and account.account_id <> coalesce(contact.account_id, '');

-- ── what goes up to Salesforce ───────────────────────────────────────────────────────────────────────────────────────
create or replace table planning.contact_updates as
with parts as (
    select contact_id, mailbox, field, before, value as after, position, undone is null as is_edit, undone from planning.finals
    union all
    select contact_id, mailbox, 'company', before, account_name, -1, is_edit, null from planning.account_moves where rank = 1
)
select contact_id, min(mailbox) as mailbox, count(distinct mailbox) filter (where is_edit) as mailboxes,
    to_json(list({field: field, before: before, after: after} order by position)) as fields,
    string_agg(field, ', ' order by position) filter (where is_edit) as edited,
    list_sort(list(distinct mailbox)) as from_mailboxes, string_agg(distinct undone, ' ' order by undone) as undone
from parts group by contact_id;

create or replace table planning.contact_updates as
select contact_updates.*, contact.modstamp, link.link_id, link.outlook_id, coalesce(move.account_id, '') as account_id,
    move.account_rule, move.candidates as account_candidates, coalesce(not move.is_edit, false) as is_retried,
    's' || left(md5(concat_ws('|', contact_updates.mailbox, contact_updates.contact_id, fields, coalesce(move.account_id, ''))), 15) as operation_id
from planning.contact_updates
left join planning.account_moves as move on move.contact_id = contact_updates.contact_id and move.rank = 1
join planning.contacts as contact on contact.id = contact_updates.contact_id
join planning.links as link on link.contact_id = contact_updates.contact_id and link.mailbox = contact_updates.mailbox
qualify row_number() over (partition by contact_updates.contact_id order by link.place_in_merge, link.link_id) = 1;

-- edits before creations, so that a large load keeps nobody's edit waiting (R21); deletions last (R19)
insert into planning.operations by name
select operation_id, 10 as phase, mailbox, 'salesforce' as side, 'update' as action, link_id, outlook_id, contact_id as salesforce_id, fields,
    case when account_id = '' then to_json({account_id: account_id, mailboxes: from_mailboxes})
         else to_json({account_id: account_id, account_rule: account_rule, account_candidates: account_candidates, mailboxes: from_mailboxes})
         end as detail,
    case when undone is not null then 'R24' when account_id <> '' and coalesce(edited, 'company') = 'company' then 'R7' when mailboxes > 1 then 'R13' else 'R10' end as rule,
    concat_ws(' ', undone,
        'Edited in Outlook' || case when mailboxes > 1 then ' in ' || mailboxes || ' mailboxes' else '' end || ': ' || edited || '.',
        case when is_retried then 'Created without an Account; its Company finds one now.' end,
        case when account_id <> '' then planning.account_reason(account_rule, account_candidates) end) as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, '' as planned_key, modstamp as planned_stamp
from planning.contact_updates;

-- ── what goes down to each mailbox ───────────────────────────────────────────────────────────────────────────────────
create or replace table planning.wanted_downs as
with target as (
    select change.link_id, change.mailbox, change.contact_id, change.field, change.position, change.kind, change.course,
        -- Contacts of Person Accounts go from Salesforce to Outlook only, whatever the mapping says of the field (R9)
        change.direction <> 'from_outlook' or change.is_person_account or up.undone is not null as goes_down, up.undone,
        change.outlook_value, change.outlook_normal, change.salesforce_value,
        case when change.field = 'company' and move.account_name is not null then move.account_name
             when up.field is not null then up.value
             else change.salesforce_value end as value,
        up.field is not null or (change.field = 'company' and move.account_name is not null) as is_going_up
    from planning.contact_changes as change
    left join planning.finals as up on up.contact_id = change.contact_id and up.field = change.field
    left join planning.account_moves as move on move.contact_id = change.contact_id and move.rank = 1
)
select *, planning.normal(kind, value) as normal,
    exists (select 1 from sync.frozen as frozen where frozen.link_id = target.link_id and frozen.field = target.field
            and frozen.side = 'outlook' and frozen.rewrites >= 2) as is_frozen
from target
where course <> 'hold' and goes_down
  and planning.normal(kind, value) <> outlook_normal
  and (course = 'down' or is_going_up);

create or replace table planning.downs as
select * exclude (is_frozen) from planning.wanted_downs where not is_frozen;

create or replace macro planning.forms(first, middle, last, title, suffix) as list_transform([
    [first, last], [last || ',', first], [first, middle, last], [last || ',', first, middle], [title, first, last], [title, last],
    [title, first, middle, last], [first, last, suffix], [first, middle, last, suffix], [title, first, middle, last, suffix],
    [title, first, last, suffix], [last, first], [first], [last]
], lambda form: trim(array_to_string(list_filter(form, lambda part: part <> '' and part <> ','), ' ')));

create or replace table planning.item_updates as
with wanted as (
    select decision.link_id, decision.mailbox, decision.contact_id, decision.outlook_id, decision.place, decision.is_new, decision.is_merged,
        not decision.categorised as lacks_category,
        (decision.stamp_contact is distinct from decision.contact_id or decision.stamp_org is distinct from {{ literal(org_id) }})
            as lacks_stamp
    from planning.decisions as decision where decision.takes_edits
), fields as (
    select link_id, to_json(list({field: field, before: outlook_value, after: value} order by position)) as fields,
        string_agg(field, ', ' order by position) as names, bool_or(is_going_up) as needs_up,
        string_agg(distinct undone, ' ' order by undone) as undone
    from planning.downs group by link_id
), names as (
    select link.link_id, item.display_name,
        {%- for f in ('first_name', 'middle_name', 'last_name', 'salutation', 'suffix') %}
        coalesce({{ 'base.outlook_' ~ f if f in known else "''" }}, {{ 'item.' ~ f if f in known else "''" }}, '') as old_{{ f }},
        coalesce({{ 'item.' ~ f if f in known else "''" }}, '') as own_{{ f }},
        coalesce((select any_value(value) from planning.downs as down where down.link_id = link.link_id and down.field = '{{ f }}'),
                 {{ 'item.' ~ f if f in known else "''" }}, '') as new_{{ f }}{{ '' if loop.last else ',' }}
        {%- endfor %}
    from planning.links as link
    join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id
    left join sync.links as base on base.link_id = link.link_id
    where link.link_id in (select link_id from planning.downs
                           where field in ('first_name', 'middle_name', 'last_name', 'salutation', 'suffix'))
), shown as (
    -- a form of the names that both sides held, or of those that Outlook itself shows since: nobody chose it
    select link_id, case when coalesce(display_name, '') = '' then 1 else coalesce(
            list_position(planning.forms(old_first_name, old_middle_name, old_last_name, old_salutation, old_suffix), trim(display_name)),
            list_position(planning.forms(own_first_name, own_middle_name, own_last_name, own_salutation, own_suffix), trim(display_name)))
        end as form,
        planning.forms(new_first_name, new_middle_name, new_last_name, new_salutation, new_suffix) as forms
    from names
)
select wanted.*, coalesce(fields.fields, '[]'::json) as fields, fields.names, coalesce(fields.needs_up, false) as needs_up, fields.undone,
    nullif(shown.forms[shown.form], '') as display_name
from wanted
left join fields using (link_id)
left join shown on shown.link_id = wanted.link_id
where fields.fields is not null or lacks_category or lacks_stamp or wanted.place = 'elsewhere';

create or replace table planning.item_updates as
select item_updates.*,
    'u' || left(md5(concat_ws('|', item_updates.mailbox, item_updates.outlook_id, item_updates.contact_id, fields, lacks_category, lacks_stamp, display_name)), 15)
        as operation_id
from planning.item_updates;

insert into planning.operations by name
select item.operation_id, case when item.place = 'elsewhere' then 45 else 50 end as phase, item.mailbox, 'outlook' as side,
    case when item.place = 'elsewhere' then 'move' else 'update' end as action, item.link_id, item.outlook_id, item.contact_id as salesforce_id,
    item.fields,
    to_json({stamp: case when lacks_stamp or item.place = 'elsewhere' then item.contact_id end, categorise: lacks_category,
             display_name: item.display_name, source_id: item.outlook_id}) as detail,
    case when item.undone is not null then 'R24' when item.place = 'elsewhere' then 'R6' when item.is_new then 'R9' when item.names is null and lacks_category then 'R4'
         when item.is_merged then 'R17' when item.names is null then 'R9' else 'R10' end as rule,
    case when item.place = 'elsewhere' then concat_ws(' ', item.undone, 'Moves the categorised contact into the folder; it is linked to its Contact.',
                             'Takes over from Salesforce: ' || item.names || '.')
         else concat_ws(' ', item.undone, case when item.is_new then 'Linked with its Contact in Salesforce.'
                                  when item.is_merged then 'Its Contact was merged into another.' end,
                             'Takes over from Salesforce: ' || item.names || '.',
                             case when lacks_category then 'The category is put back.' end,
                             case when lacks_stamp and not item.is_new then 'The stamp is renewed.' end) end as reason,
    null as hold_kind, null as hold_reason, false as is_problem,
    case when item.needs_up then update.operation_id else '' end as depends_on,
    link.change_key as planned_key, null::timestamp as planned_stamp
from planning.item_updates as item
join planning.links as link on link.link_id = item.link_id
left join planning.contact_updates as update on update.contact_id = item.contact_id;

-- folder contacts that are not linked yet still carry the category (R4)
insert into planning.operations by name
select 'k' || left(md5(concat_ws('|', newcomer.mailbox, newcomer.outlook_id, newcomer.change_key)), 15) as operation_id, 50 as phase,
    newcomer.mailbox, 'outlook' as side, 'update' as action, '' as link_id, newcomer.outlook_id, '' as salesforce_id, '[]'::json as fields,
    to_json({categorise: true}) as detail, 'R4' as rule, 'Every contact in the folder carries the category.' as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, newcomer.change_key as planned_key, null::timestamp as planned_stamp
from planning.newcomers as newcomer
join planning.contact_matches as match on match.mailbox = newcomer.mailbox and match.outlook_id = newcomer.outlook_id
left join planning.new_contacts as new on new.mailbox = newcomer.mailbox and new.outlook_id = newcomer.outlook_id
where newcomer.place = 'folder' and not newcomer.categorised
  and (match.verdict in ('hold', 'wait') or coalesce(new.missing, '') <> ''
       or (newcomer.mailbox, newcomer.outlook_id) in (select (mailbox, outlook_id) from planning.refused_duplicates));

-- ── bases of existing links ──────────────────────────────────────────────────────────────────────────────────────────
insert into planning.base_updates by name
-- both agree, or differ by design without a base: no write is needed
select null as operation_id, change.link_id, change.field, change.outlook_value, change.salesforce_value, false as is_first
from planning.contact_changes as change
where (change.course = 'agree' or (change.course = 'differ' and not change.has_base))
  and not exists (select 1 from planning.finals as up where up.contact_id = change.contact_id and up.field = change.field
                  and up.normal <> change.salesforce_normal)
  and (change.outlook_value is distinct from change.outlook_base or change.salesforce_value is distinct from change.salesforce_base
       or change.list_changed)
union all by name
-- the links whose Outlook value is the one that goes up
select update.operation_id, change.link_id, change.field, change.outlook_value, up.value as salesforce_value,
    not change.has_base as is_first
from planning.contact_changes as change
join planning.finals as up on up.contact_id = change.contact_id and up.field = change.field and up.normal = change.outlook_normal
join planning.contact_updates as update on update.contact_id = change.contact_id
union all by name
select item.operation_id, down.link_id, down.field, down.value as outlook_value, down.value as salesforce_value,
    not change.has_base as is_first
from planning.downs as down
join planning.item_updates as item on item.link_id = down.link_id
join planning.contact_changes as change on change.link_id = down.link_id and change.field = down.field
union all by name
select update.operation_id, move.link_id, 'company' as field, move.outlook_company as outlook_value, move.account_name as salesforce_value,
    false as is_first
from planning.account_moves as move join planning.contact_updates as update on update.contact_id = move.contact_id
where planning.normal_text(move.outlook_company) = planning.normal_text(move.account_name);

-- ── removals, restorations, moves (R3, R14–R19) ──────────────────────────────────────────────────────────────────────
-- edits that cannot go up before a removal of ours hold it (R18)
create or replace table planning.stuck as
select distinct change.link_id from planning.contact_changes as change
where change.course = 'hold' or change.obstacle is not null;

insert into planning.operations by name
select planning.content_id('r',
        concat_ws('|', decision.mailbox, decision.link_id, decision.contact_id, decision.rule, decision.close_reason), decision.unsaved) as operation_id,
    70 as phase, decision.mailbox, 'outlook' as side, 'delete' as action, decision.link_id, decision.outlook_id,
    decision.contact_id as salesforce_id, '[]'::json as fields, to_json({close: decision.close_reason}) as detail, decision.rule,
    decision.reason || case when update.operation_id is not null then ' Its edits go up first.' else '' end as reason,
    case when decision.is_doubtful then 'empty_view'
         when decision.decision = 'hold_removal' or stuck.link_id is not null then 'unsaved_edit' end as hold_kind,
    nullif(concat_ws(' ',
        case when decision.is_doubtful
             then 'The view came back empty where it held Contacts, which is no ground for a removal; approve it if it is empty in truth.' end,
        case when decision.decision = 'hold_removal' or stuck.link_id is not null
             then 'Edits made in Outlook cannot go up to Salesforce first; approving removes the contact all the same.' end), '') as hold_reason,
    false as is_problem, coalesce(case when decision.outlook_edited or going_up.link_id is not null then update.operation_id end, '') as depends_on,
    decision.change_key as planned_key, null::timestamp as planned_stamp
from planning.decisions as decision
left join planning.stuck as stuck on stuck.link_id = decision.link_id and decision.decision = 'remove_after_edits'
-- a field that only comes from Outlook goes up also where the edit that it undoes was made in Salesforce
left join (select distinct link_id from planning.contact_changes where course = 'up' and obstacle is null) as going_up
    on going_up.link_id = decision.link_id
left join planning.contact_updates as update on update.contact_id = decision.contact_id and decision.decision = 'remove_after_edits'
where decision.decision in ('remove', 'remove_after_edits', 'hold_removal');

insert into planning.operations by name
select decision.deletion_id as operation_id,
    20 as phase, decision.mailbox, 'salesforce' as side, 'delete' as action, decision.link_id, decision.outlook_id,
    decision.contact_id as salesforce_id, '[]'::json as fields, to_json({close: decision.close_reason}) as detail, decision.rule, decision.reason,
    null as hold_kind, null as hold_reason, decision.waits_for is not null as is_problem, '' as depends_on, '' as planned_key,
    decision.modstamp as planned_stamp
from planning.decisions as decision where decision.decision = 'delete_contact'
qualify row_number() over (partition by decision.contact_id order by decision.mailbox, decision.link_id) = 1;

insert into planning.operations by name
select planning.content_id('l', concat_ws('|', decision.mailbox, decision.link_id, decision.rule), decision.unsaved) as operation_id,
    60 as phase, decision.mailbox, 'outlook' as side, 'release' as action, decision.link_id, decision.outlook_id,
    decision.contact_id as salesforce_id, '[]'::json as fields, to_json({stamp: '', close: decision.close_reason}) as detail, decision.rule, decision.reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, decision.change_key as planned_key, null::timestamp as planned_stamp
from planning.decisions as decision where decision.decision = 'release';

-- a contact moved out with `delete`: the item itself becomes personal once its Contact is deleted
insert into planning.operations by name
select planning.content_id('l', concat_ws('|', decision.mailbox, decision.link_id, 'moved_out'), decision.unsaved) as operation_id,
    60 as phase, decision.mailbox, 'outlook' as side, 'release' as action, decision.link_id, decision.outlook_id,
    decision.contact_id as salesforce_id, '[]'::json as fields, to_json({stamp: '', close: decision.close_reason}) as detail, decision.rule,
    'The item stays where it was moved to, as a personal contact.' as reason,
    null as hold_kind, null as hold_reason, false as is_problem,
    decision.deletion_id as depends_on,
    decision.change_key as planned_key, null::timestamp as planned_stamp
from planning.decisions as decision where decision.decision = 'delete_contact' and decision.place = 'elsewhere';

insert into planning.operations by name
select planning.content_id('b',
        concat_ws('|', decision.mailbox, decision.link_id, decision.outlook_id, decision.decision), decision.edited) as operation_id,
    case when decision.decision = 'move_back' then 45 else 35 end as phase, decision.mailbox, 'outlook' as side,
    case when decision.decision = 'move_back' then 'move' else 'restore' end as action, decision.link_id, decision.outlook_id,
    decision.contact_id as salesforce_id, '[]'::json as fields,
    to_json({stamp: decision.contact_id, categorise: true, source_id: decision.outlook_id}) as detail, decision.rule, decision.reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, decision.change_key as planned_key,
    null::timestamp as planned_stamp
from planning.decisions as decision
where decision.decision = 'move_back' or (decision.decision = 'restore' and decision.place = 'deleted');

-- R3: what lay unlinked in a folder that was deleted as a whole is put back as well; not what the end of its link took with it
insert into planning.operations by name
select 'b' || left(md5(concat_ws('|', item.mailbox, item.id, 'unlinked')), 15) as operation_id, 35 as phase, item.mailbox, 'outlook' as side,
    'restore' as action, '' as link_id, item.id as outlook_id, '' as salesforce_id, '[]'::json as fields,
    to_json({categorise: true, source_id: item.id}) as detail, 'R3' as rule,
    'The folder was deleted as a whole; its contacts are put back.' as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, item.change_key as planned_key, null::timestamp as planned_stamp
from outlook.contacts as item
join planning.mailboxes as mailbox on mailbox.mailbox = item.mailbox and mailbox.enabled
-- (also once the new folder stands: the run that made it may have broken off)
where item.lost_with_folder and item.place = 'deleted'
  and not exists (select 1 from planning.links as link where link.mailbox = item.mailbox and link.outlook_id = item.id)
  and not exists (
    select 1 from planning.parted as parted
    where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason not in ('unlinked', 'by_hand', 'undone'));

-- R6: the copy stands and is linked; the original goes. Before the copy is written to, so that what is carried over from the
-- original meets an edit in Salesforce in the next plan, and is a conflict there (R10)
insert into planning.operations by name
select 'm' || left(md5(concat_ws('|', original.mailbox, original.id, copy.id)), 15) as operation_id, 48 as phase, original.mailbox,
    'outlook' as side, 'finish_move' as action, link.link_id, copy.id as outlook_id, link.contact_id as salesforce_id, '[]'::json as fields,
    to_json({source_id: original.id}) as detail, 'R6' as rule,
    'The contact stands whole in the folder, so the original outside it is deleted.' as reason,
    null as hold_kind, null as hold_reason, false as is_problem, '' as depends_on, copy.change_key as planned_key, null::timestamp as planned_stamp
from outlook.contacts as original
join planning.mailboxes as mailbox on mailbox.mailbox = original.mailbox and mailbox.enabled
join outlook.contacts as copy on copy.mailbox = original.mailbox and copy.copy_of = original.id and copy.place = 'folder'
join planning.links as link on link.mailbox = copy.mailbox and link.outlook_id = copy.id
where original.place = 'elsewhere';

insert into planning.link_changes by name
select 'close' as kind, operation.mailbox, operation.link_id, '' as outlook_id, '' as salesforce_id, '' as origin,
    operation.detail ->> 'close' as reason, false as seen_in_view, operation.operation_id
from planning.operations as operation
where operation.action in ('delete', 'release') and operation.link_id <> ''
  -- R15: what was moved out stays linked until the item is personal again, so that a run that broke off is finished
  and not (operation.side = 'salesforce' and exists (
    select 1 from planning.operations as release where release.action = 'release' and release.link_id = operation.link_id))
union all
select 'close' as kind, mailbox, link_id, '', '', '', close_reason as reason, false, null from planning.decisions where decision = 'close'
union all
select 'item' as kind, operation.mailbox, operation.link_id, '', '', '', '', false, operation.operation_id
from planning.operations as operation
where operation.action in ('move', 'restore') and operation.link_id in (select link_id from planning.links)
union all
select 'item' as kind, mailbox, link_id, outlook_id, '', '', 'Its own item is gone; this one carries its stamp.', false, null
from planning.heirs where not is_original  -- such a one is the link's once it was moved again
union all
-- a categorised item outside the folder, too, is linked before its move: the bases of what goes up need the link
select 'link' as kind, mailbox, link_id, outlook_id, salesforce_id, origin, '' as reason, seen_in_view, null
from planning.links where is_new
union all
select 'relink' as kind, mailbox, link_id, outlook_id, contact_id as salesforce_id, '', '', in_view or seen_in_view, null
from planning.decisions where is_merged and takes_edits
union all
select 'view' as kind, mailbox, link_id, outlook_id, contact_id as salesforce_id, '', '', true, null
from planning.links where in_view and not seen_in_view
union all
select 'account' as kind, link.mailbox, link.link_id, link.outlook_id, link.contact_id, '', update.account_rule as reason, false, update.operation_id
from planning.contact_updates as update
join planning.account_moves as move on move.contact_id = update.contact_id and move.rank = 1
join planning.links as link on link.contact_id = update.contact_id
    and (link.link_id = move.link_id or link.account_rule in ('no_match', 'ambiguous_substring', 'no_company'))
union all
select 'account' as kind, link.mailbox, link.link_id, link.outlook_id, link.contact_id, '', 'set_in_salesforce', false, null
from planning.links as link join salesforce.contacts as contact on contact.id = link.contact_id
where link.account_rule in ('no_match', 'ambiguous_substring', 'no_company') and coalesce(contact.account_id, '') <> '';

-- ── conflicts and problems ───────────────────────────────────────────────────────────────────────────────────────────
insert into planning.operations by name
select change.conflict_id as operation_id, 10 as phase, change.mailbox, 'salesforce' as side, 'update' as action, change.link_id,
    change.outlook_id, change.contact_id as salesforce_id,
    to_json([{field: change.field, before: change.salesforce_value, after: change.outlook_value}]) as fields,
    '{}'::json as detail, 'R10' as rule,
    'Both sides changed ' || change.field || ' to different values; the policy is to ask.' as reason, 'conflict' as hold_kind,
    'Answer it with `sync-pipeline resolve ' || change.conflict_id || ' --take salesforce|outlook`.' as hold_reason,
    false as is_problem, '' as depends_on, '' as planned_key, null::timestamp as planned_stamp
from planning.contact_changes as change where change.course = 'hold';

insert into planning.conflicts by name
select change.mailbox, change.link_id, change.contact_id as salesforce_id, change.field,
    case change.judgement when 'take_back' then 'salesforce_only' when 'send_up' then 'outlook_only' else change.policy end as policy,
    coalesce(change.winner, 'salesforce') as winner, change.outlook_value, change.salesforce_value,
    case change.judgement when 'take_back' then 'The field comes from Salesforce only; the edit in Outlook is taken back.'
         when 'send_up' then 'The field comes from Outlook only; what Salesforce held is overwritten.'
         else 'Both sides changed it to different values.' end as reason
from planning.contact_changes as change
where change.judgement in ('conflict', 'take_back', 'send_up')
union all by name
select change.mailbox, change.link_id, change.contact_id as salesforce_id, change.field, 'latest_mailbox' as policy,
    'outlook' as winner, change.outlook_value, final.value as salesforce_value,
    'Another mailbox (' || final.mailbox || case when change.obstacle is null then ') changed it later.'
        else ') changed it too, to a value that Salesforce can hold.' end as reason
from planning.contact_changes as change
join planning.finals as final on final.contact_id = change.contact_id and final.field = change.field
where change.course = 'up' and change.outlook_normal <> final.normal
union all by name
-- R19: the deletion wins, the edit stays in the history
select pair.mailbox, pair.link_id, pair.contact_id as salesforce_id, pair.field, 'deletion' as policy, 'salesforce' as winner,
    pair.outlook_value, coalesce(pair.outlook_base, pair.salesforce_value) as salesforce_value,
    case when pair.outlook_changed then 'Edited in Outlook, while the Contact was deleted in Salesforce.'
         else 'Held by Outlook alone, when the Contact was deleted in Salesforce.' end as reason
from planning.pairs as pair
join planning.decisions as decision on decision.link_id = pair.link_id and decision.rule = 'R16' and decision.decision = 'remove'
where pair.outlook_is_edit;

insert into planning.plan_problems by name
select change.mailbox, change.outlook_id, change.contact_id as salesforce_id, change.field, change.obstacle as code,
    planning.obstacle(change.field, change.obstacle, change.outlook_value, change.length) as message,
    case when change.obstacle = 'rewritten_by_server'
         then 'Give both sides the same value by hand, or unlink the contact and link it again once the rule in Salesforce is gone.'
         else 'Change the value in Outlook; the other fields travel meanwhile.' end as remedy
from planning.contact_changes as change where change.obstacle is not null
union all by name
-- R12: what a freeze leaves out on the way down; a field's problem on the way up speaks for both
select down.mailbox, link.outlook_id, down.contact_id as salesforce_id, down.field, 'rewritten_by_server' as code,
    down.field || ' is rewritten by Outlook again and again; it is frozen.' as message,
    'Give both sides the same value by hand, or unlink the contact and link it again.' as remedy
from planning.wanted_downs as down
join planning.decisions as link on link.link_id = down.link_id and link.takes_edits
where down.is_frozen and not exists (
    select 1 from planning.contact_changes as change
    where change.link_id = down.link_id and change.field = down.field and change.obstacle is not null)
union all by name
select decision.mailbox, decision.outlook_id, decision.contact_id as salesforce_id, '' as field, 'contact_unreadable' as code,
    'The Contact can no longer be read in Salesforce, so it is frozen in Outlook.' as message,
    'Give the Salesforce user access again, or unlink it with `sync-pipeline unlink`.' as remedy
from planning.decisions as decision where decision.decision = 'freeze'
union all by name
select decision.mailbox, decision.outlook_id, decision.contact_id as salesforce_id, '' as field,
    case decision.rule when 'R17' then 'merge_pending' else 'view_not_read' end as code, decision.reason as message,
    'It is looked at again in the next run.' as remedy
from planning.decisions as decision where decision.decision = 'wait'
union all by name
select decision.mailbox, decision.outlook_id, decision.contact_id as salesforce_id, '' as field, 'other_mailbox_not_read' as code,
    decision.reason || ' ' || decision.waits_for || ' holds it too and was not read; an edit there would keep the Contact.' as message,
    'It is looked at again in the next run that reads ' || decision.waits_for || '.' as remedy
from planning.decisions as decision where decision.waits_for is not null;
