-- R24: up to which run a field had another counterpart: what was written then was written elsewhere.
alter table sync.mapped_fields add column other_until bigint default 0;
