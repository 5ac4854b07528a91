"""The demo: a sandbox, people who edit on both sides, the synchroniser between them, every story verified by API."""

from __future__ import annotations

from sync_pipeline.demo.tour import run_demo

__all__ = ["run_demo"]
