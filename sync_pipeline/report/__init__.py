"""A report of one run or one day as one HTML file that needs nothing else: charts, figures, no contact's data."""

from __future__ import annotations

from sync_pipeline.report.page import write_report
from sync_pipeline.report.scope import Scope, newest_day, nothing_of, of_day, of_run

__all__ = ["Scope", "newest_day", "nothing_of", "of_day", "of_run", "write_report"]
