{% from 'link_states.sql' import link_states -%}
-- in:  planning.open_links, planning.heirs, planning.members, planning.mailboxes, outlook.contacts, salesforce.contacts,
--      salesforce.readers, sync.links
-- out: planning.links (the open links that are looked at, with the state of both ends; match.sql adds new ones),
--      planning.linked (every open link: mailbox, item, Contact), planning.link_counts (how many each mailbox has)
create or replace table planning.links as
{{ link_states('true') }};

create or replace view planning.linked as
select link.link_id, link.mailbox, coalesce(heir.outlook_id, link.outlook_id) as outlook_id,
    coalesce(successor.winner, link.salesforce_id) as contact_id
from sync.links as link
join planning.mailboxes using (mailbox)
left join planning.heirs as heir on heir.link_id = link.link_id
left join planning.successors as successor on successor.id = link.salesforce_id
where link.state = 'linked';

create or replace view planning.link_counts as
select mailbox, sum(links) as links
from (
    select mailbox, count(*) as links from sync.links where state = 'linked' group by mailbox
    union all
    select mailbox, count(*) as links from planning.links where is_new group by mailbox
) group by mailbox;
