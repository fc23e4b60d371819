"""A second opinion on the offer: the vehicle's own table, written from the vehicle's side of the standard.

``hal.simulated.vehicle.offered_ma`` was written from Table A.8 as a vehicle reads it, without the
controller's code. No vehicle may read more current than any claim allows.
"""

from __future__ import annotations

import pytest

from controller.safety.pilot import duty_for, is_pwm, offer_of
from hal.interface import DUTY_STEADY_HIGH
from hal.simulated.vehicle import offered_ma

HIGHEST_MA = 80_000
LOWEST_OFFER_MA = 6_000


def test_IEC_table_A8_no_vehicle_reads_more_than_the_limit_for_every_limit_from_0_to_80_000_mA() -> None:
    lost_ma = 0
    for limit_ma in range(HIGHEST_MA + 1):
        duty_pm = duty_for(limit_ma)
        read_ma = offered_ma(duty_pm) if is_pwm(duty_pm) else 0
        assert read_ma <= limit_ma, (
            f"limit {limit_ma} mA, duty {duty_pm} permille, the vehicle reads {read_ma} mA"
        )
        if limit_ma < LOWEST_OFFER_MA:
            assert duty_pm == DUTY_STEADY_HIGH, f"limit {limit_ma} mA: below 6 A nothing may be offered"
        else:
            lost_ma = max(lost_ma, limit_ma - read_ma)
    # A permille is 60 mA below 51 A and 250 mA above; between 51 and 52.5 A the two lines do not meet.
    assert lost_ma <= 1_750
    print(f"\n{HIGHEST_MA + 1} limits; a vehicle reads at most {lost_ma} mA less than allowed")


def test_IEC_A_2_3_digital_communication_is_never_demanded() -> None:
    """3 to 7 % asks for digital communication, 7 to 8 % is an error: neither is ever sent."""
    duties = {duty_for(limit_ma) for limit_ma in range(HIGHEST_MA + 1)}
    assert not [duty_pm for duty_pm in duties if duty_pm < 80]
    assert not [duty_pm for duty_pm in duties if 970 < duty_pm < DUTY_STEADY_HIGH]


@pytest.mark.parametrize("limit_ma", [6_000, 10_000, 13_000, 16_000, 20_000, 32_000, 50_999, 63_000, 80_000])
def test_both_sides_read_the_same_offer(limit_ma: int) -> None:
    duty_pm = duty_for(limit_ma)
    assert offer_of(duty_pm) == offered_ma(duty_pm)


def test_a_limit_that_rises_never_lowers_the_offer() -> None:
    offers = [
        offered_ma(duty_for(limit_ma)) if is_pwm(duty_for(limit_ma)) else 0
        for limit_ma in range(HIGHEST_MA + 1)
    ]
    assert offers == sorted(offers)
