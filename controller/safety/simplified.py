"""Simplified vehicles: those without S2, whose pilot goes from A to C without showing B.

Owns: how one is recognized and how long that holds. Refuses to know: what it is offered (``SafetyConfig``).

IEC 61851-1 A.2.3 and Table A.6 sequence 1.2: such a vehicle cannot say "wait", and is to draw no more than
10 A. It limits itself; we do not rely on it. A vehicle that shows B later has a switch and is none of them.
After a start of the process or state F nobody knows what was before C, so nothing is concluded from it.
"""

from __future__ import annotations

from controller.safety.pilot import Pilot


def observe(simplified: bool, before: Pilot, pilot: Pilot, connected: bool) -> bool:
    """Is it one? ``before`` and ``pilot`` are the accepted letters of the last step and of this one."""
    if not connected or pilot is Pilot.B:
        return False
    if before is Pilot.A and (pilot is Pilot.C or pilot is Pilot.D):
        return True
    return simplified
