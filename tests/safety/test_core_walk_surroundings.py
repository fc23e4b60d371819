"""The breadth-first walk of ``test_core_walk`` over temperature, panel and phase switch.

The same reduced states, and those of the sensors and the switch; the same invariants on every edge and some
more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.contactor import Phase
from controller.safety.core import Inputs, Outputs, State
from controller.safety.permit import Permit
from controller.safety.phases import PhaseTimes
from controller.safety.pilot import is_pwm
from controller.safety.temperature import Ladder, Rung
from tests.safety.rig import wire
from tests.safety.test_core_walk import LEASE_MS, NOW_MS, PLAIN, PLUG_NO, STEP_MS, check, maybe, same

PAUSE_MS = 8_000
WARM = replace(PLAIN, ladders=(Ladder("plug"),))
SWITCHED = replace(PLAIN, has_phase_switch=True, phase_times=PhaseTimes(to_three_every_ms=PAUSE_MS))


def reduced(state: State, now_ms: int) -> State:
    """``same``, with the ages of sensors and switch cut as well."""
    move = NOW_MS - now_ms
    phases, sensors = state.phases, state.temperature.sensors
    return replace(
        same(state, now_ms),
        temperature=replace(
            state.temperature,
            sensors=tuple(
                replace(
                    one,
                    hotter_since_ms=maybe(one.hotter_since_ms and one.hotter_since_ms + move, 1_500),
                    silent_since_ms=maybe(one.silent_since_ms and one.silent_since_ms + move, 3_000),
                )
                for one in sensors
            ),
        ),
        phases=replace(
            phases,
            moved_ms=maybe(phases.moved_ms and phases.moved_ms + move, 500),
            to_three_ms=maybe(phases.to_three_ms and phases.to_three_ms + move, PAUSE_MS),
            rested_ms=maybe(phases.rested_ms and phases.rested_ms + move, 5_000),
            wrong_since_ms=maybe(phases.wrong_since_ms and phases.wrong_since_ms + move, 500),
        ),
    )


def also(before: State, after: State, outputs: Outputs, inputs: Inputs, now_ms: int) -> None:
    """What must hold besides."""
    if inputs.emergency_stop or inputs.enclosure_open:
        assert not outputs.contactor_closed
    moved = before.phases.three is not after.phases.three
    if moved:
        assert before.contactor.phase is Phase.OPEN and not outputs.contactor_closed
        assert inputs.mirror is not True and not is_pwm(before.duty_pm) and not is_pwm(outputs.duty_pm)
        rested = after.phases.rested_ms
        assert not after.connected or (rested is not None and now_ms - rested >= 5_000)
    if outputs.contactor_closed and not before.contactor.commanded and after.config.has_phase_switch:
        assert after.phases.ready and inputs.three_phase is outputs.three_phase
    rungs = [sensor.rung for sensor in after.temperature.sensors]
    if rungs and max(rungs) >= Rung.HALF and is_pwm(outputs.duty_pm):
        assert max(rungs) < Rung.STOP and after.offered_ma <= after.config.rating_ma // 2 + 1_000
    if rungs and max(rungs) is Rung.STOP:
        assert not outputs.contactor_closed or not is_pwm(outputs.duty_pm), "gently, but nothing offered"


def moves(state: State, axes: dict[str, tuple[Any, ...]]) -> Any:
    for values in product(*axes.values()):
        case = dict(zip(axes, values, strict=True))
        sample = wire(case.get("vehicle", "C"), state.duty_pm)
        permit = None
        if (phases := case.get("permit")) is not None:
            permit = Permit(1, PLUG_NO, 16_000, NOW_MS + STEP_MS + LEASE_MS, phases)
        three = state.phases.three if case.get("switch", "follows") == "follows" else False
        yield (
            Inputs(
                sample,
                state.contactor.commanded,
                temperatures_mdeg_c=(case.get("mdeg", 20_000),),
                emergency_stop=case.get("stop", False),
                three_phase=three,
            ),
            permit,
        )


WALKS: dict[str, tuple[SafetyConfig, dict[str, tuple[Any, ...]]]] = {
    "panel": (PLAIN, {"vehicle": ("A", "C"), "permit": (3,), "stop": (False, True)}),
    "temperature": (WARM, {"vehicle": ("A", "C"), "permit": (3,), "mdeg": (20_000, 66_000, 75_000)}),
    "sensor lost": (WARM, {"vehicle": ("A", "C"), "permit": (3,), "mdeg": (20_000, None)}),
    "phases": (SWITCHED, {"vehicle": ("B", "C"), "permit": (1, 3)}),
    "phases and vehicles": (SWITCHED, {"vehicle": ("A", "C"), "permit": (1,)}),
    "phases without permits": (SWITCHED, {"vehicle": ("A", "C"), "permit": (None, 3)}),
    "stuck switch": (SWITCHED, {"vehicle": ("C",), "permit": (1, 3), "switch": ("follows", "stuck")}),
}


@pytest.mark.parametrize("name", WALKS)
def test_walk(name: str) -> None:
    config, axes = WALKS[name]
    start = reduced(core.initial(config, NOW_MS, PLUG_NO), NOW_MS)
    seen, queue = {start}, deque([start])
    edges = closed = moved = 0
    now_ms = NOW_MS + STEP_MS
    while queue:
        state = queue.popleft()
        for inputs, permit in moves(state, axes):
            after, outputs = core.step(state, inputs, permit, now_ms)
            check(state, after, outputs, inputs, now_ms)
            also(state, after, outputs, inputs, now_ms)
            edges += 1
            closed += outputs.contactor_closed
            moved += after.phases.three is not state.phases.three
            known = reduced(after, now_ms)
            if known not in seen:
                seen.add(known)
                queue.append(known)
    print(f"walk {name}: {len(seen)} states, {edges} edges, {closed} closed, {moved} moves of the switch")
    assert len(seen) > 50 and closed > 0
    assert moved > 0 or not config.has_phase_switch
