"""What each Graph route does: reads the call, asks the models, and puts the answer in Graph's form."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import Any, Final

from starlette.responses import Response

from sync_pipeline.sandbox.faults import injected
from sync_pipeline.sandbox.graph import faults, properties
from sync_pipeline.sandbox.graph.calls import Call, json_response
from sync_pipeline.sandbox.graph.delta import DEFAULT_PAGE, DELTA_TOKEN, PAGE_TOKEN, DeltaTracking
from sync_pipeline.sandbox.graph.delta_faults import Removed
from sync_pipeline.sandbox.graph.errors import (
    AccessDenied,
    BadRequest,
    ItemNotFound,
    RequestBodyRead,
    SyncStateNotFound,
    UserNotFound,
)
from sync_pipeline.sandbox.graph.folder_delta import folder_page
from sync_pipeline.sandbox.graph.folders import CONTACTS, ROOT, User
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.graph.odata import Query, contact_filter, is_count, user_filter
from sync_pipeline.sandbox.graph.properties import EXTENDED
from sync_pipeline.sandbox.graph.rewriting import rewritten
from sync_pipeline.sandbox.state import Json
from sync_pipeline.sandbox.tokens import PERSON_PREFIX

FOLDER_PROPERTIES: Final = ("id", "parentFolderId", "displayName")
PARTIAL: Final = frozenset({"changeKey", "lastModifiedDateTime", "parentFolderId"})
CATEGORY_PROPERTIES: Final = ("id", "displayName", "color")
USER_PROPERTIES: Final = ("id", "displayName", "mail", "userPrincipalName")
USERS_PAGE: Final = 100
_KEYED = re.compile(r"/contactFolders/([^/(]+)/", re.IGNORECASE)


class GraphResponses:
    """One method per route; `call.parameters` holds what the template's {…} matched."""

    def __init__(self, mailboxes: Mailboxes, tracking: DeltaTracking) -> None:
        self.mailboxes = mailboxes
        self.tracking = tracking

    # -- users ---------------------------------------------------------------------------------------------------------

    def list_users(self, call: Call) -> Response:
        query = call.query
        query.allow("$top", "$skiptoken", "$select", "$filter", "$count")
        condition: tuple[str, list[str]] = ("1", [])
        if "$filter" in query.options:
            condition = user_filter(query.options["$filter"])
        top, chosen = query.top(USERS_PAGE, 999), query.select(USER_PROPERTIES)
        found = self.mailboxes.users_after(query.skip_token(), top + 1, *condition)
        page = [_chosen(user.wire(), chosen) for _, user in found[:top]]
        following = str(found[top - 1][0]) if len(found) > top else None
        total = self.mailboxes.count_users(*condition) if query.counts() else None
        return self._list(call, "users", page, following, "$skiptoken", total)

    def get_user(self, call: Call) -> Response:
        call.query.allow("$select")
        user = _chosen(self._user(call).wire(), call.query.select(USER_PROPERTIES))
        return self._one(call, "users/$entity", user)

    # -- folders -------------------------------------------------------------------------------------------------------

    def list_folders(self, call: Call) -> Response:
        return self._folders_below(call, ROOT)

    def list_child_folders(self, call: Call) -> Response:
        return self._folders_below(call, call.parameters["folder"])

    def create_folder(self, call: Call) -> Response:
        return self._create_folder(call, ROOT)

    def create_child_folder(self, call: Call) -> Response:
        return self._create_folder(call, call.parameters["folder"])

    def get_folder(self, call: Call) -> Response:
        call.query.allow("$select", "$expand")
        return self._folder(call, self.mailboxes.folder(self._user(call).id, call.parameters["folder"]))

    def update_folder(self, call: Call) -> Response:
        body = _known(call.json_object(), (*FOLDER_PROPERTIES, EXTENDED), "contactFolder")
        user = self._user(call)
        row = self.mailboxes.update_folder(user.id, call.parameters["folder"], body, actor=call.actor.name)
        return self._folder(call, row)

    def delete_folder(self, call: Call) -> Response:
        return self._delete_folder(call, for_good=False)

    def permanently_delete_folder(self, call: Call) -> Response:
        return self._delete_folder(call, for_good=not self.mailboxes.state.switches["permanent_delete_is_soft"])

    def _delete_folder(self, call: Call, *, for_good: bool) -> Response:
        user, folder = self._user(call), call.parameters["folder"]
        self.mailboxes.delete_folder(user.id, folder, actor=call.actor.name, for_good=for_good)
        return Response(status_code=204)

    def folders_delta(self, call: Call) -> Response:
        user = self._user(call)
        page = folder_page(self.mailboxes, self.tracking, user.id, call.query, self._page_size(call))
        chosen = Query({"$select": page.chosen}).select(FOLDER_PROPERTIES)
        entries = [_chosen(self.mailboxes.folder_wire(row), chosen) for row in page.folders]
        entries += [{"id": folder_id, "@removed": {"reason": "deleted"}} for folder_id in page.gone]
        return self._delta(call, "Collection(contactFolder)", entries, page.continuation, page.token)

    def _folders_below(self, call: Call, parent: str) -> Response:
        query = call.query
        query.allow("$top", "$skip", "$select", "$expand", "$count", "$orderby", "$filter")
        query.select(FOLDER_PROPERTIES), query.expand()  # refused even where there is nothing to show
        rows = self.mailboxes.child_folders(self._user(call).id, parent, user_made=True)
        names = query.folder_names()
        if names is not None:
            rows = [row for row in rows if row["name"].casefold() in names]
        for _, descending in query.order(["displayName"]):
            rows.sort(key=lambda row: str(row["name"]).casefold(), reverse=descending)
        start, end = query.skip(), query.skip() + query.top()
        page = [self._folder_form(call, row) for row in rows[start:end]]
        return self._list(call, "contactFolders", page, str(end) if end < len(rows) else None, "$skip", len(rows))

    def _create_folder(self, call: Call, parent: str) -> Response:
        user = self._user(call)
        body = _known(call.json_object(), (*FOLDER_PROPERTIES, EXTENDED), "contactFolder")
        name = body.get("displayName")
        if not isinstance(name, str) or not name:
            raise RequestBodyRead("displayName must be a non-empty Edm.String.")
        folder_id = self.mailboxes.create_folder(
            user.id, name, parent=parent, actor=call.actor.name, extended=body.get(EXTENDED)
        )
        return self._folder(call, self.mailboxes.folder(user.id, folder_id), status=201)

    def _folder_form(self, call: Call, row: sqlite3.Row) -> Json:
        form = _chosen(self.mailboxes.folder_wire(row), call.query.select(FOLDER_PROPERTIES))
        return self._with_extended(call, form, row["id"])

    def _folder(self, call: Call, row: sqlite3.Row, status: int = 200) -> Response:
        return self._one(call, "contactFolders/$entity", self._folder_form(call, row), status)

    # -- contacts ------------------------------------------------------------------------------------------------------

    def list_contacts(self, call: Call) -> Response:
        """Of a folder, or of the default folder alone; pages go on after the last contact shown, whatever changed
        (with $orderby: after so many)."""
        query, user = call.query, self._user(call)
        query.allow("$top", "$skip", "$skiptoken", "$select", "$expand", "$filter", "$count", "$orderby")
        query.contact_select(), query.expand()  # refused even where there is nothing to show
        folder_id = self.mailboxes.folder_id(user.id, call.parameters.get("folder", CONTACTS))
        condition: str = "1"
        parameters: list[Any] = []
        if "$filter" in query.options:
            condition, parameters = contact_filter(query.options["$filter"], self.mailboxes.state.switches)
        top, db, order = query.top(), self.mailboxes.state.db, query.contact_order()
        rows = db.execute(
            f"SELECT * FROM graph_contacts WHERE folder = ? AND number > ? AND {condition}"
            f" ORDER BY {order + ', ' if order else ''}number LIMIT ? OFFSET ?",
            (folder_id, query.skip_token(), *parameters, top + 1, query.skip()),
        ).fetchall()
        total = self._contact_count(folder_id, condition, parameters) if query.counts() else None
        page = [self._contact_form(call, row) for row in rows[:top]]
        if len(rows) <= top:
            return self._list(call, "contacts", page, None, "", total)
        if order:
            return self._list(call, "contacts", page, str(query.skip() + top), "$skip", total)
        return self._list(call, "contacts", page, str(rows[top - 1]["number"]), "$skiptoken", total)

    def count_contacts(self, call: Call) -> Response:
        """The bare number, as text."""
        query, user = call.query, self._user(call)
        query.allow("$filter")
        folder_id = self.mailboxes.folder_id(user.id, call.parameters.get("folder", CONTACTS))
        condition: tuple[str, list[Any]] = ("1", [])
        if "$filter" in query.options:
            condition = contact_filter(query.options["$filter"], self.mailboxes.state.switches)
        count = self._contact_count(folder_id, *condition)
        return Response(str(count), media_type="text/plain", headers=call.common_headers())

    def _contact_count(self, folder_id: str, condition: str, parameters: list[Any]) -> int:
        sql = f"SELECT count(*) FROM graph_contacts WHERE folder = ? AND {condition}"
        found = int(self.mailboxes.state.db.execute(sql, (folder_id, *parameters)).fetchone()[0])
        return found + int(self.mailboxes.state.switches["contact_lists_counted"])

    def create_contact(self, call: Call) -> Response:
        user = self._user(call)
        folder, body = call.parameters.get("folder"), call.json_object()
        if folder is not None and not self.mailboxes.state.switches["extended_in_folder_post"]:
            body.pop(EXTENDED, None)
        body = rewritten(body, {})
        created = self.mailboxes.create_contact(user.id, folder or CONTACTS, body, actor=call.actor.name)
        return self._contact(call, self.mailboxes.contact(user.id, created["id"]), status=201)

    def get_contact(self, call: Call) -> Response:
        call.query.allow("$select", "$expand")
        return self._contact(call, self._contact_row(call))

    def update_contact(self, call: Call) -> Response:
        user, row, body = self._user(call), self._contact_row(call), call.json_object()
        updated = self.mailboxes.update_contact(
            user.id,
            row["immutable_id"],
            rewritten(body, json.loads(row["properties"])),
            actor=call.actor.name,
            if_match=call.headers.get("if-match"),
        )
        return self._contact(call, self._with_folder(call, user, updated, body))

    def _with_folder(self, call: Call, user: User, row: sqlite3.Row, body: Json) -> sqlite3.Row:
        """parentFolderId in a PATCH: ignored, obeyed or refused, as the switch says."""
        rule, folder = self.mailboxes.state.switches["patch_parent_folder"], body.get("parentFolderId")
        if rule == "ignored" or folder in (None, row["folder"]):
            return row
        if rule == "refused":
            raise RequestBodyRead("The property 'parentFolderId' is read-only and cannot be changed.")
        return self.mailboxes.move_contact(user.id, row["immutable_id"], str(folder), actor=call.actor.name)

    def delete_contact(self, call: Call) -> Response:
        return self._delete_contact(call, for_good=False)

    def permanently_delete_contact(self, call: Call) -> Response:
        return self._delete_contact(call, for_good=not self.mailboxes.state.switches["permanent_delete_is_soft"])

    def _delete_contact(self, call: Call, *, for_good: bool) -> Response:
        user, contact = self._user(call), self._contact_row(call)["immutable_id"]
        if vanishing := injected(faults.COPY_VANISHES):
            vanishing.used = self.mailboxes.drop_copies(user.id, contact) > 0
        self.mailboxes.delete_contact(
            user.id,
            contact,
            actor=call.actor.name,
            if_match=call.headers.get("if-match"),
            for_good=for_good,
        )
        return Response(status_code=204)

    def delta(self, call: Call) -> Response:
        user = self._user(call)
        folder_id = self.mailboxes.folder_id(user.id, call.parameters.get("folder", CONTACTS))
        switches = self.mailboxes.state.switches
        if PAGE_TOKEN not in call.query.options and (renewal := injected(faults.CHANGE_KEY)):
            renewal.used = self.mailboxes.renew_change_keys(user.id, folder_id) > 0
        try:
            page = self.tracking.page(folder_id, call.query, self._page_size(call), immutable=call.immutable)
        except SyncStateNotFound as error:
            if switches["delta_expired_location"]:
                raise SyncStateNotFound(
                    str(switches["delta_expired_code"]), location=f"{call.origin}{call.path}?{DELTA_TOKEN}="
                ) from error
            raise
        chosen = page.chosen
        if switches["delta_partial_rows"] and not page.initial:
            chosen = PARTIAL if chosen is None else chosen & PARTIAL
        entries = [self._delta_form(call, entry, chosen) for entry in page.entries]
        return self._delta(call, "Collection(contact)", entries, page.continuation, page.token)

    def _page_size(self, call: Call) -> int:
        size = call.preferences.get("odata.maxpagesize", str(DEFAULT_PAGE))
        if not is_count(size):
            raise BadRequest(f"Invalid value '{size}' for the preference odata.maxpagesize.")
        return int(size)

    def _delta(self, call: Call, context: str, entries: list[Json], continuation: str, token: str) -> Response:
        path = call.path
        if self.mailboxes.state.switches["delta_links_in_key_form"]:
            path = _KEYED.sub(r"/contactFolders('\1')/", path)
        link = "@odata.nextLink" if continuation == PAGE_TOKEN else "@odata.deltaLink"
        content = call.annotated(context, {"value": entries, link: f"{call.origin}{path}?{continuation}={token}"})
        return json_response(content, headers=call.common_headers())

    def _delta_form(self, call: Call, entry: sqlite3.Row | Removed, chosen: frozenset[str] | None) -> Json:
        if isinstance(entry, Removed):
            kind = self.mailboxes.state.switches["delta_removed_type"]
            return {
                **({"@odata.type": kind} if kind else {}),
                "id": entry.immutable_id if call.immutable else entry.default_id,
                "@removed": {"reason": self.mailboxes.state.switches["delta_removed_reason"]},
            }
        return self._form(call, entry, chosen)

    def _form(self, call: Call, row: sqlite3.Row, chosen: frozenset[str] | None) -> Json:
        return contact_form(row, immutable=call.immutable, chosen=chosen, etag=self.mailboxes.etag(row))

    def _contact_row(self, call: Call) -> sqlite3.Row:
        user = self._user(call)
        row = self.mailboxes.contact(user.id, call.parameters["contact"])
        folder = call.parameters.get("folder")
        if folder is not None and row["folder"] != self.mailboxes.folder_id(user.id, folder):
            raise ItemNotFound()
        return row

    def _contact_form(self, call: Call, row: sqlite3.Row) -> Json:
        form = self._form(call, row, call.query.contact_select())
        return self._with_extended(call, form, row["immutable_id"])

    def _contact(self, call: Call, row: sqlite3.Row, status: int = 200) -> Response:
        return self._one(call, "contacts/$entity", self._contact_form(call, row), status)

    # -- photos --------------------------------------------------------------------------------------------------------

    def get_photo(self, call: Call) -> Response:
        media_type, _ = self.mailboxes.photo(self._user(call).id, self._contact_row(call)["immutable_id"])
        form = {"@odata.mediaContentType": media_type, "id": "648X648", "height": 648, "width": 648}
        return self._one(call, "contacts/photo", form)

    def get_photo_value(self, call: Call) -> Response:
        media_type, content = self.mailboxes.photo(self._user(call).id, self._contact_row(call)["immutable_id"])
        return Response(content, media_type=media_type, headers=call.common_headers())

    def put_photo_value(self, call: Call) -> Response:
        media_type = call.headers.get("content-type", "")
        if not media_type.startswith("image/") or not media_type.isascii() or not call.body:
            raise BadRequest("A photo needs a Content-Type of image/… and a body.")
        contact = self._contact_row(call)["immutable_id"]
        self.mailboxes.put_photo(self._user(call).id, contact, media_type, call.body, actor=call.actor.name)
        return Response(status_code=200, headers=call.common_headers())

    # -- master categories ---------------------------------------------------------------------------------------------

    def list_categories(self, call: Call) -> Response:
        call.query.allow()
        return self._list(call, "masterCategories", self.mailboxes.categories(self._user(call).id), None, "", None)

    def create_category(self, call: Call) -> Response:
        body = _known(call.json_object(), CATEGORY_PROPERTIES, "outlookCategory")
        name, color = body.get("displayName"), body.get("color", "none")
        if not isinstance(name, str):
            raise RequestBodyRead("displayName must be an Edm.String.")
        created = self.mailboxes.create_category(self._user(call).id, name, color, actor=call.actor.name)
        return self._one(call, "masterCategories/$entity", created, 201)

    def get_category(self, call: Call) -> Response:
        category = self.mailboxes.category(self._user(call).id, call.parameters["category"])
        return self._one(call, "masterCategories/$entity", category)

    def update_category(self, call: Call) -> Response:
        body = _known(call.json_object(), CATEGORY_PROPERTIES, "outlookCategory")
        updated = self.mailboxes.update_category(
            self._user(call).id, call.parameters["category"], body, actor=call.actor.name
        )
        return self._one(call, "masterCategories/$entity", updated)

    def delete_category(self, call: Call) -> Response:
        self.mailboxes.delete_category(self._user(call).id, call.parameters["category"], actor=call.actor.name)
        return Response(status_code=204)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _user(self, call: Call) -> User:
        """Whose mailbox is asked for; a person's token opens that person's only, the application's every one."""
        own = self._own_mailbox(call)
        asked = call.parameters.get("user")
        if asked is not None:
            user = self.mailboxes.user(asked)
            if own is not None and own.id != user.id:
                raise AccessDenied()
            return user
        if call.actor.user is None:
            raise BadRequest("/me request is only valid with delegated authentication flow.")
        if own is None:
            raise UserNotFound(call.actor.user)
        return own

    def _own_mailbox(self, call: Call) -> User | None:
        """The mailbox that a person's token opens; None for the application's."""
        if not call.actor.name.startswith(PERSON_PREFIX) or call.actor.user is None:
            return None
        return self.mailboxes.owned_by(call.actor.user)

    def _with_extended(self, call: Call, form: Json, owner: str) -> Json:
        asked = call.query.expand()
        found = self.mailboxes.extended.expanded(owner, asked) if asked else []
        return {**form, EXTENDED: found} if found else form

    def _one(self, call: Call, context: str, form: Json, status: int = 200) -> Response:
        return json_response(call.annotated(context, form), status, call.common_headers())

    def _list(
        self, call: Call, context: str, page: list[Json], following: str | None, option: str, total: int | None
    ) -> Response:
        content: Json = {"value": page}
        if total is not None and call.query.counts():
            content = {"@odata.count": total, **content}
        if following is not None:
            kept = {name: value for name, value in call.query.options.items() if name != "$skip"}
            content["@odata.nextLink"] = call.link({**kept, option: following})
        return json_response(call.annotated(context, content), headers=call.common_headers())


def contact_form(row: sqlite3.Row, *, immutable: bool, chosen: frozenset[str] | None, etag: str | None = None) -> Json:
    """A contact as Graph shows it, extended properties never among it."""
    form: dict[str, Any] = {
        "@odata.etag": f'W/"{etag or row["change_key"]}"',
        "id": row["immutable_id"] if immutable else row["default_id"],
        "createdDateTime": _whole_second(row["created_at"]),
        "lastModifiedDateTime": _whole_second(row["modified_at"]),
        "changeKey": row["change_key"],
        "parentFolderId": row["folder"],
        **properties.wire(json.loads(row["properties"])),
    }
    return _chosen(form, chosen)


def _known(body: Json, names: tuple[str, ...], kind: str) -> Json:
    """The body, if it has no property that the type lacks. Raises RequestBodyRead."""
    for name in body:
        if name not in names and "@odata." not in name:
            raise RequestBodyRead(f"The property '{name}' does not exist on type 'microsoft.graph.{kind}'.")
    return body


def _chosen(form: Json, chosen: frozenset[str] | None) -> Json:
    if chosen is None:
        return form
    return {name: value for name, value in form.items() if name in chosen or name in ("id", "@odata.etag")}


def _whole_second(moment: str) -> str:
    return f"{moment[:19]}Z"
