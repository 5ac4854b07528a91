"""Fixtures that every test level shares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests import harness


@pytest.fixture
def world(tmp_path: Path) -> Iterator[harness.World]:
    """A fresh sandbox with Anna, Ben and Cleo, and an installation of the synchroniser that knows Anna's mailbox."""
    with harness.world(tmp_path) as fresh:
        yield fresh
