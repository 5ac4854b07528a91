"""What a mailbox shows now against what is known of it, as pages to be written. Of personal contacts nothing is kept.

Whatever cannot be read raises MailboxStopped: nothing is concluded from half of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zlib import crc32

from sync_pipeline.model.errors import MailboxStopped
from sync_pipeline.model.fields import Field
from sync_pipeline.outlook.client import Changes, Mailbox
from sync_pipeline.outlook.folders import FolderInfo, Survey
from sync_pipeline.outlook.properties import CATEGORY, FOLDER_NAME, STAMP, has_category
from sync_pipeline.outlook.rows import row

PAGE: Final = 500
#: Change tracking loses things (a contact moved out and back, an extended property alone); a listing does not. Each
#: mailbox has its own share of the spread taken off, so that they do not all fall due in one run.
LISTED_EVERY: Final = timedelta(hours=24)
LISTED_SPREAD_MINUTES: Final = 240


@dataclass(frozen=True)
class Known:
    """What the warehouse knows of a mailbox.

    `folder_id` is our folder's ("" = never known), `delta_links` by folder id, `listed_at` when our folder was last
    listed in full, `places` the place of every mirrored item, `linked` the linked items, `lost` those in Deleted Items
    that no person put there, `stamps` the stamp ("<org>/<contact>") of mirrored items by id. `org_id` and
    `installation_id` tell our mark from another's.
    """

    folder_id: str = ""
    delta_links: Mapping[str, str] = field(default_factory=dict)
    listed_at: datetime | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    linked: Collection[str] = frozenset()
    lost: Collection[str] = frozenset()
    stamps: Mapping[str, str] = field(default_factory=dict)
    org_id: str = ""
    installation_id: str = ""


@dataclass(frozen=True)
class Page:
    """Rows to be written in one transaction, with the cursors that they complete. The last page has `is_last`.

    `state` holds columns of outlook.mailboxes, `folders` rows of outlook.folders (all folders there are), `contacts`
    rows of outlook.contacts, `vanished` ids with the place `gone` or `personal`, `cursors` delta links by folder id,
    `listed` the folders whose full listing is complete with this page.
    """

    contacts: Sequence[dict[str, Any]] = ()
    vanished: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, Any] = field(default_factory=dict)
    folders: Sequence[dict[str, Any]] = ()
    cursors: Mapping[str, str] = field(default_factory=dict)
    listed: Sequence[str] = ()
    is_last: bool = False


def extract(mailbox: Mailbox, known: Known, fields: Iterable[Field], *, full: bool) -> Iterator[Page]:
    """Pages of what changed; of all that is there with `full`, the first time, and daily. Raises MailboxStopped.

    The first page says whose mark the folder carries. Which folder is ours, and the cursors, come with the last page
    only: after a break everything is looked at again.
    """
    return _Extraction(mailbox, known, tuple(fields), full).pages()


def find_folder(folders: Sequence[FolderInfo], known: Known) -> FolderInfo | None:
    """Our folder among the living: by its id, else by its mark, else, when it was never known, by its name (R3)."""
    living = [folder for folder in folders if folder.role == "other"]
    marked = [folder for folder in living if folder.run is not None]
    marked.sort(
        key=lambda folder: (folder.org != known.org_id, folder.installation != known.installation_id, folder.id)
    )
    default = next((folder for folder in folders if folder.role == "default"), None)
    above = {default.id, default.parent_id} if default else set()
    named = [
        folder
        for folder in living
        if folder.name.casefold() == FOLDER_NAME.casefold() and (default is None or folder.parent_id in above)
    ]
    by_id = [folder for folder in living if folder.id == known.folder_id]
    return next(iter([*by_id, *marked, *(named if not known.folder_id else [])]), None)


def _is_due(mailbox: Mailbox, listed_at: datetime | None) -> bool:
    own_share = timedelta(minutes=crc32(mailbox.address.encode()) % LISTED_SPREAD_MINUTES)
    return listed_at is None or mailbox.now() - listed_at >= LISTED_EVERY - own_share


_TOLD_OF_PERSONAL = ("mailbox", "id", "folder_id", "change_key", "categorised", "stamp_org", "stamp_contact", "copy_of")


class _Extraction:
    """One run over one mailbox."""

    def __init__(self, mailbox: Mailbox, known: Known, fields: tuple[Field, ...], full: bool) -> None:
        self._mailbox = mailbox
        self._known = known
        self._linked = frozenset(known.linked)
        self._fields = fields
        self._survey: Survey = mailbox.survey(known.delta_links)
        self._take_roles()
        self._ours = find_folder(self._survey.folders, known)
        self._is_lost = bool(known.folder_id) and (self._ours is None or self._ours.id != known.folder_id)
        if self._is_lost:
            self._check_lost()
        has_link = self._ours is not None and self._ours.id in known.delta_links
        self._is_full = full or not has_link or _is_due(mailbox, known.listed_at)
        self._cursors: dict[str, str] = {}
        self._is_settled = True  # whether every change that the cursors cover was seen
        self._seen: set[str] = set()

    def pages(self) -> Iterator[Page]:
        yield self._first_page()
        candidates, removed = self._look_at_others()
        if self._ours is not None:
            changes = self._round(self._ours)
            candidates |= {item["id"] for item in changes.changed}
            removed |= set(changes.removed)
            self._is_full |= changes.restarted
            if self._is_full:
                yield from self._list(self._ours.id)
        if self._is_lost:
            yield from self._list_lost()
        if self._is_full or self._is_lost:
            missing = {item for item, place in self._known.places.items() if place != "gone"} | self._linked
            removed |= missing - self._seen
        removed &= self._known.places.keys() | self._linked
        yield from self._read(sorted((candidates | removed) - self._seen), removed)
        yield self._last_page()

    # -- folders -------------------------------------------------------------------------------------------------------

    def _take_roles(self) -> None:
        self._roles = {folder.id: folder.role for folder in self._survey.folders}
        self._lost_folders = {
            folder.id
            for folder in self._survey.folders
            if folder.role == "deleted" and (folder.id == self._known.folder_id or folder.run is not None)
        }

    def _check_lost(self) -> None:
        """Two answers have to agree that the folder is gone: it is in no list, nor there by its id."""
        if self._known.folder_id in self._roles:
            return
        folder = self._mailbox.read_folder(self._known.folder_id)
        if folder is None:
            return
        parents = {
            parent
            for known in self._survey.folders
            if known.role != "deleted"
            for parent in (known.id, known.parent_id)
        }
        if folder.parent_id in parents:
            raise MailboxStopped(
                self._mailbox.address,
                f"{self._mailbox.address} has the folder {folder.name!r}, but its list of folders does not show it.",
                remedy="The next run tries again; nothing is concluded from this one.",
                code="mailbox_unreadable",
            )
        self._lost_folders.add(folder.id)  # it lies where no contact folder is listed

    def _look_at_others(self) -> tuple[set[str], set[str]]:
        """(to be read, removed) of the folders that are not ours: by category, or because the item is known (R5)."""
        candidates: set[str] = set()
        removed: set[str] = set()
        for folder in self._survey.folders:
            if folder.role == "deleted" or folder == self._ours:
                continue
            changes = self._round(folder)
            removed |= set(changes.removed)
            candidates |= self._ours_among(changes.changed)
            if self._is_full and folder.id in self._known.delta_links and not changes.restarted:
                for page in self._mailbox.identities(folder.id):
                    candidates |= self._ours_among(page)
            if changes.restarted:
                removed |= {item for item, place in self._known.places.items() if place == "elsewhere"}
        return candidates, removed

    def _ours_among(self, items: Sequence[Mapping[str, Any]]) -> set[str]:
        known = {item["id"] for item in items if item["id"] in self._linked or item["id"] in self._known.places}
        # A row of change tracking can be partial; then the categories alone are asked for.
        untold = [item["id"] for item in items if "categories" not in item and item["id"] not in known]
        told = {item["id"] for item in items if has_category(item)}
        asked = self._mailbox.categories_of(untold) if untold else {}
        return known | told | {item for item, names in asked.items() if has_category({"categories": names})}

    def _round(self, folder: FolderInfo) -> Changes:
        changes = self._mailbox.changes(folder.id, self._known.delta_links.get(folder.id))
        self._cursors[folder.id] = changes.link
        return changes

    # -- contacts ------------------------------------------------------------------------------------------------------

    def _list(self, folder_id: str) -> Iterator[Page]:
        for page in self._mailbox.listing(folder_id):
            self._seen |= {item["id"] for item in page}
            yield Page(contacts=[self._row(item, "folder") for item in page])

    def _list_lost(self) -> Iterator[Page]:
        """What still lies in the folder that was deleted, the contacts included that were never linked (R3)."""
        if self._known.folder_id not in self._lost_folders:
            return
        for page in self._mailbox.listing(self._known.folder_id):
            self._seen |= {item["id"] for item in page}
            yield Page(contacts=[self._row(item, "deleted") for item in page])

    def _read(self, ids: Sequence[str], removed: Collection[str]) -> Iterator[Page]:
        for start in range(0, len(ids), PAGE):
            chunk = ids[start : start + PAGE]
            found = self._mailbox.read(chunk)
            there = [item for item in found.values() if item is not None]
            self._know_folders_of(there)
            contacts, vanished = [], {}
            for item in there:
                place = self._place(item)
                if self._is_ours(item, place):
                    contacts.append(self._row(item, place))
                elif item["id"] in self._known.places:
                    vanished[item["id"]] = "personal"
            absent = [item_id for item_id in chunk if found[item_id] is None]
            # Changed and yet not there: a race or a fault. Its removal is still to come, so the links stay as they are.
            self._is_settled &= all(item_id in removed for item_id in absent)
            gone = [item_id for item_id in absent if item_id in removed]
            contacts += self._successors(gone)
            contacts += self._gone_with_folder(gone)
            vanished |= {item_id: "gone" for item_id in gone if not self._went_with_folder(item_id)}
            yield Page(contacts=contacts, vanished=vanished)

    def _know_folders_of(self, items: Sequence[Mapping[str, Any]]) -> None:
        """A folder made since the survey, or one that is no contact folder: the survey is taken once more."""
        if any(item["parentFolderId"] not in self._roles for item in items):
            self._survey = self._mailbox.survey()
            self._take_roles()

    def _place(self, item: Mapping[str, Any]) -> str:
        folder_id = item["parentFolderId"]
        if self._ours is not None and folder_id == self._ours.id:
            return "folder"
        # A folder that the survey does not know is no contact folder: its contacts were thrown away.
        return "deleted" if self._roles.get(folder_id, "deleted") == "deleted" else "elsewhere"

    def _is_ours(self, item: Mapping[str, Any], place: str) -> bool:
        if place == "elsewhere":
            return has_category(item) or item["id"] in self._linked
        return place == "folder" or item["id"] in self._known.places or item["id"] in self._linked

    def _row(self, item: Mapping[str, Any], place: str) -> dict[str, Any]:
        columns = row(item, self._fields, self._mailbox.address)
        if place == "elsewhere" and not has_category(item):
            # R5: personal by now, though still linked; where it lies and whose stamp it wears is all that is told of it
            columns |= {name: None for name in columns if name not in _TOLD_OF_PERSONAL}
        was_lost = place == "deleted" and (
            item["parentFolderId"] in self._lost_folders
            or self._went_with_folder(item["id"])
            or item["id"] in self._known.lost
        )
        return {**columns, "place": place, "lost_with_folder": was_lost}

    def _successors(self, gone: Sequence[str]) -> list[dict[str, Any]]:
        """Contacts elsewhere that carry the stamp of a linked one that is gone: some moves give an item a new id."""
        stamps = {self._known.stamps[item] for item in gone if item in self._linked and self._known.stamps.get(item)}
        folders = [folder.id for folder in self._survey.folders if folder.role != "deleted"]
        if not stamps or not folders:
            return []
        found = self._mailbox.find_all(folders, STAMP, sorted(stamps))
        fresh = [item for item in found if item["id"] not in self._known.places and item["id"] not in self._seen]
        self._seen |= {item["id"] for item in fresh}
        return [self._row(item, self._place(item)) for item in fresh]

    def _went_with_folder(self, item_id: str) -> bool:
        return self._is_lost and self._known.places.get(item_id) == "folder"

    def _gone_with_folder(self, gone: Sequence[str]) -> list[dict[str, Any]]:
        # The flag keeps a folder that was deleted from reading as the deletion of its contacts (R3).
        common = {"mailbox": self._mailbox.address, "place": "gone", "lost_with_folder": True}
        return [{**common, "id": item_id} for item_id in gone if self._went_with_folder(item_id)]

    # -- state ---------------------------------------------------------------------------------------------------------

    def _first_page(self) -> Page:
        """Who keeps the folder comes first: a foreign mark stops the mailbox before anything of it is written."""
        ours, categories = self._ours, self._survey.categories
        state = {
            "object_id": self._survey.user["id"],
            "category_listed": categories is None or CATEGORY.casefold() in (name.casefold() for name in categories),
            "mark_org": ours.org if ours else "",
            "mark_installation": ours.installation if ours else "",
            "mark_run": (ours.run or 0) if ours else 0,
        }
        return Page(state=state)

    def _last_page(self) -> Page:
        ours = self._ours
        state: dict[str, Any] = {"folder_state": "present" if ours else "lost" if self._is_lost else "missing"}
        if ours or self._known.folder_id:
            state["folder_id"] = ours.id if ours else self._known.folder_id
        folders = [
            {
                "mailbox": self._mailbox.address,
                "id": folder.id,
                "name": folder.name,
                "parent_id": folder.parent_id,
                "role": "ours" if ours and folder.id == ours.id else folder.role,
            }
            for folder in self._survey.folders
        ]
        return Page(
            state=state,
            folders=folders,
            cursors=self._cursors if self._is_settled else {},
            listed=[ours.id] if ours and self._is_full and self._is_settled else [],
            is_last=True,
        )
