"""Calls at random, on every route of both services: see `python -m sync_pipeline_tests.sandbox.fuzz --help`."""
