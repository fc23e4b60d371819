"""Turn a captured terminal (ANSI text on standard input) into docs/demo.svg.

The picture in the README is a real run: start `joulepost demo --ocpp 1.6` in a terminal of 110 x 24 and
capture its screen, for example `tmux capture-pane -t demo -p -e | python docs/render_demo.py`.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text


def main() -> None:
    lines = [line for line in sys.stdin.read().splitlines() if "starting bench" not in line]
    while lines and not re.sub(r"\x1b\[[0-9;]*m", "", lines[-1]).strip():
        lines.pop()
    console = Console(record=True, width=107, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(Text.from_ansi(line), overflow="crop", no_wrap=True)
    svg = console.export_svg(title="joulepost demo")
    # No fonts from the network: the reader's own monospace font serves.
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    Path(__file__).with_name("demo.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
