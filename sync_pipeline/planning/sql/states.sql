-- in:  salesforce.contacts, salesforce.accounts, salesforce.view_members, salesforce.readers, outlook.contacts, sync.links,
--      planning.mailboxes
-- out: planning.contacts (what a mailbox may know of each Contact), planning.items (outlook.contacts, without what an identity
--      field held that is not mapped now), planning.successors (loser → winner of a merge),
--      planning.readable (mailbox × Contact that its credential reads), planning.members (mailbox × Contact in its view),
--      planning.parted (unlinked item → its last link), the macros planning.contradict and planning.same_person,
--      planning.bereft (open links whose own item is gone or deleted), planning.claimants (bereft link × unlinked item with its
--      stamp, and whether that shows the same person), planning.heirs (open link → the living item that takes the place of its own; is_original: the one it was copied
--      from), planning.links (open links with the state of both ends)

create or replace table planning.successors as
with recursive chain (id, winner, depth) as (
    select id, master_id, 1 from salesforce.contacts where is_deleted and coalesce(master_id, '') <> ''
    union all
    select chain.id, next.master_id, chain.depth + 1
    from chain join salesforce.contacts as next on next.id = chain.winner
    where next.is_deleted and coalesce(next.master_id, '') <> '' and chain.depth < 50
)
select id, arg_max(winner, depth) as winner from chain group by id;

-- Account.Name is joined here and not stored, because a renamed Account does not stamp its Contacts. The name of an Account that
-- is not in the mirror is unknown (null), which is no empty Company.
create or replace view planning.contacts as
select
    contact.id, contact.name, contact.is_deleted, contact.master_id, contact.account_id, contact.owner_id, contact.created_at, contact.modified_at,
    contact.modstamp, contact.is_person_account, contact.is_readable,
    {% for f in fields if f.salesforce not in joined %}contact.{{ f.name }}, {% endfor %}
    {% for f in fields if f.salesforce == 'Account.Name' -%}
    case when contact.is_person_account or coalesce(contact.account_id, '') = '' then '' else account.name end as {{ f.name }},
    {% endfor -%}
    {% for f in fields if f.salesforce == 'Id' -%}
    {{ literal(instance_url) }} || '/' || contact.id as {{ f.name }},
    {% endfor -%}
    {% for name in identity if name not in known -%}
    '' as {{ name }},
    {% endfor -%}
    account.name as account_name
from salesforce.contacts as contact
left join salesforce.accounts as account on account.id = contact.account_id;

-- A field that is switched off, or that the org does not show, tells nobody apart: what the mirror held of it before is not asked.
create or replace view planning.items as
select * replace (
    {%- for name in identity if name != 'email' %}
    {{ "''" if name not in known else name ~ '_list[1]' if name in lists else name }} as {{ name }},
    {%- endfor %}
    {{ '[]::varchar[]' if 'email' not in known else 'email_list' if 'email' in lists else '[email]' }} as email_list)
from outlook.contacts;

create or replace view planning.readable as
select mailbox.mailbox, contact.id as contact_id
from planning.mailboxes as mailbox join salesforce.contacts as contact on mailbox.reader = 'org'
where contact.is_readable and not contact.is_deleted
union all
select reader.mailbox, reader.contact_id
from salesforce.readers as reader
join planning.mailboxes as mailbox on mailbox.mailbox = reader.mailbox and mailbox.reader <> 'org'
join salesforce.contacts as contact on contact.id = reader.contact_id and contact.is_readable and not contact.is_deleted;

create or replace table planning.members as
select mailbox.mailbox, contact.id as contact_id
from planning.mailboxes as mailbox
join salesforce.contacts as contact
    on mailbox.view_kind = 'all' or (mailbox.view_kind = 'mine' and contact.owner_id = mailbox.salesforce_user_id)
where mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable
  and (mailbox.reader = 'org' or exists (
        select 1 from salesforce.readers as reader
        where reader.mailbox = mailbox.mailbox and reader.contact_id = contact.id))
union all
select mailbox.mailbox, contact.id
from planning.mailboxes as mailbox
join salesforce.view_members as member on member.view_key = mailbox.view_key
join salesforce.contacts as contact on contact.id = member.contact_id
where mailbox.view_kind = 'list' and mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable;

-- the last link that each unlinked item had
create or replace table planning.parted as
select mailbox, outlook_id, arg_max(closed_reason, closed_at) as reason, arg_max(salesforce_id, closed_at) as salesforce_id
from sync.links where state = 'closed' and outlook_id <> '' group by mailbox, outlook_id;

create or replace macro planning.contradict(one, other) as
    one <> '' and other <> '' and not starts_with(one, rtrim(other, '.')) and not starts_with(other, rtrim(one, '.'));

-- Whether what carries a stamp still shows whom it names: the same e-mail, or the same full name. A first name or a surname alone
-- is shared by many; who has neither e-mail nor names is told apart by nothing.
create or replace macro planning.same_person(first_name, last_name, emails, other_first, other_last, other_email) as
    not planning.contradict(first_name, other_first)
    and (coalesce(list_contains(emails, nullif(other_email, '')), false)
         or (first_name = other_first and last_name = other_last and (first_name || last_name <> '' or other_email = '')));

-- R14, R15: some moves give an item a new id, and of a contact that was copied only the copy may be left. The stamp says whom
-- such an item is, where the link's own item is gone. Beside a living one it says nothing: that is a copy.
{% macro held(name) -%}
    {{ 'coalesce(link.outlook_' ~ name ~ ', contact.' ~ name ~ ", '')" if name in known else "''" }}
{%- endmacro -%}
create or replace table planning.bereft as
select link.link_id, link.mailbox, link.salesforce_id, link.created_at,
    coalesce(successor.winner, link.salesforce_id) as contact_id, coalesce(own.lost_with_folder, false) as lost_with_folder,
    coalesce(own.place, 'gone') = 'gone' as is_gone, own.copy_of,
    planning.normal_email({{ held('email') }}) as email,
    lower(planning.normal_text({{ held('first_name') }})) as first_name,
    lower(planning.normal_text({{ held('last_name') }})) as last_name
from sync.links as link
join planning.mailboxes using (mailbox)
left join planning.successors as successor on successor.id = link.salesforce_id
left join outlook.contacts as own on own.mailbox = link.mailbox and own.id = link.outlook_id
left join planning.contacts as contact on contact.id = coalesce(successor.winner, link.salesforce_id)
where link.state = 'linked' and coalesce(own.place, 'gone') in ('gone', 'deleted');

create or replace table planning.claimants as
with stamped as (
    select item.mailbox, item.id as outlook_id, item.place, item.created_at, item.stamp_contact,
        item.place = 'elsewhere' and not item.categorised as is_personal,
        list_transform(coalesce(item.email_list, []), lambda entry: planning.normal_email(entry)) as emails,
        lower(planning.normal_text(coalesce(item.first_name, ''))) as first_name,
        lower(planning.normal_text(coalesce(item.last_name, ''))) as last_name
    from planning.items as item
    where item.place in ('folder', 'elsewhere') and item.stamp_org = {{ literal(org_id) }} and item.mailbox in (select mailbox from planning.bereft)
      and not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
      and not exists (
        select 1 from planning.parted as parted
        where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason in ('by_hand', 'undone'))
), named as (
    select bereft.link_id, stamped.outlook_id, true as is_exact
    from planning.bereft as bereft
    join stamped on stamped.mailbox = bereft.mailbox and stamped.stamp_contact = bereft.salesforce_id
    union all
    -- a stamp that a merge made stale; the loser's own link, where there is one, goes first
    select bereft.link_id, stamped.outlook_id, false
    from stamped
    join planning.successors as successor on successor.id = stamped.stamp_contact
    join planning.bereft as bereft on bereft.mailbox = stamped.mailbox and bereft.contact_id = successor.winner
        and bereft.salesforce_id <> stamped.stamp_contact
    where not exists (
        select 1 from sync.links as link
        where link.state = 'linked' and link.mailbox = stamped.mailbox and link.salesforce_id = stamped.stamp_contact)
)
select bereft.link_id, bereft.created_at as linked_at, bereft.lost_with_folder, named.is_exact, stamped.*,
    planning.same_person(stamped.first_name, stamped.last_name, stamped.emails, bereft.first_name, bereft.last_name, bereft.email)
        -- R5: nothing but its stamp is known of a personal one; a move left it behind, where the link's own is nowhere
        or (stamped.is_personal and bereft.is_gone and not planning.contradict(stamped.first_name, bereft.first_name)) as is_same
from named
join planning.bereft as bereft using (link_id)
join stamped on stamped.mailbox = bereft.mailbox and stamped.outlook_id = named.outlook_id;

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
    select bereft.link_id, item.mailbox, item.id as outlook_id, item.place, item.created_at
    from planning.bereft as bereft
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

create or replace table planning.links as
with resolved as (
    select link.* replace (coalesce(heir.outlook_id, link.outlook_id) as outlook_id),
        coalesce(successor.winner, link.salesforce_id) as contact_id, successor.winner is not null as is_merged,
        coalesce(heir.is_original, false) as is_original
    from sync.links as link
    join planning.mailboxes using (mailbox)
    left join planning.heirs as heir on heir.link_id = link.link_id
    left join planning.successors as successor on successor.id = link.salesforce_id
    where link.state = 'linked'
)
select
    link.link_id, link.mailbox, link.outlook_id, link.salesforce_id, link.contact_id, link.is_merged, link.origin,
    false as is_new, link.is_original, link.seen_in_view, link.has_stamp, link.created_at, link.account_rule, link.account_company,
    coalesce(item.place, 'gone') as place, coalesce(item.lost_with_folder, false) as lost_with_folder,
    item.change_key, item.modified_at as outlook_modified_at, item.display_name, coalesce(item.categorised, false) as categorised,
    item.stamp_contact, item.stamp_org,
    coalesce(item.change_key = link.outlook_written_key, false) as outlook_written_by_us,
    coalesce(contact.modstamp <= max(link.salesforce_written_stamp) over (partition by link.contact_id), false)
        as salesforce_written_by_us,
    contact.modstamp, contact.modified_at as salesforce_modified_at, coalesce(contact.is_person_account, false) as is_person_account,
    case
        when contact.id is null and link.is_merged then 'merge_pending'
        when contact.id is null or not contact.is_readable then 'unreadable'
        when contact.is_deleted then 'deleted'
        when mailbox.reader <> 'org' and reader.contact_id is null then 'unreadable'
        else 'present'
    end as contact_state,
    member.contact_id is not null as in_view,
    row_number() over (
        partition by link.mailbox, link.contact_id
        order by link.is_merged, link.created_at, link.link_id
    ) as place_in_merge,
    -- R6: never stamped, so it was categorised outside the folder, and its move is still to come
    coalesce(item.place = 'elsewhere' and item.categorised and coalesce(item.stamp_contact, '') = '', false)
        and mailbox.enabled and (not link.has_stamp or link.is_original) and not (link.is_merged and place_in_merge > 1) as moves_in
from resolved as link
join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox
left join outlook.contacts as item on item.mailbox = link.mailbox and item.id = link.outlook_id
left join salesforce.contacts as contact on contact.id = link.contact_id
left join salesforce.readers as reader on reader.mailbox = link.mailbox and reader.contact_id = link.contact_id
left join planning.members as member on member.mailbox = link.mailbox and member.contact_id = link.contact_id;
