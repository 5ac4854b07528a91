-- in:  planning.undo_parts, planning.links, planning.contacts, planning.contact_changes, planning.finals, planning.mailbox_fields,
--      planning.mailboxes, planning.paused, salesforce.contacts, sync.verdicts
-- out: planning.reversals: the values to be taken back (R24) with what they are now and what becomes of each. state: ready |
--      held (operation_id is what a person answers) | dropped | wait (until its Contact is back, or a pause is over) | already;
--      planning.finals with those that are ready: they go up, and from there to every mailbox
create or replace table planning.reversals as
with now as (
    select contact_id, unnest([
        {%- for f in fields %}
            {field: '{{ f.name }}', value: contact.{{ f.name }}}{{ '' if loop.last else ',' }}
        {%- endfor %}
        ], recursive := true)
    from (select distinct contact_id from planning.undo_parts where kind = 'value') as part
    join planning.contacts as contact on contact.id = part.contact_id
), pending as (
    -- what somebody typed in Outlook since, and no run has brought up yet
    select change.contact_id, change.field, coalesce(any_value(final.value), arg_min(change.outlook_value, change.mailbox)) as value
    from planning.contact_changes as change
    left join planning.finals as final on final.contact_id = change.contact_id and final.field = change.field
    where change.outlook_changed and change.outlook_normal is distinct from change.salesforce_normal
    group by change.contact_id, change.field
), placed as (
    select part.* exclude (mailbox, link_id), coalesce(link.mailbox, part.mailbox) as mailbox, coalesce(link.link_id, '') as link_id,
        coalesce(link.outlook_id, '') as item_id, coalesce(pending.value, now.value) as current, contact.modstamp,
        rule.position, rule.salesforce, rule.updateable and rule.direction <> 'from_salesforce' as is_writable,
        coalesce(rule.kind, part.form, 'text') as rule_kind, contact.is_person_account,
        contact.id is not null and contact.is_readable and not contact.is_deleted as is_there
    from planning.undo_parts as part
    left join (
        select * from planning.links
        where contact_state = 'present' and mailbox in (select mailbox from planning.mailboxes where enabled)
        qualify row_number() over (partition by contact_id order by place_in_merge, created_at, link_id) = 1
    ) as link on link.contact_id = part.contact_id
    join planning.mailboxes as mailbox on mailbox.mailbox = coalesce(link.mailbox, part.mailbox) and mailbox.enabled
    left join planning.mailbox_fields as rule on rule.mailbox = mailbox.mailbox and rule.field = part.field
    left join planning.contacts as contact on contact.id = part.contact_id
    left join now on now.contact_id = part.contact_id and now.field = part.field
    left join pending on pending.contact_id = part.contact_id and pending.field = part.field
    where part.kind = 'value'
), compared as (
    select *, planning.normal(rule_kind, current) as current_normal, planning.normal(rule_kind, target) as target_normal,
        planning.normal(rule_kind, expected) as expected_normal, planning.normal(rule_kind, written) as written_normal
    from placed
), judged as (
    select *, case
        when exists (select 1 from planning.undo_parts as back where back.kind = 'return' and back.contact_id = compared.contact_id) then ['wait']
        when not is_there then ['not_undoable', 'The Contact is not there any more, so nothing of it can be changed.']
        when is_remapped then ['not_undoable', field || ' was mapped to another field when it was written; change it by hand there.']
        when current_normal = target_normal then ['already']
        when is_person_account then ['not_undoable', 'Contacts of Person Accounts are never written in Salesforce; change it there.']
        when position is null or not coalesce(is_writable, false) then
            ['not_undoable', field || ' cannot be written in Salesforce, where its values come from; change it there.']
        when target is null then ['not_undoable', 'What ' || field || ' held before was not known.']
        when is_first then ['not_undoable', field || ' was filled when both sides were first compared; the next run would fill it '
            || 'again. Unlink the contact with `sync-pipeline unlink` and change it by hand.']
        when current_normal is distinct from expected_normal or (went_up and current_normal is distinct from written_normal) then
            ['edited_since', field || ' was changed since; approve to overwrite it all the same.']
        -- R17: what the winner holds is its own
        when is_merged then ['edited_since', 'Its Contact was merged into ' || contact_id || ' since, whose ' || field
            || ' may be its own; approve to overwrite it all the same.']
        when meanwhile then ['edited_since', field || ' held something else in between, so somebody chose it again; '
            || 'approve to overwrite it all the same.']
        when not went_up then ['edited_since', field || ' was written in Outlook only, and what Salesforce holds is somebody''s own; '
            || 'approve to overwrite it there too.']
        when is_split then ['edited_since', 'The mailboxes held different values of ' || field || '; approve to take this one.']
        when exists (
            select 1 from planning.paused as paused
            where paused.mailbox = compared.mailbox and paused.field = compared.field and paused.salesforce_id = compared.contact_id)
            then ['wait']
        else ['ready']
    end as verdict
    from compared
), answered as (
    select judged.*, 'w' || left(md5(concat_ws('|', contact_id, field, current_normal, target_normal, verdict[1], asked_after)), 15) as operation_id
    from judged
)
select answered.* exclude (verdict),
    case when answered.verdict[1] in ('ready', 'wait', 'already') then answered.verdict[1]
         when given.verdict = 'dropped' then 'dropped'
         when given.verdict = 'approved' and answered.verdict[1] = 'edited_since' then 'ready'
         else 'held' end as state,
    answered.verdict[1] as hold_kind, answered.verdict[2] as hold_reason
from answered
left join sync.verdicts as given
    on given.operation_id = answered.operation_id and given.lapses_at > {{ literal(now) }}::timestamp;

delete from planning.finals
where (contact_id, field) in (select (contact_id, field) from planning.reversals where state = 'ready' and link_id <> '');

insert into planning.finals by name
select contact_id, field, position, rule_kind as kind, salesforce, link_id, mailbox, target as value, target_normal as normal,
    current as before, reason as undone
from planning.reversals where state = 'ready' and link_id <> '';
