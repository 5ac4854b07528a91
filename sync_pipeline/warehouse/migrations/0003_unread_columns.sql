-- Nothing reads these.
alter table sync.plan drop column clears;
alter table sync.verdicts drop column detail;
alter table salesforce.views drop column scanned_run;
