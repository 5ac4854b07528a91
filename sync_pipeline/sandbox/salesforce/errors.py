"""What Salesforce answers when it refuses: one class per kind of wire error, with its HTTP status, code and message.

SalesforceError
├── RowError                what one record of a collection can have: it then stands in that record's result
│   └── DuplicatesDetected  carries the matches
├── ParseError              the body as such could not be read: refuses a whole collection
├── QueryError              SOQL that is malformed, or names what is not there
├── InvalidSession, NotFound, MethodNotAllowed, PreconditionFailed
└── SeveralRecords          300, the list of the records' addresses
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any


class SalesforceError(Exception):
    """`code` is Salesforce's errorCode, `fields` the API names it concerns (None leaves the key out)."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)

    def body(self) -> Any:
        """The answer's JSON for a call about one thing."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return [error if self.fields is None else {**error, "fields": self.fields}]


class RowError(SalesforceError):
    """A record that cannot be written as asked."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = (), *, status: int = 400) -> None:
        super().__init__(status, code, message, fields)

    def in_collection(self) -> dict[str, Any]:
        """The error as it stands in a collection's result: statusCode, not errorCode."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


class DuplicatesDetected(RowError):
    """A duplicate rule found records like this one. The real wire spells the key duplicateResut for one row."""

    def __init__(self, rule: str, object_name: str, matches: Sequence[str], *, details: bool) -> None:
        super().__init__("DUPLICATES_DETECTED", "Use one of these records?")
        record_of = [{"attributes": {"type": object_name}, "Id": match} for match in matches]
        self.result: dict[str, Any] = {
            "allowSave": True,
            "duplicateRule": rule,
            "duplicateRuleEntityType": object_name,
            "errorMessage": self.message,
            "matchResults": [
                {
                    "entityType": object_name,
                    "errors": [],
                    "matchEngine": "FuzzyMatchEngine",
                    "matchRecords": [
                        {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record}
                        for record in (record_of if details else [])
                    ],
                    "rule": rule,
                    "size": len(matches),
                    "success": True,
                }
            ],
        }

    def body(self) -> Any:
        return [{"duplicateResut": self.result, "errorCode": self.code, "message": self.message}]

    def in_collection(self) -> dict[str, Any]:
        return {**super().in_collection(), "duplicateResult": self.result}


class ParseError(SalesforceError):
    """A value or a key that could not be deserialised."""

    def __init__(self, message: str, *, code: str = "JSON_PARSER_ERROR") -> None:
        super().__init__(400, code, message)

    @classmethod
    def value(cls, kind: str, value: Any) -> ParseError:
        token, shown = _token(value)
        return cls(
            f"Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required"
            " field at [line:1, column:2]"
        )

    @classmethod
    def unknown_field(cls, name: str, object_name: str) -> ParseError:
        return cls(f"No such column '{name}' on sobject of type {object_name}", code="INVALID_FIELD")


def as_sent(value: Any) -> str:
    """A JSON value as the client wrote it, a text without its quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _token(value: Any) -> tuple[str, str]:
    """What a JSON parser calls a value, and what it shows of it."""
    match value:
        case str():
            return "VALUE_STRING", value
        case dict():
            return "START_OBJECT", "{"
        case list():
            return "START_ARRAY", "["
        case bool() | None:
            return f"VALUE_{as_sent(value).upper()}", as_sent(value)
        case _:
            return "VALUE_NUMBER_INT" if isinstance(value, int) else "VALUE_NUMBER_FLOAT", as_sent(value)


class QueryError(SalesforceError):
    """SOQL that cannot be run; the message quotes the line with a caret at `position` (from 0)."""

    def __init__(self, code: str, message: str, soql: str, position: int) -> None:
        self.bare_message = message
        before = soql[:position]
        row, column = before.count("\n") + 1, position - (before.rfind("\n") + 1)
        lines = soql.split("\n")
        line = lines[row - 1] if row <= len(lines) else ""
        super().__init__(400, code, f"\n{line}\n{' ' * column}^\nERROR at Row:{row}:Column:{column + 1}\n{message}")


class InvalidSession(SalesforceError):
    """The token is not accepted, or stands for nobody who may use the org."""

    def __init__(self) -> None:
        super().__init__(401, "INVALID_SESSION_ID", "Session expired or invalid")


class NotFound(SalesforceError):
    """No such object, record, list view or address."""

    def __init__(self, message: str = "The requested resource does not exist") -> None:
        super().__init__(404, "NOT_FOUND", message)


class MethodNotAllowed(SalesforceError):
    """The address is there, the verb is not."""

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        message = f"HTTP Method '{method}' not allowed. Allowed are {','.join(sorted(allowed))}"
        super().__init__(405, "METHOD_NOT_ALLOWED", message)


class PreconditionFailed(SalesforceError):
    """A conditional header, and the record is another one."""

    def __init__(self) -> None:
        super().__init__(412, "PRECONDITION_FAILED", "Resource has been modified since the date given")


class SeveralRecords(SalesforceError):
    """An external id that several records have; the body is the list of their addresses, relative to the host."""

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__(300, "MULTIPLE_CHOICES", "The external ID exists in more than one record")
        self.addresses = list(addresses)

    def body(self) -> Any:
        return self.addresses
