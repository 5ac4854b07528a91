"""The org's own pages: contacts by list view, a contact's and an account's form, recycle bin, merge, as any user.

They show what the API shows and write through the same rules; what Salesforce would refuse stands above the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sync_pipeline.sandbox.salesforce import listviews
from sync_pipeline.sandbox.salesforce.base import ADMINISTRATOR
from sync_pipeline.sandbox.salesforce.catalogue import FieldDef, ObjectDef
from sync_pipeline.sandbox.salesforce.errors import InvalidSession, SalesforceError
from sync_pipeline.sandbox.salesforce.models import Acting, Org, Row
from sync_pipeline.sandbox.salesforce.queries import run_query
from sync_pipeline.sandbox.state import Actor, Json

COOKIE: Final = "acting"
PAGE: Final = 100
SUGGESTED: Final = 50
SEARCHED: Final = 20_000  # accounts that the picker looks through for a text inside the name
_VERSION: Final = "59.0"
_CONTACT_FORM: Final = (
    ("Name", ("Salutation", "FirstName", "MiddleName", "LastName", "Suffix")),
    ("Work", ("Title", "Department", "AssistantName", "OwnerId")),
    ("Reach", ("Email", "Phone", "MobilePhone", "HomePhone", "OtherPhone", "Fax", "AssistantPhone")),
    ("Mailing address", ("MailingStreet", "MailingPostalCode", "MailingCity", "MailingState", "MailingCountry")),
    ("Other address", ("OtherStreet", "OtherPostalCode", "OtherCity", "OtherState", "OtherCountry")),
    ("More", ("Birthdate", "LeadSource", "Description")),
)
_ACCOUNT_FORM: Final = (
    ("Account", ("Name", "Type", "Industry", "Site", "AccountNumber", "OwnerId")),
    ("Reach", ("Phone", "Fax", "Website")),
    ("Billing address", ("BillingStreet", "BillingPostalCode", "BillingCity", "BillingState", "BillingCountry")),
    ("More", ("Description",)),
)
_CONTACT_COLUMNS: Final = "Id, Name, Title, AccountId, Account.Name, Email, Phone, Owner.Name, LastModifiedDate"


class _Page:
    """One request for a page: who acts, what was sent."""

    def __init__(self, request: Request, text: bytes) -> None:
        self.request = request
        self.form = dict(parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True))
        self.forms = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True)
        self.org = Org(request.app.state.sandbox)
        self.org.expire_bin()
        self.acting = self._whoever(request.cookies.get(COOKIE) or ADMINISTRATOR)
        self.user = self.acting.username

    def _whoever(self, user: str) -> Acting:
        """The cookie's user; the administrator in the place of one who is gone, or active no more."""
        try:
            return self.org.acting(Actor(f"user:{user}", user))
        except InvalidSession:
            return self.org.administrator()

    def soql(self, query: str, *, include_deleted: bool = False) -> list[Json]:
        found = run_query(
            self.org, self.acting, query, include_deleted=include_deleted, batch_size=None, version=_VERSION
        )
        return list(found["records"])

    def render(self, template: str, *, status: int = 200, **values: Any) -> Response:
        users = self.org.state.db.execute('SELECT Username, Name FROM "sf_User" WHERE IsActive = 1 ORDER BY fold(Name)')
        page = _templates().get_template(template)
        path = self.request.url.path
        return HTMLResponse(page.render(acting=self.user, users=users.fetchall(), here=path, **values), status)


def page_routes() -> list[Route]:
    """The routes of "/" and below "/pages/"."""
    table: Mapping[str, tuple[Callable[[_Page], Response], Callable[[_Page], Response] | None]] = {
        "/": (_contacts, None),
        "/pages/act_as": (_contacts, _act_as),
        "/pages/contacts/{id}": (_contact, _save_contact),
        "/pages/contacts/{id}/delete": (_contact, _delete_contact),
        "/pages/accounts": (_accounts, None),
        "/pages/accounts/suggest": (_suggest, None),
        "/pages/accounts/{id}": (_account, _save_account),
        "/pages/accounts/{id}/delete": (_account, _delete_account),
        "/pages/bin": (_bin, _undelete),
        "/pages/merge": (_contacts, _merge),
    }
    return [
        Route(path, _endpoint(handler), methods=[method])
        for path, handlers in table.items()
        for method, handler in zip(("GET", "POST"), handlers, strict=True)
        if handler is not None
    ]


def _endpoint(handler: Callable[[_Page], Response]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        page = _Page(request, await request.body())
        try:
            return handler(page)
        except SalesforceError as refused:
            return page.render("base.html", status=refused.status, error=refused.message)

    return endpoint


@lru_cache(maxsize=1)
def _templates() -> Environment:
    return Environment(loader=PackageLoader(__package__), autoescape=select_autoescape(), trim_blocks=True)


def _quoted(text: str, before: str = "%") -> str:
    """A LIKE pattern that finds the text anywhere, or with nothing before it at the beginning."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("%", "\\%").replace("_", "\\_")
    return f"'{before}{escaped}%'"


def _offset(page: _Page) -> int:
    """Where the list begins; an address that was typed wrongly begins at the start."""
    text = page.request.query_params.get("offset", "")
    return min(int(text), 2000) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _back(path: str) -> Response:
    return RedirectResponse(path, status_code=303)


def _act_as(page: _Page) -> Response:
    user = page.org.user(page.form.get("user", ADMINISTRATOR))
    if user is None or not user["IsActive"]:
        return _contacts(page, "There is no such user.")
    response = _back("/")
    response.set_cookie(COOKIE, user["Username"], samesite="lax")
    return response


# -- contacts ----------------------------------------------------------------------------------------------------------


def _contacts(page: _Page, error: str | None = None) -> Response:
    query = page.request.query_params
    contact = page.org.object("Contact")
    views = [view for view in listviews.listing(page.org, page.acting, contact, _VERSION)["listviews"]]
    chosen = next((view for view in views if view["id"] == query.get("view")), None) or views[0]
    row = listviews.find(page.org, page.acting, contact, chosen["id"])
    searched, offset = query.get("q", ""), _offset(page)
    conditions = [f"({row['_where']})"] if row["_where"] else []
    if searched:
        pattern = _quoted(searched)
        conditions.append(f"(Name LIKE {pattern} OR Email LIKE {pattern} OR Account.Name LIKE {pattern})")
    scope = " USING SCOPE mine" if row["_scope"] == "mine" else ""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    soql = f"SELECT {_CONTACT_COLUMNS} FROM Contact{scope}{where} ORDER BY LastName, FirstName, Id"
    found = page.soql(f"{soql} LIMIT {PAGE + 1} OFFSET {offset}")
    return page.render(
        "contacts.html", status=400 if error else 200, error=error, views=views, chosen=chosen["id"], searched=searched,
        contacts=found[:PAGE], offset=offset, step=PAGE, more=len(found) > PAGE,
    )  # fmt: skip


def _contact(page: _Page, error: str | None = None) -> Response:
    target, record_id = page.org.object("Contact"), page.request.path_params["id"]
    row: Row = {"OwnerId": page.acting.user_id}
    if record_id != "new":
        row = page.org.read(page.acting, target, record_id)
    row = {**row, **page.form}
    account = page.form.get("account", "")
    if "account" not in page.form and row.get("AccountId"):
        found = page.soql(f"SELECT Name FROM Account WHERE Id = '{row['AccountId']}'")
        account = f"{found[0]['Name']} [{row['AccountId']}]"
    return page.render(
        "record.html", status=400 if error else 200, error=error, record_id=record_id, kind="contacts", title="Contact",
        row=row, sections=_sections(page.org, target, _CONTACT_FORM), account=account, has_account=True,
    )  # fmt: skip


def _save_contact(page: _Page) -> Response:
    values: Json = {name: value for name, value in page.form.items() if name != "account"}
    try:
        values["AccountId"] = _account_id(page, page.form.get("account", ""))
        _save(page, "Contact", values)
    except SalesforceError as refused:
        return _contact(page, refused.message)
    return _back("/")


def _delete_contact(page: _Page) -> Response:
    try:
        page.org.delete(page.acting, page.org.object("Contact"), page.request.path_params["id"])
    except SalesforceError as refused:
        return _contact(page, refused.message)
    return _back("/")


def _merge(page: _Page) -> Response:
    ids = [value for name, value in page.forms if name == "id"]
    if len(ids) < 2:
        return _contacts(page, "Choose two or three contacts; the first of the list stays.")
    try:
        page.org.merge(page.acting, ids[0], ids[1:], fill=True)
    except SalesforceError as refused:
        return _contacts(page, refused.message)
    return _back("/")


# -- accounts ----------------------------------------------------------------------------------------------------------


def _accounts(page: _Page) -> Response:
    query = page.request.query_params
    searched, offset = query.get("q", ""), _offset(page)
    where = f" WHERE Name LIKE {_quoted(searched)}" if searched else ""
    columns = "Id, Name, BillingCity, Phone, Website, Owner.Name, CreatedDate"
    found = page.soql(f"SELECT {columns} FROM Account{where} ORDER BY Name LIMIT {PAGE + 1} OFFSET {offset}")
    return page.render(
        "accounts.html", accounts=found[:PAGE], searched=searched, offset=offset, step=PAGE, more=len(found) > PAGE
    )


def _suggest(page: _Page) -> Response:
    searched = page.request.query_params.get("q", "")
    # What begins so is found by the index; what holds it, only among the first ones, however many there are.
    starts = page.soql(
        f"SELECT Id, Name FROM Account WHERE Name LIKE {_quoted(searched, '')} ORDER BY Name LIMIT {SUGGESTED}"
    )
    found = {account["Id"]: account for account in starts}
    if searched and len(found) < SUGGESTED:
        last = page.org.state.db.execute(
            'SELECT Id FROM "sf_Account" ORDER BY Id LIMIT 1 OFFSET ?', (SEARCHED,)
        ).fetchone()
        before = f" AND Id < '{last['Id']}'" if last is not None else ""
        holds = page.soql(
            f"SELECT Id, Name FROM Account WHERE Name LIKE {_quoted(searched)}{before} LIMIT {SUGGESTED - len(found)}"
        )
        found |= {account["Id"]: account for account in holds}
    return JSONResponse([f"{account['Name']} [{account['Id']}]" for account in found.values()])


def _account(page: _Page, error: str | None = None) -> Response:
    target, record_id = page.org.object("Account"), page.request.path_params["id"]
    row: Row = {"OwnerId": page.acting.user_id}
    if record_id != "new":
        row = page.org.read(page.acting, target, record_id)
    return page.render(
        "record.html", status=400 if error else 200, error=error, record_id=record_id, kind="accounts", title="Account",
        row={**row, **page.form}, sections=_sections(page.org, target, _ACCOUNT_FORM), account="", has_account=False,
    )  # fmt: skip


def _save_account(page: _Page) -> Response:
    try:
        _save(page, "Account", page.form)
    except SalesforceError as refused:
        return _account(page, refused.message)
    return _back("/pages/accounts")


def _delete_account(page: _Page) -> Response:
    try:
        page.org.delete(page.acting, page.org.object("Account"), page.request.path_params["id"])
    except SalesforceError as refused:
        return _account(page, refused.message)
    return _back("/pages/accounts")


def _account_id(page: _Page, text: str) -> str | None:
    """The account that was picked (`Name [id]`), or typed: then the oldest of that very name."""
    text = text.strip()
    if not text:
        return None
    _, _, picked = text.rpartition("[")
    if text.endswith("]") and page.org.read_many(page.acting, page.org.object("Account"), [picked[:-1]]):
        return picked[:-1]
    name = text.replace("\\", "\\\\").replace("'", "\\'")
    found = page.soql(f"SELECT Id FROM Account WHERE Name = '{name}' ORDER BY CreatedDate, Id LIMIT 1")
    if not found:
        raise SalesforceError(400, "NOT_FOUND", f"There is no account named {text}; create it first.")
    return str(found[0]["Id"])


# -- both --------------------------------------------------------------------------------------------------------------


def _bin(page: _Page, error: str | None = None) -> Response:
    columns = "Id, Name, MasterRecordId, SystemModstamp"
    binned = {
        name: page.soql(f"SELECT {columns} FROM {name} WHERE IsDeleted = true ORDER BY SystemModstamp DESC LIMIT 200",
                        include_deleted=True)
        for name in ("Contact", "Account")
    }  # fmt: skip
    return page.render("bin.html", status=400 if error else 200, error=error, binned=binned)


def _undelete(page: _Page) -> Response:
    try:
        page.org.undelete(page.acting, page.form.get("id", ""))
    except SalesforceError as refused:
        return _bin(page, refused.message)
    return _back("/pages/bin")


def _save(page: _Page, object_name: str, values: Mapping[str, Any]) -> None:
    """Creates or updates; an update sends only what the person changed."""
    target, record_id = page.org.object(object_name), page.request.path_params["id"]
    if record_id == "new":
        page.org.create(page.acting, target, {name: value or None for name, value in values.items()})
        return
    row = page.org.read(page.acting, target, record_id)
    # A textarea sends CRLF for a line end, whatever it was.
    lines = {name: value.replace("\r\n", "\n") if isinstance(value, str) else value for name, value in values.items()}
    changed = {
        name: value or None
        for name, value in lines.items()
        if (value or None) != (row[name].replace("\r\n", "\n") if isinstance(row.get(name), str) else row.get(name))
    }
    if changed:
        page.org.update(page.acting, target, record_id, changed)


def _sections(
    org: Org, target: ObjectDef, form: tuple[tuple[str, tuple[str, ...]], ...]
) -> list[tuple[str, list[tuple[FieldDef, list[tuple[str, str]]]]]]:
    """The form's sections with the fields the org has, each with its choices."""
    owners = org.state.db.execute('SELECT Id, Name FROM "sf_User" WHERE IsActive = 1 ORDER BY fold(Name)').fetchall()

    def choices(one: FieldDef) -> list[tuple[str, str]]:
        if one.name == "OwnerId":
            return [(owner["Id"], owner["Name"]) for owner in owners]
        return [("", ""), *((value, value) for value in one.picklistValues)] if one.type == "picklist" else []

    custom = tuple(one.name for one in target.fields.values() if one.custom and one.type != "boolean")
    sections = [*form, ("Custom fields", custom)] if custom else list(form)
    return [
        (title, [(target.fields[name], choices(target.fields[name])) for name in names
                 if name in target.fields and target.fields[name].updateable])
        for title, names in sections
    ]  # fmt: skip
