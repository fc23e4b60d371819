"""Circuit symbols as SVG: a sheet with wires, parts and words. Plain Python, no library.

Owns: how a symbol looks (IEC 60617 shapes), its size, its leads. Refuses to know: circuits (``draw.py``).
Coordinates are pixels from the top left corner; ``turn`` is "h" (leads left and right) or "v" (up and down).
"""

from __future__ import annotations

from xml.sax.saxutils import escape

INK, SOFT, MAINS, SAFE, PAPER = "#1b1f24", "#5b6570", "#a8201a", "#0b6e4f", "#ffffff"
LEAD = 30
"""From the middle of a two-lead part to the end of each lead."""


class Sheet:
    """One drawing. ``text()`` gives the SVG."""

    def __init__(self, width: int, height: int, title: str, about: str) -> None:
        self.width, self.height = width, height
        self._title, self._about = title, about
        self._parts: list[str] = []
        self.words(24, 34, title, size=19, weight="bold")
        self.words(24, 56, about, size=12, color=SOFT)

    def text(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" font-family="DejaVu Sans, Verdana, sans-serif">\n'
            f"<title>{escape(self._title)}</title>\n<desc>{escape(self._about)}</desc>\n"
            f'<rect width="{self.width}" height="{self.height}" fill="{PAPER}"/>\n'
        )
        foot = self._words(
            24,
            self.height - 14,
            "Joulepost reference station. Nominal values; unverified on hardware.",
            11,
            SOFT,
        )
        return head + "\n".join([*self._parts, foot]) + "\n</svg>\n"

    # ------------------------------------------------------------------ lines and words

    def wire(self, *points: tuple[int, int], color: str = INK, width: float = 1.6, dash: str = "") -> None:
        path = " ".join(f"{x},{y}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dashed}/>'
        )

    def dot(self, x: int, y: int, color: str = INK) -> None:
        self._parts.append(f'<circle cx="{x}" cy="{y}" r="3.2" fill="{color}"/>')

    def words(
        self,
        x: int,
        y: int,
        text: str,
        *,
        size: int = 12,
        color: str = INK,
        anchor: str = "start",
        weight: str = "normal",
    ) -> None:
        self._parts.append(self._words(x, y, text, size, color, anchor, weight))

    def note(self, x: int, y: int, lines: list[str], *, size: int = 12, color: str = SOFT) -> None:
        for number, line in enumerate(lines):
            self.words(x, y + number * (size + 5), line, size=size, color=color)

    def arrow(self, x: int, y: int, towards: str = "right", color: str = INK) -> None:
        """An arrow head with its tip at (x, y)."""
        dx, dy = {"right": (-9, 4), "left": (9, 4), "down": (4, -9), "up": (4, 9)}[towards]
        other = (dx, -dy) if towards in ("right", "left") else (-dx, dy)
        self._parts.append(
            f'<polygon points="{x},{y} {x + dx},{y + dy} {x + other[0]},{y + other[1]}" fill="{color}"/>'
        )

    # ------------------------------------------------------------------ ends of wires

    def terminal(self, x: int, y: int, name: str, side: str = "left", color: str = INK) -> None:
        """A terminal; its name on the ``side`` away from the wire."""
        self._parts.append(
            f'<circle cx="{x}" cy="{y}" r="4.5" fill="{PAPER}" stroke="{color}" stroke-width="1.6"/>'
        )
        at = {
            "left": (x - 10, y + 4, "end"),
            "right": (x + 10, y + 4, "start"),
            "top": (x, y - 10, "middle"),
        }[side]
        self.words(at[0], at[1], name, anchor=at[2], weight="bold", color=color)

    def ground(self, x: int, y: int) -> None:
        self.wire((x, y), (x, y + 10))
        for number, half in enumerate((11, 7, 3)):
            self.wire((x - half, y + 10 + 5 * number), (x + half, y + 10 + 5 * number))

    def earth(self, x: int, y: int) -> None:
        """PE."""
        self.ground(x, y)
        self.words(x + 15, y + 20, "PE", size=11, color=SOFT)

    def rail(self, x: int, y: int, name: str, down: bool = False) -> None:
        """A supply: a bar above (or below) the end of a wire."""
        self.wire((x - 11, y), (x + 11, y), width=2.4)
        self.words(x, y + 16 if down else y - 6, name, anchor="middle", size=11, weight="bold")

    # ------------------------------------------------------------------ parts with two leads

    def resistor(self, x: int, y: int, value: str, turn: str = "h") -> None:
        self._leads(x, y, turn, 20)
        self._box(x, y, turn, 20, 7)
        self._value(x, y, value, turn, 14)

    def capacitor(self, x: int, y: int, value: str, turn: str = "v") -> None:
        self._leads(x, y, turn, 4)
        for side in (-4, 4):
            if turn == "v":
                self.wire((x - 12, y + side), (x + 12, y + side), width=2.2)
            else:
                self.wire((x + side, y - 12), (x + side, y + 12), width=2.2)
        self._value(x, y, value, turn, 17)

    def diode(
        self, x: int, y: int, value: str, towards: str = "up", *, zener: bool = False, both: bool = False
    ) -> None:
        """``towards`` the cathode: up, down, left, right."""
        turn = "v" if towards in ("up", "down") else "h"
        sign = -1 if towards in ("up", "left") else 1
        self._leads(x, y, turn, 9)
        shapes = [(sign, 9)] if not both else [(-1, 0), (1, 0)]
        for way, reach in shapes:
            tip, base = (way * reach, -way * 9) if not both else (0, way * 10)
            corners = [(0, tip), (-9, base), (9, base)]
            self._polygon(x, y, turn, corners)
            bar = [(-9, tip), (9, tip)]
            if zener or both:
                bar = [(-12, tip + 4), (-9, tip), (9, tip), (12, tip - 4)]
            self.wire(*((x + a, y + b) if turn == "v" else (x + b, y + a) for a, b in bar), width=2)
        self._value(x, y, value, turn, 16)

    def contact(
        self, x: int, y: int, value: str, turn: str = "h", *, closed: bool = False, color: str = INK
    ) -> None:
        """A contact at rest: open, or closed (its blade touches a stop)."""
        self._leads(x, y, turn, 14, color)
        lift = -13 if not closed else -7
        blade = [(-14, 0), (12 if not closed else 16, lift)]
        stop = [(14, 0), (14, -9)] if closed else []
        for line in (blade, stop):
            if line:
                self.wire(
                    *((x + a, y + b) if turn == "h" else (x - b, y + a) for a, b in line),
                    color=color,
                    width=2,
                )
        self._value(x, y, value, turn, 18)

    def coil(self, x: int, y: int, value: str, turn: str = "v") -> None:
        self._leads(x, y, turn, 13)
        self._box(x, y, "h", 22, 13)
        self._value(x, y, value, turn, 28)

    def lamp_led(self, x: int, y: int, value: str) -> None:
        self.diode(x, y, value, "down")
        for shift in (0, 8):
            self.wire((x + 13, y - 4 + shift), (x + 25, y - 4 + shift), width=1.2)
            self.wire((x + 21, y - 7 + shift), (x + 25, y - 4 + shift), (x + 21, y - 1 + shift), width=1.2)

    # ------------------------------------------------------------------ parts with more leads

    def amplifier(self, x: int, y: int, name: str, plus_on_top: bool = True) -> None:
        """Inputs at (x, y-18) and (x, y+18), output at (x+80, y), supplies at (x+32, y-26), (x+32, y+26)."""
        self._parts.append(
            f'<polygon points="{x},{y - 42} {x},{y + 42} {x + 80},{y}" fill="{PAPER}" stroke="{INK}" '
            f'stroke-width="1.8"/>'
        )
        signs = ("+", "−") if plus_on_top else ("−", "+")
        self.words(x + 6, y - 13, signs[0], size=14)
        self.words(x + 6, y + 23, signs[1], size=14)
        self.words(x + 24, y + 4, name, size=10, color=SOFT)

    def nmos(self, x: int, y: int, name: str) -> None:
        """Gate at (x-30, y), drain at (x+14, y-30), source at (x+14, y+30)."""
        self.wire((x - 30, y), (x - 6, y))
        self.wire((x - 6, y - 14), (x - 6, y + 14), width=2.2)
        self.wire((x, y - 16), (x, y + 16), width=2.2)
        self.wire((x, y - 12), (x + 14, y - 12), (x + 14, y - 30))
        self.wire((x, y + 12), (x + 14, y + 12), (x + 14, y + 30))
        self.wire((x, y), (x + 14, y), (x + 14, y + 12))
        self.arrow(x + 1, y, "left")
        self.words(x + 22, y + 4, name, size=11, color=SOFT)

    def phototransistor(self, x: int, y: int, name: str) -> None:
        """Collector at (x+14, y-30), emitter at (x+14, y+30)."""
        self.wire((x, y - 14), (x, y + 14), width=2.4)
        self.wire((x, y - 6), (x + 14, y - 16), (x + 14, y - 30))
        self.wire((x, y + 6), (x + 14, y + 16), (x + 14, y + 30))
        self.arrow(x + 14, y + 17, "down")
        self.words(x + 22, y + 4, name, size=11, color=SOFT)

    def block(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        lines: list[str],
        *,
        color: str = INK,
        fill: str = "#f4f6f8",
        dash: str = "",
    ) -> None:
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="4" fill="{fill}" stroke="{color}" '
            f'stroke-width="1.6"{dashed}/>'
        )
        top = y + height // 2 - 8 * (len(lines) - 1) + 4
        for number, line in enumerate(lines):
            self.words(
                x + width // 2,
                top + 16 * number,
                line,
                anchor="middle",
                size=12 if number == 0 else 11,
                weight="bold" if number == 0 else "normal",
                color=color if number == 0 else SOFT,
            )

    # ------------------------------------------------------------------ inner parts

    def _leads(self, x: int, y: int, turn: str, half: int, color: str = INK) -> None:
        if turn == "h":
            self.wire((x - LEAD, y), (x - half, y), color=color)
            self.wire((x + half, y), (x + LEAD, y), color=color)
        else:
            self.wire((x, y - LEAD), (x, y - half), color=color)
            self.wire((x, y + half), (x, y + LEAD), color=color)

    def _box(self, x: int, y: int, turn: str, long: int, short: int) -> None:
        half_w, half_h = (long, short) if turn == "h" else (short, long)
        self._parts.append(
            f'<rect x="{x - half_w}" y="{y - half_h}" width="{2 * half_w}" height="{2 * half_h}" '
            f'fill="{PAPER}" stroke="{INK}" stroke-width="1.8"/>'
        )

    def _polygon(self, x: int, y: int, turn: str, corners: list[tuple[int, int]]) -> None:
        points = " ".join(f"{x + a},{y + b}" if turn == "v" else f"{x + b},{y + a}" for a, b in corners)
        self._parts.append(f'<polygon points="{points}" fill="{PAPER}" stroke="{INK}" stroke-width="1.8"/>')

    def _value(self, x: int, y: int, value: str, turn: str, room: int) -> None:
        if turn == "h":
            self.words(x, y - room, value, anchor="middle")
        else:
            for number, line in enumerate(value.split("\n")):
                self.words(x + room, y + 4 + 14 * number, line)

    @staticmethod
    def _words(
        x: int, y: int, text: str, size: int, color: str, anchor: str = "start", weight: str = "normal"
    ) -> str:
        return (
            f'<text x="{x}" y="{y}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
            f'font-weight="{weight}">{escape(text)}</text>'
        )
