"""What the safety process was told at its start. Owns: the shape. How it is read: ``arguments``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from controller.safety.log import Level
from hal.profile import BoardProfile


@dataclass(frozen=True, slots=True)
class Options:
    """``root``: where /sys and /dev are; ``runtime``: where the socket goes; ``late_budget_ms`` 20..10000;
    ``outputs_off``: switch everything off, then end."""

    profile: BoardProfile
    root: Path
    runtime: Path
    log_level: Level
    late_budget_ms: int
    outputs_off: bool
