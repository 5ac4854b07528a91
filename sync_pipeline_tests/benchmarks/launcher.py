"""Runs the command in its arguments and prints {"code", "seconds", "peak_kib", "out"}; memory from the system's wait4.

A script of its own, small on purpose: a child's peak begins at the size of the process that starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time


def main() -> int:
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = subprocess.Popen(sys.argv[1:], stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = code = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode()
    print(json.dumps({"code": code, "seconds": seconds, "peak_kib": usage.ru_maxrss, "out": text}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
