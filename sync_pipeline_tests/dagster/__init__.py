"""What Dagster loads: assets, checks, job, schedule, sensor."""
