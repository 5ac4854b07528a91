-- in:  person, living (find_person.sql), erased_text (text: what stands where a reason stood)
-- out: every table without this person's values: the events stay, with what was done when and by which rule; what is still on a
--      service keeps its mirror, its link and what waits of it
create or replace temp table theirs as
select event_id from sync.history
where salesforce_id in (select id from person where kind = 'contact') or outlook_id in (select id from person where kind = 'item')
   or link_id in (select id from person where kind = 'link');

update sync.history_values set before = null, after = null
where event_id in (select event_id from theirs) and (before is not null or after is not null);

delete from sync.history_bases
where event_id in (select event_id from theirs) or link_id in (select id from person where kind = 'link');

-- of a link's own events the reason is a code and tells no value
update sync.history set reason = (select text from erased_text), message = ''
where event_id in (select event_id from theirs) and side is not null
  and (reason <> (select text from erased_text) or coalesce(message, '') <> '');

update sync.plan set fields = '[]', detail = '{}', reason = (select text from erased_text), hold_reason = null
where (salesforce_id in (select id from person where kind = 'contact') or outlook_id in (select id from person where kind = 'item')
       or link_id in (select id from person where kind = 'link'))
  and reason <> (select text from erased_text)
  and not ((run_id, operation_id) in (select (last_run, operation_id) from sync.holds) and (
        salesforce_id in (select id from living) or outlook_id in (select id from living) or link_id in (select id from living)));

update sync.conflicts set outlook_value = null, salesforce_value = null, reason = (select text from erased_text)
where (link_id in (select id from person where kind = 'link') or salesforce_id in (select id from person where kind = 'contact'))
  and not (is_open and link_id in (select id from living)) and (outlook_value is not null or salesforce_value is not null);

delete from sync.holds
where subject in (select id from person) and subject not in (select id from living);

delete from sync.problems
where (subject in (select id from person) or salesforce_id in (select id from person) or outlook_id in (select id from person))
  and subject not in (select id from living) and coalesce(salesforce_id, '') not in (select id from living)
  and coalesce(outlook_id, '') not in (select id from living);

update sync.journal set result = null, message = ''
where outcome is not null and (result is not null or coalesce(message, '') <> '')
  and (salesforce_id in (select id from person where kind = 'contact') or outlook_id in (select id from person where kind = 'item')
       or link_id in (select id from person where kind = 'link'));

update sync.frozen set value = null
where link_id in (select id from person where kind = 'link') and link_id not in (select id from living) and value is not null;

delete from outlook.contacts
where id in (select id from person where kind = 'item') and id not in (select id from living);
