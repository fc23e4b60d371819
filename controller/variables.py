"""The settings of this station: the catalogue, and what only the hardware or the running station can tell.

Owns: which facts a provider is given, and how they are found.
Refuses to know: the variables (``settings.catalog``), the rules that follow from them.
"""

from __future__ import annotations

from collections.abc import Callable

from controller.clock import Clock
from controller.config import StationConfig
from controller.csms.v16 import FEATURE_PROFILES
from controller.csms.wire import instant
from controller.domain.security.certificate import ROOTS
from controller.domain.station import Station
from controller.hardware import lines, measurands
from controller.settings.catalog import CATALOG, SMART_CHARGING_ENABLED
from controller.settings.facts import (
    EvseFact,
    LiveFacts,
    StationFacts,
    absent,
    fitted,
    providers,
    providers16,
)
from controller.settings.settings import Settings
from controller.store.database import Database
from controller.store.values import SqliteSettingValues
from hal.interface import AdjustableIndicator, ServiceBoard
from hal.profile import BoardProfile


def station_facts(
    config: StationConfig, profile: BoardProfile, board: ServiceBoard, version: str
) -> StationFacts:
    """What never changes while the program runs. ``version``: of the firmware."""
    return StationFacts(
        identity=config.csms.identity if config.csms else config.station.id,
        vendor=config.station.vendor,
        model=config.station.model,
        serial=config.station.serial,
        firmware_version=version,
        evses=tuple(
            EvseFact(evse.evse_id, evse.rating_ma, evse.phases, evse.tethered, evse.phase_switch is not None)
            for evse in profile.evses
        ),
        measurands=measurands(profile),
        lines=lines(profile),
        adjustable_lights=any(
            isinstance(board.indicator(evse.evse_id), AdjustableIndicator) for evse in profile.evses
        ),
    )


def live_facts(clock: Clock, station: Callable[[], Station], tokens_listed: Callable[[], int]) -> LiveFacts:
    """What is looked up whenever it is asked for; ``station`` comes after the settings it needs itself."""

    def availability(evse_id: int, _connector_id: int) -> str:
        """2.0.1 AvailabilityState of the station (0) or an EVSE."""
        views = {view.evse_id: view for view in station().views(clock.now())}
        view = views[evse_id]
        if view.fault is not None:
            return "Faulted"
        if not view.operative:
            return "Unavailable"
        if view.reserved:
            return "Reserved"
        return "Occupied" if view.plugged or view.transaction_id is not None else "Available"

    def power_w(evse_id: int) -> int:
        reading = station().evses[evse_id].meter.reading
        return reading.power_w or 0 if reading else 0

    return LiveFacts(
        date_time=lambda: instant(clock.now().utc_ms),
        availability=availability,
        power_w=power_w,
        profiles_installed=lambda: len(station().smart_charging.profiles),
        tokens_listed=tokens_listed,
        roots_installed=lambda: len(station().certificates.of(*ROOTS)),
    )


def open_settings(
    database: Database,
    config: StationConfig,
    facts: StationFacts,
    live: LiveFacts,
    has_installer: bool,
    say: Callable[[str], None],
) -> Settings:
    """Raises ``SettingsError``. Stored values that the catalogue no longer takes are told, and left aside."""

    def switched_off() -> tuple[str, ...]:
        """Feature profiles of 1.6 that the owner does not want, or has no means for: without an installer
        UpdateFirmware is NotSupported, and half a profile is none, although GetDiagnostics is answered."""
        return (
            *(() if settings[SMART_CHARGING_ENABLED] else ("SmartCharging",)),
            *(() if has_installer else ("FirmwareManagement",)),
        )

    settings = Settings(
        CATALOG,
        SqliteSettingValues(database),
        providers(facts, live),
        providers16(facts, FEATURE_PROFILES, switched_off),
        {evse.evse_id: 1 for evse in facts.evses},
        config.initial_settings,
        config.overrides,
        fitted(facts),
        absent(facts),
    )
    for refused in settings.refused_values:
        say(f"settings: {refused}")
    return settings
