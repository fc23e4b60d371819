"""Back-off of 2.x part 4 5.4 and 8.1 to 8.3, and 1.6J errata 3.4."""

from __future__ import annotations

import random

import pytest

from controller.csms.backoff import MAX_DELAY_MS, MIN_DELAY_MS, Backoff, BackoffSettings


def delays(settings: BackoffSettings, count: int, chance: random.Random | None = None) -> list[int]:
    backoff, found = Backoff(), []
    for _ in range(count):
        backoff, delay_ms = backoff.next(settings, chance.random if chance else lambda: 0.0)
        found.append(delay_ms)
    return found


def test_delays_double_as_often_as_configured_then_stay() -> None:
    assert delays(BackoffSettings(10, 0, 3), 7) == [10_000, 20_000, 40_000, 80_000, 80_000, 80_000, 80_000]


def test_no_doubling_when_repeat_times_is_0() -> None:
    assert delays(BackoffSettings(10, 0, 0), 3) == [10_000, 10_000, 10_000]


def test_a_random_part_is_added_to_each_and_is_not_doubled() -> None:
    found = delays(BackoffSettings(10, 5, 3), 6, random.Random(1))
    extra = [
        delay_ms - base for delay_ms, base in zip(found[:4], [10_000, 20_000, 40_000, 80_000], strict=True)
    ]
    assert all(0 <= part < 5_000 for part in extra) and len(set(extra)) == 4
    assert found[4] == found[5] == found[3], "the last back-off time is kept as it is"


def test_16_CONN_04_never_a_tight_loop() -> None:
    assert delays(BackoffSettings(0, 0, 5), 10) == [MIN_DELAY_MS] * 10


def test_settings_without_measure_do_not_silence_the_station() -> None:
    found = delays(BackoffSettings(3_600, 60, 10_000), 200, random.Random(2))
    assert max(found) == MAX_DELAY_MS and sorted(found) == found


def test_stations_spread_out() -> None:
    settings = BackoffSettings(10, 30, 3)
    first = [delays(settings, 1, random.Random(seed))[0] for seed in range(200)]
    assert max(first) - min(first) > 25_000


def test_a_stable_connection_starts_over_and_a_short_one_does_not() -> None:
    settings = BackoffSettings(10, 0, 5)
    backoff = Backoff()
    for _ in range(3):
        backoff, _ = backoff.next(settings, lambda: 0.0)
    assert backoff.held(59_999, stable_ms=60_000).next(settings, lambda: 0.0)[1] == 80_000
    assert backoff.held(60_000, stable_ms=60_000).next(settings, lambda: 0.0)[1] == 10_000


@pytest.mark.parametrize("values", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_negative_settings_are_an_error(values: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="expected 0 or more"):
        BackoffSettings(*values)
