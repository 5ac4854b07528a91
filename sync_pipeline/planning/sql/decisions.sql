{% from 'members_of.sql' import members_of -%}
-- in:  planning.links, planning.edits, planning.pairs, planning.mailboxes, planning.unread_mailboxes,
--      planning.contact_changes, planning.successors, salesforce.contacts,
--      salesforce.readers, salesforce.view_members, sync.links, sync.verdicts
-- out: planning.decisions: one row per open link, what becomes of it, by which rule, and why in a sentence.
--      decision: merge | remove | remove_after_edits | hold_removal | restore | delete_contact | release | move_back | close
--                | freeze | wait | keep
--      unsaved: the edits in Outlook that do not go up; edited: the edits of either side since the base;
--      deletion_id: the operation that would delete its Contact; waits_for: a mailbox that has to be read before that
--      is_doubtful: a removal whose only ground is a view that came back empty where it held Contacts;
--      takes_edits: its item takes what comes from Salesforce, be it until a removal that waits for a person (R20)

-- R22: an id tells what is done to whom in its first nine characters, and in the rest what would be lost by it, so that an
-- approval is void once that changed, and a changed operation is still known for the one that was judged (guard.sql).
create or replace macro planning.content_id(kind, subject, lost) as
    kind || left(md5(subject), 8) || left(md5(subject || '|' || coalesce(lost, '')), 7);
create or replace macro planning.subject_of(operation_id) as
    case when left(operation_id, 1) in ('r', 'd') then left(operation_id, 9) else operation_id end;

create or replace table planning.losses as
select pair.link_id,
    string_agg(pair.field || '=' || pair.outlook_normal, '|' order by pair.position) filter (
        where pair.outlook_is_edit and pair.outlook_normal is distinct from pair.salesforce_normal
          and not coalesce(change.course in ('up', 'resolve') and change.obstacle is null, false)) as unsaved,
    string_agg(concat_ws('=', pair.field, pair.outlook_normal, pair.salesforce_normal), '|' order by pair.position) filter (
        where pair.outlook_changed or pair.salesforce_changed) as edited
from planning.pairs as pair
left join planning.contact_changes as change on change.link_id = pair.link_id and change.field = pair.field
group by pair.link_id;

-- R19: the Contacts that a mailbox holds which this run did not read: what was edited there nobody knows yet
create or replace table planning.unread_elsewhere as
select coalesce(successor.winner, link.salesforce_id) as contact_id, min(link.mailbox) as mailbox
from sync.links as link
join planning.unread_mailboxes using (mailbox)
left join planning.successors as successor on successor.id = link.salesforce_id
where link.state = 'linked' group by all;

create or replace table planning.decisions as
with named as (
    select link.*, losses.unsaved, losses.edited,
        -- the Contact's stamp stands for all that is lost with it, mapped or not
        planning.content_id('d', concat_ws('|', link.mailbox, link.link_id, link.contact_id, link.place, link.outlook_id),
                            link.modstamp::varchar) as deletion_id
    from planning.links as link left join planning.losses as losses on losses.link_id = link.link_id
), dropped as (
    select distinct planning.subject_of(operation_id) as subject from sync.verdicts
    where verdict = 'dropped' and lapses_at > {{ literal(now) }}::timestamp
), shown as (
    select distinct mailbox
    from ({{ members_of('mailbox.mailbox in (select mailbox from planning.links where seen_in_view and not in_view)', 'true') }})
), seen as (
    select link.*, mailbox.enabled, mailbox.down_sync, mailbox.view_usable, mailbox.on_disable,
        mailbox.outlook_deletion, mailbox.moved_out, mailbox.left_view,
        coalesce(edits.outlook_edited, false) as outlook_edited,
        coalesce(edits.edited_elsewhere, false) as edited_elsewhere,
        -- a dropped deletion is undone instead, whatever happened to the Contact since
        planning.subject_of(link.deletion_id) in (select subject from dropped) as deletion_dropped,
        link.seen_in_view and not link.in_view and mailbox.view_usable and mailbox.down_sync and mailbox.enabled as left_the_view,
        -- R20: an empty listing is no ground for a removal; that the Contact itself names another owner than `mine` asks for is one
        link.mailbox not in (select mailbox from shown)
            and not (mailbox.view_kind = 'mine' and contact.owner_id is not null and contact.owner_id <> mailbox.salesforce_user_id)
            as view_empty
    from named as link
    join planning.mailboxes as mailbox using (mailbox)
    left join salesforce.contacts as contact on contact.id = link.contact_id
    left join planning.edits as edits on edits.link_id = link.link_id
), judged as (
    select *, case
        when not enabled then
            case when on_disable <> 'remove' or origin <> 'salesforce' then ['keep', 'R1', 'The mailbox is switched off.']
                 when place <> 'folder' or contact_state = 'merge_pending' then ['keep', 'R1', 'The mailbox is switched off.']
                 when contact_state = 'present' then ['remove_after_edits', 'R1', 'The mailbox is switched off with on_disable: remove.']
                 when outlook_edited then ['hold_removal', 'R1', 'The mailbox is switched off, but its edits cannot go up to Salesforce.']
                 else ['remove', 'R1', 'The mailbox is switched off with on_disable: remove.'] end
        when contact_state = 'merge_pending' then
            ['wait', 'R17', 'The Contact was merged into one that is not read yet.']
        when is_merged and place_in_merge > 1 and contact_state = 'present' then
            case when place = 'folder' then ['remove_after_edits', 'R17', 'The Contact was merged in Salesforce; this mailbox holds the winner too.']
                 when place = 'elsewhere' then ['release', 'R17', 'The Contact was merged in Salesforce; this mailbox holds the winner too.']
                 else ['close', 'R17', 'The Contact was merged in Salesforce; this mailbox holds the winner too.'] end
        when contact_state = 'deleted' then
            case when place = 'folder' then ['remove', 'R16', 'The Contact was deleted in Salesforce.']
                 when place = 'elsewhere' then ['release', 'R16', 'The Contact was deleted in Salesforce; the item lies outside the folder.']
                 else ['close', 'R16', 'The Contact and the Outlook contact are both gone.'] end
        when contact_state = 'unreadable' then
            case when place = 'elsewhere' then ['release', 'R15', 'The item was moved out of the folder and the Contact can no longer be read.']
                 when place <> 'folder' then ['close', 'R18', 'The Contact can no longer be read and the Outlook contact is gone.']
                 when not down_sync or left_view = 'keep' or not seen_in_view then
                    ['freeze', 'R18', 'The Contact can no longer be read; the Outlook contact is kept as it is.']
                 when not view_usable then ['wait', 'R20', 'The view could not be read whole, so nothing is removed.']
                 when outlook_edited then ['hold_removal', 'R18', 'The Contact can no longer be read, so edits made in Outlook cannot go up first.']
                 else ['remove', 'R18', 'The Contact can no longer be read.'] end
        when moves_in then
            ['merge', 'R6', 'The contact was marked with the category; it is moved into the folder and linked.']
        when place = 'folder' then
            case when left_the_view and left_view = 'remove' then ['remove_after_edits', 'R18', 'The Contact left the view of this mailbox.']
                 else ['merge', 'R10', 'Both sides hold the contact.'] end
        when place = 'elsewhere' then
            case when moved_out = 'restore' or (moved_out = 'delete' and (is_person_account or edited_elsewhere or deletion_dropped))
                    then ['move_back', 'R15', 'The contact was moved out of the folder; it is moved back.']
                 when moved_out = 'delete' then ['delete_contact', 'R15', 'The contact was moved out of the folder, which here means deletion.']
                 else ['release', 'R15', 'The contact was moved out of the folder: it is personal again.'] end
        when lost_with_folder then ['restore', 'R3', 'The folder was deleted as a whole; its contacts are put back.']
        when outlook_deletion = 'delete' and origin = 'matched' and not has_stamp and coalesce(stamp_contact, '') = '' then
            ['close', 'R6', 'The contact was deleted in Outlook before it was marked as that of its Contact, which stays.']
        when outlook_deletion = 'delete' and not is_person_account and not edited_elsewhere and not deletion_dropped then
            ['delete_contact', 'R14', 'The contact was deleted in Outlook.']
        when not down_sync then ['close', 'R1', 'The contact was deleted in Outlook; with down-sync off that only unlinks it.']
        when left_the_view and left_view = 'remove' and not view_empty then
            ['close', 'R18', 'The contact was deleted in Outlook and its Contact left the view.']
        when outlook_deletion = 'delete' and edited_elsewhere then
            ['restore', 'R19', 'The contact was deleted in Outlook, but edited on the other side since.']
        else ['restore', 'R14', 'The contact was deleted in Outlook; it is brought back.']
    end as verdict
    from seen
), settled as (
    select * replace (
        -- nothing is brought back from a Contact that this very run deletes: the next one finds it deleted, or the deletion held
        case when verdict[1] in ('restore', 'move_back')
                  and bool_or(verdict[1] = 'delete_contact') over (partition by contact_id)
             then ['keep', verdict[2], 'Another mailbox deletes the Contact; this one follows once that is done.']
             else verdict end as verdict)
    from judged
)
select settled.* exclude (verdict),
    verdict[1] as decision, verdict[2] as rule, verdict[3] as reason,
    verdict[2] = 'R18' and view_empty as is_doubtful,
    verdict[1] = 'merge' or (verdict[1] = 'remove_after_edits' and verdict[2] = 'R18') as takes_edits,
    case when verdict[1] = 'delete_contact' then unread.mailbox end as waits_for,
    case
        when verdict[2] = 'R17' then 'merged'
        when verdict[2] = 'R16' then 'deleted_in_salesforce'
        when verdict[2] = 'R18' then 'left_view'
        when verdict[2] = 'R15' and verdict[1] = 'release' then 'unlinked'
        when verdict[2] in ('R6', 'R14', 'R15') then 'deleted_in_outlook'
        when verdict[2] = 'R1' and not enabled then 'disabled'
        when verdict[2] = 'R1' then 'deleted_in_outlook'
    end as close_reason
from settled left join planning.unread_elsewhere as unread on unread.contact_id = settled.contact_id;
