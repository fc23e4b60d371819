"""Charging profiles through the station as it ships: accepted, replaced, cleared, shared, obeyed in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.domain.access.tokens import AuthorizationStatus, IdToken, TokenInfo
from controller.domain.charging.profiles import ChargingProfile, ProfileFilter, RateUnit
from controller.domain.commands import (
    ChangeAvailability,
    ClearProfiles,
    GetComposite,
    InstallProfile,
    RemoteStart,
    Status,
    Verdict,
)
from controller.domain.events import ProfileInstalled, TransactionUpdated
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import PolicyChanged, Tick
from controller.domain.policy import Policy
from controller.domain.station import Station, replay
from controller.domain.why import reasons
from tests.domain.conftest import POLICY, Hand
from tests.domain.profile_maker import DEFAULT, MAX, T0_MS, TX, profile

QUIET = replace(POLICY, meter_required=False, sampled_interval_s=0)


class Charging(Hand):
    """Vehicles that follow: ``follow`` lets each see its permit, and take it."""

    def __init__(self, evses: int = 1, policy: Policy = QUIET, **spec: object) -> None:
        super().__init__(evses, policy)
        if spec:
            self.specs = [EvseSpec(n, **spec) for n in range(1, evses + 1)]  # type: ignore[arg-type]
            self.station = Station(self.specs, policy, self.book, lambda: next(self.ids))
        self.takes = {one.evse_id: True for one in self.specs}
        for one in self.specs:
            self.facts("A", evse_id=one.evse_id, cable_ma=None)
            self.read(one.evse_id)
            self.book.list[IdToken(f"CARD{one.evse_id}").key] = TokenInfo(AuthorizationStatus.ACCEPTED)

    def begin(self, evse_id: int = 1) -> str:
        self.facts("B", evse_id=evse_id, cable_ma=None)
        self.read(evse_id)
        self.swipe(f"CARD{evse_id}", evse_id)
        transaction = self.station.evses[evse_id].transaction
        assert transaction is not None
        self.follow()
        return transaction.id

    def end(self, evse_id: int = 1) -> None:
        self.facts("A", evse_id=evse_id)
        self.read(evse_id)
        assert self.station.evses[evse_id].transaction is None

    def follow(self) -> None:
        """Each vehicle that is in a transaction sees its permit and takes it, or declines."""
        for wish in self.station.permits(self.now):
            if self.station.evses[wish.evse_id].transaction is None:
                continue
            on = wish.limit_ma >= 6000
            draws = on and self.takes[wish.evse_id]
            offered_ma = min(32_000, wish.limit_ma) if on else 0
            self.facts(
                "C" if draws else "B",
                pwm=on,
                closed=draws,
                evse_id=wish.evse_id,
                offered_ma=offered_ma,
                cable_ma=None,
            )

    def pass_(self, seconds: int) -> None:
        for _ in range(seconds):
            self.mono_ms += 1000
            self.utc_ms += 1000
            self.give(Tick())
            self.follow()

    def install(self, one: ChargingProfile, evse_id: int = 0) -> Verdict:
        verdict = self.give(InstallProfile(evse_id, one))
        assert verdict is not None
        return verdict

    def limits(self) -> list[int]:
        return [wish.limit_ma for wish in self.station.permits(self.now)]

    def state(self, evse_id: int = 1) -> str | None:
        transaction = self.station.evses[evse_id].transaction
        return transaction.charging_state if transaction else None


def status(verdict: Verdict) -> tuple[str, str]:
    return verdict.status.value, verdict.reason


# ---------------------------------------------------------------------- what is accepted


def test_16_SC_01_a_station_profile_is_for_connector_0_only() -> None:
    hand = Charging()
    assert status(hand.install(profile(10, purpose=MAX), 1)) == ("Rejected", "InvalidProfile")
    assert hand.install(profile(10, purpose=MAX)).status is Status.ACCEPTED


def test_16_SC_03_a_tx_profile_needs_a_transaction_on_a_connector_above_0() -> None:
    hand = Charging()
    assert status(hand.install(profile(10, purpose=TX), 1)) == ("Rejected", "TxNotFound")
    hand.begin()
    assert status(hand.install(profile(10, purpose=TX), 0)) == ("Rejected", "TxNotFound")
    assert hand.install(profile(10, purpose=TX), 1).status is Status.ACCEPTED
    hand.end()
    assert not hand.station.smart_charging.profiles
    assert status(hand.install(profile(10, purpose=TX), 1)) == ("Rejected", "TxNotFound")


def test_16_SC_05_a_tx_profile_of_another_transaction_is_rejected() -> None:
    hand = Charging(2)
    hand.begin(1)
    second = hand.begin(2)
    assert status(hand.install(profile(10, purpose=TX, transaction_id=second), 1)) == (
        "Rejected",
        "TxNotFound",
    )
    assert hand.install(profile(10, purpose=TX, transaction_id=second), 2).status is Status.ACCEPTED
    assert hand.limits() == [32_000, 10_000]


def test_16_SC_11_a_schedule_that_does_not_begin_at_0_or_goes_back_is_rejected() -> None:
    hand = Charging()
    for one in (profile((1, 10)), profile(10, (60, 8), (60, 6)), profile(10, (60, 8), (30, 6)), profile()):
        assert status(hand.install(one, 1)) == ("Rejected", "InvalidSchedule")


def test_16_SC_15_a_recurring_profile_needs_recurrency_and_start() -> None:
    hand = Charging()
    daily = profile(10, every="Daily")
    assert status(hand.install(replace(daily, recurrency=None), 1)) == ("Rejected", "InvalidSchedule")
    without = replace(daily, schedule=replace(daily.schedule, starts_at_ms=None))
    assert status(hand.install(without, 1)) == ("Rejected", "InvalidSchedule")
    assert hand.install(daily, 1).status is Status.ACCEPTED


def test_16_SC_22_an_unknown_connector_is_named_as_such() -> None:
    hand = Charging(2)
    for purpose in (DEFAULT, MAX, TX):
        for evse_id in (3, -1):
            assert hand.install(profile(10, purpose=purpose), evse_id).status is Status.UNKNOWN_CONNECTOR


def test_16_SC_23_a_unit_that_is_not_allowed_is_rejected() -> None:
    hand = Charging(policy=replace(QUIET, profile_units=("A",)))
    assert status(hand.install(profile(2300, unit="W"), 1)) == ("Rejected", "UnsupportedRateUnit")
    assert hand.install(profile(10), 1).status is Status.ACCEPTED
    hand.give(PolicyChanged(replace(QUIET, profile_units=("W",))))
    assert status(hand.install(profile(10), 1)) == ("Rejected", "UnsupportedRateUnit")


def test_16_SC_24_levels_periods_and_numbers_end_where_the_keys_say() -> None:
    hand = Charging(
        policy=replace(QUIET, profile_stack_level_max=3, profile_periods_max=2, profiles_max=3),
    )
    assert status(hand.install(profile(10, level=4), 1)) == ("Rejected", "InvalidStackLevel")
    assert status(hand.install(profile(10, level=-1), 1)) == ("Rejected", "InvalidStackLevel")
    assert status(hand.install(profile(10, (1, 9), (2, 8)), 1)) == ("Rejected", "InvalidSchedule")
    for level in (1, 2, 3):
        assert hand.install(profile(10, (1, 9), id_=level, level=level), 1).status is Status.ACCEPTED
    assert status(hand.install(profile(10, id_=9), 1)) == ("Rejected", "TooManyElements")
    assert hand.install(profile(10, id_=9, level=2), 1).status is Status.ACCEPTED, "it replaces one"
    assert sorted(hand.station.smart_charging.profiles) == [1, 3, 9]


def test_16_SC_24_the_profile_of_a_remote_start_has_its_place_while_it_waits() -> None:
    hand = Charging(2, policy=replace(QUIET, profiles_max=2))
    assert hand.install(profile(20, id_=1), 0).status is Status.ACCEPTED
    start = hand.give(RemoteStart(IdToken("CARD1"), 1, profile=profile(10, id_=2, purpose=TX)))
    assert start is not None
    assert start.status is Status.ACCEPTED
    assert status(hand.install(profile(20, id_=3), 1)) == ("Rejected", "TooManyElements")
    again = hand.give(RemoteStart(IdToken("CARD2"), 2, profile=profile(10, id_=4, purpose=TX)))
    assert again is not None
    assert status(again) == ("Rejected", "TooManyElements")
    hand.plug(1)
    hand.read(1)
    assert sorted(hand.station.smart_charging.profiles) == [1, 2]


# ---------------------------------------------------------------------- what replaces what


def test_16_SC_07_the_same_id_replaces_wherever_it_was() -> None:
    hand = Charging(2)
    hand.install(profile(10, id_=5, level=1), 1)
    hand.install(profile(16, id_=5, level=7), 2)
    (one,) = hand.station.smart_charging.profiles.values()
    assert (one.evse_id, one.profile.stack_level) == (2, 7)


def test_16_SC_07_the_same_purpose_and_level_replaces_on_its_connector() -> None:
    hand = Charging(2)
    hand.install(profile(10, id_=1), 1)
    hand.install(profile(12, id_=2), 1)
    hand.install(profile(14, id_=3), 2)
    hand.install(profile(16, id_=4, level=1), 1)
    hand.install(profile(16, id_=5, purpose=MAX))
    assert sorted(hand.station.smart_charging.profiles) == [2, 3, 4, 5]


def test_16_SC_02_defaults_of_0_and_of_a_connector_of_one_level_stand_side_by_side() -> None:
    hand = Charging(2)
    hand.begin(1)
    hand.begin(2)
    hand.install(profile(20, id_=1), 0)
    assert hand.limits() == [20_000, 20_000]
    hand.install(profile(10, id_=2), 2)
    assert hand.limits() == [20_000, 10_000], "replaced only for that specific connector"
    hand.install(profile(16, id_=1), 0)
    assert hand.limits() == [16_000, 10_000]
    hand.give(ClearProfiles(ProfileFilter(id=2)))
    assert hand.limits() == [16_000, 16_000]


def test_16_SC_26_the_profile_of_a_remote_start_is_replaced_at_its_level_and_stacked_at_another() -> None:
    hand = Charging()
    hand.give(RemoteStart(IdToken("CARD1"), 1, profile=profile(8, id_=1, level=2, purpose=TX)))
    hand.plug()
    hand.read()
    transaction = hand.station.evses[1].transaction
    assert transaction is not None
    assert hand.limits() == [8_000]
    named = profile(13, id_=2, level=2, purpose=TX, transaction_id=transaction.id)
    assert hand.install(named, 1).status is Status.ACCEPTED
    assert list(hand.station.smart_charging.profiles) == [2]
    assert hand.limits() == [13_000]
    assert hand.install(profile(20, id_=3, level=2, purpose=TX), 1).status is Status.ACCEPTED
    assert list(hand.station.smart_charging.profiles) == [3], "unnamed, it is for the same transaction"
    hand.install(profile(10, id_=4, level=3, purpose=TX, duration_s=1), 1)
    assert list(hand.station.smart_charging.profiles) == [3, 4]
    assert hand.limits() == [10_000]


def test_16_SC_35_a_refreshed_profile_takes_over_without_a_gap() -> None:
    hand = Charging()
    hand.install(profile(10, (600, 16), id_=1, duration_s=1200), 1)
    hand.begin()
    hand.pass_(300)
    seen = set(hand.limits())
    hand.install(profile(10, (600, 20), id_=1, duration_s=1200), 1)
    seen |= set(hand.limits())
    updates = len(hand.of(TransactionUpdated))
    hand.pass_(200)
    seen |= set(hand.limits())
    assert seen == {10_000}
    assert len(hand.of(TransactionUpdated)) == updates, "the vehicle saw nothing of it"
    hand.pass_(100)
    assert hand.limits() == [20_000]


def test_16_SC_08_a_replacement_that_is_valid_later_leaves_the_old_one_gone() -> None:
    """1.6 3.13.2: "SHALL revert to default behavior until validFrom is reached"."""
    hand = Charging()
    hand.install(profile(10, id_=1, level=1), 1)
    hand.install(profile(20, id_=7), 1)
    hand.begin()
    hand.install(profile(8, id_=2, level=1, valid_from_s=60), 1)
    assert hand.limits() == [20_000]
    hand.pass_(60)
    assert hand.limits() == [8_000]


# ---------------------------------------------------------------------- what is cleared


def test_16_SC_27_all_given_fields_must_match_and_an_id_makes_them_irrelevant() -> None:
    def fresh() -> Charging:
        hand = Charging(2)
        hand.install(profile(10, id_=1, level=0), 0)
        hand.install(profile(10, id_=2, level=1), 1)
        hand.install(profile(10, id_=3, level=1), 2)
        hand.install(profile(10, id_=4, level=1, purpose=MAX), 0)
        return hand

    for wanted, left in [
        (ProfileFilter(id=2, evse_id=2, stack_level=9), [1, 3, 4]),
        (ProfileFilter(stack_level=1), [1]),
        (ProfileFilter(stack_level=1, purpose=DEFAULT), [1, 4]),
        (ProfileFilter(stack_level=1, purpose=DEFAULT, evse_id=2), [1, 2, 4]),
        (ProfileFilter(evse_id=0), [2, 3]),
        (ProfileFilter(), []),
    ]:
        hand = fresh()
        verdict = hand.give(ClearProfiles(wanted))
        assert verdict is not None
        assert verdict.status is Status.ACCEPTED
        assert sorted(hand.station.smart_charging.profiles) == left
    for wanted in (ProfileFilter(id=9), ProfileFilter(evse_id=1, stack_level=0), ProfileFilter(purpose=TX)):
        hand = fresh()
        verdict = hand.give(ClearProfiles(wanted))
        assert verdict is not None
        assert verdict.status is Status.UNKNOWN
        assert len(hand.station.smart_charging.profiles) == 4


# ---------------------------------------------------------------------- what is obeyed


def test_16_SC_19_a_default_acts_on_running_transactions_and_its_removal_frees_them() -> None:
    hand = Charging(2)
    hand.begin(1)
    hand.begin(2)
    hand.install(profile(20, id_=8, purpose=TX), 2)
    hand.install(profile(12, id_=1), 0)
    assert hand.limits() == [12_000, 20_000], "not the transaction with a TxProfile"
    hand.install(profile(9, id_=1), 0)
    assert hand.limits() == [9_000, 20_000]
    hand.give(ClearProfiles(ProfileFilter(id=1)))
    assert hand.limits() == [32_000, 20_000]


def test_16_SC_10_the_lowest_of_the_purposes_holds_in_each_interval() -> None:
    hand = Charging()
    hand.install(profile(16, (100, 8), (200, 32), purpose=MAX, id_=1))
    hand.install(profile(10, (150, 20), id_=2), 0)
    hand.begin()
    found = []
    for _ in range(5):
        found.append(hand.limits()[0])
        hand.pass_(50)
    assert found == [10_000, 10_000, 8_000, 8_000, 20_000]


def test_16_SC_34_0_or_too_little_suspends_and_more_lets_it_go_on() -> None:
    hand = Charging()
    hand.begin()
    assert hand.state() == "Charging"
    for limit in (0, 5.9):
        hand.install(profile(limit), 1)
        hand.follow()
        assert hand.state() == "SuspendedEVSE"
        hand.install(profile(6), 1)
        hand.follow()
        assert hand.state() == "Charging"


@pytest.mark.parametrize(
    ("watts", "named", "phases", "expected_ma"),
    [
        (11_000, None, 3, 15_942),
        (11_000, 3, 3, 15_942),
        (3_680, 1, 3, 16_000),
        (7_360, 2, 3, 16_000),
        (3_680, None, 1, 16_000),
        (3_680, 3, 1, 16_000),
        (4_140.5, 3, 3, 6_000),
    ],
)
def test_16_SC_16_watts_are_the_total_and_amperes_count_for_each_phase(
    watts: float, named: int | None, phases: int, expected_ma: int
) -> None:
    """Watts over nominal voltage and numberPhases, 3 when it is not said, never more than there are."""
    hand = Charging(phases=phases)
    hand.begin()
    hand.install(profile(watts, unit="W", phases=named), 1)
    assert hand.limits() == [expected_ma]
    hand.install(profile(13, unit="A", phases=named), 1)
    assert hand.limits() == [13_000]


@pytest.mark.parametrize("unit", ["A", "W"])
def test_16_SC_17_more_phases_than_there_are_change_no_limit(unit: str) -> None:
    """Errata 3.34: "SHALL use the limit as is given, for the amount of phases that can be used"."""
    hand = Charging(phases=1)
    hand.begin()
    hand.install(profile(10 if unit == "A" else 2_300, unit=unit, phases=3), 1)
    assert hand.limits() == [10_000]


def test_16_SC_18_tenths_count() -> None:
    hand = Charging()
    hand.begin()
    hand.install(profile(8.1), 1)
    assert hand.limits() == [8_100]
    hand.install(profile(5_589.9, unit="W"), 1)
    assert hand.limits() == [8_101]


def test_16_SC_25_one_phase_and_back_during_a_transaction() -> None:
    hand = Charging(has_phase_switch=True)
    hand.begin()
    hand.install(profile(3_680, (60, 11_040), unit="W"), 1)
    one = profile(3_680, (60, 11_040), unit="W", phases=1)
    third = replace(one.schedule.periods[1], phases=3)
    one = replace(one, schedule=replace(one.schedule, periods=(one.schedule.periods[0], third)))
    hand.install(one, 1)
    (wish,) = hand.station.permits(hand.now)
    assert (wish.phases, wish.limit_ma) == (1, 16_000)
    hand.pass_(60)
    (wish,) = hand.station.permits(hand.now)
    assert (wish.phases, wish.limit_ma) == (3, 16_000)


def test_16_SC_16_what_protects_the_station_counts_the_phases_that_a_vehicle_may_use() -> None:
    """A ChargePointMaxProfile in W that names one phase must hold for a vehicle with three."""
    hand = Charging()
    hand.begin()
    hand.install(profile(6_900, unit="W", phases=1, purpose=MAX))
    assert hand.limits() == [10_000]


def test_a_period_ends_to_the_millisecond_and_the_station_wakes_up_for_it() -> None:
    hand = Charging()
    hand.begin()
    hand.utc_ms += 250  # the UTC clock is no multiple of the other one
    hand.install(profile(10, (7, 16), (20, 6)), 1)
    deadline_ms = hand.station.next_deadline_ms()
    assert deadline_ms is not None
    wait_ms = deadline_ms - hand.mono_ms
    assert hand.utc_ms + wait_ms == T0_MS + 7_000
    hand.mono_ms += wait_ms - 1
    hand.utc_ms += wait_ms - 1
    assert hand.limits() == [10_000]
    hand.mono_ms += 1
    hand.utc_ms += 1
    assert hand.limits() == [16_000]
    hand.give(Tick())
    hand.utc_ms += 13_000  # the clock is set, a boundary passes unseen
    assert hand.limits() == [6_000]


def test_without_a_transaction_no_schedule_wakes_the_station() -> None:
    hand = Charging()
    hand.install(profile(10, (7, 16)), 1)
    before = hand.station.smart_charging.next_deadline_ms()
    assert before is None
    hand.begin()
    assert hand.station.smart_charging.next_deadline_ms() is not None


def test_the_reason_names_the_profile() -> None:
    hand = Charging(2)
    hand.begin(1)
    hand.begin(2)
    hand.install(profile(10, id_=42, level=3), 1)
    hand.install(profile(12, id_=43, level=1, purpose=MAX))
    rows = {row.name: row for row in reasons(hand.station, 1, hand.now)}
    assert rows["profile 42"].source == "TxDefaultProfile id 42, stack level 3"
    assert rows["profile 43"].value == "6 A"
    assert rows["profile 43"].source == "ChargingStationMaxProfile id 43, stack level 1, 12 A shared by 2"
    assert rows["profile 42"].clears_by == "the CSMS clears or replaces the charging profile"


def test_the_reason_tells_when_the_schedule_moves_on() -> None:
    hand = Charging()
    hand.begin(1)
    hand.install(profile(10, (600, 16), id_=42, duration_s=1200), 1)
    until = datetime.fromtimestamp(hand.utc_ms // 1000 + 600, UTC).strftime("%F %H:%M:%S UTC")
    (row,) = [row for row in reasons(hand.station, 1, hand.now) if row.name == "profile 42"]
    assert row.clears_by.startswith(f"its schedule at {until}; before that: the CSMS")


@pytest.mark.parametrize("checkpoint", [True, False])
def test_16_SC_20_profiles_outlive_a_restart(checkpoint: bool) -> None:
    hand = Charging(2)
    hand.install(profile(20, id_=1), 0)
    hand.install(profile(25, id_=2, purpose=MAX))
    hand.begin(1)
    hand.install(profile(11, (60, 7), id_=3, purpose=TX), 1)
    born_again = Station(hand.specs, QUIET, hand.book, lambda: next(hand.ids))
    replay(born_again, hand.station.checkpoint() if checkpoint else hand.events)
    assert born_again.smart_charging.profiles == hand.station.smart_charging.profiles
    hand.station = born_again
    hand.facts("C", pwm=True, closed=True)
    hand.read(1)
    hand.pass_(30)
    assert hand.limits()[0] == 11_000
    hand.pass_(30)
    assert hand.limits()[0] == 7_000


# ---------------------------------------------------------------------- what is for all


def drawn(hand: Charging) -> int:
    return sum(
        evse.facts.offered_ma
        for evse in hand.station.evses.values()
        if evse.facts and evse.facts.contactor_closed
    )


def test_16_SC_01_the_sum_of_two_connectors_stays_below_the_limit_as_they_come_and_go() -> None:
    hand = Charging(2)
    hand.install(profile(32, purpose=MAX))
    hand.begin(1)
    assert hand.limits()[0] == 32_000
    hand.begin(2)
    seen = []
    for _ in range(8):
        hand.pass_(1)
        assert drawn(hand) <= 32_000
        seen.append(tuple(hand.limits()))
    assert seen[0] == (16_000, 0), "who draws 32 A has 5 s to follow"
    assert seen[-1] == (16_000, 16_000)
    assert [hand.state(1), hand.state(2)] == ["Charging", "Charging"]
    hand.end(1)
    hand.pass_(1)
    assert hand.limits()[1] == 32_000


def test_16_SC_01_what_one_cannot_take_or_does_not_want_is_for_the_other() -> None:
    hand = Charging(2)
    hand.install(profile(32, id_=1, purpose=MAX))
    hand.install(profile(10, id_=2), 1)
    hand.begin(1)
    hand.begin(2)
    hand.pass_(10)
    assert hand.limits() == [10_000, 22_000]
    hand.takes[1] = False
    hand.pass_(20)
    assert hand.limits() == [6_000, 26_000]
    hand.takes[1] = True
    for _ in range(10):
        hand.pass_(1)
        assert drawn(hand) <= 32_000
    assert hand.limits() == [10_000, 22_000]


def test_16_SC_01_too_little_for_two_is_for_the_first_until_he_has_enough() -> None:
    hand = Charging(2)
    hand.install(profile(10, purpose=MAX))
    hand.begin(1)
    hand.pass_(1)
    hand.begin(2)
    hand.pass_(10)
    assert [hand.state(1), hand.state(2)] == ["Charging", "SuspendedEVSE"]
    assert hand.limits() == [10_000, 0]
    hand.takes[1] = False
    hand.pass_(20)
    assert hand.limits() == [0, 10_000]
    assert [hand.state(1), hand.state(2)] == ["SuspendedEVSE", "Charging"]
    before = len(hand.of(TransactionUpdated))
    hand.pass_(120)
    assert len(hand.of(TransactionUpdated)) == before, "it does not go to and fro"


def test_16_SC_01_watts_for_all_with_one_and_three_phases() -> None:
    hand = Charging(2)
    hand.specs = [EvseSpec(1, phases=3), EvseSpec(2, phases=1)]
    hand.station = Station(hand.specs, QUIET, hand.book, lambda: next(hand.ids))
    hand.install(profile(11_040, unit="W", purpose=MAX))
    for evse_id in (1, 2):
        hand.facts("A", evse_id=evse_id)
        hand.read(evse_id)
        hand.begin(evse_id)
    hand.pass_(10)
    assert hand.limits() == [8_000, 24_000], "half of the power for each"
    hand.end(2)
    hand.pass_(1)
    assert hand.limits()[0] == 16_000


def test_16_SC_01_a_lowered_limit_for_all_lowers_everybody_at_once() -> None:
    hand = Charging(2)
    hand.begin(1)
    hand.begin(2)
    hand.pass_(1)
    assert hand.limits() == [32_000, 32_000]
    hand.install(profile(20, purpose=MAX))
    assert hand.limits() == [10_000, 10_000]
    hand.follow()
    assert [hand.state(1), hand.state(2)] == ["Charging", "Charging"]


# ---------------------------------------------------------------------- composite schedules


def composite(
    hand: Charging, evse_id: int, duration_s: int = 600, unit: str | None = None
) -> list[tuple[int, float]]:
    verdict = hand.give(GetComposite(evse_id, duration_s, None if unit is None else RateUnit(unit)))
    assert verdict is not None
    found = verdict.composite
    assert found is not None, verdict
    assert (found.evse_id, found.duration_s) == (evse_id, duration_s)
    return [(one.start_s, one.limit_milli / 1000) for one in found.periods]


def test_16_SC_28_from_now_on_relative_to_now() -> None:
    hand = Charging()
    hand.install(profile(10, (300, 16), (500, 8), duration_s=550), 1)
    hand.utc_ms += 100_400
    assert composite(hand, 1) == [(0, 10), (200, 16), (400, 8), (450, 32)]
    assert composite(hand, 1, 200) == [(0, 10)]
    verdict = hand.give(GetComposite(1, 60))
    assert verdict is not None
    assert verdict.composite is not None
    assert verdict.composite.starts_at_ms == T0_MS + 100_000, "to the second: periods have no less"


def test_16_SC_10_the_composite_is_the_lowest_of_all_purposes() -> None:
    hand = Charging()
    hand.install(profile(16, (100, 8), (200, 32), purpose=MAX, id_=1))
    hand.install(profile(10, (150, 20), id_=2), 0)
    hand.install(profile(9, (350, 12), id_=3, level=1, valid_from_s=300, valid_to_s=400), 0)
    assert composite(hand, 1) == [(0, 10), (100, 8), (200, 20), (300, 9), (350, 12), (400, 20)]
    hand.begin()
    hand.install(profile(13, id_=4, purpose=TX, duration_s=250), 1)
    assert composite(hand, 1) == [(0, 13), (100, 8), (200, 13), (250, 20), (300, 9), (350, 12), (400, 20)]


def test_16_SC_28_without_a_transaction_as_if_one_began_now() -> None:
    """2.0.1 K08.FR.06 says what 1.6 leaves open."""
    hand = Charging()
    hand.install(profile(10, (60, 20), starts_s=None), 1)
    hand.pass_(1000)
    assert composite(hand, 1) == [(0, 10), (60, 20)]
    hand.begin()
    hand.pass_(30)
    assert composite(hand, 1) == [(0, 10), (30, 20)]


def test_16_SC_30_connector_0_is_the_total_of_all() -> None:
    hand = Charging(2)
    hand.install(profile(6, id_=1, valid_to_s=300), 0)
    assert composite(hand, 0) == [(0, 12), (300, 64)]
    hand.install(profile(40, (200, 8), (500, 20), id_=2, purpose=MAX))
    expected = [(0, 12), (200, 6), (300, 8), (500, 20)]  # 8 A are enough for one only, who may take 6
    assert composite(hand, 0) == expected
    hand.give(ChangeAvailability(2, False))
    assert composite(hand, 0)[0] == (0, 6), "what is out of service takes nothing"


def test_16_SC_31_either_unit_whatever_the_profiles_say() -> None:
    hand = Charging()
    hand.install(profile(7_000, (300, 3_333.3), unit="W"), 1)
    assert composite(hand, 1, unit="W") == [(0, 7_000), (300, 3_333.3)]
    assert composite(hand, 1, unit="A") == [(0, 10.1), (300, 4.8)]
    hand.install(profile(10, (300, 6.1)), 1)
    assert composite(hand, 1, unit="W") == [(0, 6_900), (300, 4_209)]
    assert composite(hand, 1) == [(0, 10), (300, 6.1)]
    hand.install(profile(3_680, unit="W", phases=1), 1)
    verdict = hand.give(GetComposite(1, 60, RateUnit.A))
    assert verdict is not None
    assert verdict.composite is not None
    assert [(one.limit_milli, one.phases) for one in verdict.composite.periods] == [(16_000, 1)]


def test_16_SC_31_what_cannot_be_told_is_rejected() -> None:
    hand = Charging(policy=replace(QUIET, profile_units=("A",)))
    for evse_id, duration_s, unit in ((2, 60, None), (-1, 60, None), (1, 0, None), (1, 60, RateUnit.W)):
        verdict = hand.give(GetComposite(evse_id, duration_s, unit))
        assert verdict is not None
        assert verdict.status is Status.REJECTED
        assert verdict.composite is None
    silent = Hand()
    verdict = silent.give(GetComposite(1, 60))
    assert verdict is not None
    assert (verdict.status, verdict.reason) == (Status.REJECTED, "NotReady")


def test_16_SC_30_the_share_of_a_connector_beside_the_others() -> None:
    hand = Charging(2)
    hand.install(profile(32, purpose=MAX))
    hand.begin(1)
    assert composite(hand, 1) == [(0, 32)]
    assert composite(hand, 2) == [(0, 16)], "if it began to charge now"
    hand.begin(2)
    assert composite(hand, 1) == [(0, 16)]
    assert composite(hand, 0) == [(0, 32)]


def test_local_limits_are_part_of_the_composite() -> None:
    hand = Charging(limit_ma=20_000)
    assert composite(hand, 1) == [(0, 20)]
    hand.facts("B", cable_ma=13_000)
    assert composite(hand, 1) == [(0, 13)]


def test_an_answer_without_end_is_cut_and_says_so() -> None:
    hand = Charging()
    hand.install(profile(*((at_s * 60, 10 + at_s % 2) for at_s in range(100)), every="Daily"), 1)
    verdict = hand.give(GetComposite(1, 2**31))
    assert verdict is not None
    found = verdict.composite
    assert found is not None
    assert len(found.periods) == 1000
    assert found.periods[-1].start_s < found.duration_s < 366 * 86_400
    hand.install(profile(*((at_s * 60, 10) for at_s in range(100)), every="Daily"), 1)
    verdict = hand.give(GetComposite(1, 2**31))
    assert verdict is not None
    found = verdict.composite
    assert found is not None
    assert [(one.start_s, one.limit_milli) for one in found.periods] == [(0, 10_000)]
    assert 19 * 86_400 < found.duration_s < 366 * 86_400, "what changes nothing has to be looked at, too"
    hand.give(ClearProfiles(ProfileFilter()))
    assert hand.install(profile(10), 1).status is Status.ACCEPTED
    verdict = hand.give(GetComposite(1, 2**31))
    assert verdict is not None
    assert verdict.composite is not None
    assert verdict.composite.duration_s == 366 * 86_400


@pytest.mark.parametrize("evse_id", [0, 1])
def test_the_permit_is_what_the_composite_foretold(evse_id: int) -> None:
    hand = Charging()
    hand.install(profile(16, (100, 8), (200, 32), (310, 0), purpose=MAX, id_=1))
    hand.install(profile(10, (150, 20), id_=2, duration_s=400), 0)
    hand.install(profile(7_000, (120, 9_000), id_=3, level=4, unit="W", every="Daily", duration_s=250), 1)
    hand.begin()
    foretold = composite(hand, evse_id)
    for second in range(600):
        limit = next(limit for start_s, limit in reversed(foretold) if start_s <= second)
        assert hand.limits()[0] // 100 == round(limit * 10), second
        hand.pass_(1)


def test_of_a_profile_only_its_arrival_is_journalled() -> None:
    hand = Charging()
    hand.begin()
    hand.install(profile(10, (60, 12), (120, 6), purpose=TX), 1)
    hand.pass_(200)
    (arrived,) = hand.of(ProfileInstalled)
    assert isinstance(arrived, ProfileInstalled)
    assert arrived.profile.transaction_id == "tx-1"


def test_a_lowered_offer_does_not_keep_the_station_awake() -> None:
    hand = Charging()
    hand.begin()
    hand.install(profile(10), 1)
    hand.follow()
    woken_ms = hand.station.next_deadline_ms()
    assert woken_ms == hand.mono_ms + 5_000, "when the vehicle must have followed"
    hand.pass_(5)
    after_ms = hand.station.next_deadline_ms()
    assert after_ms is None or after_ms > hand.mono_ms


def test_a_clock_that_is_set_moves_what_counts_from_an_arrival() -> None:
    hand = Charging()
    hand.begin()
    hand.install(profile(10, (100, 16), starts_s=None, purpose=MAX, id_=1))
    hand.install(profile(12, (150, 20), starts_s=None, id_=2))
    hand.pass_(10)
    hand.utc_ms += 86_400_000
    hand.give(Tick())
    hand.pass_(10)
    assert hand.limits() == [10_000], "both have run for 20 s, whatever the clock said"
    hand.pass_(80)
    assert hand.limits() == [12_000]
    hand.pass_(50)
    assert hand.limits() == [16_000]


def test_what_was_installed_before_smart_charging_was_switched_off_is_not_obeyed() -> None:
    hand = Charging()
    hand.begin()
    hand.install(profile(10, id_=1), 1)
    hand.install(profile(8, id_=2, purpose=MAX))
    hand.give(PolicyChanged(replace(QUIET, smart_charging_enabled=False)))
    assert hand.limits() == [32_000]
    assert status(hand.install(profile(10), 1)) == ("NotSupported", "NotEnabled")


@pytest.mark.parametrize("unit", ["A", "W"])
def test_16_SC_30_the_permits_of_two_are_what_the_composites_foretold(unit: str) -> None:
    """Looked at 30 s after each change: until then vehicles may still be on their way."""
    hand = Charging(2)
    limits = [40, 20, 13, 8, 64, 32, 5, 25]
    factor = 1 if unit == "A" else 690
    maximum = [(at * 100, limit * factor) for at, limit in enumerate(limits)]
    hand.install(profile(*maximum, unit=unit, purpose=MAX, id_=1))
    hand.install(profile(16, (300, 6), (500, 20), id_=2), 1)
    hand.install(profile(32, (200, 10), (600, 0), id_=3), 2)
    hand.begin(1)
    hand.pass_(1)
    hand.begin(2)
    foretold = {evse_id: composite(hand, evse_id, 799, unit) for evse_id in (0, 1, 2)}
    for number in range(8):
        hand.pass_(30)
        at_s = (hand.utc_ms - T0_MS) // 1000 - 1
        found = [limit_ma * factor / 1000 for limit_ma in hand.limits()]
        for evse_id, points in foretold.items():
            limit = next(limit for start_s, limit in reversed(points) if start_s <= at_s)
            told = sum(found) if evse_id == 0 else found[evse_id - 1]
            if evse_id == 0:
                told = min(told, limits[number] * factor)
            assert abs(told - limit) <= 0.1 * factor, (number, evse_id)
        hand.pass_(70)
