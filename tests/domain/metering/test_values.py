"""What a sample holds: measurands, phases, intervals; and when the clock's instants are passed."""

from __future__ import annotations

import pytest

from controller.domain.inputs import Reading
from controller.domain.instant import Now
from controller.domain.metering.measurands import Measurand as M
from controller.domain.metering.measurands import OnPhase, ReadingContext, SampledValue, Wanted
from controller.domain.metering.sampling import WallClock
from controller.domain.metering.values import Registers, Surroundings, sample

READING = Reading(
    1,
    0,
    7_000,
    energy_export_wh=40,
    power_w=-5_000,
    power_phase_w=(-2_000, -3_000, 100),
    voltage_mv=(230_000, 231_000, None),
    current_ma=(9_000, 13_000, 500),
    frequency_mhz=50_010,
    power_factor_pm=990,
)
AROUND = Surroundings(offered_ma=16_000, offered_w=11_040, hottest_mdeg_c=41_250)


def told(*wanted: Wanted, reading: Reading | None = READING, since: Registers | None = None) -> list[str]:
    taken = sample(reading, AROUND, wanted, ReadingContext.OTHER, 0, since)
    return [] if taken is None else [shown(value) for value in taken.values]


def shown(value: SampledValue) -> str:
    return f"{value.measurand}{'.' + value.phase if value.phase else ''}={value.value_milli}"


def test_16_CORE_87_every_measured_phase_has_its_value() -> None:
    assert told(M.VOLTAGE) == ["Voltage.L1-N=230000", "Voltage.L2-N=231000"], "L3 is not measured"
    assert told(M.CURRENT_IMPORT) == [
        "Current.Import.L1=9000", "Current.Import.L2=13000", "Current.Import.L3=500",
    ]  # fmt: skip
    assert told(M.POWER_IMPORT) == [
        "Power.Active.Import=0",
        "Power.Active.Import.L1=0",
        "Power.Active.Import.L2=0",
        "Power.Active.Import.L3=100000",
    ], "the sum has no phase, and what flows back is export"
    assert told(M.POWER_EXPORT)[:2] == ["Power.Active.Export=5000000", "Power.Active.Export.L1=2000000"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((OnPhase(M.VOLTAGE, "L2-N"),), ["Voltage.L2-N=231000"]),
        ((OnPhase(M.VOLTAGE, "L1"),), ["Voltage.L1-N=230000"]),
        ((OnPhase(M.CURRENT_IMPORT, "L3"), OnPhase(M.CURRENT_IMPORT, "L1")), [
            "Current.Import.L3=500", "Current.Import.L1=9000",
        ]),
        ((OnPhase(M.VOLTAGE, "L3-N"),), []),
        ((OnPhase(M.VOLTAGE, "L1-N"), M.VOLTAGE), ["Voltage.L1-N=230000", "Voltage.L2-N=231000"]),
    ],
)  # fmt: skip
def test_16_CORE_94_a_phase_suffix_restricts_to_that_phase(
    wanted: tuple[Wanted, ...], expected: list[str]
) -> None:
    assert told(*wanted) == expected


def test_16_CORE_90_an_interval_holds_the_amount_within_it() -> None:
    begin = Registers(6_900, 38)
    assert told(M.ENERGY_IMPORT_INTERVAL, M.ENERGY_EXPORT_INTERVAL, since=begin) == [
        "Energy.Active.Import.Interval=100000", "Energy.Active.Export.Interval=2000",
    ]  # fmt: skip
    assert told(M.ENERGY_IMPORT_INTERVAL) == [], "no interval has begun"
    assert told(M.ENERGY_IMPORT_INTERVAL, since=Registers(8_000, None)) == [], "the register was reset"


def test_16_CORE_91_the_register_goes_out_as_the_meter_shows_it() -> None:
    assert told(M.ENERGY_IMPORT_REGISTER, M.ENERGY_EXPORT_REGISTER) == [
        "Energy.Active.Import.Register=7000000", "Energy.Active.Export.Register=40000",
    ]  # fmt: skip


def test_what_needs_no_meter_is_told_without_one() -> None:
    assert told(M.CURRENT_OFFERED, M.POWER_OFFERED, M.TEMPERATURE, M.VOLTAGE, reading=None) == [
        "Current.Offered=16000", "Power.Offered=11040000", "Temperature=41250",
    ]  # fmt: skip


def test_every_measurand_can_be_told() -> None:
    for measurand in M:
        assert told(measurand, since=Registers(0, 0)), measurand


def test_16_CORE_83_the_clock_being_set_passes_no_aligned_instant() -> None:
    clock = WallClock()
    assert clock.passed(Now(0, 899_500), 900, 0) == (False, False)
    assert clock.next_ms(900, 0) == 500
    assert clock.passed(Now(500, 900_000), 900, 0) == (True, False)
    assert clock.passed(Now(1500, 901_000), 900, 0) == (False, False)
    assert clock.passed(Now(2500, 5_000_000), 900, 0) == (False, False), "set forward by an hour"
    assert clock.passed(Now(3500, 901_900), 900, 0) == (False, False), "and back"
    assert clock.passed(Now(901_600, 1_800_000), 900, 600) == (True, True)
    assert clock.next_ms(0, 0) is None
