"""A station driven by hand: facts and readings go in, events come out; time is a number."""

from __future__ import annotations

import pytest

from controller.domain.access.tokens import IdToken, ListState, TokenInfo
from controller.domain.commands import Verdict
from controller.domain.effects import Effect, ForgetTokens, Outcome, Settled, StoreLocalList
from controller.domain.events import Event, TokenLearned
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import (
    CsmsChanged,
    EvseFacts,
    Input,
    Reading,
    Tick,
    TokenPresented,
    TokensStored,
)
from controller.domain.instant import Now
from controller.domain.metering.measurands import Measurand
from controller.domain.policy import Policy
from controller.domain.station import Station
from controller.domain.tasks.firmware import NO_INSTALLER, FirmwareSpec

ENERGY = (Measurand.ENERGY_IMPORT_REGISTER,)

POLICY = Policy(
    ev_connection_timeout_s=60,
    auth_enabled=True,
    authorize_remote_start=False,
    local_authorize_offline=True,
    local_pre_authorize=True,
    offline_tx_for_unknown_id=False,
    auth_cache_enabled=True,
    local_list_enabled=True,
    local_list_entries=10,
    local_list_items=5,
    reservation_enabled=True,
    reservation_non_evse_specific=True,
    stop_tx_on_invalid_id=True,
    max_energy_on_invalid_id_wh=0,
    stop_tx_on_ev_side_disconnect=True,
    unlock_on_ev_side_disconnect=True,
    tx_before_accepted=False,
    tx_continues_after_power_loss=False,
    replug_after_time_out=True,
    sampled_interval_s=60,
    sampled_measurands=ENERGY,
    started_measurands=ENERGY,
    ended_interval_s=0,
    ended_measurands=ENERGY,
    aligned_interval_s=0,
    aligned_measurands=ENERGY,
    aligned_ended_interval_s=0,
    aligned_ended_measurands=(),
    free_vend_token="FREE",
    meter_required=True,
    meter_stale_s=10,
    permit_lease_s=10,
    smart_charging_enabled=True,
    profile_stack_level_max=100,
    profile_units=("A", "W"),
    profile_periods_max=100,
    profiles_max=200,
    nominal_voltage_v=230,
    over_current_percent=10,
    over_current_margin_ma=500,
    over_current_s=7,
    over_current_retries=3,
    over_voltage_percent=110,
    under_voltage_percent=80,
    voltage_s=5,
    voltage_retries=10,
    protection_restart_s=30,
    random_delay_max_s=0,
    unsigned_firmware=True,
    contactor_rated_operations=500_000,
    contactor_rated_under_load=50_000,
    time_adjustment_threshold_s=20,
    security_profile=2,
    organization_name="Operator",
    station_serial="SN-1",
    certificate_chain_max=10_000,
    certificate_store_max=10,
    additional_root_check=False,
    cert_signing_wait_s=60,
    cert_signing_repeats=0,
)


class Book:
    """Local list and cache as two dictionaries."""

    def __init__(self) -> None:
        self.list: dict[str, TokenInfo] = {}
        self.cache: dict[str, TokenInfo] = {}
        self.version = 0
        self.broken = ""  # why it cannot be written

    def listed(self, token: IdToken) -> TokenInfo | None:
        return self.list.get(token.key)

    def cached(self, token: IdToken) -> TokenInfo | None:
        return self.cache.get(token.key)

    def list_state(self) -> ListState:
        return ListState(self.version, len(self.list))

    def perform(self, effect: Effect) -> TokensStored | None:
        """Do what is to be done about tokens, as the shell does."""
        match effect:
            case ForgetTokens():
                if not self.broken:
                    self.cache.clear()
            case StoreLocalList(update=update):
                if not self.broken:
                    self.version = update.version
                    kept = {} if update.full else self.list
                    changed = {**kept, **{entry.token.key: entry.info for entry in update.entries}}
                    self.list = {key: info for key, info in changed.items() if info is not None}
            case _:
                return None
        return TokensStored(effect.number, self.broken or None)


class Hand:
    """Moves one station through time; keeps every event and effect."""

    def __init__(
        self,
        evses: int = 1,
        policy: Policy = POLICY,
        has_lock: bool = False,
        firmware: FirmwareSpec = NO_INSTALLER,
        book: Book | None = None,
    ) -> None:
        self.book = book or Book()
        self.ids = iter(f"tx-{n}" for n in range(1, 1000))
        specs = [EvseSpec(n, has_lock=has_lock) for n in range(1, evses + 1)]
        self.specs = specs
        self.station = Station(specs, policy, self.book, lambda: next(self.ids), firmware=firmware)
        self.mono_ms = 1_000_000
        self.utc_ms = 1_767_225_600_000
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.outcome = Outcome()
        self.register_wh = 5_000
        self.plug_no = 100

    @property
    def now(self) -> Now:
        return Now(self.mono_ms, self.utc_ms)

    def give(self, input_: Input) -> Verdict | None:
        self.outcome = self.station.handle(input_, self.now)
        outcome = self.outcome
        self.events.extend(outcome.events)
        self.effects.extend(outcome.effects)
        for event in outcome.events:
            if isinstance(event, TokenLearned):
                self.book.cache[event.token.key] = event.info
        for effect in outcome.effects:
            stored = self.book.perform(effect)
            if stored is not None:
                self.give(stored)
                self.outcome = outcome
                (verdict,) = [
                    one.verdict
                    for one in self.effects
                    if isinstance(one, Settled) and one.deferred == stored.number
                ]
                return verdict
        return outcome.verdict

    def sleep(self, seconds: float, tick: bool = True) -> None:
        """Time passes in steps of a second, with a reading and a tick each."""
        left_ms = round(seconds * 1000)
        while left_ms > 0:
            step_ms = min(1000, left_ms)
            left_ms -= step_ms
            self.mono_ms += step_ms
            self.utc_ms += step_ms
            if tick:
                for spec in self.specs:
                    self.read(spec.evse_id)
                self.give(Tick())

    def read(self, evse_id: int = 1) -> None:
        self.give(Reading(evse_id, self.mono_ms, self.register_wh))

    def facts(
        self, pilot: str, pwm: bool = False, closed: bool = False, evse_id: int = 1, **more: object
    ) -> None:
        fields: dict[str, object] = {
            "evse_id": evse_id,
            "at_ms": self.mono_ms,
            "pilot": pilot,
            "pwm": pwm,
            "plug_no": self.plug_no + evse_id * 1000,
            "offered_ma": 16_000 if pwm else 0,
            "contactor_closed": closed,
            "rating_ma": 32_000,
            "cable_ma": 20_000,
            "locked": None,
            "permit_held": pwm,
            "inhibits": (),
        }
        self.give(EvseFacts(**{**fields, **more}))  # type: ignore[arg-type]

    def plug(self, evse_id: int = 1) -> None:
        self.plug_no += 1
        self.facts("B", evse_id=evse_id)

    def charge(self, evse_id: int = 1) -> None:
        """The vehicle takes what is offered."""
        self.facts("B", pwm=True, evse_id=evse_id)
        self.facts("C", pwm=True, closed=True, evse_id=evse_id)

    def let_go(self, evse_id: int = 1) -> None:
        """x1, the vehicle lets go, the contactor opens, and the meter is read."""
        self.facts("B", evse_id=evse_id)
        self.read(evse_id)

    def unplug(self, evse_id: int = 1) -> None:
        self.facts("A", evse_id=evse_id)
        self.read(evse_id)

    def swipe(self, uid: str, evse_id: int | None = None) -> Verdict | None:
        return self.give(TokenPresented(IdToken(uid), evse_id))

    def online(self) -> None:
        self.give(CsmsChanged(True))

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def limit_ma(self, evse_id: int = 1) -> int:
        return next(w for w in self.station.permits(self.now) if w.evse_id == evse_id).limit_ma


@pytest.fixture
def hand() -> Hand:
    """One EVSE, nothing plugged, meter and safety process alive, CSMS offline."""
    hand = Hand()
    hand.facts("A")
    hand.read()
    return hand
