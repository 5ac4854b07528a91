{% from 'link_states.sql' import link_states, open_links -%}
{% from 'members_of.sql' import members_of -%}
-- in:  planning.newcomers, planning.links, planning.linked, planning.heirs, planning.members, planning.readable, planning.contacts, planning.items,
--      salesforce.contacts, outlook.contacts, sync.links, sync.holds, sync.problems, planning.mailboxes, the macros planning.contradict
--      and planning.same_person (states.sql)
-- out: planning.addresses (by which addresses Contacts are known), planning.candidates (who might be the same person, and on
--      what evidence), planning.contact_matches (one verdict per newcomer: link | hold | wait | create; merged_id: the loser
--      whose item it is, where the mailbox holds the winner too); matched ones join planning.links, and their Contacts what is
--      looked at (planning.scope_contacts, scope_items, open_links, members)
--      (all of it empty where there is no newcomer: plan.py leaves this stage out then)

{% set has_names = 'first_name' in known and 'last_name' in known -%}
-- by which addresses a Contact is known: its own, and every one of the Outlook contacts that are linked to it
-- (written down are only those who could be somebody's match, however many Contacts there are)
create or replace table planning.addresses as
with wanted as (select distinct unnest(emails) as address from planning.newcomers)
select contact.id as contact_id, planning.normal_email(contact.email) as address
from planning.contacts as contact
where contact.is_readable and not contact.is_deleted
  and planning.normal_email(contact.email) in (select address from wanted where address <> '')
union
select link.contact_id, planning.normal_email(entry)
from (
    select link.contact_id, unnest(item.email_list) as entry
    from planning.linked as link
    join planning.items as item on item.mailbox = link.mailbox and item.id = link.outlook_id and item.place in ('folder', 'elsewhere')
) as link
where planning.normal_email(entry) in (select address from wanted where address <> '');

create or replace table planning.people as
with known as (
    select contact.id as contact_id,
        planning.normal_email(coalesce(contact.email, '')) as email,
        lower(planning.normal_text(coalesce(contact.first_name, ''))) as first_name,
        lower(planning.normal_text(coalesce(contact.last_name, ''))) as last_name,
        lower(planning.normal_text(
            {{ "concat_ws(' ', nullif(contact.first_name, ''), nullif(contact.last_name, ''))" if has_names else "coalesce(contact.name, '')" }}
        )) as full_name,
        lower(planning.normal_text(coalesce(contact.account_name, ''))) as company
    from planning.contacts as contact
    -- who is not readable any more is still the one to whom a contact of the mailbox is linked
    where not contact.is_deleted and (contact.is_readable or contact.id in (select contact_id from planning.linked))
)
select known.* from known
where contact_id in (select contact_id from planning.addresses union all select stamp from planning.newcomers)
    or full_name in (select full_name from planning.newcomers where full_name <> '');

create or replace table planning.candidates as
with evidence as (
    select newcomer.mailbox, newcomer.outlook_id, person.contact_id,
        case when newcomer.email = person.email then 'same_email' else 'other_email' end as found_by,
        (newcomer.last_name <> '' and person.last_name <> '' and newcomer.last_name <> person.last_name)
            or planning.contradict(newcomer.first_name, person.first_name)
            {%- if has_names %}
            -- only a display name: it has to be a form of the person's name, unless it is no name but the address
            or (newcomer.first_name = '' and newcomer.last_name = '' and newcomer.full_name <> '' and person.full_name <> ''
                and not contains(newcomer.full_name, '@') and newcomer.full_name not in (
                    person.full_name, person.last_name, person.first_name, person.last_name || ' ' || person.first_name,
                    person.last_name || ', ' || person.first_name)) as names_contradict,
            {%- else %}
            -- without both names, what each side shows as its whole name has to be the same
            or (newcomer.full_name <> '' and not contains(newcomer.full_name, '@') and newcomer.full_name <> person.full_name)
                as names_contradict,
            {%- endif %}
        newcomer.full_name <> '' and newcomer.full_name = person.full_name as same_name,
        newcomer.company <> '' and newcomer.company = person.company as same_company
    from (select *, unnest(list_distinct(emails)) as address from planning.newcomers where stamp is null) as newcomer
    join planning.addresses as known on known.address = newcomer.address
    join planning.people as person on person.contact_id = known.contact_id
    union
    select newcomer.mailbox, newcomer.outlook_id, person.contact_id, 'name', false, true,
        newcomer.company <> '' and newcomer.company = person.company
    from planning.newcomers as newcomer
    join planning.people as person on person.full_name = newcomer.full_name and newcomer.full_name <> ''
    where newcomer.stamp is null and not list_contains(newcomer.emails, person.email)
      and (newcomer.email = '' or person.email = '' or exists (
            select 1 from planning.mailboxes as mailbox
            where mailbox.mailbox = newcomer.mailbox and list_contains(mailbox.match, 'name_and_company')
              and newcomer.company <> '' and newcomer.company = person.company))
)
select evidence.*,
    (found_by = 'same_email' and (not names_contradict and list_contains(mailbox.match, 'email_and_name')
                            or list_contains(mailbox.match, 'email')))
    or (same_name and same_company and list_contains(mailbox.match, 'name_and_company')) as links_by_itself,
    readable.contact_id is not null as is_readable,
    link.link_id as linked_here
from evidence
join planning.mailboxes as mailbox on mailbox.mailbox = evidence.mailbox
left join planning.readable as readable on readable.mailbox = evidence.mailbox and readable.contact_id = evidence.contact_id
left join (
    select linked.link_id, linked.mailbox, linked.contact_id
    from planning.linked as linked
    left join salesforce.contacts as contact on contact.id = linked.contact_id
    where not (coalesce(contact.is_deleted, false) and coalesce(contact.is_readable, true))
) as link on link.mailbox = evidence.mailbox and link.contact_id = evidence.contact_id;

-- R9 among Outlook contacts themselves: pairs of newcomers of which the later must wait
-- (by any address, as with Contacts; of those at one address the first of each mailbox stands for all)
create or replace table planning.twins as
with addressed as (
    select mailbox, outlook_id, created_at, unnest(list_distinct(emails)) as address from planning.newcomers where stamp is null
), first as (
    select * from addressed where address <> ''
    qualify row_number() over (partition by mailbox, address order by created_at, outlook_id) = 1
), stamped as (
    select mailbox, address, min(outlook_id) as outlook_id
    from (select mailbox, outlook_id, unnest(emails) as address from planning.newcomers where stamp is not null)
    group by mailbox, address
)
select later.mailbox, later.outlook_id, first.mailbox as first_mailbox, first.outlook_id as first_id
from addressed as later
join first on first.address = later.address
    and (first.created_at, first.mailbox, first.outlook_id) < (later.created_at, later.mailbox, later.outlook_id)
union
select later.mailbox, later.outlook_id, earlier.mailbox as first_mailbox, earlier.outlook_id as first_id
from planning.newcomers as later
join planning.newcomers as earlier
    on earlier.full_name = later.full_name and later.full_name <> ''
    and (earlier.created_at, earlier.mailbox, earlier.outlook_id) < (later.created_at, later.mailbox, later.outlook_id)
    and (later.email = '' or earlier.email = ''
        or (later.company <> '' and later.company = earlier.company
            and exists (select 1 from planning.mailboxes as mailbox
                        where mailbox.mailbox = later.mailbox and list_contains(mailbox.match, 'name_and_company'))))
where later.stamp is null and earlier.stamp is null
union
-- whose stamp speaks is there before those who have none
select later.mailbox, later.outlook_id, stamped.mailbox, stamped.outlook_id
from addressed as later
join stamped on stamped.mailbox = later.mailbox and stamped.address = later.address and later.address <> ''
union
select later.mailbox, later.outlook_id, stamped.mailbox, stamped.outlook_id
from planning.newcomers as later
join planning.newcomers as stamped on stamped.mailbox = later.mailbox and stamped.full_name = later.full_name and later.full_name <> ''
    and (later.email = '' or stamped.email = '')
where later.stamp is null and stamped.stamp is not null;

create or replace table planning.contact_matches as
with counted as (
    select newcomer.mailbox, newcomer.outlook_id,
        count(distinct candidate.contact_id) as candidates,
        count(distinct candidate.contact_id) filter (where candidate.links_by_itself) as strong,
        count(*) filter (where not candidate.is_readable) as unreadable,
        count(*) filter (where candidate.linked_here is not null) as linked_here,
        min(candidate.contact_id) filter (where candidate.links_by_itself) as contact_id,
        bool_or(candidate.names_contradict) as names_contradict,
        bool_or(candidate.found_by = 'same_email') as same_email,
        bool_or(candidate.found_by = 'other_email') as other_email,
        list(distinct candidate.contact_id order by candidate.contact_id) filter (where candidate.is_readable) as candidate_ids
    from planning.newcomers as newcomer
    left join planning.candidates as candidate
        on candidate.mailbox = newcomer.mailbox and candidate.outlook_id = newcomer.outlook_id
    group by all
), judged as (
    select newcomer.*, counted.* exclude (mailbox, outlook_id),
        coalesce(stamped.is_deleted, true) as stamped_gone,
        readable.contact_id is not null as stamp_is_readable,
        -- a copy, sent to another mailbox or left over, of which somebody made another person; what was linked itself and moved
        -- out since may have been edited meanwhile, and is another one only where nothing is left of it
        coalesce(case when newcomer.was_parted
            then newcomer.last_name <> '' and planning.contradict(newcomer.last_name, named.last_name)
                and planning.contradict(newcomer.first_name, named.first_name)
                and newcomer.email <> '' and named.email <> '' and not list_contains(newcomer.emails, named.email)
            else newcomer.full_name <> named.full_name and not planning.same_person(
                newcomer.first_name, newcomer.last_name, newcomer.emails, named.first_name, named.last_name, named.email)
                -- R17: the loser of a merge is known by its own values too
                and not (newcomer.merged_id <> '' and planning.same_person(newcomer.first_name, newcomer.last_name, newcomer.emails,
                    lower(planning.normal_text(coalesce(loser.first_name, ''))), lower(planning.normal_text(coalesce(loser.last_name, ''))),
                    planning.normal_email(coalesce(loser.email, ''))))
            end, false) as is_another_person,
        -- one living item of a mailbox for a Contact, whatever speaks for the others
        row_number() over (
            partition by newcomer.mailbox, coalesce(newcomer.stamp, case when counted.strong = 1 then counted.contact_id end)
            order by newcomer.stamp is not null desc, newcomer.merged_id = '' desc, newcomer.place = 'folder' desc,
                newcomer.created_at, newcomer.outlook_id
        ) as claim,
        exists (select 1 from planning.links as link
                where link.mailbox = newcomer.mailbox and link.contact_id = newcomer.stamp) as stamp_is_taken,
        row_number() over (
            partition by newcomer.mailbox, case when counted.strong = 1 then counted.contact_id end
            order by newcomer.created_at, newcomer.outlook_id) as turn,
        exists (select 1 from planning.twins as twin
                where twin.mailbox = newcomer.mailbox and twin.outlook_id = newcomer.outlook_id
                  and twin.first_mailbox = newcomer.mailbox) as second_here,
        exists (select 1 from planning.twins as twin
                where twin.mailbox = newcomer.mailbox and twin.outlook_id = newcomer.outlook_id
                  and twin.first_mailbox <> newcomer.mailbox) as second_elsewhere
    from planning.newcomers as newcomer
    join counted on counted.mailbox = newcomer.mailbox and counted.outlook_id = newcomer.outlook_id
    left join salesforce.contacts as stamped on stamped.id = newcomer.stamp
    left join planning.people as named on named.contact_id = newcomer.stamp
    left join planning.contacts as loser on loser.id = newcomer.merged_id
    left join planning.readable as readable on readable.mailbox = newcomer.mailbox and readable.contact_id = newcomer.stamp
), waited as (
    -- R9, R16: what waited beside a Contact that the mailbox held waits on when that is deleted: nobody asked for the person to
    -- come back (one that it did not hold was in the way, and somebody took it out of it)
    select hold.mailbox, hold.subject as outlook_id, list(contact.id order by contact.id) as contact_ids
    from (select mailbox, subject, unnest(candidates) as contact_id from sync.holds where kind = 'duplicate') as hold
    join salesforce.contacts as contact on contact.id = hold.contact_id and contact.is_deleted and coalesce(contact.master_id, '') = ''
    where exists (select 1 from sync.links as link where link.mailbox = hold.mailbox and link.salesforce_id = hold.contact_id)
    group by all
), ranked as (
    -- R17: the mailbox holds the winner too, or another loser that takes its place; who may be somebody else takes nobody's
    select judged.*, merged_id <> '' and (stamp_is_taken or coalesce(bool_or(not is_another_person) over (
        partition by judged.mailbox, stamp order by claim rows between unbounded preceding and 1 preceding), false)) as is_losing,
        waited.contact_ids as deleted_ids
    from judged left join waited on waited.mailbox = judged.mailbox and waited.outlook_id = judged.outlook_id
)
select mailbox, outlook_id, case when is_losing then merged_id else '' end as merged_id,
    case
        when stamp is not null and not stamped_gone and is_another_person then 'hold'
        when stamp is not null and not stamped_gone and stamp_is_readable and (is_losing or (not stamp_is_taken and claim = 1)) then 'link'
        when stamp is not null then 'hold'
        when candidates = 1 and strong = 1 and linked_here = 0 and unreadable = 0 and turn = 1 and claim = 1 then 'link'
        when candidates > 0 then 'hold'
        when second_here or deleted_ids is not null then 'hold'
        when second_elsewhere then 'wait'
        else 'create'
    end as verdict,
    case when stamp is not null then stamp when candidates = 1 and strong = 1 then contact_id end as contact_id,
    case
        when stamp is not null and not stamped_gone and not stamp_is_readable then 'It belonged to a Contact that this mailbox may not read.'
        when stamp is not null and not stamped_gone and is_another_person then
            'It carries the stamp of this Contact, but shows another person: link it by hand, or approve to create it anew.'
        when is_losing and not stamped_gone then 'It belonged to a Contact that was merged into this one, which the mailbox holds too.'
        when stamp is not null and not stamped_gone and (stamp_is_taken or claim > 1) then
            'Another contact of this mailbox is linked to the same Contact.'
        when stamp is not null and not stamped_gone then 'It carries the stamp of this Contact, or was linked to it before.'
        when stamp is not null then 'It belonged to a Contact that was deleted in Salesforce; approve to create it anew.'
        when unreadable > 0 then 'A Contact that this mailbox may not read matches it.'
        when candidates > 1 then candidates || ' Contacts in Salesforce match it; link one by hand or approve the creation.'
        when linked_here > 0 then 'It matches a Contact that is linked to another Outlook contact of this mailbox.'
        when candidates = 1 and strong = 1 and linked_here = 0 and (turn > 1 or claim > 1) then 'Another contact of this mailbox matches the same Contact and was there first.'
        when candidates = 1 and strong = 1 then 'A Contact in Salesforce has the same e-mail or name and nothing contradicts.'
        when candidates = 1 and same_email and names_contradict then 'A Contact in Salesforce has the same e-mail but another name.'
        when candidates = 1 and other_email then 'A Contact in Salesforce has one of its other e-mails.'
        when candidates = 1 then 'A Contact in Salesforce has the same name and nothing else tells them apart.'
        when second_here then 'Another contact of this mailbox looks like the same person and was there first.'
        when deleted_ids is not null then 'It waited beside a Contact that was deleted since; approve to create it anew.'
        when second_elsewhere then 'Another mailbox has the same person and was first; it is linked to that Contact next.'
        else 'No Contact in Salesforce matches it.'
    end as reason,
    case when stamp is not null and not stamped_gone and stamp_is_readable and is_another_person then [stamp]
         else list_concat(coalesce(candidate_ids, []), coalesce(deleted_ids, [])) end as candidates
from ranked;

-- R9: nobody waits for one that is not created: held itself, or refused with a problem
update planning.contact_matches as later
set verdict = 'hold', reason = 'Another mailbox has the same person, and that contact is held or has a problem.'
where verdict = 'wait' and not exists (
    select 1 from planning.twins as twin
    join planning.contact_matches as first on first.mailbox = twin.first_mailbox and first.outlook_id = twin.first_id
    where twin.mailbox = later.mailbox and twin.outlook_id = later.outlook_id and twin.first_mailbox <> later.mailbox
      and first.verdict <> 'hold' and not exists (
        select 1 from sync.problems as problem
        where problem.mailbox = twin.first_mailbox and problem.outlook_id = twin.first_id));

-- What becomes of a new link concerns every mailbox that holds its Contact.
create or replace table planning.joined as
select distinct contact_id from planning.contact_matches
where verdict = 'link' and contact_id not in (select contact_id from planning.scope_contacts);

insert into planning.scope_contacts select contact_id from planning.joined;
insert into planning.members
{{ members_of('true', 'contact.id in (select contact_id from planning.joined)') }};
insert into planning.open_links
{{ open_links('planning.joined') }};
insert into planning.scope_items
select mailbox, outlook_id from planning.open_links as open
where open.contact_id in (select contact_id from planning.joined)
  and (mailbox, outlook_id) not in (select (mailbox, outlook_id) from planning.scope_items);
insert into planning.links by name
{{ link_states('open.contact_id in (select contact_id from planning.joined)') }};

-- A matched pair is a link from now on: it has no base, so the merge treats it by the rule for a first link (R10).
insert into planning.links by name
select
    left(md5(concat_ws('|', {{ literal(run_id) }}, match.mailbox, match.outlook_id)), 16) as link_id,
    match.mailbox, match.outlook_id, coalesce(nullif(match.merged_id, ''), match.contact_id) as salesforce_id, match.contact_id,
    match.merged_id <> '' as is_merged,
    -- R1: an item whose original is the Contact of its stamp was made by us: so it is known after a lost warehouse
    case when item.copy_of = item.stamp_contact and item.stamp_contact <> '' then 'salesforce' else 'matched' end as origin,
    true as is_new, false as is_original, member.contact_id is not null as seen_in_view, false as has_stamp,
    {{ literal(now) }}::timestamp as created_at, item.place, false as lost_with_folder, item.change_key,
    item.modified_at as outlook_modified_at, item.display_name, item.categorised, item.stamp_contact, item.stamp_org,
    item.place = 'elsewhere' as moves_in,
    -- what another link wrote last, or a link that ended, is our write too (R10, `latest`)
    exists (select 1 from sync.links as former
            where former.mailbox = match.mailbox and former.outlook_id = match.outlook_id and former.outlook_written_key = item.change_key)
        as outlook_written_by_us,
    exists (select 1 from sync.links as other
            where other.salesforce_id = match.contact_id and other.salesforce_written_stamp >= contact.modstamp)
        as salesforce_written_by_us, contact.modstamp,
    contact.modified_at as salesforce_modified_at, coalesce(contact.is_person_account, false) as is_person_account,
    'present' as contact_state, member.contact_id is not null as in_view, case when match.merged_id = '' then 1 else 2 end as place_in_merge
from planning.contact_matches as match
join outlook.contacts as item on item.mailbox = match.mailbox and item.id = match.outlook_id
join salesforce.contacts as contact on contact.id = match.contact_id
left join planning.members as member on member.mailbox = match.mailbox and member.contact_id = match.contact_id
where match.verdict = 'link';
