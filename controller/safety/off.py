"""``python -m controller.safety.off --board ...``: everything off, then end. What ``ExecStopPost`` runs."""

from __future__ import annotations

import sys

from controller.safety.__main__ import outputs_off

if __name__ == "__main__":
    sys.exit(outputs_off())
