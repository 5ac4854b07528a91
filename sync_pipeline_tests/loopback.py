"""httpx clients for the stand-ins: plain HTTP on this machine, no proxy, and no certificates to load for each."""

from __future__ import annotations

import ssl
from typing import Any, Final

import httpx

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; nothing here speaks TLS


def client(base_url: str, *, timeout: float = 30, **options: Any) -> httpx.Client:
    """A client for paths below `base_url`."""
    return httpx.Client(base_url=base_url, timeout=timeout, verify=_NO_CERTIFICATES, trust_env=False, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """One POST by itself."""
    return httpx.post(url, timeout=30, verify=_NO_CERTIFICATES, trust_env=False, **options)
