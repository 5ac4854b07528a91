"""Demo data for both stand-ins: the same seed gives the same people, Accounts, views and mailboxes."""

from __future__ import annotations

from sync_pipeline.sandbox.seed.seeding import seed_sandbox, seeder

__all__ = ["seed_sandbox", "seeder"]
