"""Every call of the Graph client against the sandbox, and what it makes of each fault."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sync_pipeline.model.errors import MailboxStopped, SideUnavailable
from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.outlook import client as client_module
from sync_pipeline.outlook.batch import SubRequest
from sync_pipeline.outlook.client import Graph, Mailbox
from sync_pipeline.outlook.properties import CATEGORY, CATEGORY_COLOR, COPY_OF, FOLDER_NAME, STAMP, Mark, extended_value
from sync_pipeline.outlook.rows import copy, creation, differences, patch, row
from sync_pipeline.sandbox.server import SandboxServer
from sync_pipeline.settings import GraphSettings, Secrets
from sync_pipeline.transport import OutcomeUnknown, Policy, Refused, RequestCounter, ServerClock, Verb
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient

FIELDS = apply_mapping({})
ORG, CONTACT = "00D000000000001AAA", "003000000000001AAA"
MARK = Mark(ORG, "installation", 3)
LOST = ["500", "502", "503", "504", "timeout", "connection_reset", "truncated_body", "html_error"]


def fault(anna: GraphClient, name: str, *, position: str = "refused", times: int = 1, **match: Any) -> None:
    description = {"match": {"service": "graph", "actor": "application", **match}, "fault": name, "position": position}
    anna.control("POST", "faults", [{**description, "times": times, "hold_seconds": 3}])


def create(mailbox: Mailbox, folder: str, **values: str) -> dict[str, Any]:
    body = creation({"last_name": "Lee", **values}, {"stamp": CONTACT}, FIELDS, org_id=ORG)
    [result] = mailbox.batch([mailbox.create_request(folder, body)])
    assert result.error is None
    return dict(result.body)


def test_a_mailbox_is_its_user_folders_and_categories(
    mailbox: Mailbox, anna: GraphClient, counter: RequestCounter
) -> None:
    top = anna.folder("Club")
    below = anna.ok("POST", f"contactFolders/{top}/childFolders", json={"displayName": "Board"})["id"]
    in_default = anna.ok("POST", "contactFolders/contacts/childFolders", json={"displayName": "Team"})["id"]
    gone = anna.folder("Old")
    anna.ok("DELETE", f"contactFolders/{gone}")
    survey = mailbox.survey()
    roles = {folder.name: folder.role for folder in survey.folders}
    assert roles == {
        "Contacts": "default", "Deleted Items": "deleted", "Club": "other", "Board": "other", "Team": "other",
        "Old": "deleted",
    }  # fmt: skip
    assert {below, in_default, gone} <= {folder.id for folder in survey.folders}
    assert (survey.user["mail"], survey.categories) == (ANNA, [])
    before = counter.rows()[-1]["calls"]
    assert before <= 3, "one call, and one for each level of folders"
    anna.ok("DELETE", f"contactFolders/{below}")
    again = mailbox.survey([in_default, top, below])
    assert {folder.name: folder.role for folder in again.folders} == {**roles, "Board": "deleted"}
    assert counter.rows()[-1]["calls"] == before + 2, "the folders known stand in the first call; Old and Board do not"


def test_a_mailbox_with_many_folders_is_read_to_the_last_page(
    mailbox: Mailbox, anna: GraphClient, monkeypatch: Any
) -> None:
    for number in range(12):
        anna.folder(f"F{number}")
    monkeypatch.setattr("sync_pipeline.outlook.folders._PAGE", 5)
    assert len(mailbox.contact_folders()) == 14


def test_an_unknown_mailbox_and_one_that_is_closed_to_us_are_told_apart(
    graph: Graph, mailbox: Mailbox, anna: GraphClient
) -> None:
    with pytest.raises(MailboxStopped) as stopped:
        graph.mailbox("nobody@example.com").survey()
    assert stopped.value.code == "mailbox_unknown"
    fault(anna, "403", path="contactFolders")
    with pytest.raises(MailboxStopped) as stopped:
        mailbox.survey()
    assert (stopped.value.code, stopped.value.mailbox) == ("mailbox_forbidden", ANNA)


def test_the_folder_is_created_with_its_mark(mailbox: Mailbox) -> None:
    created = mailbox.create_folder(FOLDER_NAME, MARK)
    assert (created.name, created.org, created.installation, created.run) == (FOLDER_NAME, ORG, "installation", 3)
    marked = mailbox.mark_folder(created.id, Mark(ORG, "installation", 4))
    assert marked.run == 4
    assert mailbox.read_folder(created.id) == marked
    assert mailbox.read_folder("nothing") is None


@pytest.mark.parametrize("status", [409, 400])
def test_a_folder_of_that_name_is_taken_as_it_is(mailbox: Mailbox, anna: GraphClient, status: int) -> None:
    anna.control("POST", "switches", {"folder_exists_status": status})
    hers = anna.folder(FOLDER_NAME)
    found = mailbox.create_folder(FOLDER_NAME, MARK)
    assert (found.id, found.run) == (hers, None)


def test_the_category_is_listed_once(mailbox: Mailbox, anna: GraphClient) -> None:
    assert not mailbox.category_listed(CATEGORY)
    mailbox.ensure_category(CATEGORY, CATEGORY_COLOR)
    mailbox.ensure_category("salesforce", CATEGORY_COLOR)
    assert mailbox.category_listed(CATEGORY)
    names = [entry["displayName"] for entry in anna.ok("GET", "outlook/masterCategories")["value"]]
    assert names == [CATEGORY]


def test_a_created_contact_is_read_as_it_was_sent(mailbox: Mailbox) -> None:
    folder = mailbox.create_folder(FOLDER_NAME, MARK).id
    values = {
        "salutation": "Dr.", "first_name": "Zoë", "last_name": "O'Hara-Ångström", "email": "z@example.com",
        "phone": "+1 2", "fax": "55", "other_phone": "66", "assistant_phone": "77", "birthdate": "1980-02-29",
        "mailing_city": "Bern", "other_street": "1 High St\nFlat 2", "description": "a\nb",
    }  # fmt: skip
    item = create(mailbox, folder, **values)
    found = mailbox.read([item["id"], "nothing"])
    assert found["nothing"] is None
    mirrored = row(found[item["id"]] or {}, FIELDS, ANNA)
    lists = {"email": "email_list", "phone": "phone_list"}
    shown = {name: mirrored[lists[name]][0] if name in lists else mirrored[name] for name in values}
    assert shown == values
    assert (mirrored["stamp_org"], mirrored["stamp_contact"], mirrored["folder_id"]) == (ORG, CONTACT, folder)
    assert [entry["id"] for entry in mailbox.find_by_property(folder, STAMP, f"{ORG}/{CONTACT}".lower())] == [
        item["id"]
    ]
    assert mailbox.find_by_property(folder, STAMP, "it's not there") == []


def test_a_listing_has_every_page_and_every_extended_property(mailbox: Mailbox, monkeypatch: Any) -> None:
    monkeypatch.setattr(client_module, "LISTING_PAGE", 10)
    folder = mailbox.create_folder(FOLDER_NAME, MARK).id
    bodies = [creation({"last_name": str(number), "fax": str(number)}, {}, FIELDS) for number in range(45)]
    results = mailbox.batch([mailbox.create_request(folder, body) for body in bodies])
    assert [result.status for result in results] == [201] * 45
    assert [result.body["surname"] for result in results] == [str(number) for number in range(45)], (
        "in the requests' order"
    )
    pages = list(mailbox.listing(folder))
    assert [len(page) for page in pages] == [10, 10, 10, 10, 5]
    assert [row(item, FIELDS, ANNA)["fax"] for page in pages for item in page] == [str(number) for number in range(45)]


def test_of_folders_that_are_not_ours_only_ids_and_categories_are_taken(mailbox: Mailbox, anna: GraphClient) -> None:
    anna.contact(surname="Private", categories=["Family"])
    default = next(folder for folder in mailbox.contact_folders() if folder.role == "default")
    [[entry]] = list(mailbox.identities(default.id))
    assert set(entry) == {"id", "categories"}
    [changed] = mailbox.changes(default.id).changed
    assert set(changed) == {"id", "categories", "changeKey", "parentFolderId"}
    assert mailbox.categories_of([entry["id"], "nothing"]) == {entry["id"]: ["Family"]}


@pytest.mark.parametrize("is_rejected", [False, True])
def test_changes_are_told_since_the_link(mailbox: Mailbox, anna: GraphClient, is_rejected: bool) -> None:
    anna.control("POST", "switches", {"delta_select_rejected": is_rejected})
    folder = anna.folder()
    first, second = anna.contact(folder, surname="A"), anna.contact(folder, surname="B")
    start = mailbox.changes(folder)
    assert {item["id"] for item in start.changed} == {first["id"], second["id"]}
    assert set(start.changed[0]) <= {"id", "categories", "changeKey", "parentFolderId"}, (
        "other values are dropped at once"
    )
    assert mailbox.changes(folder, start.link).changed == []
    anna.ok("PATCH", f"contacts/{first['id']}", json={"surname": "C"})
    anna.ok("DELETE", f"contacts/{second['id']}")
    later = mailbox.changes(folder, start.link)
    assert ([item["id"] for item in later.changed], later.removed, later.restarted) == (
        [first["id"]],
        [second["id"]],
        False,
    )


def test_a_link_that_expired_starts_the_round_again(mailbox: Mailbox, anna: GraphClient) -> None:
    folder = anna.folder()
    item = anna.contact(folder, surname="A")
    link = mailbox.changes(folder).link
    anna.control("POST", "graph/expire_delta", {})
    again = mailbox.changes(folder, link)
    assert ([entry["id"] for entry in again.changed], again.restarted) == ([item["id"]], True)


def test_a_link_is_followed_to_our_own_host_only(mailbox: Mailbox, anna: GraphClient) -> None:
    folder = anna.folder()
    link = mailbox.changes(folder).link
    moved = "https://elsewhere.example.com" + link[link.index("/v1.0") :]
    assert mailbox.changes(folder, moved).changed == []


def test_a_change_is_made_on_condition_that_the_contact_is_as_it_was_read(mailbox: Mailbox, anna: GraphClient) -> None:
    folder = mailbox.create_folder(FOLDER_NAME, MARK).id
    item = create(mailbox, folder, first_name="Ann")
    anna.ok("PATCH", f"contacts/{item['id']}", json={"jobTitle": "Boss"})
    body = patch(item, [], {}, FIELDS)
    update, delete = (
        mailbox.update_request(item["id"], body, change_key=item["changeKey"]),
        mailbox.delete_request(item["id"], change_key=item["changeKey"]),
    )
    for result in mailbox.batch([update, delete]):
        assert isinstance(result.error, Refused)
        assert (result.status, result.error.error_code) == (412, "ErrorIrresolvableConflict")
    fresh = mailbox.read([item["id"]])[item["id"]]
    assert fresh is not None
    [result] = mailbox.batch([mailbox.delete_request(item["id"], change_key=fresh["changeKey"])])
    assert (result.status, result.error) == (204, None)


def test_a_copy_holds_all_of_the_original(mailbox: Mailbox, anna: GraphClient) -> None:
    hers = anna.contact(
        surname="Lee", nickName="Annie", imAddresses=["im"], homePhones=["5"], children=["Kim"], birthday="1974-07-22",
        emailAddresses=[{"name": "Ann", "address": "a@example.com"}, {"name": "Home", "address": "h@example.com"}],
        homeAddress={"city": "Bern"}, categories=["Red"], spouseName="Max", fileAs="Lee (club)",
        singleValueExtendedProperties=[{"id": "String 0x3A21", "value": "pager"}],
    )  # fmt: skip
    folder = mailbox.create_folder(FOLDER_NAME, MARK).id
    whole = mailbox.whole(hers["id"])
    assert whole is not None
    body = copy(whole, [], {"stamp": CONTACT}, FIELDS, org_id=ORG)
    [result] = mailbox.batch([mailbox.create_request(folder, body)])
    made = mailbox.whole(result.body["id"])
    assert made is not None
    assert differences(body, made) == []
    assert extended_value(made, COPY_OF) == hers["id"]
    assert extended_value(made, "String 0x3A21") == "pager"
    assert mailbox.whole("nothing") is None


def test_a_photo_is_put_and_read(mailbox: Mailbox, anna: GraphClient) -> None:
    item = anna.contact(surname="Lee")
    assert mailbox.photo(item["id"]) is None
    mailbox.put_photo(item["id"], b"\x89PNG\r\n")
    assert mailbox.photo(item["id"]) == b"\x89PNG\r\n"


@pytest.mark.parametrize("name", [*LOST, "429", "429_without_retry_after", "401"])
def test_reading_goes_on_after_a_passing_fault(mailbox: Mailbox, anna: GraphClient, name: str) -> None:
    folder = anna.folder()
    item = anna.contact(folder, surname="Lee")
    fault(anna, name, path="delta")
    assert len(mailbox.changes(folder).changed) == 1
    fault(anna, name, path="batch")
    assert mailbox.read([item["id"]])[item["id"]] is not None
    fault(anna, name, path=f"contacts/{item['id'][:12]}")
    assert mailbox.read([item["id"]])[item["id"]] is not None


@pytest.mark.parametrize("name", ["500", "503", "429", "html_error"])
def test_what_cannot_be_read_stops_the_mailbox(mailbox: Mailbox, anna: GraphClient, name: str) -> None:
    folder = anna.folder()
    fault(anna, name, path="contacts", times=99)
    for read in (lambda: mailbox.changes(folder), lambda: list(mailbox.listing(folder)), lambda: mailbox.read(["x"])):
        with pytest.raises(MailboxStopped):
            read()


@pytest.mark.parametrize("position", ["refused", "response_lost"])
@pytest.mark.parametrize("name", LOST)
def test_a_creation_whose_answer_was_lost_is_not_sent_again(
    mailbox: Mailbox, anna: GraphClient, name: str, position: str
) -> None:
    folder = anna.folder()
    body = creation({"last_name": "Lee"}, {}, FIELDS)
    for path in ("batch", "/contacts$"):
        mark = len(anna.log())
        fault(anna, name, position=position, path=path, method="POST")
        [result] = mailbox.batch([mailbox.create_request(folder, body)])
        assert isinstance(result.error, OutcomeUnknown)
        assert len(anna.log(mark)) == (1 if position == "response_lost" else 0)


def test_only_the_failed_parts_of_a_batch_are_sent_again(mailbox: Mailbox, anna: GraphClient) -> None:
    folder = anna.folder()
    fault(anna, "429", path=f"{folder[:12]}.*/contacts$", method="POST", nth=3, times=4)
    bodies = [creation({"last_name": str(number)}, {}, FIELDS) for number in range(20)]
    results = mailbox.batch([mailbox.create_request(folder, body) for body in bodies])
    assert [result.status for result in results] == [201] * 20
    assert len(anna.ok("GET", f"contactFolders/{folder}/contacts?$top=100")["value"]) == 20


def test_a_conditional_part_that_was_lost_is_repeated_and_its_own_effect_is_doubt(
    mailbox: Mailbox, anna: GraphClient
) -> None:
    folder = anna.folder()
    items = [anna.contact(folder, surname=str(number)) for number in range(2)]
    requests = [
        mailbox.update_request(item["id"], {"displayName": "D"}, change_key=item["changeKey"]) for item in items
    ]
    fault(anna, "503", position="response_lost", method="PATCH", path=items[0]["id"][:30])
    fault(anna, "503", position="refused", method="PATCH", path=items[1]["id"][:30])
    results = mailbox.batch(requests)
    assert [type(result.error) for result in results] == [OutcomeUnknown, type(None)]
    shown = anna.ok("GET", f"contactFolders/{folder}/contacts")["value"]
    assert [entry["displayName"] for entry in shown] == ["D", "D"]


def test_a_refused_part_fails_alone(mailbox: Mailbox, anna: GraphClient) -> None:
    folder = anna.folder()
    good = creation({"last_name": "Lee"}, {}, FIELDS)
    bad = {"emailAddresses": [{"address": f"{number}@example.com"} for number in range(4)]}
    one, two = mailbox.batch([mailbox.create_request(folder, bad), mailbox.create_request(folder, good)])
    assert isinstance(one.error, Refused)
    assert (one.status, two.status) == (400, 201)
    assert "max allowed value of 3" in one.error.message


def test_an_expired_token_is_renewed_in_the_middle_of_the_work(mailbox: Mailbox, anna: GraphClient) -> None:
    mailbox.survey()
    anna.control("POST", "clock", {"advance_seconds": 7200})
    assert mailbox.survey().user["mail"] == ANNA
    anna.control("POST", "clock", {"advance_seconds": 7200})
    assert [result.status for result in mailbox.batch([SubRequest("GET", "contactFolders")])] == [200]


def test_wrong_credentials_stop_the_whole_side_and_are_not_shown(server: SandboxServer, anna: GraphClient) -> None:
    secrets = Secrets(graph_client_id="sandbox-app", graph_client_secret="mistaken-secret")
    settings = GraphSettings(url=server.graph_url)
    client = Graph(settings, secrets, Policy(sleep=lambda _: None), RequestCounter(), ServerClock())
    with client, pytest.raises(SideUnavailable) as refused:
        client.mailbox(ANNA).survey()
    assert refused.value.code == "graph_credentials"
    assert "mistaken-secret" not in str(refused.value)


def test_a_sandbox_that_is_not_there_is_said_so() -> None:
    settings, policy = GraphSettings(url="http://127.0.0.1:9"), Policy(sleep=lambda _: None)
    client = Graph(settings, Secrets.sandbox(), policy, RequestCounter(), ServerClock())
    with client, pytest.raises(SideUnavailable) as refused:
        client.mailbox(ANNA).survey()
    assert refused.value.code == "graph_login_unreachable"


def test_addresses_and_ids_with_special_characters_reach_their_mailbox(
    graph: Graph, server: SandboxServer, anna: GraphClient
) -> None:
    with pytest.raises(MailboxStopped) as stopped:
        graph.mailbox("a#EXT#/b?c@example.com").survey()
    assert stopped.value.code == "mailbox_unknown"


def test_several_threads_share_one_token(graph: Graph, anna: GraphClient) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: graph.mailbox(ANNA).survey().user["mail"], range(12)))
    assert found == [ANNA] * 12
    assert sum("oauth2" in route for route in _anonymous_routes(anna)) == 2, "one, and one of the fixture's"


def _anonymous_routes(anna: GraphClient) -> list[str]:
    counts = anna.control("GET", "requests")["by_actor"].get("anonymous", {})
    return [route for route, count in counts.items() for _ in range(count)]


def test_verbs_say_what_may_be_repeated(mailbox: Mailbox) -> None:
    assert mailbox.create_request("f", {}).verb is Verb.WRITE
    assert mailbox.delete_request("i", change_key="k").verb is Verb.WRITE
    assert mailbox.update_request("i", {}, change_key="k").verb is Verb.CONDITIONAL
