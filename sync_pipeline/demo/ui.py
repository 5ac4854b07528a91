"""Keeps the demo up after its last run: Dagster's UI beside the sandbox's pages, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console

HOST: Final = "127.0.0.1"
_SECONDS_TO_START: Final = 90.0
_SECONDS_TO_STOP: Final = 15.0


def stay_up(console: Console, data_dir: Path, salesforce_url: str, graph_url: str) -> None:
    """Returns at Ctrl-C or SIGTERM, Dagster's processes ended. DAGSTER_HOME and the settings are the environment's."""
    port = _free_port()
    log = data_dir / "dagster-dev.log"
    command = [sys.executable, "-m", "dagster", "dev", "-m", "sync_pipeline.definitions", "-h", HOST, "-p", str(port)]
    # A shell's background job starts with Ctrl-C ignored; here it is the way out.
    previous = {number: signal.signal(number, signal.default_int_handler) for number in (signal.SIGINT, signal.SIGTERM)}
    with log.open("wb") as output:
        # A group of its own: Ctrl-C reaches us alone, and we end it in order.
        dagster = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, env=_environment()
        )
        try:
            console.print("Starting Dagster's UI …")
            if _answers(dagster, port):
                console.print(f"Dagster     http://{HOST}:{port}", highlight=False)
            else:
                console.print(f"[red]Dagster's UI did not start; {log} says why.[/]", highlight=False)
            console.print(f"Salesforce  {salesforce_url}\nOutlook     {graph_url}", highlight=False)
            console.print("Edit contacts there and materialise the job contact_sync. Ctrl-C ends it.", highlight=False)
            while dagster.poll() is None:
                time.sleep(0.5)
            console.print(f"[red]Dagster ended by itself; {log} says why.[/]", highlight=False)
        except KeyboardInterrupt:
            console.print("Stopping.")
        finally:
            _stop(dagster)
            for number, handler in previous.items():
                signal.signal(number, handler)


def _environment() -> dict[str, str]:
    """This process's, but for credentials: the sandbox has its own."""
    credentials = ("SYNC_PIPELINE_SALESFORCE_", "SYNC_PIPELINE_GRAPH_")
    return {name: value for name, value in os.environ.items() if not name.startswith(credentials)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.3)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends Dagster's processes: politely, then with force."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_SECONDS_TO_STOP)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it started shares its group
    process.wait()
