"""The fault catalogue: every fault once, as data, in words for the person who stands in front of the station.

Owns: name, severity, what a fault inhibits and who acts, how it clears, cause, remedy, and its names in
OCPP 1.6, OCPP 2.0.1 and ChargeX. ``joulepost why``, ``joulepost faults``, the journal, StatusNotification,
NotifyEvent and ``docs/faults.md`` are views of these rows.
Refuses to know: how a fault is found (``controller.safety`` and ``domain.evse.protection`` do).

The rows of the safety process bear the names of its inhibits in lower case with dashes; their clearing
rules live in ``controller.safety.inhibits``, and a test keeps both the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a fault means to the person who wants to charge."""

    INFO = "info"  # part of normal life
    WARNING = "warning"  # charging goes on; somebody should look some day
    DERATE = "derate"  # charging goes on with less current
    STOP = "stop"  # no charging; it clears when the cause is gone
    HARD = "hard"  # no charging; the cause being gone is not enough: unplug, or a person resets


class Acts(StrEnum):
    """Who keeps the contactor open, and how soon."""

    SAFETY = "safety process"  # opens in the same 10 ms step, whatever flows
    CONTROLLER = "controller"  # withdraws the permit: x1, the vehicle lets go, open; seconds, not 100 ms
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Fault:
    """One row.

    ``blocking``: the EVSE is shown as Faulted and takes no new token. ``after_ms``: it clears by itself after
    so long without its cause, None = not by itself. ``unplug``: it clears when nobody is connected any more.
    A reset by a technician clears every fault whose cause is gone. ``tries``: so often it may come back
    before it stays until unplugging or a reset, None = without end; with a setting's name the owner decides.
    ``remembered``: the controller keeps it over restarts of both processes until a reset.
    ``code16``: 1.6 ChargePointErrorCode. ``component201``: the component whose variable Problem it is.
    ``mrec``: ChargeX minimum required error code, None = ChargeX defines none.
    """

    name: str
    cause: str
    clears_by: str
    code16: str
    blocking: bool = True
    severity: Severity = Severity.STOP
    acts: Acts = Acts.SAFETY
    inhibits: str = "closing; a closed contactor opens at once"
    after_ms: int | None = None
    unplug: bool = False
    tries: int | str | None = None
    remedy: str = ""
    component201: str = "Controller"
    mrec: str | None = None
    remembered: bool = False


_PERMIT = "the permit: x1, the vehicle lets go, then open (6 s at most)"

OVER_CURRENT = "over-current"
OVER_VOLTAGE = "over-voltage"
UNDER_VOLTAGE = "under-voltage"
PHASE_MISSING = "phase-missing"
METER_SILENT = "meter-silent"
TEMPERATURE_HIGH = "temperature-high"
EMERGENCY_STOP = "emergency-stop"
READER_SILENT = "reader-silent"
RESET_FAILED = "reset-failed"
CERTIFICATE_EXPIRES = "certificate-expires"
CONTACTOR_WORN = "contactor-worn"
CONTACTOR_WELDED = "contactor-welded"
SAFETY_SILENT = "safety-silent"
STORAGE = "storage"
LOCAL_LIST_CONFLICT = "local-list-conflict"

_SAFETY_ROWS = (
    Fault(
        "starting",
        "the safety process has not yet seen a full round of valid inputs",
        "by itself within a second",
        "NoError",
        blocking=False,
        severity=Severity.INFO,
        inhibits="closing",
        after_ms=0,
        remedy="nothing to do; if it stays, look at the other faults beside it",
    ),
    Fault(
        "board-silent",
        "the board's inputs are too old or a driver failed",
        "the board answers again for a second",
        "InternalError",
        after_ms=1_000,
        remedy="check the board's wiring and power, SPI and GPIO device nodes, and the safety process's log",
    ),
    Fault(
        "pilot-fault",
        "the control pilot is outside every band of IEC 61851-1",
        "a valid pilot level for a second",
        "EVCommunicationError",
        after_ms=1_000,
        remedy="check cable, plug, the pilot driver's +-12 V supply and the calibration of the sensing",
        component201="CPPWMController",
        mrec="CX014",
    ),
    Fault(
        "pilot-short",
        "the control pilot is shorted to protective earth (state E)",
        "the short has been gone for a second",
        "EVCommunicationError",
        after_ms=1_000,
        remedy="unplug; check cable and plug for water and damage",
        component201="CPPWMController",
        mrec="CX014",
    ),
    Fault(
        "diode-missing",
        "the lower half of the pilot wave is pulled up: no vehicle diode",
        "unplugging, or a reset",
        "EVCommunicationError",
        severity=Severity.HARD,
        unplug=True,
        remedy="what hangs on the plug is no vehicle, or the plug is wet or damaged: look at it, dry it, try "
        "another vehicle",
        component201="ConnectedEV",
        mrec="CX014",
    ),
    Fault(
        "pwm-fault",
        "the duty measured on the pilot is not the duty commanded",
        "tried again after 10 s; PWM is proven before every closing",
        "InternalError",
        after_ms=10_000,
        remedy="check the PWM overlay in config.txt, the pin, and the pilot driver",
        component201="CPPWMController",
        mrec="CX014",
    ),
    Fault(
        "ventilation-required",
        "the vehicle asks for ventilation (state D) and this place has none",
        "the vehicle no longer asks for ventilation",
        "OtherError",
        after_ms=0,
        remedy="charge this vehicle outdoors or at a place with ventilation",
        component201="AreaVentilation",
        mrec="CX010",
    ),
    Fault(
        "residual-current",
        "the residual-current detector has tripped",
        "the detector is quiet again and the vehicle was unplugged, or a reset; by itself only as often as "
        "the board profile's residual_current_retries allows (default: never)",
        "GroundFailure",
        severity=Severity.HARD,
        unplug=True,
        tries="residual_current_retries",
        remedy="somebody may be hurt: look first. Then try another vehicle and cable; if it trips without "
        "one, measure the insulation of the installation",
        component201="RCD",
        mrec="CX002",
    ),
    Fault(
        "residual-current-test",
        "the self-test of the residual-current detector failed",
        "tested again after a minute; no closing without a pass",
        "GroundFailure",
        after_ms=60_000,
        remedy="check the detector's supply, its test input and its trip output",
        component201="RCD",
    ),
    Fault(
        CONTACTOR_WELDED,
        "the mirror contact says closed although the contactor is commanded open: the plug is live",
        "a technician: disconnect the supply, replace the contactor, reset",
        "PowerSwitchFailure",
        severity=Severity.HARD,
        remedy="disconnect the supply; replace the contactor; check the mirror contact's wiring; then "
        "`joulepost command reset_faults`",
        component201="PowerContactor",
        mrec="CX017",
        remembered=True,
    ),
    Fault(
        "contactor-did-not-close",
        "the mirror contact stays open although the contactor is commanded closed",
        "tried again after a minute, three times; then unplugging, or a reset",
        "PowerSwitchFailure",
        after_ms=60_000,
        unplug=True,
        tries=3,
        remedy="check coil supply, hardware gate (is it fed?), coil and mirror contact",
        component201="PowerContactor",
        mrec="CX017",
    ),
    Fault(
        "proximity-fault",
        "the proximity pilot is shorted, or was lost while charging",
        "a readable cable coding for a second",
        "OtherError",
        after_ms=1_000,
        remedy="push the plug fully in; check the plug's resistor and the socket's contact",
        component201="Connector",
        mrec="CX023",
    ),
    Fault(
        "lock-fault",
        "the plug lock did not reach its position",
        "tried again after 10 s, or unplugging",
        "ConnectorLockFailure",
        after_ms=10_000,
        unplug=True,
        remedy="push the plug fully in; check the lock's motor, its feedback switch and its supply",
        component201="ConnectorPlugRetentionLock",
        mrec="CX001",
    ),
    Fault(
        "loop-late",
        "the safety loop ran later than its budget",
        "10 s on time",
        "InternalError",
        after_ms=10_000,
        remedy="look for other real-time programs on the machine; is the processor too hot, its supply weak?",
    ),
    Fault(
        "over-temperature",
        "a temperature sensor is above its stop temperature",
        "cooling below the restart temperature",
        "HighTemperature",
        after_ms=0,
        remedy="check fan, torque of the terminals, sun, load; a hot plug is worn: replace it",
        component201="TemperatureSensor",
        mrec="CX003",
    ),
    Fault(
        "temperature-sensor-lost",
        "a temperature sensor does not answer or says nonsense",
        "the sensor answers for 10 s",
        "InternalError",
        after_ms=10_000,
        remedy="check the sensor's wire and its entry in the board profile",
        component201="TemperatureSensor",
    ),
    Fault(
        EMERGENCY_STOP,
        "the emergency stop is pressed, or its wire is broken",
        "released for a second; the button itself latches; to charge again, present a card",
        "OtherError",
        after_ms=1_000,
        remedy="find out first why it was pressed, then release it; check the wire if nobody did",
        component201="EmergencyStopSensor",
        mrec="CX008",
    ),
    Fault(
        "enclosure-open",
        "the enclosure is open, or its switch's wire is broken",
        "closed for a second",
        "OtherError",
        after_ms=1_000,
        remedy="close the enclosure; check the switch and its wire if it is closed",
        component201="CaseAccessSensor",
    ),
    Fault(
        "phase-switch-fault",
        "the 1-/3-phase switch is not in its commanded position",
        "in position for 10 s",
        "PowerSwitchFailure",
        after_ms=10_000,
        remedy="check the switching relay, its supply and its feedback contact",
        component201="AcPhaseSelector",
    ),
)

_CONTROLLER_ROWS = (
    Fault(
        OVER_CURRENT,
        "the vehicle draws more than it is offered",
        "JoulepostCtrlr.ProtectionRestart seconds of normal current; after JoulepostCtrlr.OverCurrentRetries "
        "returns in one plug-in only unplugging, or a reset",
        "OverCurrentFailure",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        tries="JoulepostCtrlr.OverCurrentRetries",
        remedy="the vehicle's charger or an adapter does not obey the pilot: try another vehicle, then the "
        "meter (transformer ratio, phases)",
        component201="OverCurrentProtection",
        mrec="CX004",
    ),
    Fault(
        OVER_VOLTAGE,
        "the voltage of a phase is too high",
        "JoulepostCtrlr.ProtectionRestart seconds of normal voltage; after JoulepostCtrlr.VoltageRetries "
        "returns in one plug-in only unplugging, or a reset",
        "OverVoltage",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        tries="JoulepostCtrlr.VoltageRetries",
        remedy="measure the mains; a lost neutral or PEN conductor raises one phase and lowers another: "
        "call the grid operator",
        component201="ElectricalFeed",
        mrec="CX005",
    ),
    Fault(
        UNDER_VOLTAGE,
        "the voltage of a phase is too low, or all phases are gone",
        "JoulepostCtrlr.ProtectionRestart seconds of normal voltage; after JoulepostCtrlr.VoltageRetries "
        "returns in one plug-in only unplugging, or a reset",
        "UnderVoltage",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        tries="JoulepostCtrlr.VoltageRetries",
        remedy="measure the mains, with and without load; check terminals, fuses and the cross-section of "
        "the supply",
        component201="ElectricalFeed",
        mrec="CX006",
    ),
    Fault(
        PHASE_MISSING,
        "a phase of this EVSE has no voltage while another one has",
        "JoulepostCtrlr.ProtectionRestart seconds with all phases; after JoulepostCtrlr.VoltageRetries "
        "returns in one plug-in only unplugging, or a reset",
        "UnderVoltage",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        tries="JoulepostCtrlr.VoltageRetries",
        remedy="check the fuses and the circuit breaker of that phase; a single-phase supply needs phases = "
        "1 in the board profile",
        component201="ElectricalFeed",
    ),
    Fault(
        METER_SILENT,
        "the energy meter has not answered for too long",
        "the meter answers",
        "PowerMeterFailure",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        after_ms=0,
        remedy="check the bus (A and B swapped? end resistor?), the meter's address and speed; `joulepost "
        "why` shows the last error",
        component201="FiscalMetering",
    ),
    Fault(
        STORAGE,
        "the journal cannot be written",
        "the journal can be written again",
        "InternalError",
        acts=Acts.CONTROLLER,
        inhibits=_PERMIT,
        after_ms=0,
        remedy="free space on the disk; replace a card that became read-only",
        component201="Controller",
    ),
    Fault(
        SAFETY_SILENT,
        "the safety process does not report",
        "the safety process reports again",
        "InternalError",
        acts=Acts.CONTROLLER,
        inhibits="the permit; the safety process, if it lives, opens when its lease ends",
        after_ms=0,
        remedy="systemctl status joulepost-safety",
    ),
    Fault(
        CONTACTOR_WORN,
        "the contactor has used up most of the operations it is rated for",
        "a new contactor and a reset of its counters",
        "OtherError",
        blocking=False,
        severity=Severity.WARNING,
        acts=Acts.NOBODY,
        inhibits="nothing",
        remedy="replace the contactor before it welds, then `joulepost command contactor_replaced`",
        component201="PowerContactor",
    ),
    Fault(
        LOCAL_LIST_CONFLICT,
        "the local list and the CSMS contradict each other about a token",
        "the CSMS sends the list anew, or agrees with it; or the list is switched off",
        "LocalListConflict",
        blocking=False,
        severity=Severity.WARNING,
        acts=Acts.NOBODY,
        inhibits="nothing",
        remedy="let the CSMS send its list again; `joulepost why` names the token",
        component201="LocalAuthListCtrlr",
    ),
    Fault(
        TEMPERATURE_HIGH,
        "a temperature sensor is so warm that less current is offered",
        "cooling to the restart temperature",
        "HighTemperature",
        blocking=False,
        severity=Severity.DERATE,
        inhibits="nothing; half of the rating is offered, then a quarter",
        remedy="check fan, torque of the terminals, sun, load; a hot plug is worn: replace it",
        component201="TemperatureSensor",
    ),
    Fault(
        READER_SILENT,
        "a card reader does not answer",
        "the reader answers",
        "ReaderFailure",
        blocking=False,
        severity=Severity.WARNING,
        acts=Acts.NOBODY,
        inhibits="nothing; remote start works, a card does not",
        remedy="check the reader's cable, port and supply; the log names it",
        component201="TokenReader",
    ),
    Fault(
        RESET_FAILED,
        "the machine did not restart although it was told to",
        "the next start of the controller",
        "ResetFailure",
        blocking=False,
        severity=Severity.WARNING,
        acts=Acts.NOBODY,
        inhibits="nothing; the controller alone is started again",
        remedy="run reboot_command of station.toml by hand, as the controller's user; see systemd/README.md",
        component201="Controller",
    ),
    Fault(
        CERTIFICATE_EXPIRES,
        "the station's own certificate expires within a week, or has expired, and none follows it",
        "the CSMS sends a newer certificate",
        "OtherError",
        blocking=False,
        severity=Severity.WARNING,
        acts=Acts.NOBODY,
        inhibits="nothing; with security profile 3 the connection is lost when it expires",
        remedy="let the CSMS trigger SignChargePointCertificate; CpoName and a serial number have to be set",
        component201="SecurityCtrlr",
    ),
)

FAULTS: dict[str, Fault] = {row.name: row for row in (*_SAFETY_ROWS, *_CONTROLLER_ROWS)}

OWN = frozenset(row.name for row in _CONTROLLER_ROWS)
"""The faults that the controller finds itself."""


def describe(name: str) -> Fault:
    """The row of a fault; a name this version does not know is shown as it is, as an internal error."""
    return FAULTS.get(
        name, Fault(name, f"unknown fault {name}", "update the controller and ask support", "InternalError")
    )
