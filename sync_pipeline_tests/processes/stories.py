"""Stories of a process that is killed, or has no room: each tells where it ended otherwise than an undisturbed run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline_tests import harness
from sync_pipeline_tests.harness import ANNA, BEN, CATEGORY, World, person
from sync_pipeline_tests.processes.process import Ended, Installation, ending

Tell = Callable[[World], None]


def everyday(world: World) -> None:
    """New ones on both sides, edits, a deletion on each side; a first run has linked what is edited and deleted."""
    world.use(ANNA, BEN)
    records = [person(world, number, owner=(ANNA, BEN)[number % 2]) for number in range(6)]
    world.run()
    world.salesforce.update(records[0], Title="Edited in Salesforce")
    world.anna.update(harness.item_of(world.anna, records[2])["id"], jobTitle="Edited in Outlook")
    world.ben.delete(harness.item_of(world.ben, records[1])["id"])
    world.salesforce.delete(records[3])
    for number in (7, 8, 9):
        person(world, number)
    world.anna.create(givenName="Mia", surname="Muster", email="mia@example.com", categories=[CATEGORY])
    world.ben.create(world.ben.folder(), givenName="Ida", surname="Ivers", email="ida@example.com")


def load(world: World) -> None:
    """2,000 Contacts, none of which is in Outlook yet."""
    world.use(first_run={"plan_above": 5_000})
    owner = world.user_id(ANNA)
    rows = [
        {"FirstName": f"First{n}", "LastName": f"Last{n}", "Email": f"p{n}@example.com", "OwnerId": owner}
        for n in range(2_000)
    ]
    Org(world.server.state).insert("Contact", rows, actor="user:admin")


class Undisturbed:
    """A story told without a disturbance: where both sides end, and how many seconds its run took."""

    def __init__(self, directory: Path, tell: Tell) -> None:
        self._directory, self._tell, self._told = directory, tell, 0
        seconds: list[float] = []
        self.end = told(directory / "undisturbed", tell, lambda installation: seconds.append(_timed(installation)))
        self.seconds = seconds[0]

    def disturbed(self, disturb: Callable[[Installation], Ended]) -> tuple[Ended, list[str]]:
        """How the disturbed process ended, and what differs after clean runs: rows with + and -, empty if nothing."""
        self._told += 1
        ended: list[Ended] = []
        end = told(self._directory / f"{self._told}", self._tell, lambda one: ended.append(disturb(one)))
        more, less = list(end), []
        for row in self.end:
            if row in more:
                more.remove(row)
            else:
                less.append(row)
        return ended[0], [*(f"+ {row}" for row in more), *(f"- {row}" for row in less)]


def told(directory: Path, tell: Tell, disturb: Callable[[Installation], object]) -> list[str]:
    """Where both sides end after the disturbed run and two quiet ones; a third has nothing left to write."""
    directory.mkdir(parents=True)
    with harness.sandbox() as server, harness.world(server, directory) as world:
        tell(world)
        installation = Installation(world)
        disturb(installation)
        for _ in range(2):
            well(installation.run())
        mark = world.mark()
        well(installation.run())
        assert world.writes(mark) == []
        return ending(world)


def well(ended: Ended) -> Ended:
    """The process, which has done its work; an AssertionError with what it said otherwise."""
    assert ended.code in (0, 1), ended.err
    return ended


def moments(undisturbed: Undisturbed, seed: int, count: int) -> list[float]:
    """Seconds after which a process is killed, all of them before its usual end."""
    dice = random.Random(seed)
    return [dice.uniform(0.3, 1.0) * undisturbed.seconds for _ in range(count)]


def _timed(installation: Installation) -> float:
    start = time.monotonic()
    well(installation.run())
    return time.monotonic() - start
