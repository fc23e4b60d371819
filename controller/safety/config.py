"""What the safety process knows of one EVSE before it looks at any input. Read at its start, never changed.

Owns: the rating, the cable, which parts exist, every threshold and time. No message reaches it: a new value
means a new start of the process. Refuses to know: files, TOML, boards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.safety import timing
from controller.safety.contactor import ContactorTimes
from controller.safety.debounce import DebounceTimes
from controller.safety.lock import LockTimes
from controller.safety.permit import MINIMUM_OFFER_MA
from controller.safety.phases import PhaseTimes
from controller.safety.pilot import HIGHEST_OFFER_MA, Thresholds
from controller.safety.residual import RetryBudget, SelfTestTimes
from controller.safety.temperature import Ladder
from controller.safety.wakeup import WakeUpTimes


@dataclass(frozen=True, slots=True)
class PilotTimes:
    """Times of the pilot's digit, in ms: sequences, defaults and bounds stand in ``timing``.

    Raises ``ValueError``.
    """

    steady_ms: int = timing.STEADY.value_ms
    let_go_ms: int = timing.LET_GO.value_ms
    raise_every_ms: int = timing.DUTY_CHANGE.value_ms
    fault_pulse_ms: int = timing.FAULT_PULSE.value_ms
    settle_ms: int = timing.SETTLE.value_ms
    proof_ms: int = timing.PROOF.value_ms
    wrong_duty_ms: int = timing.WRONG_DUTY.value_ms
    blind_ms: int = timing.BLIND.value_ms
    waking_ms: int = timing.WAKING.value_ms

    def __post_init__(self) -> None:
        for one in timing.TIMINGS:
            part, _, name = one.setting.partition(".")
            if part == "pilot":
                one.check(getattr(self, name))


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """One EVSE. ``rating_ma`` 6000..80000. Raises ``ValueError``.

    A socket (``has_proximity``) takes the cable's ampacity from the plug's coding; otherwise ``cable_ma`` is
    that of the fixed cable, None = not below the rating. ``simplified_ma``: most that a vehicle without S2
    (A to C directly, A.2.3) is offered; the rating, to leave it to the vehicle.
    ``unlock_on_fault``: a fault that lasts gives the plug back as soon as the contactor is seen open;
    otherwise it stays locked until its permit ends or somebody asks.
    """

    evse_id: int
    rating_ma: int
    cable_ma: int | None = None
    ventilation: bool = False
    has_residual_current: bool = False
    has_self_test: bool = False
    has_proximity: bool = False
    has_lock: bool = False
    thresholds: Thresholds = field(default=Thresholds())
    debounce: DebounceTimes = field(default=DebounceTimes())
    pilot: PilotTimes = field(default=PilotTimes())
    contactor: ContactorTimes = field(default=ContactorTimes())
    self_test: SelfTestTimes = field(default=SelfTestTimes())
    lock: LockTimes = field(default=LockTimes())
    simplified_ma: int = 10_000
    wake_up: WakeUpTimes = field(default=WakeUpTimes())
    residual: RetryBudget = field(default=RetryBudget())
    phases: int = 3
    has_phase_switch: bool = False
    phase_times: PhaseTimes = field(default=PhaseTimes())
    ladders: tuple[Ladder, ...] = ()
    unlock_on_fault: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.evse_id <= 65_535:
            raise ValueError(f"evse_id: found {self.evse_id}, expected 1..65535")
        for name, value in (
            ("rating_ma", self.rating_ma),
            ("cable_ma", self.cable_ma),
            ("simplified_ma", self.simplified_ma),
        ):
            if value is not None and not MINIMUM_OFFER_MA <= value <= HIGHEST_OFFER_MA:
                raise ValueError(
                    f"EVSE {self.evse_id} {name}: found {value}, "
                    f"expected {MINIMUM_OFFER_MA}..{HIGHEST_OFFER_MA} mA"
                )
        if self.has_self_test and not self.has_residual_current:
            raise ValueError(
                f"EVSE {self.evse_id}: a self-test of the residual-current detector is configured, but no "
                "detector; add residual_current to the board profile or remove residual_current_test"
            )

        if self.phases not in (1, 3) or (self.has_phase_switch and self.phases != 3):
            raise ValueError(
                f"EVSE {self.evse_id}: found {self.phases} phases with phase switch {self.has_phase_switch}, "
                "expected 1 or 3, and 3 with a phase switch"
            )

    @property
    def fixed_cable_ma(self) -> int:
        """Ampacity of a tethered cable in mA."""
        return self.rating_ma if self.cable_ma is None else self.cable_ma
