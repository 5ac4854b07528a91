"""One Graph request as the routes see it, alone or out of a $batch, and the shapes of the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import uuid4

from starlette.responses import Response

from sync_pipeline.sandbox.graph.errors import BadRequest, GraphError, RequestBodyRead, UnsupportedMediaType
from sync_pipeline.sandbox.graph.odata import Query, is_count
from sync_pipeline.sandbox.state import Actor, Json
from sync_pipeline.sandbox.strict_json import read_json

JSON_TYPE: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
VERSION: Final = "/v1.0"
_KEY_FORM = re.compile(r"^([A-Za-z$.]+)\('(.*)'\)$")


@dataclass
class Call:
    """`path` is percent-encoded as it came, with the version; `headers` have lower-case names, repeated ones joined."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    actor: Actor
    origin: str  # scheme and host for absolute links
    parameters: dict[str, str] = field(default_factory=dict)

    @cached_property
    def segments(self) -> list[str]:
        """Decoded, without the version; the key form contactFolders('F') is two of them."""
        segments: list[str] = []
        for part in self.path.removeprefix(VERSION).strip("/").split("/"):
            decoded = unquote(part)
            match = _KEY_FORM.match(decoded)
            segments += [match[1], match[2]] if match else [decoded]
        return segments

    @cached_property
    def query(self) -> Query:
        pairs = parse_qsl(self.query_string, keep_blank_values=True)
        return Query({name.lower(): value for name, value in pairs})

    @cached_property
    def preferences(self) -> dict[str, str]:
        """Prefer's parts, e.g. {"idtype": "ImmutableId", "odata.maxpagesize": "50"}."""
        found: dict[str, str] = {}
        for part in self.headers.get("prefer", "").split(","):
            name, _, value = part.partition("=")
            if name.strip():
                found[name.strip().lower()] = value.strip().strip('"')
        return found

    @property
    def immutable(self) -> bool:
        return self.preferences.get("idtype", "").lower() == "immutableid"

    def json_object(self) -> Json:
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("", "application/json"):
            raise UnsupportedMediaType(kind)
        try:
            value = read_json(self.body)
        except ValueError:
            raise BadRequest(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid"
                " JSON format."
            ) from None
        if not isinstance(value, dict):
            raise RequestBodyRead("The request body must be a JSON object.")
        return value

    def link(self, options: Mapping[str, str]) -> str:
        """This request's address with these options: a nextLink."""
        return f"{self.origin}{self.path}?{urlencode(options, safe='$')}"

    def annotated(self, context: str, value: Json) -> Json:
        return {"@odata.context": f"{self.origin}{VERSION}/$metadata#{context}", **value}

    def common_headers(self) -> dict[str, str]:
        """request-id, client-request-id and what of Prefer was applied."""
        applied = []
        if self.immutable:
            applied.append('IdType="ImmutableId"')
        size = self.preferences.get("odata.maxpagesize", "")
        if is_count(size):
            applied.append(f"odata.maxpagesize={size}")
        headers = {"request-id": str(uuid4())}
        given = self.headers.get("client-request-id", "")
        # A $batch names its parts' headers in JSON, where anything can stand.
        headers["client-request-id"] = (
            given if given.isascii() and given.isprintable() and given else headers["request-id"]
        )
        return {**headers, "Preference-Applied": ", ".join(applied)} if applied else headers


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON with Graph's Content-Type."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), status, dict(headers or {}), media_type=JSON_TYPE)


def error_response(error: GraphError, at: str, headers: Mapping[str, str]) -> Response:
    """`at` is the sandbox's time in ISO form."""
    identity = {name: headers.get(name, "") for name in ("request-id", "client-request-id")}
    inner = {"date": at[:19], **identity}
    envelope = {
        "error": {
            "code": getattr(error, "wire_code", error.code),
            "message": error.message,
            "innerError": inner,
        }
    }
    return json_response(envelope, getattr(error, "wire_status", error.status), {**headers, **error.headers})
