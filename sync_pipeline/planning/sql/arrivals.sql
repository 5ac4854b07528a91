-- in:  planning.members, planning.undo_parts, planning.mailboxes, planning.contact_matches, planning.links, planning.successors, sync.links
-- out: planning.arrivals: Contacts in a view without a link
-- R2, R16: what the view shows and the mailbox does not hold yet
create or replace table planning.arrivals as
select member.mailbox, member.contact_id,
    hold.outlook_id as held_by, hold.reason as held_reason
from planning.members as member
join planning.mailboxes as mailbox on mailbox.mailbox = member.mailbox and mailbox.enabled and mailbox.down_sync
left join (
    select mailbox, contact_id, min(outlook_id) as outlook_id, min(reason) as reason
    from (select mailbox, outlook_id, reason, unnest(candidates) as contact_id from planning.contact_matches where verdict = 'hold')
    group by mailbox, contact_id
) as hold on hold.mailbox = member.mailbox and hold.contact_id = member.contact_id
left join (
    -- why the last link of the mailbox to that Contact ended
    select closed.mailbox, coalesce(successor.winner, closed.salesforce_id) as contact_id,
        arg_max(closed.closed_reason, closed.closed_at) as reason
    from sync.links as closed
    left join planning.successors as successor on successor.id = closed.salesforce_id
    where closed.state = 'closed' group by all
) as parted on parted.mailbox = member.mailbox and parted.contact_id = member.contact_id
where not exists (
        select 1 from planning.links as link where link.mailbox = member.mailbox and link.contact_id = member.contact_id)
  -- R24: what is taken back has its own item
  and not exists (
        select 1 from planning.undo_parts as part
        where part.kind = 'return' and part.mailbox = member.mailbox and part.contact_id = member.contact_id)
  -- R15: unlinked by the user; comes back only when dragged in or categorised again
  and coalesce(parted.reason, '') not in ('unlinked', 'by_hand', 'undone');
