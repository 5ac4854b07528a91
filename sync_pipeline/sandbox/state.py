"""What both stand-ins know: one SQLite database with clock, randomness, switches, people and the log of every mutation.

Everything survives a restart, and nothing is written outside a transaction."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

Json = dict[str, Any]

CORE_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS people (mailbox TEXT, salesforce_user TEXT, name TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS people_mailbox ON people (fold(mailbox));
CREATE INDEX IF NOT EXISTS people_user ON people (fold(salesforce_user));
CREATE TABLE IF NOT EXISTS mutations (
    seq INTEGER PRIMARY KEY, at TEXT NOT NULL, service TEXT NOT NULL, actor TEXT NOT NULL, mailbox TEXT,
    entity TEXT NOT NULL, id TEXT NOT NULL, action TEXT NOT NULL, before TEXT, after TEXT);
CREATE TABLE IF NOT EXISTS fired_faults (
    seq INTEGER PRIMARY KEY, log_seq INTEGER NOT NULL, at TEXT NOT NULL, service TEXT NOT NULL, actor TEXT NOT NULL,
    fault TEXT NOT NULL, position TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, in_batch INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, service TEXT NOT NULL, user TEXT, expires_at REAL NOT NULL);
"""
YEARS: Final = (1990, 2200)  # where every date that is reckoned from now can still be written
KEPT_BY_RESET: Final = frozenset({"tokens"})  # a reset empties the data; who is logged in stays logged in


@dataclass(frozen=True)
class Switch:
    """A choice about what nobody knows of the real service: its default, and why it can be chosen (a sentence).

    choices: the values it takes, where they are few and no booleans.
    bounds: the lowest and the highest number it takes; where both are whole numbers it takes whole numbers only.
    """

    default: Any
    why: str
    choices: tuple[Any, ...] = ()
    bounds: tuple[float, float] | None = None


CORE_SWITCHES: Final[Mapping[str, Any]] = {
    "latency_ms": Switch(
        0,
        "How long every call takes before it is handled: the real services answer in 50 to 500 ms.",
        bounds=(0.0, 600_000.0),
    )
}
LONGEST_TEXT: Final = 80  # of a switch that takes any text, which are the services' error codes


@dataclass(frozen=True)
class Actor:
    """Who sends a request: `name` as the log has it ("application", "user:NAME"), `user` whom the token stands for."""

    name: str
    user: str | None = None


def iso(moment: datetime) -> str:
    """UTC with milliseconds and Z, e.g. 2026-01-31T08:00:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def within(what: str, value: Any, bounds: tuple[float, float]) -> Any:
    """The value if it is a number from the lower bound to the upper one, a whole number where both bounds are.
    Raises TypeError or ValueError, which name the range."""
    is_whole = all(isinstance(bound, int) for bound in bounds)
    wanted = f"a {'whole ' if is_whole else ''}number from {bounds[0]:.15g} to {bounds[1]:.15g}"
    if isinstance(value, bool) or not isinstance(value, int if is_whole else int | float):
        raise TypeError(f"{what} takes {wanted}, got {value!r:.80}")
    if not bounds[0] <= value <= bounds[1]:
        raise ValueError(f"{what} takes {wanted}, got {value!r:.80}")
    return value


def fold(text: str | None) -> str | None:
    """Unicode casefold, as SQL function `fold` too, so that indexes can serve comparisons without case."""
    return None if text is None else str(text).casefold()


class State:
    """One sandbox's state. `path` None keeps it in memory; a file is created or opened again."""

    def __init__(self, path: Path | None, *, seed: int = 1) -> None:
        self.path = path
        self.seed = seed
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Set up by one thread and then used by the server's thread alone, hence check_same_thread.
        self.db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self.db.row_factory = sqlite3.Row
        self.db.create_function("fold", 1, fold, deterministic=True)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("PRAGMA cache_size = -64000")
        self._schemas: set[str] = set()
        self._declared: dict[str, Switch] = {}
        self._skew = timedelta(0)
        self.switches: Json = {}
        self.schema(CORE_SCHEMA)
        self.declare_switches(CORE_SWITCHES)
        # Another sequence after each start: ids drawn before a restart must not come again.
        self.random = random.Random(f"{seed}:{self.counter('starts')}")
        self._offset = timedelta(seconds=float(self._setting("clock_offset_seconds", 0.0)))

    def close(self) -> None:
        self.db.close()

    def schema(self, sql_text: str) -> None:
        """Creates a service's tables (CREATE … IF NOT EXISTS only). Call it once at start, outside a transaction."""
        if sql_text not in self._schemas:
            self.db.executescript(sql_text)
            self._schemas.add(sql_text)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; an inner transaction joins the outer one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Inside a transaction: what is written here is undone alone if this block raises (one row of a collection)."""
        self.db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO part")
            self.db.execute("RELEASE part")
            raise
        self.db.execute("RELEASE part")

    # -- clock ---------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The sandbox's time, UTC, whole milliseconds: the real clock plus what advance and set_clock shifted it by."""
        moment = datetime.now(UTC) + self._offset + self._skew
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def advance(self, seconds: float) -> None:
        self._shift(self._offset + timedelta(seconds=seconds))

    def set_clock(self, at: datetime) -> None:
        """From now on it is `at` (aware), and time goes on from there."""
        self._shift(at - datetime.now(UTC))

    @contextmanager
    def skewed(self, seconds: float) -> Iterator[None]:
        """Inside, the clock is off by so much: one of the service's machines goes wrong, the others do not."""
        self._skew = timedelta(seconds=seconds)
        try:
            yield
        finally:
            self._skew = timedelta(0)

    def _shift(self, offset: timedelta) -> None:
        if not YEARS[0] <= (datetime.now(UTC) + offset).year <= YEARS[1]:
            raise ValueError(f"the clock goes from the year {YEARS[0]} to {YEARS[1]}")
        self._offset = offset
        self._set_setting("clock_offset_seconds", offset.total_seconds())

    # -- settings, switches, counters ----------------------------------------------------------------------------------

    def _setting(self, name: str, default: Any) -> Any:
        row = self.db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row["value"])

    def _set_setting(self, name: str, value: Any) -> None:
        self.db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))

    def declare_switches(self, defaults: Mapping[str, Any]) -> None:
        """A service's switches, one for each fact nobody knows about the real service: Switch by name, or a default
        (which keeps what else was declared of that switch)."""
        for name, given in defaults.items():
            known = self._declared.get(name, Switch(given, ""))
            switch = given if isinstance(given, Switch) else replace(known, default=given)
            self._declared[name] = switch
            self.switches[name] = self._setting(f"switch:{name}", switch.default)

    def declared_switches(self) -> dict[str, Json]:
        """Every switch's default, value, choices and why, by name."""
        return {
            name: {
                "default": switch.default,
                "value": self.switches[name],
                "choices": list(switch.choices or ((False, True) if isinstance(switch.default, bool) else ())),
                "bounds": None if switch.bounds is None else list(switch.bounds),
                "why": switch.why,
            }
            for name, switch in sorted(self._declared.items())
        }

    def check_switch(self, name: str, value: Any) -> None:
        """Raises KeyError for a switch nobody declared, TypeError for a value of another type than its default,
        ValueError for one that is not among its choices or outside its bounds."""
        switch = self._declared[name]
        if switch.bounds is not None:
            within(f"switch {name}", value, switch.bounds)
            return
        if type(value) is not type(switch.default):
            raise TypeError(f"switch {name} takes a {type(switch.default).__name__}, got {value!r:.80}")
        if switch.choices and value not in switch.choices:
            raise ValueError(f"switch {name} takes one of {', '.join(map(repr, switch.choices))}, got {value!r:.80}")
        if isinstance(value, str) and not switch.choices and not (0 < len(value) <= LONGEST_TEXT and value.isascii()):
            raise ValueError(f"switch {name} takes 1 to {LONGEST_TEXT} plain characters, got {value!r:.80}")

    def set_switch(self, name: str, value: Any) -> None:
        """Raises what check_switch raises."""
        self.check_switch(name, value)
        self.switches[name] = value
        self._set_setting(f"switch:{name}", value)

    def counter(self, name: str) -> int:
        """The next number of that name: 1, 2, 3 …, never given twice."""
        row = self.db.execute(
            "INSERT INTO counters VALUES (?, 1) ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
            (name,),
        ).fetchone()
        return int(row["value"])

    def reserve(self, name: str, count: int) -> range:
        """The next `count` numbers of a counter at once."""
        row = self.db.execute(
            "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
            " RETURNING value",
            (name, count),
        ).fetchone()
        last = int(row["value"])
        return range(last - count + 1, last + 1)

    # -- mutation log --------------------------------------------------------------------------------------------------

    def record(
        self,
        *,
        service: str,
        actor: str,
        mailbox: str | None,
        entity: str,
        id: str,
        action: str,
        before: Json | None,
        after: Json | None,
    ) -> int:
        """Adds one mutation to the log and returns its number."""
        row = (iso(self.now()), service, actor, mailbox, entity, id, action, _dump(before), _dump(after))
        return int(self.db.execute(_INSERT_MUTATION, row).lastrowid or 0)

    def record_many(
        self,
        *,
        service: str,
        actor: str,
        mailbox: str | None,
        entity: str,
        action: str,
        rows: Iterable[tuple[str, Json]],
    ) -> None:
        """The same for many created things at once: rows of (id, after)."""
        at = iso(self.now())
        values = ((at, service, actor, mailbox, entity, key, action, None, _dump(after)) for key, after in rows)
        self.db.executemany(_INSERT_MUTATION, values)

    def log(self, after: int = 0) -> list[Json]:
        """Every mutation with a number above `after`, oldest first."""
        rows = self.db.execute("SELECT * FROM mutations WHERE seq > ? ORDER BY seq", (after,))
        return [{**dict(row), "before": _load(row["before"]), "after": _load(row["after"])} for row in rows]

    def record_fault(
        self, *, service: str, actor: str, fault: str, position: str, method: str, path: str, in_batch: bool
    ) -> None:
        """Notes that a fault fired, and how far the log of mutations had come. In a table of its own: who reads the log
        reads changes of state and nothing else."""
        self.db.execute(
            "INSERT INTO fired_faults (log_seq, at, service, actor, fault, position, method, path, in_batch)"
            " SELECT coalesce(max(seq), 0), ?, ?, ?, ?, ?, ?, ?, ? FROM mutations",
            (iso(self.now()), service, actor, fault, position, method, path, in_batch),
        )

    def fault_log(self, after: int = 0) -> list[Json]:
        """Every fault that fired, with a number above `after`, oldest first."""
        rows = self.db.execute("SELECT * FROM fired_faults WHERE seq > ? ORDER BY seq", (after,))
        return [{**dict(row), "in_batch": bool(row["in_batch"])} for row in rows]

    # -- people --------------------------------------------------------------------------------------------------------

    def add_person(self, *, mailbox: str | None, salesforce_user: str | None, name: str) -> None:
        """A person owns a mailbox, or is a Salesforce user, or both."""
        self.db.execute("INSERT INTO people VALUES (?, ?, ?)", (mailbox, salesforce_user, name))

    def people(self) -> list[sqlite3.Row]:
        """Rows of mailbox, salesforce_user, name, in the order they were added."""
        return self.db.execute("SELECT mailbox, salesforce_user, name FROM people ORDER BY rowid").fetchall()

    # -- reset ---------------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Empties every table (tokens excepted); clock, switches, counters and randomness are as at the start."""
        with self.transaction():
            tables = self.db.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
            ).fetchall()
            for table in tables:
                if table["name"] not in KEPT_BY_RESET:
                    self.db.execute(f'DELETE FROM "{table["name"]}"')
            self._offset = timedelta(0)
            self.switches.update({name: switch.default for name, switch in self._declared.items()})
            self.random.seed(f"{self.seed}:{self.counter('starts')}")


_INSERT_MUTATION: Final = (
    "INSERT INTO mutations (at, service, actor, mailbox, entity, id, action, before, after)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _dump(value: Json | None) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _load(text: str | None) -> Json | None:
    return None if text is None else json.loads(text)
