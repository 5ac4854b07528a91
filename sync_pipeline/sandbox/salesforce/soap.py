"""The SOAP calls that clients still log in with: login() and logout(). login() is gone from version 65.0 on."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from starlette.responses import Response

from sync_pipeline.sandbox.salesforce import auth
from sync_pipeline.sandbox.salesforce.calls import Call
from sync_pipeline.sandbox.state import Actor

LAST_VERSION: Final = 64.0  # developer.salesforce.com, SOAP API: login() is not in later versions
_ENVELOPE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope'
    ' xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="urn:fault.partner.soap.sforce.com"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body>{}</soapenv:Body></soapenv:Envelope>"
)
_BAD_LOGIN: Final = "Invalid username, password, security token; or user locked out."


def login(call: Call) -> Response:
    """POST /services/Soap/u/NN.N with login or logout in its body."""
    text = call.text.decode("utf-8", "replace")
    if re.search(r"<(?:\w+:)?logout\b", text):
        call.request.app.state.runtime.tokens.revoke("salesforce", _element(text, "sessionId"))
        return _xml("<logoutResponse/>")
    version = str(call.path["version"])
    known = re.fullmatch(r"\d{2,3}\.\d", version) is not None and float(version) <= LAST_VERSION
    if not known or not re.search(r"<(?:\w+:)?login\b", text):
        return _fault(
            "UNSUPPORTED_API_VERSION" if not known else "INVALID_OPERATION", "only login and logout, to v64.0"
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
