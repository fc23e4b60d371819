"""Board profiles: a station's hardware described as data (TOML), read into frozen dataclasses.

Owns: the shape of a profile, its bounds, and ``load_profile``. How the text is read: hal.profile_reader.
Refuses to know: how a driver uses a value. Standard library only: the safety process reads it too.

A simulated profile names no pins: its parts are stated as booleans (``lock = true``) and appear here with
``pin = NO_PIN``, so that "the station has this part" reads the same for every driver: it is not ``None``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

NO_PIN = -1
"""``PinProfile.pin`` of a part that exists in the simulated world and on no GPIO line."""

PWM_PERIOD_US = 1000
"""IEC 61851-1 Annex A: the pilot's PWM has 1 kHz."""

TICK_US = 10_000
"""The period of the safety loop."""

LOWEST_BURST_US = 3 * PWM_PERIOD_US
"""A burst spans at least three PWM periods, so that it holds two complete ones whatever its phase."""

LONGEST_BURST_US = TICK_US // 2
"""All bursts of a board together leave at least half of the tick free."""


class ProfileError(ValueError):
    """A board profile is wrong. The message names file, key, what was found and what is accepted."""


@dataclass(frozen=True, slots=True)
class PwmProfile:
    """Pilot generator on the kernel's hardware PWM (sysfs)."""

    device: str  # what the pwmchip's device link must contain, e.g. "fe20c000.pwm"
    channel: int
    inverted: bool = False


@dataclass(frozen=True, slots=True)
class AdcProfile:
    """Pilot and proximity ADC on SPI. Linear scaling: mV at the pilot = raw * gain_uv / 1000 + offset_mv."""

    model: str  # "MCP3208" | "MCP3204" | "MCP3008"
    spi: str  # "0.0" -> /dev/spidev0.0
    speed_hz: int
    pilot_channel: int
    pilot_gain_uv: int  # microvolts at the pilot terminal per count
    pilot_offset_mv: int
    burst_samples: int = 80
    proximity_channel: int | None = None
    proximity_pullup_ohm: int = 1000

    @property
    def resolution(self) -> int:
        """Number of codes: 1024 for the 10-bit MCP3008, else 4096."""
        return 1024 if self.model == "MCP3008" else 4096

    @property
    def burst_us(self) -> int:
        """Estimated duration of a burst in microseconds: per conversion 24 bits at SCLK with 1/8 for the
        gaps between bytes, and 15 us for chip select and the kernel (unverified on hardware)."""
        return self.burst_samples * (27 * 1_000_000 // self.speed_hz + 15)


@dataclass(frozen=True, slots=True)
class PinProfile:
    """A GPIO line, BCM number."""

    pin: int
    active_high: bool = True
    pull: str = "none"  # "up" | "down" | "none" (inputs)


@dataclass(frozen=True, slots=True)
class LockProfile:
    lock_pin: PinProfile
    unlock_pin: PinProfile
    feedback: PinProfile | None = None
    pulse_ms: int = 600


@dataclass(frozen=True, slots=True)
class TemperatureProfile:
    """A temperature sensor and the ladder it leads to; whole degrees Celsius.

    The value comes from ``path``, a sysfs file in thousandths of a degree (hwmon, iio, w1), or from
    ``adc_channel`` of the EVSE's ADC: ``element`` "pt1000" (IEC 60751), or "ntc" with its ``table`` of
    (ohm, degree) pairs, between ``pullup_ohm`` to the reference and ground. At ``derate_c`` half of the
    rating is offered, at ``derate_more_c`` a quarter, at ``stop_c`` nothing until ``restart_c``.
    """

    name: str
    path: str = ""
    adc_channel: int | None = None
    element: str = "pt1000"  # "pt1000" | "ntc"
    pullup_ohm: int = 1000
    table: tuple[tuple[int, int], ...] = ()
    derate_c: int = 65
    derate_more_c: int = 68
    stop_c: int = 71
    restart_c: int = 62
    when_lost: str = "stop"  # "stop" | "derate"


@dataclass(frozen=True, slots=True)
class PhaseSwitchProfile:
    """The contactor of L2 and L3. ``dead_time_s``: open so long before it moves; ``three_phase_every_s``:
    with a vehicle connected it goes from one phase to three no more often than this."""

    switch: PinProfile
    feedback: PinProfile | None = None
    dead_time_s: int = 5
    three_phase_every_s: int = 300


@dataclass(frozen=True, slots=True)
class MeterProfile:
    """An energy meter. ``link`` is "rtu:/dev/ttyAMA0", "tcp:192.0.2.7:502" or "simulated"."""

    model: str
    link: str
    unit: int = 1
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    timeout_ms: int = 500
    swap_import_export: bool = False


@dataclass(frozen=True, slots=True)
class ReaderProfile:
    """A card reader. ``driver``: "rdm6300", "id12la", "pn532", "line" or "simulated"."""

    driver: str
    port: str = ""
    baud: int = 9600
    parity: str = "N"
    evse_id: int | None = None
    reverse_uid: bool = False
    rdm6300_format: str = "hex10"  # "hex10" | "hex8" | "dec10"


@dataclass(frozen=True, slots=True)
class EvseProfile:
    """One EVSE. ``rating_ma`` is the hardware rating: no message can raise it."""

    evse_id: int
    rating_ma: int
    phases: int = 3
    tethered: bool = True
    cable_ma: int | None = None  # ampacity of a tethered cable
    ventilation: bool = False
    pwm: PwmProfile | None = None
    adc: AdcProfile | None = None
    contactor: PinProfile | None = None
    mirror: PinProfile | None = None
    residual_current: PinProfile | None = None
    residual_current_test: PinProfile | None = None
    lock: LockProfile | None = None
    meter: MeterProfile | None = None
    simplified_ma: int = 10_000  # most that a vehicle without S2 is offered (IEC 61851-1 A.2.3)
    temperatures: tuple[TemperatureProfile, ...] = ()
    phase_switch: PhaseSwitchProfile | None = None
    residual_current_retries: int = 0  # automatic tries after a trip, per plug-in; then latched
    residual_current_retry_s: int = 300  # each so long after the signal has gone
    unlock_on_fault: str = "keep"  # "keep" | "unlock": what a fault that lasts does to the plug lock


@dataclass(frozen=True, slots=True)
class BoardProfile:
    name: str
    driver: str  # "raspberry" | "simulated"
    evses: tuple[EvseProfile, ...]
    readers: tuple[ReaderProfile, ...] = field(default=())
    watchdog: PinProfile | None = None
    emergency_stop: PinProfile | None = None  # active = pressed
    enclosure: PinProfile | None = None  # active = open
    main_meter: MeterProfile | None = None  # at the grid connection


def load_profile(name_or_path: str | Path, evses: int | None = None) -> BoardProfile:
    """Read a board profile: a packaged one by name ("simulated"), or a file (a ``Path``, or a string
    with a slash or ending in ".toml").

    ``evses`` (1..99) replicates the single [[evse]] of a simulated profile. Raises ``ProfileError``.
    """
    from hal.profile_reader import load

    return load(name_or_path, evses)


def parse_profile(text: str, source: str, evses: int | None = None) -> BoardProfile:
    """Read a board profile from TOML text; ``source`` names it in messages. Raises ``ProfileError``."""
    from hal.profile_reader import parse

    return parse(text, source, evses)
