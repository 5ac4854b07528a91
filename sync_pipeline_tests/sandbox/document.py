"""Writes the tables of docs/sandbox.md: the routes with what the wire tests saw of them, the switches, the faults.

`python -m sync_pipeline_tests.sandbox.document` (a minute: it runs the wire tests); --check only tells what is stale;
--no-routes leaves the first table alone."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from sync_pipeline.sandbox.faults import POSITIONS
from sync_pipeline.sandbox.graph.calls import VERSION
from sync_pipeline.sandbox.graph.routes import ROUTES, graph_service
from sync_pipeline.sandbox.runtime import Runtime
from sync_pipeline.sandbox.salesforce.routes import API, salesforce_service
from sync_pipeline.sandbox.state import State
from sync_pipeline_tests.sandbox.documented import documented
from sync_pipeline_tests.sandbox.route_recorder import VARIABLE

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "sandbox.md"
Table = list[Sequence[str]]
Row = tuple[str, str, str]  # service, route, method


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if a table is stale or a test missing"
    )
    parser.add_argument("--no-routes", action="store_true", help="leave the table of routes as it is")
    parser.add_argument("--seen", type=Path, help="a file with what the wire tests saw, in place of running them")
    options = parser.parse_args(arguments)
    runtime = Runtime(State(None))
    services = (graph_service(runtime.state), salesforce_service(runtime.state))
    for service in services:
        runtime.register(service)
    tables = {"switches": _switches(runtime.state), "faults": _faults(runtime)}
    gaps: list[str] = []
    if not options.no_routes:
        seen = json.loads(options.seen.read_text()) if options.seen else _recorded()
        tables["routes"], gaps = _routes(_known_routes(), seen)
        for gap in gaps:
            print(gap)
    before = PAGE.read_text()
    after = before
    for name, table in tables.items():
        after = _replaced(after, name, table)
    if after == before:
        print(f"{PAGE.relative_to(ROOT)} is up to date")
        return 1 if gaps else 0
    if options.check:
        print(f"{PAGE.relative_to(ROOT)} is stale; run python -m {__spec__.name}")
        return 1
    PAGE.write_text(after)
    print(f"{PAGE.relative_to(ROOT)} was written")
    return 1 if gaps else 0


def _known_routes() -> set[Row]:
    """Every route of the API with every method it has."""
    found = {
        ("graph", _shown(f"{VERSION}/" + re.sub(r"{\w+}", "{id}", template)), method)
        for template, handlers in ROUTES.items()
        for method in handlers
    }
    found |= {("graph", f"{VERSION}/$batch", "POST"), ("graph", "/{tenant}/oauth2/v2.0/token", "POST")}
    return found | {("salesforce", path, method) for path, handlers in API.items() for method in handlers}


def _shown(template: str) -> str:
    """/me and /users/{id} are one row."""
    return re.sub(rf"^{VERSION}/me(?=/|$)", f"{VERSION}/users/{{id}}", template)


def _recorded() -> list[list[Any]]:
    """What the plugin saw: [service, template, method, status, code, test]."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "routes.jsonl"
        tests = "sync_pipeline_tests/sandbox"
        command = [sys.executable, "-m", "pytest", tests, "-q", "-n", "2", f"--confcutdir={tests}"]
        command += [
            "-m",
            "not witness and not browser and not fuzz",
            "-p",
            "sync_pipeline_tests.sandbox.route_recorder",
        ]
        ran = subprocess.run(command, cwd=ROOT, env={**os.environ, VARIABLE: str(path)}, check=False)
        if ran.returncode != 0:
            print("some wire tests failed; the table shows what the others saw", file=sys.stderr)
        return [json.loads(line) for line in path.read_text().splitlines()]


def _routes(known: set[Row], seen: list[list[Any]]) -> tuple[Table, list[str]]:
    """The table, and in a sentence each what no test shows: a route's success, an error that is documented for it."""
    successes: defaultdict[Row, set[str]] = defaultdict(set)
    errors: defaultdict[Row, set[str]] = defaultdict(set)
    for service, template, method, status, code, _ in seen:
        row = (service, _shown(template), "GET" if method == "HEAD" else method)
        if row in known and status != 405:
            (successes if status < 300 else errors)[row].add(f"{status} {code}".strip())
    table: Table = [("Service", "Route", "Method", "Success", "Documented errors", "Other errors")]
    gaps: list[str] = []
    for row in sorted(known):
        wanted = documented(*row)
        if not successes[row]:
            gaps.append(f"no test of success: {' '.join(row)}")
        gaps += [f"no test of {error}: {' '.join(row)}" for error in sorted(wanted - errors[row])]
        shown, others = wanted & errors[row], errors[row] - wanted
        name = f"`{row[1]}`"
        table.append((row[0], name, row[2], _joined(successes[row]), _joined(shown), _joined(others)))
    return table, gaps


def _joined(entries: Iterable[str]) -> str:
    return ", ".join(sorted(entries)) or "–"


def _switches(state: State) -> Table:
    rows: Table = [("Switch", "Default", "Other values", "Why")]
    for name, told in state.declared_switches().items():
        others = [_value(value) for value in told["choices"] if value != told["default"]]
        bounds = "any text" if told["bounds"] is None else "{:.15g} to {:.15g}".format(*told["bounds"])
        rows.append((f"`{name}`", _value(told["default"]), ", ".join(others) or bounds, told["why"]))
    return rows


def _value(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def _faults(runtime: Runtime) -> Table:
    known = runtime.faults.known()
    meanings: dict[str, dict[str, list[str]]] = {}
    for service, kinds in known.items():
        for name, meaning in kinds.items():
            meanings.setdefault(name, {}).setdefault(meaning, []).append(service)
    rows: Table = [("Fault", "Service", "What happens")]
    for name in sorted(meanings):
        services = sorted({service for told in meanings[name].values() for service in told})
        text = next(
            (meaning for meaning in meanings[name] if meaning), "The error of that name, in the service's form."
        )
        rows.append((f"`{name}`", ", ".join(services), text))
    return rows


def _replaced(page: str, name: str, table: Table) -> str:
    """The page with this table between the marks <!-- name --> and <!-- /name -->."""
    head, *rows = [[cell.replace("|", "\\|") for cell in row] for row in table]
    lines = [" | ".join(head), " | ".join("---" for _ in head), *(" | ".join(row) for row in rows)]
    text = "\n".join(f"| {line} |" for line in lines)
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{PAGE} must have the marks {begin} and {end} once each")
    return page[: page.index(begin) + len(begin)] + f"\n{text}\n" + page[page.index(end) :]


if __name__ == "__main__":
    assert POSITIONS == ("refused", "response_lost"), "the page's text names both positions"
    raise SystemExit(main())
