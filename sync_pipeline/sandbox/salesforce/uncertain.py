"""Error codes, statuses and texts that nobody is sure of, turned as the switches for them say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sync_pipeline.sandbox.salesforce.errors import QueryError, RowError, SalesforceError

_CODES: Final = {
    "INVALID_FIELD_FOR_INSERT_UPDATE": "salesforce_read_only_field_code",
    "MALFORMED_ID": "salesforce_bad_reference_code",
    "EXCEEDED_ID_LIMIT": "salesforce_too_many_records_code",
    "TOO_MANY_CHUNKS": "salesforce_too_many_chunks_code",
    "INVALID_QUERY_LOCATOR": "salesforce_lost_cursor_code",
}


def as_switched(error: SalesforceError, switches: Mapping[str, Any]) -> SalesforceError:
    """The same error, changed in place."""
    if isinstance(error, RowError) and error.status == 400:
        no_access = error.code == "INSUFFICIENT_ACCESS_OR_READONLY"
        error.status = int(switches["salesforce_no_access_status" if no_access else "salesforce_row_error_status"])
    if isinstance(error, QueryError) and not switches["salesforce_query_error_position"]:
        error.message = error.bare_message
    if error.code in _CODES:
        error.code = str(switches[_CODES[error.code]])
    return error
