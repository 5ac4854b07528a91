"""Applies each seeded defect to a copy of the code and tells which test caught it.

`python -m sync_pipeline_tests.defects [--only TEXT] [--jobs N] [--json]`; exit 0 only if every one was caught."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sync_pipeline_tests.defects.catalogue import ROOT, Defect, load_defects

_COPIED = ("sync_pipeline", "sync_pipeline_tests", "data/companies.csv", "pyproject.toml", "settings.example.yaml")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules")
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S+?::(.+?)(?: - .*)?$", re.MULTILINE)
#: pytest's exit code when tests ran and some failed.
_RED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="only defects whose rule or name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="so many at a time (default 2)")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    options = parser.parse_args(arguments)
    chosen = [defect for defect in load_defects() if options.only in f"{defect.rule} {defect.name}"]
    rows = []
    with ThreadPoolExecutor(options.jobs) as pool:
        for row in pool.map(_examine, chosen):
            rows.append(row)
            if not options.json:
                verdict = f"caught by {row['caught_by']}" if row["caught_by"] else f"NOT CAUGHT: {row['said']}"
                print(f"{row['rule']:13} {row['name']:55} {verdict}", flush=True)
    met = bool(rows) and all(row["caught_by"] for row in rows)
    if options.json:
        print(json.dumps({"rows": rows, "met": met}, indent=2))
    else:
        print(f"{sum(bool(row['caught_by']) for row in rows)} of {len(rows)} caught")
    return 0 if met else 1


def _examine(defect: Defect) -> dict[str, Any]:
    """Which test fails first with the defect in the code; none where it goes unnoticed or cannot be put in."""
    row: dict[str, Any] = {"name": defect.name, "rule": defect.rule, "caught_by": "", "said": ""}
    if missing := [edit for edit in defect.edits if not edit.applies(ROOT)]:
        return row | {"said": f"{missing[0].file} has no {missing[0].old!r}"}
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        _copy(copy)
        for edit in defect.edits:
            edit.apply(copy)
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
        command += [f"sync_pipeline_tests/{defect.tests}", *(["-k", defect.select] if defect.select else [])]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    failed = _FAILED.findall(done.stdout)
    if done.returncode == _RED and failed:
        return row | {"caught_by": failed[0]}
    return row | {"said": (done.stdout.strip().splitlines() or [done.stderr[-300:]])[-1]}


def _copy(target: Path) -> None:
    for name in _COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=_LEFT_OUT)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / name)


if __name__ == "__main__":
    sys.exit(main())
