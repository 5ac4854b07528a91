"""The tests: unit, planner, sandbox (wire), machine, crash, dagster, e2e, benchmarks."""
