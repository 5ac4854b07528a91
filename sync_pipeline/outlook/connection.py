"""O365's Connection, one per thread, with tokens shared between them: client credentials, delegated, or the sandbox's.

Every call passes the transport policy; O365's own retries are off."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
import msal
import requests
from O365.connection import Connection
from O365.utils.token import BaseTokenBackend, FileSystemTokenBackend, MemoryTokenBackend

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.settings import GraphSettings, Secrets
from sync_pipeline.transport import Policy, Refused, RequestCounter, ServerClock, Verb, perform, redact, register_secret

SIDE: Final = "outlook"
VERSION: Final = "v1.0"
IMMUTABLE: Final = 'IdType="ImmutableId"'
DELEGATED_SCOPES: Final = ("Contacts.ReadWrite", "MailboxSettings.ReadWrite", "User.Read")
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

# O365 logs each request with its headers (the token) and its body (contact data), and every refusal as an error.
logging.getLogger("O365").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Cloud:
    """A national cloud: where Graph and the login are. Source: concepts/deployments.md."""

    graph: str
    login: str
    has_categories: bool = True  # the master category list; not offered by 21Vianet


CLOUDS: Final[Mapping[str, Cloud]] = {
    "global": Cloud("https://graph.microsoft.com", "https://login.microsoftonline.com"),
    "us_government": Cloud("https://graph.microsoft.us", "https://login.microsoftonline.us"),
    "us_dod": Cloud("https://dod-graph.microsoft.us", "https://login.microsoftonline.us"),
    "china": Cloud("https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", has_categories=False),
}


def cloud_of(settings: GraphSettings) -> Cloud:
    """The cloud of the settings, or the sandbox at `url`, which has to be on loopback: it is spoken to without TLS."""
    if settings.url is None:
        return CLOUDS[settings.cloud]
    if urlsplit(settings.url).hostname not in LOOPBACK:
        raise SideUnavailable(
            SIDE,
            f"graph.url is {settings.url}, which is not on this machine.",
            remedy="Leave graph.url out; it is for a sandbox on loopback only.",
            code="graph_url_not_loopback",
        )
    return Cloud(settings.url.rstrip("/"), settings.url.rstrip("/"))


def permissions_of(token: str) -> frozenset[str]:
    """What an access token of Entra's says of itself, unverified: for a person to read, nothing is decided by it."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return frozenset()
    return frozenset([*claims.get("roles", ()), *str(claims.get("scp", "")).split()])


class SandboxApplication:
    """What MSAL's ConfidentialClientApplication is to O365, for a token endpoint without TLS, which MSAL refuses."""

    def __init__(
        self, cloud: Cloud, tenant: str, client_id: str, client_secret: str, backend: BaseTokenBackend, policy: Policy
    ) -> None:
        self._endpoint = f"{cloud.login}/{tenant}/oauth2/v2.0/token"
        self._tenant = tenant
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        self._backend = backend
        self._policy = policy
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy to a sandbox

    def acquire_token_for_client(self, scopes: list[str], **_: Any) -> dict[str, Any]:
        """As MSAL's: {"access_token", "expires_in"} or {"error", "error_description"}."""
        form = {**self._form, "scope": " ".join(scopes)}
        try:
            response = perform(
                lambda: self._session.post(self._endpoint, data=form, timeout=self._policy.timeout),
                verb=Verb.READ,
                policy=self._policy,
            )
        except Refused as refused:
            if isinstance(refused.body, dict) and isinstance(refused.body.get("error"), str):
                return dict(refused.body)
            raise
        token: dict[str, Any] = response.json()
        self._backend.add(
            {
                "client_id": self._form["client_id"],
                "scope": scopes,
                # MSAL keys its cache by an https address.
                "token_endpoint": f"{CLOUDS['global'].login}/{self._tenant}/oauth2/v2.0/token",
                "response": {**token, "token_type": "Bearer"},
            }
        )
        return token

    def remove_tokens_for_client(self) -> None:
        """As MSAL's: nothing is reused, for every acquisition here asks the endpoint."""


class MemoryTokens(MemoryTokenBackend):  # type: ignore[misc]
    """O365's tokens in memory."""

    def token_is_expired(self, **_: Any) -> bool:
        """Never: O365 would renew the token of one connection alone, and Wire renews it for all."""
        return False


class OwnerOnlyTokenFile(FileSystemTokenBackend):  # type: ignore[misc]
    """O365's token file, readable by its owner only: it holds a refresh token."""

    def token_is_expired(self, **_: Any) -> bool:
        """As that of MemoryTokens."""
        return False

    def save_token(self, force: bool = False) -> bool:
        self.token_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(self.token_path, os.O_CREAT | os.O_WRONLY, 0o600))
        self.token_path.chmod(0o600)
        return bool(super().save_token(force))


class Wire:
    """Sends calls to Graph. Thread-safe: each thread has its Connection, all share the token."""

    def __init__(
        self,
        settings: GraphSettings,
        secrets: Secrets,
        policy: Policy,
        counter: RequestCounter,
        clock: ServerClock,
        *,
        token_file: Path | None = None,
    ) -> None:
        """`token_file` is where a delegated sign-in is kept; it is needed with `auth: delegated` only."""
        self.cloud = cloud_of(settings)
        self.policy = policy
        self.counter = counter
        self.clock = clock
        self._settings = settings
        self._secrets = secrets
        self._is_delegated = settings.auth == "delegated" and settings.url is None
        self._backend: BaseTokenBackend = MemoryTokens()
        if self._is_delegated:
            if token_file is None:
                raise ValueError("graph.auth: delegated needs a token file")
            self._backend = OwnerOnlyTokenFile(token_path=token_file.parent, token_filename=token_file.name)
            self._backend.load_token()
        register_secret(secrets.graph_client_secret)
        self._application: Any = None  # made with the first token: MSAL asks the login host when it is made
        self._token = ""
        self._lock = threading.Lock()
        self._local = threading.local()
        self._connections: list[Any] = []

    @property
    def base(self) -> str:
        """Scheme, host and version, without a slash at the end."""
        return f"{self.cloud.graph}/{VERSION}"

    def call(
        self,
        method: str,
        path: str,
        *,
        verb: Verb,
        policy: Policy,
        mailbox: str = "",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        subrequests: int = 0,
        renews: bool = True,
    ) -> requests.Response:
        """One call to `path` (below the version, percent-encoded, with its query; or a link that Graph gave).

        `body` is JSON, or bytes with a Content-type header. With `renews` a 401 is answered with a new token. Raises
        Refused, OutcomeUnknown, SideUnavailable.
        """
        url = self._url(path)

        def send() -> requests.Response:
            connection = self._connection()
            # A dictionary of its own for every call: O365 appends to it. Content-type as O365 spells it.
            given = {"Prefer": IMMUTABLE, **(headers or {})}
            with self.counter.timed(SIDE, mailbox, subrequests=subrequests):
                arguments = {} if body is None else {"data": body}
                response: requests.Response = connection.oauth_request(url, method, headers=given, **arguments)
            self.clock.learn(response)
            return response

        try:
            return perform(send, verb=verb, policy=policy, refresh=self.renew if renews else None)
        except Refused as refused:
            if refused.status == 401 and not refused.is_passing:
                raise self._not_accepted(refused.message) from refused
            raise

    def granted(self) -> frozenset[str]:
        """The permissions that the token names: an application's roles, or what a person consented to.

        Empty where the token cannot be read, as a service's tokens need not be. Raises SideUnavailable.
        """
        self._connection()
        return permissions_of(self._token)

    def renew(self) -> None:
        """Gets a new token, unless another thread did since this thread's last call. Raises SideUnavailable."""
        used = self._connection().session.headers.get("Authorization", "").removeprefix("Bearer ")
        with self._lock:
            if self._token == used:
                self._token = self._acquire(is_renewal=True)
        self._connection().update_session_auth_header(access_token=self._token)

    def sign_in(self, show: Callable[[str], None]) -> None:
        """Device code sign-in for `auth: delegated`: `show` gets the sentence with the address and the code.

        Blocks until the person has signed in. Not tried against a live tenant. Raises SideUnavailable.
        """
        application = self._new_application()
        flow = application.initiate_device_flow(scopes=list(DELEGATED_SCOPES))
        if "message" not in flow:
            raise self._not_accepted(str(flow.get("error_description") or flow.get("error")))
        show(flow["message"])
        self._token = self._accepted(application.acquire_token_by_device_flow(flow))
        self._application = application
        self._backend.save_token(force=True)

    def close(self) -> None:
        for connection in self._connections:
            if connection.session is not None:
                connection.session.close()
        self._connections.clear()

    def _url(self, path: str) -> str:
        # A link is followed by its path only: a token goes to no host but ours, and a saved link outlives a port.
        parts = urlsplit(path)
        if not parts.scheme:
            return f"{self.base}/{path.lstrip('/')}"
        return f"{self.cloud.graph}{parts.path}{'?' + parts.query if parts.query else ''}"

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None or connection not in self._connections:
            connection = self._new_connection()
            self._local.connection = connection
            self._connections.append(connection)
        return connection

    def _new_connection(self) -> Any:
        with self._lock:
            if not self._token:
                self._token = self._acquire(is_renewal=False)
        secrets = self._secrets
        public = self._is_delegated
        connection = Connection(
            (secrets.graph_client_id,) if public else (secrets.graph_client_id, secrets.graph_client_secret),
            auth_flow_type="public" if public else "credentials",
            tenant_id=self._settings.tenant,
            token_backend=self._backend,
            requests_delay=0,
            request_retries=0,
            raise_http_errors=False,
            timeout=self.policy.timeout,
        )
        connection.session = connection.get_session()
        connection.session.trust_env = self._settings.url is None  # no proxy to a sandbox
        connection.update_session_auth_header(access_token=self._token)
        return connection

    def _new_application(self) -> Any:
        settings, secrets = self._settings, self._secrets
        if settings.url is not None:
            client = (secrets.graph_client_id, secrets.graph_client_secret)
            return SandboxApplication(self.cloud, settings.tenant, *client, self._backend, self.policy)
        common = {
            "authority": f"{self.cloud.login}/{settings.tenant}",
            "token_cache": self._backend,
            "timeout": self.policy.timeout,
        }
        if self._is_delegated:
            return msal.PublicClientApplication(secrets.graph_client_id, **common)
        return msal.ConfidentialClientApplication(
            secrets.graph_client_id, client_credential=secrets.graph_client_secret, **common
        )

    def _acquire(self, *, is_renewal: bool) -> str:
        attempt = 0
        while True:
            attempt += 1
            try:
                self._application = self._application or self._new_application()
                return self._accepted(self._ask_for_token(is_renewal=is_renewal))
            except ValueError as error:  # MSAL: there is no such tenant
                raise self._not_accepted(str(error)) from error
            except (requests.RequestException, Refused) as error:  # MSAL lets the failures of its calls through
                is_final = isinstance(error, Refused) or not self.policy.wait(attempt, None)
                if is_final:
                    raise SideUnavailable(
                        SIDE,
                        redact(f"No token could be got from {self.cloud.login}: {error}."),
                        remedy="Check the network and the proxy; the next run tries again.",
                        code="graph_login_unreachable",
                    ) from error

    def _ask_for_token(self, *, is_renewal: bool) -> dict[str, Any]:
        if not self._is_delegated:
            if is_renewal:
                self._application.remove_tokens_for_client()
            answer: dict[str, Any] = self._application.acquire_token_for_client(
                scopes=[f"{CLOUDS['global'].graph if self._settings.url else self.cloud.graph}/.default"]
            )
            return answer
        accounts = self._application.get_accounts()
        found = accounts and self._application.acquire_token_silent_with_error(
            list(DELEGATED_SCOPES), account=accounts[0], force_refresh=is_renewal
        )
        self._backend.save_token()
        return dict(found) if found else {"error": "interaction_required", "error_description": "Nobody has signed in."}

    def _accepted(self, answer: Mapping[str, Any]) -> str:
        if "access_token" not in answer:
            raise self._not_accepted(f"{answer.get('error')}: {answer.get('error_description', '')}")
        register_secret(answer["access_token"])
        return str(answer["access_token"])

    def _not_accepted(self, said: str) -> SideUnavailable:
        return SideUnavailable(
            SIDE,
            redact(f"Microsoft Graph does not accept the credentials: {said}"),
            remedy="Check graph.tenant, the client id and secret in the environment and the application's permissions.",
            code="graph_credentials",
        )
