-- The counterparts that each mapped field had when it was synchronised last: a base belongs to this pair.
create table sync.mapped_fields (field varchar, salesforce varchar, outlook varchar);
