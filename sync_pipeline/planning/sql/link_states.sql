{#- Jinja macros: the open links of some Contacts, and the state of both ends of such links. -#}

{%- macro open_links(of_contacts) -%}
select link.link_id, link.mailbox, link.outlook_id, link.salesforce_id, coalesce(successor.winner, link.salesforce_id) as contact_id
from sync.links as link
join planning.mailboxes using (mailbox)
left join planning.successors as successor on successor.id = link.salesforce_id
where link.state = 'linked' and link.salesforce_id in (
    select contact_id from {{ of_contacts }}
    union all
    select successor.id from planning.successors as successor join {{ of_contacts }} as winner on winner.contact_id = successor.winner)
{%- endmacro -%}

{#- `which` is a condition on `open`, a row of planning.open_links -#}
{%- macro link_states(which) -%}
with resolved as (
    select link.* replace (coalesce(heir.outlook_id, link.outlook_id) as outlook_id),
        open.contact_id, open.contact_id <> link.salesforce_id as is_merged, coalesce(heir.is_original, false) as is_original
    from planning.open_links as open
    join sync.links as link on link.link_id = open.link_id
    left join planning.heirs as heir on heir.link_id = open.link_id
    where {{ which }}
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
left join planning.members as member on member.mailbox = link.mailbox and member.contact_id = link.contact_id
{%- endmacro -%}
