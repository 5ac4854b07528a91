"""OAuth of the org: the token endpoint's flows, userinfo, the identity URL. Signatures are not verified."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.base import INTEGRATION_USER
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.state import Json
from sync_pipeline.sandbox.tokens import Tokens

CONSUMER_KEY: Final = "sandbox-consumer"
CONSUMER_SECRET: Final = "sandbox-secret"
PASSWORD: Final = "sandbox-password"
REFRESH_PREFIX: Final = "sandbox-refresh:"  # and a username: there is no page where a person could consent
LIFETIME_SECONDS: Final = 7200
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenRefused(Exception):
    """The token endpoint's own form of an error: {"error", "error_description"}."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.body: Json = {"error": error, "error_description": description}


@dataclass(frozen=True)
class Grant:
    """Whom the token is for: `user` a username, or None for the application's own (integration) user."""

    user: str | None


def basic_credentials(header: str) -> dict[str, str]:
    """client_id and client_secret from an Authorization header, where a client sends them there."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": client_id, "client_secret": client_secret}


def grant(org: Org, form: Mapping[str, str]) -> Grant:
    """Judges a token request. Raises TokenRefused."""
    match form.get("grant_type"):
        case flow if flow == JWT_BEARER:
            claims = _claims(form.get("assertion", ""))
            _check_consumer(str(claims.get("iss")))
            expires = claims.get("exp")
            if isinstance(expires, int | float) and expires <= org.state.now().timestamp():
                raise TokenRefused(400, "invalid_grant", "assertion has expired")
            return Grant(_known_user(org, str(claims.get("sub")), "user hasn't approved this consumer"))
        case "client_credentials":
            if (form.get("client_id"), form.get("client_secret")) != (CONSUMER_KEY, CONSUMER_SECRET):
                raise TokenRefused(401, "invalid_client", "invalid client credentials")
            _known_user(org, INTEGRATION_USER, "no client credentials user enabled")
            return Grant(None)
        case "password":
            _check_consumer(form.get("client_id", ""))
            if form.get("client_secret") != CONSUMER_SECRET:
                raise TokenRefused(401, "invalid_client", "invalid client credentials")
            user = _known_user(org, form.get("username", ""), "authentication failure")
            if not form.get("password", "").startswith(PASSWORD):  # a security token may follow
                raise TokenRefused(400, "invalid_grant", "authentication failure")
            return Grant(user)
        case "refresh_token":
            _check_consumer(form.get("client_id", ""))
            prefix, _, username = form.get("refresh_token", "").partition(":")
            if f"{prefix}:" != REFRESH_PREFIX:
                raise TokenRefused(400, "invalid_grant", "expired access/refresh token")
            return Grant(_known_user(org, username, "expired access/refresh token"))
        case _:
            raise TokenRefused(400, "unsupported_grant_type", "grant type not supported")


def token_answer(org: Org, tokens: Tokens, granted: Grant, acting: Acting, base_url: str) -> Json:
    """A new token in the endpoint's form."""
    issued_at = int(org.state.now().timestamp() * 1000)
    return {
        "access_token": session_id(org, tokens, granted),
        "signature": base64.b64encode(f"{issued_at}".encode()).decode(),
        "scope": "api",
        "instance_url": base_url,
        "id": f"{base_url}/id/{org.organization_id()}/{acting.user_id}",
        "token_type": "Bearer",
        "issued_at": str(issued_at),
    }


def session_id(org: Org, tokens: Tokens, granted: Grant) -> str:
    """A new access token; the sf CLI takes none that does not begin with the org's id and an exclamation mark."""
    prefix = f"{org.organization_id()[:15]}!"
    return tokens.issue("salesforce", user=granted.user, lifetime_seconds=LIFETIME_SECONDS, prefix=prefix)


def user_info(org: Org, acting: Acting, base_url: str) -> Json:
    """GET /services/oauth2/userinfo."""
    user: dict[str, Any] = org.user(acting.username) or {}
    return {
        "sub": f"{base_url}/id/{org.organization_id()}/{acting.user_id}",
        "user_id": acting.user_id,
        "organization_id": org.organization_id(),
        "preferred_username": acting.username,
        "nickname": user.get("Alias"),
        "name": user.get("Name"),
        "email": user.get("Email"),
        "email_verified": True,
        "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"),
        "active": bool(user.get("IsActive")),
        "user_type": "STANDARD",
        "zoneinfo": user.get("TimeZoneSidKey"),
        "locale": user.get("LocaleSidKey"),
        "language": user.get("LanguageLocaleKey"),
    }


def identity(org: Org, acting: Acting, base_url: str) -> Json:
    """GET /id/ORG/USER."""
    info = user_info(org, acting, base_url)
    services = f"{base_url}/services/data/v{{version}}/"
    return {
        "id": info["sub"],
        "asserted_user": True,
        "user_id": acting.user_id,
        "organization_id": info["organization_id"],
        "username": acting.username,
        "nick_name": info["nickname"],
        "display_name": info["name"],
        "email": info["email"],
        "first_name": info["given_name"],
        "last_name": info["family_name"],
        "active": info["active"],
        "user_type": "STANDARD",
        "language": info["language"],
        "locale": info["locale"],
        "utcOffset": 0,
        "urls": {"rest": services, "sobjects": f"{services}sobjects/", "query": f"{services}query/"},
    }


def _claims(assertion: str) -> dict[str, Any]:
    parts = assertion.split(".")
    try:
        payload = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(payload))
    except (IndexError, ValueError):
        raise TokenRefused(400, "invalid_grant", "invalid assertion") from None
    if len(parts) != 3 or not isinstance(claims, dict):
        raise TokenRefused(400, "invalid_grant", "invalid assertion")
    return claims


def password_grant(org: Org, username: str, password: str) -> Grant | None:
    """For SOAP login(), which has no consumer; None is a refusal."""
    user = org.user(username)
    fits = user is not None and user["IsActive"] and password.startswith(PASSWORD)
    return Grant(str(user["Username"])) if user is not None and fits else None


def _check_consumer(client_id: str) -> None:
    if client_id != CONSUMER_KEY:
        raise TokenRefused(400, "invalid_client_id", "client identifier invalid")


def _known_user(org: Org, username: str, refusal: str) -> str:
    user = org.user(username)
    if user is None:
        raise TokenRefused(400, "invalid_grant", refusal)
    if not user["IsActive"]:
        raise TokenRefused(400, "invalid_grant", "inactive user")
    return str(user["Username"])
