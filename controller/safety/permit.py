"""The permit: power as a lease.

Owns: what the controller may ask of the safety process. Nobody says "on": the controller says "up to
``limit_ma`` until ``expires_at_ms``, for plug number ``plug_no``", about once a second. Silence means
a gentle stop; unplugging voids the permit. Also owns what makes a permit valid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    faults: a higher number than the last one is a request (a lower one is a restarted controller's).
    """

    evse_id: int
    plug_no: int
    limit_ma: int
    expires_at_ms: int
    phases: int = 3
    lock: LockWish = LockWish.AUTOMATIC
    unavailable: bool = False  # show state F (EVSE not available) while no vehicle is connected
    reset_faults: int = 0


def accept(permit: Permit, now_ms: int) -> Permit:
    """Cut the lease to ``LONGEST_LEASE_MS`` from its arrival: a wrong clock makes no endless permit."""
    longest = now_ms + LONGEST_LEASE_MS
    if permit.expires_at_ms <= longest:
        return permit
    return replace(permit, expires_at_ms=longest)


def granted_ma(
    permit: Permit | None, evse_id: int, plug_no: int | None, ceiling_ma: int, now_ms: int
) -> int | None:
    """How much a lease allows now, in mA; None when none is held.

    ``plug_no`` is the number of the vehicle that is connected, None = nobody. ``ceiling_ma`` is the lower of
    the hardware rating and the cable: a permit can only lower it. The lease ends at ``expires_at_ms`` sharp.
    """
    if (
        permit is None
        or plug_no is None
        or permit.evse_id != evse_id
        or permit.plug_no != plug_no
        or now_ms >= permit.expires_at_ms
    ):
        return None
    return max(0, min(permit.limit_ma, ceiling_ma))
