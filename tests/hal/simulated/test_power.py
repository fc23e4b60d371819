"""Contactor, mirror contact and meter by themselves."""

from __future__ import annotations

import pytest

from hal.simulated.power import ALL_POLES, NO_POLES, PJ_PER_UWH, Contactor, Meter, PhaseContactor


def settle(contactor: Contactor, now_us: int) -> int:
    while (ahead := contactor.horizon_us(now_us)) is not None:
        now_us += ahead
        contactor.update(now_us)
    return now_us


def test_contacts_follow_the_coil_after_its_travel_and_the_mirror_bounces() -> None:
    contactor = Contactor(set())
    contactor.drive(True, 0)
    contactor.update(19_999)
    assert contactor.poles == NO_POLES
    contactor.update(20_000)
    assert contactor.poles == ALL_POLES
    seen = {contactor.mirror_closed(20_000 + t) for t in range(0, 3_000, 100)}
    assert seen == {True, False}
    assert {contactor.mirror_closed(23_000 + t) for t in range(0, 3_000, 100)} == {True}
    assert contactor.operations == 1


def test_a_coil_released_before_the_armature_moved_leaves_it_where_it_is() -> None:
    contactor = Contactor(set())
    contactor.drive(True, 0)
    contactor.drive(False, 10_000)
    contactor.update(30_000)
    assert contactor.poles == NO_POLES and contactor.operations == 0


def test_slow_opening() -> None:
    contactor = Contactor({"contactor_slow"})
    contactor.drive(True, 0)
    now = settle(contactor, 0)
    contactor.drive(False, now)
    contactor.update(now + 299_000)
    assert contactor.poles == ALL_POLES
    contactor.update(now + 300_000)
    assert contactor.poles == NO_POLES


@pytest.mark.parametrize(
    ("fault", "poles"),
    [("contactor_welded", ALL_POLES), ("contactor_pole_welded", (True, False, False))],
)
def test_the_mirror_cannot_tell_open_while_any_pole_is_welded(
    fault: str, poles: tuple[bool, bool, bool]
) -> None:
    contactor = Contactor({fault})
    assert contactor.poles == poles and contactor.mirror_closed(0)


def test_a_repaired_coil_closes_again_by_itself() -> None:
    faults = {"contactor_does_not_close"}
    contactor = Contactor(faults)
    contactor.drive(True, 0)
    contactor.update(50_000)
    assert contactor.poles == NO_POLES
    faults.clear()
    contactor.update(60_000)
    settle(contactor, 60_000)
    assert contactor.poles == ALL_POLES


def test_energy_is_exact_in_integers() -> None:
    meter = Meter(set())
    meter.voltage_mv = (230_000, 231_000, 229_001)
    meter.current_ma = (16_000, 6_001, 0)
    taken = sum(meter.integrate(dt) for dt in (1, 7, 10_000, 333_333, 86_400_000_000))
    span = 1 + 7 + 10_000 + 333_333 + 86_400_000_000
    assert taken == (230_000 * 16_000 + 231_000 * 6_001) * span
    assert meter.energy_uwh == (
        230_000 * 16_000 * span // PJ_PER_UWH,
        231_000 * 6_001 * span // PJ_PER_UWH,
        0,
    )
    assert meter.total_uwh == taken // PJ_PER_UWH
    assert meter.reading().energy_import_wh == taken // (PJ_PER_UWH * 1_000_000)


def test_an_old_meter_starts_where_it_stood_and_a_reset_one_at_zero() -> None:
    meter = Meter(set())
    meter.preset(123_456)
    assert meter.reading().energy_import_wh == 123_456
    meter.reset()
    assert meter.reading().energy_import_wh == 0


def test_a_frozen_meter_shows_the_moment_it_froze() -> None:
    faults: set[str] = set()
    meter = Meter(faults)
    meter.voltage_mv = (230_000, 0, 0)
    meter.current_ma = (10_000, 0, 0)
    faults.add("meter_frozen")
    before = meter.reading()
    meter.integrate(3_600_000_000)
    assert meter.reading() == before
    faults.clear()
    assert meter.reading().energy_import_wh == 2300


def test_the_phase_contactor_follows_its_coil_and_counts_moves_under_load() -> None:
    switch = PhaseContactor(set())
    switch.drive(True, 0)
    switch.update(19_000, live=False)
    assert not switch.three and switch.horizon_us(19_000) == 1_000
    switch.update(20_000, live=False)
    assert switch.three and switch.feedback_three and (switch.operations, switch.moved_live) == (1, 0)
    switch.drive(False, 30_000)
    switch.update(45_000, live=True)
    assert not switch.three and (switch.operations, switch.moved_live) == (2, 1)


def test_a_stuck_phase_contactor_moves_once_it_is_free() -> None:
    faults = {"phase_switch_stuck"}
    switch = PhaseContactor(faults)
    switch.drive(True, 0)
    switch.update(1_000_000, live=False)
    assert not switch.three
    faults.clear()
    switch.update(1_100_000, live=False)
    assert switch.three
