{% from 'members_of.sql' import members_of -%}
{%- macro print_of(prefix, lists) -%}
hash(
    {%- for f in fields %}
        {{ prefix }}{{ f.list_column if f.is_list and lists else f.name }}{{ '' if loop.last else ',' }}
    {%- endfor %})
{%- endmacro -%}
-- in:  planning.whole, planning.mailboxes, planning.contacts, outlook.contacts, salesforce.contacts, salesforce.readers,
--      salesforce.view_members, sync.links
-- out: planning.unlike (link → its Contact, as the link names it): every open link of a mailbox that is compared whole, unless
--      both of its ends stand where they should, hold what they held at the base, and nothing but its being there is to be told;
--      planning.unlinked (the Outlook contacts of these mailboxes that no link names),
--      planning.unheld (the Contacts in their views that no link names)
--      (nothing where no mailbox is compared whole: plan.py leaves this stage out then)
-- Each side is compared by a fingerprint of its values, so that a million links need no more memory than a run has.

create or replace table planning.unlike as
select link.link_id, link.salesforce_id as contact_id
from (
    select link_id, mailbox, outlook_id, salesforce_id, {{ print_of('outlook_', true) }} as print
    from sync.links where state = 'linked' and mailbox in (select mailbox from planning.whole)
) as link
where not exists (
    select 1
    from (
        select mailbox, id, stamp_contact, {{ print_of('', true) }} as print
        from outlook.contacts
        where mailbox in (select mailbox from planning.whole) and place = 'folder' and categorised and stamp_org = {{ literal(org_id) }}
    ) as item
    where item.mailbox = link.mailbox and item.id = link.outlook_id and item.print = link.print and item.stamp_contact = link.salesforce_id);

insert into planning.unlike
select link.link_id, link.salesforce_id
from (
    select link_id, mailbox, salesforce_id, seen_in_view, origin, account_rule, {{ print_of('salesforce_', false) }} as print
    from sync.links where state = 'linked'
) as link
join planning.whole using (mailbox)
join planning.mailboxes as mailbox on mailbox.mailbox = link.mailbox
left join (
    select id, owner_id, coalesce(account_id, '') <> '' as has_account, coalesce(is_readable and not is_deleted, false) as is_there,
        {{ print_of('', false) }} as print
    from planning.contacts
) as contact on contact.id = link.salesforce_id
where contact.id is null or not contact.is_there or contact.print <> link.print
    or (mailbox.reader <> 'org' and not exists (
        select 1 from salesforce.readers as reader where reader.mailbox = link.mailbox and reader.contact_id = link.salesforce_id))
    or (mailbox.enabled and mailbox.view_usable and link.seen_in_view is distinct from case mailbox.view_kind
        when 'all' then true
        when 'mine' then coalesce(contact.owner_id = mailbox.salesforce_user_id, false)
        else exists (
            select 1 from salesforce.view_members as member
            where member.view_key = mailbox.view_key and member.contact_id = link.salesforce_id) end)
    or (not mailbox.enabled and mailbox.on_disable = 'remove' and link.origin = 'salesforce')
    or (link.account_rule in ('no_match', 'ambiguous_substring', 'no_company') and (mailbox.retry_empty or contact.has_account));

create or replace table planning.unlinked as
select item.mailbox, item.id as outlook_id
from outlook.contacts as item
where item.mailbox in (select mailbox from planning.whole) and item.place in ('folder', 'elsewhere')
  and not exists (
    select 1 from sync.links as link
    where link.state = 'linked' and link.mailbox = item.mailbox and link.outlook_id = item.id)
union
-- R25: which wear the category of a problem, and may have none any more
select item.mailbox, item.id
from outlook.contacts as item
join planning.whole using (mailbox)
join planning.mailboxes as mailbox on mailbox.mailbox = item.mailbox and mailbox.problem_category
where list_contains(list_transform(coalesce(item.categories, []), lambda name: lower(name)), 'salesforce: problem');

create or replace table planning.unheld as
select member.mailbox, member.contact_id
from ({{ members_of('mailbox.mailbox in (select mailbox from planning.whole)', 'true') }}) as member
where not exists (
    select 1 from sync.links as link
    where link.state = 'linked' and link.mailbox = member.mailbox and link.salesforce_id = member.contact_id);
