"""Breadth first through every state the core can reach from its start, over reduced products of inputs.

Each step is one second long: the core does not know how long a tick is, and every time in it is then a
few steps. Two states that differ only in ages beyond every limit that is compared with them are one. On
every edge the invariants are asserted; the count is printed (``pytest -s``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.contactor import Phase
from controller.safety.core import Inputs, Outputs, State
from controller.safety.debounce import DebounceTimes
from controller.safety.inhibits import CLEARING, Inhibit
from controller.safety.permit import Permit
from controller.safety.pilot import Pilot, is_pwm
from controller.safety.residual import RetryBudget
from controller.safety.wakeup import Rung, WakeUpTimes
from hal.interface import LockDrive, PilotSample
from tests.safety.rig import wire

STEP_MS = 1_000
NOW_MS = 1_000_000
PLUG_NO = 500
LEASE_MS = 2 * STEP_MS
LIMITS_MA = (6_000, 16_000)
SEEN = PilotSample(0, 0, 0)
CLIMBING = (Rung.PAUSE, Rung.PULSE, Rung.READY, Rung.WAITING)


def age(since_ms: int, cap_ms: int) -> int:
    """The instant, moved to where its age is at most ``cap_ms``."""
    return max(since_ms, NOW_MS - cap_ms)


def maybe(since_ms: int | None, cap_ms: int) -> int | None:
    return None if since_ms is None else age(since_ms, cap_ms)


def same(state: State, now_ms: int) -> State:
    """The representative of all states that behave like this one, as if it were ``NOW_MS``."""
    move = NOW_MS - now_ms
    debounce, contactor, test, lock = state.debounce, state.contactor, state.self_test, state.lock
    permit = state.permit
    if permit is not None and permit.expires_at_ms <= now_ms:
        permit = replace(permit, expires_at_ms=0, plug_no=0, limit_ma=0)
    elif permit is not None:
        fits = permit.plug_no == state.plug_no
        permit = replace(permit, expires_at_ms=permit.expires_at_ms + move, plug_no=PLUG_NO if fits else 0)
    gone = tuple(
        -1 if ms == -1 else age(ms + move, CLEARING[inhibit].after_ms or 0)
        for inhibit, ms in zip(Inhibit, state.inhibits.gone_ms, strict=True)
    )
    pulse = state.pulse_until_ms
    pulse_ms = state.config.wake_up.pulse_ms if state.wake.rung in CLIMBING else 0
    return replace(
        state,
        plug_no=PLUG_NO,
        debounce=replace(
            debounce,
            candidate_since_ms=age(debounce.candidate_since_ms + move, 300) if debounce.candidate else 0,
            candidate_count=min(debounce.candidate_count, 3),
            doubt_since_ms=maybe(debounce.doubt_since_ms and debounce.doubt_since_ms + move, 50),
        ),
        blind_since_ms=maybe(state.blind_since_ms and state.blind_since_ms + move, 3_000 + pulse_ms),
        coding=replace(state.coding, candidate_since_ms=age(state.coding.candidate_since_ms + move, 300)),
        contactor=replace(
            contactor,
            since_ms=age(contactor.since_ms + move, 1_000),
            wrong_since_ms=maybe(contactor.wrong_since_ms and contactor.wrong_since_ms + move, 200),
            failures=min(contactor.failures, 3),
            operations=0,
            openings_under_load=0,
            close_travels_ms=(),
            open_travels_ms=(),
            measuring=False,
            wrongs=0 if now_ms - contactor.wrongs_since_ms >= 1_000 else contactor.wrongs,
            wrongs_since_ms=age(contactor.wrongs_since_ms + move, 1_000) if contactor.wrongs else 0,
        ),
        self_test=replace(
            test,
            since_ms=age(test.since_ms + move, 2_000) if test.running else 0,
            quiet_since_ms=maybe(test.quiet_since_ms and test.quiet_since_ms + move, 50),
        ),
        lock=replace(
            lock,
            since_ms=0 if lock.reached else age(lock.since_ms + move, 20_000),
            wrong_since_ms=maybe(lock.wrong_since_ms and lock.wrong_since_ms + move, 200),
        ),
        inhibits=replace(state.inhibits, since_ms=(0,) * len(Inhibit), gone_ms=gone),
        permit=permit,
        mode_since_ms=age(state.mode_since_ms + move, max(3_000, state.config.wake_up.after_ms)),
        duty_since_ms=age(state.duty_since_ms + move, 5_000),
        pulse_until_ms=None if pulse is None else pulse + move,
        wave_since_ms=maybe(state.wave_since_ms and state.wave_since_ms + move, 100),
        wrong_since_ms=maybe(state.wrong_since_ms and state.wrong_since_ms + move, 100),
        letting_go_since_ms=maybe(state.letting_go_since_ms and state.letting_go_since_ms + move, 6_000),
        sample=SEEN,
        wake=replace(
            state.wake,
            since_ms=age(state.wake.since_ms + move, 5_000) if state.wake.rung in CLIMBING else 0,
            count=0,
        ),
        trips=replace(
            state.trips,
            count=min(state.trips.count, state.config.residual.retries + 1),
            quiet_since_ms=maybe(
                state.trips.quiet_since_ms and state.trips.quiet_since_ms + move,
                state.config.residual.wait_ms if state.config.residual.retries else 0,
            ),
        ),
    )


def check(before: State, after: State, outputs: Outputs, inputs: Inputs, now_ms: int) -> None:
    """What must hold on every edge."""
    config = after.config
    if outputs.contactor_closed:
        assert not after.inhibits.mask
        assert after.pilot is Pilot.C or (after.pilot is Pilot.D and config.ventilation)
        assert after.connected
        if is_pwm(outputs.duty_pm):
            assert after.held
        else:
            since_ms = after.letting_go_since_ms
            assert since_ms is not None and now_ms - since_ms < 6_000
        if not before.contactor.commanded:
            assert after.held and after.proven and is_pwm(outputs.duty_pm)
            assert inputs.mirror is not True and before.contactor.phase is Phase.OPEN
            assert not config.has_lock or after.lock.locked
            assert not config.has_self_test or before.self_test.passed or after.self_test.passed
    if is_pwm(outputs.duty_pm):
        permit = after.permit
        assert permit is not None and after.held and not after.inhibits.mask
        assert now_ms < permit.expires_at_ms and permit.plug_no == after.plug_no
        assert after.offered_ma <= min(permit.limit_ma, config.rating_ma, after.cable_ma or 0)
        if not is_pwm(before.duty_pm):
            woken = before.wake.rung in (Rung.READY, Rung.WAITING)
            assert before.duty_pm == 1000
            assert now_ms - before.mode_since_ms >= (500 if woken else 3_000)
        assert 100 <= outputs.duty_pm <= 960, "5 % is never sent"
        assert not after.wake.climbing
    if outputs.residual_test or outputs.lock is LockDrive.UNLOCK:
        assert not outputs.contactor_closed and after.contactor.phase is Phase.OPEN
    if inputs.sample is None or (inputs.tripped and not before.self_test.running):
        assert not outputs.contactor_closed
    assert after.config is before.config
    assert after.plug_no in (before.plug_no, before.plug_no + 1)


def moves(state: State, axes: dict[str, tuple[object, ...]]) -> Iterator[tuple[Inputs, Permit | None]]:
    """Every combination of the axes as inputs of this state."""
    names = list(axes)
    for values in product(*axes.values()):
        case = dict(zip(names, values, strict=True))
        vehicle = str(case.get("vehicle", "A"))
        sample = wire(vehicle[0], state.duty_pm, diode=vehicle != "C-")
        commanded = state.contactor.commanded
        mirror = {"follows": commanded, "closed": True, "open": False}[str(case.get("mirror", "follows"))]
        tripped = bool(case.get("tripped")) or state.self_test.output
        locked = {"follows": state.lock.target is True, "jammed": False}[str(case.get("lock", "follows"))]
        limit_ma = case.get("permit")
        permit = None
        if isinstance(limit_ma, int):
            plug_no = PLUG_NO if case.get("fits", True) else PLUG_NO - 1
            permit = Permit(1, plug_no, limit_ma, NOW_MS + STEP_MS + LEASE_MS)
        silent = bool(case.get("silent"))
        ohm = 220 if case.get("plug", True) else None
        yield Inputs(None if silent else sample, mirror, tripped, ohm, locked), permit


def walk(config: SafetyConfig, axes: dict[str, tuple[object, ...]]) -> tuple[int, int, int]:
    """States, edges, edges with a closed contactor."""
    start = same(core.initial(config, NOW_MS, PLUG_NO), NOW_MS)
    seen, queue = {start}, deque([start])
    edges = closed = 0
    now_ms = NOW_MS + STEP_MS
    while queue:
        state = queue.popleft()
        for inputs, permit in moves(state, axes):
            after, outputs = core.step(state, inputs, permit, now_ms)
            check(state, after, outputs, inputs, now_ms)
            edges += 1
            closed += outputs.contactor_closed
            known = same(after, now_ms)
            if known not in seen:
                seen.add(known)
                queue.append(known)
    return len(seen), edges, closed


QUICK = DebounceTimes(more_power_ms=200, more_power_count=2)
NEVER = WakeUpTimes(after_ms=0)
PLAIN = SafetyConfig(evse_id=1, rating_ma=10_000, has_residual_current=True, debounce=QUICK, wake_up=NEVER)
SLEEPY = replace(PLAIN, wake_up=WakeUpTimes(after_ms=10_000, ready_ms=1_000, give_up_ms=5_000))
SOCKET = replace(PLAIN, has_proximity=True, has_lock=True, has_self_test=True)

WALKS: dict[str, tuple[SafetyConfig, dict[str, tuple[object, ...]]]] = {
    "vehicle and permit": (PLAIN, {"vehicle": ("A", "B", "C"), "permit": (None, 0, 16_000)}),
    "faults": (
        PLAIN,
        {"vehicle": ("A", "C", "E"), "permit": (None, 16_000), "silent": (False, True)},
    ),
    "trip": (PLAIN, {"vehicle": ("A", "C"), "permit": (16_000,), "tripped": (False, True)}),
    "trip and retry": (
        replace(PLAIN, residual=RetryBudget(1, 60_000)),
        {"vehicle": ("A", "C"), "permit": (16_000,), "tripped": (False, True)},
    ),
    "stale permits": (PLAIN, {"vehicle": ("A", "C"), "permit": (None, 16_000), "fits": (False, True)}),
    "welded": (PLAIN, {"vehicle": ("A", "C"), "permit": (16_000,), "mirror": ("follows", "closed")}),
    "did not close": (PLAIN, {"vehicle": ("A", "C"), "permit": (16_000,), "mirror": ("follows", "open")}),
    "sleeping": (SLEEPY, {"vehicle": ("A", "B", "C"), "permit": (None, 16_000)}),
    "sleeping and shorted": (SLEEPY, {"vehicle": ("B", "C", "E"), "permit": (0, 16_000)}),
    "socket": (SOCKET, {"vehicle": ("A", "C"), "permit": (None, 16_000), "plug": (False, True)}),
}


@pytest.mark.parametrize("name", WALKS)
def test_walk(name: str) -> None:
    config, axes = WALKS[name]
    states, edges, closed = walk(config, axes)
    print(f"walk {name}: {states} states, {edges} edges, {closed} with the contactor closed")
    assert states > 50 and closed > 0, "a walk that never closes the contactor proves nothing"
