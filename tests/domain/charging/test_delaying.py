"""The random delay through the station as it ships: boundaries, override, restart, return of power."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.commands import InstallProfile, OverrideDelay
from controller.domain.events import DelayBegun, DelayEnded, StationStarted
from controller.domain.inputs import Tick
from controller.domain.station import Station, replay
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand

UK = replace(POLICY, random_delay_max_s=600, meter_stale_s=3600)


def tariff(hand: Hand, *amps: int, purpose: ProfilePurpose = ProfilePurpose.TX_DEFAULT, id_: int = 1) -> None:
    """A new limit every 1000 s from now on."""
    periods = tuple(SchedulePeriod(at * 1000, limit * 1000) for at, limit in enumerate(amps))
    schedule = ChargingSchedule(RateUnit.A, periods, starts_at_ms=hand.utc_ms)
    hand.give(InstallProfile(0, ChargingProfile(id_, 0, purpose, ProfileKind.ABSOLUTE, schedule)))


def begin(hand: Hand) -> None:
    hand.book.list[IdToken("CARD").key] = TokenInfo(AuthorizationStatus.ACCEPTED)
    hand.plug()
    hand.read()
    hand.swipe("CARD")
    assert hand.station.evses[1].transaction is not None


def jump(hand: Hand, seconds: int) -> None:
    hand.mono_ms += seconds * 1000
    hand.utc_ms += seconds * 1000


def test_a_cheap_hour_begins_late_and_a_dear_one_too() -> None:
    hand = Hand(policy=UK)
    tariff(hand, 0, 16, 6)
    begin(hand)
    assert hand.limit_ma() == 0
    jump(hand, 1000)
    assert hand.limit_ma() == 0, "the boundary does not leak through before anybody looked"
    hand.give(Tick())
    (begun,) = hand.of(DelayBegun)
    assert isinstance(begun, DelayBegun)
    assert (begun.cause, begun.held_ma, begun.until_ms - begun.at_ms) == ("charging schedule", 0, 600_000)
    jump(hand, 599)
    assert hand.limit_ma() == 0
    (row,) = [row for row in reasons(hand.station, 1, hand.now) if row.name == "random delay"]
    assert "in 1 s" in row.clears_by
    assert "override_delay" in row.clears_by
    assert row.source.startswith("charging schedule")
    jump(hand, 1)
    assert hand.limit_ma() == 16_000
    hand.give(Tick())
    jump(hand, 400)
    hand.give(Tick())
    assert hand.limit_ma() == 16_000, "the old limit holds, whether it was lower or higher"
    jump(hand, 600)
    assert hand.limit_ma() == 6_000


def test_what_somebody_asks_for_is_not_put_off() -> None:
    hand = Hand(policy=UK)
    tariff(hand, 16)
    begin(hand)
    assert hand.limit_ma() == 16_000, "plugging in and the card"
    tariff(hand, 10)
    assert hand.limit_ma() == 10_000, "a profile from the CSMS"
    jump(hand, 5)
    hand.give(Tick())
    assert not hand.of(DelayBegun)


def test_a_new_profile_ends_a_running_delay() -> None:
    hand = Hand(policy=UK)
    tariff(hand, 0, 16)
    begin(hand)
    jump(hand, 1000)
    hand.give(Tick())
    tariff(hand, 12)
    assert hand.limit_ma() == 12_000
    hand.give(Tick())
    assert [one.why for one in hand.of(DelayEnded) if isinstance(one, DelayEnded)] == [
        "a new charging profile"
    ]


def test_limits_of_the_installation_hold_at_once() -> None:
    hand = Hand(policy=UK)
    tariff(hand, 16, 8, purpose=ProfilePurpose.STATION_MAX)
    begin(hand)
    jump(hand, 1000)
    assert hand.limit_ma() == 8_000
    hand.give(Tick())
    assert not hand.of(DelayBegun)


@pytest.mark.parametrize("by_card", [True, False])
def test_the_user_overrides_it(by_card: bool) -> None:
    hand = Hand(policy=UK)
    tariff(hand, 0, 16)
    begin(hand)
    jump(hand, 1000)
    hand.give(Tick())
    verdict = hand.swipe("CARD") if by_card else hand.give(OverrideDelay(1))
    assert verdict is not None
    assert verdict.status == "Accepted"
    assert hand.limit_ma() == 16_000
    assert hand.station.evses[1].transaction is not None
    assert hand.station.evses[1].transaction.stopping is None
    again = hand.give(OverrideDelay(1))
    assert again is not None
    assert again.reason == "NoDelay"
    hand.swipe("CARD")
    assert hand.limit_ma() == 0, "the second time the card ends the transaction, as always"


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_restart_does_not_skip_it(checkpoint: bool) -> None:
    hand = Hand(policy=UK)
    tariff(hand, 0, 16)
    begin(hand)
    jump(hand, 1000)
    hand.give(Tick())
    reborn(hand, checkpoint)
    jump(hand, 300)
    hand.facts("B")
    hand.read()
    assert hand.limit_ma() == 0
    jump(hand, 300)
    hand.give(Tick())
    assert hand.limit_ma() == 16_000


def test_a_boundary_that_passed_while_nobody_was_there_is_put_off_too() -> None:
    hand = Hand(policy=UK)
    tariff(hand, 0, 16)
    begin(hand)
    jump(hand, 990)
    hand.give(Tick())
    reborn(hand, checkpoint=True)
    jump(hand, 20)
    hand.facts("B")
    hand.read()
    assert hand.limit_ma() == 0
    assert len(hand.of(DelayBegun)) == 1


def reborn(hand: Hand, checkpoint: bool) -> None:
    old = hand.station
    hand.station = Station(hand.specs, UK, hand.book, lambda: "never")
    replay(hand.station, old.checkpoint() if checkpoint else hand.events)
    assert hand.station.checkpoint() == old.checkpoint()


def test_after_power_came_back_a_free_station_waits() -> None:
    hand = Hand(policy=replace(UK, auth_enabled=False))
    hand.station.apply(StationStarted("1", "PowerUp", hand.utc_ms))
    hand.plug()
    hand.read()
    (begun,) = hand.of(DelayBegun)
    assert isinstance(begun, DelayBegun)
    assert begun.cause == "return of power"
    assert hand.limit_ma() == 0
    jump(hand, 600)
    assert hand.limit_ma() > 0


@pytest.mark.parametrize("reason", ["PowerUp", "ApplicationReset"])
def test_who_plugs_in_after_power_came_back_does_not_wait(reason: str) -> None:
    hand = Hand(policy=replace(UK, auth_enabled=False))
    hand.station.apply(StationStarted("1", reason, hand.utc_ms))
    if reason == "PowerUp":
        hand.facts("A")
    hand.plug()
    hand.read()
    assert hand.limit_ma() > 0
    assert not hand.of(DelayBegun)


def test_switched_off_nothing_is_delayed() -> None:
    hand = Hand(policy=replace(UK, random_delay_max_s=0))
    tariff(hand, 0, 16)
    begin(hand)
    jump(hand, 1000)
    assert hand.limit_ma() == 16_000
