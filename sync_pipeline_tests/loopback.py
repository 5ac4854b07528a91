"""How tests reach stand-ins of their own: the addresses one announced, and plain HTTP without proxy or certificates."""

from __future__ import annotations

import json
import ssl
import subprocess
from typing import Any, Final

import httpx

_NO_CERTIFICATES: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody; nothing here speaks TLS


def client(base_url: str, *, timeout: float = 30, **options: Any) -> httpx.Client:
    """A client for paths below `base_url`."""
    return httpx.Client(base_url=base_url, timeout=timeout, verify=_NO_CERTIFICATES, trust_env=False, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """One POST by itself."""
    return httpx.post(url, timeout=30, verify=_NO_CERTIFICATES, trust_env=False, **options)


def announced(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What a `sync-pipeline --json sandbox` said on its output: the addresses and mailboxes it serves."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        try:
            return dict(json.loads(text))
        except ValueError:
            continue
    raise RuntimeError(f"the sandbox said {text!r} and ended")
