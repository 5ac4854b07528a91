"""Moves a contact by copying it (R6): the copy is verified whole before the original goes, and once more after it.

Graph has no move for contacts. The copy names its original, so that a broken-off move is finished, never repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sync_pipeline.model.fields import Field, normal
from sync_pipeline.model.operation import Action, Operation
from sync_pipeline.outlook.client import Mailbox
from sync_pipeline.outlook.properties import EXTENDED, STAMP, extended_value, same_property
from sync_pipeline.outlook.rows import copy, differences, row
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.failures import refusal, stale
from sync_pipeline.push.folders import Folders
from sync_pipeline.push.items import IN_FOLDER, given_detail
from sync_pipeline.push.returned import returned_values
from sync_pipeline.transport import OutcomeUnknown, Refused
from sync_pipeline.warehouse.receipt import Outcome, Overruled, Receipt

Json = dict[str, Any]
#: How often an edit of the original is carried over before the move is left to the next run.
EDITS: Final = 3
_REMEDY: Final = "Nothing is lost: the original is where it was. It is tried again after a pause."


class Moves:
    """The moves of one mailbox, one at a time. Raises MailboxStopped where it cannot be read, SideUnavailable."""

    def __init__(self, mailbox: Mailbox, folders: Folders, fields: Sequence[Field], run: RunContext) -> None:
        self._mailbox, self._folders, self._fields, self._run = mailbox, folders, tuple(fields), run

    # -- move, restore -------------------------------------------------------------------------------------------------

    def check(self, operation: Operation, planned_folder: str | None) -> tuple[Json | None, Receipt | None]:
        """The original read whole; a receipt instead where it is not as planned."""
        source_id = source_of(operation)
        original = self._mailbox.whole(source_id)
        if original is None:
            late = stale(self._run.run_id, operation, "The Outlook contact is gone.")
            if operation.action is Action.RESTORE:
                # No change tracking tells what leaves the Deleted Items, so the mirror learns it here (R14).
                late = replace(late, item={"mailbox": self._mailbox.address, "id": source_id, "place": "gone"})
            return None, late
        if operation.planned_key and original.get("changeKey") != operation.planned_key:
            return None, stale(self._run.run_id, operation, "The Outlook contact was changed since the plan was made.")
        if planned_folder and original["parentFolderId"] != planned_folder:
            return None, stale(self._run.run_id, operation, "The Outlook contact was moved since the plan was made.")
        if operation.action is Action.RESTORE and not self._folders.is_thrown_away(original):
            return None, stale(self._run.run_id, operation, "The Outlook contact lies in a folder again.")
        return original, None

    def move(self, operation: Operation, original: Json) -> Receipt | None:
        """Copies into the folder and, for a move without a photo, deletes the original. None: in doubt."""
        body = self._body(operation, original)
        [result] = self._mailbox.batch([self._mailbox.create_request(self._folders.ours, body)])
        if isinstance(result.error, OutcomeUnknown):
            return None
        if result.error is not None:
            return refusal(self._run.run_id, operation, result.error, self._fields)
        copy_id = str(result.body["id"])
        made, missing = self._verified(copy_id, body)
        if made is None or missing:
            return self._give_up(operation, made, missing)
        try:
            made, is_kept, missing = self._leave(operation, made, original)
        except _Undone:
            is_kept = True  # both stand: the next run finishes what is left
        except _BothGone as gone:
            # If anything is linked it is the original: it lies in the Deleted Items, and no person put it there.
            return self._lost(operation, original, gone, Outcome.STALE)
        is_forgotten = not is_kept or operation.action is Action.RESTORE
        return self._receipt(
            operation,
            made,
            forgotten=str(original["id"]) if is_forgotten else "",
            result={"original_kept": is_kept, **copied_of(original), "copy": fingerprint(made)},
            missing=missing,
        )

    def _leave(self, operation: Operation, made: Json, original: Json) -> tuple[Json, bool, list[str]]:
        """What follows a whole copy: (the copy as it is now, whether the original is still there, what the copy lacks).

        Raises _Undone and _BothGone.
        """
        photo = self._mailbox.photo(str(original["id"]))
        if photo is not None:
            self._put_photo(str(made["id"]), photo)
        if photo is not None or operation.action is Action.RESTORE:
            return made, True, []
        made, original = self._carry_over(made, original)
        if not self._delete(original):
            return made, True, []
        made, missing = self._still_there(operation, made, original, None)
        return made, False, missing

    # -- finishing -----------------------------------------------------------------------------------------------------

    def finish(self, operation: Operation, copied: Mapping[str, Any]) -> Receipt | None:
        """Deletes an original whose copy stands whole. `copied` is what the move's receipt kept, or empty.

        None: in doubt.
        """
        try:
            return self._finish(operation, copied)
        except _Undone as undone:
            return stale(self._run.run_id, operation, undone.error.message)
        except _BothGone as gone:
            return self._lost(operation, gone.original, gone, Outcome.DONE)

    def _finish(self, operation: Operation, copied: Mapping[str, Any]) -> Receipt:
        copy_id, source_id = operation.outlook_id, source_of(operation)
        made, original = self._mailbox.whole(copy_id), self._mailbox.whole(source_id)
        if made is None or made["parentFolderId"] != self._folders.ours:
            return stale(self._run.run_id, operation, "The copy does not lie in the folder any more.")
        if original is None or self._folders.is_thrown_away(original):
            return self._receipt(operation, made, forgotten=source_id)
        made, overruled = self._with_later_edits(operation, made, original, copied)
        photo = self._mailbox.photo(source_id)
        shown = self._mailbox.photo(copy_id) if photo is not None else None
        if photo is not None and shown is not None and shown != photo:
            # Damaged, or the person's choice: only the person can tell, so both stay.
            return Receipt(
                self._run.run_id, operation, Outcome.REFUSED, code="copy_not_whole",
                message="The copy in the folder has another photo than its original, so the original is kept.",
                remedy="Delete the original outside the folder in Outlook, or give both the same photo.",
            )  # fmt: skip
        if photo is not None and shown is None:
            self._put_photo(copy_id, photo)
            return stale(
                self._run.run_id, operation, "The copy had lost its photo; it is given again and looked at later."
            )
        if not self._delete(original):
            return stale(self._run.run_id, operation, "The original was changed just now.")
        made, missing = self._still_there(operation, made, original, photo)
        return self._receipt(operation, made, forgotten=source_id, missing=missing, overruled=overruled)

    def _with_later_edits(
        self, operation: Operation, made: Json, original: Json, copied: Mapping[str, Any]
    ) -> tuple[Json, tuple[Overruled, ...]]:
        """The copy with what was edited in the original alone since it was copied.

        What the copy does not show as it was made was written there since: it stays, and a mapped value of the original
        that it overrules is recorded.
        """
        if original["changeKey"] == copied.get("original_key"):
            return made, ()
        then: Mapping[str, str] = copied.get("properties") or {}
        now, shown = fingerprint(original), fingerprint(made)
        if then:
            edited = {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}
            # A run that broke off kept nothing of the copy itself; its original tells how it was made.
            base: Mapping[str, str] = copied.get("copy") or then
            carried = {name for name in edited if shown.get(name) == base.get(name)}
        else:
            is_edited = str(original.get("lastModifiedDateTime")) > str(made.get("createdDateTime"))
            is_later = str(original.get("lastModifiedDateTime")) > str(made.get("lastModifiedDateTime"))
            edited = set(differences(self._body(operation, original), made)) if is_edited else set()
            carried = edited if is_later else set()
        carried = carried - {"categories", STAMP}
        overruled = self._overruled(edited - carried, made, original)
        return self._patched(made, original, carried), overruled

    def _overruled(self, kept: set[str], made: Json, original: Json) -> tuple[Overruled, ...]:
        """The mapped values of the original that differ from the copy's, among these properties."""
        rows = [row(item, self._fields, self._mailbox.address) for item in (original, made)]
        found = []
        for field in self._fields:
            if any(same_property(field.outlook_property, name) for name in kept):
                theirs, ours = (_shown(field, each) for each in rows)
                if normal(field.kind, theirs) != normal(field.kind, ours):
                    found.append(Overruled(field.name, theirs, ours))
        return tuple(found)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _body(self, operation: Operation, original: Json) -> Json:
        return copy(original, operation.fields, given_detail(operation), self._fields, org_id=self._run.org_id)

    def _verified(self, copy_id: str, body: Json) -> tuple[Json | None, list[str]]:
        """The copy read whole, and what it lacks; extended properties that the creation dropped are set once more."""
        made = self._mailbox.whole(copy_id)
        missing = differences(body, made) if made is not None else []
        if made is not None and missing and set(missing) <= {entry["id"] for entry in body.get(EXTENDED, ())}:
            patch = {EXTENDED: body[EXTENDED], "displayName": made.get("displayName") or ""}
            self._mailbox.batch([self._mailbox.update_request(copy_id, patch, change_key=made["changeKey"])])
            made = self._mailbox.whole(copy_id)
            missing = differences(body, made) if made is not None else []
        return made, missing

    def _carry_over(self, made: Json, original: Json) -> tuple[Json, Json]:
        """The copy and the original as they are just before the deletion, with edits made meanwhile carried over."""
        for _ in range(EDITS):
            again = self._mailbox.whole(str(original["id"]))
            if again is None or again["changeKey"] == original["changeKey"]:
                break
            edited = {name for name, form in fingerprint(again).items() if fingerprint(original).get(name) != form}
            edited |= fingerprint(original).keys() - fingerprint(again).keys()
            made = self._patched(made, again, edited - {"categories", STAMP})
            original = again
        return made, original

    def _patched(self, made: Json, original: Json, names: set[str]) -> Json:
        if not names:
            return made
        extended = [entry for entry in original.get(EXTENDED) or () if entry["id"] in names]
        cleared = {name for name in names if " " in name} - {entry["id"] for entry in extended}
        extended += [{"id": name, "value": ""} for name in sorted(cleared)]
        body: Json = {name: original.get(name) for name in names if name in made and name != EXTENDED}
        named = original if "displayName" in names else made
        body |= {"displayName": named.get("displayName") or ""}
        body |= {EXTENDED: extended} if extended else {}
        request = self._mailbox.update_request(str(made["id"]), body, change_key=made["changeKey"])
        [result] = self._mailbox.batch([request])
        if result.error is not None:
            raise _Undone(result.error)
        return self._mailbox.whole(str(made["id"])) or made

    def _delete(self, original: Json) -> bool:
        """Whether the original is gone. One that was changed since it was read stays."""
        source_id = str(original["id"])
        request = self._mailbox.delete_request(source_id, change_key=original["changeKey"])
        [result] = self._mailbox.batch([request])
        return result.error is None or self._folders.is_thrown_away(self._mailbox.read([source_id])[source_id])

    def _still_there(
        self, operation: Operation, made: Json, original: Json, photo: bytes | None
    ) -> tuple[Json, list[str]]:
        """The copy after the deletion, and what it lacks; one that went with its original (as people saw) is made again
        from memory. Raises _BothGone.

        It carries the stamp from the first moment: a run that ends here is followed by one that finds it by that.
        """
        again = self._mailbox.whole(str(made["id"]))
        # elsewhere than in our folder, it was moved by a person just now
        if again is not None and not self._folders.is_thrown_away(again):
            return again, []
        body = self._body(operation, {**original, **{key: made[key] for key in made if key not in ("id", EXTENDED)}})
        if stamp := extended_value(made, STAMP):
            kept = [entry for entry in body[EXTENDED] if not same_property(entry["id"], STAMP)]
            body[EXTENDED] = [*kept, {"id": STAMP, "value": stamp}]
        [result] = self._mailbox.batch([self._mailbox.create_request(self._folders.ours, body)])
        if result.error is not None:
            raise _BothGone(result.error, original)
        copy_id = str(result.body["id"])
        _, missing = self._verified(copy_id, body)
        if photo is not None:
            try:
                self._put_photo(copy_id, photo)
            except _Undone:
                missing.append("photo")
        return self._mailbox.whole(copy_id) or dict(result.body), missing

    def _put_photo(self, item_id: str, photo: bytes) -> None:
        try:
            self._mailbox.put_photo(item_id, photo)
        except (Refused, OutcomeUnknown) as error:
            raise _Undone(error) from error

    def _give_up(self, operation: Operation, made: Json | None, missing: Sequence[str]) -> Receipt:
        """The copy is not whole: it goes again, and the original stays."""
        lacks = f"it lacks {', '.join(missing)}" if missing else "it was not found"
        message, remedy = f"The contact could not be copied into the folder whole: {lacks}.", _REMEDY
        if made is not None and not self._delete(made):
            # It would stand beside the original from now on, so it is looked at and deleted once more.
            again = self._mailbox.read([str(made["id"])])[str(made["id"])]
            if again is not None and not self._delete(again):
                message += " The incomplete copy could not be deleted again."
                remedy = f"Delete the copy in the folder; the original is outside it. {_REMEDY}"
        return Receipt(
            self._run.run_id, operation, Outcome.REFUSED, code="copy_incomplete", message=message, remedy=remedy
        )

    def _lost(self, operation: Operation, original: Json, gone: _BothGone, outcome: Outcome) -> Receipt | None:
        """Where the copy may have been made again, recovery looks for it (None); else the original is put back."""
        if isinstance(gone.error, OutcomeUnknown):
            return None
        return put_back(self._run, operation, original, self._fields, outcome, gone.error.message)

    def _receipt(
        self,
        operation: Operation,
        made: Json,
        *,
        forgotten: str,
        result: Mapping[str, Any] | None = None,
        missing: Sequence[str] = (),
        overruled: tuple[Overruled, ...] = (),
    ) -> Receipt:
        mirrored = {**row(made, self._fields, self._mailbox.address), **IN_FOLDER, "seen_run": self._run.run_id}
        return Receipt(
            self._run.run_id, operation, Outcome.DONE,
            outlook_id=str(made["id"]), item=mirrored, forgotten_item=forgotten,
            moves_link=operation.action is Action.FINISH_MOVE and made["id"] != operation.outlook_id,
            returned=returned_values(operation.fields, mirrored, self._fields), result=result or {},
            overruled=overruled,
            message=f"The copy was made again, and lacks {', '.join(missing)}." if missing else "",
        )  # fmt: skip


class _Undone(Exception):
    """A step after the copy failed: the copy stands, the original too; the next run finishes."""

    def __init__(self, error: Refused | OutcomeUnknown) -> None:
        super().__init__(str(error))
        self.error = error


class _BothGone(Exception):
    """The copy went with its original and could not be made again: neither stands, both were deleted by us."""

    def __init__(self, error: Refused | OutcomeUnknown, original: Json) -> None:
        super().__init__(str(error))
        self.error, self.original = error, original


def put_back(
    run: RunContext, operation: Operation, original: Json, fields: Sequence[Field], outcome: Outcome, said: str
) -> Receipt:
    """The receipt of a move that left neither copy nor original: no person's deletion (R14), so that the next plan
    copies the original back out of the Deleted Items, as one that went with its folder (R3)."""
    item = {**row(original, fields, operation.mailbox), "place": "deleted", "lost_with_folder": True}
    return Receipt(
        run.run_id, operation, outcome, outlook_id=str(original["id"]), item=item, message=said,
        moves_link=operation.action is Action.FINISH_MOVE,
    )  # fmt: skip


def source_of(operation: Operation) -> str:
    """The item that is copied."""
    return str(operation.detail.get("source_id") or operation.outlook_id)


def copied_of(original: Json) -> Json:
    """What is kept of an original: by its version and its properties' hashes a later edit is known."""
    return {"original_key": original["changeKey"], "properties": fingerprint(original)}


def fingerprint(item: Mapping[str, Any]) -> dict[str, str]:
    """A short hash of each property that a copy consists of: tells later which of them were edited, and no value."""
    parts = copy(item, (), {"categorise": False}, ())
    extended = {entry["id"]: entry["value"] for entry in parts.pop(EXTENDED, ()) if entry["value"] != item["id"]}
    return {name: _hash(value) for name, value in (parts | extended).items()}


def _shown(field: Field, item: Mapping[str, Any]) -> str:
    return ", ".join(item[field.list_column] or ()) if field.is_list else str(item[field.name] or "")


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
