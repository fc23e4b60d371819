"""The permit: power as a lease.

Owns: what the controller may ask of the safety process. Nobody says "on": the controller says "up to
``limit_ma`` until ``expires_at_ms``, for plug number ``plug_no``", about once a second. Silence means
a gentle stop; unplugging voids the permit.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MINIMUM_OFFER_MA = 6000
"""IEC 61851-1 Annex A: less than 6 A cannot be offered; a lower limit means x1 (no current)."""

LONGEST_LEASE_MS = 30_000
"""A permit that claims to last longer is cut to this."""


class LockWish(IntEnum):
    """What the controller wants of the plug lock. The safety process only unlocks with the contactor open."""

    AUTOMATIC = 0  # locked while a permit is held, unlocked otherwise
    LOCKED = 1
    UNLOCKED = 2


@dataclass(frozen=True, slots=True)
class Permit:
    """A lease of current for one EVSE and one plug-in.

    ``limit_ma`` 0..80000 (below 6000: no current, x1); ``expires_at_ms`` on CLOCK_MONOTONIC;
    ``plug_no`` is the number of the plug-in event it is for, as last seen in a ``Report``.
    ``phases`` 1 or 3. ``reset_faults`` counts technician/controller requests to clear latched
    faults: a change of the number is a request.
    """

    evse_id: int
    plug_no: int
    limit_ma: int
    expires_at_ms: int
    phases: int = 3
    lock: LockWish = LockWish.AUTOMATIC
    unavailable: bool = False  # show state F (EVSE not available) while no vehicle is connected
    reset_faults: int = 0
