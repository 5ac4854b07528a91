"""Starts `sync-pipeline run` as a process against a world's sandbox, and tells where both sides end."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sync_pipeline_tests.harness import PEOPLE, STAMP, Outlook, World, stamp_of

Json = dict[str, Any]
#: Of a contact, what is compared: ids, versions and times differ from one telling to the next.
_PROPERTIES = ("givenName", "surname", "emailAddresses", "jobTitle", "companyName", "categories", "nickName")
STAMPS = f"singleValueExtendedProperties($filter=id eq '{STAMP}')"
_FIELDS = ("FirstName", "LastName", "Email", "Title", "AccountId")


@dataclass(frozen=True)
class Ended:
    """A process that ended: by itself with a code, or by a signal, which is the code's negative."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Json:
        return dict(json.loads(self.out))


class Installation:
    """The synchroniser of a world, in a directory of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.file = world.directory / "settings.yaml"
        mailboxes = [{"mailbox": a, "salesforce_user": PEOPLE[a][0], **own} for a, own in world.mailboxes.items()]
        document = {
            "salesforce": {"url": world.server.salesforce_url},
            "graph": {"url": world.server.graph_url},
            "data_dir": "data",
            "defaults": world.defaults,
            "mailboxes": mailboxes,
        }
        self.file.write_text(yaml.safe_dump(document), encoding="utf-8")

    @property
    def data(self) -> Path:
        return self.world.directory / "data"

    def run(self, *, kill_after: float | None = None, largest_file: int | None = None) -> Ended:
        """One `sync-pipeline run --json`, killed with SIGKILL after so many seconds.

        `largest_file`: no file may grow beyond so many bytes, which is how a disk without room looks to a process.
        """
        process = subprocess.Popen(
            [Path(sys.executable).with_name("sync-pipeline"), "run", "--settings", str(self.file), "--json"],
            cwd=self.world.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"},
            preexec_fn=_limited(largest_file) if largest_file is not None else None,
        )
        try:
            out, err = process.communicate(timeout=kill_after if kill_after is not None else 300)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
        return Ended(process.returncode, out, err)


def _limited(size: int) -> Callable[[], None]:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def ending(world: World) -> list[str]:
    """Both sides in a form that two tellings of a story share; a contact with the Contact that its stamp names."""
    records = {row["Id"]: row for row in world.salesforce.query(f"SELECT Id, {', '.join(_FIELDS)} FROM Contact")}
    rows = [repr(("Salesforce", [row[name] for name in _FIELDS])) for row in records.values()]
    for address in world.mailboxes:
        rows += [_row(address, place, item, records) for place, item in _contacts(world.outlook(address))]
    return sorted(rows)


def _contacts(outlook: Outlook) -> Iterator[tuple[str, Json]]:
    for name, folder in [("contacts", "contacts"), *outlook.folders().items()]:
        link: str | None = f"contactFolders/{folder}/contacts?$top=500&$expand={STAMPS}"
        while link:
            page = outlook.http.get(link).raise_for_status().json()
            yield from ((name, item) for item in page["value"])
            link = page.get("@odata.nextLink")


def _row(address: str, place: str, item: Json, records: dict[str, Json]) -> str:
    target = records.get(stamp_of(item) or "", {})
    return repr((address, place, [item.get(name) for name in _PROPERTIES], target.get("Email"), target.get("LastName")))
