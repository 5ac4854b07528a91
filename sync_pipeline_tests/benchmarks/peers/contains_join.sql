-- in:  companies (key, company), accounts (id, name)
-- out: key, the number of Accounts whose name contains the Company, and one of them; case and blanks do not count
with folded as (
    select id, lower(trim(regexp_replace(name, '\s+', ' ', 'g'))) as name from accounts
), wanted as (
    select key, lower(trim(regexp_replace(company, '\s+', ' ', 'g'))) as company from companies
)
select wanted.key, count(folded.id) as candidates, any_value(folded.id) as account_id
from wanted left join folded on contains(folded.name, wanted.company)
group by wanted.key
