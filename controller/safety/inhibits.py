"""The names of the reasons not to close the contactor.

Owns: the closed list of inhibits. One gate: the contactor may close only while the set is empty.
The order is part of the wire format: append only.
"""

from __future__ import annotations

from enum import IntEnum


class Inhibit(IntEnum):
    """A named reason. Values are bit numbers on the wire."""

    STARTING = 0  # the process has not yet seen a full round of valid inputs
    BOARD_SILENT = 1  # inputs too old or driver error
    PILOT_FAULT = 2  # pilot outside all bands
    PILOT_SHORT = 3  # state E: pilot shorted to PE
    DIODE_MISSING = 4  # lower plateau is not near -12 V while PWM runs
    PWM_FAULT = 5  # the duty on the wire is not the duty commanded
    VENTILATION_REQUIRED = 6  # state D without ventilation
    RESIDUAL_CURRENT = 7  # the detector has tripped
    RESIDUAL_CURRENT_TEST = 8  # the detector's self-test failed or has not been passed
    CONTACTOR_WELDED = 9  # mirror contact closed although commanded open
    CONTACTOR_DID_NOT_CLOSE = 10  # mirror contact open although commanded closed
    PROXIMITY_FAULT = 11  # PP shorted, or lost while charging
    LOCK_FAULT = 12  # the plug lock did not reach its position
    LOOP_LATE = 13  # the loop's lateness is over its budget
