"""The command line and the board profile of the safety process: all that is read before it begins.

Owns: the options, their bounds and the messages about them. Refuses to know: what is done with them.
Only ``__main__`` uses it, and imports it when it reads: parsers are not needed again (see ``apart``).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from controller.safety.log import Level
from controller.safety.loop import LATE_BUDGET_MS
from controller.safety.options import Options
from hal.profile import load_profile


def read(arguments: Sequence[str] | None) -> Options:
    """Read the command line (None = that of the process) and the profile it names.

    Raises ``ProfileError``, and ``SystemExit`` as argparse does.
    """
    parser = argparse.ArgumentParser(
        prog="joulepost safety",
        description="Drives pilot and contactor. Power is a lease; silence means off.",
    )
    parser.add_argument("--board", required=True, metavar="NAME|FILE", help="board profile")
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="DIR", help="where /sys and /dev are")
    parser.add_argument("--evses", type=int, metavar="N", help="number of EVSEs of a simulated board")
    parser.add_argument("--runtime", type=Path, default=Path("/run/joulepost"), metavar="DIR")
    parser.add_argument("--log-level", choices=[level.name.lower() for level in Level], default="info")
    parser.add_argument("--outputs-off", action="store_true", help="everything off, then end")
    parser.add_argument("--late-budget-ms", type=int, default=LATE_BUDGET_MS, metavar="MS")
    found = parser.parse_args(arguments)
    if not 20 <= found.late_budget_ms <= 10_000:
        parser.error(f"--late-budget-ms: found {found.late_budget_ms}, expected 20..10000")
    return Options(
        profile=load_profile(found.board, found.evses),
        root=found.root,
        runtime=found.runtime,
        log_level=Level[found.log_level.upper()],
        late_budget_ms=found.late_budget_ms,
        outputs_off=found.outputs_off,
    )
