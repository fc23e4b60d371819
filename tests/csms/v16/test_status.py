from __future__ import annotations

import json
from typing import Any

import pytest

from controller.csms.schema import schema_dir
from controller.csms.v16 import V16
from controller.domain.events import ChargingState
from controller.domain.faults import FAULTS, describe
from controller.domain.views import EvseView
from tests.csms.rig import view
from tests.csms.second_opinion import checked

C = ChargingState


def status(one: EvseView) -> dict[str, Any]:
    return checked("ocpp1.6", V16().status(one))


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (view(), "Available"),
        (view(plugged=True), "Preparing"),
        (view(authorized=True), "Preparing"),
        (view(transaction_id="t", plugged=True, charging_state=C.EV_CONNECTED), "Preparing"),
        (view(transaction_id="t", plugged=True, charging_state=C.CHARGING), "Charging"),
        (view(transaction_id="t", plugged=True, charging_state=C.SUSPENDED_EV), "SuspendedEV"),
        (view(transaction_id="t", plugged=True, charging_state=C.SUSPENDED_EVSE), "SuspendedEVSE"),
        (view(transaction_id="t", charging_state=C.IDLE), "SuspendedEV"),
        (view(plugged=True, finishing=True), "Finishing"),
        (view(reserved=True), "Reserved"),
        (view(reserved=True, plugged=True), "Reserved"),
        (view(operative=False), "Unavailable"),
        (view(operative=False, plugged=True), "Unavailable"),
        (view(operative=False, transaction_id="t", charging_state=C.CHARGING), "Charging"),
        (view(fault="contactor-welded", transaction_id="t", charging_state=C.CHARGING), "Faulted"),
        (view(fault="starting"), "Available"),
        (view(0), "Available"),
        (view(0, operative=False), "Unavailable"),
        (view(0, fault="safety-silent"), "Faulted"),
    ],
)
def test_16_CORE_70_the_nine_statuses(one: EvseView, expected: str) -> None:
    assert status(one)["status"] == expected


def test_16_CORE_69_connector_0_is_independent_of_plugs() -> None:
    assert (
        status(view(0, plugged=True, authorized=True, reserved=True, finishing=True))["status"] == "Available"
    )


def test_no_error_means_no_details() -> None:
    assert status(view(2)) == {
        "connectorId": 2,
        "errorCode": "NoError",
        "status": "Available",
        "timestamp": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize("fault", [*FAULTS, "a name from a newer program"])
def test_16_CORE_77_16_CORE_80_16_CORE_81_every_fault_is_told(fault: str) -> None:
    row = describe(fault)
    if not row.blocking:
        told = status(view(warning=fault))
        assert told["status"] == "Available"
    else:
        told = status(view(fault=fault))
        assert told["status"] == "Faulted"
        assert told["errorCode"] != "NoError"
    without_vehicle = row.blocking and row.code16 == "EVCommunicationError"
    assert told["errorCode"] == ("OtherError" if without_vehicle else row.code16)
    assert told["vendorErrorCode"] == (row.mrec or fault)
    assert told["info"] == fault


def test_16_CORE_80_every_code_of_the_standard_has_its_fault() -> None:
    """But WeakSignal: no board profile has a modem whose signal could be asked for."""
    path = schema_dir("ocpp1.6") / "StatusNotification.json"
    codes = set(json.loads(path.read_text())["properties"]["errorCode"]["enum"])
    assert {row.code16 for row in FAULTS.values()} == codes - {"WeakSignal"}


def test_16_CORE_81_long_names_are_cut() -> None:
    told = status(view(fault="x" * 80))
    assert len(told["vendorErrorCode"]) == len(told["info"]) == 50


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (view(fault="pilot-short", plugged=True), "Preparing"),
        (view(fault="pilot-short", authorized=True), "Preparing"),
        (view(fault="diode-missing", plugged=True, finishing=True), "Finishing"),
        (view(fault="pilot-fault", transaction_id="t", charging_state=C.CHARGING), "SuspendedEVSE"),
        (view(fault="pilot-fault", transaction_id="t", charging_state=C.SUSPENDED_EV), "SuspendedEVSE"),
    ],
)
def test_16_CORE_78_trouble_with_the_vehicle_is_a_warning(one: EvseView, expected: str) -> None:
    told = status(one)
    assert (told["status"], told["errorCode"]) == (expected, "EVCommunicationError")
    assert told["vendorErrorCode"] == "CX014"


@pytest.mark.parametrize("one", [view(fault="pilot-short"), view(fault="pilot-short", operative=False)])
def test_16_CORE_78_without_a_vehicle_it_is_a_fault_of_the_station(one: EvseView) -> None:
    told = status(one)
    assert (told["status"], told["errorCode"]) == ("Faulted", "OtherError")


@pytest.mark.parametrize("state", C)
def test_16_CORE_78_a_warning_beside_every_status(state: ChargingState) -> None:
    plain = view(transaction_id="t", plugged=True, charging_state=state)
    told = status(view(transaction_id="t", plugged=True, charging_state=state, warning="contactor-worn"))
    assert told["status"] == status(plain)["status"] != "Faulted"
    assert (told["errorCode"], told["vendorErrorCode"]) == ("OtherError", "contactor-worn")
