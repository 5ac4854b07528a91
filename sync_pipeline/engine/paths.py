"""Where an installation keeps its files, below `data_dir`."""

from __future__ import annotations

from pathlib import Path

from sync_pipeline.settings import Settings

WAREHOUSE_FILE = "warehouse.duckdb"


def warehouse_path(settings: Settings) -> Path:
    """Where an installation keeps its warehouse."""
    return settings.data_dir / WAREHOUSE_FILE


def exports_path(settings: Settings) -> Path:
    """The directory of what is exported as Parquet."""
    return settings.data_dir / "exports"


def reports_path(settings: Settings) -> Path:
    """The directory of the HTML reports that nobody gave a place of their own."""
    return exports_path(settings) / "reports"
