from __future__ import annotations

import pytest

from controller.csms.v16 import V16
from controller.csms.v201 import V201
from controller.domain.events import FaultCleared, FaultRaised
from controller.domain.faults import FAULTS
from tests.csms.second_opinion import checked

AT_MS = 1_767_225_600_000


def nobody(_kind: str, _key: str) -> None:
    return None


@pytest.mark.parametrize("fault", [*FAULTS, "a name from a newer program"])
def test_N07_FR_02_a_fault_and_its_end_are_events_of_the_problem_of_a_component(fault: str) -> None:
    raised = V201().call(FaultRaised(1, fault, AT_MS), nobody)
    cleared = V201().call(FaultCleared(1, fault, AT_MS + 5), nobody)
    assert raised is not None
    assert cleared is not None
    for call, value in ((raised, "true"), (cleared, "false")):
        checked(V201.subprotocol, call)
        (data,) = call.payload["eventData"]
        assert data["variable"] == {"name": "Problem"}
        assert data["component"]["evse"] == {"id": 1}
        assert data["actualValue"] == value
        assert 0 <= data["eventId"] < 2**31
        assert fault in data["techInfo"]
    assert cleared.payload["eventData"][0]["cleared"] is True
    assert "cleared" not in raised.payload["eventData"][0]
    assert V201().call(FaultRaised(1, fault, AT_MS), nobody) == raised, "a repetition is the same message"
    assert V16().call(FaultRaised(1, fault, AT_MS), nobody) is None


def test_a_fault_of_the_station_has_no_evse() -> None:
    call = V201().call(FaultRaised(0, "storage", AT_MS), nobody)
    assert call is not None
    assert "evse" not in call.payload["eventData"][0]["component"]


def test_the_code_of_chargex_goes_first() -> None:
    call = V201().call(FaultRaised(1, "contactor-welded", AT_MS), nobody)
    assert call is not None
    assert call.payload["eventData"][0]["techCode"] == "CX017"
