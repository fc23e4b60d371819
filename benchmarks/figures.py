"""Numbers and how they are printed: quantiles, tables, what /proc tells of a process.

Owns: nothing but arithmetic. Refuses to know: what is measured, and whether a figure is good.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

QUANTILES = (("min", 0.0), ("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank. Raises ``ValueError`` without values."""
    if not values:
        raise ValueError("quantile: found no values, expected one at least")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def distribution(name: str, values: Sequence[float], unit: str, decimals: int = 2) -> tuple[str, ...]:
    """One row for ``table``; its heading is ``distribution_heading``."""
    cells = [f"{quantile(values, share):.{decimals}f}" for _, share in QUANTILES]
    return (name, str(len(values)), *cells, unit)


def distribution_heading(what: str) -> tuple[str, ...]:
    return (what, "n", *(name for name, _ in QUANTILES), "")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns under each other: the first and the last to the left, figures to the right."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [
            cell.ljust(widths[index]) if index in (0, last) else cell.rjust(widths[index])
            for index, cell in enumerate(row)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def machine() -> str:
    """The machine in one line: processor, cores, Python."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            model = value.strip()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB. ``resident``: VmRSS, shared pages included. ``private``: USS, what the process alone costs."""

    resident: float
    private: float


def memory(pid: int) -> Memory:
    """Raises ``OSError`` when the process is gone."""
    resident = private = 0
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
        name, value = line.split(":")
        if name == "Rss":
            resident = int(value.split()[0])
        elif name.startswith("Private_"):
            private += int(value.split()[0])
    return Memory(resident / 1024, private / 1024)


def cpu_s(pid: int) -> float:
    """User and system time of a process so far, all threads. Raises ``OSError`` when it is gone."""
    fields = (
        Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def written_bytes(pid: int) -> int:
    """What a process caused to be written to disk, in whole pages. Raises ``OSError``.

    Linux counts a page when it gets dirty; one that was synced since and is written again counts again.
    """
    for line in Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "write_bytes":
            return int(value)
    raise OSError(f"/proc/{pid}/io: found no write_bytes, expected it in Linux with task I/O accounting")
