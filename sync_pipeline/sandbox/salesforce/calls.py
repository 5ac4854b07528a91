"""One REST call as the handlers see it, and the answer as Salesforce sends it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.errors import NotFound, ParseError
from sync_pipeline.sandbox.salesforce.fault_answers import commit_lag
from sync_pipeline.sandbox.salesforce.models import Acting, Org
from sync_pipeline.sandbox.strict_json import read_json

DAILY_CALLS: Final = 100_000
DUPLICATE_HEADER_FROM: Final = 52.0  # earlier API versions do not know Sforce-Duplicate-Rule-Header
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_VERSION: Final = re.compile(r"\d{2,3}\.0")


@dataclass(frozen=True)
class Call:
    """A request with its body read, and what follows from it."""

    request: Request
    text: bytes

    @cached_property
    def org(self) -> Org:
        org = Org(self.request.app.state.sandbox)
        org.commit_lag_seconds = commit_lag()
        return org

    @cached_property
    def acting(self) -> Acting:
        """The user, with what the duplicate header asks for."""
        version = str(self.path.get("version", ""))
        knows = _VERSION.fullmatch(version) is not None and float(version) >= DUPLICATE_HEADER_FROM
        options = _options(self.request.headers.get("sforce-duplicate-rule-header", "")) if knows else {}
        return replace(
            self.org.acting(self.request.state.actor),
            allow_duplicates=options.get("allowsave") == "true",
            duplicate_details=options.get("includerecorddetails", "true") == "true",
        )

    @property
    def base_url(self) -> str:
        return str(self.request.base_url).rstrip("/")

    @property
    def path(self) -> Mapping[str, Any]:
        return self.request.path_params

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @cached_property
    def version(self) -> str:
        """The API version of the path, without its v. Raises NotFound."""
        version = str(self.path["version"])
        if not _VERSION.fullmatch(version):
            raise NotFound()
        return version

    @cached_property
    def target(self) -> ObjectDef:
        """The object of the path. Raises NotFound."""
        return self.org.object(str(self.path["object"]))

    @cached_property
    def body(self) -> Any:
        """The JSON body. Raises ParseError."""
        try:
            return read_json(self.text)
        except ValueError as error:
            if not self.text.strip():
                raise ParseError("The HTTP entity body is required, but this request has no entity body.") from error
            where = f"at [line:{getattr(error, 'lineno', 1)}, column:{getattr(error, 'colno', 1)}]"
            what = "Invalid UTF-8" if isinstance(error, UnicodeError) else "Unexpected character or end of input"
            raise ParseError(f"{what} {where}") from error

    @cached_property
    def batch_size(self) -> int | None:
        """Sforce-Query-Options: batchSize=N."""
        size = _options(self.request.headers.get("sforce-query-options", "")).get("batchsize", "")
        return int(size) if _COUNT.fullmatch(size) else None


Handler = Callable[[Call], Response]


def answer(request: Request, content: Any = None, status: int = 200) -> Response:
    """A JSON answer (None: no body) with the headers that every answer of Salesforce has."""
    headers = _headers(request)
    if content is None:
        return Response(status_code=status, headers=headers)
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(text, status, headers, media_type="application/json;charset=UTF-8")


def answer_csv(request: Request, text: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of Bulk API 2.0 results."""
    return Response(text, 200, {**_headers(request), **(headers or {})}, media_type="text/csv")


def _headers(request: Request) -> dict[str, str]:
    app_state = request.app.state
    app_state.salesforce_calls = calls_used(request) + 1
    return {"Sforce-Limit-Info": f"api-usage={app_state.salesforce_calls}/{DAILY_CALLS}"}


def calls_used(request: Request) -> int:
    """API calls answered since the sandbox started."""
    return int(getattr(request.app.state, "salesforce_calls", 0))


def _options(header: str) -> dict[str, str]:
    """`allowSave=true; batchSize=200` (or with commas) as a dict of lower-case names."""
    pairs = (part.partition("=") for part in re.split("[;,]", header))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
