"""The helper process that reads temperature files, so that the safety loop never waits for one.

Owns: nothing but its loop. Run as a file (``python -I -S sysfs_helper.py PATH...``), standard library only.
It writes one line per file and second to its standard output: ``index value`` in thousandths of a degree,
or ``index -`` when there is none; it ends when nobody reads them any more.
"""

from __future__ import annotations

import os
import sys
import time

PERIOD_S = 1.0
POWER_ON_MDEG = 85_000
"""A DS18B20 that lost its supply during a conversion answers with exactly this."""


def line(index: int, path: str) -> bytes:
    """Read one file now; may take as long as the kernel's driver takes (1-wire: 750 ms)."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - a helper this small needs no pathlib
            value = int(file.read(32))
    except (OSError, ValueError):
        return b"%d -\n" % index
    if value == POWER_ON_MDEG and "/w1" in path:
        return b"%d -\n" % index
    return b"%d %d\n" % (index, value)


def main(paths: list[str]) -> int:
    """Until the reader is gone."""
    while True:
        begin_s = time.monotonic()
        for index, path in enumerate(paths):
            try:
                os.write(1, line(index, path))
            except BrokenPipeError:
                return 0
        time.sleep(max(0.1, PERIOD_S - (time.monotonic() - begin_s)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
