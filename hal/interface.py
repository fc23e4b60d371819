"""The hardware of an AC charging station as Protocols, in volts, amperes and ohms.

Owns: the words the rest of the program uses for hardware, and the one error that drivers raise.
Refuses to know: pins, ADC counts, registers, OCPP, the clock.

Two families. ``SafetyBoard`` is synchronous and every call returns within a small bounded time (well
below a millisecond but for ``Pilot.sample``, which may take half of a 10 ms tick): the safety process
calls it in its loop. ``ServiceBoard`` is asynchronous and may be slow: the controller process uses it.
Everything is per EVSE, numbered from 1 without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum
from typing import Protocol, runtime_checkable

DUTY_STEADY_LOW = 0
"""``Pilot.set_duty``: steady -12 V, state F (EVSE not available)."""
DUTY_STEADY_HIGH = 1000
"""``Pilot.set_duty``: steady +12 V, the x1 states (no current offered)."""


class HardwareError(Exception):
    """A device is missing, does not answer or answers nonsense.

    The message names the device (path, pin or address), what was found, what was expected and what
    to do. Callers in the safety process treat it as doubt: the contactor opens.
    """


# --------------------------------------------------------------------------- safety side


@dataclass(frozen=True, slots=True)
class PilotSample:
    """One burst of the control pilot, reduced to its two plateaus.

    ``high_mv`` and ``low_mv`` are the upper and lower plateau in millivolts at the pilot terminal
    (-15000..15000). A steady pilot has only one plateau: then both are equal. ``high_pm`` is the
    share of the burst spent above 0 V in permille (0..1000), which tells the duty that is really
    on the wire.
    """

    high_mv: int
    low_mv: int
    high_pm: int


class Pilot(Protocol):
    """Control pilot of one EVSE: 1 kHz generator behind 1 kOhm, and what is read back at the terminal."""

    def set_duty(self, duty_pm: int) -> None:
        """Drive the pilot. 0 = steady -12 V (F), 1000 = steady +12 V (x1), 1..999 = PWM duty in permille.

        Raises ``ValueError`` outside 0..1000, ``HardwareError`` when the generator cannot be reached.
        """

    def sample(self) -> PilotSample:
        """Measure now. Raises ``HardwareError`` when no valid burst can be had."""


class Contactor(Protocol):
    """Power switching device of one EVSE with its mirror contact."""

    def set_closed(self, closed: bool) -> None:
        """Command the coil. Raises ``HardwareError``."""

    def mirror_closed(self) -> bool | None:
        """True = main contacts closed, False = open, None = the board has no mirror contact."""


class ResidualCurrent(Protocol):
    """Residual-current detector (RDC-DD or RCM) input with its test output."""

    def tripped(self) -> bool:
        """True while the detector signals a fault (or its wire is broken: fail-safe polarity)."""

    def set_test(self, active: bool) -> None:
        """Drive the detector's test input."""


class Proximity(Protocol):
    """Proximity pilot of a socket outlet: the resistor in the plug codes the cable's ampacity."""

    def resistance_ohm(self) -> int | None:
        """Resistance between PP and PE in ohms; None when open (no plug)."""


class LockDrive(IntEnum):
    """What the lock motor is driven to. The caller times the pulse; OFF ends it."""

    OFF = 0
    LOCK = 1
    UNLOCK = 2


class Lock(Protocol):
    """Plug lock of a socket outlet."""

    def drive(self, drive: LockDrive) -> None:
        """Drive the motor; never leave it other than OFF for longer than its pulse."""

    def locked(self) -> bool | None:
        """Position feedback; None when the lock has none."""


class TemperatureSensor(Protocol):
    """A temperature inside the station: plug contacts, terminals, relay, air."""

    @property
    def name(self) -> str:
        """Where it sits, from the board profile."""

    def read_mdeg_c(self) -> int:
        """The latest temperature in thousandths of a degree Celsius. Never waits for a conversion.

        Raises ``HardwareError`` when there is no trustworthy value: wire broken or shorted, too old.
        """


class DigitalInput(Protocol):
    """A contact whose rest is the healthy state: emergency stop, enclosure switch."""

    def active(self) -> bool:
        """True = pressed, open. Fail-safe: a broken wire reads True. Raises ``HardwareError``."""


class PhaseSwitch(Protocol):
    """The contactor that adds L2 and L3 to L1. Never moved under load: the caller sees to it."""

    def set_three_phase(self, three: bool) -> None:
        """Command it. Without power it falls back to one phase. Raises ``HardwareError``."""

    def three_phase(self) -> bool | None:
        """Position feedback; None when the switch has none. Raises ``HardwareError``."""


class Watchdog(Protocol):
    """Hardware gate that drops contactor and pilot unless it is fed."""

    def pulse(self) -> None:
        """Feed once: called only at the end of a completed safety step."""


class EvseBoard(Protocol):
    """The safety-relevant parts of one EVSE. ``None`` means the station has no such part."""

    @property
    def evse_id(self) -> int: ...
    @property
    def pilot(self) -> Pilot: ...
    @property
    def contactor(self) -> Contactor: ...
    @property
    def residual_current(self) -> ResidualCurrent | None: ...
    @property
    def proximity(self) -> Proximity | None: ...
    @property
    def lock(self) -> Lock | None: ...
    @property
    def temperatures(self) -> Sequence[TemperatureSensor]: ...
    @property
    def phase_switch(self) -> PhaseSwitch | None: ...


class SafetyBoard(Protocol):
    """All that the safety process drives."""

    @property
    def evses(self) -> Sequence[EvseBoard]: ...
    @property
    def watchdog(self) -> Watchdog | None: ...
    @property
    def emergency_stop(self) -> DigitalInput | None: ...
    @property
    def enclosure(self) -> DigitalInput | None: ...

    def refresh(self) -> None:
        """Called once at the start of every tick; boards that read in one transaction do it here.

        Never blocks. Raises ``HardwareError`` when the inputs are not to be trusted (too old, lost).
        """

    def outputs_off(self) -> None:
        """Bring every output to its safe level: contactor open, pilot steady -12 V (F), motor off, test off.

        A phase switch stays where it is, so that it does not break the current before the contactor does.
        Tries all of them even when one fails, then raises the first ``HardwareError``.
        """

    def close(self) -> None:
        """Release the devices after ``outputs_off``."""


# --------------------------------------------------------------------------- service side


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One consistent reading of an energy meter. ``None`` = the meter does not measure it.

    Registers in Wh (never negative, monotonic until the meter is replaced), power in W (negative =
    export), voltages L-N in mV, currents in mA, frequency in mHz, power factor in permille. Tuples
    hold L1, L2, L3 in that order.
    """

    energy_import_wh: int
    energy_export_wh: int | None = None
    power_w: int | None = None
    power_phase_w: tuple[int | None, int | None, int | None] = (None, None, None)
    voltage_mv: tuple[int | None, int | None, int | None] = (None, None, None)
    current_ma: tuple[int | None, int | None, int | None] = (None, None, None)
    frequency_mhz: int | None = None
    power_factor_pm: int | None = None


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """What a meter says of itself; empty strings where it says nothing."""

    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    firmware: str = ""


class EnergyMeter(Protocol):
    """An energy meter behind any bus."""

    async def read(self) -> MeterReading:
        """Read now. Raises ``HardwareError`` after the driver's own retries."""

    async def identify(self) -> MeterIdentity:
        """Ask for maker, model and serial number as far as the meter tells. Raises ``HardwareError``."""

    async def close(self) -> None: ...


class TokenKind(StrEnum):
    """What a reader knows about the card: OCPP 2.0.1 IdTokenEnumType names."""

    ISO14443 = "ISO14443"
    ISO15693 = "ISO15693"
    LOCAL = "Local"


@dataclass(frozen=True, slots=True)
class TokenRead:
    """A card was presented: ``uid`` in upper-case hex, bytes in the order sent by the card."""

    uid: str
    kind: TokenKind


class RfidReader(Protocol):
    """A card reader. One presentation is one ``TokenRead``: the driver suppresses repeats."""

    async def read(self) -> TokenRead:
        """Wait for the next presentation. Raises ``HardwareError`` when the reader is lost.

        Safe to cancel; may be called again after an error (the driver reopens its port).
        """

    async def close(self) -> None: ...


class IndicatorState(Enum):
    """What the user is shown."""

    AVAILABLE = "available"
    WAITING = "waiting"
    RESERVED = "reserved"
    CHARGING = "charging"
    SUSPENDED = "suspended"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"
    REFUSED = "refused"


class Indicator(Protocol):
    """Light of one EVSE."""

    async def show(self, state: IndicatorState) -> None: ...


@runtime_checkable
class AdjustableIndicator(Indicator, Protocol):
    """A light whose brightness and signals can be set."""

    async def adjust(self, intensity_percent: int, blinks: int) -> None:
        """``intensity_percent`` of full brightness, 0..100. ``blinks``: how often it blinks for a signal,
        as ``REFUSED`` is one; 0 = a signal is a colour without blinking."""


class ServiceBoard(Protocol):
    """What the controller process uses of the hardware."""

    def meter(self, evse_id: int) -> EnergyMeter | None:
        """The meter of an EVSE; 0 = the main meter, at the grid connection."""

    def indicator(self, evse_id: int) -> Indicator | None: ...

    @property
    def readers(self) -> Sequence[tuple[RfidReader, int | None]]:
        """The card readers, each with the EVSE it belongs to (None = serves all EVSEs)."""

    async def close(self) -> None: ...
