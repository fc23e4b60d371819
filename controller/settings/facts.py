"""Providers for the computed rows: what is fixed by configuration and hardware, and what is asked live.

Owns: which row is computed from which fact. Refuses to know: where the facts come from (the composition root
hands them in).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from controller.domain.evse.transaction import MOST_ENDED_SAMPLES
from controller.domain.metering.measurands import Measurand
from controller.settings import catalog as c
from controller.settings.catalog import Variable
from controller.settings.kinds import Kind, Measurands, PhaseRotations
from controller.settings.settings import Place, Provider


@dataclass(frozen=True, slots=True)
class EvseFact:
    """``rating_ma`` per phase; one connector, number 1."""

    evse_id: int
    rating_ma: int
    phases: int
    tethered: bool
    phase_switch: bool = False


@dataclass(frozen=True, slots=True)
class StationFacts:
    """What does not change while the program runs."""

    identity: str
    vendor: str
    model: str
    serial: str
    firmware_version: str
    evses: tuple[EvseFact, ...]
    nominal_voltage_v: int = 230
    measurands: frozenset[Measurand] = frozenset(Measurand)  # that some meter or sensor can tell
    lines: tuple[str, ...] = ("L1", "L2", "L3")  # that some meter measures
    adjustable_lights: bool = True


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is asked at every look.

    ``availability(evse_id, connector_id)``: AvailabilityState, (0, 0) = the station. ``power_w(evse_id)``:
    drawn now, 0 when unknown.
    """

    date_time: Callable[[], str]
    availability: Callable[[int, int], str]
    power_w: Callable[[int], int]
    profiles_installed: Callable[[], int]
    tokens_listed: Callable[[], int]
    roots_installed: Callable[[], int]


def providers(facts: StationFacts, live: LiveFacts) -> dict[Variable[Any], Provider]:
    """For ``Settings(providers=...)``."""
    evses = {evse.evse_id: evse for evse in facts.evses}

    def fixed(value: object) -> Provider:
        return Provider(lambda place: value)

    def per_evse(value: Callable[[EvseFact], object]) -> Provider:
        return Provider(lambda place: value(evses[place.evse_id or 0]))

    def rated_power_w(place: Place) -> Decimal:
        evse = evses[place.evse_id or 0]
        return Decimal(evse.rating_ma * evse.phases * facts.nominal_voltage_v // 1000)

    def drawn_power_w(place: Place) -> Decimal:
        return Decimal(max(0, live.power_w(place.evse_id or 0)))

    computed: dict[Variable[Any], Provider] = {
        c.DATE_TIME: Provider(lambda place: live.date_time()),
        c.IDENTITY: fixed(facts.identity),
        c.PROFILE_ENTRIES: Provider(lambda place: live.profiles_installed()),
        c.LOCAL_LIST_ENTRIES: Provider(lambda place: live.tokens_listed()),
        c.PHASES_3_TO_1: fixed(bool(facts.evses) and all(evse.phase_switch for evse in facts.evses)),
        c.CERTIFICATE_ENTRIES: Provider(lambda place: live.roots_installed()),
        c.STATION_VENDOR: fixed(facts.vendor),
        c.STATION_MODEL: fixed(facts.model),
        c.STATION_SERIAL: fixed(facts.serial),
        c.FIRMWARE_VERSION: fixed(facts.firmware_version),
        c.STATION_AVAILABLE: fixed(True),
        c.STATION_AVAILABILITY: Provider(lambda place: live.availability(0, 0)),
        c.STATION_PHASES: fixed(max((evse.phases for evse in facts.evses), default=0)),
        c.EVSE_AVAILABLE: fixed(True),
        c.EVSE_AVAILABILITY: Provider(lambda place: live.availability(place.evse_id or 0, 1)),
        c.EVSE_PHASES: per_evse(lambda evse: evse.phases),
        c.EVSE_POWER: Provider(
            lambda place: Decimal(max(0, live.power_w(place.evse_id or 0))), rated_power_w
        ),
        c.CONNECTOR_AVAILABLE: fixed(True),
        c.CONNECTOR_AVAILABILITY: Provider(
            lambda place: live.availability(place.evse_id or 0, place.connector_id or 0)
        ),
        c.CONNECTOR_TYPE: per_evse(lambda evse: "cType2" if evse.tethered else "sType2"),
        c.CONNECTOR_PHASES: per_evse(lambda evse: evse.phases),
    }
    if all(evse.tethered for evse in facts.evses):
        # 2.0.1 Part 2, 2.1.12 and 1.6 errata 3.84: with fixed cables only, read-only and false.
        computed[c.UNLOCK_ON_EV_SIDE_DISCONNECT] = fixed(False)
    return computed


def providers16(
    facts: StationFacts,
    feature_profiles: tuple[str, ...],
    without: Callable[[], tuple[str, ...]] = tuple,
) -> Mapping[str, Callable[[], str]]:
    """For ``Settings(providers16=...)``. ``feature_profiles``: what ``csms.v16`` implements, "Core" ...;
    ``without``: what of it the owner switched off."""

    def supported() -> list[str]:
        return [one for one in feature_profiles if one not in without()]

    return {
        c.NUMBER_OF_CONNECTORS_16.key: lambda: str(len(facts.evses)),
        c.MAX_METER_VALUES_16.key: lambda: str(MOST_ENDED_SAMPLES),
        c.SUPPORTED_FEATURE_PROFILES_16.key: lambda: ",".join(supported()),
        c.SUPPORTED_FEATURE_PROFILES_MOST_16.key: lambda: str(len(supported())),
    }


def fitted(facts: StationFacts) -> dict[Variable[Any], Kind[Any]]:
    """For ``Settings(fitted=...)``: only what this hardware measures may be asked for (1.6 3.16.4), only
    connectors that exist have a phase rotation (1.6 9.1.7)."""
    supported = tuple(one for one in Measurand if one in facts.measurands)
    lists = [row for row in c.VARIABLES if isinstance(row.kind, Measurands)]
    kinds: dict[Variable[Any], Kind[Any]] = dict.fromkeys(lists, Measurands(supported, facts.lines))
    kinds[c.PHASE_ROTATION] = PhaseRotations(tuple((evse.evse_id, evse.phases) for evse in facts.evses))
    return kinds


def absent(facts: StationFacts) -> frozenset[Variable[Any]]:
    """For ``Settings(absent=...)``: a 1.6 key that is there says that its function is (1.6 9)."""
    return frozenset() if facts.adjustable_lights else frozenset({c.LIGHT_INTENSITY, c.BLINK_REPEAT})
