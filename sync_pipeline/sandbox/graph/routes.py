"""Which request goes where on the Graph port: the route table, its lenient matching, OAuth."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync_pipeline.sandbox.graph import errors
from sync_pipeline.sandbox.graph.batch import run_batch
from sync_pipeline.sandbox.graph.calls import VERSION, Call, error_response, json_response
from sync_pipeline.sandbox.graph.control import control_actions
from sync_pipeline.sandbox.graph.delta import DeltaTracking
from sync_pipeline.sandbox.graph.faults import FAULT_KINDS, fault_responses
from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.graph.pages import page_routes
from sync_pipeline.sandbox.graph.responses import GraphResponses
from sync_pipeline.sandbox.runtime import Runtime, Service
from sync_pipeline.sandbox.state import State, iso
from sync_pipeline.sandbox.tokens import LIFETIME_SECONDS

CLIENT_ID: Final = "sandbox-app"
CLIENT_SECRET: Final = "sandbox-secret"
TOKEN_PATH: Final = "/oauth2/v2.0/token"
BATCH_PATH: Final = f"{VERSION}/$batch"

Handler = Callable[[GraphResponses, Call], Response]
_CONTACT: Final[dict[str, dict[str, Handler]]] = {
    "contacts": {"GET": GraphResponses.list_contacts, "POST": GraphResponses.create_contact},
    "contacts/delta": {"GET": GraphResponses.delta},
    "contacts/$count": {"GET": GraphResponses.count_contacts},
    "contacts/{contact}": {
        "GET": GraphResponses.get_contact,
        "PATCH": GraphResponses.update_contact,
        "DELETE": GraphResponses.delete_contact,
    },
    "contacts/{contact}/permanentDelete": {"POST": GraphResponses.permanently_delete_contact},
    "contacts/{contact}/photo": {"GET": GraphResponses.get_photo},
    "contacts/{contact}/photo/$value": {
        "GET": GraphResponses.get_photo_value,
        "PUT": GraphResponses.put_photo_value,
        "PATCH": GraphResponses.put_photo_value,
    },
}
_MAILBOX: Final[dict[str, dict[str, Handler]]] = {
    "": {"GET": GraphResponses.get_user},
    "contactFolders": {"GET": GraphResponses.list_folders, "POST": GraphResponses.create_folder},
    "contactFolders/delta": {"GET": GraphResponses.folders_delta},
    "contactFolders/{folder}": {
        "GET": GraphResponses.get_folder,
        "PATCH": GraphResponses.update_folder,
        "DELETE": GraphResponses.delete_folder,
    },
    "contactFolders/{folder}/permanentDelete": {"POST": GraphResponses.permanently_delete_folder},
    "contactFolders/{folder}/childFolders": {
        "GET": GraphResponses.list_child_folders,
        "POST": GraphResponses.create_child_folder,
    },
    **{f"contactFolders/{{folder}}/{template}": handlers for template, handlers in _CONTACT.items()},
    **_CONTACT,
    "outlook/masterCategories": {"GET": GraphResponses.list_categories, "POST": GraphResponses.create_category},
    "outlook/masterCategories/{category}": {
        "GET": GraphResponses.get_category,
        "PATCH": GraphResponses.update_category,
        "DELETE": GraphResponses.delete_category,
    },
}
ROUTES: Final[dict[str, dict[str, Handler]]] = {
    "users": {"GET": GraphResponses.list_users},
    **{
        f"{owner}/{template}".rstrip("/"): handlers
        for owner in ("me", "users/{user}")
        for template, handlers in _MAILBOX.items()
    },
}
_TABLE: Final = [(tuple(template.split("/")), template, handlers) for template, handlers in ROUTES.items()]
_DELTA_NAMES: Final = ("delta", "delta()", "microsoft.graph.delta", "microsoft.graph.delta()")


def graph_service(state: State) -> Service:
    """The Graph port's service."""
    mailboxes, tracking = Mailboxes(state), DeltaTracking(state)
    responses = GraphResponses(mailboxes, tracking)
    api = _Api(state, responses)
    service = Service(
        name="graph",
        routes=[
            Route(f"/{{tenant}}{TOKEN_PATH}", _token, methods=["POST"]),
            *page_routes(mailboxes),
            Route("/{path:path}", api.endpoint, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        ],
        fault_responses=fault_responses(state),
        fault_kinds=FAULT_KINDS,
        exception_handlers={HTTPException: api.not_routed},
        is_public=lambda path: path.endswith(TOKEN_PATH),
        knows=lambda user: mailboxes.owned_by(user) is not None,
        template=count_template,
        opens_own_transactions=lambda path: path.lower() == BATCH_PATH,
        concurrency_key=_mailbox_key,
        concurrency_switch="throttle_concurrency",
        control=control_actions(mailboxes, tracking),
    )
    api.service = service
    return service


class _Api:
    """The catch-all endpoint: paths are matched here, because Graph's are lenient in ways that Starlette's are not."""

    service: Service

    def __init__(self, state: State, responses: GraphResponses) -> None:
        self._state = state
        self._responses = responses

    async def endpoint(self, request: Request) -> Response:
        call = await _call(request)
        if request.url.path.lower() != BATCH_PATH:
            return self._respond(call)
        try:
            if call.method != "POST":
                raise errors.MethodNotAllowed()
            return await run_batch(call, self._state, partial(self._perform, request.app.state.runtime), _mailbox_key)
        except errors.GraphError as error:
            return self._error(call, error)

    async def not_routed(self, request: Request, error: Exception) -> Response:
        """What no route matches at all, such as a path with a line end in it."""
        call = await _call(request)
        known = isinstance(error, HTTPException) and error.status_code == 405
        return self._error(call, errors.MethodNotAllowed() if known else errors.SegmentNotFound(call.segments[-1]))

    async def _perform(self, runtime: Runtime, call: Call, path: str) -> Response:
        """A sub-request's way, which is that of a request."""

        async def handle() -> Response:
            return self._respond(call)

        runtime.count(call.actor, call.method, count_template(call.method, call.path), in_batch=True)
        return await runtime.perform(
            self.service, method=call.method, path=path, actor=call.actor, handle=handle, in_batch=True
        )

    def _respond(self, call: Call) -> Response:
        try:
            if not call.path.lower().startswith(VERSION + "/"):
                raise errors.BadRequest("Invalid version. The sandbox serves /v1.0 only.")
            segments = _canonical(call.segments)
            template, parameters = _match(segments)
            if call.method not in ROUTES[template]:
                raise errors.MethodNotAllowed()
            call.parameters = parameters
            return ROUTES[template][call.method](self._responses, call)
        except errors.GraphError as error:
            return self._error(call, error)

    def _error(self, call: Call, error: errors.GraphError) -> Response:
        return error_response(error, iso(self._state.now()), call.common_headers())


async def _call(request: Request) -> Call:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Call(
        method=request.method,
        path=request.scope.get("raw_path", request.url.path.encode()).decode("latin-1"),
        query_string=request.scope["query_string"].decode("latin-1"),
        headers=headers,
        body=await request.body(),
        actor=request.state.actor,
        origin=f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}",
    )


def _canonical(segments: list[str]) -> list[str]:
    """One spelling for delta; a folder reached through its parents is the folder."""
    found = ["delta" if segment.lower() in _DELTA_NAMES else segment for segment in segments]
    while True:
        lowered = [segment.lower() for segment in found]
        nested = [
            place
            for place in range(len(found) - 3)
            if lowered[place] == "contactfolders" and lowered[place + 2] == "childfolders"
        ]
        if not nested:
            return found
        del found[nested[0] + 1 : nested[0] + 3]


def _match(segments: list[str]) -> tuple[str, dict[str, str]]:
    """The template of these segments and what its {…} hold. Raises SegmentNotFound for the first that fits nowhere."""
    furthest = 0
    for parts, template, _ in _TABLE:
        parameters: dict[str, str] = {}
        fitting = 0
        for part, segment in zip(parts, segments, strict=False):
            if part.startswith("{") and segment:
                parameters[part.strip("{}")] = segment
            elif part.lower() != segment.lower():
                break
            fitting += 1
        if fitting == len(parts) == len(segments):
            return template, parameters
        furthest = max(furthest, fitting)
    raise errors.SegmentNotFound(segments[min(furthest, len(segments) - 1)])


def count_template(method: str, raw_path: str) -> str:
    """How a request is counted: "/v1.0/users/{id}/contactFolders", whatever the ids."""
    if raw_path.endswith(TOKEN_PATH):
        return f"/{{tenant}}{TOKEN_PATH}"
    if not raw_path.lower().startswith(VERSION + "/") or raw_path.lower() == BATCH_PATH:
        return raw_path if raw_path.lower() == BATCH_PATH else "(page)"
    call = Call(method, raw_path, "", {}, b"", None, "")  # type: ignore[arg-type]
    try:
        template, _ = _match(_canonical(call.segments))
    except errors.SegmentNotFound:
        return "(unknown)"
    return f"{VERSION}/" + "/".join("{id}" if part.startswith("{") else part for part in template.split("/"))


def _mailbox_key(path: str) -> str | None:
    segments = path.lower().removeprefix(VERSION).strip("/").split("/")
    if segments[0] == "users" and len(segments) > 1:
        return segments[1]
    return segments[0] if segments[0] == "me" else None


async def _token(request: Request) -> Response:
    """Client credentials, for any tenant."""
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
    if form.get("grant_type") != "client_credentials":
        return _oauth_error(
            400, "unsupported_grant_type", "AADSTS70003: The sandbox knows grant_type=client_credentials only."
        )
    if form.get("client_id") != CLIENT_ID:
        return _oauth_error(
            401, "invalid_client", f"AADSTS700016: Application with identifier '{form.get('client_id')}' was not found."
        )
    if form.get("client_secret") != CLIENT_SECRET:
        return _oauth_error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
    runtime: Runtime = request.app.state.runtime
    life = LIFETIME_SECONDS
    return json_response(
        {
            "token_type": "Bearer",
            "expires_in": life,
            "ext_expires_in": life,
            "access_token": runtime.tokens.issue("graph", lifetime_seconds=life),
        }
    )


def _oauth_error(status: int, code: str, description: str) -> Response:
    return json_response({"error": code, "error_description": description}, status)
