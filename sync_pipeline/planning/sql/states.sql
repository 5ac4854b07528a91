-- in:  salesforce.contacts, salesforce.accounts, salesforce.readers, outlook.contacts, sync.links, planning.mailboxes
-- out: planning.contacts (what a mailbox may know of each Contact), planning.items (outlook.contacts, without what an identity
--      field held that is not mapped now), planning.successors (loser → winner of a merge),
--      planning.readable (mailbox × Contact that its credential reads), planning.parted (unlinked item → its last link),
--      the macros planning.contradict and planning.same_person
--      (views over everything: only `successors` is a table, so that nothing here costs what exists)

create or replace table planning.successors as
with recursive merged as materialized (
    select id, master_id from salesforce.contacts where is_deleted and master_id <> ''
), chain (id, winner, depth) as (
    select id, master_id, 1 from merged
    union all
    select chain.id, next.master_id, chain.depth + 1
    from chain join merged as next on next.id = chain.winner
    where chain.depth < 50
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

-- the last link that each unlinked item had
create or replace view planning.parted as
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
