"""What extraction concludes from a mailbox, story by story; the warehouse is a few dicts that take the pages in."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.fields import apply_mapping
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.outlook.extract import Known, Page, extract
from sync_pipeline.outlook.properties import CATEGORY, EXTENDED, FOLDER_NAME, STAMP, Mark
from sync_pipeline.transport import RequestCounter
from sync_pipeline_tests.outlook.test_client import fault
from sync_pipeline_tests.sandbox.graph_client import ANNA, GraphClient

FIELDS = apply_mapping({})
ORG, CONTACT = "00D000000000001AAA", "003000000000001AAA"
MARK = Mark(ORG, "here", 1)


@dataclass
class Warehouse:
    """Takes pages in as the real one does: None keeps the old value, `personal` erases."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)
    listed_at: datetime | None = None

    def known(self) -> Known:
        return Known(
            folder_id=self.state.get("folder_id", ""),
            delta_links=dict(self.links),
            listed_at=self.listed_at,
            places={item: row["place"] for item, row in self.rows.items()},
            linked=self.linked,
            stamps={
                item: f"{row['stamp_org']}/{row['stamp_contact']}"
                for item, row in self.rows.items()
                if row.get("stamp_contact")
            },
            org_id=ORG,
            installation_id="here",
        )

    def take(self, mailbox: Mailbox, *, full: bool = False) -> list[Page]:
        pages = list(extract(mailbox, self.known(), FIELDS, full=full))
        for page in pages:
            for row in page.contacts:
                told = {name: value for name, value in row.items() if value is not None}
                self.rows[row["id"]] = {**self.rows.get(row["id"], {}), **told}
            for item, place in page.vanished.items():
                if place == "personal":
                    del self.rows[item]
                else:
                    self.rows[item]["place"] = place
            self.state.update(page.state)
            self.roles.update({folder["id"]: folder["role"] for folder in page.folders})
            self.links.update(page.cursors)
            self.listed_at = mailbox.now() if page.listed else self.listed_at
        assert [page.is_last for page in pages] == [False] * (len(pages) - 1) + [True]
        return pages

    def places(self) -> dict[str, str]:
        """Surname to place."""
        return {row["last_name"]: row["place"] for row in self.rows.values()}


@pytest.fixture
def warehouse() -> Warehouse:
    return Warehouse()


@pytest.fixture
def folder(mailbox: Mailbox) -> str:
    return mailbox.create_folder(FOLDER_NAME, MARK).id


def business(anna: GraphClient, folder: str, surname: str, **more: Any) -> str:
    return str(anna.contact(folder, surname=surname, categories=[CATEGORY], **more)["id"])


def test_a_mailbox_without_the_folder_says_so(mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient) -> None:
    anna.contact(surname="Private")
    warehouse.take(mailbox)
    assert (warehouse.state["folder_state"], warehouse.state.get("folder_id"), warehouse.rows) == ("missing", None, {})
    assert warehouse.state["category_listed"] is False


def test_the_first_time_everything_in_the_folder_is_there(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    business(anna, folder, "Lee", singleValueExtendedProperties=[{"id": "String 0x3A24", "value": "55"}])
    anna.contact(folder, surname="Bare")
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee": "folder", "Bare": "folder"}
    assert {row["fax"] for row in warehouse.rows.values()} == {"55", ""}
    assert (warehouse.state["folder_id"], warehouse.state["folder_state"]) == (folder, "present")
    assert (warehouse.state["mark_org"], warehouse.state["mark_installation"], warehouse.state["mark_run"]) == (
        ORG,
        "here",
        1,
    )
    assert sorted(warehouse.roles.values()) == ["default", "deleted", "ours"]
    assert warehouse.listed_at is not None


def test_a_quiet_mailbox_costs_one_call_for_each_folder_and_one_more(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str, counter: RequestCounter
) -> None:
    business(anna, folder, "Lee")
    warehouse.take(mailbox)
    before = counter.rows()[-1]["calls"]
    pages = warehouse.take(mailbox)
    assert counter.rows()[-1]["calls"] - before == 2 + 1
    assert [page.contacts for page in pages if page.contacts] == []


def test_changes_and_deletions_in_the_folder_are_seen(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    lee, kim = business(anna, folder, "Lee"), business(anna, folder, "Kim")
    warehouse.take(mailbox)
    anna.ok("PATCH", f"contacts/{lee}", json={"surname": "Lee-Park", EXTENDED: [{"id": "String 0x3A24", "value": "9"}]})
    anna.ok("DELETE", f"contacts/{kim}")
    business(anna, folder, "New")
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee-Park": "folder", "Kim": "deleted", "New": "folder"}
    assert warehouse.rows[lee]["fax"] == "9"
    assert warehouse.rows[kim]["lost_with_folder"] is False


def test_a_contact_deleted_for_good_is_gone(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    lee = business(anna, folder, "Lee")
    warehouse.take(mailbox)
    anna.ok("POST", f"contacts/{lee}/permanentDelete")
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee": "gone"}


def test_personal_contacts_leave_no_trace_and_marked_ones_are_found(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    club = anna.folder("Club")
    private = str(anna.contact(surname="Private")["id"])
    business(anna, "contacts", "InDefault")
    business(anna, club, "InClub")
    warehouse.take(mailbox)
    assert warehouse.places() == {"InDefault": "elsewhere", "InClub": "elsewhere"}
    anna.ok("PATCH", f"contacts/{private}", json={"surname": "Still private"})
    warehouse.take(mailbox)
    assert private not in warehouse.rows
    anna.ok("PATCH", f"contacts/{private}", json={"categories": ["salesforce", "Red"]})
    warehouse.take(mailbox)
    assert warehouse.places()["Still private"] == "elsewhere"
    anna.ok("PATCH", f"contacts/{private}", json={"categories": ["Red"]})
    warehouse.take(mailbox)
    assert private not in warehouse.rows, "the category was taken off: personal again"


def test_a_contact_dragged_out_is_elsewhere_and_dragged_in_is_in_the_folder(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    lee, kim = business(anna, folder, "Lee"), str(anna.contact(surname="Kim")["id"])
    warehouse.linked = {lee}
    warehouse.take(mailbox)
    anna.ok("PATCH", f"contacts/{lee}", json={"categories": []})
    anna.control("POST", "graph/move", {"mailbox": ANNA, "contact": lee, "folder": "contacts"})
    anna.control("POST", "graph/move", {"mailbox": ANNA, "contact": kim, "folder": folder})
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee": "elsewhere", "Kim": "folder"}
    anna.control("POST", "graph/move", {"mailbox": ANNA, "contact": lee, "folder": folder})
    warehouse.take(mailbox)
    assert warehouse.places()["Lee"] == "folder"


def test_deleted_items_are_no_contact_folder(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    business(anna, "deleteditems", "Trash")
    below = anna.ok("POST", "contactFolders/deleteditems/childFolders", json={"displayName": "Below"})["id"]
    business(anna, below, "BelowTrash")
    lee = business(anna, folder, "Lee")
    warehouse.take(mailbox)
    anna.control("POST", "graph/move", {"mailbox": ANNA, "contact": lee, "folder": below})
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee": "deleted"}


def test_the_folder_is_known_by_its_id_wherever_it_goes(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    business(anna, folder, "Lee")
    warehouse.take(mailbox)
    club = anna.folder("Club")
    anna.ok("PATCH", f"contactFolders/{folder}", json={"displayName": "Renamed", "parentFolderId": club})
    anna.folder(FOLDER_NAME)
    warehouse.take(mailbox)
    assert (warehouse.state["folder_id"], warehouse.state["folder_state"]) == (folder, "present")
    assert warehouse.places() == {"Lee": "folder"}


def test_a_lost_warehouse_finds_the_folder_by_its_mark_before_its_name(
    mailbox: Mailbox, anna: GraphClient, folder: str
) -> None:
    anna.ok("PATCH", f"contactFolders/{folder}", json={"displayName": "Renamed"})
    anna.folder(FOLDER_NAME)
    fresh = Warehouse()
    fresh.take(mailbox)
    assert fresh.state["folder_id"] == folder


def test_a_folder_of_that_name_is_ours_if_none_was_ever_known(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient
) -> None:
    club = anna.folder("Club")
    anna.ok("POST", f"contactFolders/{club}/childFolders", json={"displayName": FOLDER_NAME})
    warehouse.take(mailbox)
    assert warehouse.state["folder_state"] == "missing", "one that lies deeper is somebody's own"
    hers = anna.folder(FOLDER_NAME)
    warehouse.take(mailbox)
    assert (warehouse.state["folder_id"], warehouse.state["mark_run"]) == (hers, 0)


def test_a_foreign_mark_is_reported_on_the_first_page(mailbox: Mailbox, warehouse: Warehouse) -> None:
    mailbox.create_folder(FOLDER_NAME, Mark("00D000000000002AAA", "there", 9))
    first = warehouse.take(mailbox)[0]
    assert (first.state["mark_org"], first.state["mark_installation"], first.state["mark_run"]) == (
        "00D000000000002AAA",
        "there",
        9,
    )
    assert first.contacts == ()


def test_a_deleted_folder_is_lost_and_its_contacts_with_it(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    lee, out = business(anna, folder, "Lee"), business(anna, folder, "Out")
    warehouse.take(mailbox)
    warehouse.linked = {lee, out}
    business(anna, folder, "Unseen")
    anna.control("POST", "graph/move", {"mailbox": ANNA, "contact": out, "folder": "contacts"})
    anna.ok("DELETE", f"contactFolders/{folder}")
    warehouse.take(mailbox)
    assert (warehouse.state["folder_state"], warehouse.state["folder_id"]) == ("lost", folder)
    assert warehouse.places() == {"Lee": "deleted", "Unseen": "deleted", "Out": "elsewhere"}
    lost = {row["last_name"]: row["lost_with_folder"] for row in warehouse.rows.values()}
    assert lost == {"Lee": True, "Unseen": True, "Out": False}
    again = mailbox.create_folder(FOLDER_NAME, MARK).id
    warehouse.take(mailbox)
    assert (warehouse.state["folder_state"], warehouse.state["folder_id"]) == ("present", again)
    assert {row["lost_with_folder"] for row in warehouse.rows.values() if row["place"] == "deleted"} == {True}


def test_a_folder_purged_with_its_contacts_is_no_deletion_of_them(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    warehouse.linked = {business(anna, folder, "Lee")}
    warehouse.take(mailbox)
    anna.ok("DELETE", f"contactFolders/{folder}")
    anna.ok("DELETE", f"contactFolders/{folder}")
    warehouse.take(mailbox)
    [row] = warehouse.rows.values()
    assert (warehouse.state["folder_state"], row["place"], row["lost_with_folder"]) == ("lost", "gone", True)


def test_an_expired_link_makes_a_full_listing_and_misses_no_deletion(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    club = anna.folder("Club")
    business(anna, folder, "Stays")
    lee, outside = business(anna, folder, "Lee"), business(anna, club, "Outside")
    warehouse.take(mailbox)
    anna.ok("DELETE", f"contacts/{lee}")
    anna.ok("POST", f"contacts/{outside}/permanentDelete")
    anna.control("POST", "graph/expire_delta", {})
    warehouse.take(mailbox)
    assert warehouse.places() == {"Stays": "folder", "Lee": "deleted", "Outside": "gone"}


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_a_full_or_a_daily_look_finds_what_change_tracking_never_told(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str, is_asked_for: bool
) -> None:
    anna.control("POST", "switches", {"delta_shows_extended_only_changes": False})
    lee = business(anna, folder, "Lee")
    warehouse.take(mailbox)
    anna.ok("PATCH", f"contacts/{lee}", json={EXTENDED: [{"id": "String 0x3A24", "value": "9"}]})
    warehouse.take(mailbox)
    assert warehouse.rows[lee]["fax"] == ""
    if not is_asked_for:
        warehouse.listed_at = mailbox.now() - timedelta(hours=25)
    warehouse.take(mailbox, full=is_asked_for)
    assert warehouse.rows[lee]["fax"] == "9"


def test_a_contact_that_came_back_under_another_id_is_found_by_its_stamp(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str
) -> None:
    stamped: dict[str, Any] = {EXTENDED: [{"id": STAMP, "value": f"{ORG}/{CONTACT}"}]}
    lee = business(anna, folder, "Lee", **stamped)
    warehouse.take(mailbox)
    warehouse.linked = {lee}
    anna.ok("POST", f"contacts/{lee}/permanentDelete")
    moved = str(anna.contact(surname="Lee", **stamped)["id"])
    warehouse.take(mailbox)
    assert (warehouse.rows[lee]["place"], warehouse.rows[moved]["place"]) == ("gone", "elsewhere")
    assert warehouse.rows[moved]["stamp_contact"] == CONTACT


@pytest.mark.parametrize("path", ["contacts\\?", "delta", "contacts/AAk"])
def test_a_mailbox_that_fails_midway_keeps_its_cursors(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str, path: str
) -> None:
    lee = business(anna, folder, "Lee")
    warehouse.take(mailbox)
    anna.ok("DELETE", f"contacts/{lee}")
    fault(anna, "503", path=path.replace("\\?", "$"), times=99)
    with pytest.raises(MailboxStopped):
        warehouse.take(mailbox, full=True)
    anna.control("DELETE", "faults")
    warehouse.take(mailbox)
    assert warehouse.places() == {"Lee": "deleted"}


def test_a_false_404_is_no_deletion(mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str) -> None:
    lee = business(anna, folder, "Lee")
    warehouse.take(mailbox)
    before = dict(warehouse.links)
    anna.ok("PATCH", f"contacts/{lee}", json={"jobTitle": "Boss"})
    fault(anna, "404", path=f"contacts/{lee[:30]}")
    warehouse.take(mailbox)
    assert (warehouse.places(), warehouse.links) == ({"Lee": "folder"}, before)
    warehouse.take(mailbox)
    assert warehouse.rows[lee]["job_title"] == "Boss"


@pytest.mark.parametrize(
    "path", ["contactFolders$", "contactFolders/contacts$", "contactFolders/deleteditems$", "childFolders"]
)
def test_a_false_404_of_a_folder_is_no_lost_folder(
    mailbox: Mailbox, warehouse: Warehouse, anna: GraphClient, folder: str, path: str
) -> None:
    business(anna, folder, "Lee")
    warehouse.take(mailbox)
    fault(anna, "404", path=path)
    with contextlib.suppress(MailboxStopped):
        warehouse.take(mailbox)
    assert (warehouse.state["folder_state"], warehouse.places()) == ("present", {"Lee": "folder"})
