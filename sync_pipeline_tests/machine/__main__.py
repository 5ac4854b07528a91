"""`python -m sync_pipeline_tests.machine --sequences N --steps M --seed S`: searches, and prints what fired."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from sync_pipeline_tests.machine.driver import Bench, Failure, Json, Report, load, replay, search, shorten
from sync_pipeline_tests.machine.hazards import FAULTS, RARE
from sync_pipeline_tests.machine.machine import STEPS

#: From so many sequences on, whatever never fired fails the search.
LONG = 200


def silent(report: Report, *, is_long: bool) -> list[str]:
    """What should have fired and did not: everything in a long search, but the rare faults from LONG * 5 on only."""
    wanted = [*STEPS, *(f"fault {name}" for _, name, _, _ in FAULTS)] if is_long else []
    late = report.sequences < 5 * LONG
    return sorted({name for name in wanted if not report.fired[name] and not (late and name[6:] in RARE)})


def tell(report: Report) -> str:
    rows = [f"  {name:<55} {count:>6}" for name, count in sorted(report.fired.items())]
    reasons = [f"  {name[:150]:<150} {count:>6}" for name, count in report.reasons.most_common(60)]
    kinds = sorted({failure.kind for failure in report.failures})
    return "\n".join(
        [
            "what fired:", *rows, "what was held, a problem, or ended a run:", *reasons,
            f"sequences {report.sequences}, steps {report.steps}, runs {report.runs}, {report.seconds:.0f} s, "
            f"failures {len(report.failures)} {kinds}",
        ]
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.machine", description=__doc__)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--failures", type=Path, help="where the stories of failures are written, as JSON")
    parser.add_argument("--replay", type=Path, help="do the stories of such a file again")
    parser.add_argument("--shorten", action="store_true", help="with --replay: leave out steps that do not matter")
    parser.add_argument("--only", type=int, help="with --replay: this story alone")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args()
    if options.replay:
        return _again(options.replay, options.only, is_short=options.shorten)

    def show(report: Report) -> None:
        print(f"\r{report.sequences} sequences, {len(report.failures)} failures", end="", file=sys.stderr, flush=True)
        _keep(report.failures, options.failures)

    report = search(options.sequences, options.steps, options.seed, seconds=options.seconds, show=show)
    _keep(report.failures, options.failures)
    missing = silent(report, is_long=report.sequences >= LONG)
    if options.json:
        print(json.dumps(_document(report, options.seed, missing), indent=1))
    else:
        print(f"\nseed {options.seed}\n{tell(report)}")
        for failure in report.failures:
            print(f"\n{failure.kind}: {failure.message}\n{failure.trace}")
        if missing:
            print(f"never fired: {', '.join(missing)}")
    return 1 if report.failures or missing else 0


def _document(report: Report, seed: int, missing: list[str]) -> Json:
    return {
        "seed": seed,
        "sequences": report.sequences,
        "steps": report.steps,
        "runs": report.runs,
        "seconds": round(report.seconds),
        "fired": dict(sorted(report.fired.items())),
        "never_fired": missing,
        "failures": [failure.document() for failure in report.failures],
    }


def _keep(failures: list[Failure], path: Path | None) -> None:
    if path:
        path.write_text(json.dumps([failure.document() for failure in failures], indent=1), encoding="utf-8")


def _again(path: Path, only: int | None, *, is_short: bool) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as directory, Bench(Path(directory)) as bench:
        for number, story in enumerate(load(path)):
            if only not in (None, number):
                continue
            found = replay(bench, story.choices, story.steps)
            if found and is_short:
                found = shorten(bench, found)
            failed += bool(found)
            print(f"story {number}: {found.kind + ': ' + found.message if found else 'holds'}")
            if found:
                print(found.trace, json.dumps({"choices": found.choices, "steps": found.steps}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
