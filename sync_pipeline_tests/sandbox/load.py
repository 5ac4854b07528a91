"""`python -m sync_pipeline_tests.sandbox.load [--contacts N] [--accounts N]`: how the sandbox bears a large load.

Fills one, starts it as a process, times what a synchroniser asks. The table is in docs/sandbox.md; no test reads it."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from sync_pipeline.sandbox.graph.models import Mailboxes
from sync_pipeline.sandbox.salesforce.models import Org
from sync_pipeline.sandbox.server import STATE_FILE
from sync_pipeline.sandbox.state import State
from sync_pipeline_tests import loopback
from sync_pipeline_tests.sandbox.graph_client import ANNA, STAMP

CHUNK: Final = 5000
CALLS: Final = 15
DATA: Final = "/services/data/v60.0"
GRAPH: Final = f"/v1.0/users/{ANNA}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        filled = _timed(lambda: _fill(Path(directory), options.contacts, options.accounts))
        size = (Path(directory) / STATE_FILE).stat().st_size / 2**20
        begun = time.perf_counter()
        command = [sys.executable, "-m", "sync_pipeline", "--json", "sandbox", "--state", directory]
        command += ["--salesforce-port", "0", "--graph-port", "0"]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            urls = loopback.announced(server)
            started = time.perf_counter() - begun
            print(
                f"{options.contacts:,} contacts in one mailbox, {options.accounts:,} Accounts and as many Contacts as"
            )
            print(
                f"contacts; {size:,.0f} MB, filled in {filled:.0f} s; the filled sandbox starts in {started:.1f} s.\n"
            )
            print("| Call | Median | Slowest |\n| --- | --- | --- |")
            for name, call in _calls(urls).items():
                seconds = [_timed(call) for _ in range(CALLS)]
                print(f"| {name} | {statistics.median(seconds) * 1000:.0f} ms | {max(seconds) * 1000:.0f} ms |")
        finally:
            server.terminate()
            server.wait(timeout=60)
    return 0


def _timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _fill(directory: Path, contacts: int, accounts: int) -> None:
    state = State(directory / STATE_FILE)
    org, mailboxes = Org(state), Mailboxes(state)
    org.insert("Account", ({"Name": f"Company {number * 7919 % accounts:07}"} for number in range(accounts)))
    people = ({"LastName": f"Name {n}", "Email": f"person{n}@example.com"} for n in range(contacts))
    org.insert("Contact", people)
    mailboxes.create_mailbox(ANNA, "Anna")
    state.add_person(mailbox=ANNA, salesforce_user="admin@acme.example.com", name="Anna")
    for start in range(0, contacts, CHUNK):
        bodies = [
            {"surname": f"Name {n}", "emailAddresses": [{"address": f"person{n}@example.com"}],
             "singleValueExtendedProperties": [{"id": STAMP, "value": f"stamp {n}"}]}
            for n in range(start, min(start + CHUNK, contacts))
        ]  # fmt: skip
        with state.transaction():
            mailboxes.create_contacts(ANNA, "contacts", bodies, actor=f"user:{ANNA}")
    state.close()


def _calls(urls: dict[str, str]) -> dict[str, Callable[[], Any]]:
    graph = httpx.Client(base_url=urls["graph_url"], headers={"Authorization": f"Bearer user:{ANNA}"}, timeout=300)
    person = {"Authorization": "Bearer user:admin@acme.example.com"}
    salesforce = httpx.Client(base_url=urls["salesforce_url"], headers=person, timeout=300)

    def get(client: httpx.Client, path: str, **options: Any) -> Any:
        return client.get(path, **options).raise_for_status().json()

    def query(soql: str) -> Any:
        return get(salesforce, f"{DATA}/query", params={"q": soql})

    listing = f"{GRAPH}/contacts?$top=1000"
    page = get(graph, listing)
    folder = page["value"][0]["parentFolderId"]
    delta, big = f"{GRAPH}/contactFolders/{folder}/contacts/delta", {"Prefer": "odata.maxpagesize=1000"}
    round_ = get(graph, delta, headers=big)
    while "@odata.nextLink" in round_:
        round_ = get(graph, round_["@odata.nextLink"], headers=big)
    cursor = query("SELECT Id, Name FROM Account")
    email = "emailAddresses/any(a:a/address eq 'person77@example.com')"
    stamped = f"singleValueExtendedProperties/any(e:e/id eq '{STAMP}' and e/value eq 'stamp 77')"
    contact = page["value"][0]["id"]
    return {
        "Graph: first page of contacts (1,000)": lambda: get(graph, listing),
        "Graph: next page of contacts (1,000)": lambda: get(graph, page["@odata.nextLink"]),
        "Graph: first page of delta (1,000)": lambda: get(graph, delta, headers=big),
        "Graph: delta with nothing new": lambda: get(graph, round_["@odata.deltaLink"]),
        "Graph: contact by id": lambda: get(graph, f"{GRAPH}/contacts/{contact}"),
        "Graph: contacts by e-mail address": lambda: get(graph, f"{GRAPH}/contacts", params={"$filter": email}),
        "Graph: contacts by extended property": lambda: get(graph, f"{GRAPH}/contacts", params={"$filter": stamped}),
        "Graph: a contact is created": lambda: graph.post(f"{GRAPH}/contacts", json={"surname": "New"}),
        "Salesforce: Account by name": lambda: query("SELECT Id FROM Account WHERE Name = 'Company 0000077'"),
        "Salesforce: Accounts after an id (2,000)": lambda: query(
            f"SELECT Id, Name FROM Account WHERE Id > '{cursor['records'][1000]['Id']}' ORDER BY Id LIMIT 2000"
        ),
        "Salesforce: Accounts changed since": lambda: query(
            "SELECT Id FROM Account WHERE SystemModstamp > 2099-01-01T00:00:00Z ORDER BY SystemModstamp, Id"
        ),
        "Salesforce: Contacts by e-mail": lambda: query("SELECT Id FROM Contact WHERE Email = 'person77@example.com'"),
        "Salesforce: next page of a query (2,000)": lambda: get(salesforce, cursor["nextRecordsUrl"]),
        "Salesforce: query of all Accounts, first page": lambda: query("SELECT Id, Name FROM Account"),
        "Salesforce: Account created": lambda: salesforce.post(f"{DATA}/sobjects/Account", json={"Name": "New"}),
    }


if __name__ == "__main__":
    raise SystemExit(main())
