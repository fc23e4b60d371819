"""Board profiles: the packaged ones, the replication of EVSEs, and the message for every mistake."""

from pathlib import Path

import pytest

from hal.data import data_path
from hal.profile import NO_PIN, BoardProfile, PinProfile, ProfileError, load_profile, parse_profile

PI = (data_path("boards") / "reference-pi4.toml").read_text()
SIMULATED = (data_path("boards") / "simulated.toml").read_text()


def parse(text: str, evses: int | None = None) -> BoardProfile:
    return parse_profile(text, "station/board.toml", evses)


def refused(text: str, evses: int | None = None) -> str:
    with pytest.raises(ProfileError) as caught:
        parse(text, evses)
    message = str(caught.value)
    assert message.startswith("station/board.toml: ")
    return message


def test_simulated() -> None:
    profile = load_profile("simulated")
    (evse,) = profile.evses
    assert (profile.name, profile.driver, profile.watchdog) == ("simulated", "simulated", PinProfile(NO_PIN))
    assert (evse.evse_id, evse.rating_ma, evse.phases, evse.tethered) == (1, 32000, 3, False)
    assert evse.pwm is None and evse.adc is None
    assert evse.contactor == evse.mirror == evse.residual_current == PinProfile(NO_PIN)
    assert evse.lock is not None and evse.lock.feedback == PinProfile(NO_PIN)
    assert evse.meter is not None
    assert (evse.meter.model, evse.meter.link) == ("Eastron SDM630 v2", "rtu:/dev/meter1")
    assert [(r.driver, r.port, r.evse_id) for r in profile.readers] == [("line", "/dev/rfid0", None)]


@pytest.mark.parametrize(
    ("name", "device"), [("reference-pi4", "fe20c000.pwm"), ("reference-pi5", "1f00098000.pwm")]
)
def test_reference_boards(name: str, device: str) -> None:
    (evse,) = load_profile(name).evses
    assert evse.pwm is not None and evse.pwm.device == device
    assert evse.adc is not None and evse.adc.model == "MCP3208" and evse.adc.proximity_channel == 1
    assert 3000 <= evse.adc.burst_us <= 5000
    assert evse.contactor == PinProfile(17) and evse.mirror == PinProfile(27, True, "up")
    assert evse.residual_current == PinProfile(24, True, "up")


def test_resolution_of_the_adc_scale() -> None:
    """12 V and -12 V give the codes computed for the 47k/10k/15k network at 3.3 V."""
    adc = load_profile("reference-pi4").evses[0].adc
    assert adc is not None
    for code, level_mv in ((3865, 12000), (3443, 9000), (3022, 6000), (493, -12000)):
        assert abs(code * adc.pilot_gain_uv // 1000 + adc.pilot_offset_mv - level_mv) <= 20


def test_a_simulated_evse_is_replicated_with_its_number_in_paths() -> None:
    profile = parse(SIMULATED.replace("/dev/rfid0", "/dev/rfid{evse}"), evses=3)
    assert [evse.evse_id for evse in profile.evses] == [1, 2, 3]
    assert [evse.meter.link for evse in profile.evses if evse.meter] == [
        f"rtu:/dev/meter{n}" for n in (1, 2, 3)
    ]
    assert [(r.port, r.evse_id) for r in profile.readers] == [(f"/dev/rfid{n}", n) for n in (1, 2, 3)]


def test_one_reader_serves_all_replicated_evses() -> None:
    profile = load_profile("simulated", evses=4)
    assert len(profile.evses) == 4
    assert [(r.port, r.evse_id) for r in profile.readers] == [("/dev/rfid0", None)]


def test_load_takes_a_path_or_a_name_with_a_slash(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(SIMULATED)
    assert load_profile(file) == load_profile(str(file)) == load_profile("simulated")


def test_unknown_name_lists_the_packaged_ones() -> None:
    with pytest.raises(
        ProfileError,
        match='"reference-pi9"; accepted: reference-pi3, reference-pi4, reference-pi5, reference-zero2w, sim',
    ):
        load_profile("reference-pi9")


def test_missing_directory_and_not_text(tmp_path: Path) -> None:
    with pytest.raises(
        ProfileError, match=r"none\.toml: board profile not found; packaged ones: .*simulated"
    ):
        load_profile(tmp_path / "none.toml")
    with pytest.raises(ProfileError, match="cannot be read: Is a directory"):
        load_profile(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'name = "M\xfcller"')
    with pytest.raises(ProfileError, match=r"latin\.toml: byte 9 is not UTF-8"):
        load_profile(tmp_path / "latin.toml")


def test_bad_toml_names_the_line() -> None:
    assert "not valid TOML" in (message := refused('name = "x"\ndriver = simulated'))
    assert "line 2" in message


EXTRA_EVSE = "\n[[evse]]\nrating_ma = 16000\ncable_ma = 16000\n"
SECOND_EVSE = """
[[evse]]
rating_ma = 16000
cable_ma = 16000
contactor = { pin = 16 }
pwm = { device = "fe20c000.pwm", channel = 1 }

[evse.adc]
model = "MCP3208"
spi = "0.1"
speed_hz = 1000000
pilot_channel = 0
pilot_gain_uv = 7117
pilot_offset_mv = -15510
"""

MISTAKES = [
    # (found in the file, replaced by, what the message says)
    (
        'model = "MCP3208"',
        'model = "MCP3108"',
        ["evse[1].adc.model:", '"MCP3108"', '"MCP3204"', "did you mean MCP3"],
    ),
    (
        "rating_ma = 32000",
        "rating_mA = 32000",
        ["evse[1].rating_mA: found unknown key", "did you mean rating_ma?"],
    ),
    ("rating_ma = 32000", "", ["evse[1].rating_ma: found no such key", "6000..80000", "add the key"]),
    (
        "rating_ma = 32000",
        'rating_ma = "32 A"',
        ['evse[1].rating_ma: found "32 A"', "an integer 6000..80000"],
    ),
    ("rating_ma = 32000", "rating_ma = 32.0", ["found the fraction 32.0", "an integer"]),
    ("rating_ma = 32000", "rating_ma = true", ["evse[1].rating_ma: found true"]),
    (
        "rating_ma = 32000",
        "rating_ma = 5999",
        ["evse[1].rating_ma: found 5999; accepted: an integer 6000..80000"],
    ),
    ("phases = 3", "phases = 2", ["evse[1].phases: found 2; accepted: 1, 3"]),
    ("tethered = false", 'tethered = "no"', ['evse[1].tethered: found "no"; accepted: true or false']),
    ("tethered = false", "tethered = true", ["evse[1].cable_ma: found no such key"]),
    ("tethered = false", "tethered = true\ncable_ma = 32000", ["evse[1].lock: found a lock"]),
    ("tethered = false", "tethered = false\ncable_ma = 32000", ["evse[1].cable_ma: found a cable"]),
    ("proximity_channel = 1", "", ["evse[1].adc.proximity_channel: found no such key", "socket outlet"]),
    (
        "proximity_channel = 1",
        "proximity_channel = 0",
        ["ADC channel 0.0/0, used by evse[1].adc.pilot_channel"],
    ),
    (
        "pilot_channel = 0",
        "pilot_channel = 8",
        ["evse[1].adc.pilot_channel: found 8; accepted: an integer 0..7"],
    ),
    ('spi = "0.0"', 'spi = "2.0"', ['evse[1].adc.spi: found "2.0"', '"0.0", "0.1"']),
    ("speed_hz = 1000000", "speed_hz = 3000000", ["evse[1].adc.speed_hz", "100000..2000000"]),
    (
        "burst_samples = 80",
        "burst_samples = 60",
        ["evse[1].adc.burst_samples: found 60", "three periods", "samples or more"],
    ),
    (
        "burst_samples = 80",
        "burst_samples = 200",
        ["evse[1].adc.burst_samples", "5000 us", "half of the 10 ms tick"],
    ),
    (
        "pilot_gain_uv = 7117",
        "pilot_gain_uv = 3000",
        ["evse[1].adc.pilot_gain_uv: found a range of -15510..-3225 mV"],
    ),
    ("pilot_offset_mv = -15510", "pilot_offset_mv = -12000", ["a range of -12000.."]),
    ('device = "fe20c000.pwm"', 'device = ""', ["evse[1].pwm.device", "fe20c000.pwm"]),
    ("channel = 0 ", "channel = 4 ", ["evse[1].pwm.channel: found 4; accepted: an integer 0..3"]),
    ("[evse.contactor]\npin = 17", "[evse.mirrored]\npin = 17", ["evse[1].mirrored: found unknown key"]),
    ("pin = 17", "pin = 28", ["evse[1].contactor.pin: found 28; accepted: an integer 0..27"]),
    ("pin = 17", "pin = 27", ["evse[1].mirror.pin: found GPIO27, used by evse[1].contactor.pin"]),
    ("pin = 17", "pin = 10", ["evse[1].contactor.pin: found GPIO10, used by evse[1].adc.spi (SPI0)"]),
    ("pin = 17", "pin = 4", ["evse[1].contactor.pin: found GPIO4, pulled up at reset", "on from power-up"]),
    ("pin = 17 ", "# ", ["evse[1].contactor.pin: found no such key"]),
    (
        'pull = "up"',
        'pull = "upwards"',
        ['evse[1].mirror.pull: found "upwards"; accepted: "up", "down", "none"'],
    ),
    ("pulse_ms = 600", "pulse_ms = 60000", ["evse[1].lock.pulse_ms: found 60000"]),
    ("rating_ma = 32000", "rating_ma = 80000", ["evse[1].rating_ma: found 80000", "6000..75000"]),
    ("lock_pin = { pin = 20 }", "", ["evse[1].lock.lock_pin: found no such key"]),
    ("[evse.residual_current]", "[evse.spare]", ["evse[1].spare: found unknown key"]),
    (
        'link = "rtu:/dev/ttyUSB0"',
        'link = "/dev/ttyUSB0"',
        ['evse[1].meter.link: found "/dev/ttyUSB0"', '"rtu:/dev/..."'],
    ),
    ('link = "rtu:/dev/ttyUSB0"', 'link = "tcp:meter"', ["evse[1].meter.link", '"tcp:host:port"']),
    ('link = "rtu:/dev/ttyUSB0"', 'link = "tcp:meter:99999"', ["evse[1].meter.link"]),
    (
        'link = "rtu:/dev/ttyUSB0"',
        'link = "rtu:/dev/m{port}"',
        ["evse[1].meter.link", "{evse} as the only placeholder"],
    ),
    ("unit = 1", "unit = 0", ["evse[1].meter.unit: found 0; accepted: an integer 1..247"]),
    ("baud = 9600", "baud = 9601", ["evse[1].meter.baud: found 9601", "did you mean 9600?"]),
    ('parity = "N"', 'parity = "none"', ['evse[1].meter.parity: found "none"; accepted: "N", "E", "O"']),
    ('driver = "rdm6300"', 'driver = "rdm630"', ["reader[1].driver", "did you mean rdm6300?"]),
    ('port = "/dev/serial0"', "", ["reader[1].port: found no such key"]),
    (
        'port = "/dev/serial0"',
        'port = "/dev/serial0"\nevse_id = 2',
        ["reader[1].evse_id: found 2; accepted: an integer 1..1"],
    ),
    (
        'port = "/dev/serial0"',
        'port = "/dev/tag{evse}"\nevse_id = 1',
        ["reader[1].evse_id", "{evse} in port"],
    ),
    (
        'driver = "raspberry"',
        'driver = "arduino"',
        ['driver: found "arduino"; accepted: "raspberry", "simulated"'],
    ),
    ('name = "reference-pi4"', "", ["name: found no such key"]),
    (
        "[watchdog]\npin = 22",
        "watchdog = true",
        ["watchdog: found true; accepted: a table with active_high, pin"],
    ),
]


@pytest.mark.parametrize(("old", "new", "parts"), MISTAKES, ids=[f"{new[:40]!r}" for _, new, _ in MISTAKES])
def test_every_mistake_names_file_key_found_and_accepted(old: str, new: str, parts: list[str]) -> None:
    assert old in PI
    message = refused(PI.replace(old, new, 1))
    for part in parts:
        assert part in message


def test_no_evse_and_evse_as_a_plain_table() -> None:
    assert "evse: found 0 EVSEs" in refused('name = "x"\ndriver = "simulated"')
    assert "evse: found a table" in refused('name = "x"\ndriver = "simulated"\n[evse]\nrating_ma = 16000')


def test_a_low_active_relay_board_goes_on_pins_pulled_up_at_reset() -> None:
    low_active = PI.replace("pin = 17 ", "pin = 4 ").replace(
        "active_high = true\n", "active_high = false\n", 1
    )
    assert parse(low_active).evses[0].contactor == PinProfile(4, False)


def test_all_bursts_together_fit_half_a_tick() -> None:
    message = refused(PI.replace("[[reader]]", SECOND_EVSE + "\n[[reader]]"))
    assert "evse[2].adc.burst_samples" in message and "EVSEs 1..2" in message


def test_a_simulated_profile_refuses_pins_and_states_its_parts() -> None:
    assert "evse[1].contactor: found a key for real pins" in refused(
        SIMULATED.replace("mirror = true", "contactor = { pin = 17 }")
    )
    assert "evse[1].mirror: found a table; accepted: true or false" in refused(
        SIMULATED.replace("mirror = true", "mirror = { pin = 27 }")
    )
    bare = parse('name = "x"\ndriver = "simulated"' + EXTRA_EVSE)
    (evse,) = bare.evses
    assert evse.tethered and evse.cable_ma == 16000 and evse.contactor == PinProfile(NO_PIN)
    assert (evse.mirror, evse.residual_current, evse.lock, evse.meter, bare.watchdog) == (None,) * 5


def test_a_test_output_needs_a_detector() -> None:
    assert "evse[1].residual_current_test" in refused(SIMULATED.replace("residual_current = true\n", "", 1))


def test_replication_is_refused_where_it_has_no_meaning() -> None:
    assert "2 EVSEs asked for, the profile describes 1" in refused(PI, evses=2)
    assert "the profile describes 2" in refused(
        SIMULATED.replace("[[reader]]", EXTRA_EVSE + "\n[[reader]]"), evses=3
    )
    assert "0 EVSEs asked for; accepted: 1..99" in refused(SIMULATED, evses=0)
    assert "100 EVSEs asked for" in refused(SIMULATED, evses=100)
    assert len(parse(PI, evses=1).evses) == 1


# --------------------------------------------------------------------------- temperature, panel, phases

SENSOR = """
[[evse.temperature]]
name = "plug"
adc_channel = 2
"""
NTC = SENSOR + 'element = "ntc"\ntable = [[32650, 0], [10000, 25], [1070, 90]]\n'
GUARDS = """
emergency_stop = { pin = 5, pull = "up" }
enclosure = { pin = 6, active_high = false, pull = "down" }
"""
SWITCH = """
[evse.phase_switch]
switch = { pin = 16 }
feedback = { pin = 19, active_high = false, pull = "up" }
dead_time_s = 7
"""


def pi(sensor: str = "", top: str = "") -> str:
    return PI.replace("[evse.meter]", f"{sensor}\n[evse.meter]").replace(
        'driver = "raspberry"', f'driver = "raspberry"\n{top}'
    )


def test_a_sensor_has_the_ladder_of_openevse_by_default() -> None:
    (sensor,) = parse(pi(SENSOR)).evses[0].temperatures
    assert (sensor.name, sensor.adc_channel, sensor.element, sensor.path) == ("plug", 2, "pt1000", "")
    assert (sensor.derate_c, sensor.derate_more_c, sensor.stop_c, sensor.restart_c) == (65, 68, 71, 62)
    assert sensor.when_lost == "stop"


def test_sensors_of_every_kind() -> None:
    file = SENSOR.replace('"plug"', '"air"').replace(
        "adc_channel = 2", 'path = "/sys/class/hwmon/hwmon1/temp1_input"'
    )
    file += 'when_lost = "derate"\n'
    ntc, air = parse(pi(NTC + file)).evses[0].temperatures
    assert ntc.table == ((32650, 0), (10000, 25), (1070, 90))
    assert (air.path, air.when_lost) == ("/sys/class/hwmon/hwmon1/temp1_input", "derate")


def test_panel_and_phase_switch() -> None:
    profile = parse(pi(SWITCH, GUARDS))
    assert profile.emergency_stop == PinProfile(5, True, "up")
    assert profile.enclosure == PinProfile(6, False, "down")
    switch = profile.evses[0].phase_switch
    assert switch is not None and (switch.switch.pin, switch.dead_time_s) == (16, 7)
    assert switch.three_phase_every_s == 300


def test_the_simulated_board_has_every_part() -> None:
    profile = load_profile("simulated")
    assert profile.emergency_stop == profile.enclosure == PinProfile(NO_PIN)
    assert [sensor.name for sensor in profile.evses[0].temperatures] == ["plug"]
    assert profile.evses[0].phase_switch is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (pi(SENSOR.replace("adc_channel = 2", "")), r"temperature[1].path: found nothing; accepted: path or"),
        (pi(SENSOR + 'path = "/sys/x"\n'), "found path and adc_channel"),
        (pi(SENSOR.replace("= 2", "= 1")), "ADC channel 0.0/1, used by evse[1].adc.proximity_channel"),
        (pi(SENSOR.replace("adc_channel = 2", 'path = "/proc/x"')), "a file below /sys/"),
        (pi(SENSOR + "stop_c = 66\n"), "stop_c: found restart 62, derate 65, derate_more 68, stop 66"),
        (pi(SENSOR + "stop_c = 101\n"), "an integer 30..100"),
        (pi(SENSOR + 'element = "ntc"\n'), "table: found no such key; accepted: at least two pairs"),
        (pi(SENSOR + 'element = "ntc"\ntable = [[1000, 25], [2000, 90]]\n'), "degrees rising, ohms falling"),
        (pi(SENSOR + 'element = "ntc"\ntable = [[1000, 25, 3]]\n'), "table: found [[1000, 25, 3]]"),
        (pi(SENSOR + "table = [[2000, 25], [1000, 90]]\n"), 'one with element = "ntc" only'),
        (pi(SENSOR + 'when_lost = "ignore"\n'), 'accepted: "stop", "derate"'),
        (pi(SENSOR + SENSOR.replace("= 2", "= 3")), 'name: found "plug" twice'),
        (pi("".join(SENSOR.replace('"plug"', f'"s{n}"') for n in range(5))), "at most 4"),
        (
            pi("", GUARDS.replace('"up"', '"down"')),
            'emergency_stop.pull: found "down" with active_high = true',
        ),
        (pi("", "enclosure = { pin = 6 }"), 'enclosure.pull: found "none"'),
        (pi(SWITCH.replace("= 7", "= 4")), "dead_time_s: found 4; accepted: an integer 5..60"),
        (pi(SWITCH.replace("pin = 16", "pin = 17")), "GPIO17, used by"),
        (pi(SWITCH).replace("phases = 3", "phases = 1"), "phase_switch: found a phase switch"),
        (SIMULATED.replace('name = "plug"', 'name = "plug"\nadc_channel = 2'), "a key for real sensors"),
    ],
)
def test_wrong_sensors_panels_and_switches(text: str, message: str) -> None:
    assert message in refused(text)


# --------------------------------------------------------------------------- retries, policy of the lock


def test_by_default_a_trip_is_latched_and_a_fault_keeps_the_plug() -> None:
    (evse,) = parse(SIMULATED).evses
    assert (evse.residual_current_retries, evse.residual_current_retry_s) == (0, 300)
    assert evse.unlock_on_fault == "keep"


def with_keys(text: str, profile: str = SIMULATED) -> str:
    return profile.replace("[[evse]]", f"[[evse]]\n{text}")


def test_retries_and_policy_are_read() -> None:
    text = 'residual_current_retries = 6\nresidual_current_retry_s = 60\nunlock_on_fault = "unlock"'
    for profile in (SIMULATED, PI):
        (evse,) = parse(with_keys(text, profile)).evses
        assert (evse.residual_current_retries, evse.residual_current_retry_s) == (6, 60)
        assert evse.unlock_on_fault == "unlock"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "residual_current_retries = 7",
            "evse[1].residual_current_retries: found 7; accepted: an integer 0..6",
        ),
        (
            "residual_current_retry_s = 59",
            "residual_current_retry_s: found 59; accepted: an integer 60..3600",
        ),
        ('unlock_on_fault = "never"', 'unlock_on_fault: found "never"; accepted: "keep", "unlock"'),
    ],
)
def test_wrong_retries_and_policies(text: str, message: str) -> None:
    assert message in refused(with_keys(text))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("residual_current_retries = 1", "residual_current"),
        ("residual_current_retry_s = 90", "residual_current"),
        ('unlock_on_fault = "keep"', "lock"),
    ],
)
def test_a_policy_for_a_part_that_is_not_there_is_a_mistake(text: str, part: str) -> None:
    bare = SIMULATED.replace("residual_current = true", "").replace("residual_current_test = true", "")
    bare = bare.replace("lock = true", "")
    assert f"none without {'a ' if part == 'lock' else ''}{part}" in refused(with_keys(text, bare))


def test_the_main_meter_is_a_meter_like_another() -> None:
    table = '[main_meter]\nmodel = "Eastron SDM630 v2"\nlink = "rtu:/dev/ttyUSB1"\nunit = 7\n'
    text = (data_path("boards") / "simulated.toml").read_text()
    assert parse_profile(text, "board").main_meter is None
    found = parse_profile(text + table, "board", 2).main_meter
    assert found is not None
    assert (found.model, found.link, found.unit) == ("Eastron SDM630 v2", "rtu:/dev/ttyUSB1", 7)
    with pytest.raises(ProfileError, match=r"main_meter\.link"):
        parse_profile(text + table.replace("rtu:", "serial:"), "board")
