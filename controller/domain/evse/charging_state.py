"""The charging state of a running transaction (2.0.1 ChargingStateEnumType), read from the facts.

Owns: which facts make which state. Refuses to know: what is told of it, and to whom. It keeps nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.domain.charging.sharing import LEAST_MA
from controller.domain.events import ChargingState
from controller.domain.inputs import EvseFacts

MINIMUM_OFFER_MA = LEAST_MA
SUSPENDED_EV_AFTER_MS = 5_000
"""After the first offer a vehicle has this long to ask for power before it counts as SuspendedEV."""


def unreported(before: ChargingState, silent: bool) -> ChargingState:
    """Nobody reports. A controller that just started has not heard yet, which is no news of the vehicle."""
    return ChargingState.SUSPENDED_EVSE if silent else before


def charging_state(
    facts: EvseFacts,
    before: ChargingState,
    limit_ma: Callable[[], int],
    stands_ms: int,
    switching_phases: bool,
) -> ChargingState:
    """``before``: the state so far. ``limit_ma``: what may be offered now, asked only where it matters.
    ``stands_ms``: for how long there has been an offer. ``switching_phases``: the phase switch is not yet
    where it shall be."""
    if not facts.vehicle_connected:
        if facts.pilot == "F" and not facts.inhibits and limit_ma() >= MINIMUM_OFFER_MA:
            return before  # a pulse that wakes the vehicle: the offer stands
        return ChargingState.IDLE if facts.pilot == "A" else ChargingState.SUSPENDED_EVSE
    if facts.pwm and facts.contactor_closed and facts.pilot in ("C", "D"):
        return ChargingState.CHARGING
    if facts.inhibits or limit_ma() < MINIMUM_OFFER_MA:
        return ChargingState.SUSPENDED_EVSE
    if switching_phases and not facts.pwm:
        # The phase switch is on its way: a pause, but not before the first offer.
        return before if before is ChargingState.EV_CONNECTED else ChargingState.SUSPENDED_EVSE
    if facts.pwm and facts.pilot == "B":
        if before is ChargingState.EV_CONNECTED and stands_ms < SUSPENDED_EV_AFTER_MS:
            return before
        return ChargingState.SUSPENDED_EV
    # On the way: pilot still x1, or the contactor about to move.
    return before
