"""The HTTP session below simple-salesforce, and the login through it: timeouts, counts, the server's clock, loopback.

simple-salesforce hard-codes https and retries nothing; both are mended here and nowhere else."""

from __future__ import annotations

import logging
import threading
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from jwt.exceptions import PyJWTError
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.settings import SalesforceSettings, Secrets
from sync_pipeline.transport import Policy, Refused, RequestCounter, ServerClock, Verb, perform, register_secret

logger = logging.getLogger(__name__)

SIDE = "salesforce"

#: What stops the whole side, and what to do about it where the error does not say.
UNAVAILABLE = {
    "salesforce_credentials": "Check the login and the user's permission API Enabled.",
    "salesforce_limit": "The org's daily calls are used up, down to salesforce.api_reserve; a later run goes on.",
    "salesforce_unreachable": "The next run tries again.",
}
_REMEDIES = {
    "invalid_grant": "Check the user name and its key or password, and that the connected app pre-authorises the user.",
    "invalid_client": "Check SYNC_PIPELINE_SALESFORCE_CLIENT_ID and SYNC_PIPELINE_SALESFORCE_CLIENT_SECRET.",
    "invalid_client_id": "Check SYNC_PIPELINE_SALESFORCE_CLIENT_ID.",
}


class OrgSession(requests.Session):
    """A session whose every call has a timeout, is counted, and teaches the clock. `url` sends all calls to a sandbox.

    `url` must be on loopback: what goes there goes over plain http. Any other host is reached by https only.
    """

    def __init__(
        self, url: str | None, *, policy: Policy, counter: RequestCounter, clock: ServerClock, mailbox: str = ""
    ) -> None:
        super().__init__()
        self._sandbox = urlsplit(url) if url else None
        if self._sandbox and not _is_loopback(self._sandbox.hostname or ""):
            raise ValueError(f"salesforce.url is for a sandbox on loopback, not for {url}")
        # A proxy or a certificate bundle of the environment has no business on loopback.
        self.trust_env = self._sandbox is None
        self._policy, self._counter, self._clock, self._mailbox = policy, counter, clock, mailbox

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """One call, whatever it answers. Raises requests' exceptions only."""
        kwargs["timeout"] = kwargs.get("timeout") or self._policy.timeout
        with self._counter.timed(SIDE, self._mailbox):
            response = super().request(method, self._target(str(url)), *args, **kwargs)
        self._clock.learn(response)
        return response

    def post(self, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        """The call by which simple-salesforce gets a token; our own calls use `request`. Raises Refused."""
        return perform(lambda: super(OrgSession, self).post(url, *args, **kwargs), verb=Verb.READ, policy=self._policy)

    def _target(self, url: str) -> str:
        parts = urlsplit(url)
        if self._sandbox:
            return urlunsplit(parts._replace(scheme=self._sandbox.scheme, netloc=self._sandbox.netloc))
        if parts.scheme != "https":
            raise ValueError(f"Salesforce is reached by https only, not by {parts.scheme}://{parts.netloc}")
        return url


def log_in(session: OrgSession, settings: SalesforceSettings, secrets: Secrets, username: str) -> tuple[str, str]:
    """(access token, host of the instance). `username` is whom a JWT stands for.

    Raises SideUnavailable: salesforce_credentials where it is refused, salesforce_unreachable where nobody answers.
    """
    who = username if settings.auth == "jwt" else settings.auth
    try:
        token, instance = SalesforceLogin(
            session=session, domain=settings.domain, consumer_key=secrets.salesforce_client_id,
            **_credentials(settings, secrets, username),
        )  # fmt: skip
    except Refused as error:
        raise refused_login(error, who, settings.domain) from error
    except (SalesforceAuthenticationFailed, PyJWTError, ValueError, TypeError) as error:
        # Never the library's text: a key that cannot be read may stand in it.
        message = f"Logging in to Salesforce ({settings.domain}) as {who} failed before asking: {type(error).__name__}."
        remedy = "Check the private key (PEM, RSA, without a passphrase) and salesforce.domain."
        raise SideUnavailable(SIDE, message, remedy=remedy, code="salesforce_credentials") from None
    register_secret(token)
    return token, instance


def refused_login(error: Refused, who: str, domain: str) -> SideUnavailable:
    """A refused token call, in the operator's words."""
    if error.status == 0 or error.status >= 500 or error.status == 429:
        return SideUnavailable(SIDE, error.message, remedy=error.remedy, code="salesforce_unreachable")
    message = f"Salesforce ({domain}) refused the login as {who}: {error.message}"
    remedy = _REMEDIES.get(error.error_code, "Check the connected app, salesforce.domain and salesforce.auth.")
    return SideUnavailable(SIDE, message, remedy=remedy, code="salesforce_credentials")


def side_unavailable(error: Refused) -> SideUnavailable | None:
    """What a refused call says of the whole side: no token, no permission, no calls left, nobody there.

    None where only this call is concerned, or a row of it: a row's own error has status 400 (facts/salesforce.md D).
    """
    if error.error_code in UNAVAILABLE:  # a login that failed
        code = error.error_code
    elif error.status == 429 or error.error_code == "REQUEST_LIMIT_EXCEEDED":
        code = "salesforce_limit"
    elif error.status in (401, 403):
        code = "salesforce_credentials"
    elif error.status in (0, 408) or error.status >= 500:
        code = "salesforce_unreachable"
    else:
        return None
    return SideUnavailable(SIDE, error.message, remedy=error.remedy or UNAVAILABLE[code], code=code)


_warned = threading.Event()


def _credentials(settings: SalesforceSettings, secrets: Secrets, username: str) -> dict[str, Any]:
    if settings.auth == "jwt":
        return {"username": username, "privatekey": secrets.salesforce_private_key}
    if settings.auth == "client_credentials":
        return {"consumer_secret": secrets.salesforce_client_secret}
    if not _warned.is_set():
        _warned.set()
        logger.warning(
            "salesforce.auth logs in with a person's password; prefer jwt or client_credentials, which need none."
        )
    return {
        "consumer_secret": secrets.salesforce_client_secret,
        "username": secrets.salesforce_username,
        "password": secrets.salesforce_password,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
