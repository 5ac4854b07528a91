"""The last look before Contacts are created or undeleted (R9): does one match that the plan did not know?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import duckdb

from sync_pipeline.model.fields import Field, Kind, normal
from sync_pipeline.model.operation import Operation
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.extract import OVERLAP
from sync_pipeline.salesforce.soql import literal
from sync_pipeline.transport import ServerClock
from sync_pipeline.warehouse.tables import fetch, staged

Keys = tuple[str, str]
LASTS: Final = timedelta(seconds=5)
_ASKED: Final = ("email", "first_name", "last_name")


class LookUp:
    """Reads what was stamped since the mirror's watermark instead of searching by key: one query whatever the number.

    What the mirror holds with the same keys, planning has seen. `fields` are the mapped ones that the org shows: no
    other is asked for. `since` is the watermark, ISO, UTC. An answer serves creations that follow each other at
    once: the org is asked again when it is older than LASTS by the org's `clock`, or when a call paused since.
    """

    def __init__(
        self,
        org: Org,
        connection: duckdb.DuckDBPyConnection,
        fields: Iterable[Field],
        since: str | None,
        clock: ServerClock,
    ) -> None:
        self._org, self._connection, self._clock = org, connection, clock
        self._asked = {field.name: field.salesforce for field in fields if field.name in _ASKED}
        self._since = datetime.fromisoformat(since) if since else None
        self._read_at: tuple[datetime, int] | None = None
        self._by_email: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        self._ours: set[str] = set()

    def created(self, contact_ids: Iterable[str]) -> None:
        """Contacts that this run made or undeleted: the plan knows them, though the mirror may not hold them yet."""
        self._ours.update(contact_ids)

    def matches(self, operations: Sequence[Operation], *, anew: bool = False) -> dict[str, str]:
        """By operation, the Contact that speaks against it. Operations without match keys are not judged.

        `anew`: the org is asked again in any case.
        """
        if anew or not self._is_fresh():
            asked = self._clock.now()
            self._read()
            self._read_at = asked, self._org.pauses
        objections: dict[str, str] = {}
        for operation in operations:
            keys: dict[str, Any] = operation.detail.get("match") or {}
            found = [self._by_email.get(email) for email in keys.get("emails") or () if email]
            if keys.get("full_name"):
                found.append(self._by_name.get(keys["full_name"]))
            if hit := next((contact for contact in found if contact), None):
                objections[operation.operation_id] = f"The Contact {hit} matches it, and the plan did not know it."
        return objections

    def _is_fresh(self) -> bool:
        if self._read_at is None:
            return False
        asked, pauses = self._read_at
        return pauses == self._org.pauses and self._clock.now() - asked < LASTS

    def _read(self) -> None:
        where = f" WHERE SystemModstamp >= {literal(self._since - OVERLAP)}" if self._since else ""
        pages = self._org.query(f"SELECT {', '.join(['Id', *self._asked.values()])} FROM Contact{where}")
        records = [record for page in pages for record in page]
        known = self._known([record["Id"] for record in records])
        for record in records:
            keys = _keys(*(record.get(self._asked.get(name, "")) for name in _ASKED))
            if record["Id"] not in self._ours and known.get(record["Id"]) != keys:
                email, name = keys
                if email:
                    self._by_email[email] = record["Id"]
                if name:
                    self._by_name[name] = record["Id"]

    def _known(self, contact_ids: Sequence[str]) -> dict[str, Keys]:
        names = [name if name in self._asked else f"'' as {name}" for name in _ASKED]
        with staged(self._connection, "wanted", [{"id": contact} for contact in contact_ids], {"id": "VARCHAR"}):
            rows = fetch(
                self._connection,
                f"select id, {', '.join(names)} from salesforce.contacts "
                "where not coalesce(is_deleted, false) and id in (select id from wanted)",
            )
        return {row["id"]: _keys(*(row[name] for name in _ASKED)) for row in rows}


def _keys(email: str | None, first: str | None, last: str | None) -> Keys:
    """As planning compares them: the e-mail's form, and the full name in lower case."""
    name = normal(Kind.TEXT, " ".join(part for part in (first, last) if part)).lower()
    return normal(Kind.EMAIL, email or ""), name
