"""The faults as data: one row per name, in words for the person who stands in front of the station.

Owns: cause, remedy and how each clears. The names are those of ``controller.safety.inhibits`` in
lower case with dashes, plus the controller's own. ``joulepost why`` and OCPP are views of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """``blocking``: the EVSE is shown as Faulted. ``code16``: 1.6 ChargePointErrorCode."""

    name: str
    cause: str
    clears_by: str
    code16: str
    blocking: bool = True


_ROWS = (
    Fault(
        "starting",
        "the safety process has not yet seen a full round of valid inputs",
        "by itself within a second",
        "NoError",
        blocking=False,
    ),
    Fault(
        "board-silent",
        "the board's inputs are too old or a driver failed",
        "the board answers again: check wiring, power, device nodes",
        "InternalError",
    ),
    Fault(
        "pilot-fault",
        "the control pilot is outside every band of IEC 61851-1",
        "a valid pilot level: check cable, plug and pilot driver",
        "EVCommunicationError",
    ),
    Fault(
        "pilot-short",
        "the control pilot is shorted to protective earth (state E)",
        "the short is gone: unplug; check cable and plug for water and damage",
        "EVCommunicationError",
    ),
    Fault(
        "diode-missing",
        "the lower half of the pilot wave is pulled up: no vehicle diode",
        "unplugging: not a vehicle, or a wet or damaged plug",
        "EVCommunicationError",
    ),
    Fault(
        "pwm-fault",
        "the duty measured on the pilot is not the duty commanded",
        "a right duty: check PWM overlay and pilot driver",
        "InternalError",
    ),
    Fault(
        "ventilation-required",
        "the vehicle asks for ventilation (state D) and this place has none",
        "the vehicle leaves state D",
        "OtherError",
    ),
    Fault(
        "residual-current",
        "the residual-current detector has tripped",
        "the detector is quiet again and the vehicle was unplugged: check vehicle and cable",
        "GroundFailure",
    ),
    Fault(
        "residual-current-test",
        "the self-test of the residual-current detector failed",
        "a passed self-test: check the detector's wiring and test output",
        "GroundFailure",
    ),
    Fault(
        "contactor-welded",
        "the mirror contact says closed although the contactor is commanded open",
        "a technician: disconnect the supply, replace the contactor, reset the fault",
        "PowerSwitchFailure",
    ),
    Fault(
        "contactor-did-not-close",
        "the mirror contact stays open although the contactor is commanded closed",
        "the next attempt after a pause: check coil supply, hardware gate and mirror contact",
        "PowerSwitchFailure",
    ),
    Fault(
        "proximity-fault",
        "the proximity pilot is shorted, or was lost while charging",
        "a valid cable coding: check plug and socket",
        "OtherError",
    ),
    Fault(
        "lock-fault",
        "the plug lock did not reach its position",
        "unplugging or a successful attempt: check for a plug that is not fully inserted",
        "ConnectorLockFailure",
    ),
    Fault(
        "loop-late",
        "the safety loop ran later than its budget",
        "by itself when the loop keeps its time: check for other real-time programs on the machine",
        "InternalError",
    ),
    Fault(
        "over-temperature",
        "a temperature sensor is above its stop temperature",
        "cooling below the restart temperature: check fan, terminals' torque, sun, load",
        "HighTemperature",
    ),
    Fault(
        "temperature-sensor-lost",
        "a temperature sensor does not answer or says nonsense",
        "the sensor answers again: check its wire",
        "InternalError",
    ),
    Fault(
        "emergency-stop",
        "the emergency stop is pressed, or its wire is broken",
        "releasing the button: find out first why it was pressed",
        "OtherError",
    ),
    Fault(
        "enclosure-open",
        "the enclosure is open, or its switch's wire is broken",
        "closing the enclosure",
        "OtherError",
    ),
    Fault(
        "phase-switch-fault",
        "the 1-/3-phase switch is not in its commanded position",
        "the switch follows again: check its relay and feedback",
        "PowerSwitchFailure",
    ),
    Fault(
        "safety-silent",
        "the safety process does not report",
        "the safety process runs again: systemctl status joulepost-safety",
        "InternalError",
    ),
)

FAULTS: dict[str, Fault] = {row.name: row for row in _ROWS}

SAFETY_SILENT = "safety-silent"


def describe(name: str) -> Fault:
    """The row of a fault; a name this version does not know is shown as it is, as an internal error."""
    return FAULTS.get(
        name, Fault(name, f"unknown fault {name}", "update the controller and ask support", "InternalError")
    )
