"""What an undo may name (R24), the same for the command line and Dagster's launchpad."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sync_pipeline.engine.run_ids import resolve_run
from sync_pipeline.model.errors import SettingsInvalid
from sync_pipeline.model.fields import Field
from sync_pipeline.warehouse.reader import Reader


def runs_to_undo(reader: Reader, fields: Iterable[Field], runs: Collection[str], field: str) -> tuple[str, ...]:
    """The whole ids of these runs. Raises SettingsInvalid where one is not known, or the field not mapped ("": any)."""
    names = [each.name for each in fields]
    if field and field not in names:
        raise SettingsInvalid(
            f"No field {field} is mapped.", remedy=f"Mapped are: {', '.join(names)}.", code="field_not_mapped"
        )
    return tuple(resolve_run(reader, run_id) for run_id in runs)


def refuse_mailbox(mailbox: str, in_settings: Collection[str], enabled: Collection[str]) -> None:
    """Raises SettingsInvalid where what was written for this mailbox cannot be taken back now; "" is any mailbox."""
    if mailbox and mailbox not in in_settings:
        raise SettingsInvalid(
            f"The settings know no mailbox {mailbox}.",
            remedy=f"Known: {', '.join(sorted(in_settings)) or 'none'}. What was written for a mailbox that was taken "
            "out can be taken back once it stands in the settings again.",
            code="mailbox_not_in_settings",
        )
    if mailbox and mailbox not in enabled:
        raise SettingsInvalid(
            f"The mailbox {mailbox} is switched off, so nothing of it can be taken back now.",
            remedy="Set `enabled: true` for it and ask again; nothing is kept of this question.",
            code="mailbox_switched_off",
        )
