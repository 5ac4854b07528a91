-- in:  planning.bereft, planning.contacts, planning.items, planning.successors, planning.parted, outlook.contacts, sync.links,
--      the macro planning.contradict (states.sql)
-- out: planning.heirs (open link → the living item that takes the place of its own; is_original: the one it was copied from)
--      (nothing where every link that is looked at has its item: plan.py leaves this stage out then)
-- R14, R15: some moves give an item a new id, and of a contact that was copied only the copy may be left. The stamp says whom
-- such an item is, where the link's own item is gone. Beside a living one it says nothing: that is a copy.
{% macro held(name) -%}
    {{ 'coalesce(link.outlook_' ~ name ~ ', contact.' ~ name ~ ", '')" if name in known else "''" }}
{%- endmacro -%}
create or replace table planning.heirs as
with bereft as (
    select link.link_id, link.mailbox, link.salesforce_id, link.created_at, open.contact_id, coalesce(own.lost_with_folder, false) as lost_with_folder,
        coalesce(own.place, 'gone') = 'gone' as is_gone, own.copy_of,
        planning.normal_email({{ held('email') }}) as email,
        lower(planning.normal_text({{ held('first_name') }})) as first_name,
        lower(planning.normal_text({{ held('last_name') }})) as last_name
    from planning.bereft as open
    join sync.links as link on link.link_id = open.link_id
    left join outlook.contacts as own on own.mailbox = link.mailbox and own.id = link.outlook_id
    left join planning.contacts as contact on contact.id = open.contact_id
), stamped as (
    select item.mailbox, item.id as outlook_id, item.place, item.created_at, item.stamp_contact,
        item.place = 'elsewhere' and not item.categorised as is_personal,
        list_transform(coalesce(item.email_list, []), lambda entry: planning.normal_email(entry)) as emails,
        lower(planning.normal_text(coalesce(item.first_name, ''))) as first_name,
        lower(planning.normal_text(coalesce(item.last_name, ''))) as last_name
    from planning.items as item
    where item.place in ('folder', 'elsewhere') and item.stamp_org = {{ literal(org_id) }} and item.mailbox in (select mailbox from bereft)
      and item.stamp_contact in (
        select salesforce_id from bereft
        union all
        select successor.id from planning.successors as successor join bereft on bereft.contact_id = successor.winner)
      and not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
      and not exists (
        select 1 from planning.parted as parted
        where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason in ('by_hand', 'undone'))
), named as (
    select bereft.link_id, stamped.outlook_id, true as is_exact
    from bereft join stamped on stamped.mailbox = bereft.mailbox and stamped.stamp_contact = bereft.salesforce_id
    union all
    -- a stamp that a merge made stale; the loser's own link, where there is one, goes first
    select bereft.link_id, stamped.outlook_id, false
    from stamped
    join planning.successors as successor on successor.id = stamped.stamp_contact
    join bereft on bereft.mailbox = stamped.mailbox and bereft.contact_id = successor.winner
        and bereft.salesforce_id <> stamped.stamp_contact
    where not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = stamped.mailbox and link.salesforce_id = stamped.stamp_contact)
), claims as (
    select bereft.link_id, stamped.*
    from named
    join bereft using (link_id)
    join stamped on stamped.mailbox = bereft.mailbox and stamped.outlook_id = named.outlook_id
    -- R3: what a lost folder took along is put back, wherever copies of it lie
    where (stamped.place = 'folder' or not bereft.lost_with_folder)
      -- a copy that was made into another person must not overwrite the one whom its stamp names
      and not planning.contradict(stamped.first_name, bereft.first_name)
      and (list_contains(stamped.emails, nullif(bereft.email, '')) or {{ 'stamped.last_name = bereft.last_name' if 'last_name' in known else 'false' }}
           or (stamped.first_name = bereft.first_name and bereft.first_name <> '')
           -- R5: nothing but its stamp is known of a personal one; a move left it behind, where the link's own is nowhere
           or (stamped.is_personal and bereft.is_gone))
    qualify row_number() over (
        partition by stamped.mailbox, stamped.outlook_id order by named.is_exact desc, bereft.created_at, bereft.link_id) = 1
), originals as (
    -- R6: a copy that was deleted before its original was is a duplicate that somebody tidied up: the original is moved again
    select bereft.link_id, item.mailbox, item.id as outlook_id, item.place, item.created_at
    from bereft
    join outlook.contacts as item on item.mailbox = bereft.mailbox and item.id = bereft.copy_of
    where not bereft.lost_with_folder and (item.place = 'folder' or (item.place = 'elsewhere' and item.categorised))
      and not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
    qualify row_number() over (partition by item.mailbox, item.id order by bereft.created_at, bereft.link_id) = 1
)
select link_id, mailbox, outlook_id, is_original
from (
    select link_id, mailbox, outlook_id, place, created_at, false as is_original from claims
    union all
    select link_id, mailbox, outlook_id, place, created_at, true as is_original from originals
)
qualify row_number() over (partition by link_id order by is_original, place = 'folder' desc, created_at, outlook_id) = 1;
