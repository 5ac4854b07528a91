"""Contact folders and master categories on the wire."""

from __future__ import annotations

from sync_pipeline_tests.sandbox.graph_client import IMMUTABLE, GraphClient

MARK = "String {00020329-0000-0000-c000-000000000046} Name Installation"


def test_the_list_of_folders_leaves_out_the_default_one_and_pages_by_ten(graph: GraphClient) -> None:
    assert graph.ok("GET", "contactFolders")["value"] == []
    for number in range(11):
        graph.folder(f"F{number}")
    assert [len(page) for page in graph.pages("contactFolders")] == [10, 1]
    assert [row["displayName"] for row in graph.ok("GET", "contactFolders?$top=2&$skip=3")["value"]] == ["F3", "F4"]
    assert graph.ok("GET", "contactFolders/Contacts")["displayName"] == "Contacts"


def test_a_second_folder_of_the_same_name_is_refused_with_either_status(graph: GraphClient) -> None:
    graph.folder("Salesforce Contacts")
    twin = {"displayName": "salesforce contacts"}
    status, code, message = graph.error("POST", "contactFolders", json=twin)
    assert (status, code) == (409, "ErrorFolderExists")
    assert message.startswith("A folder with the specified name already exists., Could not create folder")
    graph.control("POST", "switches", {"folder_exists_status": 400})
    assert graph.error("POST", "contactFolders", json=twin)[0] == 400


def test_a_folder_is_renamed_moved_and_found_below_its_parent(graph: GraphClient) -> None:
    parent, child = graph.folder("Parent"), graph.folder("Child")
    graph.ok("PATCH", f"contactFolders/{child}", json={"displayName": "Renamed"})
    graph.ok("PATCH", f"contactFolders/{child}", json={"parentFolderId": parent})
    assert [row["displayName"] for row in graph.ok("GET", "contactFolders")["value"]] == ["Parent"]
    nested = graph.ok("GET", f"contactFolders/{parent}/childFolders")["value"]
    assert [(row["id"], row["displayName"]) for row in nested] == [(child, "Renamed")]
    made = graph.ok("POST", "contactFolders/contacts/childFolders", json={"displayName": "Below"})
    assert graph.ok("GET", f"contactFolders/contacts/childFolders/{made['id']}")["displayName"] == "Below"


def test_a_folder_carries_extended_properties(graph: GraphClient) -> None:
    folder = graph.folder()
    expand = {"$expand": f"singleValueExtendedProperties($filter=id eq '{MARK}')"}
    graph.ok(
        "PATCH", f"contactFolders/{folder}", json={"singleValueExtendedProperties": [{"id": MARK, "value": "00D|1|7"}]}
    )
    shown = [{"id": MARK, "value": "00D|1|7"}]
    assert graph.ok("GET", f"contactFolders/{folder}", params=expand)["singleValueExtendedProperties"] == shown
    [listed] = graph.ok("GET", "contactFolders", params=expand)["value"]
    assert listed["singleValueExtendedProperties"] == shown
    assert "singleValueExtendedProperties" not in graph.ok("GET", f"contactFolders/{folder}")


def test_a_deleted_folder_lies_below_deleted_items_with_its_contacts(graph: GraphClient) -> None:
    folder = graph.folder()
    made = graph.contact(folder, surname="Inside")
    graph.ok("DELETE", f"contactFolders/{folder}")
    deleted = graph.ok("GET", "contactFolders/deleteditems")["id"]
    assert graph.ok("GET", f"contactFolders/{folder}")["parentFolderId"] == deleted
    assert [row["id"] for row in graph.ok("GET", "contactFolders/deleteditems/childFolders")["value"]] == [folder]
    assert graph.ok("GET", f"contacts/{made['id']}", headers=IMMUTABLE)["parentFolderId"] == folder
    assert graph.ok("GET", "contactFolders")["value"] == []
    graph.ok("DELETE", f"contactFolders/{folder}")
    assert graph.error("GET", f"contactFolders/{folder}")[0] == 404
    assert graph.error("GET", f"contacts/{made['id']}")[0] == 404


def test_the_default_folder_cannot_be_deleted(graph: GraphClient) -> None:
    assert graph.error("DELETE", "contactFolders/contacts")[1] == "ErrorDeleteDistinguishedFolder"


def test_master_categories_are_unique_by_name_and_change_colour_only(graph: GraphClient) -> None:
    url, salesforce = "outlook/masterCategories", {"displayName": "Salesforce", "color": "preset7"}
    answer = graph.request("POST", url, json=salesforce)
    made = answer.json()
    assert answer.status_code == 201
    assert graph.error("POST", url, json={"displayName": "SALESFORCE"})[0] == 409
    assert graph.error("POST", url, json={"displayName": "New", "color": "blue"})[0] == 400
    assert graph.error("PATCH", f"{url}/{made['id']}", json={"displayName": "Other"})[0] == 400
    assert graph.ok("PATCH", f"{url}/{made['id']}", json={"color": "preset0"})["color"] == "preset0"
    assert [row["displayName"] for row in graph.ok("GET", url)["value"]] == ["Salesforce"]
    graph.ok("DELETE", f"{url}/{made['id']}")
    assert graph.ok("GET", url)["value"] == []
    assert [row["action"] for row in graph.log()] == ["create", "update", "delete"]


def test_the_delta_of_folders_tells_what_was_made_renamed_moved_and_deleted(graph: GraphClient) -> None:
    parent, child = graph.folder("Parent"), graph.folder("Child")
    pages = graph.pages("contactFolders/delta", headers={"Prefer": "odata.maxpagesize=1"})
    assert [[row["displayName"] for row in page] for page in pages] == [["Parent"], ["Child"]]
    rows, link = graph.delta("contactFolders/delta?$select=displayName")
    assert rows[0] == {"id": parent, "displayName": "Parent"}
    assert graph.delta(link)[0] == []
    graph.ok("PATCH", f"contactFolders/{child}", json={"parentFolderId": parent})
    graph.ok("PATCH", f"contactFolders/{parent}", json={"displayName": "Renamed"})
    made = graph.folder("New")
    graph.ok("DELETE", f"contactFolders/{made}")
    rows, link = graph.delta(link, headers={"Prefer": "odata.maxpagesize=2"})
    assert [row.get("displayName") for row in rows] == ["Child", "Renamed", None]
    assert rows[-1] == {"id": made, "@removed": {"reason": "deleted"}}
    assert graph.error("GET", "contactFolders/delta?$deltatoken=old")[0] == 410
    graph.control("POST", "graph/expire_delta")
    assert graph.error("GET", link)[0] == 410


def test_a_folder_is_deleted_for_good_with_all_it_holds_and_the_log_tells_each(graph: GraphClient) -> None:
    folder = graph.folder("Parent")
    child = graph.ok("POST", f"contactFolders/{folder}/childFolders", json={"displayName": "Child"})["id"]
    made = graph.contact(child, surname="Inside")
    assert graph.request("POST", f"contactFolders/{folder}/permanentDelete").status_code == 204
    for url in (f"contactFolders/{folder}", f"contactFolders/{child}", f"contacts/{made['id']}"):
        assert graph.error("GET", url)[0] == 404
    gone = [row["id"] for row in graph.log() if row["action"] == "delete"]
    assert sorted(gone) == sorted([folder, child, made["id"]])
    assert graph.error("POST", f"contactFolders/{folder}/permanentDelete")[0] == 404
    assert graph.error("POST", "contactFolders/contacts/permanentDelete")[1] == "ErrorDeleteDistinguishedFolder"


def test_folders_are_ordered_and_found_by_name(graph: GraphClient) -> None:
    for name in ("b", "A", "c"):
        graph.folder(name)

    def listed(options: str) -> list[str]:
        return [row["displayName"] for row in graph.ok("GET", f"contactFolders?{options}")["value"]]

    assert listed("$orderby=displayName") == ["A", "b", "c"]
    assert listed("$orderby=displayName desc") == ["c", "b", "A"]
    assert listed("$filter=displayName eq 'B'") == ["b"]
    assert graph.error("GET", "contactFolders?$filter=parentFolderId eq 'x'")[0] == 400
    assert graph.error("GET", "contactFolders?$orderby=parentFolderId")[0] == 400
