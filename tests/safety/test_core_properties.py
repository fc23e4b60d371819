"""Random lives of one EVSE, judged every tick by an oracle that shares no code with the core.

The oracle knows only what a person with a voltmeter and the permits in hand could know: closed implies a
vehicle that asks, a valid permit (or less than 6 s since one) and no fault, each with 100 ms of grace, and
an offer never above rating, cable and permit.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.permit import LockWish, Permit
from hal.interface import LockDrive, PilotSample
from tests.safety.rig import START_MS, Rig

GRACE_MS = 100
CODING = {100: 63_000, 220: 32_000, 680: 20_000, 1_500: 13_000}


class Life(RuleBasedStateMachine):
    """Rules are what the world, the controller and misfortune do; ``tick`` judges."""

    @initialize(socket=st.booleans(), rating_ma=st.sampled_from([6_000, 16_000, 32_000, 80_000]))
    def begin(self, socket: bool, rating_ma: int) -> None:
        self.config = SafetyConfig(
            evse_id=1,
            rating_ma=rating_ma,
            has_residual_current=True,
            has_self_test=socket,
            has_proximity=socket,
            has_lock=socket,
        )
        self.rig = Rig(self.config, resistance_ohm=220)
        self.rig.check = self.judge
        self.sent: list[Permit] = []
        self.arrived: list[tuple[int, Permit]] = []
        self.asked_ms = self.leased_ms = self.cable_ms = -10_000
        self.was_closed = False
        self.ohms: list[int | None] = []

    # ------------------------------------------------------------------ the world

    @rule(letter=st.sampled_from("AABBCCCCDE"), ms=st.integers(1, 120))
    def vehicle(self, letter: str, ms: int) -> None:
        self.rig.sample, self.rig.vehicle, self.rig.diode = None, letter, True
        self.rig.run(ms * 10)

    @rule(ms=st.integers(30, 500))
    def time_passes(self, ms: int) -> None:
        self.rig.run(ms * 10)

    @rule(
        high_mv=st.integers(-15_000, 15_000),
        low_mv=st.integers(-15_000, 15_000),
        high_pm=st.integers(0, 1000),
        ticks=st.integers(1, 40),
    )
    def any_volts(self, high_mv: int, low_mv: int, high_pm: int, ticks: int) -> None:
        self.rig.sample = PilotSample(high_mv, low_mv, high_pm)
        self.rig.run(ticks * 10)
        self.rig.sample = None

    @rule(letters=st.text("ABCDE", min_size=2, max_size=30))
    def flapping(self, letters: str) -> None:
        for letter in letters:
            self.rig.vehicle = letter
            self.rig.step()

    @rule(ticks=st.integers(1, 30))
    def no_diode(self, ticks: int) -> None:
        self.rig.diode = False
        self.rig.run(ticks * 10)
        self.rig.diode = True

    @rule(ticks=st.integers(1, 400))
    def silence(self, ticks: int) -> None:
        self.rig.silent = True
        self.rig.run(ticks * 10)
        self.rig.silent = False

    @rule(ticks=st.integers(1, 30))
    def trip(self, ticks: int) -> None:
        self.rig.tripped = True
        self.rig.run(ticks * 10)
        self.rig.tripped = False

    @rule(follows=st.booleans(), mirror=st.sampled_from([True, False]))
    def contactor(self, follows: bool, mirror: bool) -> None:
        self.rig.follows = follows
        if not follows:
            self.rig.mirror = mirror
            self.rig.run(500)
            self.rig.follows = True
            self.rig.run(100)

    @rule(ohm=st.sampled_from([None, 0, 100, 220, 680, 1_500]), ticks=st.integers(1, 60))
    def cable(self, ohm: int | None, ticks: int) -> None:
        self.rig.resistance_ohm = ohm
        self.cable_ms = self.rig.now_ms
        self.rig.run(ticks * 10)

    @rule(moves=st.booleans())
    def lock(self, moves: bool) -> None:
        self.rig.lock_moves = moves

    @rule(ms=st.integers(1, 20_000))
    def the_process_is_restarted(self, ms: int) -> None:
        self.rig.now_ms += ms
        self.rig.state = core.initial(self.config, self.rig.now_ms)
        self.rig.outputs = core.OFF
        self.rig.mirror = False
        self.arrived.clear()
        self.was_closed = False

    # ------------------------------------------------------------------ the controller

    @rule(
        limit_ma=st.sampled_from([0, 5_999, 6_000, 16_000, 51_500, 63_000, 80_000]),
        lease_ms=st.integers(-1_000, 60_000),
        resets=st.integers(0, 3),
        wish=st.sampled_from(LockWish),
        unavailable=st.booleans(),
    )
    def permit(self, limit_ma: int, lease_ms: int, resets: int, wish: LockWish, unavailable: bool) -> None:
        self.rig.resets, self.rig.wish, self.rig.unavailable = resets, wish, unavailable
        self.send(self.rig.permit(limit_ma, lease_ms))

    @rule(ms=st.integers(100, 3_000))
    def charge(self, ms: int) -> None:
        """The controller does everything right, so that lives have something to lose."""
        self.rig.vehicle, self.rig.wish, self.rig.unavailable = "C", LockWish.AUTOMATIC, False
        for _ in range(8):
            self.send(self.rig.permit(16_000))
            self.rig.run(ms // 10 * 10)

    @precondition(lambda self: bool(getattr(self, "sent", None)))
    @rule(data=st.data())
    def an_old_permit_arrives_again(self, data: st.DataObject) -> None:
        self.send(data.draw(st.sampled_from(self.sent)))

    def send(self, permit: Permit) -> None:
        self.sent.append(permit)
        self.arrived.append((self.rig.now_ms + 10, permit))
        self.rig.step(permit)

    # ------------------------------------------------------------------ the oracle

    def judge(self, rig: Rig) -> None:
        now_ms = rig.now_ms
        self.ohms = [*self.ohms[-9:], rig.resistance_ohm]
        permit = self.arrived[-1] if self.arrived else None
        inputs = rig.inputs()
        sample = inputs.sample
        if sample is not None and 1_500 <= sample.high_mv < 7_500 and abs(sample.low_mv) <= 13_200:
            self.asked_ms = now_ms
        valid = (
            permit is not None
            and now_ms < min(permit[1].expires_at_ms, permit[0] + 30_000)
            and permit[1].plug_no == rig.state.plug_no
            and permit[1].limit_ma >= 6_000
        )
        if valid:
            self.leased_ms = now_ms
        offered_ma = rig.state.offered_ma
        if offered_ma:
            assert valid and permit is not None
            assert offered_ma <= min(permit[1].limit_ma, self.config.rating_ma)
            assert not rig.state.inhibits.mask
        if rig.closed:
            assert now_ms - self.asked_ms <= GRACE_MS
            assert now_ms - self.leased_ms <= 6_000 + GRACE_MS
            assert not rig.silent and not rig.tripped
            assert not rig.state.inhibits.mask
            if self.config.has_lock:
                assert rig.outputs.lock is not LockDrive.UNLOCK
            if not self.was_closed:
                assert valid and offered_ma
        if self.config.has_proximity and offered_ma:
            assert offered_ma <= max(CODING.values())
            if rig.resistance_ohm in CODING and now_ms - self.cable_ms > 20:
                assert offered_ma <= CODING[rig.resistance_ohm]
        self.was_closed = rig.closed

    @invariant()
    def the_trace_stays_short(self) -> None:
        if hasattr(self, "rig"):
            del self.rig.trace[:-10]

    @invariant()
    def numbers_only_rise(self) -> None:
        if hasattr(self, "rig"):
            assert self.rig.state.plug_no >= START_MS


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


def test_the_oracle_sees_closed_contactors() -> None:
    """A property that never meets the interesting case proves nothing."""
    life = Life()
    life.begin(True, 32_000)
    life.rig.idle()
    life.charge(1_000)
    assert life.rig.closed


def test_every_voltage_is_survived_and_only_c_with_a_diode_stays_closed() -> None:
    """The whole plane of plateaus in 0.5 V steps, each held for 200 ms in a charging EVSE."""
    charged = Rig().charging()
    for high_mv in range(-15_000, 15_001, 500):
        for low_mv in range(-15_000, high_mv + 1, 1_500):
            rig = Rig()
            rig.state, rig.outputs, rig.now_ms, rig.mirror = (
                charged.state,
                charged.outputs,
                charged.now_ms,
                True,
            )
            rig.sample = PilotSample(high_mv, low_mv, 266)
            rig.run(200)
            asks = 4_250 <= high_mv < 7_500 and -13_200 <= low_mv <= -10_000
            assert rig.closed is asks, (high_mv, low_mv, rig.inhibits)
