"""What the safety process is asked to permit at an EVSE.

Owns: ``PermitWish``. Refuses to know: how it is decided, how it is sent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PermitWish:
    """What the safety process is to be told of this EVSE (see ``controller.safety.permit``)."""

    evse_id: int
    plug_no: int
    limit_ma: int
    expires_at_ms: int
    phases: int
    unavailable: bool
    unlock: bool
    reset_faults: int
    keep_locked: bool = False  # also while no vehicle is connected to the plug
