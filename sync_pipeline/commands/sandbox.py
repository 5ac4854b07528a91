"""The verb that needs no tenant: both services as stand-ins on this machine."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from sync_pipeline.commands.invocation import Invocation, Verb, pass_invocation

if TYPE_CHECKING:
    from sync_pipeline.sandbox.state import State

#: Remembers what the state was filled with.
FILLED = "filled.json"


@click.command(cls=Verb)
@click.option("--salesforce-port", default=8101, show_default=True, type=click.IntRange(0, 65535))
@click.option("--graph-port", default=8102, show_default=True, type=click.IntRange(0, 65535))
@click.option(
    "--state",
    "state_dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where it keeps its data over restarts.  [default: data/sandbox]",
)
@click.option("--seed", type=int, metavar="S", help="The same seed gives the same people.")
@click.option("--mailboxes", type=click.IntRange(0), metavar="M")
@click.option("--contacts", type=click.IntRange(0), metavar="N", help="Contacts in Salesforce.")
@click.option("--accounts", type=click.IntRange(0), metavar="A", help="Accounts in Salesforce.")
@click.option("--latency-ms", default=0.0, type=click.FloatRange(0), metavar="L", help="Every call takes so long.")
@click.option("--empty", is_flag=True, help="Start with nothing in it.")
@pass_invocation
def sandbox(
    invocation: Invocation,
    salesforce_port: int,
    graph_port: int,
    state_dir: Path | None,
    seed: int | None,
    mailboxes: int | None,
    contacts: int | None,
    accounts: int | None,
    latency_ms: float,
    empty: bool,
) -> None:
    """Stand-ins for Salesforce and Microsoft Graph on this machine, with demo data; until Ctrl-C.

    Without --state the data lies in data/sandbox, and is made anew where other numbers are asked for than it was made
    with.
    """
    from sync_pipeline.sandbox.seed import seed_sandbox, seeder
    from sync_pipeline.sandbox.server import STATE_FILE, serve
    from sync_pipeline.sandbox.state import State
    from sync_pipeline.settings.location import SANDBOX_DATA_DIR, SANDBOX_GRAPH_URL, SANDBOX_SALESFORCE_URL

    size = {"seed": seed, "mailboxes": mailboxes, "contacts": contacts, "accounts": accounts}
    asked = {name: value for name, value in size.items() if value is not None}
    numbers = {**(seed_sandbox.__kwdefaults__ or {}), **asked}
    wanted = {"empty": True} if empty else numbers
    directory = state_dir or SANDBOX_DATA_DIR
    if (asked or empty) and _filled(directory) not in (None, wanted):
        _give_way(invocation, directory, wanted, is_default=state_dir is None, ports=(salesforce_port, graph_port))
    state = State(directory / STATE_FILE, seed=numbers["seed"])
    state.declare_switches({"latency_ms": latency_ms})
    fill = seeder(**numbers)

    def started(salesforce_url: str, graph_url: str) -> None:
        found = (salesforce_url, graph_url) == (SANDBOX_SALESFORCE_URL, SANDBOX_GRAPH_URL)
        settings = None if found else _write_settings(directory, state, salesforce_url, graph_url)
        _announce(invocation, state, salesforce_url, graph_url, settings)

    try:
        if _filled(directory) is None and not state.people():
            if not empty:
                invocation.say("Filling the sandbox with people …")
                _prepare(state)
                fill(state, {})
            (directory / FILLED).write_text(json.dumps(wanted), encoding="utf-8")
        serve(state, salesforce_port=salesforce_port, graph_port=graph_port, seeder=fill, on_start=started)
    finally:
        state.close()


def _filled(directory: Path) -> dict[str, Any] | None:
    """What the state there was filled with; None where there is none."""
    try:
        found: dict[str, Any] = json.loads((directory / FILLED).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _give_way(
    invocation: Invocation, directory: Path, wanted: dict[str, Any], *, is_default: bool, ports: tuple[int, int]
) -> None:
    """Other data was asked for than lies there: the default place is cleared, a named one is left as it is."""
    held = _filled(directory)
    if not is_default:
        invocation.say(f"{directory} was filled with {held} and stays as it is. Name another --state for {wanted}.")
        return
    for port in ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return  # another sandbox serves from there; starting this one will say so
    invocation.say(f"The sandbox in {directory} was made with {held}; it and its warehouse are made anew.")
    shutil.rmtree(directory)


def _prepare(state: State) -> None:
    """Creates both services' tables before they are filled."""
    from sync_pipeline.sandbox.graph.routes import graph_service
    from sync_pipeline.sandbox.salesforce.routes import salesforce_service

    salesforce_service(state)
    graph_service(state)


def _people(state: State) -> list[dict[str, str]]:
    return [
        {"mailbox": row["mailbox"], "salesforce_user": row["salesforce_user"]}
        for row in state.people()
        if row["mailbox"] and row["salesforce_user"]
    ]


def _write_settings(directory: Path, state: State, salesforce_url: str, graph_url: str) -> Path:
    """What `sync-pipeline run` needs for a sandbox that is not on the ports where it looks by itself."""
    path = directory.resolve() / "settings.yaml"
    document = {
        "salesforce": {"url": salesforce_url},
        "graph": {"url": graph_url},
        "data_dir": str(path.parent),
        "mailboxes": _people(state),
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def _announce(invocation: Invocation, state: State, salesforce_url: str, graph_url: str, settings: Path | None) -> None:
    people = _people(state)
    document = {"salesforce_url": salesforce_url, "graph_url": graph_url, "mailboxes": people}
    if settings is not None:
        document["settings"] = str(settings)
    command = f"sync-pipeline --settings {settings} run" if settings else "sync-pipeline run"

    def show(console: Any) -> None:
        console.print(f"Salesforce  {salesforce_url}\nOutlook     {graph_url}", highlight=False)
        addresses = ", ".join(person["mailbox"] for person in people[:6])
        more = f" and {len(people) - 6} more" if len(people) > 6 else ""
        console.print(f"Open them in a browser. {len(people)} mailboxes: {addresses or 'none'}{more}", highlight=False)
        console.print(f"In another shell: {command}. Ctrl-C stops.", highlight=False, soft_wrap=True)

    invocation.emit(document, show)
