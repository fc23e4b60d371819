"""How many phases to ask the safety process for, on an EVSE whose phase switch can give one or three.

Owns: that a charging profile's numberPhases below 3 asks for one phase (1.6 7.12, 2.0.1 K01: three when
nothing is said). Two phases cannot be given; a limit only lowers, so two means one.
Refuses to know: how and when the switch moves (``controller.safety.phases`` does).
"""

from __future__ import annotations

from collections.abc import Sequence

from controller.domain.charging.limits import Claim

DELAYED = "random delay"
"""The claim that puts off a change of schedule (``delaying``): the phases are put off with it."""


def asking(claims: Sequence[Claim]) -> Claim | None:
    """The claim that asks for one phase, None = nobody does."""
    return next((claim for claim in claims if claim.phases is not None and claim.phases < 3), None)


def wanted(claims: Sequence[Claim], before: int) -> int:
    """1 or 3; ``before`` while a change of the schedule is put off."""
    if any(claim.name == DELAYED for claim in claims):
        return before
    return 3 if asking(claims) is None else 1
