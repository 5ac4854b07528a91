"""The Salesforce port's routes (any API version, with or without a trailing slash), its faults and its error forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync_pipeline.sandbox.runtime import Service
from sync_pipeline.sandbox.salesforce import responses, soap
from sync_pipeline.sandbox.salesforce.bulk_responses import bulk_routes
from sync_pipeline.sandbox.salesforce.calls import Call, Handler, answer
from sync_pipeline.sandbox.salesforce.composite import Routes, composite_handlers
from sync_pipeline.sandbox.salesforce.control import control_actions
from sync_pipeline.sandbox.salesforce.errors import MethodNotAllowed, NotFound, SalesforceError
from sync_pipeline.sandbox.salesforce.fault_answers import acts_out, fault_kinds, fault_responses
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.salesforce.pages import page_routes
from sync_pipeline.sandbox.salesforce.uncertain import as_switched
from sync_pipeline.sandbox.state import State

_DATA: Final = "/services/data/v{version}"
_OBJECT: Final = f"{_DATA}/sobjects/{{object}}"
_COMPOSITE: Final[tuple[Handler, Handler]] = composite_handlers(lambda: _with_handlers())
API: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/services/oauth2/token": {"POST": responses.token},
    "/services/oauth2/revoke": {"POST": responses.revoke},
    "/services/Soap/u/{version}": {"POST": soap.soap},
    "/services/oauth2/userinfo": {"GET": responses.user_info, "POST": responses.user_info},
    "/id/{organization}/{user}": {"GET": responses.identity},
    "/services/data": {"GET": responses.versions},
    _DATA: {"GET": responses.resources},
    f"{_DATA}/limits": {"GET": responses.limits},
    f"{_DATA}/query": {"GET": responses.query},
    f"{_DATA}/queryAll": {"GET": responses.query_all},
    f"{_DATA}/query/{{locator}}": {"GET": responses.query_more},
    f"{_DATA}/queryAll/{{locator}}": {"GET": responses.query_more},
    f"{_DATA}/composite": {"GET": responses.composite_resources, "POST": _COMPOSITE[0]},
    f"{_DATA}/composite/batch": {"POST": _COMPOSITE[1]},
    f"{_DATA}/composite/tree/{{object}}": {"POST": responses.create_tree},
    f"{_DATA}/composite/sobjects": {
        "POST": responses.create_many, "PATCH": responses.update_many, "DELETE": responses.delete_many,
    },
    f"{_DATA}/composite/sobjects/{{object}}": {"POST": responses.retrieve_many, "GET": responses.retrieve_many},
    f"{_DATA}/composite/sobjects/{{object}}/{{field}}": {"PATCH": responses.upsert_many},
    **bulk_routes(_DATA),
    f"{_DATA}/sobjects": {"GET": responses.objects},
    _OBJECT: {"GET": responses.basic_information, "POST": responses.create},
    f"{_OBJECT}/describe": {"GET": responses.describe},
    f"{_OBJECT}/updated": {"GET": responses.updated},
    f"{_OBJECT}/deleted": {"GET": responses.deleted},
    f"{_OBJECT}/listviews": {"GET": responses.list_views},
    f"{_OBJECT}/listviews/recent": {"GET": responses.list_views},
    f"{_OBJECT}/listviews/{{id}}": {"GET": responses.list_view},
    f"{_OBJECT}/listviews/{{id}}/describe": {"GET": responses.list_view_describe},
    f"{_OBJECT}/listviews/{{id}}/results": {"GET": responses.list_view_results},
    f"{_OBJECT}/{{id}}": {"GET": responses.read, "PATCH": responses.update, "DELETE": responses.delete},
    f"{_OBJECT}/{{field}}/{{value:path}}": {"GET": responses.read_by_external_id, "PATCH": responses.upsert},
}  # fmt: skip
LONGEST_ADDRESS: Final = 16_384
_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PUBLIC: Final = frozenset({"/services/oauth2/token", "/services/oauth2/revoke", "/services/data"})
_SOAP: Final = "/services/Soap/u/"


def salesforce_service(state: State) -> Service:
    """The Salesforce port's service; the org is made ready in the state."""
    Org(state)
    return Service(
        name="salesforce",
        routes=[*page_routes(), *(route for route, _ in _table())],
        fault_responses=fault_responses(),
        fault_kinds=fault_kinds(),
        acts_out=acts_out,
        exception_handlers={SalesforceError: _refused, HTTPException: _not_routed},
        is_public=_is_public,
        control=control_actions(),
    )


def _is_public(path: str) -> bool:
    path = "/" + path.strip("/")
    return path in _PUBLIC or path.startswith(_SOAP)


def _with_handlers() -> Routes:
    return _table()


@cache
def _table() -> tuple[tuple[Route, Mapping[str, Handler]], ...]:
    """The API's routes with their handlers."""
    return tuple(
        (_Route(path, _endpoint(handlers, needs_user=not _is_public(path))), handlers) for path, handlers in API.items()
    )


class _Route(Route):
    """A route that neither a trailing slash misses nor two at the front: the sf CLI's instance URL ends with one."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        super().__init__(path, endpoint, methods=_METHODS)
        self.path_regex = re.compile("^/+" + self.path_regex.pattern.removeprefix("^/").removesuffix("$") + "/?$")


def _endpoint(handlers: Mapping[str, Handler], *, needs_user: bool) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if len(request.scope["raw_path"]) + len(request.scope["query_string"]) > LONGEST_ADDRESS:
            raise SalesforceError(414, "URI_TOO_LONG", f"the address has more than {LONGEST_ADDRESS} bytes")
        if method not in handlers:
            raise MethodNotAllowed(method, list(handlers))
        call = Call(request, await request.body())
        call.org.expire_bin()
        if needs_user:
            call.acting  # noqa: B018 - a token that stands for nobody is refused, whatever the route needs it for
        return handlers[method](call)

    return endpoint


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, SalesforceError)
    as_switched(error, request.app.state.sandbox.switches)
    return answer(request, error.body(), error.status)


def _not_routed(request: Request, error: Exception) -> Response:
    return _refused(request, NotFound())
