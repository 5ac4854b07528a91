"""Group `plan`: set-based SQL and one dataframe step over all mailboxes at once; nothing is sent to a service."""

from __future__ import annotations

import dagster as dg

from sync_pipeline import engine
from sync_pipeline.assets.columns import table
from sync_pipeline.assets.extract import (
    outlook_contacts,
    salesforce_accounts,
    salesforce_contacts,
    salesforce_view_members,
)
from sync_pipeline.assets.step import OWNERS, perform
from sync_pipeline.engine import Session

GROUP = "plan"
_VERDICTS = ("unlinked", "verdict_link", "verdict_create", "verdict_hold", "verdict_wait")
_RULES = (
    "companies",
    "rule_exact",
    "rule_earliest_created",
    "rule_unique_substring",
    "rule_ambiguous_substring",
    "rule_no_match",
    "rule_no_company",
)
_OPERATIONS = tuple(
    f"{side}_{action}" for side in ("outlook", "salesforce") for action in ("create", "update", "delete")
)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "duckdb"},
    deps=[salesforce_contacts, salesforce_view_members, outlook_contacts],
    metadata=table("planning.contact_matches"),
)
def contact_matches(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Every unlinked Outlook contact with its match among all Contacts, so that nothing is created twice (R9)."""
    return perform(engine.match_contacts, session, *_VERDICTS)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "duckdb"},
    deps=[contact_matches],
    metadata=table("planning.contact_changes"),
)
def contact_changes(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Every linked pair that changed, field by field against its base: up, down, or a conflict (R10–R19)."""
    return perform(engine.compare_fields, session, "fields_that_differ")


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"pandas", "duckdb"},
    deps=[salesforce_accounts, contact_matches, contact_changes],
    metadata=table("planning.account_resolution"),
)
def account_resolution(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """The Account of every Company that needs one: exact name, else the only substring, else none (R7)."""
    return perform(engine.resolve_companies, session, *_RULES)


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"sql", "duckdb"},
    deps=[contact_matches, contact_changes, account_resolution],
    metadata=table("sync.plan"),
)
def sync_plan(session: dg.ResourceParam[Session]) -> dg.MaterializeResult[None]:
    """Every write that the run would send, with rule and reason; held where a person must look (R9, R10, R20, R22)."""
    return perform(engine.build_plan, session, "ready", "held", "problem", "dropped", *_OPERATIONS)
