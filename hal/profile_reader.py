"""Reads a board profile from TOML and checks it: keys, types, bounds, and that its parts fit together.

Owns: the TOML form of ``hal.profile`` and every message about a wrong one.
Refuses to know: drivers. Standard library only.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from hal.data import data_path
from hal.profile import (
    LONGEST_BURST_US,
    LOWEST_BURST_US,
    NO_PIN,
    AdcProfile,
    BoardProfile,
    EvseProfile,
    LockProfile,
    MeterProfile,
    PhaseSwitchProfile,
    PinProfile,
    ProfileError,
    PwmProfile,
    ReaderProfile,
    TemperatureProfile,
)
from hal.toml_table import Table

MOST_EVSES = 99
DRIVERS = ("raspberry", "simulated")
ADC_MODELS = ("MCP3208", "MCP3204", "MCP3008")
UNLOCK_POLICIES = ("keep", "unlock")
PULLS = ("up", "down", "none")
BAUDS = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
PARITIES = ("N", "E", "O")
READER_DRIVERS = ("rdm6300", "id12la", "pn532", "line")
PLACEHOLDER = "{evse}"

HIGHEST_PIN = 27
BOOT_PULL_UP = range(9)  # GPIO 0..8 are pulled up at reset, 9..27 down (BCM datasheets)
HIGHEST_SAMPLED_MA = 75_000
"""94 % duty: a low part of 60 us, seen by an ADC that samples every 42 us (hardware/pilot/README.md)."""
PILOT_HEADROOM_MV = 13_000  # 12 V + 5 % (IEC 61851-1 Annex A) and room to tell a clipped reading
SPI_PINS = {"0": (9, 10, 11), "1": (19, 20, 21)}
CHIP_SELECT_PINS = {"0.0": 8, "0.1": 7, "1.0": 18, "1.1": 17, "1.2": 16}

MOST_SENSORS = 4
ELEMENTS = ("pt1000", "ntc")
LOWEST_C, HIGHEST_C = 30, 100
"""Bounds of the temperature ladder: plugs and terminals are built for 100 degrees and less."""

_TOP = ("name", "driver", "watchdog", "emergency_stop", "enclosure", "main_meter", "evse", "reader")
_EVSE = (
    *(entry.name for entry in fields(EvseProfile) if entry.name not in ("evse_id", "temperatures")),
    "temperature",
)
_NO_GPIO = ("pwm", "adc", "contactor")
_SIMULATED_EVSE = tuple(name for name in _EVSE if name not in _NO_GPIO)


def _keys(shape: type) -> tuple[str, ...]:
    return tuple(entry.name for entry in fields(shape))


def load(name_or_path: str | Path, evses: int | None) -> BoardProfile:
    """See ``hal.profile.load_profile``."""
    path = _path(name_or_path)
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        raise ProfileError(
            f"{path}: board profile not found; packaged ones: {_packaged()}; name one of them, or a file "
            "that is there"
        ) from error
    except OSError as error:
        raise ProfileError(
            f"{path}: board profile cannot be read: {error.strerror}; check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 text") from error
    return parse(text, str(path), evses)


def _path(name_or_path: str | Path) -> Path:
    if isinstance(name_or_path, Path) or "/" in name_or_path or name_or_path.endswith(".toml"):
        return Path(name_or_path)
    path = data_path("boards") / f"{name_or_path}.toml"
    if not path.is_file():
        raise ProfileError(
            f'no packaged board profile is named "{name_or_path}"; accepted: {_packaged()}, '
            f"or the path of a file"
        )
    return path


def _packaged() -> str:
    return ", ".join(sorted(file.stem for file in data_path("boards").glob("*.toml")))


def parse(text: str, source: str, evses: int | None = None) -> BoardProfile:
    """See ``hal.profile.parse_profile``."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(f"{source}: not valid TOML: {error}; correct the file there") from error
    return _Reader(Table(data, source, "", _TOP, ProfileError), source).board(evses)


class _Reader:
    """Reads one profile; remembers which key uses which pin or channel."""

    def __init__(self, top: Table, source: str) -> None:
        self._top = top
        self._source = source
        self._simulated = False
        self._used: dict[str, str] = {}

    def board(self, evses: int | None) -> BoardProfile:
        top = self._top
        name = top.text("name", "the name of the board")
        driver = top.choice("driver", DRIVERS)
        self._simulated = driver == "simulated"
        tables = top.tables("evse", _EVSE)
        if not 1 <= len(tables) <= MOST_EVSES:
            top.fail("evse", f"{len(tables)} EVSEs", f"1..{MOST_EVSES}", "write each EVSE under [[evse]]")
        tables = self._replicated(tables, evses)
        profiles = tuple(self._evse(table, number) for number, table in enumerate(tables, start=1))
        self._check_bursts(profiles)
        return BoardProfile(
            name,
            driver,
            profiles,
            self._readers(len(profiles)),
            watchdog=self._pin(top, "watchdog", output=True),
            emergency_stop=self._guard(top, "emergency_stop"),
            enclosure=self._guard(top, "enclosure"),
            main_meter=self._meter(top, 0, "main_meter") if top.has("main_meter") else None,
        )

    def _replicated(self, tables: list[Table], evses: int | None) -> list[Table]:
        if evses is None or evses == len(tables):
            return tables
        if not 1 <= evses <= MOST_EVSES:
            raise ProfileError(f"{self._source}: {evses} EVSEs asked for; accepted: 1..{MOST_EVSES}")
        if not self._simulated or len(tables) != 1:
            raise ProfileError(
                f"{self._source}: {evses} EVSEs asked for, the profile describes {len(tables)}; "
                f"only a simulated profile with one [[evse]] can be replicated: write each one under [[evse]]"
            )
        return tables * evses

    # ------------------------------------------------------------------ one EVSE

    def _evse(self, table: Table, evse_id: int) -> EvseProfile:
        if self._simulated:
            for name in _NO_GPIO:
                if table.has(name):
                    table.fail(name, "a key for real pins", ", ".join(sorted(_SIMULATED_EVSE)), "remove it")
        adc = None if self._simulated else self._adc(table)
        tethered = table.boolean("tethered", default=True)
        rating_ma = table.integer("rating_ma", 6000, 80_000)
        if adc is not None and rating_ma > HIGHEST_SAMPLED_MA:
            table.fail(
                "rating_ma",
                f"{rating_ma}",
                f"6000..{HIGHEST_SAMPLED_MA} with this ADC",
                "above it the low part of the pilot is shorter than the time between two samples",
            )
        phases = table.choice("phases", (1, 3), default=3)
        retries, retry_s = self._retries(table)
        return EvseProfile(
            evse_id=evse_id,
            rating_ma=rating_ma,
            phases=phases,
            tethered=tethered,
            cable_ma=self._cable(table, tethered, adc),
            ventilation=table.boolean("ventilation", default=False),
            simplified_ma=table.integer("simplified_ma", 6000, 80_000, default=10_000),
            pwm=None if self._simulated else self._pwm(table),
            adc=adc,
            contactor=self._contactor(table),
            mirror=self._pin(table, "mirror"),
            residual_current=self._pin(table, "residual_current"),
            residual_current_test=self._residual_current_test(table),
            lock=self._lock(table, tethered),
            meter=self._meter(table, evse_id) if table.has("meter") else None,
            residual_current_retries=retries,
            residual_current_retry_s=retry_s,
            unlock_on_fault=self._unlock_on_fault(table),
            temperatures=self._temperatures(table, adc),
            phase_switch=self._phase_switch(table, phases),
        )

    def _cable(self, table: Table, tethered: bool, adc: AdcProfile | None) -> int | None:
        """A tethered cable has a known ampacity; a socket outlet reads it from the plug (proximity)."""
        if tethered:
            return table.integer("cable_ma", 6000, 80_000)
        if table.has("cable_ma"):
            table.fail("cable_ma", "a cable", "none on a socket outlet", "remove it or set tethered = true")
        if adc is not None and adc.proximity_channel is None:
            table.fail(
                "adc.proximity_channel",
                "no such key",
                "an ADC channel",
                "a socket outlet (tethered = false) needs the proximity pilot to know the cable",
            )
        return None

    def _pwm(self, table: Table) -> PwmProfile:
        pwm = table.table("pwm", _keys(PwmProfile))
        device = pwm.text("device", 'a part of the pwmchip\'s device path, e.g. "fe20c000.pwm"')
        channel = pwm.integer("channel", 0, 3)
        self._claim(pwm, "channel", f"PWM {device} channel {channel}")
        return PwmProfile(device, channel, pwm.boolean("inverted", default=False))

    def _adc(self, table: Table) -> AdcProfile:
        adc = table.table("adc", _keys(AdcProfile))
        model = adc.choice("model", ADC_MODELS)
        highest_channel = 3 if model == "MCP3204" else 7
        spi = adc.choice("spi", tuple(CHIP_SELECT_PINS))
        profile = AdcProfile(
            model=model,
            spi=spi,
            speed_hz=adc.integer("speed_hz", 100_000, 3_600_000 if model == "MCP3008" else 2_000_000),
            pilot_channel=adc.integer("pilot_channel", 0, highest_channel),
            pilot_gain_uv=adc.integer("pilot_gain_uv", 1, 200_000),
            pilot_offset_mv=adc.integer("pilot_offset_mv", -100_000, 0),
            burst_samples=adc.integer("burst_samples", 30, 511, default=80),
            proximity_channel=adc.optional_integer("proximity_channel", 0, highest_channel),
            proximity_pullup_ohm=adc.integer("proximity_pullup_ohm", 100, 100_000, default=1000),
        )
        self._claim_spi(adc, spi)
        self._claim(adc, "pilot_channel", f"ADC channel {spi}/{profile.pilot_channel}")
        if profile.proximity_channel is not None:
            self._claim(adc, "proximity_channel", f"ADC channel {spi}/{profile.proximity_channel}")
        top_mv = (profile.resolution - 1) * profile.pilot_gain_uv // 1000 + profile.pilot_offset_mv
        if profile.pilot_offset_mv > -PILOT_HEADROOM_MV or top_mv < PILOT_HEADROOM_MV:
            adc.fail(
                "pilot_gain_uv",
                f"a range of {profile.pilot_offset_mv}..{top_mv} mV",
                f"at least -{PILOT_HEADROOM_MV}..{PILOT_HEADROOM_MV} mV",
                "check pilot_gain_uv, pilot_offset_mv and the resistors (hardware/wiring.md)",
            )
        return profile

    def _claim_spi(self, adc: Table, spi: str) -> None:
        bus = spi.split(".")[0]
        for pin in (*SPI_PINS[bus], CHIP_SELECT_PINS[spi]):
            self._used.setdefault(f"GPIO{pin}", f"{adc.key('spi')} (SPI{bus})")

    def _check_bursts(self, profiles: tuple[EvseProfile, ...]) -> None:
        total_us = 0
        for profile in profiles:
            if (adc := profile.adc) is None:
                continue
            key = f"{self._source}: evse[{profile.evse_id}].adc.burst_samples"
            total_us += adc.burst_us
            if adc.burst_us < LOWEST_BURST_US:
                raise ProfileError(
                    f"{key}: found {adc.burst_samples}, about {adc.burst_us} us at {adc.speed_hz} Hz; "
                    f"accepted: at least {LOWEST_BURST_US} us (three periods of the pilot); "
                    f"take {LOWEST_BURST_US * adc.burst_samples // adc.burst_us + 5} samples or more"
                )
            if total_us > LONGEST_BURST_US:
                raise ProfileError(
                    f"{key}: found about {total_us} us of sampling for EVSEs 1..{profile.evse_id}; accepted: "
                    f"{LONGEST_BURST_US} us for all EVSEs together (half of the 10 ms tick); "
                    f"take fewer samples, a faster SPI clock, or one controller per EVSE"
                )

    def _contactor(self, table: Table) -> PinProfile:
        return PinProfile(NO_PIN) if self._simulated else self._required_pin(table, "contactor")

    def _residual_current_test(self, table: Table) -> PinProfile | None:
        test = self._pin(table, "residual_current_test", output=True)
        if test is not None and not self._stated(table, "residual_current"):
            table.fail(
                "residual_current_test", "a test output", "none without residual_current", "add the input"
            )
        return test

    def _retries(self, table: Table) -> tuple[int, int]:
        for name in ("residual_current_retries", "residual_current_retry_s"):
            if table.has(name) and not self._stated(table, "residual_current"):
                table.fail(name, "a retry budget", "none without residual_current", "remove it")
        return (
            table.integer("residual_current_retries", 0, 6, default=0),
            table.integer("residual_current_retry_s", 60, 3600, default=300),
        )

    def _unlock_on_fault(self, table: Table) -> str:
        if table.has("unlock_on_fault") and not self._stated(table, "lock"):
            table.fail("unlock_on_fault", "a policy", "none without a lock", "remove it or add the lock")
        return table.choice("unlock_on_fault", UNLOCK_POLICIES, default="keep")

    def _lock(self, table: Table, tethered: bool) -> LockProfile | None:
        if not self._stated(table, "lock"):
            return None
        if tethered:
            table.fail("lock", "a lock", "none on a tethered cable", "remove it or set tethered = false")
        if self._simulated:
            return LockProfile(PinProfile(NO_PIN), PinProfile(NO_PIN), PinProfile(NO_PIN))
        lock = table.table("lock", _keys(LockProfile))
        return LockProfile(
            lock_pin=self._required_pin(lock, "lock_pin"),
            unlock_pin=self._required_pin(lock, "unlock_pin"),
            feedback=self._pin(lock, "feedback"),
            pulse_ms=lock.integer("pulse_ms", 50, 3000, default=600),
        )

    def _phase_switch(self, table: Table, phases: int) -> PhaseSwitchProfile | None:
        if not self._stated(table, "phase_switch"):
            return None
        if phases != 3:
            table.fail("phase_switch", "a phase switch", "phases = 3 with it", "remove it or set phases = 3")
        if self._simulated:
            return PhaseSwitchProfile(PinProfile(NO_PIN), PinProfile(NO_PIN))
        switch = table.table("phase_switch", _keys(PhaseSwitchProfile))
        return PhaseSwitchProfile(
            switch=self._required_pin(switch, "switch"),
            feedback=self._pin(switch, "feedback"),
            dead_time_s=switch.integer("dead_time_s", 5, 60, default=5),
            three_phase_every_s=switch.integer("three_phase_every_s", 30, 86_400, default=300),
        )

    # ------------------------------------------------------------------ temperatures

    def _temperatures(self, table: Table, adc: AdcProfile | None) -> tuple[TemperatureProfile, ...]:
        found = table.tables("temperature", _keys(TemperatureProfile))
        if len(found) > MOST_SENSORS:
            table.fail("temperature", f"{len(found)} sensors", f"at most {MOST_SENSORS}", "remove some")
        sensors: list[TemperatureProfile] = []
        for one in found:
            sensor = self._temperature(one, adc)
            if sensor.name in [other.name for other in sensors]:
                one.fail("name", f'"{sensor.name}" twice', "one name per sensor", "name the place it sits")
            sensors.append(sensor)
        return tuple(sensors)

    def _temperature(self, table: Table, adc: AdcProfile | None) -> TemperatureProfile:
        path, channel, element = self._source_of_temperature(table, adc)
        restart_c = table.integer("restart_c", LOWEST_C, HIGHEST_C, default=62)
        derate_c = table.integer("derate_c", LOWEST_C, HIGHEST_C, default=65)
        more_c = table.integer("derate_more_c", LOWEST_C, HIGHEST_C, default=68)
        stop_c = table.integer("stop_c", LOWEST_C, HIGHEST_C, default=71)
        if not restart_c < derate_c < more_c < stop_c:
            table.fail(
                "stop_c",
                f"restart {restart_c}, derate {derate_c}, derate_more {more_c}, stop {stop_c}",
                "rising degrees in this order",
                "give all four: restart_c, derate_c, derate_more_c, stop_c",
            )
        return TemperatureProfile(
            name=table.text("name", 'the place of the sensor, e.g. "plug"'),
            path=path,
            adc_channel=channel,
            element=element,
            pullup_ohm=table.integer("pullup_ohm", 100, 1_000_000, default=1000),
            table=self._resistances(table) if element == "ntc" else (),
            derate_c=derate_c,
            derate_more_c=more_c,
            stop_c=stop_c,
            restart_c=restart_c,
            when_lost=table.choice("when_lost", ("stop", "derate"), default="stop"),
        )

    def _source_of_temperature(self, table: Table, adc: AdcProfile | None) -> tuple[str, int | None, str]:
        sources = [name for name in ("path", "adc_channel") if table.has(name)]
        if self._simulated:
            if sources:
                table.fail(sources[0], "a key for real sensors", "none on a simulated board", "remove it")
            return "", None, "pt1000"
        if len(sources) != 1 or adc is None:
            table.fail("path", " and ".join(sources) or "nothing", "path or adc_channel", "give one of them")
        element = table.choice("element", ELEMENTS, default="pt1000")
        if table.has("table") and (element != "ntc" or sources == ["path"]):
            table.fail("table", "a table of resistances", 'one with element = "ntc" only', "remove it")
        if sources == ["path"]:
            path = table.text("path", 'a file of millidegrees, e.g. "/sys/class/hwmon/hwmon1/temp1_input"')
            if not path.startswith("/sys/"):
                table.fail("path", f'"{path}"', "a file below /sys/", "name the sensor's sysfs file")
            self._claim(table, "path", path)
            return path, None, element
        channel = table.integer("adc_channel", 0, 3 if adc.model == "MCP3204" else 7)
        self._claim(table, "adc_channel", f"ADC channel {adc.spi}/{channel}")
        return "", channel, element

    def _resistances(self, table: Table) -> tuple[tuple[int, int], ...]:
        """Pairs [ohm, degree Celsius] of an NTC: degrees rise, ohms fall."""
        accepted = "at least two pairs [ohm, degree Celsius], degrees rising, ohms falling"
        raw = table.raw("table")
        pairs: list[tuple[int, int]] = []
        for pair in raw if isinstance(raw, list) else ():
            if isinstance(pair, list) and len(pair) == 2 and all(type(value) is int for value in pair):
                pairs.append((pair[0], pair[1]))
        rising = all(a[0] > b[0] > 0 and a[1] < b[1] for a, b in pairwise(pairs))
        if not isinstance(raw, list) or len(pairs) != len(raw) or len(pairs) < 2 or not rising:
            found = "no such key" if raw is None else str(raw)
            table.fail("table", found, accepted, "copy it from the datasheet, e.g. [[10000, 25], [1070, 90]]")
        return tuple(pairs)

    # ------------------------------------------------------------------ pins

    def _guard(self, table: Table, name: str) -> PinProfile | None:
        """An input whose broken wire has to read active: pulled to its active level."""
        pin = self._pin(table, name)
        if pin is None or self._simulated:
            return pin
        safe = "up" if pin.active_high else "down"
        if pin.pull != safe:
            where = table.table(name, _keys(PinProfile))
            where.fail(
                "pull",
                f'"{pin.pull}" with active_high = {str(pin.active_high).lower()}',
                f'"{safe}"',
                "a broken wire has to read active: pull the line to its active level, and let the healthy "
                "contact pull it away",
            )
        return pin

    def _stated(self, table: Table, name: str) -> bool:
        return table.boolean(name, default=False) if self._simulated else table.has(name)

    def _required_pin(self, table: Table, name: str) -> PinProfile:
        pin = self._pin(table, name, output=True)
        if pin is None:
            table.fail(name, "no such key", "a table with pin and active_high", f"add [{table.key(name)}]")
        return pin

    def _pin(self, table: Table, name: str, *, output: bool = False) -> PinProfile | None:
        if not self._stated(table, name):
            return None
        if self._simulated:
            return PinProfile(NO_PIN)
        pin = table.table(name, ("pin", "active_high") if output else _keys(PinProfile))
        number = pin.integer("pin", 0, HIGHEST_PIN)
        active_high = pin.boolean("active_high", default=True)
        self._claim(pin, "pin", f"GPIO{number}")
        if not output:
            return PinProfile(number, active_high, pin.choice("pull", PULLS, default="none"))
        pulled_up = number in BOOT_PULL_UP
        if pulled_up == active_high:
            pin.fail(
                "pin",
                f"GPIO{number}, pulled {'up' if pulled_up else 'down'} at reset",
                "GPIO9..27 for active_high = true, GPIO0..8 for active_high = false",
                "the output would be on from power-up until this program starts: choose another pin",
            )
        return PinProfile(number, active_high)

    def _claim(self, table: Table, name: str, resource: str) -> None:
        if (holder := self._used.get(resource)) is not None:
            table.fail(name, f"{resource}, used by {holder}", "one that is free", "choose another")
        self._used[resource] = table.key(name)

    # ------------------------------------------------------------------ service side

    def _meter(self, table: Table, evse_id: int, name: str = "meter") -> MeterProfile:
        meter = table.table(name, _keys(MeterProfile))
        return MeterProfile(
            model=meter.text("model", 'a meter model, e.g. "Eastron SDM630 v2"'),
            link=self._link(meter, evse_id),
            unit=meter.integer("unit", 1, 247, default=1),
            baud=meter.choice("baud", BAUDS, default=9600),
            parity=meter.choice("parity", PARITIES, default="N"),
            stop_bits=meter.choice("stop_bits", (1, 2), default=1),
            timeout_ms=meter.integer("timeout_ms", 50, 5000, default=500),
            swap_import_export=meter.boolean("swap_import_export", default=False),
        )

    def _link(self, meter: Table, evse_id: int) -> str:
        accepted = '"rtu:/dev/..." or "tcp:host:port"'
        link = self._placed(meter, "link", accepted, evse_id)
        scheme, _, rest = link.partition(":")
        host, _, port = rest.rpartition(":")
        good = {"rtu": rest.startswith("/"), "tcp": host != "" and port.isdecimal() and 0 < int(port) < 65536}
        if not good.get(scheme, False):
            meter.fail("link", f'"{link}"', accepted, "name the serial device or the address of the meter")
        return link

    def _readers(self, evses: int) -> tuple[ReaderProfile, ...]:
        found: list[ReaderProfile] = []
        for table in self._top.tables("reader", _keys(ReaderProfile)):
            if PLACEHOLDER in str(table.raw("port")):
                if table.has("evse_id"):
                    table.fail("evse_id", "an EVSE", f"none with {PLACEHOLDER} in port", "remove it")
                found += [self._reader(table, evse_id) for evse_id in range(1, evses + 1)]
            else:
                found.append(self._reader(table, table.optional_integer("evse_id", 1, evses)))
        return tuple(found)

    def _reader(self, table: Table, evse_id: int | None) -> ReaderProfile:
        return ReaderProfile(
            driver=table.choice("driver", READER_DRIVERS),
            port=self._placed(table, "port", "the path of a serial device", evse_id or 0),
            baud=table.choice("baud", BAUDS, default=9600),
            parity=table.choice("parity", PARITIES, default="N"),
            evse_id=evse_id,
            reverse_uid=table.boolean("reverse_uid", default=False),
            rdm6300_format=table.choice("rdm6300_format", ("hex10", "hex8", "dec10"), default="hex10"),
        )

    def _placed(self, table: Table, name: str, accepted: str, evse_id: int) -> str:
        """A path or address with ``{evse}`` replaced by the EVSE's number."""
        text = table.text(name, accepted).replace(PLACEHOLDER, str(evse_id))
        if "{" in text or "}" in text:
            table.fail(name, f'"{table.raw(name)}"', f"{PLACEHOLDER} as the only placeholder", "correct it")
        return text
