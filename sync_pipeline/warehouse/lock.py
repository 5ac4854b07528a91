"""The lock that a run holds from its first to its last step: one runner for each warehouse.

A dead runner's lock is taken over."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from sync_pipeline.model.errors import SyncError


@dataclass(frozen=True)
class Owner:
    """Who holds the lock."""

    run_id: str
    process: int
    host: str
    since: str


class RunInProgress(SyncError):
    """Another run works on this warehouse; this one leaves without having done anything."""

    code = "run_in_progress"


class RunLock:
    """An operating system lock on `path`: it dies with its process, so a killed run never blocks the next one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner_path = path.with_name(path.name + ".owner")

    @contextmanager
    def hold(self, run_id: str, *, since: str, wait_seconds: float = 0.0) -> Iterator[None]:
        """Holds the lock while inside. Raises RunInProgress, naming the owner, where another one has it."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self._path, mode=0o600, thread_local=False)
        try:
            lock.acquire(timeout=wait_seconds)
        except Timeout as timeout:
            raise self._in_progress() from timeout
        try:
            owner = Owner(run_id=run_id, process=os.getpid(), host=socket.gethostname(), since=since)
            self._owner_path.write_text(json.dumps(asdict(owner)), encoding="utf-8")
            yield
        finally:
            self._owner_path.unlink(missing_ok=True)
            lock.release()

    def owner(self) -> Owner | None:
        """Who wrote the lock last and has not given it back; it may have died since."""
        try:
            return Owner(**json.loads(self._owner_path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _in_progress(self) -> RunInProgress:
        owner = self.owner()
        who = f"run {owner.run_id} (process {owner.process} on {owner.host}, since {owner.since})" if owner else "a run"
        return RunInProgress(
            f"The warehouse is being synchronised by {who}.",
            remedy="Wait for it to end; the next run does what is left.",
        )
