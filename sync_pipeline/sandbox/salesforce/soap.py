"""The SOAP calls without a REST counterpart: undelete(), login() (gone from version 65.0 on), logout()."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from starlette.responses import Response

from sync_pipeline.sandbox.salesforce import auth
from sync_pipeline.sandbox.salesforce.calls import Call
from sync_pipeline.sandbox.salesforce.errors import InvalidSession, RowError
from sync_pipeline.sandbox.salesforce.models import Acting
from sync_pipeline.sandbox.state import Actor

LAST_VERSION: Final = 64.0  # developer.salesforce.com, SOAP API: login() is not in later versions
_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)
UNDELETED_AT_ONCE: Final = 200  # developer.salesforce.com, SOAP API: undelete()
_BAD_LOGIN: Final = "Invalid username, password, security token; or user locked out."


def soap(call: Call) -> Response:
    """POST /services/Soap/u/NN.N with login, logout or undelete in its body."""
    text = call.text.decode("utf-8", "replace")
    if re.search(r"<(?:\w+:)?undelete\b", text):
        return _undelete(call, text)
    if re.search(r"<(?:\w+:)?logout\b", text):
        call.request.app.state.runtime.tokens.revoke("salesforce", _element(text, "sessionId"))
        return _xml("<logoutResponse/>")
    version = str(call.path["version"])
    known = re.fullmatch(r"\d{2,3}\.\d", version) is not None and float(version) <= LAST_VERSION
    if not known or not re.search(r"<(?:\w+:)?login\b", text):
        return _fault(
            "UNSUPPORTED_API_VERSION" if not known else "INVALID_OPERATION",
            "only undelete, logout, login (to v64.0)",
        )
    granted = auth.password_grant(call.org, _element(text, "username"), _element(text, "password"))
    if granted is None:
        return _fault("INVALID_LOGIN", _BAD_LOGIN)
    acting = call.org.acting(Actor("application", granted.user))
    session = auth.session_id(call.org, call.request.app.state.runtime.tokens, granted)
    organization = call.org.organization_id()
    user = call.org.user(acting.username) or {}
    server = f"{call.base_url}/services/Soap/u/{version}/{organization}"
    information = {
        "organizationId": organization, "userId": acting.user_id, "userEmail": user.get("Email"),
        "userFullName": user.get("Name"), "userName": acting.username, "userType": "Standard",
    }  # fmt: skip
    told = "".join(f"<{name}>{escape(str(value or ''))}</{name}>" for name, value in information.items())
    return _xml(
        f"<loginResponse><result><metadataServerUrl>{escape(server)}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>true</sandbox><serverUrl>{escape(server)}</serverUrl>"
        f"<sessionId>{escape(session)}</sessionId><userId>{acting.user_id}</userId>"
        f"<userInfo>{told}</userInfo></result></loginResponse>"
    )


def _undelete(call: Call, text: str) -> Response:
    """Each Id has its own result, in order."""
    actor = call.request.app.state.runtime.tokens.look_up("salesforce", _element(text, "sessionId"))
    try:
        acting = None if actor is None else call.org.acting(actor)
    except InvalidSession:
        acting = None
    if acting is None:
        return _fault("INVALID_SESSION_ID", "Invalid Session ID found in SessionHeader: Illegal Session.")
    ids = [unescape(found).strip() for found in re.findall(r"<(?:\w+:)?ids>(.*?)</(?:\w+:)?ids>", text, re.DOTALL)]
    if len(ids) > UNDELETED_AT_ONCE:
        return _fault("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {UNDELETED_AT_ONCE} records")
    results = "".join(_undeleted(call, acting, each) for each in ids)
    return _xml(f"<undeleteResponse>{results}</undeleteResponse>")


def _undeleted(call: Call, acting: Acting, record_id: str) -> str:
    try:
        call.org.undelete(acting, record_id)
    except RowError as error:
        told = f"<message>{escape(error.message)}</message><statusCode>{error.code}</statusCode>"
        return f'<result><errors>{told}</errors><id xsi:nil="true"/><success>false</success></result>'
    return f"<result><id>{escape(record_id)}</id><success>true</success></result>"


def _element(text: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}[^>]*>(.*?)</(?:\w+:)?{name}>", text, re.DOTALL)
    return unescape(found[1]).strip() if found else ""


def _fault(code: str, message: str) -> Response:
    told = f"{code}: {message}"
    return _xml(
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{escape(told)}</faultstring></soapenv:Fault>", 500
    )


def _xml(body: str, status: int = 200) -> Response:
    return Response(_ENVELOPE.format(body), status, media_type="text/xml;charset=UTF-8")
