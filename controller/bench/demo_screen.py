"""How the demo is shown: a live screen on a terminal, plain lines elsewhere.

Owns: the two views. Refuses to know: what is shown is true. rich is imported only for the live screen.
"""

from __future__ import annotations

import io
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from controller.bench.demo_station import Snapshot, volts
from controller.bench.demo_steps import Step

SHOWN_FRAMES = 14


class Screen(Protocol):
    """What the demo tells its spectator. ``live``: somebody watches, so time may be taken."""

    live: bool

    def __enter__(self) -> Screen: ...
    def __exit__(self, *exc: object) -> None: ...
    def session(self, steps: Sequence[Step], title: str) -> None: ...
    def begin(self, step: Step) -> None: ...
    def end(self, step: Step, took_s: float, good: bool) -> None: ...
    def look(self, now: Snapshot) -> None: ...
    def frame(self, line: str) -> None: ...
    def say(self, text: str) -> None: ...


def mark(good: bool, encoding: str | None) -> str:
    """A tick or a cross, in letters where the terminal cannot."""
    text = "✓" if good else "✗"
    try:
        text.encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "ok" if good else "FAILED"
    return text


class PlainScreen:
    """Lines for logs: frames as they come, the electrics when they change."""

    live = False

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._began = time.monotonic()
        self._last = ""

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exc: object) -> None: ...

    def session(self, steps: Sequence[Step], title: str) -> None:
        self.say(title)

    def begin(self, step: Step) -> None:
        self.say(f"... {step.name}")

    def end(self, step: Step, took_s: float, good: bool) -> None:
        self.say(f"{mark(good, sys.stdout.encoding)} {step.name} ({took_s:.1f} s)")

    def look(self, now: Snapshot) -> None:
        # A new line only when something but a slowly moving number changed: whole amperes, whole volts.
        wire = now.wire["wire"]
        rough = f"{now.evse.get('pilot')} {wire['duty_pm'] // 10} {now.wire['contacts_closed']}"
        if rough != self._last:
            self._last = rough
            self.say(f"    {now.line()}")

    def frame(self, line: str) -> None:
        self.say(f"    {line}")

    def say(self, text: str) -> None:
        self._write(f"{time.monotonic() - self._began:7.2f}  {text}")


class LiveScreen:
    """A rich screen, redrawn at every look. ``picture``: its last charging view is saved there as SVG."""

    live = True

    def __init__(self, picture: Path | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._picture = picture
        self._encoding = sys.stdout.encoding  # before the live view takes its place
        self._best: Any = None
        self._live = Live(console=Console(), auto_refresh=False, transient=False)
        self._frames: deque[str] = deque(maxlen=SHOWN_FRAMES)
        self._steps: Sequence[Step] = ()
        self._done: dict[str, tuple[bool, float]] = {}
        self._running = ""
        self._title = ""
        self._now: Snapshot | None = None

    def __enter__(self) -> Screen:
        self._live.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._draw()
        self._live.stop()
        if self._picture is not None and self._best is not None:
            from rich.console import Console

            console = Console(record=True, width=110, file=io.StringIO())
            console.print(self._best)
            # No fonts from the network: the reader's own monospace font serves.
            svg = re.sub(
                r"@font-face\s*\{.*?\}\s*", "", console.export_svg(title="joulepost demo"), flags=re.DOTALL
            )
            self._picture.write_text(svg, encoding="utf-8")

    def session(self, steps: Sequence[Step], title: str) -> None:
        self._steps, self._done, self._title = steps, {}, title
        self._draw()

    def begin(self, step: Step) -> None:
        self._running = step.name
        self._draw()

    def end(self, step: Step, took_s: float, good: bool) -> None:
        self._done[step.name] = (good, took_s)
        self._running = ""
        self._draw()

    def look(self, now: Snapshot) -> None:
        self._now = now
        self._draw()

    def frame(self, line: str) -> None:
        self._frames.append(line)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def _draw(self) -> None:
        view = self._view()
        if self._now is not None and self._now.wire["contacts_closed"] and len(self._done) >= 5:
            self._best = view
        self._live.update(view, refresh=True)

    def _view(self) -> Any:
        from rich.columns import Columns
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        electrics = Table.grid(padding=(0, 2))
        electrics.add_column(style="dim")
        electrics.add_column(min_width=26)
        for name, value, style in self._electrics():
            electrics.add_row(name, Text(value, style=style))
        story = Table.grid(padding=(0, 1))
        for step in self._steps:
            good, took_s = self._done.get(step.name, (None, 0.0))
            if good is None:
                running = step.name == self._running
                story.add_row(
                    "…" if running else " ", Text(step.name, style="bold" if running else "dim"), ""
                )
            else:
                symbol = Text(mark(good, self._encoding), style="green" if good else "bold red")
                story.add_row(symbol, step.name, Text(f"{took_s:.1f} s", style="dim"))
        frames = Text(no_wrap=True, overflow="ellipsis")
        for line in self._frames:
            frames.append(line + "\n", style="cyan" if line.startswith("->") else "yellow")
        return Group(
            Columns(
                [
                    Panel(electrics, title="EVSE 1", border_style="blue", width=46, height=13),
                    Panel(story, title=self._title, border_style="blue", width=60, height=13),
                ]
            ),
            Panel(
                frames,
                title="OCPP   -> to the CSMS   <- to the station",
                border_style="blue",
                height=SHOWN_FRAMES + 2,
                width=107,
            ),
        )

    def _electrics(self) -> list[tuple[str, str, str]]:
        now = self._now
        if now is None:
            return [("", "starting ...", "")]
        wire = now.wire["wire"]
        closed = bool(now.wire["contacts_closed"])
        filled = round(now.current_ma / 1000)
        return [
            ("status", str(now.evse.get("status", "?")), "bold"),
            (
                "pilot",
                f"{now.evse.get('pilot', '?')}  {volts(wire['high_mv'])} / {volts(wire['low_mv'])}",
                "",
            ),
            (
                "duty",
                f"{wire['duty_pm'] / 10:.1f} %  = {(now.evse.get('offered_ma') or 0) / 1000:.1f} A offered",
                "",
            ),
            ("contactor", "CLOSED" if closed else "open", "bold green" if closed else "dim"),
            ("plug lock", "locked" if now.wire["locked"] else "unlocked", ""),
            ("current", f"{now.current_ma / 1000:5.1f} A  {'█' * filled}", "green" if filled else ""),
            ("power", f"{now.wire['power_w'] / 1000:.2f} kW", ""),
            ("energy", f"{(now.evse.get('energy_wh') or 0) / 1000:.3f} kWh in this transaction", ""),
            ("meter", f"{now.energy_wh / 1000:.3f} kWh", ""),
            (
                "CSMS",
                f"{now.told or '-'}, {(now.station.get('csms') or {}).get('protocol') or 'offline'}",
                "",
            ),
        ]
