"""Which of the Contacts that our login made are those of creations whose answer was lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sync_pipeline.model.fields import Field, Kind, normal
from sync_pipeline.model.operation import Operation
from sync_pipeline.salesforce.rows import row, stored

Record = Mapping[str, Any]
#: What tells persons apart: a Contact that was made with one of these cannot come from a creation without it.
IDENTITY: Final = ("first_name", "last_name", "email")
#: The share of the values sent that a Contact still shows after somebody corrected it, or a trigger rewrote it.
ALIKE: Final = 0.5


@dataclass(frozen=True)
class Assignment:
    """`made` by operation; `perhaps`: the Ids that may be it, where only a person can tell."""

    made: dict[str, Record] = field(default_factory=dict)
    perhaps: dict[str, list[str]] = field(default_factory=dict)


def assign(
    creations: Sequence[tuple[Operation, datetime]],
    records: Sequence[Record],
    fields: Sequence[Field],
    *,
    made_by_people_too: bool,
) -> Assignment:
    """Each record goes to one creation at most, the oldest first, and living ones before those in the recycle bin.

    creations: with the earliest CreatedDate that a Contact of theirs can have. records: what the login made and no link
    or receipt knows. made_by_people_too: the login is a person's own, so that what only resembles decides nothing.
    """
    found = Assignment()
    left = {operation.operation_id: (operation, since) for operation, since in creations}
    free = [_Made(one, fields) for one in sorted(records, key=lambda one: bool(one.get("IsDeleted")))]

    def fitting(operation: Operation, since: datetime, fits: Callable[[_Made, Operation], bool]) -> list[_Made]:
        return [one for one in free if one.created_at >= since and fits(one, operation)]

    for key, (operation, since) in list(left.items()):
        if exact := fitting(operation, since, _Made.is_just_this):
            found.made[key] = exact[0].record
            free.remove(exact[0])
            del left[key]
    alike = {key: fitting(operation, since, _Made.is_like) for key, (operation, since) in left.items()}
    for key, candidates in alike.items():
        is_alone = len(candidates) == 1 and sum(candidates[0] in others for others in alike.values()) == 1
        if is_alone and not made_by_people_too:
            found.made[key] = candidates[0].record
        elif candidates:
            found.perhaps[key] = [one.record["Id"] for one in candidates]
    return found


def shows(kind: Kind, shown: str | None, value: str) -> bool:
    """Whether a record shows a value, in form; what is None is not visible to this login and speaks not against it."""
    return shown is None or normal(kind, shown) == normal(kind, value)


class _Made:
    """A record beside what was sent, compared in the normal form of each field."""

    def __init__(self, record: Record, fields: Sequence[Field]) -> None:
        self.record = record
        self._values = row(record, fields)
        self._kinds = {field.name: field.kind for field in stored(fields)}
        self._names = {field.salesforce: field.name for field in stored(fields)}

    @property
    def created_at(self) -> datetime:
        moment: datetime = self._values["created_at"]
        return moment

    def is_just_this(self, operation: Operation) -> bool:
        """It shows every value sent, and no name or e-mail that was not."""
        return self._share(operation) == 1 and not self._has_more(operation)

    def is_like(self, operation: Operation) -> bool:
        """It may have become what it is: at least half of the values are there, and what else it has can be an edit."""
        was_edited = self._values["modified_at"] != self._values["created_at"]
        return self._share(operation) >= ALIKE and (was_edited or not self._has_more(operation))

    def _share(self, operation: Operation) -> float:
        sent = [change for change in operation.fields if change.field in self._kinds]
        same = [change for change in sent if shows(self._kinds[change.field], self._values[change.field], change.after)]
        return len(same) / len(sent) if sent else 0.0

    def _has_more(self, operation: Operation) -> bool:
        sent = {change.field for change in operation.fields}
        sent |= {self._names.get(name, "") for name in operation.detail.get("extra") or {}}
        return any(self._values.get(name) for name in IDENTITY if name not in sent)
