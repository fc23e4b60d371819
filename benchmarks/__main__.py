"""``python -m benchmarks``: all of them, one after the other; ``python -m benchmarks NAME [options]``: one.

Owns: the list. Every benchmark is a program of its own (``--help`` tells its options) and prints tables of
ratios and distributions. They measure; the verdict is the reader's, who knows the machine.
"""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = {
    "reaction": "pilot change to contactor command, idle and beside busy processes",
    "isolation": "lateness of the safety loop as a process and as a thread",
    "controller": "start, idle CPU, memory, RemoteStart to Started",
    "rpc_throughput": "CALLs answered per second, beside the ocpp package and a bare loop",
    "calls": "requests of 1.6 to a whole station per second, beside the ocpp package",
    "composite": "composite schedules and ticks over many periods and profiles, and how they grow",
    "delivery": "1,000 offline messages after reconnection, beside a bare loop",
    "disk": "bytes written per charging hour",
}


def main(arguments: list[str]) -> int:
    if arguments[:1] in (["-h"], ["--help"]):
        print("python -m benchmarks [NAME [options]]\n")
        for name, about in BENCHMARKS.items():
            print(f"  {name:<16}{about}")
        return 0
    if arguments and arguments[0] not in BENCHMARKS:
        print(f"benchmarks: found {arguments[0]!r}, expected one of {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    status = 0
    for name in arguments[:1] or BENCHMARKS:
        if not arguments:
            print(f"\n=== {name}: {BENCHMARKS[name]}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *arguments[1:]]
        status = max(status, subprocess.run(command, check=False).returncode)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
