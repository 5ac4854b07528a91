"""What every org has at first: its own record, an administrator, the integration user, the standard list views."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.ids import make_id
from sync_pipeline.sandbox.salesforce.storage import stamp
from sync_pipeline.sandbox.state import State

ORGANIZATION_PREFIX: Final = "00D"
USER_PREFIX: Final = "005"
LIST_VIEW_PREFIX: Final = "00B"
ADMINISTRATOR: Final = "admin@acme.example.com"
INTEGRATION_USER: Final = "integration@acme.example.com"


@dataclass(frozen=True)
class ListViewDef:
    """A list view: `where` is a SOQL condition, `visible_to` usernames (None: everyone)."""

    developer_name: str
    label: str
    scope: str = "everything"
    where: str | None = None
    soql_compatible: bool = True
    visible_to: tuple[str, ...] | None = None
    object: str = "Contact"


STANDARD_VIEWS: Final = (
    ListViewDef("AllContacts", "All Contacts"),
    ListViewDef("MyContacts", "My Contacts", scope="mine"),
    ListViewDef("NewThisWeek", "New This Week", where="CreatedDate = THIS_WEEK"),
    ListViewDef("RecentlyViewedContacts", "Recently Viewed", soql_compatible=False),
)


def ensure_base(state: State) -> None:
    """Creates what is missing; does nothing for an org that has its record."""
    if state.db.execute("SELECT 1 FROM sf_Organization LIMIT 1").fetchone() is not None:
        return
    with state.transaction():
        organization = make_id(ORGANIZATION_PREFIX, state.counter("salesforce.Organization"))
        administrator = insert_user(state, ADMINISTRATOR, "Ada Administrator", administrator=True)
        insert_user(state, INTEGRATION_USER, "Integration User", administrator=True)
        insert_row(state, "Organization", {
            "Id": organization, "Name": "Sandbox", "Country": "US", "PrimaryContact": "Ada Administrator",
            "DefaultLocaleSidKey": "en_US", "TimeZoneSidKey": "GMT", "LanguageLocaleKey": "en_US",
            "OrganizationType": "Enterprise Edition", "InstanceName": "SBX1", "IsSandbox": 1,
            **audit(state, administrator),
        })  # fmt: skip
        for view in STANDARD_VIEWS:
            insert_list_view(state, view, administrator)


def insert_user(
    state: State,
    username: str,
    name: str,
    *,
    email: str | None = None,
    alias: str | None = None,
    federation_identifier: str | None = None,
    is_active: bool = True,
    administrator: bool = False,
) -> str:
    """A new User and its id. Raises ValueError when the username is taken."""
    if state.db.execute("SELECT 1 FROM sf_User WHERE fold(Username) = fold(?)", (username,)).fetchone():
        raise ValueError(f"there is a Salesforce user {username!r} already")
    first, _, last = name.strip().rpartition(" ")
    user_id = make_id(USER_PREFIX, state.counter("salesforce.User"))
    insert_row(state, "User", {
        "Id": user_id, "Username": username, "LastName": last, "FirstName": first or None, "Name": name.strip(),
        "Email": email or username, "Alias": (alias or (first[:1] + last).lower().replace(" ", ""))[:8],
        "IsActive": int(is_active), "UserType": "Standard", "FederationIdentifier": federation_identifier,
        "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US",
        "_is_administrator": int(administrator), **audit(state, user_id),
    })  # fmt: skip
    return user_id


def insert_list_view(state: State, view: ListViewDef, user_id: str) -> str:
    """A new list view and its id."""
    view_id = make_id(LIST_VIEW_PREFIX, state.counter("salesforce.ListView"))
    insert_row(state, "ListView", {
        "Id": view_id, "Name": view.label, "DeveloperName": view.developer_name, "SobjectType": view.object,
        "IsSoqlCompatible": int(view.soql_compatible), "_scope": view.scope, "_where": view.where,
        "_visible_to": None if view.visible_to is None else json.dumps([name.casefold() for name in view.visible_to]),
        **audit(state, user_id),
    })  # fmt: skip
    return view_id


def audit(state: State, user_id: str) -> dict[str, Any]:
    """The stamps of a record that is made now by that user."""
    now = stamp(state.now())
    return {
        "CreatedDate": now,
        "CreatedById": user_id,
        "LastModifiedDate": now,
        "LastModifiedById": user_id,
        "SystemModstamp": now,
    }


def insert_row(state: State, object_name: str, row: dict[str, Any]) -> None:
    """Writes one row as it is."""
    names = ", ".join(f'"{name}"' for name in row)
    places = ", ".join("?" * len(row))
    state.db.execute(f'INSERT INTO "sf_{object_name}" ({names}) VALUES ({places})', tuple(row.values()))
