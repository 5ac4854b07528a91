"""What the tests of the Salesforce floor share: credentials for a JWT, and the type of the client's maker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sync_pipeline.salesforce.client import Org
from sync_pipeline.settings import Secrets
from sync_pipeline_tests.sandbox.salesforce_client import OrgClient

ADMINISTRATOR = "admin@acme.example.com"

#: connect(secrets=None, *, read_timeout=20.0, **settings of salesforce) -> the product's client, closed after the test.
Connect = Callable[..., Org]


@cache
def with_key() -> Secrets:
    """The sandbox's credentials with a private key, as the administrator."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return replace(Secrets.sandbox(), salesforce_private_key=pem, salesforce_username=ADMINISTRATOR)


def fault(
    person: OrgClient,
    name: str,
    path: str,
    *,
    times: int = 1,
    position: str = "refused",
    nth: int | None = None,
    actor: str | None = "application",
) -> None:
    """Injects a fault into the calls whose path matches; `actor` None: whoever calls, a login too."""
    given = {"service": "salesforce", "path": path, "actor": actor, "nth": nth}
    match = {key: value for key, value in given.items() if value is not None}
    body = [{"match": match, "fault": name, "position": position, "times": times}]
    person.ok("POST", "/_sandbox/faults", json=body)
