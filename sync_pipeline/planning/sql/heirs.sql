-- in:  planning.bereft, planning.contacts, planning.items, planning.successors, planning.parted, outlook.contacts, sync.links,
--      the macros planning.contradict and planning.same_person (states.sql)
-- out: planning.orphans (what those open links held whose own item is gone or deleted), planning.claimants (orphan × unlinked
--      item with its stamp, and whether that shows the same person), planning.heirs (open link → the living item that takes the place of its own; is_original: the one it was copied from)
--      (nothing where every link that is looked at has its item: plan.py leaves this stage out then)
-- R14, R15: some moves give an item a new id, and of a contact that was copied only the copy may be left. The stamp says whom
-- such an item is, where the link's own item is gone. Beside a living one it says nothing: that is a copy.
{% macro held(name) -%}
    {{ 'coalesce(link.outlook_' ~ name ~ ', contact.' ~ name ~ ", '')" if name in known else "''" }}
{%- endmacro -%}
create or replace table planning.orphans as
select link.link_id, link.mailbox, link.salesforce_id, link.created_at, open.contact_id, coalesce(own.lost_with_folder, false) as lost_with_folder,
    coalesce(own.place, 'gone') = 'gone' as is_gone, own.copy_of,
    planning.normal_email({{ held('email') }}) as email,
    lower(planning.normal_text({{ held('first_name') }})) as first_name,
    lower(planning.normal_text({{ held('last_name') }})) as last_name
from planning.bereft as open
join sync.links as link on link.link_id = open.link_id
left join outlook.contacts as own on own.mailbox = link.mailbox and own.id = link.outlook_id
left join planning.contacts as contact on contact.id = open.contact_id;

create or replace table planning.claimants as
with stamped as (
    select item.mailbox, item.id as outlook_id, item.place, item.created_at, item.stamp_contact,
        item.place = 'elsewhere' and not item.categorised as is_personal,
        list_transform(coalesce(item.email_list, []), lambda entry: planning.normal_email(entry)) as emails,
        lower(planning.normal_text(coalesce(item.first_name, ''))) as first_name,
        lower(planning.normal_text(coalesce(item.last_name, ''))) as last_name
    from planning.items as item
    where item.place in ('folder', 'elsewhere') and item.stamp_org = {{ literal(org_id) }} and item.mailbox in (select mailbox from planning.orphans)
      and item.stamp_contact in (
        select salesforce_id from planning.orphans
        union all
        select successor.id from planning.successors as successor
        join planning.orphans as orphan on orphan.contact_id = successor.winner)
      and not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
      and not exists (
        select 1 from planning.parted as parted
        where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason in ('by_hand', 'undone'))
), named as (
    select orphan.link_id, stamped.outlook_id, true as is_exact
    from planning.orphans as orphan
    join stamped on stamped.mailbox = orphan.mailbox and stamped.stamp_contact = orphan.salesforce_id
    union all
    -- a stamp that a merge made stale; the loser's own link, where there is one, goes first
    select orphan.link_id, stamped.outlook_id, false
    from stamped
    join planning.successors as successor on successor.id = stamped.stamp_contact
    join planning.orphans as orphan on orphan.mailbox = stamped.mailbox and orphan.contact_id = successor.winner
        and orphan.salesforce_id <> stamped.stamp_contact
    where not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = stamped.mailbox and link.salesforce_id = stamped.stamp_contact)
)
select orphan.link_id, orphan.created_at as linked_at, orphan.lost_with_folder, named.is_exact, stamped.*,
    planning.same_person(stamped.first_name, stamped.last_name, stamped.emails, orphan.first_name, orphan.last_name, orphan.email)
        -- R5: nothing but its stamp is known of a personal one; a move left it behind, where the link's own is nowhere
        or (stamped.is_personal and orphan.is_gone and not planning.contradict(stamped.first_name, orphan.first_name)) as is_same
from named
join planning.orphans as orphan using (link_id)
join stamped on stamped.mailbox = orphan.mailbox and stamped.outlook_id = named.outlook_id;

create or replace table planning.heirs as
with claims as (
    select link_id, mailbox, outlook_id, place, created_at
    from planning.claimants
    -- a copy that was made into another person must not overwrite the one whom its stamp names; and R3: what a lost folder took
    -- along is put back, wherever copies of it lie
    where is_same and (place = 'folder' or not lost_with_folder)
    qualify row_number() over (partition by mailbox, outlook_id order by is_exact desc, linked_at, link_id) = 1
), originals as (
    -- R6: a copy that was deleted before its original was is a duplicate that somebody tidied up: the original is moved again
    select orphan.link_id, item.mailbox, item.id as outlook_id, item.place, item.created_at
    from planning.orphans as orphan
    join outlook.contacts as item on item.mailbox = orphan.mailbox and item.id = orphan.copy_of
    where not orphan.lost_with_folder and (item.place = 'folder' or (item.place = 'elsewhere' and item.categorised))
      and not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
    qualify row_number() over (partition by item.mailbox, item.id order by orphan.created_at, orphan.link_id) = 1
)
select link_id, mailbox, outlook_id, is_original
from (
    select link_id, mailbox, outlook_id, place, created_at, false as is_original from claims
    union all
    select link_id, mailbox, outlook_id, place, created_at, true as is_original from originals
)
qualify row_number() over (partition by link_id order by is_original, place = 'folder' desc, created_at, outlook_id) = 1;
