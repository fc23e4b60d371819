"""docs/faults.md from the catalogue: ``python -m controller.local.faults_document > docs/faults.md``.

Owns: the text of the page. Refuses to know: any fault.
"""

from __future__ import annotations

import sys

from controller.domain.faults import FAULTS, Acts, Fault, Severity

HEAD = """\
# Faults

Generated from the catalogue (`controller/domain/faults.py`) by
`python -m controller.local.faults_document > docs/faults.md`; a test keeps it so, and another one raises and
clears every row in the simulated world (`tests/scenarios/test_every_fault.py`).

`joulepost why` shows what holds now, `joulepost faults` what was and what to do about it.

**Who acts.** The *safety process* opens the contactor in the same 10 ms step, whatever flows. The
*controller* has a meter's reading a second and the faults named in its table; it withdraws the permit: the
pilot says x1, the vehicle lets go, the contactor opens, after 6 s in any case. Seconds, not 100 ms: the
circuit breaker and the residual-current device stay what protects people and cables.

**Severity.** `info`: part of normal life. `warning`: charging goes on. `derate`: less current. `stop`: no
charging until the cause is gone. `hard`: the cause being gone is not enough; unplug, or a person resets.

`joulepost command reset_faults evse_id=1` clears every fault whose cause is gone. After every fault that
cleared, charging goes on with the vehicle still plugged in, unless its row says that it clears by unplugging
only.

"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, _table()]
    for acts, title in (
        (Acts.SAFETY, "Found by the safety process"),
        (Acts.CONTROLLER, "Found by the controller"),
        (Acts.NOBODY, "Warnings"),
    ):
        parts.append(f"\n## {title}\n")
        parts += [_section(row) for row in FAULTS.values() if row.acts is acts]
    return "\n".join(parts)


def _table() -> str:
    lines = [
        "| fault | severity | acts | retries | OCPP 1.6 | OCPP 2.0.1 | ChargeX |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in FAULTS.values():
        tries = "" if row.tries is None else f"`{row.tries}`"
        lines.append(
            f"| [{row.name}](#{row.name}) | {row.severity} | {row.acts} | {tries} | {row.code16} | "
            f"{row.component201}.Problem | {row.mrec or ''} |"
        )
    return "\n".join(lines)


def _section(row: Fault) -> str:
    lines = [
        f"### {row.name}",
        "",
        f"{row.cause[0].upper()}{row.cause[1:]}.",
        "",
        f"- Inhibits: {row.inhibits}.",
        f"- Cleared by: {row.clears_by}.",
    ]
    if row.severity is Severity.HARD and row.remembered:
        lines.append("- Remembered over restarts of both processes until a reset.")
    lines += [f"- To do: {row.remedy}.", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
