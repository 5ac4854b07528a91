-- in:  the variables links, mailboxes, seed
-- out: people (temp): one row a link: its ids, its mailbox, and a value for every mapped field, '' where it is empty
create or replace temp table people as
select
    n, '003' || lpad(n::varchar, 12, '0') || 'AAA' as contact_id,
    'AAkALgAA' || md5(n || 'item') || md5(n || 'more') as item_id,
    left(md5(n || 'link'), 16) as link_id,
    printf('mailbox%04d@example.com', n % getvariable('mailboxes')) as mailbox,
    printf('005%012dAAA', n % getvariable('mailboxes')) as owner_id,
    '001' || lpad((n // 10)::varchar, 12, '0') || 'AAA' as account_id,
    md5(n || 'key') as change_key,
    ['', 'Mr.', 'Ms.', 'Dr.'][n % 4 + 1] as salutation,
    'First' || hash(n, getvariable('seed')) % 5000 as first_name,
    case when n % 20 = 0 then 'M.' else '' end as middle_name,
    'Last' || n as last_name,
    case when n % 100 = 0 then 'Jr.' else '' end as suffix,
    'Title ' || hash(n, 1) % 300 as job_title,
    'Department ' || hash(n, 2) % 50 as department,
    printf('Company %d Holding', n // 10) as company,
    printf('person%d@example.com', n) as email,
    printf('+1 202 555 %04d', hash(n, 3) % 10000) as phone,
    printf('+1 303 555 %04d', hash(n, 4) % 10000) as mobile_phone,
    '' as home_phone, '' as fax, '' as other_phone,
    case when n % 10 = 0 then 'Assistant ' || n % 97 else '' end as assistant_name,
    '' as assistant_phone,
    case when n % 5 = 0 then (date '1950-01-01' + (hash(n, 5) % 18000)::integer)::varchar else '' end as birthdate,
    hash(n, 6) % 900 || ' Main Street' as mailing_street,
    'City ' || hash(n, 7) % 800 as mailing_city,
    'State ' || hash(n, 8) % 50 as mailing_state,
    lpad((hash(n, 9) % 100000)::varchar, 5, '0') as mailing_postal_code,
    'United States' as mailing_country,
    '' as other_street, '' as other_city, '' as other_state, '' as other_postal_code, '' as other_country,
    case when n % 10 = 0 then 'Met at the fair in ' || 2000 + n % 25 || '.' else '' end as description
from range(getvariable('links')) as numbers(n);
