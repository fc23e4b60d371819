from __future__ import annotations

from decimal import Decimal

from controller.settings import catalog as c
from controller.settings.catalog import VARIABLES
from controller.settings.facts import EvseFact, StationFacts, providers, providers16
from controller.settings.settings import Place
from tests.settings.support import FACTS, LIVE, station


def test_every_computed_row_has_a_provider_and_gives_a_value_of_its_kind() -> None:
    found = providers(FACTS, LIVE)
    assert {v for v in VARIABLES if v.computed} == set(found)
    settings = station()
    for row in settings.rows():
        if row.source == "computed":
            assert row.value != ""


def test_the_rated_power_is_current_times_phases_times_voltage() -> None:
    limit = providers(FACTS, LIVE)[c.EVSE_POWER].max_limit
    assert limit is not None
    assert [limit(Place(evse)) for evse in (1, 2)] == [Decimal(22_080), Decimal(3_680)]


def test_power_that_flows_back_is_not_reported_as_drawn() -> None:
    live = LIVE.__class__(
        LIVE.date_time,
        LIVE.availability,
        lambda evse_id: -5,
        LIVE.profiles_installed,
        LIVE.tokens_listed,
        LIVE.roots_installed,
    )
    assert providers(FACTS, live)[c.EVSE_POWER].value(Place(1)) == 0


def test_fixed_cables_only_make_unlocking_read_only() -> None:
    socket, cable = EvseFact(1, 16_000, 1, False), EvseFact(2, 16_000, 1, True)
    for evses, fixed in [((socket,), False), ((socket, cable), False), ((cable,), True)]:
        facts = StationFacts("CP", "V", "M", "", "1", 0, evses)
        assert (c.UNLOCK_ON_EV_SIDE_DISCONNECT in providers(facts, LIVE)) is fixed


def test_keys_of_1_6_only() -> None:
    texts = {key: text() for key, text in providers16(FACTS, ("Core", "RemoteTrigger")).items()}
    assert texts == {
        "NumberOfConnectors": "2",
        "StopTransactionMaxMeterValues": "96",
        "SupportedFeatureProfiles": "Core,RemoteTrigger",
    }
