"""Plateaus and duty out of bursts as an ADC delivers them."""

import timeit

import pytest

from hal.plateaus import plateaus
from tests.support.fake_spi import PilotWave

INTERVALS_US = (41.0, 41.67, 42.3, 43.0, 37.5)
PHASES_US = range(0, 1000, 13)


def burst(wave: PilotWave, interval_us: float, phase_us: float, samples: int = 80) -> list[int]:
    return [wave.millivolts(phase_us + number * interval_us) for number in range(samples)]


@pytest.mark.parametrize("interval_us", INTERVALS_US)
@pytest.mark.parametrize("duty_pm", [80, 100, 166, 266, 533, 666, 850])
@pytest.mark.parametrize("high_mv", [12000, 9000, 6000, 3000])
def test_pwm_is_read_right_at_every_phase(duty_pm: int, high_mv: int, interval_us: float) -> None:
    wave = PilotWave(duty_pm, high_mv, -12000)
    tolerance_pm = 45 if interval_us == 41.67 else 25
    for phase_us in PHASES_US:
        sample = plateaus(burst(wave, interval_us, phase_us))
        assert abs(sample.high_mv - high_mv) <= 60, phase_us
        assert abs(sample.low_mv + 12000) <= 60, phase_us
        assert abs(sample.high_pm - duty_pm) <= tolerance_pm, (phase_us, sample)


def test_5_percent_duty_for_digital_communication_is_seen() -> None:
    wave = PilotWave(50, 9000, -12000)
    for phase_us in PHASES_US:
        sample = plateaus(burst(wave, 42.3, phase_us))
        assert abs(sample.high_mv - 9000) <= 60 and abs(sample.high_pm - 50) <= 25


@pytest.mark.parametrize(
    ("duty_pm", "level_mv", "share_pm"), [(1000, 12000, 1000), (1000, 6000, 1000), (0, -12000, 0)]
)
def test_steady_levels_have_one_plateau(duty_pm: int, level_mv: int, share_pm: int) -> None:
    sample = plateaus(burst(PilotWave(duty_pm, level_mv, level_mv), 42.3, 5))
    assert sample.high_mv == sample.low_mv
    assert abs(sample.high_mv - level_mv) <= 30
    assert sample.high_pm == share_pm


def test_pilot_shorted_to_earth_is_one_plateau_near_zero() -> None:
    sample = plateaus(burst(PilotWave(500, 0, 0), 42.3, 0))
    assert sample.high_mv == sample.low_mv and abs(sample.high_mv) <= 30


def test_missing_diode_shows_in_the_low_plateau() -> None:
    sample = plateaus(burst(PilotWave(266, 9000, -9000), 42.3, 0))
    assert abs(sample.low_mv + 9000) <= 60


def test_a_wave_on_one_side_of_zero_keeps_both_plateaus() -> None:
    above = plateaus(burst(PilotWave(266, 9000, 600), 42.3, 0))
    assert abs(above.high_mv - 9000) <= 60 and abs(above.low_mv - 600) <= 60 and above.high_pm == 1000
    below = plateaus(burst(PilotWave(266, -600, -12000), 42.3, 0))
    assert abs(below.high_mv + 600) <= 60 and below.high_pm == 0


def test_two_bad_samples_do_not_make_a_plateau() -> None:
    samples = [12000] * 80
    samples[10], samples[50] = -15510, 300
    assert plateaus(samples).high_mv == plateaus(samples).low_mv == 12000


def test_samples_beside_an_edge_are_left_out() -> None:
    period = [4000] + [9000] * 5 + [7000] + [-2000] + [-12000] * 16 + [-9000]
    sample = plateaus(period * 4)
    assert (sample.high_mv, sample.low_mv) == (9000, -12000)


def test_edge_samples_are_kept_while_too_few_others_remain() -> None:
    """Two samples a pulse: all are beside an edge, the percentile away from the edges decides."""
    sample = plateaus(([8000, 9000] + [-12000] * 22) * 3 + [8500])
    assert sample.high_mv == 9000
    assert sample.low_mv == -12000


def test_change_within_the_burst_gives_a_level_that_was_there() -> None:
    before, after = PilotWave(266, 6000, -12000), PilotWave(266, 9000, -12000)
    sample = plateaus(burst(before, 42.3, 0)[:40] + burst(after, 42.3, 0)[40:])
    assert any(abs(sample.high_mv - level) <= 60 for level in (6000, 9000))


def test_one_edge_only_falls_back_to_the_share_of_samples() -> None:
    assert plateaus([12000] * 20 + [-12000] * 60).high_pm == 250


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="5 samples; at least 6"):
        plateaus([0] * 5)


def test_fast_enough_for_the_safety_tick() -> None:
    """40 us on a desktop; four times that is left for a loaded machine, and the best of five counts."""
    samples = burst(PilotWave(533, 6000, -12000), 42.3, 0)
    best_s = min(timeit.repeat(lambda: plateaus(samples), number=200, repeat=5)) / 200
    assert best_s < 160e-6
