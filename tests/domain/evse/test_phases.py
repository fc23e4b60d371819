"""numberPhases of a charging profile to one phase or three; the permit and ``why`` follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.charging.limits import Claim
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import InstallProfile
from controller.domain.evse.phases import DELAYED, asking, wanted
from controller.domain.evse.spec import EvseSpec
from controller.domain.station import Station
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand


def claim(phases: int | None, name: str = "profile 1") -> Claim:
    return Claim(name, 16_000, "a schedule", None, "", phases)


@pytest.mark.parametrize(("phases", "expected"), [(None, 3), (3, 3), (2, 1), (1, 1)])
def test_a_limit_only_lowers_two_means_one(phases: int | None, expected: int) -> None:
    assert wanted([claim(None), claim(phases)], 3) == expected


def test_one_that_asks_for_one_is_enough() -> None:
    claims = [claim(3), claim(1, "profile 2"), claim(None)]
    assert wanted(claims, 3) == 1
    found = asking(claims)
    assert found is not None and found.name == "profile 2"


@pytest.mark.parametrize("before", [1, 3])
def test_a_change_that_is_put_off_puts_off_the_phases_too(before: int) -> None:
    assert wanted([claim(None, DELAYED), claim(4 - before)], before) == before


def switched() -> Hand:
    hand = Hand()
    hand.specs = [EvseSpec(1, has_phase_switch=True)]
    hand.station = Station(hand.specs, POLICY, hand.book, lambda: next(hand.ids))
    return hand


def profile(phases: int | None) -> ChargingProfile:
    schedule = ChargingSchedule(RateUnit.A, (SchedulePeriod(0, 16_000, phases),), starts_at_ms=0)
    return ChargingProfile(7, 0, ProfilePurpose.TX_DEFAULT, ProfileKind.ABSOLUTE, schedule)


def rows(hand: Hand) -> dict[str, str]:
    return {row.name: f"{row.value}; {row.source}" for row in reasons(hand.station, 1, hand.now)}


def test_the_permit_asks_for_one_phase_and_why_says_who_did() -> None:
    hand = switched()
    hand.facts("B", phases=3)
    (permit,) = hand.station.permits(hand.now)
    assert permit.phases == 3 and rows(hand)["phases"] == "3 of 3; nobody asks for one"
    hand.give(InstallProfile(1, profile(1)))
    (permit,) = hand.station.permits(hand.now)
    assert permit.phases == 1
    who = "TxDefaultProfile id 7, stack level 0"
    assert rows(hand)["phase switch"] == f"3 of 3, 1 wanted; {who}"
    hand.facts("B", phases=1)
    assert rows(hand)["phases"] == f"1 of 3; {who}"
    hand.give(InstallProfile(1, profile(None)))
    (permit,) = hand.station.permits(hand.now)
    assert permit.phases == 3


def test_without_a_switch_number_phases_moves_nothing() -> None:
    hand = Hand()
    hand.facts("B")
    hand.give(InstallProfile(1, profile(1)))
    (permit,) = hand.station.permits(hand.now)
    assert permit.phases == 3 and "phases" not in rows(hand) and "phase switch" not in rows(hand)


def test_phases_on_their_way_are_a_pause_of_the_station() -> None:
    hand = switched()
    hand.book.cache[IdToken("CARD1").key] = TokenInfo(AuthorizationStatus.ACCEPTED)
    hand.plug()
    hand.read()
    hand.swipe("CARD1")
    hand.charge()
    assert hand.station.evses[1].transaction is not None
    hand.give(InstallProfile(1, profile(1)))
    hand.station.permits(hand.now)
    hand.facts("B", phases=3)
    transaction = hand.station.evses[1].transaction
    assert transaction is not None
    assert transaction.charging_state == "SuspendedEVSE"
    assert "phase switch" in rows(hand)["EVSE 1"]


def test_temperature_is_a_claim_with_its_reason() -> None:
    hand = Hand()
    hand.facts("B", temperature_limit_ma=8_000, hottest_mdeg_c=68_250)
    claims = {one.name: one for one in hand.station.claims(1, hand.now)}
    assert (claims["temperature"].limit_ma, claims["temperature"].source) == (
        8_000,
        "hottest sensor 68.2 degrees C",
    )
    hand.facts("B", temperature_limit_ma=0, hottest_mdeg_c=30_000, sensors_lost=1)
    (lost,) = [one for one in hand.station.claims(1, hand.now) if one.name == "temperature"]
    assert lost.source == "hottest sensor 30.0 degrees C, sensors lost: 1" and "wires" in lost.clears_by
    hand.facts("B", hottest_mdeg_c=30_000)
    assert "temperature" not in {one.name for one in hand.station.claims(1, hand.now)}
    assert replace(lost, phases=None) == lost
