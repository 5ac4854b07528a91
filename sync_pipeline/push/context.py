"""What a push is told of its run, and the counts that it gives back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sync_pipeline.model.errors import MailboxStopped, SideUnavailable
from sync_pipeline.model.operation import COUNTED_AS, Side
from sync_pipeline.outlook.properties import Mark
from sync_pipeline.transport import ServerClock
from sync_pipeline.warehouse.receipt import Outcome, Receipt

#: By what happened to operations: create, update, delete (done), then what was not done. "left": the budget ended.
COUNTS = ("create", "update", "delete", "refused", "stale", "skipped", "unsent", "in_doubt", "left")


def _never() -> bool:
    return False


def _nobody(_: str) -> bool:
    return False


def _ignore(_: MailboxStopped) -> None:
    return None


@dataclass(frozen=True)
class RunContext:
    """`clock` is the services' time; `is_over` whether the time budget is spent; `stop` hears of mailboxes that
    fail, `is_stopped` knows them.

    `external_id_field` is a unique external id of Contact that names our creations, "" where the org has none for us.
    `has_own_logins`: each mailbox writes to Salesforce as its own user (credentials per_user).
    """

    run_id: str
    number: int
    org_id: str
    installation_id: str
    clock: ServerClock
    external_id_field: str = ""
    is_over: Callable[[], bool] = _never
    stop: Callable[[MailboxStopped], None] = _ignore
    is_stopped: Callable[[str], bool] = _nobody
    sleep: Callable[[float], None] = time.sleep
    has_own_logins: bool = False

    @property
    def mark(self) -> Mark:
        """What our folder carries after this run."""
        return Mark(self.org_id, self.installation_id, self.number)

    @contextmanager
    def own_login(self, *mailboxes: str) -> Iterator[None]:
        """Work for these mailboxes with their user's login: where that is refused they stop, and the others go on.

        Raises SideUnavailable where the login is everybody's, or the other side is meant.
        """
        try:
            yield
        except SideUnavailable as error:
            if not self.has_own_logins or error.side != Side.SALESFORCE:
                raise
            for mailbox in mailboxes:
                self.stop(MailboxStopped(mailbox, error.message, remedy=error.remedy, code=error.code))


def count(receipts: Iterable[Receipt]) -> Counter[str]:
    """Receipts by COUNTS; the set-up of a mailbox is not counted."""
    counts: Counter[str] = Counter()
    for receipt in receipts:
        counted = COUNTED_AS.get(receipt.operation.action)
        if receipt.outcome is not Outcome.DONE:
            counts[receipt.outcome] += 1
        elif counted is not None:
            counts[counted] += 1
    return counts
