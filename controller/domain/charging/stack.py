"""Stacked charging profiles over time: of several, which one decides (1.6 3.13.2; 2.0.1 K01).

Owns: the order in which profiles are asked, what prevails at an instant and over a span of time.
Refuses to know: what its limit means in milliamperes (``limits``), who installs what (``smart_charging``).

A station looks at its schedules with every input, several times: what prevails is remembered until the next
change of the schedules, and found anew only then. That is memory of a pure function, not state.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.charging.profiles import Installed, ProfilePurpose, SchedulePeriod
from controller.domain.charging.schedule import start_ms, stretch, windows


@dataclass(frozen=True, slots=True)
class Piece:
    """From ``from_ms`` up to ``to_ms`` (UTC ms, excluded; None = for ever) ``period`` of ``one`` prevails.

    Both None: no profile applies.
    """

    from_ms: int
    to_ms: int | None
    one: Installed | None = None
    period: SchedulePeriod | None = None


class Stack:
    """Profiles in the order in which they are asked; the first that applies prevails."""

    def __init__(self, ordered: Iterable[Installed], transaction_started_ms: int | None) -> None:
        self._layers = [(one, start_ms(one, transaction_started_ms)) for one in ordered]
        self.profiles = tuple(one.profile for one, _starts_ms in self._layers)
        """What decides, to find out whether somebody chose anew."""
        self._known: Piece | None = None

    def at(self, utc_ms: int) -> Piece:
        """What prevails at an instant, and until when. Costs nothing until then."""
        known = self._known
        if known is None or utc_ms < known.from_ms or (known.to_ms is not None and utc_ms >= known.to_ms):
            known = self._known = self._find(utc_ms)
        return known

    def _find(self, utc_ms: int) -> Piece:
        until_ms: int | None = None
        for one, starts_ms in self._layers:
            found = stretch(one.profile, starts_ms, utc_ms)
            if found.until_ms is not None and (until_ms is None or found.until_ms < until_ms):
                until_ms = found.until_ms
            if found.period is not None:
                return Piece(utc_ms, until_ms, one, found.period)
        return Piece(utc_ms, until_ms)

    def over(self, from_ms: int, to_ms: int) -> list[Piece]:
        """What prevails from ``from_ms`` to ``to_ms``, without holes, in order.

        From the top: each profile takes what those above it left open, so that the effort is that of what can
        be seen from above and not that of every profile at every change.
        """
        pieces: list[Piece] = []
        begins, ends = [from_ms], [to_ms]  # what is still open, in order
        for one, starts_ms in self._layers:
            if not begins:
                break
            for begin_ms, end_ms in windows(one.profile, starts_ms, from_ms, to_ms):
                first = bisect_right(ends, begin_ms)
                last = first
                left_begins, left_ends = [], []
                while last < len(begins) and begins[last] < end_ms:
                    low_ms, high_ms = max(begins[last], begin_ms), min(ends[last], end_ms)
                    if begins[last] < low_ms:
                        left_begins.append(begins[last])
                        left_ends.append(low_ms)
                    if high_ms < ends[last]:
                        left_begins.append(high_ms)
                        left_ends.append(ends[last])
                    pieces.extend(_periods(one, starts_ms, low_ms, high_ms))
                    last += 1
                begins[first:last], ends[first:last] = left_begins, left_ends
        pieces.extend(Piece(*span) for span in zip(begins, ends, strict=True))
        pieces.sort(key=lambda piece: piece.from_ms)
        return pieces


def _periods(one: Installed, starts_ms: int | None, from_ms: int, to_ms: int) -> Iterable[Piece]:
    """The periods of a profile over a span in which it applies throughout."""
    at_ms = from_ms
    while at_ms < to_ms:
        found = stretch(one.profile, starts_ms, at_ms)
        until_ms = to_ms if found.until_ms is None else min(to_ms, found.until_ms)
        yield Piece(at_ms, until_ms, one, found.period)
        at_ms = until_ms


class Stacks:
    """The installed profiles, by id, as stacks. ``replace`` whenever they change."""

    def __init__(self) -> None:
        self.profiles: dict[int, Installed] = {}
        self._made: dict[tuple[object, ...], Stack] = {}

    def replace(self, profiles: Mapping[int, Installed]) -> None:
        self.profiles = dict(profiles)
        self._made.clear()

    def of_station(self, purpose: ProfilePurpose) -> Stack:
        """A purpose that limits the whole station."""
        key = (purpose,)
        if key not in self._made:
            self._made[key] = Stack(_down(one for one in self._all(purpose) if one.evse_id == 0), None)
        return self._made[key]

    def of_transaction(self, evse_id: int, transaction_id: str | None, started_ms: int | None) -> Stack:
        """What decides when a transaction charges. TxProfile overrules TxDefaultProfile for its transaction;
        a TxDefaultProfile of the EVSE replaces the station's on that EVSE (1.6 3.13.1)."""
        key = (evse_id, transaction_id, started_ms)
        if key not in self._made:
            if len(self._made) > 16:  # transactions of long ago, as long as no profile changes
                self._made.clear()
            own = [
                one
                for one in self._all(ProfilePurpose.TX)
                if one.evse_id == evse_id
                and transaction_id is not None
                and one.profile.transaction_id in (None, transaction_id)
            ]
            defaults = list(self._all(ProfilePurpose.TX_DEFAULT))
            here = [one for one in defaults if one.evse_id == evse_id]
            everywhere = [one for one in defaults if one.evse_id == 0]
            self._made[key] = Stack([*_down(own), *_down(here), *_down(everywhere)], started_ms)
        return self._made[key]

    def _all(self, purpose: ProfilePurpose) -> Iterable[Installed]:
        return (one for one in self.profiles.values() if one.profile.purpose is purpose)


def _down(profiles: Iterable[Installed]) -> list[Installed]:
    """The highest stack level first; of equals the latest."""
    return sorted(profiles, key=lambda one: (-one.profile.stack_level, -one.at_ms, one.profile.id))
