"""Compares what people can see in the sandbox's database before and after a call with what the mutation log tells.

Out of account is what belongs to the protocol and not to the data: tokens, delta links, cursors, jobs, counters."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.access import logged
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.state import Json, State

Key = tuple[str, str]  # entity as the log names it, id
Snapshot = Mapping[Key, Json]
#: Setting a photo gives the contact another version, and only the photo's entry tells of it.
VERSIONS: Final = frozenset({"changeKey", "lastModifiedDateTime"})


def snapshot(state: State) -> dict[Key, Json]:
    """Every visible thing in the form in which the log shows it."""
    mailboxes, org, db = Mailboxes(state), Org(state), state.db
    seen: dict[Key, Json] = {}
    for user in mailboxes.users():
        seen["mailbox", user.id] = user.wire()
    for row in db.execute("SELECT * FROM graph_folders"):
        extended = mailboxes.extended.of(row["id"])
        seen["folder", row["id"]] = {**mailboxes.folder_wire(row), "singleValueExtendedProperties": extended}
    for row in db.execute("SELECT * FROM graph_categories"):
        seen["category", row["id"]] = {"id": row["id"], "displayName": row["name"], "color": row["color"]}
    for row in db.execute("SELECT * FROM graph_contacts"):
        seen["contact", row["immutable_id"]] = mailboxes.full_form(row)
    for row in db.execute("SELECT owner, media_type, content FROM graph_photos"):
        seen["photo", row["owner"]] = {"mediaContentType": row["media_type"], "size": len(row["content"])}
    for target in org.catalogue.objects.values():
        for row in db.execute(f"SELECT * FROM {target.table}"):
            seen[target.name, row["Id"]] = logged(target, dict(row))
    for row in db.execute("SELECT name, definition FROM sf_objects"):
        seen["Object", row["name"]] = json.loads(row["definition"])
    for row in db.execute("SELECT object, name, definition FROM sf_fields"):
        seen["Field", f"{row['object']}.{row['name']}"] = json.loads(row["definition"])
    return seen


def unlogged(before: Snapshot, after: Snapshot, entries: Sequence[Json], actors: Collection[str]) -> list[str]:
    """What is wrong with the log of one call, in sentences: a change without its entry, an entry by somebody else,
    an entry whose `before` or `after` is not what was there."""
    told = [
        f"entry {entry['seq']} ({entry['action']} {entry['entity']}) is by {entry['actor']}, not {' or '.join(actors)}"
        for entry in entries
        if entry["actor"] not in actors
    ]
    by_key: dict[Key, list[Json]] = {}
    for entry in entries:
        by_key.setdefault((entry["entity"], entry["id"]), []).append(entry)
    for key in {*before, *after}:
        was, now = before.get(key), after.get(key)
        if was == now or _follows(key, was, now, by_key):
            continue
        own = by_key.get(key)
        if own is None:
            told.append(f"{' '.join(key)} changed and the log does not tell it: {_difference(was, now)}")
            continue
        if key[0] == "photo":
            continue  # the log keeps the picture's size and digest, not its bytes
        first, last = own[0]["before"], own[-1]["after"]
        for side, entered, real in (("before", first, was), ("after", last, now)):
            if not _same(key, entered, real, has_photo=("photo", key[1]) in by_key):
                told.append(f"{' '.join(key)}: the log's {side} is not what was there: {_difference(entered, real)}")
    return told


def _follows(key: Key, was: Json | None, now: Json | None, by_key: Mapping[Key, Sequence[Json]]) -> bool:
    """Changes that the entry of something else tells: a mailbox's default folders, a photo gone with its contact."""
    entity, id = key
    if entity == "photo" and now is None:
        return any(entry["action"] == "delete" for entry in by_key.get(("contact", id), ()))
    if entity == "contact" and was is not None and now is not None and ("photo", id) in by_key:
        return {name for name in now if now[name] != was.get(name)} <= VERSIONS
    if entity == "folder" and was is None:
        return any(key[0] == "mailbox" and entries[0]["action"] == "create" for key, entries in by_key.items())
    return False


def _same(key: Key, logged: Json | None, real: Json | None, *, has_photo: bool) -> bool:
    if logged is None and real is not None:
        return bool(real.get("IsDeleted"))  # in the recycle bin, where the API does not show it
    ignored = VERSIONS if has_photo else frozenset[str]()

    def shown(form: Json | None) -> Json | None:
        return None if form is None else {name: value for name, value in form.items() if name not in ignored}

    return shown(logged) == shown(real)


def _difference(one: Json | None, other: Json | None) -> str:
    if one is None or other is None:
        return f"{one} -> {other}"
    names: list[Any] = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    return ", ".join(f"{name}: {one.get(name)!r} -> {other.get(name)!r}" for name in names)
