"""Composite schedules and the offer over many charging profiles: what they cost, and how that grows.

    python -m benchmarks composite [--repeat 20] [--sizes 10,100,1000]

``composite``: a GetCompositeSchedule of a day on a station with one EVSE, from the installed profiles on
(nothing remembered): a profile of so many periods; so many stacked profiles of which each shows for its own
part of the day; nested ones, each within the one below; and whole days on top of each other, of which the
highest is all there is to see. ``tick``: one turn of the station (handle, and the permits) while a
transaction runs with so many profiles installed, against none. Ratios tell the growth: 10x for ten times as
much is linear.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from benchmarks.figures import machine, quantile, table
from controller.domain.access.tokens import IdToken, ListState, TokenInfo
from controller.domain.charging.composite import EvsePlan, composite
from controller.domain.charging.profiles import (
    ChargingProfile,
    ChargingSchedule,
    Installed,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from controller.domain.charging.stack import Stacks
from controller.domain.events import ProfileInstalled
from controller.domain.evse.spec import EvseSpec
from controller.domain.inputs import EvseFacts, Reading, Tick
from controller.domain.instant import Now
from controller.domain.policy import Policy
from controller.domain.station import Station
from controller.settings.catalog import CATALOG, ComputedKey16
from controller.settings.policy import policy
from controller.settings.settings import Provider, Settings

DAY_S = 86_400
NOW_MS = 1_767_225_600_000


def profile(level: int, starts_s: int, duration_s: int, periods: int, top_a: int = 32) -> ChargingProfile:
    """From ``starts_s`` of this day on, its periods of equal length and all different."""
    step_s = max(1, duration_s // periods)
    listed = tuple(
        SchedulePeriod(number * step_s, 1000 * (6 + (level + number) % (top_a - 6)))
        for number in range(periods)
    )
    return ChargingProfile(
        id=level + 1,
        stack_level=level,
        purpose=ProfilePurpose.TX_DEFAULT,
        kind=ProfileKind.RECURRING,
        schedule=ChargingSchedule(RateUnit.A, listed, NOW_MS + starts_s * 1000 - DAY_S * 1000, duration_s),
        recurrency="Daily",
    )


def one_profile(periods: int) -> list[ChargingProfile]:
    return [profile(0, 0, DAY_S, periods)]


def side_by_side(count: int) -> list[ChargingProfile]:
    return [profile(level, level * DAY_S // count, DAY_S // count, 1) for level in range(count)]


def nested(count: int) -> list[ChargingProfile]:
    step_s = DAY_S // 2 // (count + 1)
    return [profile(level, level * step_s, DAY_S - 2 * level * step_s, 1) for level in range(count)]


def whole_days(count: int) -> list[ChargingProfile]:
    return [profile(level, 0, DAY_S, 96) for level in range(count)]


SHAPES: dict[str, Callable[[int], list[ChargingProfile]]] = {
    "one profile, N periods": one_profile,
    "N profiles side by side": side_by_side,
    "N profiles nested": nested,
    "N whole days of 96": whole_days,
}


def stacks_of(profiles: list[ChargingProfile]) -> Stacks:
    stacks = Stacks()
    stacks.replace({one.id: Installed(0, one, NOW_MS) for one in profiles})
    return stacks


def composite_ms(profiles: list[ChargingProfile], repeat: int) -> tuple[float, int]:
    """Median in ms, and how many periods the answer has."""
    took, periods = [], 0
    for _ in range(repeat):
        began_s = time.perf_counter()
        stacks = stacks_of(profiles)
        plan = EvsePlan(1, 32_000, stacks.of_transaction(1, None, NOW_MS))
        common = [stacks.of_station(ProfilePurpose.STATION_MAX)]
        found = composite(1, RateUnit.A, NOW_MS, DAY_S, [plan], common, 230)
        took.append((time.perf_counter() - began_s) * 1000)
        periods = len(found.periods)
    return quantile(took, 0.5), periods


class _Nobody:
    """A token book, and a store of settings, with nothing in it."""

    def listed(self, _token: IdToken) -> TokenInfo | None:
        return None

    def cached(self, _token: IdToken) -> TokenInfo | None:
        return None

    def list_state(self) -> ListState:
        raise RuntimeError("composite: found a question about the local list, expected none")

    def load(self) -> dict[str, str]:
        return {}

    def save(self, _values: Mapping[str, str]) -> None:
        return


def defaults() -> Policy:
    """The policy of a station as it comes."""
    computed = {one: Provider(lambda _place: 0) for one in CATALOG.variables if one.computed}
    keys = {one.key: str for one in CATALOG.keys16 if isinstance(one, ComputedKey16)}
    return policy(Settings(CATALOG, _Nobody(), computed, keys, {1: 1}))


def tick_us(profiles: list[ChargingProfile], plain: Policy, repeat: int) -> float:
    """Median of one turn while a transaction runs, a minute long, ten turns a second."""
    charging = replace(plain, auth_enabled=False, meter_required=False)
    station = Station([EvseSpec(1)], charging, _Nobody(), lambda: "tx-1")
    for one in profiles:
        station.apply(ProfileInstalled(0, one, NOW_MS))
    facts = EvseFacts(1, 0, "B", True, 1, 16_000, False, 32_000, None, None, True, ())
    station.handle(Reading(1, 0, 1000), Now(0, NOW_MS))
    station.handle(facts, Now(0, NOW_MS))
    if station.evses[1].transaction is None:
        raise RuntimeError("composite: found no transaction, expected one to run while it is measured")
    took = []
    for number in range(30 * repeat):
        now = Now(number * 100, NOW_MS + number * 100)
        began_s = time.perf_counter()
        station.handle(Tick(), now)
        station.permits(now)
        took.append((time.perf_counter() - began_s) * 1e6)
    return quantile(took, 0.5)


def growth(value: float, before: float | None) -> str:
    return "" if before is None else f"{value / before:.1f}x"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=20, metavar="N")
    parser.add_argument("--sizes", default="10,100,1000", metavar="N,N,...")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    print(f"{machine()}\nmedian of {options.repeat}; growth from one size to the next\n")
    rows = [("composite schedule of a day", "N", "ms", "growth", "periods told")]
    for name, shape in SHAPES.items():
        before: float | None = None
        for size in sizes:
            took_ms, periods = composite_ms(shape(size), options.repeat)
            rows.append((name, str(size), f"{took_ms:.2f}", growth(took_ms, before), str(periods)))
            before = took_ms
    print(table(rows))
    plain = defaults()
    none_us = tick_us([], plain, options.repeat)
    rows = [("a turn of the station", "N", "us", "of none", "")]
    rows.append(("no profile", "0", f"{none_us:.0f}", "1.00x", ""))
    for size in sizes:
        took_us = tick_us(whole_days(size), plain, options.repeat)
        rows.append(("N whole days of 96", str(size), f"{took_us:.0f}", f"{took_us / none_us:.2f}x", ""))
    print("\n" + table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
