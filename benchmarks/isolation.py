"""Why the safety loop is a process of its own: how late a 10 ms tick is, as a thread and as a process.

``python -m benchmarks.isolation --seconds 5`` runs a ticker (the safety loop's pace, nothing else) twice
beside each kind of work: as a thread of the working interpreter, and as a process of its own. The work is
what a controller may meet: a large JSON document, a regular expression that backtracks, a collection over
many objects. IEC 61851-1 gives 100 ms for the whole reaction. Prints a table; draws no conclusion.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import re
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

TICK_S = 0.01


def tick(seconds: float) -> list[float]:
    """Lateness of each tick in ms, on absolute deadlines."""
    late_ms = []
    due = time.monotonic()
    end = due + seconds
    while due < end:
        due += TICK_S
        time.sleep(max(0.0, due - time.monotonic()))
        late_ms.append((time.monotonic() - due) * 1000)
        due = max(due, time.monotonic() - TICK_S)
    return late_ms


def parse_json(until: float) -> None:
    text = json.dumps([{"index": number, "value": "x" * 40} for number in range(80_000)])
    while time.monotonic() < until:
        json.loads(text)


def backtrack(until: float) -> None:
    pattern, text = re.compile(r"(a|aa)+$"), "a" * 27 + "b"
    while time.monotonic() < until:
        pattern.match(text)


def collect(until: float) -> None:
    heap = [[number] for number in range(1_500_000)]
    while time.monotonic() < until:
        gc.collect()
    del heap


WORK: dict[str, Callable[[float], None]] = {
    "json.loads of 5 MB": parse_json,
    "regex backtracking": backtrack,
    "gc.collect, 1.5 M objects": collect,
}


def in_thread(work: Callable[[float], None], seconds: float) -> list[float]:
    late_ms: list[float] = []
    thread = threading.Thread(target=lambda: late_ms.extend(tick(seconds)))
    thread.start()
    work(time.monotonic() + seconds)
    thread.join()
    return late_ms


def _send_ticks(pipe: Connection, seconds: float) -> None:
    pipe.send(tick(seconds))


def in_process(work: Callable[[float], None], seconds: float) -> list[float]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send_ticks, args=(there, seconds))
    process.start()
    work(time.monotonic() + seconds + 0.5)
    late_ms: list[float] = here.recv()
    process.join()
    return late_ms


def at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.isolation", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="of each of the six runs")
    options = parser.parse_args()
    print("Lateness of a 10 ms tick in ms, no real-time priority")
    print(f"{'beside':28} {'as a':8} {'p50':>8} {'p99':>8} {'max':>8}")
    for name, work in WORK.items():
        worst = {}
        for kind, run in (("thread", in_thread), ("process", in_process)):
            late_ms = run(work, options.seconds)
            worst[kind] = max(late_ms)
            print(f"{name:28} {kind:8} {at(late_ms, 0.5):8.2f} {at(late_ms, 0.99):8.2f} {max(late_ms):8.2f}")
        print(f"{'':28} ratio of the worst, thread to process: {worst['thread'] / worst['process']:.1f}")


if __name__ == "__main__":
    main()
