"""Takes up a plan's Outlook operations as the push does, and prints how many: a process of its own, for its memory."""

from __future__ import annotations

import sys
from pathlib import Path

from sync_pipeline.model.operation import Side
from sync_pipeline.push.context import RunContext
from sync_pipeline.push.work import ready_operations
from sync_pipeline.transport import ServerClock
from sync_pipeline.warehouse.connection import open_warehouse
from sync_pipeline.warehouse.reader import Reader


def main() -> int:
    with open_warehouse(Path(sys.argv[1])) as connection:
        run = Reader(connection).run()
        if run is None:
            return 1
        context = RunContext(run["run_id"], 1, "", "", ServerClock())
        operations = ready_operations(connection, context, Side.OUTLOOK)
    print(sum(operation.action == "create" for operation in operations))
    return 0


if __name__ == "__main__":
    sys.exit(main())
