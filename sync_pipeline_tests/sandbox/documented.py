"""Which errors each route is documented, or was seen, to answer: facts/graph.md B to G, J; facts/salesforce.md A to E.

What every call can meet whatever its route (429, 5xx, 403 by limits) is tested for each by test_every_route.py."""

from __future__ import annotations

import re
from typing import Final

Rule = tuple[str, str, str, tuple[str, ...]]  # service, pattern of the route, methods, errors as "status code"

_ROW: Final = (
    "400 REQUIRED_FIELD_MISSING", "400 STRING_TOO_LONG", "400 INVALID_EMAIL_ADDRESS", "400 JSON_PARSER_ERROR",
    "400 INVALID_FIELD", "400 INVALID_FIELD_FOR_INSERT_UPDATE", "400 MALFORMED_ID", "400 INVALID_CROSS_REFERENCE_KEY",
    "400 INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "400 FIELD_CUSTOM_VALIDATION_EXCEPTION", "400 DUPLICATES_DETECTED",
    "400 DUPLICATE_VALUE", "400 FIELD_INTEGRITY_EXCEPTION",
)  # fmt: skip
_MAILBOX: Final = r"^/v1.0/users/\{id\}"
_CONTACT: Final = r"/contacts/\{id\}$"

RULES: Final[tuple[Rule, ...]] = (
    ("graph", r"^/v1.0/", "*", ("401 InvalidAuthenticationToken",)),
    ("graph", _MAILBOX, "*", ("403 ErrorAccessDenied", "404 Request_ResourceNotFound")),
    ("graph", r"(contactFolders|contacts|masterCategories)/\{id\}", "*", ("404 ErrorItemNotFound",)),
    ("graph", r"/photo(/\$value)?$", "GET", ("404 ErrorItemNotFound",)),
    ("graph", r"/photo/\$value$", "PUT PATCH", ("400 BadRequest",)),
    ("graph", r"/(contacts|contactFolders|childFolders|masterCategories)$", "POST",
     ("400 BadRequest", "400 RequestBodyRead")),
    ("graph", r"/(contacts|contactFolders|masterCategories)/\{id\}$", "PATCH",
     ("400 BadRequest", "400 RequestBodyRead")),
    ("graph", r"/contacts$", "POST", ("400 ErrorInvalidArgument",)),
    ("graph", _CONTACT, "PATCH", ("400 ErrorInvalidArgument", "412 ErrorIrresolvableConflict")),
    ("graph", _CONTACT, "DELETE", ("412 ErrorIrresolvableConflict",)),
    ("graph", r"/contacts$", "GET", ("400 BadRequest", "400 ErrorInvalidUrlQuery", "400 ErrorInvalidUrlQueryFilter")),
    ("graph", r"/(contactFolders|childFolders)$", "POST", ("400 ErrorFolderExists", "409 ErrorFolderExists")),
    ("graph", r"/contactFolders/\{id\}$", "PATCH", ("400 ErrorFolderExists", "409 ErrorFolderExists")),
    ("graph", r"/contactFolders/\{id\}(/permanentDelete)?$", "DELETE POST", ("400 ErrorDeleteDistinguishedFolder",)),
    ("graph", r"/delta$", "GET", ("400 ErrorInvalidUrlQuery", "410 SyncStateNotFound")),
    ("graph", r"/masterCategories$", "POST", ("400 ErrorCategoryNameDuplicate", "409 ErrorCategoryNameDuplicate")),
    ("graph", r"\$batch$", "POST", ("400 BadRequest",)),
    ("graph", r"/token$", "POST", ("400 unsupported_grant_type", "401 invalid_client")),
    ("salesforce", r"^/services/data/v|/userinfo$|^/id/", "*", ("401 INVALID_SESSION_ID",)),
    ("salesforce", r"/sobjects/\{object\}", "*", ("404 NOT_FOUND",)),
    ("salesforce", r"/composite/(sobjects|tree)/\{object\}", "*", ("404 NOT_FOUND",)),
    ("salesforce", r"v\{version\}/sobjects/\{object\}$", "POST", _ROW),
    ("salesforce", r"v\{version\}/sobjects/\{object\}/\{id\}$", "PATCH",
     (*_ROW, "400 CIRCULAR_DEPENDENCY", "400 INSUFFICIENT_ACCESS_OR_READONLY", "400 INVALID_HEADER",
      "404 ENTITY_IS_DELETED", "412 PRECONDITION_FAILED")),
    ("salesforce", r"v\{version\}/sobjects/\{object\}/\{id\}$", "GET DELETE", ("404 ENTITY_IS_DELETED",)),
    ("salesforce", r"v\{version\}/sobjects/\{object\}/\{id\}$", "GET", ("400 INVALID_FIELD",)),
    ("salesforce", r"v\{version\}/sobjects/\{object\}/\{id\}$", "DELETE",
     ("400 DELETE_FAILED", "400 INSUFFICIENT_ACCESS_OR_READONLY")),
    ("salesforce", r"\{value:path\}$", "PATCH", (*_ROW, "300", "400 INSUFFICIENT_ACCESS")),
    ("salesforce", r"\{value:path\}$", "GET", ("300",)),
    ("salesforce", r"v\{version\}/(query|queryAll)$", "GET",
     ("400 MALFORMED_QUERY", "400 INVALID_FIELD", "400 INVALID_TYPE", "414 URI_TOO_LONG")),
    ("salesforce", r"\{locator\}$", "GET", ("400 INVALID_QUERY_LOCATOR",)),
    ("salesforce", r"/(updated|deleted)$", "GET", ("400 INVALID_REPLICATION_DATE",)),
    ("salesforce", r"/updated$", "GET", ("400 EXCEEDED_ID_LIMIT",)),
    ("salesforce", r"/composite/sobjects(/\{object\}(/\{field\})?)?$", "POST PATCH",
     ("400 EXCEEDED_ID_LIMIT", "400 JSON_PARSER_ERROR")),
    ("salesforce", r"/composite/sobjects$", "DELETE", ("400 EXCEEDED_ID_LIMIT",)),
    ("salesforce", r"/composite(/batch)?$", "POST", ("400 JSON_PARSER_ERROR", "400 LIMIT_EXCEEDED")),
    ("salesforce", r"/composite/tree/", "POST", ("400", "400 INVALID_INPUT", "400 JSON_PARSER_ERROR")),
    ("salesforce", r"/listviews/\{id\}/results$", "GET", ("400 INVALID_QUERY_LIMIT",)),
    ("salesforce", r"/jobs/(ingest|query)/\{id\}", "*", ("404 NOT_FOUND",)),
    ("salesforce", r"/jobs/(ingest|query)$", "POST", ("400 JSON_PARSER_ERROR", "400 INVALIDJOB")),
    ("salesforce", r"/jobs/(ingest|query)/\{id\}$", "PATCH DELETE", ("400 INVALIDJOBSTATE",)),
    ("salesforce", r"/batches$", "PUT", ("400 INVALIDJOBSTATE", "415 UNSUPPORTED_MEDIA_TYPE")),
    ("salesforce", r"[Rr](esults|ecords)$", "GET", ("400 INVALIDJOBSTATE",)),
    ("salesforce", r"/jobs/query/\{id\}/results$", "GET", ("400 INVALID_QUERY_LOCATOR", "409 CONFLICT")),
    ("salesforce", r"/jobs/query$", "POST", ("400 MALFORMED_QUERY", "400 INVALID_FIELD", "400 INVALID_TYPE")),
    ("salesforce", r"^/id/", "GET", ("403 Missing_OAuth_Token", "404 NOT_FOUND")),
    ("salesforce", r"/oauth2/token$", "POST",
     ("400 invalid_grant", "400 invalid_client_id", "400 unsupported_grant_type", "401 invalid_client")),
)  # fmt: skip
#: A list view's own results are the one GET among those of jobs and views that has no state to be in.
_NOT: Final = {(r"[Rr](esults|ecords)$", "/listviews/")}


def documented(service: str, route: str, method: str) -> set[str]:
    """The errors that a route of the coverage table is to be tested for, as "400 CODE"."""
    found: set[str] = set()
    for name, pattern, methods, errors in RULES:
        fits = (
            name == service and re.search(pattern, route) is not None and (methods == "*" or method in methods.split())
        )
        if fits and not any(pattern == each and part in route for each, part in _NOT):
            found |= set(errors)
    return found
