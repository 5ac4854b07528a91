"""One synchronisation as a chain of steps; Dagster's assets and the command line call these."""

from __future__ import annotations

from sync_pipeline.engine.session import RunOptions, Session
from sync_pipeline.engine.steps import (
    StepResult,
    build_plan,
    compare_fields,
    extract_accounts,
    extract_contacts,
    extract_outlook,
    extract_view_members,
    finish,
    match_contacts,
    push_outlook,
    push_salesforce,
    resolve_companies,
    synchronise,
)
from sync_pipeline.engine.summary import exit_code, plan_document, summary

__all__ = [
    "RunOptions",
    "Session",
    "StepResult",
    "build_plan",
    "compare_fields",
    "exit_code",
    "extract_accounts",
    "extract_contacts",
    "extract_outlook",
    "extract_view_members",
    "finish",
    "match_contacts",
    "plan_document",
    "push_outlook",
    "push_salesforce",
    "resolve_companies",
    "summary",
    "synchronise",
]
