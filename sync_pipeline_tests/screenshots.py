"""`python -m sync_pipeline_tests.screenshots [DIRECTORY]`: the pictures of docs/pictures, from a demo of its own.

They show the demo's invented people only. Needs Chromium, as the tests of the pages do."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sync_pipeline_tests.e2e.test_browser_demo import demo, until
from sync_pipeline_tests.sandbox.chromium import chromium

#: Name of the picture: the page below Dagster's address, what is read on it once it is there, its height.
DAGSTER: Final = {
    "job": ("/locations/sync_pipeline.definitions/jobs/contact_sync", "View as Asset Graph", 700),
    "graph": ("/locations/sync_pipeline.definitions/asset-groups/plan/lineage", "account_resolution", 760),
    "plan": ("/assets/sync_plan?view=events", "outlook_create", 1000),
    "history": ("/assets/sync_history?view=overview", "lag_median_seconds", 1300),
    "checks": ("/assets/sync_history?view=checks", "nothing_drifted", 700),
    "partitions": ("/assets/operations_daily?view=partitions", "Partition", 700),
}
#: Dagster's pages go on drawing after their text is there.
DRAWN_AFTER_SECONDS: Final = 4.0


def main() -> int:
    """Writes a PNG for each page and for the report."""
    parser = argparse.ArgumentParser(prog="python -m sync_pipeline_tests.screenshots", description=__doc__)
    parser.add_argument("directory", type=Path, nargs="?", default=Path("docs/pictures"))
    target = parser.parse_args().directory.absolute()
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "chromium").mkdir()
        with demo(work) as urls, chromium(work / "chromium") as page:
            for picture, (path, text, height) in DAGSTER.items():
                page.go(urls["Dagster"] + path, width=1360, height=height)
                until(page, f"document.body.innerText.includes({text!r})")
                time.sleep(DRAWN_AFTER_SECONDS)
                page.screenshot(target / f"{picture}.png")
            program = str(Path(sys.executable).with_name("sync-pipeline"))
            settings, report = work / "data" / "demo" / "settings.yaml", work / "report.html"
            command = [program, "report", "--settings", str(settings), "--output", str(report)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            page.go(report.as_uri(), width=1000, height=1300)
            page.screenshot(target / "report.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
