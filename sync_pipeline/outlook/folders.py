"""What a mailbox is made of, in few calls: its user, its contact folders down to Deleted Items, its categories."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote

from sync_pipeline.outlook.batch import SubRequest, SubResult
from sync_pipeline.outlook.properties import MARK, Mark, expand, extended_value
from sync_pipeline.transport import OutcomeUnknown, Refused

Role = Literal["default", "other", "deleted"]
Batch = Callable[[Sequence[SubRequest]], list[SubResult]]
Pages = Callable[[Mapping[str, Any]], Iterable[list[dict[str, Any]]]]

#: Well-known names; they resolve, though only those of mail folders are documented (facts/graph.md B).
DEFAULT: Final = "contacts"
DELETED: Final = "deleteditems"
USER: Final = SubRequest("GET", "?$select=id,mail")
CATEGORIES: Final = SubRequest("GET", "outlook/masterCategories")
_PAGE: Final = 100
_DEFAULT_ROLE: Final[Role] = "default"
_DELETED_ROLE: Final[Role] = "deleted"
_OTHER_ROLE: Final[Role] = "other"
_SHOWING_MARK: Final = f"$expand={quote(expand([MARK]))}"


@dataclass(frozen=True)
class FolderInfo:
    """A contact folder. `org`, `installation` and `run` are its mark's; "", "" and None where it has none."""

    id: str
    name: str
    parent_id: str
    role: Role = "other"
    org: str = ""
    installation: str = ""
    run: int | None = None


@dataclass(frozen=True)
class Survey:
    """A mailbox at one moment. `categories` are the names of its master list; None where the cloud has no such list."""

    user: Mapping[str, str]
    folders: list[FolderInfo]
    categories: list[str] | None = field(default=None)


class ReadFailed(Exception):
    """One part of the survey failed; `what` was read, `error` came back."""

    def __init__(self, what: str, error: Refused | OutcomeUnknown) -> None:
        super().__init__(what)
        self.what = what
        self.error = error


def folder_path(folder_id: str, rest: str = "") -> str:
    """The path of a folder, or of what lies in it; ids hold characters that mean something in a path."""
    return f"contactFolders/{quote(folder_id, safe='')}{rest}"


def folder_request(folder_id: str) -> SubRequest:
    """Asks for a folder with its mark, by id or well-known name."""
    return SubRequest("GET", folder_path(folder_id, f"?{_SHOWING_MARK}"))


def folder_info(item: Mapping[str, Any], role: Role = "other") -> FolderInfo:
    """A folder as Graph shows it, read with $expand."""
    mark = Mark.parse(extended_value(item, MARK))
    marked = (mark.org, mark.installation, mark.run) if mark else ("", "", None)
    return FolderInfo(item["id"], item.get("displayName") or "", item.get("parentFolderId") or "", role, *marked)


def take_survey(batch: Batch, pages: Pages, known: Sequence[str] = (), *, has_categories: bool) -> Survey:
    """One $batch for what every mailbox has and what lies below the `known` folders, then one for each further level.

    `pages` gives the pages that follow a first body, which it includes. Raises ReadFailed. `contactFolders` leaves out
    the default folder, so that it and Deleted Items are asked for by name.
    """
    asked = [
        USER,
        folder_request(DEFAULT),
        folder_request(DELETED),
        SubRequest("GET", f"contactFolders?$top={_PAGE}&{_SHOWING_MARK}"),
        *(_children_request(name) for name in (DEFAULT, DELETED)),
        *([CATEGORIES] if has_categories else []),
    ]
    results = batch([*asked, *map(_children_request, known)])
    user, default, deleted, top, in_default, in_deleted, *categories = results[: len(asked)]
    asked_below = dict(zip(known, results[len(asked) :], strict=True))
    found: dict[str, FolderInfo] = {}
    owner = _must(user, "The mailbox")
    for named, role in ((_default_folder(batch, default), _DEFAULT_ROLE), (_if_there(deleted), _DELETED_ROLE)):
        if named is not None:
            found[named["id"]] = folder_info(named, role)
    level: list[FolderInfo] = _add(found, pages(_must(top, "The contact folders")), _OTHER_ROLE)
    for children, role in ((in_default, _OTHER_ROLE), (in_deleted, _DELETED_ROLE)):
        if (body := _if_there(children)) is not None:
            level += _add(found, pages(body), role)
    while level:
        new = [folder.id for folder in level if folder.id not in asked_below]
        asked_below |= zip(new, batch([_children_request(folder_id) for folder_id in new]), strict=True)
        below: list[FolderInfo] = []
        for folder, result in [(folder, asked_below[folder.id]) for folder in level]:
            below += _add(found, pages(_must(result, f"The folders below {folder.name!r}")), folder.role)
        level = below
    names = [str(entry["displayName"]) for result in categories for entry in _must(result, "The categories")["value"]]
    return Survey(owner, list(found.values()), names if has_categories else None)


def _children_request(folder_id: str) -> SubRequest:
    return SubRequest("GET", folder_path(folder_id, f"/childFolders?$top={_PAGE}&{_SHOWING_MARK}"))


def _default_folder(batch: Batch, by_name: SubResult) -> dict[str, Any] | None:
    """The documented way where the well-known name does not resolve: any contact in it says its id."""
    if (folder := _if_there(by_name)) is not None:
        return folder
    [any_contact] = batch([SubRequest("GET", "contacts?$top=1&$select=parentFolderId")])
    contacts = _must(any_contact, "The default contact folder")["value"]
    if not contacts:
        return None
    [folder_itself] = batch([folder_request(contacts[0]["parentFolderId"])])
    return _must(folder_itself, "The default contact folder")


def _add(found: dict[str, FolderInfo], pages: Iterable[list[dict[str, Any]]], role: Role) -> list[FolderInfo]:
    """Adds the folders not yet found; returns them."""
    added = [folder_info(item, role) for page in pages for item in page if item["id"] not in found]
    found.update((folder.id, folder) for folder in added)
    return added


def _must(result: SubResult, what: str) -> dict[str, Any]:
    if result.error is not None:
        raise ReadFailed(what, result.error)
    return dict(result.body)


def _if_there(result: SubResult) -> dict[str, Any] | None:
    """None where a well-known name does not resolve; any other failure is one."""
    return None if result.status in (400, 404) else _must(result, "The contact folders")
