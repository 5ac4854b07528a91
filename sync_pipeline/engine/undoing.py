"""What an undo may name (R24), the same for the command line and Dagster's launchpad."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.model.fields import Field
from sync_pipeline.warehouse.reader import Reader


def refuse_unknown(reader: Reader, fields: Iterable[Field], runs: Collection[str], field: str) -> None:
    """Raises SettingsInvalid where a run is not known or the field is not mapped; "" is any field."""
    refuse_unknown_runs(reader, runs)
    names = [each.name for each in fields]
    if field and field not in names:
        raise SettingsInvalid(
            f"No field {field} is mapped.", remedy=f"Mapped are: {', '.join(names)}.", code="field_not_mapped"
        )


def refuse_unknown_runs(reader: Reader, runs: Collection[str]) -> None:
    """Raises SettingsInvalid where the warehouse knows no run by one of these ids."""
    if unknown := [run_id for run_id in runs if reader.run(run_id) is None]:
        recent = ", ".join(row["run_id"] for row in reader.runs(5)) or "none"
        raise SettingsInvalid(
            f"No run {', '.join(unknown)} is known.",
            remedy=f"The last ones: {recent}. `sync-pipeline history` shows what each did.",
            code="run_unknown",
        )
