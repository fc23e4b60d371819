"""What the safety process knows of one EVSE before it looks at any input. Read at its start, never changed.

Owns: the rating, the cable, which parts exist, every threshold and time. No message reaches it: a new value
means a new start of the process. Refuses to know: files, TOML, boards.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from controller.safety.contactor import ContactorTimes
from controller.safety.debounce import DebounceTimes
from controller.safety.lock import LockTimes
from controller.safety.permit import MINIMUM_OFFER_MA
from controller.safety.pilot import HIGHEST_OFFER_MA, Thresholds
from controller.safety.residual import SelfTestTimes


@dataclass(frozen=True, slots=True)
class PilotTimes:
    """Times of the pilot's digit, in ms, with the sequence of IEC 61851-1 Table A.6 they come from."""

    steady_ms: int = 3_000  # 9.2: shortest x1 before PWM (again)
    let_go_ms: int = 6_000  # 10.2: x1 in state C, then the contactor is opened all the same
    raise_every_ms: int = 5_000  # 6: the vehicle has 5 s to follow; only a falling limit comes earlier
    fault_pulse_ms: int = 300  # Table A.5: shortest state F after a fault
    settle_ms: int = 40  # after F, x1 or PWM was newly commanded the wire may still show the old one
    proof_ms: int = 100  # PWM and diode seen for so long before the contactor closes
    wrong_duty_ms: int = 100  # duty on the wire is not the commanded one
    blind_ms: int = 3_000  # not seen for so long, a vehicle counts as another one: its permit is void
    waking_ms: int = 1_000  # at the start of the process: so long the board may take for its first answer

    def __post_init__(self) -> None:
        for name, low, high in (
            ("steady_ms", 3_000, 60_000),
            ("let_go_ms", 3_000, 6_000),
            ("raise_every_ms", 5_000, 60_000),
            ("fault_pulse_ms", 300, 4_000),
            ("settle_ms", 0, 50),
            ("proof_ms", 20, 1_000),
            ("wrong_duty_ms", 20, 1_000),
            ("blind_ms", 500, 10_000),
            ("waking_ms", 0, 5_000),
        ):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"pilot {name}: found {getattr(self, name)}, expected {low}..{high}")


@dataclass(frozen=True, slots=True)
class SafetyConfig:
    """One EVSE. ``rating_ma`` 6000..80000. Raises ``ValueError``.

    A socket (``has_proximity``) takes the cable's ampacity from the plug's coding; otherwise ``cable_ma`` is
    that of the fixed cable, None = not below the rating.
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

    def __post_init__(self) -> None:
        if not 1 <= self.evse_id <= 65_535:
            raise ValueError(f"evse_id: found {self.evse_id}, expected 1..65535")
        for name, value in (("rating_ma", self.rating_ma), ("cable_ma", self.cable_ma)):
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

    @property
    def fixed_cable_ma(self) -> int:
        """Ampacity of a tethered cable in mA."""
        return self.rating_ma if self.cable_ma is None else self.cable_ma
