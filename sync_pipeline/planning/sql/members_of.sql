{#- Jinja macro: mailbox × Contact in its view, of the mailboxes and Contacts that the two conditions keep. -#}

{%- macro members_of(of_mailboxes, of_contacts) -%}
select mailbox.mailbox, contact.id as contact_id
from planning.mailboxes as mailbox
join salesforce.contacts as contact
    on mailbox.view_kind = 'all' or (mailbox.view_kind = 'mine' and contact.owner_id = mailbox.salesforce_user_id)
where mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable
  and (mailbox.reader = 'org' or exists (
        select 1 from salesforce.readers as reader
        where reader.mailbox = mailbox.mailbox and reader.contact_id = contact.id))
  and {{ of_mailboxes }} and {{ of_contacts }}
union all
select mailbox.mailbox, contact.id
from planning.mailboxes as mailbox
join salesforce.view_members as member on member.view_key = mailbox.view_key
join salesforce.contacts as contact on contact.id = member.contact_id
where mailbox.view_kind = 'list' and mailbox.enabled and contact.is_readable and not contact.is_deleted and mailbox.view_usable
  and {{ of_mailboxes }} and {{ of_contacts }}
{%- endmacro -%}
