"""``python -m benchmarks.start_marks FILE WORDS...``: ``joulepost WORDS``, with a note of when it got where.

Owns: watching a start through Python's audit events, so that nothing in the program has to be changed.
CLOCK_MONOTONIC seconds are written to FILE when the program connects to the CSMS.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

MARKS = {"python": time.monotonic()}


def watch(path: Path) -> None:
    """From now on until the first connection over TCP."""

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event == "sqlite3.connect":
            MARKS.setdefault("imports", time.monotonic())
        elif event == "import" and str(args[0]).startswith("websockets"):
            MARKS.setdefault("wired", time.monotonic())
        elif event == "socket.connect" and isinstance(args[1], tuple) and "connect" not in MARKS:
            MARKS["connect"] = time.monotonic()
            path.write_text(json.dumps(MARKS))

    sys.addaudithook(note)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    from controller.local.cli import main

    sys.exit(main(sys.argv[2:]))
