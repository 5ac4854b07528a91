"""The Salesforce stand-in as a service: logins, addresses, list views, faults, pages, and simple_salesforce."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, BEN, OrgClient, fresh_org


@pytest.fixture
def org(sandbox_server: SandboxServer) -> Iterator[OrgClient]:
    with fresh_org(sandbox_server) as client:
        yield client


def _token(org: OrgClient, **form: str) -> httpx.Response:
    return httpx.post(f"{org.server.salesforce_url}/services/oauth2/token", data=form, trust_env=False)


def _assertion(claims: dict[str, Any]) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return jwt.encode({"exp": int(time.time()) + 180, **claims}, pem, algorithm="RS256")


def test_client_credentials_act_as_the_integration_user(org: OrgClient) -> None:
    granted = _token(
        org, grant_type="client_credentials", client_id="sandbox-consumer", client_secret="sandbox-secret"
    ).json()
    assert granted["instance_url"] == org.server.salesforce_url
    application = org.with_token(granted["access_token"])
    who = application.ok("GET", "/services/oauth2/userinfo")
    assert who["preferred_username"] == "integration@acme.example.com"
    identity_url = application.ok("GET", "/services/data/v60.0")["identity"]
    assert granted["id"] == identity_url
    identity = application.ok("GET", identity_url.removeprefix(org.server.salesforce_url))
    assert identity["user_id"] == who["user_id"]
    application.create(LastName="A")
    assert org.log()[-1]["actor"] == "application"


def test_a_jwt_acts_as_its_user_and_is_logged_as_the_application(org: OrgClient) -> None:
    grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assertion = _assertion({"iss": "sandbox-consumer", "sub": ANNA, "aud": "https://login.salesforce.com"})
    anna = org.with_token(_token(org, grant_type=grant_type, assertion=assertion).json()["access_token"])
    contact = anna.get(anna.create(LastName="A"))
    assert contact["OwnerId"] == contact["CreatedById"] == anna.ok("GET", "/services/oauth2/userinfo")["user_id"]
    assert org.log()[-1]["actor"] == "application"
    stranger = _assertion({"iss": "sandbox-consumer", "sub": "nobody@acme.example.com"})
    refused = _token(org, grant_type=grant_type, assertion=stranger)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    other = _token(org, grant_type=grant_type, assertion=_assertion({"iss": "other", "sub": ANNA}))
    assert (other.status_code, other.json()["error"]) == (400, "invalid_client_id")


def test_a_jwt_that_has_expired_gets_no_token(org: OrgClient) -> None:
    claims = {"iss": "sandbox-consumer", "sub": ANNA, "exp": int(time.time()) - 60}
    refused = _token(org, grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion=_assertion(claims))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("kind", ["contacts", "accounts"])
def test_a_page_about_what_is_not_there_is_a_page(org: OrgClient, kind: str) -> None:
    for method, path in (("GET", f"/pages/{kind}/zz"), ("POST", f"/pages/{kind}/zz/delete")):
        answer = org.http.request(method, path)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (404, "text/html")
        assert "does not exist" in answer.text


def test_wrong_secrets_and_passwords_get_no_token(org: OrgClient) -> None:
    client = {"client_id": "sandbox-consumer", "client_secret": "sandbox-secret"}
    wrong = _token(org, grant_type="client_credentials", client_id="sandbox-consumer", client_secret="x")
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert _token(org, grant_type="password", username=ANNA, password="sandbox-password", **client).status_code == 200
    refused = _token(org, grant_type="password", username=ANNA, password="x", **client)
    assert (refused.status_code, refused.json()) == (
        400, {"error": "invalid_grant", "error_description": "authentication failure"},
    )  # fmt: skip


def test_a_token_that_is_unknown_or_expired_is_refused(org: OrgClient) -> None:
    expected = (401, "INVALID_SESSION_ID", "Session expired or invalid")
    assert org.with_token("nonsense").refused("GET", "limits") == expected
    granted = _token(org, grant_type="client_credentials", client_id="sandbox-consumer", client_secret="sandbox-secret")
    application = org.with_token(granted.json()["access_token"])
    assert application.ok("GET", "limits")["DailyApiRequests"]["Max"] == 100_000
    org.control("clock", {"advance_seconds": 3 * 3600})
    assert application.refused("GET", "limits") == expected


@pytest.mark.parametrize("who", ["nobody-at-all", "nobody@example.com", "mailbox-only@example.com", BEN])
def test_who_is_no_active_user_of_the_org_is_refused_everywhere(org: OrgClient, who: str) -> None:
    org.control("graph/mailbox", {"mailbox": "mailbox-only@example.com", "name": "No User"})
    issued = org.with_token(
        _token(org, grant_type="password", username=BEN, password="sandbox-password", client_id="sandbox-consumer",
               client_secret="sandbox-secret").json()["access_token"]
    )  # fmt: skip
    assert issued.query("SELECT Id FROM Contact") == []
    org.control("salesforce/users", {"username": BEN, "name": "Ben Berg", "is_active": False})
    expected, mark = (401, "INVALID_SESSION_ID", "Session expired or invalid"), len(org.log())
    for client in (org.as_user(who), org.as_user("ben@example.com"), issued):
        assert client.refused("POST", "sobjects/Contact", json={"LastName": "A"}) == expected
        for path in ("limits", "sobjects/Contact/describe", "query?q=SELECT+Id+FROM+Contact", "jobs/ingest"):
            assert client.refused("GET", path) == expected
        assert client.refused("GET", "/services/oauth2/userinfo") == expected
    refused = org.request("POST", "/_sandbox/salesforce/undelete", json={"ids": ["x"], "user": who})
    assert (refused.status_code, "no active Salesforce user" in refused.text) == (400, True)
    assert len(org.log()) == mark


def test_an_org_without_an_active_integration_user_gives_the_application_no_token(org: OrgClient) -> None:
    client = {"client_id": "sandbox-consumer", "client_secret": "sandbox-secret"}
    application = org.with_token(_token(org, grant_type="client_credentials", **client).json()["access_token"])
    user = {"username": "integration@acme.example.com", "name": "Integration User", "is_active": False}
    org.control("salesforce/users", user)
    refused = _token(org, grant_type="client_credentials", **client)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert application.refused("GET", "limits")[:2] == (401, "INVALID_SESSION_ID")


def test_addresses_work_with_and_without_a_slash_in_any_version(org: OrgClient) -> None:
    for path in (
        "/services/data",
        "/services/data/",
        "/services/data/v41.0/sobjects/",
        "/services/data/v68.0/sobjects",
    ):
        assert org.request("GET", path).status_code == 200
    assert org.request("GET", "limits/").headers["Sforce-Limit-Info"].startswith("api-usage=")
    not_found = (404, "NOT_FOUND", "The requested resource does not exist")
    assert org.refused("GET", "tooling/query") == not_found
    assert org.refused("GET", "sobjects/Nothing/describe") == not_found
    assert org.refused("GET", "query", params={"q": "x" * 17_000})[0] == 414
    assert org.refused("PUT", "sobjects/Contact")[:2] == (405, "METHOD_NOT_ALLOWED")
    assert org.refused("POST", "sobjects/Contact", content=b"{")[:2] == (400, "JSON_PARSER_ERROR")


def test_describe_tells_what_contact_has(org: OrgClient) -> None:
    described = org.ok("GET", "sobjects/Contact/describe")
    fields = {each["name"]: each for each in described["fields"]}
    assert (described["keyPrefix"], described["mergeable"]) == ("003", True)
    assert (fields["LastName"]["length"], fields["LastName"]["nillable"], fields["LastName"]["label"]) == (
        80,
        False,
        "Last Name",
    )
    assert (fields["Email"]["idLookup"], fields["Name"]["createable"], fields["OwnerId"]["defaultedOnCreate"]) == (
        True,
        False,
        True,
    )
    assert [each["value"] for each in fields["Salutation"]["picklistValues"]][:2] == ["Mr.", "Ms."]
    assert fields["AccountId"]["relationshipName"] == "Account"
    assert "DoNotCall" not in fields
    assert fields["Description"]["filterable"] is False


def test_list_views_show_their_query(org: OrgClient) -> None:
    views = {each["developerName"]: each for each in org.ok("GET", "sobjects/Contact/listviews")["listviews"]}
    assert {"AllContacts", "MyContacts", "NewThisWeek", "RecentlyViewedContacts"} <= set(views)
    new = org.ok("GET", views["NewThisWeek"]["describeUrl"])
    assert new["id"] == views["NewThisWeek"]["id"][:15]
    assert new["query"].endswith(
        "FROM Contact WHERE CreatedDate = THIS_WEEK ORDER BY Name ASC NULLS FIRST, Id ASC NULLS FIRST"
    )
    assert new["whereCondition"] == {"field": "CreatedDate", "operator": "equals", "values": ["THIS_WEEK"]}
    mine = org.ok("GET", f"sobjects/Contact/listviews/{views['MyContacts']['id'][:15]}/describe")
    assert mine["scope"] == "mine"
    assert "FROM Contact USING SCOPE mine ORDER BY" in mine["query"]
    recent = views["RecentlyViewedContacts"]
    assert (recent["soqlCompatible"], org.ok("GET", recent["describeUrl"])["query"]) == (False, None)
    for view in (new, mine):
        org.query(view["query"])


def test_list_views_are_made_changed_hidden_and_deleted(org: OrgClient) -> None:
    org.create(LastName="Adler", MailingCity="Köln")
    org.create(LastName="Berg", MailingCity="Bonn")
    view = {"developer_name": "Cologne", "label": "In Cologne", "where": "MailingCity = 'Köln'", "visible_to": [BEN]}
    view_id = org.control("salesforce/listviews", view)["id"]
    ben, anna = org.as_user(BEN), org.as_user(ANNA)
    results = ben.ok("GET", f"sobjects/Contact/listviews/{view_id}/results?limit=10")
    assert [row["columns"][0]["value"] for row in results["records"]] == ["Adler"]
    assert anna.refused("GET", f"sobjects/Contact/listviews/{view_id}")[:2] == (404, "NOT_FOUND")
    assert anna.query("SELECT Id FROM ListView WHERE DeveloperName = 'Cologne'") == []
    org.control("salesforce/listviews", {"developer_name": "Cologne", "scope": "mine", "visible_to": "all"})
    assert anna.ok("GET", f"sobjects/Contact/listviews/{view_id}/describe")["scope"] == "mine"
    org.control("salesforce/listviews", {"developer_name": "Cologne", "delete": True})
    assert ben.refused("GET", f"sobjects/Contact/listviews/{view_id}/describe")[0] == 404
    broken = org.request("POST", "/_sandbox/salesforce/listviews", json={"developer_name": "X", "where": "Nope = 1"})
    assert broken.status_code == 400
    assert "No such column 'Nope'" in broken.json()["error"]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("REQUEST_LIMIT_EXCEEDED", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("UNABLE_TO_LOCK_ROW", 400, "UNABLE_TO_LOCK_ROW"),
        ("SERVER_UNAVAILABLE", 503, "SERVER_UNAVAILABLE"),
        ("INVALID_QUERY_LOCATOR", 400, "INVALID_QUERY_LOCATOR"),
    ],
)
def test_faults_answer_in_salesforces_form(org: OrgClient, fault: str, status: int, code: str) -> None:
    org.control("faults", [{"match": {"service": "salesforce", "path": "/query"}, "fault": fault}])  # type: ignore[arg-type]
    assert org.refused("GET", "query", params={"q": "SELECT Id FROM Contact"})[:2] == (status, code)
    assert org.query("SELECT Id FROM Contact") == []


def test_simple_salesforce_reads_and_writes(org: OrgClient) -> None:
    salesforce: Any = org.library()
    contacts: Any = salesforce.Contact
    account = salesforce.restful("sobjects/Account", method="POST", json={"Name": "Acme"})["id"]
    created = contacts.create({"LastName": "Adler", "AccountId": account})
    assert created["success"]
    assert contacts.update(created["id"], {"Email": "ida@example.com"}) == 204
    org.control("switches", {"salesforce_page_size": 1})
    contacts.create({"LastName": "Berg"})
    found = salesforce.query_all("SELECT LastName, Account.Name FROM Contact ORDER BY LastName")
    assert [record["LastName"] for record in found["records"]] == ["Adler", "Berg"]
    assert found["records"][0]["Account"]["Name"] == "Acme"
    assert contacts.get_by_custom_id("Email", "ida@example.com")["Id"] == created["id"]
    assert contacts.upsert("Email/ida@example.com", {"LastName": "Adler"}) == 200
    rows = [{"attributes": {"type": "Contact"}, "id": created["id"], "Title": "T"}]
    [result] = salesforce.restful("composite/sobjects", method="PATCH", json={"records": rows})
    assert result["success"]
    assert contacts.delete(created["id"]) == 204
    now = datetime.fromisoformat(org.ok("GET", "/_sandbox/clock")["now"])
    org.control("clock", {"advance_seconds": 120})
    removed: Any = contacts.deleted(now - timedelta(minutes=2), now + timedelta(minutes=2))
    assert [each["id"] for each in removed["deletedRecords"]] == [created["id"]]
    assert len(contacts.updated(now - timedelta(minutes=2), now + timedelta(minutes=2))["ids"]) == 1
    with pytest.raises(SalesforceResourceNotFound) as gone:
        contacts.get(created["id"])
    told: Any = gone.value.content
    assert told[0]["errorCode"] == "ENTITY_IS_DELETED"
    with pytest.raises(SalesforceMalformedRequest):
        contacts.create({"LastName": ""})
    assert salesforce.describe()["sobjects"]
    assert contacts.describe()["name"] == "Contact"
    assert salesforce.limits()["DailyApiRequests"]["Remaining"] > 0


def test_simple_salesforce_logs_in_with_a_jwt(org: OrgClient) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    session = org.session()
    anna: Any = Salesforce(
        username=ANNA, consumer_key="sandbox-consumer", privatekey=pem, session=session, domain="login"
    )
    created = anna.restful("sobjects/Contact/", method="POST", json={"LastName": "A"})
    [contact] = anna.query(f"SELECT OwnerId FROM Contact WHERE Id = '{created['id']}'")["records"]
    assert contact["OwnerId"] == org.user_id(ANNA)


def test_a_person_works_on_the_pages(org: OrgClient) -> None:
    pages = org.others.enter_context(
        httpx.Client(base_url=org.server.salesforce_url, follow_redirects=True, trust_env=False)
    )
    pages.post("/pages/act_as", data={"user": ANNA})
    pages.post("/pages/accounts/new", data={"Name": "O'Neil & Söhne"})
    saved = pages.post("/pages/contacts/new", data={"LastName": "Äpfel", "account": "O'NEIL & söhne"})
    assert saved.status_code == 200
    assert "Äpfel" in saved.text
    assert "O&#39;Neil &amp; Söhne" in saved.text
    [contact] = org.query("SELECT Id, Account.Name, Owner.Username FROM Contact")
    assert (contact["Account"]["Name"], contact["Owner"]["Username"]) == ("O'Neil & Söhne", ANNA)
    assert org.log()[-1]["actor"] == f"user:{ANNA}"
    form = pages.get(f"/pages/contacts/{contact['Id']}")
    assert "Äpfel" in form.text
    refused = pages.post(f"/pages/contacts/{contact['Id']}", data={"LastName": "x" * 81, "account": ""})
    assert refused.status_code == 400
    assert "data value too large" in refused.text
    pages.post(f"/pages/contacts/{contact['Id']}", data={"LastName": "Apfel", "account": ""})
    assert org.get(contact["Id"])["AccountId"] is None
    assert pages.get("/pages/accounts", params={"q": "söhne"}).text.count("/pages/accounts/001") == 1
    assert len(pages.get("/pages/accounts/suggest", params={"q": "neil"}).json()) == 1
    pages.post(f"/pages/contacts/{contact['Id']}/delete")
    assert contact["Id"] in pages.get("/pages/bin").text
    pages.post("/pages/bin", data={"id": contact["Id"]})
    other = org.create(LastName="Birne")
    merged = pages.post("/pages/merge", content=f"id={contact['Id']}&id={other}".encode())
    assert merged.status_code == 200
    assert (
        org.query(f"SELECT MasterRecordId FROM Contact WHERE Id = '{other}'", "queryAll")[0]["MasterRecordId"]
        == contact["Id"]
    )
