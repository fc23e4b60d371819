"""A store in memory and a station of two EVSEs for the tests of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controller.settings.catalog import CATALOG, Catalog
from controller.settings.facts import EvseFact, LiveFacts, StationFacts, providers, providers16
from controller.settings.settings import Settings


class MemoryValues:
    """``SettingValues``; ``fail`` makes the next saves fail, ``log`` tells what was saved."""

    def __init__(self, stored: Mapping[str, str] | None = None) -> None:
        self.stored = dict(stored or {})
        self.log: list[dict[str, str]] = []
        self.fail: Exception | None = None

    def load(self) -> dict[str, str]:
        return dict(self.stored)

    def save(self, values: Mapping[str, str]) -> None:
        if self.fail is not None:
            raise self.fail
        self.log.append(dict(values))
        self.stored.update(values)


FACTS = StationFacts(
    "CP001", "Vendor", "Model", "S1", "0.1.0",
    (EvseFact(1, 32_000, 3, False), EvseFact(2, 16_000, 1, True)),
)  # fmt: skip

LIVE = LiveFacts(
    date_time=lambda: "2026-01-31T12:00:00Z",
    availability=lambda evse_id, connector_id: "Occupied" if evse_id == 2 else "Available",
    power_w=lambda evse_id: 1000 * evse_id,
    profiles_installed=lambda: 3,
    tokens_listed=lambda: 12,
    roots_installed=lambda: 2,
)


def station(
    values: MemoryValues | None = None,
    *,
    catalog: Catalog = CATALOG,
    facts: StationFacts = FACTS,
    **layers: Any,
) -> Settings:
    return Settings(
        catalog,
        values if values is not None else MemoryValues(),
        providers(facts, LIVE),
        providers16(facts, ("Core", "RemoteTrigger", "SmartCharging")),
        {evse.evse_id: 1 for evse in facts.evses},
        **layers,
    )
