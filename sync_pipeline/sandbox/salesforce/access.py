"""The org as one user meets it: who acts, what he may see, reading records, and the log. No HTTP, no writing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR, INTEGRATION_USER, ensure_base, insert_user
from sync_pipeline.sandbox.salesforce.catalogue import Catalogue, ObjectDef, catalogue
from sync_pipeline.sandbox.salesforce.checks import stored_value
from sync_pipeline.sandbox.salesforce.errors import InvalidSession, NotFound, RowError
from sync_pipeline.sandbox.salesforce.ids import full_id, make_id
from sync_pipeline.sandbox.salesforce.rules import having
from sync_pipeline.sandbox.salesforce.storage import prepare, record_of, stamp
from sync_pipeline.sandbox.state import Actor, State

Row = dict[str, Any]
SERVICE: Final = "salesforce"
ADMINISTRATOR_ACTOR: Final = f"user:{ADMINISTRATOR}"
NAME_PARTS: Final = ("FirstName", "MiddleName", "LastName", "Suffix")
_VIEW_COLUMNS: Final = {"scope": "_scope", "where": "_where", "visible_to": "_visible_to"}
_PERSON_NAMED: Final = ("Contact", "Lead")


@dataclass(frozen=True)
class Acting:
    """Who acts: `actor` as the log shows it, the user whose rights and name apply, the duplicate header."""

    actor: str
    user_id: str
    username: str
    is_administrator: bool
    allow_duplicates: bool = False
    duplicate_details: bool = True


class Access:
    """The org in one State, to be read. Cheap to make."""

    def __init__(self, state: State) -> None:
        prepare(state)
        ensure_base(state)
        self.state = state
        self.commit_lag_seconds = 0.0  # writes of this object are stamped that much in the past

    # -- who and what --------------------------------------------------------------------------------------------------

    @property
    def catalogue(self) -> Catalogue:
        return catalogue(self.state)

    def object(self, name: str) -> ObjectDef:
        """Raises NotFound."""
        found = self.catalogue.object(name)
        if found is None:
            raise NotFound()
        return found

    def organization_id(self) -> str:
        return str(self.state.db.execute("SELECT Id FROM sf_Organization").fetchone()["Id"])

    def user(self, username: str) -> Row | None:
        """The User with that username, in any case."""
        row = self.state.db.execute("SELECT * FROM sf_User WHERE fold(Username) = fold(?)", (username,)).fetchone()
        return None if row is None else dict(row)

    def acting(self, actor: Actor) -> Acting:
        """The application without a user is the integration user; a person is known by username or by mailbox.

        Raises InvalidSession for who is no user of the org, or no active one."""
        user = self.user(INTEGRATION_USER if actor.user is None else actor.user)
        if user is None:
            paired = self.state.db.execute(
                "SELECT salesforce_user FROM people WHERE fold(mailbox) = fold(?) AND salesforce_user IS NOT NULL",
                (actor.user,),
            ).fetchone()
            user = None if paired is None else self.user(paired["salesforce_user"])
        if user is None or not user["IsActive"]:
            raise InvalidSession()
        return _acting(actor.name, user)

    def administrator(self, actor: str = ADMINISTRATOR_ACTOR) -> Acting:
        """The administrator, under the given name in the log; the stand-in's own hand, whether he is active or not."""
        user = self.user(ADMINISTRATOR)
        if user is None:
            raise LookupError("the org has lost its administrator; reset the sandbox")
        return _acting(actor, user)

    def create_user(self, username: str, name: str, **more: Any) -> str:
        """A new User (see base.insert_user) and its id; logged as made by the administrator."""
        user_id = insert_user(self.state, username, name, **more)
        self.log_change("User", user_id, "create", None)
        return user_id

    def row(self, object_name: str, record_id: str) -> Row:
        """A record as it is stored."""
        return self._row(self.object(object_name), record_id)

    def log_change(self, object_name: str, record_id: str, action: str, before: Row | None) -> None:
        """Logs what an administrator did to a record by another way than the API; `before` None: it was not there."""
        target = self.object(object_name)
        after = None if action == "delete" else self._row(target, record_id)
        self._log(self.administrator(), target, record_id, action, before, after)

    # -- reading -------------------------------------------------------------------------------------------------------

    def visible(self, acting: Acting, target: ObjectDef, alias: str) -> tuple[str, list[Any]] | None:
        """The condition that sharing puts on an object's rows; None when everyone reads all of them."""
        if target.name == "ListView":
            told = f"EXISTS (SELECT 1 FROM json_each({alias}._visible_to) WHERE value = ?)"
            return f"({alias}._visible_to IS NULL OR {told})", [acting.username.casefold()]
        if not target.has_owner or acting.is_administrator or self.state.switches["salesforce_sharing"] == "public":
            return None
        own = f"{alias}.OwnerId = ?"
        if target.name != "Account":
            return own, [acting.user_id]
        # Whoever reads a contact reads its account.
        child = f'SELECT 1 FROM "sf_Contact" c WHERE c.AccountId = {alias}.Id AND c.OwnerId = ? AND c.IsDeleted = 0'
        return f"({own} OR EXISTS ({child}))", [acting.user_id, acting.user_id]

    def read(self, acting: Acting, target: ObjectDef, record_id: str) -> Row:
        """A living record. Raises NotFound, or RowError ENTITY_IS_DELETED (404) for one in the recycle bin."""
        row = self._find(acting, target, record_id)
        if row is None:
            raise NotFound()
        if row.get("IsDeleted"):
            raise RowError("ENTITY_IS_DELETED", "entity is deleted", status=404)
        return row

    def read_many(self, acting: Acting, target: ObjectDef, ids: Sequence[str]) -> dict[str, Row]:
        """The living ones among these ids, by the id as it was given."""
        found: dict[str, Row] = {}
        for given in ids:
            row = self._find(acting, target, given)
            if row is not None and not row.get("IsDeleted"):
                found[given] = row
        return found

    def having(self, acting: Acting, target: ObjectDef, field_name: str, value: str) -> list[str]:
        """Ids of the living, visible records whose external id (or idLookup) field has a value."""
        one = target.field(field_name)
        if one is None or not (one.externalId or one.idLookup):
            message = f"Provided external ID field does not exist or is not accessible: {field_name}"
            raise NotFound(message)
        stored = stored_value(one, value)
        found = [] if stored is None else having(self.state, target, one, stored)
        return [each for each in found if self._find(acting, target, each) is not None]

    def _find(self, acting: Acting, target: ObjectDef, record_id: str) -> Row | None:
        clause, values = self.visible(acting, target, "t0") or ("1", [])
        row = self.state.db.execute(
            f"SELECT * FROM {target.table} t0 WHERE t0.Id = ? AND {clause}", (full_id(record_id), *values)
        ).fetchone()
        return None if row is None else dict(row)

    def _row(self, target: ObjectDef, record_id: str) -> Row:
        return dict(self.state.db.execute(f"SELECT * FROM {target.table} WHERE Id = ?", (record_id,)).fetchone())

    # -- for those who write -------------------------------------------------------------------------------------------

    def _new_ids(self, target: ObjectDef, count: int) -> list[str]:
        numbers = self.state.reserve(f"salesforce.{target.name}", count)
        return [make_id(target.keyPrefix, number) for number in numbers]

    def _stamp(self) -> str:
        switches = self.state.switches
        moment = self.state.now() - timedelta(
            seconds=float(switches["salesforce_commit_lag_seconds"]) + self.commit_lag_seconds
        )
        granularity = float(switches["salesforce_stamp_granularity_seconds"])
        if granularity > 1:
            moment = datetime.fromtimestamp(moment.timestamp() // granularity * granularity, UTC)
        return stamp(moment, milliseconds=bool(switches["salesforce_stamp_milliseconds"]))

    @staticmethod
    def _name(record: Row, target: ObjectDef, into: Row) -> None:
        if target.name in _PERSON_NAMED:
            parts = (record.get(part) for part in NAME_PARTS if part in target.fields)
            into["Name"] = " ".join(part for part in parts if part)[: target.fields["Name"].length]

    def _log(
        self, acting: Acting, target: ObjectDef, record_id: str, action: str, before: Row | None, after: Row | None
    ) -> None:
        self.state.record(
            service=SERVICE,
            actor=acting.actor,
            mailbox=None,
            entity=target.name,
            id=record_id,
            action=action,
            before=None if before is None else logged(target, before),
            after=None if after is None else logged(target, after),
        )


def _acting(actor: str, user: Row) -> Acting:
    return Acting(actor, user["Id"], user["Username"], bool(user["_is_administrator"]))


def logged(target: ObjectDef, row: Row) -> Row:
    """A row as the log shows it: what the API shows of it, and of a list view also what decides about its records."""
    internal = {name: row.get(column) for name, column in _VIEW_COLUMNS.items() if target.name == "ListView"}
    return {
        **record_of(target, CompleteRow(row)),
        **{name: value for name, value in internal.items() if value is not None},
    }


class CompleteRow(dict[str, Any]):
    """A row in which a column that was not given is empty."""

    def __missing__(self, key: str) -> None:
        return None
