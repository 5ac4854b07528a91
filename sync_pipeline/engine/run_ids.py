"""Which run is meant: by its whole id, or by its beginning, of which Dagster's UI shows eight characters."""

from __future__ import annotations

from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.warehouse.reader import Reader

#: A shorter beginning is a typing error sooner than a run.
SHORTEST = 4


def resolve_run(reader: Reader, text: str) -> str:
    """The whole id. Raises SettingsInvalid where no run of the warehouse is meant, or several are."""
    if reader.run(text) is not None:
        return text
    found = [
        row["run_id"]
        for row in reader.rows(
            "select run_id from sync.runs where starts_with(run_id, ?) order by number desc limit 6", [text.lower()]
        )
    ]
    if len(text) >= SHORTEST and len(found) == 1:
        return str(found[0])
    if len(text) >= SHORTEST and found:
        raise SettingsInvalid(
            f"Several runs begin with {text}.", remedy=f"Say which: {', '.join(found)}.", code="run_unknown"
        )
    recent = ", ".join(row["run_id"] for row in reader.runs(5)) or "none"
    raise SettingsInvalid(
        f"No run {text} is known.",
        remedy=f"The last ones: {recent}. `sync-pipeline history` shows what each did.",
        code="run_unknown",
    )
