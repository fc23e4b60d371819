"""Draw the pilot's transitions and times from the code into ``docs/transitions.md`` and ``docs/safety.md``.

Owns: the drawing. The changes come from ``controller.safety.transitions``, the times from
``controller.safety.timing``, and what follows an event is measured: ``core.step`` is driven with volts in
10 ms steps and the outputs are written down. Run ``python -m benchmarks.transitions`` after every change of
the safety process; ``--check`` only compares and ends with status 1 when a page is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from controller.safety import core
from controller.safety.config import SafetyConfig
from controller.safety.core import Inputs, Outputs, State
from controller.safety.permit import Permit
from controller.safety.pilot import is_pwm
from controller.safety.timing import NEVER_MS, TIMINGS, Timing
from controller.safety.transitions import CHANGES, STATES, Change
from hal.interface import PilotSample

DOCS = Path(__file__).resolve().parent.parent / "docs"
TRANSITIONS = DOCS / "transitions.md"
SAFETY = DOCS / "safety.md"
BEGIN, END = "<!-- times: begin (python -m benchmarks.transitions) -->", "<!-- times: end -->"

TICK_MS = 10
TRAVEL_MS = 30
HIGH_MV = {"A": 12_000, "B": 8_980, "C": 5_990, "D": 2_930, "E": 0}
START_MS = 1_000_000
WATCH_MS = 8_000
"""So long what follows an event is written down."""


@dataclass
class Bench:
    """One EVSE of numbers: a vehicle as volts, a contactor that follows after 30 ms."""

    vehicle: str = "A"
    tripped: bool = False
    silent: bool = False
    unavailable: bool = False
    limit_ma: int | None = None  # what a controller renews every second; None = it is silent
    now_ms: int = START_MS
    config: SafetyConfig = field(
        default_factory=lambda: SafetyConfig(1, 32_000, has_residual_current=True, ventilation=True)
    )

    def __post_init__(self) -> None:
        self.state: State = core.initial(self.config, self.now_ms)
        self.outputs: Outputs = core.OFF
        self._mirror = False
        self._commanded_ms = self._renewed_ms = 0

    def step(self) -> None:
        self.now_ms += TICK_MS
        permit = None
        if self.limit_ma is not None and self.now_ms - self._renewed_ms >= 1_000:
            self._renewed_ms = self.now_ms
            until_ms = self.now_ms + 10_000
            permit = Permit(1, self.state.plug_no, self.limit_ma, until_ms, unavailable=self.unavailable)
        closed = self.outputs.contactor_closed
        inputs = Inputs(None) if self.silent else Inputs(self._sample(), self._mirror, self.tripped)
        self.state, self.outputs = core.step(self.state, inputs, permit, self.now_ms)
        if self.outputs.contactor_closed is not closed:
            self._commanded_ms = self.now_ms
        if self.now_ms - self._commanded_ms >= TRAVEL_MS:
            self._mirror = self.outputs.contactor_closed

    def _sample(self) -> PilotSample:
        duty_pm, high_mv = self.outputs.duty_pm, HIGH_MV[self.vehicle]
        if self.vehicle == "E":
            return PilotSample(0, 0, 0)
        if duty_pm == 0:
            return PilotSample(-12_000, -12_000, 0)
        return PilotSample(high_mv, -12_000 if is_pwm(duty_pm) else high_mv, duty_pm)

    def run(self, ms: int) -> Bench:
        for _ in range(ms // TICK_MS):
            self.step()
        return self

    def permit(self, limit_ma: int | None) -> None:
        """A new limit arrives with the next step."""
        self.limit_ma = limit_ma
        self._renewed_ms = 0

    @property
    def name(self) -> str:
        """The state as the standard writes it, as the core sees it."""
        letter = self.state.pilot.name
        if letter in "EF":
            return letter
        return "F" if self.outputs.duty_pm == 0 else letter + ("2" if is_pwm(self.outputs.duty_pm) else "1")


def _stand(vehicles: str, limit_ma: int | None = None, then_ma: int | None = None) -> Bench:
    """Plug in, show these letters one after the other, get a permit, perhaps another limit after it."""
    bench = Bench().run(4_000)
    for position, vehicle in enumerate(vehicles):
        bench.vehicle = vehicle
        bench.run(500)
        if position == 0 and limit_ma is not None:
            bench.permit(limit_ma)
            bench.run(1_000)
    bench.run(1_500)
    if then_ma is not None:
        bench.permit(then_ma)
        bench.run(500)
    return bench


def _faulted(vehicles: str) -> Bench:
    bench = _stand(vehicles, 16_000)
    bench.vehicle = "E"
    return bench.run(1_000)


def _unavailable() -> Bench:
    bench = Bench(unavailable=True, limit_ma=0)
    return bench.run(4_000)


STANDS: dict[str, Callable[[], Bench]] = {
    "A1": lambda: Bench().run(4_000),
    "B1": lambda: _stand("B"),
    "B2": lambda: _stand("B", 16_000),
    "C1, open": lambda: _stand("BC"),
    "C1, letting go": lambda: _stand("BC", 16_000, 0),
    "C2": lambda: _stand("BC", 16_000),
    "D1, open": lambda: _stand("BD"),
    "D2": lambda: _stand("BD", 16_000),
    "E": lambda: _faulted("B"),
    "F": _unavailable,
}


def _letter(vehicle: str) -> Callable[[Bench], None]:
    def happen(bench: Bench) -> None:
        bench.vehicle = vehicle
        if bench.unavailable:
            bench.unavailable = False
            bench.permit(bench.limit_ma)

    return happen


def _trip(bench: Bench) -> None:
    bench.tripped = True


def _silence(bench: Bench) -> None:
    bench.silent = True


EVENTS: dict[str, Callable[[Bench], None]] = {
    "vehicle shows A": _letter("A"),
    "vehicle shows B": _letter("B"),
    "vehicle shows C": _letter("C"),
    "vehicle shows D": _letter("D"),
    "pilot shorted": _letter("E"),
    "permit of 16 A": lambda bench: bench.permit(16_000),
    "permit of 0 A": lambda bench: bench.permit(0),
    "residual current": _trip,
    "inputs lost": _silence,
}


def follow(stand: Callable[[], Bench], happen: Callable[[Bench], None]) -> list[tuple[int, str]]:
    """(ms after the event, what changed): states and contactor commands, for ``WATCH_MS``."""
    bench = stand()
    state, closed, begin_ms = bench.name, bench.outputs.contactor_closed, bench.now_ms
    happen(bench)
    found: list[tuple[int, str]] = []
    while bench.now_ms - begin_ms < WATCH_MS:
        bench.step()
        after_ms = bench.now_ms - begin_ms
        if bench.outputs.contactor_closed is not closed:
            closed = bench.outputs.contactor_closed
            found.append((after_ms, "**on**" if closed else "**off**"))
        if bench.name != state:
            state = bench.name
            found.append((after_ms, state))
    return found


def _cell(found: list[tuple[int, str]]) -> str:
    return ", ".join(f"{what} {after_ms / 1000:.2f}" for after_ms, what in found) or "nothing"


def _measured() -> list[str]:
    rows = [f"| | {' | '.join(EVENTS)} |", f"|---|{'---|' * len(EVENTS)}"]
    for name, stand in STANDS.items():
        cells = [_cell(follow(stand, happen)) for happen in EVENTS.values()]
        rows.append(f"| **{name}** | {' | '.join(cells)} |")
    return rows


def _changes() -> list[str]:
    table = {(change.before, change.after): change for change in CHANGES}
    rows = [f"| from \\ to | {' | '.join(STATES)} |", f"|---|{'---|' * len(STATES)}"]
    for before in STATES:
        cells = [_mark(table[before, after]) if after != before else "" for after in STATES]
        rows.append(f"| **{before}** | {' | '.join(cells)} |")
    return rows


def _mark(change: Change) -> str:
    number = change.sequence or ("no number" if change.legal else "x")
    kept = "" if change.made else " never"
    return f"{number}{kept} `{change.action}`"


def _diagram() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> A1"]
    for change in CHANGES:
        faulty = {"E", "F"} & {change.before, change.after}
        if change.legal and not faulty:
            number = f": {change.sequence}" if change.sequence else ""
            lines.append(f"    {change.before} --> {change.after}{number}")
    lines += ["    any --> E: 12", "    any --> F: 12", "    E --> x1: 12", "    F --> x1: 12", "```"]
    return lines


def transitions_page() -> str:
    """``docs/transitions.md``."""
    lines = [
        "# Transitions of the pilot",
        "",
        "Drawn from the code by `python -m benchmarks.transitions`; do not edit it. A test checks that it is",
        "current.",
        "",
        "The letter is the vehicle's (A nobody, B connected, C asks, D asks and needs ventilation) or a",
        "fault's (E), the digit the station's (1 steady, 2 PWM), F is the station's. Numbers are the",
        "sequences of IEC 61851-1:2017 Table A.6 as the field uses them.",
        "[safety.md](safety.md) has the times.",
        "",
        "## Legal changes",
        "",
        *_diagram(),
        "",
        "## All changes",
        "",
        "A number: the sequence. `x`: both change in the same moment, by chance; no sequence describes it.",
        "*never*: this controller does not do it. The contactor: `-` stays open, `o` opens within 100 ms,",
        "`c` closes within 3 s of x2 (or stays closed), `g` stays closed for at most 6 s while the vehicle",
        "lets go, `=` as it was, `r` closes after the fault has cleared and 3 s of x1. A station",
        "without ventilation takes D for a fault and opens. From A1 and F to x2 it stays open, because the",
        "permit of an earlier plug-in does not fit the new one. Each of the 90 is driven through the core in",
        "`tests/safety/test_transitions.py`.",
        "",
        *_changes(),
        "",
        "## What follows an event",
        "",
        "Measured by driving the core with volts in steps of 10 ms. State and contactor command (**on**,",
        f"**off**) with the seconds after the event, for {WATCH_MS // 1000} s. Station with ventilation; a",
        "permit stands unless the event is a permit. State F: unavailable, with nobody there; a letter",
        "there means that the vehicle comes and F ends.",
        "",
        *_measured(),
    ]
    return "\n".join(lines) + "\n"


def times_table() -> str:
    """The table between the marks in ``docs/safety.md``."""
    rows = ["| sequence | time | demanded | here | may be set | note |", "|---|---|---|---|---|---|"]
    for one in TIMINGS:
        cells = (one.sequence, one.name, one.demand, _ms(one.value_ms), _bounds(one), one.note)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _bounds(one: Timing) -> str:
    if not one.setting:
        return f"{_ms(one.low_ms)} to {_ms(one.high_ms)}, follows from others"
    never = f", {NEVER_MS} = never" if one.setting == "wake_up.after_ms" else ""
    return f"`{one.setting}` {one.low_ms} to {one.high_ms}{never}"


def _ms(value_ms: int) -> str:
    return f"{value_ms / 1000:g} s" if value_ms >= 1_000 else f"{value_ms} ms"


def safety_page(text: str) -> str:
    """``docs/safety.md`` with its table of times renewed. Raises ``ValueError`` without the marks."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{SAFETY.name}: marks not found, expected {BEGIN} and {END}")
    return f"{head}{BEGIN}\n\n{times_table()}\n\n{END}{tail}"


def main(arguments: list[str]) -> int:
    """Write both pages, or with ``--check`` compare. Exit status 1 when a page is out of date."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m benchmarks.transitions [--check]", file=sys.stderr)
        return 2
    stale = 0
    for path, text in (
        (TRANSITIONS, transitions_page()),
        (SAFETY, safety_page(SAFETY.read_text(encoding="utf-8"))),
    ):
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments:
            print(f"{path.name} is out of date: run python -m benchmarks.transitions", file=sys.stderr)
            stale = 1
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.name}")
    return stale


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
