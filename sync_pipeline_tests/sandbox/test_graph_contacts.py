"""Contacts on the wire: what is stored, what the server derives, what it refuses, and the two ids of each."""

from __future__ import annotations

import httpx

from sync_pipeline_tests.sandbox.graph_client import ANNA, BEN, IMMUTABLE, STAMP, GraphClient


def test_wrong_client_credentials_get_invalid_client(graph: GraphClient) -> None:
    form = {"grant_type": "client_credentials", "client_id": "sandbox-app", "client_secret": "wrong"}
    answer = graph.request("POST", "/contoso/oauth2/v2.0/token", data=form)
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert "error_description" in answer.json()


def test_an_unknown_an_absent_and_an_expired_token_get_401(graph: GraphClient) -> None:
    for headers in ({"Authorization": "Bearer nobody"}, {"Authorization": ""}):
        assert graph.error("GET", "contacts", headers=headers)[:2] == (401, "InvalidAuthenticationToken")
    graph.control("POST", "clock", {"advance_seconds": 3601})
    assert graph.error("GET", "contacts")[0] == 401


def test_users_are_found_by_object_id_and_address_and_the_list_can_be_filtered(graph: GraphClient) -> None:
    by_address = graph.ok("GET", "/v1.0/users/Anna%40example.com")
    assert by_address["userPrincipalName"] == by_address["mail"] == ANNA
    assert graph.ok("GET", f"/v1.0/users/{by_address['id']}")["displayName"] == "Anna Berg"
    assert graph.error("GET", "/v1.0/users/nobody@example.com")[:2] == (404, "Request_ResourceNotFound")
    assert [user["mail"] for user in graph.ok("GET", "/v1.0/users?$top=1")["value"]] == [ANNA]
    assert sum(len(page) for page in graph.pages("/v1.0/users?$top=1")) == 2
    found = graph.ok("GET", "/v1.0/users", params={"$filter": f"mail eq '{BEN}'", "$select": "mail"})["value"]
    assert [set(user) for user in found] == [{"id", "mail"}]


def test_a_person_reaches_the_own_mailbox_only_and_the_application_has_no_me(graph: GraphClient) -> None:
    anna = {"Authorization": f"Bearer user:{ANNA}"}
    assert graph.ok("GET", "/v1.0/me", headers=anna)["mail"] == ANNA
    assert graph.ok("GET", "/v1.0/me", headers={"Authorization": f"Bearer user:{ANNA}.org"})["mail"] == ANNA
    assert graph.error("GET", f"/v1.0/users/{BEN}/contacts", headers=anna)[:2] == (403, "ErrorAccessDenied")
    assert graph.error("GET", "/v1.0/me")[0] == 400
    graph.ok("POST", "/v1.0/me/contacts", headers=anna, json={"surname": "Mine"})
    assert graph.log()[-1]["actor"] == f"user:{ANNA}"


def test_a_new_contact_comes_back_whole_with_empty_collections_and_made_names(graph: GraphClient) -> None:
    answer = graph.request(
        "POST",
        "contacts",
        json={
            "givenName": "Åse",
            "surname": "O'Hara",
            "emailAddresses": [{"address": "ase@example.com"}],
            "businessAddress": {"city": "Oslo", "@odata.type": "microsoft.graph.physicalAddress"},
            "manager": None,
        },
    )
    contact = answer.json()
    assert answer.status_code == 201
    assert contact["displayName"] == "Åse O'Hara"
    assert contact["fileAs"] == "O'Hara, Åse"
    assert contact["businessPhones"] == contact["categories"] == contact["imAddresses"] == []
    assert contact["homeAddress"] == {}
    assert contact["businessAddress"] == {"city": "Oslo"}
    assert contact["manager"] is None
    assert contact["primaryEmailAddress"] == contact["emailAddresses"][0]
    assert contact["@odata.etag"] == f'W/"{contact["changeKey"]}"'
    assert contact["createdDateTime"].endswith("Z")
    assert contact["parentFolderId"] == graph.ok("GET", "contactFolders/contacts")["id"]


def test_a_patch_merges_null_clears_and_the_display_name_follows_the_names(graph: GraphClient) -> None:
    made = graph.contact(
        givenName="Ada",
        surname="King",
        displayName="The Countess",
        jobTitle="Analyst",
        businessPhones=["1", "2"],
        otherAddress={"city": "London", "street": "1 Lane"},
    )
    url = f"contacts/{made['id']}"
    patched = graph.ok("PATCH", url, json={"jobTitle": None, "businessPhones": ["3"], "otherAddress": {"city": "Bath"}})
    assert (patched["jobTitle"], patched["businessPhones"]) == (None, ["3"])
    assert patched["otherAddress"] == {"city": "Bath", "street": "1 Lane"}
    assert patched["displayName"] == "The Countess"
    assert patched["changeKey"] != made["changeKey"]
    assert graph.ok("PATCH", url, json={"surname": "Lovelace"})["displayName"] == "Ada Lovelace"
    both = graph.ok("PATCH", url, json={"surname": "Byron", "displayName": "Ada!"})
    assert (both["displayName"], both["fileAs"]) == ("Ada!", "Byron, Ada")
    ignored = graph.ok("PATCH", url, json={"parentFolderId": "elsewhere", "@odata.type": "#microsoft.graph.contact"})
    assert ignored["parentFolderId"] == made["parentFolderId"]


def test_a_birthday_keeps_its_date_and_gets_outlooks_time(graph: GraphClient) -> None:
    assert graph.contact(birthday="1974-07-22")["birthday"] == "1974-07-22T11:59:00Z"
    assert graph.contact(birthday="1974-07-22T00:00:00Z")["birthday"] == "1974-07-22T11:59:00Z"
    assert graph.error("POST", "contacts", json={"birthday": "soon"})[0] == 400


def test_too_many_entries_unknown_properties_and_wrong_types_are_refused(graph: GraphClient) -> None:
    emails = [{"address": f"{number}@example.com"} for number in range(4)]
    assert graph.error("POST", "contacts", json={"emailAddresses": emails})[2] == (
        "The multi value property EmailAddresses has 4 entries, that exceeds the max allowed value of 3"
    )
    assert graph.error("POST", "contacts", json={"businessPhones": ["1", "2", "3"]})[2].startswith(
        "The multi value property BusinessPhones has 3 entries"
    )
    assert graph.error("POST", "contacts", json={"homePhones": ["1", "2", "3"]})[0] == 400
    assert graph.error("POST", "contacts", json={"shoeSize": "44"})[:2] == (400, "RequestBodyRead")
    assert graph.error("POST", "contacts", json={"surname": 5})[0] == 400
    assert graph.error("POST", "contacts", json={"categories": "Salesforce"})[0] == 400
    assert graph.error("POST", "contacts", content=b"{", headers={"Content-Type": "application/json"})[0] == 400
    assert graph.log() == []


def test_unknown_routes_methods_and_options_are_refused_loudly(graph: GraphClient) -> None:
    made = graph.contact(surname="Stone")
    status, _, message = graph.error("POST", f"contacts/{made['id']}/move", json={})
    assert (status, message) == (400, "Resource not found for the segment 'move'.")
    assert graph.error("PUT", "contacts", json={})[0] == 405
    assert graph.error("GET", "contacts?$search=surname")[1] == "ErrorInvalidUrlQuery"
    assert graph.error("GET", "contacts?$select=shoeSize")[0] == 400
    assert graph.error("GET", "contacts?$filter=surname eq 'Stone'")[1] == "ErrorInvalidUrlQueryFilter"
    assert graph.error("GET", "/beta/users")[0] == 400
    assert graph.error("GET", "contacts/AAMkNothing")[:2] == (404, "ErrorItemNotFound")


def test_a_list_shows_ten_of_one_folder_and_goes_on_by_skiptoken(graph: GraphClient) -> None:
    folder = graph.folder()
    for number in range(12):
        graph.contact(surname=f"S{number}")
    graph.contact(folder, surname="Elsewhere")
    pages = graph.pages("contacts?%24select=surname&$count=true")
    assert [len(page) for page in pages] == [10, 2]
    assert [row["surname"] for page in pages for row in page] == [f"S{number}" for number in range(12)]
    assert set(pages[0][0]) == {"@odata.etag", "id", "surname"}
    assert [len(page) for page in graph.pages("contactFolders/contacts/contacts?$top=1000")] == [12]
    assert len(graph.ok("GET", f"contactFolders('{folder}')/contacts")["value"]) == 1


def test_a_deletion_is_soft_with_a_new_default_id_and_the_same_immutable_id(graph: GraphClient) -> None:
    made = graph.ok("POST", "contacts", json={"surname": "Gone"})
    kept = graph.ok("GET", f"contacts/{made['id']}", headers=IMMUTABLE)["id"]
    assert kept != made["id"]
    assert graph.request("DELETE", f"contacts/{made['id']}").status_code == 204
    assert graph.error("GET", f"contacts/{made['id']}")[0] == 404
    [deleted] = graph.ok("GET", "contactFolders/deleteditems/contacts")["value"]
    assert deleted["id"] != made["id"]
    assert graph.ok("GET", f"contacts/{kept}", headers=IMMUTABLE)["parentFolderId"] == deleted["parentFolderId"]
    graph.ok("DELETE", f"contacts/{kept}")
    assert graph.error("GET", f"contacts/{kept}")[0] == 404
    assert [(row["action"], row["after"] is None) for row in graph.log()] == [
        ("create", False),
        ("delete", False),
        ("delete", True),
    ]
    assert {row["id"] for row in graph.log()} == {kept}


def test_a_users_move_keeps_the_immutable_id_and_makes_a_new_default_one(graph: GraphClient) -> None:
    folder = graph.folder("Salesforce Contacts")
    made = graph.ok("POST", "contacts", json={"surname": "Drag"})
    immutable = graph.ok("GET", f"contacts/{made['id']}", headers=IMMUTABLE)["id"]
    asked = {"mailbox": ANNA, "contact": made["id"], "folder": "salesforce contacts"}
    moved = graph.control("POST", "graph/move", asked)
    assert moved["immutable_id"] == immutable
    assert moved["id"] != made["id"]
    assert graph.ok("GET", f"contacts/{immutable}")["parentFolderId"] == folder
    last = graph.log()[-1]
    assert (last["action"], last["actor"], last["mailbox"]) == ("move", f"user:{ANNA}", ANNA)
    assert last["before"]["parentFolderId"] != last["after"]["parentFolderId"] == folder
    answer = graph.request("POST", "/_sandbox/graph/move", json={**asked, "folder": "no such folder"})
    assert answer.status_code == 400


def test_a_write_with_an_old_etag_is_refused_unless_the_switch_is_off(graph: GraphClient) -> None:
    made = graph.contact(surname="First")
    url, old = f"contacts/{made['id']}", {"If-Match": made["@odata.etag"]}
    graph.ok("PATCH", url, json={"surname": "Second"}, headers=old)
    assert graph.error("PATCH", url, json={"surname": "Third"}, headers=old)[:2] == (412, "ErrorIrresolvableConflict")
    assert graph.error("DELETE", url, headers=old)[0] == 412
    graph.control("POST", "switches", {"if_match_honoured": False})
    assert graph.ok("PATCH", url, json={"surname": "Third"}, headers=old)["surname"] == "Third"


def test_preferences_are_read_from_lists_and_repeated_headers_and_echoed(graph: GraphClient) -> None:
    made = graph.contact(surname="Echo")
    url = f"/v1.0/users/{ANNA}/contacts/{made['id']}"
    lists = graph.request(
        "GET", url, headers={"Prefer": 'odata.maxpagesize=2, IdType="ImmutableId"', "client-request-id": "mine"}
    )
    assert lists.json()["id"] == made["id"]
    assert lists.headers["Preference-Applied"] == 'IdType="ImmutableId", odata.maxpagesize=2'
    assert lists.headers["client-request-id"] == "mine"
    repeated = httpx.Headers(
        [*graph.http.headers.multi_items(), ("Prefer", "return=representation"), ("Prefer", 'IdType="ImmutableId"')]
    )
    with httpx.Client(base_url=graph.http.base_url, headers=repeated) as http:
        assert http.get(url).json()["id"] == made["id"]


def test_a_photo_is_put_read_and_missed_where_there_is_none(graph: GraphClient) -> None:
    url = f"contacts/{graph.contact(surname='Face')['id']}/photo"
    assert graph.error("GET", url)[0] == 404
    assert graph.request(
        "PUT", f"{url}/$value", content=b"\xff\xd8pix", headers={"Content-Type": "image/jpeg"}
    ).is_success
    answer = graph.request("GET", f"{url}/$value")
    assert (answer.content, answer.headers["content-type"]) == (b"\xff\xd8pix", "image/jpeg")
    assert graph.ok("GET", url)["@odata.mediaContentType"] == "image/jpeg"
    assert graph.log()[-1]["entity"] == "photo"


def test_extended_properties_are_hidden_until_expanded_and_found_by_filter(graph: GraphClient) -> None:
    folder = graph.folder()
    fax = "String 0x3A24"
    made = graph.contact(
        folder,
        surname="Marked",
        singleValueExtendedProperties=[{"id": STAMP, "value": "003AAAAAAAAAAAAAAA"}, {"id": fax, "value": "+47 1"}],
    )
    assert "singleValueExtendedProperties" not in made
    url, expand = f"contacts/{made['id']}", f"singleValueExtendedProperties($filter=id eq '{STAMP}' or id eq '{fax}')"
    shown = graph.ok("GET", url, params={"$expand": expand, "$select": "surname"})["singleValueExtendedProperties"]
    assert shown == [{"id": STAMP, "value": "003AAAAAAAAAAAAAAA"}, {"id": fax, "value": "+47 1"}]

    def found(id: str, value: str, where: str = f"contactFolders/{folder}/contacts") -> int:
        term = f"singleValueExtendedProperties/Any(ep: ep/id eq '{id}' and ep/value eq '{value}')"
        return len(graph.ok("GET", where, params={"$filter": term})["value"])

    assert found(STAMP, "003aaaaaaaaaaaaaaa") == 1
    assert found(STAMP.replace("SalesforceId", "salesforceid"), "003AAAAAAAAAAAAAAA") == 0
    assert found("String 0x3a24", "+47 1") == 1
    assert found(STAMP, "003AAAAAAAAAAAAAAA", "contacts") == 0
    graph.ok("PATCH", url, json={"singleValueExtendedProperties": [{"id": STAMP, "value": None}]})
    assert "singleValueExtendedProperties" not in graph.ok(
        "GET", url, params={"$expand": f"singleValueExtendedProperties($filter=id eq '{STAMP}')"}
    )
    assert graph.log()[-1]["after"]["singleValueExtendedProperties"] == [{"id": fax, "value": "+47 1"}]
    assert graph.error("PATCH", url, json={"singleValueExtendedProperties": [{"id": "Colour", "value": "x"}]})[0] == 400


def test_a_folders_post_may_drop_extended_properties_where_the_switch_says_so(graph: GraphClient) -> None:
    graph.control("POST", "switches", {"extended_in_folder_post": False})
    stamp = [{"id": STAMP, "value": "003AAAAAAAAAAAAAAA"}]
    graph.contact(graph.folder(), surname="Dropped", singleValueExtendedProperties=stamp)
    assert graph.log()[-1]["after"]["singleValueExtendedProperties"] == []
    graph.ok("POST", "contacts", json={"surname": "Kept", "singleValueExtendedProperties": stamp})
    assert graph.log()[-1]["after"]["singleValueExtendedProperties"] == stamp


def test_a_filter_finds_by_address_and_by_category_only_where_the_switch_allows(graph: GraphClient) -> None:
    graph.contact(surname="Hara", emailAddresses=[{"address": "o'hara@Example.com"}], categories=["Salesforce"])
    graph.contact(surname="Other", emailAddresses=[{"address": "other@example.com"}])
    term = "emailAddresses/any(a:a/address eq 'O''HARA@example.com')"
    assert len(graph.ok("GET", "contacts", params={"$filter": term})["value"]) == 1
    either = f"{term} or emailAddresses/any(a:a/address eq 'other@example.com')"
    assert len(graph.ok("GET", "contacts", params={"$filter": either})["value"]) == 2
    category = {"$filter": "categories/any(a:a eq 'Salesforce')"}
    assert graph.error("GET", "contacts", params=category)[1] == "ErrorInvalidUrlQueryFilter"
    graph.control("POST", "switches", {"filter_by_category": True})
    assert len(graph.ok("GET", "contacts", params=category)["value"]) == 1


def test_a_list_is_ordered_by_what_a_client_names_and_pages_on_by_skip(graph: GraphClient) -> None:
    for surname, company in (("b", "X"), ("A", "Y"), ("c", "X")):
        graph.contact(surname=surname, companyName=company)
    pages = graph.pages("contacts?$orderby=surname desc&$top=2")
    assert [[row["surname"] for row in page] for page in pages] == [["c", "b"], ["A"]]
    [page] = graph.pages("contacts?$orderby=companyName,surname")
    assert [row["surname"] for row in page] == ["b", "c", "A"]
    [page] = graph.pages("contacts?$orderby=createdDateTime asc")
    assert [row["surname"] for row in page] == ["b", "A", "c"]
    for wrong in ("emailAddresses", "surname up", "nonsense", "surname,,"):
        assert graph.error("GET", f"contacts?$orderby={wrong}")[0] == 400


def test_a_mailbox_is_renamed_and_stays_the_same(graph: GraphClient) -> None:
    user, made = graph.ok("GET", f"/v1.0/users/{ANNA}"), graph.contact(surname="Stays")
    graph.control("POST", "graph/rename", {"mailbox": ANNA, "address": "anna.new@example.com"})
    assert graph.error("GET", f"/v1.0/users/{ANNA}")[0] == 404
    renamed = graph.ok("GET", "/v1.0/users/anna.new@example.com")
    assert (renamed["id"], renamed["mail"]) == (user["id"], "anna.new@example.com")
    assert graph.ok("GET", f"/v1.0/users/{user['id']}/contacts/{made['id']}")["surname"] == "Stays"
    assert graph.control("GET", "mailboxes")[0]["mailbox"] == "anna.new@example.com"
    assert graph.log()[-1]["entity"] == "mailbox"
    twin = {"mailbox": "anna.new@example.com", "address": "BEN@example.com"}
    assert graph.request("POST", "/_sandbox/graph/rename", json=twin).status_code == 400


def test_a_mailbox_is_made_and_goes(graph: GraphClient) -> None:
    made = graph.control("POST", "graph/mailbox", {"mailbox": "cleo@example.com", "name": "Cleo"})
    assert graph.ok("GET", f"/v1.0/users/{made['id']}/contacts")["value"] == []
    graph.control("POST", "graph/remove_mailbox", {"mailbox": "cleo@example.com"})
    assert graph.error("GET", "/v1.0/users/cleo@example.com")[0] == 404
    assert [row["action"] for row in graph.log()] == ["create", "delete"]
    missing = graph.request("POST", "/_sandbox/graph/remove_mailbox", json={"mailbox": "cleo@example.com"})
    assert missing.status_code == 400
