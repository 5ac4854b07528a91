"""One class per error that Graph puts on the wire, with status, code and message as the real service words them."""

from __future__ import annotations

from typing import ClassVar


class GraphError(Exception):
    """Any of them. `code` and `message` go into the envelope {"error": {…}}; `headers` beside it."""

    status: ClassVar[int] = 400
    code: ClassVar[str] = "BadRequest"

    def __init__(self, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.headers = headers or {}


class BadRequest(GraphError):
    """400: the request does not parse, or asks for what is not there."""


class SegmentNotFound(GraphError):
    """400: a path the service does not have, e.g. contacts/{id}/move."""

    def __init__(self, segment: str) -> None:
        super().__init__(f"Resource not found for the segment '{segment}'.")


class MethodNotAllowed(GraphError):
    """405: the path exists, not with this method."""

    status = 405
    code = "Request_BadRequest"

    def __init__(self) -> None:
        super().__init__("Specified HTTP method is not allowed for the request target.")


class RequestBodyRead(GraphError):
    """400: an unknown property, or a value of the wrong type."""

    code = "RequestBodyRead"


class UnsupportedMediaType(GraphError):
    """415: a body that says it is no JSON."""

    status = 415
    code = "RequestBodyRead"

    def __init__(self, kind: str) -> None:
        super().__init__(
            "A supported MIME type could not be found that matches the content type of the request. None of the"
            f" supported type(s) 'application/json' matches the content type '{kind}'."
        )


class InvalidArgument(GraphError):
    """400: a value that Exchange refuses, such as a third business phone."""

    code = "ErrorInvalidArgument"


class InvalidUrlQuery(GraphError):
    """400: a query option that is not supported here."""

    code = "ErrorInvalidUrlQuery"


class InvalidFilter(GraphError):
    """400: a $filter that contacts cannot be searched by."""

    code = "ErrorInvalidUrlQueryFilter"

    def __init__(self, text: str) -> None:
        super().__init__(f"The query filter contains one or more invalid nodes: {text}")


class InvalidToken(GraphError):
    """401: no token, an unknown or an expired one."""

    status = 401
    code = "InvalidAuthenticationToken"


class AccessDenied(GraphError):
    """403: another person's mailbox."""

    status = 403
    code = "ErrorAccessDenied"

    def __init__(self) -> None:
        super().__init__("Access is denied. Check credentials and try again.")


class UserNotFound(GraphError):
    """404: no user of that object id or address."""

    status = 404
    code = "Request_ResourceNotFound"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"Resource '{key}' does not exist or one of its queried reference-property objects are not present."
        )


class ItemNotFound(GraphError):
    """404: no such contact, folder, category or photo."""

    status = 404
    code = "ErrorItemNotFound"

    def __init__(self) -> None:
        super().__init__("The specified object was not found in the store.")


class FolderExists(GraphError):
    """409 (switch folder_exists_status makes it 400: both were seen)."""

    status = 409
    code = "ErrorFolderExists"

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"A folder with the specified name already exists., Could not create folder '{name}'.")
        self.wire_status = status


class DistinguishedFolder(GraphError):
    """400: default folders stay, and stay where they are."""

    code = "ErrorDeleteDistinguishedFolder"

    def __init__(self, code: str = code, message: str = "Distinguished folders cannot be deleted.") -> None:
        super().__init__(message)
        self.wire_code = code


class MoveFailed(GraphError):
    """400: a folder cannot go below itself."""

    code = "ErrorMoveCopyFailed"

    def __init__(self) -> None:
        super().__init__("The move or copy operation failed.")


class CategoryExists(GraphError):
    """409 (switch category_exists_status makes it 400): the master category list has that name; code not known."""

    status = 409
    code = "ErrorCategoryNameDuplicate"

    def __init__(self, name: str, status: int = 409) -> None:
        super().__init__(f"The category name '{name}' already exists in the master category list.")
        self.wire_status = status


class IrresolvableConflict(GraphError):
    """412: If-Match names an older version."""

    status = 412
    code = "ErrorIrresolvableConflict"

    def __init__(self) -> None:
        super().__init__(
            "The send or update operation could not be performed because the change key passed in the request"
            " does not match the current change key for the item."
        )


class SyncStateNotFound(GraphError):
    """410: an unknown or expired delta token; a full round is needed."""

    status = 410
    code = "SyncStateNotFound"

    def __init__(self, code: str = "SyncStateNotFound", *, location: str | None = None) -> None:
        super().__init__(
            "The sync state generation is not found; generation=605;[highest=841][841][839][840].",
            headers={} if location is None else {"Location": location},
        )
        self.wire_code = code


class Throttled(GraphError):
    """429, with Retry-After or without."""

    status = 429
    code = "ApplicationThrottled"

    def __init__(self, retry_after: int | None, code: str = "ApplicationThrottled") -> None:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        message = "Application is over its MailboxConcurrency limit." if code == type(self).code else ""
        super().__init__(message, headers=headers)
        self.wire_code = code


class ServerFault(GraphError):
    """Injected 409, 5xx and 507 answers, whose status and code are chosen by the fault."""

    def __init__(self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(message, headers=headers)
        self.wire_status = status
        self.wire_code = code
