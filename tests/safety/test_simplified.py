"""Vehicles without S2: IEC 61851-1 A.2.3, sequence 1.2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.safety import core
from controller.safety.pilot import Pilot
from controller.safety.simplified import observe
from tests.safety.rig import Rig


@pytest.mark.parametrize(
    ("simplified", "before", "pilot", "connected", "expected"),
    [
        (False, "A", "C", True, True),
        (False, "A", "D", True, True),
        (False, "A", "B", True, False),
        (False, "B", "C", True, False),
        (False, "F", "C", True, False),
        (False, "E", "C", True, False),
        (True, "C", "C", True, True),
        (True, "C", "E", True, True),
        (True, "E", "C", True, True),
        (True, "C", "B", True, False),
        (True, "C", "A", False, False),
    ],
)
def test_every_way_in_and_out(
    simplified: bool, before: str, pilot: str, connected: bool, expected: bool
) -> None:
    assert observe(simplified, Pilot[before], Pilot[pilot], connected) is expected


def plugged(vehicle: str = "C", limit_ma: int = 32_000, rig: Rig | None = None) -> Rig:
    rig = (rig or Rig()).idle()
    rig.vehicle = vehicle
    rig.run(500)
    rig.lease_ma = limit_ma
    rig.until(lambda rig: rig.closed, 8_000)
    return rig


def test_IEC_1_2_A_2_3_a_vehicle_without_s2_is_offered_10_a() -> None:
    rig = plugged()
    rig.run(20_000)
    assert rig.state.offered_ma == 9_960
    assert core.report(rig.state, 1, rig.now_ms).simplified_ma == 10_000


def test_A_2_3_a_lower_permit_lowers_it_further() -> None:
    assert plugged(limit_ma=8_000).state.offered_ma == 7_980


def test_A_2_3_the_ceiling_can_be_configured() -> None:
    for ceiling_ma, offered_ma in ((6_000, 6_000), (16_000, 15_960), (32_000, 31_980), (80_000, 31_980)):
        rig = Rig(replace(Rig().config, simplified_ma=ceiling_ma))
        assert plugged(rig=rig).state.offered_ma == offered_ma
    with pytest.raises(ValueError, match="simplified_ma: found 5000, expected 6000"):
        replace(Rig().config, simplified_ma=5_000)


def test_A_2_3_a_vehicle_that_shows_b_has_a_switch() -> None:
    rig = plugged()
    rig.vehicle = "B"
    rig.run(1_000)
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 3_000)
    rig.run(6_000)
    assert rig.state.offered_ma == 31_980
    assert core.report(rig.state, 1, rig.now_ms).simplified_ma is None


def test_A_2_3_the_next_vehicle_is_judged_anew() -> None:
    rig = plugged()
    rig.lease_ma = None
    rig.vehicle = "A"
    rig.run(4_000)
    assert plugged_next(rig).state.offered_ma == 31_980


def plugged_next(rig: Rig) -> Rig:
    rig.vehicle = "B"
    rig.run(1_000)
    rig.lease_ma = 32_000
    rig.vehicle = "C"
    rig.until(lambda rig: rig.closed, 8_000)
    return rig


def test_A_2_3_x1_opens_it_after_6_s_because_it_cannot_let_go() -> None:
    rig = plugged()
    rig.run(1_000)
    rig.lease_ma = 0
    rig.renew()
    rig.step()
    assert rig.until(lambda rig: not rig.closed, 6_100) == 6_000
    rig.lease_ma = 16_000
    rig.until(lambda rig: rig.closed, 4_000)
    assert rig.state.offered_ma == 9_960


def test_a_vehicle_found_in_c_after_a_start_is_not_judged() -> None:
    rig = Rig(vehicle="C")
    rig.run(4_000)
    rig.lease_ma = 32_000
    rig.until(lambda rig: rig.closed, 4_000)
    assert rig.state.offered_ma == 31_980
