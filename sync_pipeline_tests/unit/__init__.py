"""Tests of single modules: no server, no Dagster."""
