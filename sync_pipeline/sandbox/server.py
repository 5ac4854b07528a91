"""Runs both stand-ins in one process and one event loop, each on its own loopback port.

SandboxServer does it in a thread (tests, the demo); serve() in the foreground until a signal (the command line)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import uvicorn

from sync_pipeline.sandbox.app import build
from sync_pipeline.sandbox.graph.routes import graph_service
from sync_pipeline.sandbox.runtime import Runtime, Seeder
from sync_pipeline.sandbox.salesforce.routes import salesforce_service
from sync_pipeline.sandbox.state import State

HOST: Final = "127.0.0.1"
STATE_FILE: Final = "sandbox.sqlite"
START_SECONDS: Final = 30.0


class SandboxError(Exception):
    """The sandbox could not be started; the message says why and what to do."""


class SandboxServer:
    """Both stand-ins in a thread. Ports of 0 are chosen freely. Attributes: salesforce_url, graph_url, state.

    state_dir: where the SQLite file lies, None for memory only. seeder: fills the state at POST /_sandbox/reset.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        salesforce_port: int = 0,
        graph_port: int = 0,
        seed: int = 1,
        latency_ms: float = 0,
        seeder: Seeder | None = None,
    ) -> None:
        self._sockets = _bind(salesforce_port, graph_port)
        self.state = State(None if state_dir is None else state_dir / STATE_FILE, seed=seed)
        self.state.declare_switches({"latency_ms": latency_ms})  # a default, so that a reset keeps it
        self._runtime_seeder = seeder
        self.salesforce_url, self.graph_url = (f"http://{HOST}:{s.getsockname()[1]}" for s in self._sockets)
        self._servers: list[_QuietServer] = []
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._started = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_SECONDS) or self._failure is not None:
            raise SandboxError(f"the sandbox did not start within {START_SECONDS:.0f} s") from self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.should_exit = True
        self._thread.join()
        self.state.close()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # handed to the thread that waits in __enter__
            self._failure = failure
            self._started.set()

    async def _serve(self) -> None:
        self._servers = _servers(self.state, self._runtime_seeder)
        running = [
            asyncio.create_task(server.serve(sockets=[listener]))
            for server, listener in zip(self._servers, self._sockets, strict=True)
        ]
        while not all(server.started or task.done() for server, task in zip(self._servers, running, strict=True)):
            await asyncio.sleep(0.005)
        self._started.set()
        await asyncio.gather(*running)


def serve(
    state: State,
    *,
    salesforce_port: int,
    graph_port: int,
    seeder: Seeder | None = None,
    on_start: Callable[[str, str], None] = lambda salesforce_url, graph_url: None,
) -> None:
    """Serves until SIGINT or SIGTERM. `on_start(salesforce_url, graph_url)` is called when both ports accept."""
    sockets = _bind(salesforce_port, graph_port)

    async def run() -> None:
        servers = _servers(state, seeder)

        def stop() -> None:
            for server in servers:
                server.should_exit = True

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop)
        running = [asyncio.create_task(s.serve(sockets=[each])) for s, each in zip(servers, sockets, strict=True)]
        while not all(s.started or t.done() for s, t in zip(servers, running, strict=True)):
            await asyncio.sleep(0.005)
        salesforce_url, graph_url = (f"http://{HOST}:{s.getsockname()[1]}" for s in sockets)
        on_start(salesforce_url, graph_url)
        await asyncio.gather(*running)

    asyncio.run(run())


class _QuietServer(uvicorn.Server):
    """Leaves signals alone: two servers share the process, and both stop together."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _servers(state: State, seeder: Seeder | None) -> list[_QuietServer]:
    runtime = Runtime(state, seeder=seeder)
    services = (salesforce_service(state), graph_service(state))
    return [
        _QuietServer(
            uvicorn.Config(
                build(service, runtime),
                lifespan="off",
                access_log=False,
                log_level="warning",
                proxy_headers=False,
                date_header=False,
                timeout_keep_alive=600,  # a client's pool must not meet a connection closed for idleness only
                timeout_graceful_shutdown=1,
            )
        )
        for service in services
    ]


def _bind(salesforce_port: int, graph_port: int) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for port, option in ((salesforce_port, "--salesforce-port"), (graph_port, "--graph-port")):
        # The protocol is named because asyncio turns Nagle's algorithm off only for sockets that do: 40 ms a request.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(128)
        except OSError as error:
            for opened in (listener, *sockets):
                opened.close()
            if error.errno != errno.EADDRINUSE:
                raise
            raise SandboxError(
                f"port {port} on {HOST} is in use; stop what uses it or choose another one with {option}"
            ) from error
        sockets.append(listener)
    return sockets
