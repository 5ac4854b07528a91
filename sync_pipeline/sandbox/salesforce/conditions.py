"""Conditional headers of sObject Rows: If-(Un)Modified-Since for all objects, ETags for accounts; none for DELETE.

Source: developer.salesforce.com/docs/platform/api-rest/guide/intro-rest-conditional-requests.html"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import ObjectDef
from sync_pipeline.sandbox.salesforce.errors import PreconditionFailed, SalesforceError
from sync_pipeline.sandbox.salesforce.storage import from_stamp

TAGGED: Final = "Account"  # the only object whose rows have an ETag
_TAGS: Final = re.compile(r'\s*(?:\*|"[^"]*"(?:\s*,\s*"[^"]*")*)\s*')
_TAG: Final = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Conditions:
    """What one call asks of a record before it touches it; the tags are None where the header is not there."""

    unmodified_since: datetime | None = None
    modified_since: datetime | None = None
    match: str | None = None
    none_match: str | None = None

    def check(self, target: ObjectDef, row: Mapping[str, Any]) -> None:
        """Raises PreconditionFailed for a record that is not as the client thinks."""
        if self.unmodified_since is not None and _second(row) > self.unmodified_since:
            raise PreconditionFailed()
        if target.name == TAGGED:
            tag = etag(row)
            if self.match is not None and not _names(self.match, tag):
                raise PreconditionFailed()
            if self.none_match is not None and _names(self.none_match, tag):
                raise PreconditionFailed()

    def is_known(self, target: ObjectDef, row: Mapping[str, Any]) -> bool:
        """Whether the client that reads has the record as it is: 304, and no body."""
        if target.name == TAGGED and self.none_match is not None:
            return _names(self.none_match, etag(row))
        return self.modified_since is not None and _second(row) <= self.modified_since


ANY: Final = Conditions()  # any record will do


def for_writing(headers: Mapping[str, str]) -> Conditions:
    """A PATCH's conditions. Raises SalesforceError 400 for a value that is none."""
    since = headers.get("if-unmodified-since")
    moment = None if since is None else _http_date(since)
    if since is not None and moment is None:
        raise SalesforceError(400, "INVALID_HEADER", f"If-Unmodified-Since is not an HTTP date: {since}")
    for name in ("if-match", "if-none-match"):
        if name in headers and not _TAGS.fullmatch(headers[name]):
            raise SalesforceError(400, "INVALID_HEADER", f"{name.title()} is no list of ETags: {headers[name]}")
    return Conditions(moment, match=headers.get("if-match"), none_match=headers.get("if-none-match"))


def for_reading(headers: Mapping[str, str]) -> tuple[Conditions, Conditions]:
    """A GET's conditions: what must hold (412), what the client has already (304). An invalid value says nothing."""
    since, modified = (_http_date(headers.get(name, "")) for name in ("if-unmodified-since", "if-modified-since"))
    return (
        Conditions(since, match=headers.get("if-match")),
        Conditions(modified_since=modified, none_match=headers.get("if-none-match")),
    )


def etag(row: Mapping[str, Any]) -> str:
    """A hash of all that is stored of a record, in quotes."""
    content = json.dumps(dict(row), ensure_ascii=False, sort_keys=True).encode()
    return f'"{base64.b64encode(hashlib.sha256(content).digest()).decode()}--gzip"'


def _names(header: str, tag: str) -> bool:
    return header.strip() == "*" or tag in _TAG.findall(header)


def _second(row: Mapping[str, Any]) -> datetime:
    """When a record was last modified, to the second: HTTP dates have no more."""
    return from_stamp(row["LastModifiedDate"]).replace(microsecond=0)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
