from __future__ import annotations

import pytest

from controller.csms.v201 import V201
from controller.domain.events import ChargingState
from controller.domain.views import EvseView
from tests.csms.rig import view
from tests.csms.second_opinion import checked


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (view(), "Available"),
        (view(authorized=True), "Available"),
        (view(plugged=True), "Occupied"),
        (view(plugged=True, transaction_id="t", charging_state=ChargingState.CHARGING), "Occupied"),
        (view(reserved=True), "Reserved"),
        (view(reserved=True, plugged=True), "Reserved"),
        (view(operative=False, plugged=True), "Unavailable"),
        (view(fault="residual-current", operative=False), "Faulted"),
        (view(fault="starting"), "Available"),
    ],
)
def test_G01_FR_01_connector_status(one: EvseView, expected: str) -> None:
    payload = checked("ocpp2.0.1", V201().status(one))
    assert payload == {
        "timestamp": "2026-01-01T00:00:00.000Z",
        "connectorStatus": expected,
        "evseId": 1,
        "connectorId": 1,
    }
    checked("ocpp2.1", V201().status(one))


def test_the_station_itself_has_no_connector() -> None:
    assert V201().status(view(0)) is None
