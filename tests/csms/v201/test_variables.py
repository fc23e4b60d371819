from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controller.csms.rpc import CallRefused
from controller.csms.v201 import V201
from controller.csms.version import Answer, Query
from controller.settings.catalog import HEARTBEAT_INTERVAL
from tests.csms.desk import PlainDesk, plain_desk
from tests.csms.second_opinion import checked, checked_answer, checked_request


def run(desk: PlainDesk, action: str, payload: dict[str, Any]) -> Answer:
    query = V201().command(action, checked_request("ocpp2.0.1", action, payload), lambda _kind, _value: None)
    assert isinstance(query, Query)
    answer = query.answer(desk)
    checked_answer("ocpp2.0.1", action, answer.payload)
    checked_answer("ocpp2.1", action, answer.payload)
    return answer


def variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


def test_B06_get_variables(tmp_path: Path) -> None:
    data = [
        variable("OCPPCommCtrlr", "HeartbeatInterval"),
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeType="Target"),
        variable("Nonsense", "HeartbeatInterval"),
        variable("OCPPCommCtrlr", "Nonsense"),
        variable("SecurityCtrlr", "BasicAuthPassword"),
    ]
    answer = run(plain_desk(tmp_path), "GetVariables", {"getVariableData": data})
    results = answer.payload["getVariableResult"]
    assert [one["attributeStatus"] for one in results] == [
        "Accepted",
        "NotSupportedAttributeType",  # B06.FR.08
        "UnknownComponent",  # B06.FR.06
        "UnknownVariable",  # B06.FR.07
        "Rejected",  # B06.FR.09
    ]
    assert results[0]["attributeValue"] == "300"
    assert results[0]["attributeType"] == "Actual"  # B06.FR.11
    assert not any("attributeValue" in one for one in results[1:])
    assert [one["variable"] for one in results] == [one["variable"] for one in data]


def test_B06_FR_16_too_many_items_are_refused(tmp_path: Path) -> None:
    desk = plain_desk(tmp_path)
    data = [variable("OCPPCommCtrlr", "HeartbeatInterval")] * 1001
    with pytest.raises(CallRefused) as refused:
        run(desk, "GetVariables", {"getVariableData": data})
    assert refused.value.code == "OccurrenceConstraintViolation"


def test_B05_set_variables(tmp_path: Path) -> None:
    desk = plain_desk(tmp_path)
    data = [
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="77"),
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="77", attributeType="MaxSet"),
        variable("OCPPCommCtrlr", "HeartbeatInterval", attributeValue="soon"),
        variable("ClockCtrlr", "DateTime", attributeValue="2026-01-01T00:00:00Z"),
        variable("Nonsense", "HeartbeatInterval", attributeValue="1"),
    ]
    answer = run(desk, "SetVariables", {"setVariableData": data})
    results = answer.payload["setVariableResult"]
    assert [one["attributeStatus"] for one in results] == [
        "Accepted",  # B05.FR.10
        "NotSupportedAttributeType",  # B05.FR.06
        "Rejected",  # B05.FR.07
        "Rejected",  # B05.FR.09
        "UnknownComponent",  # B05.FR.04
    ]
    assert results[2]["attributeStatusInfo"]["reasonCode"] == "InvalidValue"
    assert results[3]["attributeStatusInfo"]["reasonCode"] == "ReadOnly"
    assert desk.settings[HEARTBEAT_INTERVAL] == 77


@pytest.mark.parametrize("base", ["FullInventory", "ConfigurationInventory", "SummaryInventory"])
def test_B07_reports_come_in_numbered_parts(tmp_path: Path, base: str) -> None:
    desk = plain_desk(tmp_path, {"DeviceDataCtrlr.ItemsPerMessage[GetReport]": "5"})
    answer = run(desk, "GetBaseReport", {"requestId": 42, "reportBase": base})
    assert answer.payload == {"status": "Accepted"}
    parts = [checked("ocpp2.0.1", call) for call in answer.then]
    for call in answer.then:
        checked("ocpp2.1", call)
    assert [part["seqNo"] for part in parts] == list(range(len(parts)))  # B07.FR.10
    assert [part["tbc"] for part in parts] == [True] * (len(parts) - 1) + [False]
    assert {part["requestId"] for part in parts} == {42}  # B07.FR.04
    assert all(len(part["reportData"]) <= 5 for part in parts)
    rows = [row for part in parts for row in part["reportData"]]
    names = {(row["component"]["name"], row["variable"]["name"]) for row in rows}
    assert (("OCPPCommCtrlr", "HeartbeatInterval") in names) == (base != "SummaryInventory")
    if base == "ConfigurationInventory":  # B07.FR.07
        assert all(row["variableAttribute"][0]["mutability"] != "ReadOnly" for row in rows)
    else:
        evses = {row["component"]["evse"]["id"] for row in rows if "evse" in row["component"]}
        assert evses == {1, 2}


def test_secrets_are_not_reported(tmp_path: Path) -> None:
    desk = plain_desk(tmp_path, {"SecurityCtrlr.BasicAuthPassword": "a very secret password"})
    answer = run(desk, "GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
    assert "secret password" not in str(answer.then)
