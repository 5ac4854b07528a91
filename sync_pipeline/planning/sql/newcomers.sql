-- in:  planning.links, planning.scope_items, planning.items, planning.successors, planning.parted, planning.claimants, planning.undo_parts, outlook.contacts, salesforce.contacts, sync.links, planning.mailboxes
-- out: planning.newcomers: unlinked Outlook contacts that want to be synchronised
{% set has_names = 'first_name' in known and 'last_name' in known -%}
create or replace table planning.newcomers as
with unlinked as (
    select item.*,
        row_number() over (partition by item.mailbox, item.stamp_contact order by item.place = 'folder' desc, item.created_at, item.id) as stamp_rank,
        -- whose Contact was deleted or cannot be read: none of several copies may make it anew
        not coalesce(named.is_readable and not named.is_deleted, false) as is_of_nobody
    from planning.items as item
    left join planning.successors as successor on successor.id = item.stamp_contact
    left join salesforce.contacts as named on named.id = coalesce(successor.winner, item.stamp_contact)
    join planning.scope_items as looked_at on looked_at.mailbox = item.mailbox and looked_at.outlook_id = item.id
    join planning.mailboxes as mailbox on mailbox.mailbox = item.mailbox and mailbox.enabled
    where (item.place = 'folder' or (item.place = 'elsewhere' and item.categorised))
      and not exists (
        select 1 from planning.links as link where link.mailbox = item.mailbox and link.outlook_id = item.id)
      -- unlinked by hand or with its creation taken back (R24), it stays so until it is linked by hand again
      and not exists (
        select 1 from planning.parted as parted
        where parted.mailbox = item.mailbox and parted.outlook_id = item.id and parted.reason in ('by_hand', 'undone'))
      -- R24: what is taken back is linked again to whom it was
      and not exists (
        select 1 from planning.undo_parts as part
        where part.kind = 'return' and part.mailbox = item.mailbox and part.outlook_id = item.id)
      -- R6: an original whose copy stands in the folder is only waiting for its deletion; one that a person put
      -- into the folder beside its copy is a contact of his own
      and not exists (
        select 1 from outlook.contacts as copy
        where item.place = 'elsewhere' and copy.mailbox = item.mailbox and copy.copy_of = item.id and copy.place = 'folder' and copy.id <> item.id)
), remembered as (
    -- its stamp, or the Contact it was parted from when it was moved out (R15: dragged in again, it comes back)
    select item.*, coalesce(parted.reason = 'unlinked', false) as was_parted, case
        -- beside a link whose own item is gone, a stamp that shows another person says nothing: such an item is a copy
        when item.stamp_org = {{ literal(org_id) }} and (item.stamp_rank = 1 or item.is_of_nobody) and not exists (
            select 1 from planning.claimants as claimant
            where claimant.mailbox = item.mailbox and claimant.outlook_id = item.id and not claimant.is_same) then item.stamp_contact
        when parted.reason = 'unlinked' then parted.salesforce_id end as remembered
    from unlinked as item
    left join planning.parted as parted on parted.mailbox = item.mailbox and parted.outlook_id = item.id
)
select
    item.mailbox, item.id as outlook_id, item.place, item.categorised, item.created_at, item.change_key,
    planning.normal_email(coalesce(item.email_list[1], '')) as email,
    list_transform(coalesce(item.email_list, []), lambda entry: planning.normal_email(entry)) as emails,
    lower(planning.normal_text(coalesce(item.first_name, ''))) as first_name,
    lower(planning.normal_text(coalesce(item.last_name, ''))) as last_name,
    {%- if has_names %}
    lower(planning.normal_text(case
        when coalesce(item.first_name, '') || coalesce(item.last_name, '') = '' then coalesce(item.display_name, '')
        else concat_ws(' ', nullif(item.first_name, ''), nullif(item.last_name, '')) end)) as full_name,
    {%- else %}
    lower(planning.normal_text(coalesce(item.display_name, ''))) as full_name,
    {%- endif %}
    lower(planning.normal_text(coalesce(item.company, ''))) as company,
    item.was_parted,
    -- R17: the warehouse never knew the Contact that its stamp names, and that one was merged since into another
    case when item.is_loser then item.remembered else '' end as merged_id,
    -- a stamp speaks only where no living item of the mailbox is linked to that living Contact: else it is a copy of it
    case when item.is_loser or not exists (
        select 1 from planning.links as linked
        where linked.mailbox = item.mailbox and linked.contact_id = item.contact_id and linked.place in ('folder', 'elsewhere')
          and linked.contact_state <> 'deleted'
    ) then item.contact_id end as stamp
from (
    select remembered.*, coalesce(successor.winner, remembered.remembered) as contact_id,
        successor.winner is not null and remembered.remembered = remembered.stamp_contact and not exists (
            select 1 from sync.links as known
            where known.mailbox = remembered.mailbox and known.salesforce_id = remembered.remembered) as is_loser
    from remembered
    left join planning.successors as successor on successor.id = remembered.remembered
) as item;
