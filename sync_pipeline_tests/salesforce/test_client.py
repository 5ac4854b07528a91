"""Login, reading and writing through the product's client, against the sandbox and its faults."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from sync_pipeline.model.errors import SideUnavailable
from sync_pipeline.salesforce.client import Org
from sync_pipeline.salesforce.session import OrgSession
from sync_pipeline.salesforce.writes import RowResult
from sync_pipeline.settings import Secrets
from sync_pipeline.transport import OutcomeUnknown, Policy, Refused, RequestCounter, ServerClock, redact
from sync_pipeline_tests.salesforce.kit import ADMINISTRATOR, Connect, fault, with_key
from sync_pipeline_tests.sandbox.salesforce_client import ANNA, BEN, OrgClient


def refusal(result: RowResult) -> Refused:
    assert isinstance(result.error, Refused)
    return result.error


# -- login ------------------------------------------------------------------------------------------------------------


def test_client_credentials_tell_org_and_user(org: Org) -> None:
    identity = org.identity()
    assert identity.org_id.startswith("00D")
    assert len(identity.org_id) == 18
    assert identity.user_id == org.user_id
    assert org.username()
    assert org.instance_url.startswith("http://127.0.0.1:")


def test_a_jwt_stands_for_the_named_user(connect: Connect, person: OrgClient) -> None:
    org = connect(with_key(), auth="jwt", credentials="per_user", domain="test")
    assert org.username() == ADMINISTRATOR
    anna = org.as_user(ANNA)
    assert (anna.username(), anna.user_id) == (ANNA, person.user_id(ANNA))
    assert org.as_user(ANNA) is anna


def test_a_password_login_works_and_warns(
    connect: Connect, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync_pipeline.salesforce.session._warned", threading.Event())
    secrets = replace(Secrets.sandbox(), salesforce_username=ANNA, salesforce_password="sandbox-password")
    assert connect(secrets, auth="password", domain="test").username() == ANNA
    assert "prefer jwt" in caplog.text


@pytest.mark.parametrize(
    ("secrets", "settings", "words"),
    [
        (replace(Secrets.sandbox(), salesforce_client_secret="wrong-secret"), {}, "CLIENT_SECRET"),
        (
            replace(with_key(), salesforce_username="nobody@acme.example.com"),
            {"auth": "jwt", "domain": "test"},
            "pre-authorises",
        ),
        (replace(with_key(), salesforce_client_id="wrong"), {"auth": "jwt", "domain": "test"}, "CLIENT_ID"),
        (replace(with_key(), salesforce_private_key="no key"), {"auth": "jwt", "domain": "test"}, "PEM"),
        (
            replace(Secrets.sandbox(), salesforce_username=ANNA, salesforce_password="wrong-password"),
            {"auth": "password", "domain": "test"},
            "password",
        ),
    ],
)
def test_wrong_credentials_stop_the_side_and_show_no_secret(
    connect: Connect, secrets: Secrets, settings: dict[str, str], words: str
) -> None:
    with pytest.raises(SideUnavailable) as caught:
        connect(secrets, **settings).identity()
    assert caught.value.code == "salesforce_credentials"
    assert caught.value.side == "salesforce"
    assert words in caught.value.remedy
    assert not [value for value in secrets.values() if value in str(caught.value)]


def test_a_login_that_nobody_answers_is_an_outage(connect: Connect, person: OrgClient, pauses: list[float]) -> None:
    fault(person, "503", "/oauth2/token", times=99, actor=None)
    with pytest.raises(SideUnavailable) as caught:
        connect().identity()
    assert caught.value.code == "salesforce_unreachable"
    assert len(pauses) == 4


def test_an_address_where_nothing_listens_is_an_outage(connect: Connect) -> None:
    with pytest.raises(SideUnavailable) as caught:
        connect(url="http://127.0.0.1:9").identity()
    assert caught.value.code == "salesforce_unreachable"


def test_an_expired_token_is_renewed_within_the_call(org: Org, person: OrgClient) -> None:
    org.identity()
    person.control("expire_tokens", {})
    assert org.users()
    person.control("expire_tokens", {})
    [result] = org.create([{"LastName": "Adler"}])
    assert result.error is None


def test_a_token_is_a_secret_from_its_first_use(org: Org) -> None:
    org.identity()
    connection = org._salesforce
    assert connection is not None
    assert connection.session_id not in redact(f"sent {connection.session_id} there")


def test_plain_http_is_for_loopback_only() -> None:
    options = {"policy": Policy(), "counter": RequestCounter(), "clock": ServerClock()}
    with pytest.raises(ValueError, match="loopback"):
        OrgSession("http://acme.example.com", **options)  # type: ignore[arg-type]
    with OrgSession(None, **options) as session, pytest.raises(ValueError, match="https only"):  # type: ignore[arg-type]
        session.request("GET", "http://acme.example.com/services/data")


# -- reading ----------------------------------------------------------------------------------------------------------


def test_describe_gives_the_rows_of_the_mirror(org: Org) -> None:
    fields = {field["name"]: field for field in org.describe()}
    assert fields["LastName"] == {
        "name": "LastName", "label": "Last Name", "type": "string", "length": 80, "createable": True,
        "updateable": True, "nillable": False, "defaulted": False, "restricted": False, "picklist": [],
    }  # fmt: skip
    assert "Mr." in fields["Salutation"]["picklist"]
    assert not fields["SystemModstamp"]["createable"]


def test_users_give_the_rows_of_the_mirror(org: Org, person: OrgClient) -> None:
    users = {user["username"]: user for user in org.users()}
    assert users[ANNA]["id"] == person.user_id(ANNA)
    assert set(users[ANNA]) == {"id", "username", "email", "name", "is_active"}


def test_a_query_follows_its_pages(org: Org, person: OrgClient, counter: RequestCounter) -> None:
    person.control("switches", {"salesforce_page_size": 200})
    org.create([{"LastName": f"Name {number:03}"} for number in range(450)])
    before = counter.rows()[0]["calls"]
    pages = list(org.query("SELECT LastName FROM Contact ORDER BY LastName"))
    assert [len(page) for page in pages] == [200, 200, 50]
    assert [row["LastName"] for page in pages for row in page] == [f"Name {number:03}" for number in range(450)]
    assert counter.rows()[0]["calls"] - before == 3


def test_the_recycle_bin_is_read_only_where_asked(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    org.delete([contact])
    soql = "SELECT Id, IsDeleted FROM Contact"
    assert [row for page in org.query(soql) for row in page] == []
    assert [(row["Id"], row["IsDeleted"]) for page in org.query(soql, include_deleted=True) for row in page] == [
        (contact, True)
    ]


def test_retrieve_gives_none_for_what_is_not_there(org: Org, person: OrgClient) -> None:
    kept, gone = person.create(LastName="Adler"), person.create(LastName="Berg")
    org.delete([gone])
    found = org.retrieve([gone, kept, gone, "003000000000000AAA"], ["LastName", "Account.Name", "Id"])
    assert list(found) == [gone, kept, "003000000000000AAA"]
    assert found[gone] is found["003000000000000AAA"] is None
    assert (found[kept] or {})["LastName"] == "Adler"


def test_retrieve_takes_more_than_one_call_holds(org: Org) -> None:
    ids = [result.id for result in org.create([{"LastName": f"Name {number}"} for number in range(2050)])]
    assert [row["Id"] for row in org.retrieve(ids, ["LastName"]).values() if row] == ids


def test_the_delete_log_tells_what_was_deleted_and_how_far_it_knows(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    person.control("clock", {"advance_seconds": -7200})
    org.delete([contact])
    person.control("clock", {"advance_seconds": 7200})
    org.identity()
    now = org.server_time()
    assert org.deleted_since(now - timedelta(hours=3), now) == [contact]
    assert org.deleted_since(now - timedelta(days=16), now) is None


def test_the_calls_of_the_day_are_known_from_the_last_answer(org: Org) -> None:
    assert org.limits_used() is None
    org.identity()
    used = org.limits_used()
    assert used is not None
    assert 0 < used[0] < used[1]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("REQUEST_LIMIT_EXCEEDED", "salesforce_limit"),
        ("429", "salesforce_limit"),
        ("403", "salesforce_credentials"),
        ("500", "salesforce_unreachable"),
        ("503", "salesforce_unreachable"),
        ("connection_reset", "salesforce_unreachable"),
        ("truncated_body", "salesforce_unreachable"),
        ("html_error", "salesforce_unreachable"),
    ],
)
def test_a_read_that_keeps_failing_stops_the_side(org: Org, person: OrgClient, name: str, code: str) -> None:
    org.identity()
    fault(person, name, "/query", times=99)
    with pytest.raises(SideUnavailable) as caught:
        org.users()
    assert caught.value.code == code


@pytest.mark.parametrize(
    "name", ["REQUEST_LIMIT_EXCEEDED", "429", "500", "503", "timeout", "truncated_body", "html_error"]
)
def test_a_read_that_fails_twice_is_read_at_last(
    connect: Connect, person: OrgClient, name: str, pauses: list[float]
) -> None:
    org = connect(read_timeout=0.5)
    org.identity()
    fault(person, name, "/query", times=2)
    assert org.users()
    assert len(pauses) == 2


def test_a_token_that_is_never_accepted_stops_the_side_after_one_renewal(org: Org, person: OrgClient) -> None:
    org.identity()
    fault(person, "401", "/query", times=99)
    with pytest.raises(SideUnavailable) as caught:
        org.users()
    assert caught.value.code == "salesforce_credentials"


def test_a_wrong_query_is_refused_with_salesforces_words(org: Org) -> None:
    with pytest.raises(Refused) as caught:
        list(org.query("SELECT Nope FROM Contact"))
    assert (caught.value.status, caught.value.error_code) == (400, "INVALID_FIELD")


# -- writing ----------------------------------------------------------------------------------------------------------


def test_rows_are_written_two_hundred_at_once_and_answered_in_order(
    org: Org, person: OrgClient, counter: RequestCounter
) -> None:
    org.identity()
    before = counter.rows()[0]["calls"]
    results = org.create([{"LastName": f"Name {number}"} for number in range(401)])
    assert counter.rows()[0]["calls"] - before == 3
    names = {row["Id"]: row["LastName"] for page in org.query("SELECT Id, LastName FROM Contact") for row in page}
    assert [names[result.id] for result in results] == [f"Name {number}" for number in range(401)]


def test_a_bad_row_fails_alone_with_its_field(org: Org, person: OrgClient) -> None:
    results = org.create([{"LastName": "Adler"}, {"LastName": "x" * 81}, {"FirstName": "Ida"}, {"LastName": "Berg"}])
    assert [result.error is None for result in results] == [True, False, False, True]
    assert (refusal(results[1]).error_code, results[1].fields) == ("STRING_TOO_LONG", ["LastName"])
    assert refusal(results[2]).error_code == "REQUIRED_FIELD_MISSING"
    assert sorted(person.names("Id != null")) == ["Adler", "Berg"]


def test_a_value_that_refuses_the_whole_call_fails_alone_too(org: Org, person: OrgClient) -> None:
    rows = [{"LastName": f"Name {number:03}"} for number in range(50)]
    rows[17]["Birthdate"] = "never"
    rows[18]["Birthdate"] = "1980-02-29"
    results = org.create(rows)
    assert [place for place, result in enumerate(results) if result.error] == [17]
    assert refusal(results[17]).error_code == "JSON_PARSER_ERROR"
    assert len(person.names("Id != null")) == 49


def test_rows_that_all_refuse_the_call_cost_a_bounded_number_of_calls(org: Org, counter: RequestCounter) -> None:
    org.identity()
    before = counter.rows()[0]["calls"]
    results = org.create([{"LastName": "Name", "Nope__c": "x"}] * 1000)
    assert {refusal(result).error_code for result in results} == {"INVALID_FIELD"}
    assert len(results) == 1000
    assert counter.rows()[0]["calls"] - before <= 130


def test_an_update_changes_only_what_it_names(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler", Phone="1", Title="Boss")
    [first, second] = org.update(
        [{"id": contact, "Phone": None, "Title": "CEO"}, {"Id": "003000000000000AAA", "Title": "x"}]
    )
    assert first == RowResult(id=contact)
    assert second.error is not None
    record = person.get(contact)
    assert (record["LastName"], record["Phone"], record["Title"]) == ("Adler", None, "CEO")


def test_a_deletion_of_what_is_deleted_says_so(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    assert org.delete([contact]) == [RowResult(id=contact)]
    assert refusal(org.delete([contact])[0]).error_code == "ENTITY_IS_DELETED"


def test_what_was_deleted_is_undeleted_each_with_its_own_result(org: Org, person: OrgClient) -> None:
    contacts = [person.create(LastName=name) for name in ("Adler", "Bär <&>")]
    org.delete(contacts)
    person.control("salesforce/empty_bin", {"ids": contacts[:1]})
    gone, back = org.undelete(contacts)
    assert refusal(gone).error_code == "UNDELETE_FAILED"
    assert back == RowResult(id=contacts[1])
    assert contact_names(org) == ["Bär <&>"]


def test_an_undelete_renews_its_session_and_a_lost_answer_is_not_repeated(org: Org, person: OrgClient) -> None:
    contact = person.create(LastName="Adler")
    org.delete([contact])
    person.control("expire_tokens", {})
    assert org.undelete([contact]) == [RowResult(id=contact)]
    org.delete([contact])
    fault(person, "connection_reset", "/services/Soap", position="response_lost", actor=None)
    [lost] = org.undelete([contact])
    assert isinstance(lost.error, OutcomeUnknown)
    assert [row["action"] for row in person.log() if row["id"] == contact][-1] == "undelete"


def test_an_upsert_by_an_external_id_is_harmless_to_repeat(org: Org, person: OrgClient) -> None:
    person.control("salesforce/fields", {"object": "Contact", "name": "Key__c", "externalId": True, "unique": True})
    rows = [{"LastName": "Adler", "Key__c": "k1"}]
    [created], [again] = org.upsert("Key__c", rows), org.upsert("Key__c", rows)
    assert (created.error, again.error, again.id) == (None, None, created.id)


def test_a_duplicate_rule_refuses_the_row_and_names_the_matches(org: Org, person: OrgClient) -> None:
    person.control("salesforce/duplicate_rules", {"object": "Contact", "fields": ["Email"], "action": "alert"})
    known = person.create(LastName="Adler", Email="ida@example.com")
    row = {"LastName": "Other", "Email": "ida@example.com"}
    [result, fine] = org.create([row, {"LastName": "Berg"}])
    assert (refusal(result).error_code, result.duplicates) == ("DUPLICATES_DETECTED", [known])
    assert fine.error is None
    [allowed] = org.create([row], allow_duplicates=True)
    assert allowed.error is None
    assert org.update([{"Id": allowed.id, "Email": "IDA@example.com"}])[0].error is None


def test_a_renewed_token_keeps_the_duplicate_header(org: Org, person: OrgClient) -> None:
    person.control("salesforce/duplicate_rules", {"object": "Contact", "fields": ["Email"], "action": "alert"})
    person.create(LastName="Adler", Email="ida@example.com")
    org.identity()
    person.control("expire_tokens", {})
    assert org.create([{"LastName": "Other", "Email": "ida@example.com"}], allow_duplicates=True)[0].error is None


def test_a_locked_call_is_sent_again_after_a_pause(org: Org, person: OrgClient, pauses: list[float]) -> None:
    org.identity()
    fault(person, "UNABLE_TO_LOCK_ROW", "/composite/sobjects", times=2)
    assert org.create([{"LastName": "Adler"}])[0].error is None
    assert len(pauses) == 2
    assert person.names("Id != null") == ["Adler"]


def test_a_locked_row_is_sent_again_alone(org: Org, person: OrgClient, pauses: list[float]) -> None:
    rule = {"object": "Contact", "field": "LastName", "contains": "Locked", "message": "locked", "times": 1}
    person.control("salesforce/validation_rules", {**rule, "error_code": "UNABLE_TO_LOCK_ROW"})
    results = org.create([{"LastName": "Adler"}, {"LastName": "Locked"}])
    assert [result.error for result in results] == [None, None]
    assert len(pauses) == 1
    assert sorted(person.names("Id != null")) == ["Adler", "Locked"]


@pytest.mark.parametrize("name", ["500", "503", "timeout", "connection_reset", "truncated_body", "html_error"])
def test_a_write_whose_answer_is_lost_is_never_sent_twice(connect: Connect, person: OrgClient, name: str) -> None:
    org = connect(read_timeout=0.5)
    org.identity()
    fault(person, name, "/composite/sobjects", position="response_lost")
    results = org.create([{"LastName": "Adler"}, {"LastName": "Berg"}])
    assert [type(result.error) for result in results] == [OutcomeUnknown, OutcomeUnknown]
    assert sorted(person.names("Id != null")) == ["Adler", "Berg"]


def test_chunks_around_a_lost_one_have_their_own_results(org: Org, person: OrgClient) -> None:
    org.identity()
    fault(person, "connection_reset", "/composite/sobjects", position="response_lost", nth=2)
    results = org.create([{"LastName": f"Name {number}"} for number in range(600)])
    kinds = [type(result.error).__name__ for result in results]
    assert kinds == ["NoneType"] * 200 + ["OutcomeUnknown"] * 200 + ["NoneType"] * 200
    assert len(contact_names(org)) == 600


def test_when_the_limit_is_reached_the_rest_is_refused_without_asking(
    org: Org, person: OrgClient, counter: RequestCounter
) -> None:
    org.identity()
    fault(person, "REQUEST_LIMIT_EXCEEDED", "/composite/sobjects", times=99)
    before = counter.rows()[0]["calls"]
    results = org.create([{"LastName": f"Name {number}"} for number in range(1000)])
    assert {refusal(result).error_code for result in results} == {"REQUEST_LIMIT_EXCEEDED"}
    assert counter.rows()[0]["calls"] - before == 5
    assert person.names("Id != null") == []


def test_a_login_lost_between_chunks_keeps_the_results_before_it(org: Org, person: OrgClient) -> None:
    org.identity()
    fault(person, "401", "/composite/sobjects", times=99, nth=2)
    fault(person, "503", "/oauth2/token", times=99, actor=None)
    results = org.create([{"LastName": f"Name {number}"} for number in range(600)])
    assert [result.error is None for result in results] == [True] * 200 + [False] * 400
    assert refusal(results[-1]).error_code == "salesforce_unreachable"


def test_no_rows_are_no_call(org: Org, counter: RequestCounter) -> None:
    assert org.create([]) == org.update([]) == org.delete([]) == []
    assert org.retrieve([], ["LastName"]) == {}
    assert counter.rows() == []


def contact_names(org: Org) -> list[str]:
    return [row["LastName"] for page in org.query("SELECT LastName FROM Contact") for row in page]


def test_a_user_is_somebody_else_in_the_log(connect: Connect, person: OrgClient) -> None:
    org = connect(with_key(), auth="jwt", credentials="per_user", domain="test")
    [result] = org.as_user(BEN).create([{"LastName": "Adler"}])
    assert person.get(result.id)["CreatedById"] == person.user_id(BEN)


def test_the_reserve_of_daily_calls_is_left_to_others(connect: Connect, counter: RequestCounter) -> None:
    org = connect(api_reserve=100_000)
    org.identity()  # the first answer tells how many calls are left
    with pytest.raises(SideUnavailable, match="api_reserve keeps 100000 for others") as caught:
        org.users()
    assert caught.value.code == "salesforce_limit"
    before = counter.rows()[0]["calls"]
    results = org.create([{"LastName": "Adler"}])
    assert refusal(results[0]).error_code == "REQUEST_LIMIT_EXCEEDED"
    assert counter.rows()[0]["calls"] == before
