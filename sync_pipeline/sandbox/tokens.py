"""Bearer tokens of both stand-ins: issued by the OAuth endpoints, looked up on every request.

They expire by the sandbox's clock."""

from __future__ import annotations

import secrets
from typing import Final

from sync_pipeline.sandbox.state import Actor, State

LIFETIME_SECONDS: Final = 3600
PERSON_PREFIX: Final = "user:"
APPLICATION: Final = Actor("application")


class Tokens:
    """Tokens live in the state's `tokens` table; `user:NAME` is one that needs no issuing and never expires."""

    def __init__(self, state: State) -> None:
        self._state = state

    def issue(
        self,
        service: str,
        *,
        user: str | None = None,
        lifetime_seconds: int = LIFETIME_SECONDS,
        prefix: str | None = None,
    ) -> str:
        """A new application token of "graph" or "salesforce"; `user` is whom it stands for, None the app itself.

        prefix: what the token begins with, the service's name and a hyphen otherwise.
        """
        # Not from state.random: tokens outlive a reset, after which the same random numbers come again.
        token = f"{f'{service}-' if prefix is None else prefix}{secrets.token_urlsafe(24)}"
        expires_at = self._state.now().timestamp() + lifetime_seconds
        self._state.db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?)", (token, service, user, expires_at))
        return token

    def look_up(self, service: str, token: str) -> Actor | None:
        """The actor a token stands for, or None when it is unknown, another service's, or expired."""
        if token.startswith(PERSON_PREFIX) and len(token) > len(PERSON_PREFIX):
            return Actor(token, token.removeprefix(PERSON_PREFIX))
        row = self._state.db.execute(
            "SELECT user FROM tokens WHERE token = ? AND service = ? AND expires_at > ?",
            (token, service, self._state.now().timestamp()),
        ).fetchone()
        return None if row is None else Actor(APPLICATION.name, row["user"])

    def revoke(self, service: str, token: str) -> None:
        """The token is refused from now on; one that is not there is no error."""
        self._state.db.execute("DELETE FROM tokens WHERE token = ? AND service = ?", (token, service))

    def expire_all(self) -> None:
        self._state.db.execute("DELETE FROM tokens")
