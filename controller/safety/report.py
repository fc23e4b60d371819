"""The report: a whole, idempotent snapshot of one EVSE, sent by the safety process; the latest wins.

Owns: what the safety process tells. It is facts, never statuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.safety.contactor import Trend
from controller.safety.inhibits import Inhibit


@dataclass(frozen=True, slots=True)
class Report:
    """Snapshot of one EVSE. Instants in ms on CLOCK_MONOTONIC.

    ``pilot`` is the debounced letter "A".."F"; ``pwm`` True while the digit is 2 (current offered).
    ``plug_no`` counts vehicle connections (A to B/C/D) since boot of the safety process, started at
    a number that differs between its runs, so a permit never outlives a plug-in or a restart.
    ``offered_ma`` is what the duty tells the vehicle (0 in x1, F). ``inhibits`` maps each active
    reason to its since-when. ``cable_ma`` is the proximity coding or the tethered cable's ampacity,
    None = no cable in the socket.
    """

    evse_id: int
    seq: int
    at_ms: int
    pilot: str
    pwm: bool
    plug_no: int
    high_mv: int
    low_mv: int
    duty_pm: int
    offered_ma: int
    contactor_commanded: bool
    mirror_closed: bool | None
    rating_ma: int
    cable_ma: int | None
    locked: bool | None
    permit_held: bool
    inhibits: Mapping[Inhibit, int]
    operations: int = 0
    openings_under_load: int = 0
    overruns: int = 0
    worst_lateness_us: int = 0
    close_took_ms: int | None = None  # last travel of the contactor, None = not measured yet
    open_took_ms: int | None = None
    wake_ups: int = 0  # pulses of state F for a sleeping vehicle, in this plug-in
    simplified_ma: int | None = None  # most that a vehicle without S2 is offered; None = it is not one
    counting_since_ms: int = 0  # since when operations and openings_under_load are counted
    close_trend_ms: Trend | None = None  # of the last travels, None = nothing measured yet
    open_trend_ms: Trend | None = None
    residual_trips: int = 0  # in this plug-in
    residual_retry_at_ms: int | None = None  # when a trip is forgiven by the retry budget, None = it is not
    worst_detection_us: int = 0  # longest time from a look at the inputs to what followed from the next two
    temperature_limit_ma: int | None = None  # what the temperature leaves of the rating, None = all of it
    hottest_mdeg_c: int | None = None  # of the sensors that answer, None = there is none
    sensors_lost: int = 0  # temperature sensors that do not answer
    phases: int = 3  # connected behind the contactor: 1 or 3
