"""The SOAP call undelete(): REST has no way out of the recycle bin. Its answer is told in the form of a collection's.

developer.salesforce.com, SOAP API: undelete() takes at most 200 Ids; a REST access token is a session id there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import requests

HEADERS: Final = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '"undelete"', "Accept": "text/xml"}
#: A fault comes with the status 500, which alone would leave open whether anything was done.
_STATUS: Final = {
    "INVALID_SESSION_ID": 401,
    "REQUEST_LIMIT_EXCEEDED": 403,
    "SERVER_UNAVAILABLE": 503,
    "UNKNOWN_EXCEPTION": 500,
}


def path(version: str) -> str:
    """Where the call is posted, absolute; `version` such as 62.0."""
    return f"/services/Soap/u/{version}"


def envelope(session_id: str, ids: Sequence[str]) -> bytes:
    """The body of a call that takes these Ids out of the recycle bin."""
    wanted = "".join(f"<ids>{escape(each)}</ids>" for each in ids)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns="urn:partner.soap.sforce.com">'
        f"<soapenv:Header><SessionHeader><sessionId>{escape(session_id)}</sessionId></SessionHeader></soapenv:Header>"
        f"<soapenv:Body><undelete>{wanted}</undelete></soapenv:Body></soapenv:Envelope>"
    ).encode()


def as_collection(answer: requests.Response) -> requests.Response:
    """The answer as REST would give it: a result for each Id in order, or the fault with its status.

    What is no SOAP answer stays as it came.
    """
    try:
        body = ElementTree.fromstring(answer.content)
    except ElementTree.ParseError:
        return answer
    fault = _text(body, "faultcode").rpartition(":")[2]
    if fault:
        told = {"errorCode": fault, "message": _text(body, "faultstring").removeprefix(f"{fault}: ")}
        return _retold(answer, _STATUS.get(fault, 400), [told])
    if answer.status_code != 200:
        return answer
    return _retold(answer, 200, [_result(each) for each in body.iter() if _name(each) == "result"])


def _result(row: ElementTree.Element) -> dict[str, Any]:
    errors = [
        {"statusCode": _text(error, "statusCode"), "message": _text(error, "message"), "fields": []}
        for error in row
        if _name(error) == "errors"
    ]
    return {"id": _text(row, "id"), "success": _text(row, "success") == "true", "errors": errors}


def _text(element: ElementTree.Element, name: str) -> str:
    return next((each.text or "" for each in element.iter() if _name(each) == name), "")


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _retold(answer: requests.Response, status: int, body: list[dict[str, Any]]) -> requests.Response:
    retold = requests.Response()
    retold.status_code, retold.request, retold.url = status, answer.request, answer.url
    retold.headers.update(answer.headers)
    retold.headers["Content-Type"] = "application/json"
    retold._content = json.dumps(body).encode()
    return retold
