"""The one gate: may the contactor be closed?

Owns: that question. It is asked in one place (``core.step``), it has no side effects, and there is no
second path to the contactor.
Refuses to know: how any of its five answers came about.
"""

from __future__ import annotations

from controller.safety.inhibits import InhibitSet
from controller.safety.pilot import Pilot


def may_be_closed(
    inhibits: InhibitSet, pilot: Pilot, ventilation: bool, offering: bool, prepared: bool, letting_go: bool
) -> bool:
    """True when mains may be on.

    ``offering``: a valid permit is held and its current is offered by PWM (state x2).
    ``prepared``: plug locked, residual-current detector tested, PWM and diode proven on the wire.
    ``letting_go``: the contactor is closed, the offer was withdrawn less than 6 s ago and the vehicle is
    given the time to stop drawing (IEC 61851-1 Table A.6 sequence 10.2). It keeps a contactor closed and
    never closes one.
    """
    if inhibits.mask:
        return False
    if pilot is not Pilot.C and not (pilot is Pilot.D and ventilation):
        return False
    return (offering and prepared) or letting_go
