"""`python -m sync_pipeline` is the command line too."""

from __future__ import annotations

from sync_pipeline.cli import main

main()
