"""P5: the calls of a quiet run, from the sandbox's request log, with one mailbox and with many."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.settings import Settings
from sync_pipeline_tests.benchmarks.limits.requests import quiet_run
from sync_pipeline_tests.benchmarks.measure import Size, same
from sync_pipeline_tests.benchmarks.services import VIEW, Fill, Requests, Services, services
from sync_pipeline_tests.benchmarks.table import Goal, Row

#: Beyond the limit, for each mailbox.
OVER = 2
#: A mailbox's default folder, where the category is looked for, and the synchronised one.
FOLDERS = 2


def measure(size: Size) -> Iterator[Row]:
    numbers, linked = ((1, 2), 10) if size.quick else ((1, 10, 100), 1_000)
    with services(size.directory / "p5", Fill(mailboxes=numbers[-1], linked=linked)) as both:
        of_one = 0
        for mailboxes in numbers:
            requests = _quiet(both, both.settings("installation", mailboxes))
            salesforce = sum(requests.salesforce.values())
            of_one = of_one or salesforce
            yield Row(
                f"P5 quiet run, {mailboxes} mailboxes of {linked:,} links", "calls", requests.calls,
                Goal(over_limit=OVER * mailboxes), quiet_run(mailboxes, FOLDERS, of_one), remark=requests.remark,
            )  # fmt: skip
            if mailboxes > 1:
                yield Row(
                    f"P5 Salesforce's part with {mailboxes} mailboxes", "calls", salesforce, Goal(of_limit=1),
                    of_one, remark="limit: its part with one mailbox",
                )  # fmt: skip
        mailboxes = numbers[1]
        requests = _quiet(both, both.settings("installation", mailboxes, owner0000=VIEW.developer_name))
        yield Row(
            f"P5 quiet run, {mailboxes} mailboxes, one of them with a list view of {linked:,} Contacts", "calls",
            requests.calls, Goal(over_limit=OVER * mailboxes), quiet_run(mailboxes, FOLDERS, of_one, linked),
            remark=requests.remark,
        )  # fmt: skip


def _quiet(both: Services, settings: Settings) -> Requests:
    """The requests of a run after which, and before which, nothing was to do."""
    for _ in range(2):
        both.run(settings)
    requests, document = both.counted(settings)
    same("P5, a quiet run's writes", (document["planned"], document["pushed"]), (0, 0))
    return requests
