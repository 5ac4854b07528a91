"""`python -m sync_pipeline_tests.sandbox.fuzz [--minutes 10] [--seed N]`: exits with 1 if anything was wrong."""

from __future__ import annotations

import argparse
import random

from sync_pipeline_tests.sandbox.fuzz.run import LEAST_SHARE, explore, for_minutes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="drawn, and printed, unless given")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    print(f"seed {seed}, {options.minutes:g} minutes", flush=True)
    report = explore(seed, until=for_minutes(options.minutes))
    print(report.table())
    print(f"{report.calls} calls on {len(report.statuses)} routes, {report.injected} with an injected fault besides")
    if report.given_up:
        print(f"examples ended early: {dict(report.given_up)}")
    poor = report.poor()
    for route in poor:
        print(f"FEWER THAN {LEAST_SHARE:.0%} SUCCEED: {' '.join(route[1:])} {dict(report.statuses[route])}")
    for what in report.wrong.values():
        print(f"WRONG: {what}")
    print(f"seed {seed}: {len(report.wrong)} kinds of wrong answers, {len(poor)} routes below {LEAST_SHARE:.0%}")
    return 1 if report.wrong or poor else 0


if __name__ == "__main__":
    raise SystemExit(main())
