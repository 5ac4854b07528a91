"""The Graph port's own pages: an address book in which a person adds, edits, categorises, moves and deletes.

They act as the owner of the mailbox that is open, through the same models as the API."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from sync_pipeline.sandbox.graph import properties
from sync_pipeline.sandbox.graph.errors import BadRequest, GraphError
from sync_pipeline.sandbox.graph.folders import ROOT, User
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.state import Json

PAGE_SIZE: Final = 100
TEXT_FIELDS: Final = (
    "title",
    "givenName",
    "middleName",
    "surname",
    "generation",
    "displayName",
    "companyName",
    "jobTitle",
    "department",
    "assistantName",
    "mobilePhone",
    "birthday",
    "personalNotes",
)
LIST_FIELDS: Final = ("emailAddresses", "businessPhones", "homePhones", "categories")  # one entry a line
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)

PageHandler = Callable[["_Pages", Request, Mapping[str, str]], Response]


def page_routes(mailboxes: Mailboxes) -> list[Route]:
    """Routes of "/" and below "/pages/"."""
    pages = _Pages(mailboxes)
    contact = "/pages/{mailbox}/contacts/{contact}"
    table: list[tuple[str, str, PageHandler]] = [
        ("/", "GET", _Pages.overview),
        ("/pages/{mailbox}", "GET", _Pages.mailbox),
        ("/pages/{mailbox}/folders", "POST", _Pages.add_folder),
        ("/pages/{mailbox}/folders/{folder}/rename", "POST", _Pages.rename_folder),
        ("/pages/{mailbox}/folders/{folder}/delete", "POST", _Pages.delete_folder),
        ("/pages/{mailbox}/contacts", "POST", _Pages.add),
        (contact, "GET", _Pages.edit),
        (contact, "POST", _Pages.save),
        (f"{contact}/photo", "GET", _Pages.photo),
        (f"{contact}/photo", "POST", _Pages.put_photo),
        (f"{contact}/move", "POST", _Pages.move),
        (f"{contact}/copy", "POST", _Pages.copy),
        (f"{contact}/categorise", "POST", _Pages.categorise),
        (f"{contact}/delete", "POST", _Pages.delete),
    ]
    return [Route(path, pages.endpoint(handler), methods=[method]) for path, method, handler in table]


class _Pages:
    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes

    def endpoint(self, handler: PageHandler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            content = await request.body()
            request.scope["sandbox_body"] = content
            is_form = not request.headers.get("content-type", "").startswith("image/")
            try:
                fields = parse_qs(content.decode(), keep_blank_values=True) if is_form else {}
                return handler(self, request, {name: values[0] for name, values in fields.items()})
            except GraphError as error:
                return _render("error.html", status=error.status, message=error.message)
            except (KeyError, UnicodeDecodeError) as error:
                return _render("error.html", status=400, message=f"The form is not complete: {error}")

        return endpoint

    def overview(self, request: Request, form: Mapping[str, str]) -> Response:
        return _render("overview.html", users=self._mailboxes.users())

    def mailbox(self, request: Request, form: Mapping[str, str]) -> Response:
        user = self._user(request)
        folders = self._folders(user)
        chosen = request.query_params.get("folder") or folders[0]["id"]
        search = request.query_params.get("search", "").strip()
        rows, count = self._mailboxes.shelf(user.id, chosen, search, PAGE_SIZE)
        contacts = [
            {
                "id": row["immutable_id"],
                "has_photo": row["has_photo"],
                **properties.wire(json.loads(row["properties"])),
            }
            for row in rows
        ]
        return _render(
            "mailbox.html",
            user=user,
            folders=folders,
            search=search,
            count=count,
            folder=self._mailboxes.folder(user.id, chosen),
            contacts=contacts,
        )

    def add_folder(self, request: Request, form: Mapping[str, str]) -> Response:
        user = self._user(request)
        folder = self._mailboxes.create_folder(user.id, form.get("displayName", ""), actor=_actor(user))
        return _to_folder(user, folder)

    def rename_folder(self, request: Request, form: Mapping[str, str]) -> Response:
        user, folder = self._user(request), request.path_params["folder"]
        self._mailboxes.update_folder(user.id, folder, {"displayName": form["displayName"]}, actor=_actor(user))
        return _to_folder(user, folder)

    def delete_folder(self, request: Request, form: Mapping[str, str]) -> Response:
        user = self._user(request)
        self._mailboxes.delete_folder(user.id, request.path_params["folder"], actor=_actor(user))
        return _to_folder(user, "")

    def add(self, request: Request, form: Mapping[str, str]) -> Response:
        user = self._user(request)
        body = {name: value for name, value in _body(form).items() if value}
        self._mailboxes.create_contact(user.id, form["folder"], body, actor=_actor(user))
        return _to_folder(user, form["folder"])

    def edit(self, request: Request, form: Mapping[str, str]) -> Response:
        user = self._user(request)
        row = self._mailboxes.contact(user.id, request.path_params["contact"])
        contact = self._mailboxes.full_form(row)
        lines = {name: "\n".join(_entries(contact, name)) for name in LIST_FIELDS}
        return _render(
            "contact.html",
            user=user,
            contact=contact,
            folders=self._folders(user),
            texts=TEXT_FIELDS,
            lines=lines,
            has_photo=self._mailboxes.has_photo(row),
            address_parts=properties.ADDRESS_PARTS,
            addresses=sorted(properties.ADDRESSES),
        )

    def save(self, request: Request, form: Mapping[str, str]) -> Response:
        """Only what the person changed is written, as Outlook does."""
        user = self._user(request)
        row = self._mailboxes.contact(user.id, request.path_params["contact"])
        before = self._mailboxes.full_form(row)
        changed = {name: value for name, value in _body(form).items() if not _same(before, name, value)}
        if changed:
            self._mailboxes.update_contact(user.id, row["immutable_id"], changed, actor=_actor(user))
        return _to_folder(user, row["folder"])

    def photo(self, request: Request, form: Mapping[str, str]) -> Response:
        media_type, content = self._mailboxes.photo(self._user(request).id, request.path_params["contact"])
        return Response(content, media_type=media_type)

    def put_photo(self, request: Request, form: Mapping[str, str]) -> Response:
        """The body is the picture; its Content-Type says which kind."""
        user, media_type = self._user(request), request.headers.get("content-type", "")
        content = request.scope["sandbox_body"]
        if not media_type.startswith("image/") or not content:
            raise BadRequest("Choose a picture.")
        self._mailboxes.put_photo(user.id, request.path_params["contact"], media_type, content, actor=_actor(user))
        return Response(status_code=204)

    def copy(self, request: Request, form: Mapping[str, str]) -> Response:
        user, contact = self._user(request), request.path_params["contact"]
        self._mailboxes.copy_contact(user.id, contact, form["folder"], actor=_actor(user))
        return _to_folder(user, form["folder"])

    def move(self, request: Request, form: Mapping[str, str]) -> Response:
        user, contact = self._user(request), request.path_params["contact"]
        left = self._mailboxes.contact(user.id, contact)["folder"]
        if form["folder"] != left:
            self._mailboxes.move_contact(user.id, contact, form["folder"], actor=_actor(user))
        return _to_folder(user, left)

    def categorise(self, request: Request, form: Mapping[str, str]) -> Response:
        """Adds a category, or takes it off where the contact has it."""
        user = self._user(request)
        row = self._mailboxes.contact(user.id, request.path_params["contact"])
        name = form.get("category", "").strip()
        worn = self._mailboxes.full_form(row)["categories"]
        categories = [each for each in worn if each != name] if name in worn else [*worn, name]
        if name:
            changed = {"categories": categories}
            self._mailboxes.update_contact(user.id, row["immutable_id"], changed, actor=_actor(user))
        return _to_folder(user, row["folder"])

    def delete(self, request: Request, form: Mapping[str, str]) -> Response:
        user, contact = self._user(request), request.path_params["contact"]
        left = self._mailboxes.contact(user.id, contact)["folder"]
        self._mailboxes.delete_contact(user.id, contact, actor=_actor(user))
        return _to_folder(user, left)

    def _user(self, request: Request) -> User:
        return self._mailboxes.user(request.path_params["mailbox"])

    def _folders(self, user: User) -> list[Json]:
        """The whole tree below the root, depth first, the default folder first: id, name, depth."""
        found: list[Json] = []

        def walk(parent: str, depth: int) -> None:
            for row in self._mailboxes.child_folders(user.id, parent):
                deletable = row["well_known"] is None
                count = self._mailboxes.shelf_size(row["id"])
                found.append(
                    {"id": row["id"], "name": row["name"], "depth": depth, "deletable": deletable, "count": count}
                )
                walk(row["id"], depth + 1)

        walk(ROOT, 0)
        return found


def _actor(user: User) -> str:
    return f"user:{user.address}"


def _body(form: Mapping[str, str]) -> Json:
    """A form's fields as a Graph contact; an empty field clears."""
    body: Json = {name: form[name].strip() or None for name in TEXT_FIELDS if name in form}
    for name in LIST_FIELDS:
        if name in form:
            entries = [line.strip() for line in form[name].splitlines() if line.strip()]
            body[name] = [{"address": entry} for entry in entries] if name == "emailAddresses" else entries
    for name in properties.ADDRESSES:
        if f"{name}.street" in form:
            body[name] = {part: form[f"{name}.{part}"].strip() or None for part in properties.ADDRESS_PARTS}
    return body


def _entries(contact: Json, name: str) -> list[str]:
    if name == "emailAddresses":
        return [entry.get("address", "") for entry in contact[name]]
    return list(contact[name])


def _same(before: Json, name: str, value: Any) -> bool:
    """Whether a form's value is what the contact has."""
    if name in LIST_FIELDS:
        return _entries(before, name) == _entries({name: value}, name)
    if name in properties.ADDRESSES:
        return all(_text(before[name].get(part)) == _text(value[part]) for part in properties.ADDRESS_PARTS)
    if name == "birthday":
        return bool((before[name] or "")[:10] == (value or "")[:10])
    return _text(before[name]) == _text(value)


def _text(value: str | None) -> str:
    """A text area sends its line ends as CR LF, and a form's fields come without blanks around them."""
    return (value or "").replace("\r\n", "\n").strip()


def _to_folder(user: User, folder: str) -> Response:
    return RedirectResponse(f"/pages/{quote(user.address)}?folder={quote(folder)}", status_code=303)


def _render(template: str, *, status: int = 200, **context: Any) -> Response:
    return HTMLResponse(_templates.get_template(template).render(**context), status_code=status)
