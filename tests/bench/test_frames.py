import json

from hypothesis import given
from hypothesis import strategies as st

from controller.bench.frames import LONGEST_LINE, FrameReader, brief


def test_a_call_and_its_result_are_named() -> None:
    reader = FrameReader()
    call = [2, "1", "StatusNotification", {"connectorId": 1, "status": "Available", "timestamp": "2026"}]
    assert reader.line(json.dumps(call), True) == "-> StatusNotification connectorId=1 status=Available"
    assert reader.line('[3, "1", {}]', False) == "<- StatusNotification = ok"
    assert reader.line('[3, "1", {"status": "Accepted"}]', False) == "<- StatusNotification = status=Accepted"
    assert reader.line('[3, "9", {}]', False) == "<- ? = ok"


def test_errors_and_21_kinds() -> None:
    reader = FrameReader()
    reader.line('[2, "7", "Reset", {"type": "Soft"}]', False)
    assert (
        reader.line('[4, "7", "NotImplemented", "no Reset", {}]', True)
        == "-> Reset ! NotImplemented no Reset"
    )
    assert reader.line('[6, "8", "NotifyPeriodicEventStream", {"id": 1}]', True).startswith(
        "-> NotifyPeriodic"
    )
    assert reader.line('[5, "7", "FormatViolation", "", {}]', False) == "<- Reset ! FormatViolation"


def test_meter_values_read_as_quantities() -> None:
    values = [
        {"value": "1.5", "measurand": "Current.Import", "phase": "L1", "unit": "A"},
        {"value": 7, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}},
    ]
    assert brief({"meterValue": [{"timestamp": "x", "sampledValue": values}]}) == (
        "Current.Import.L1=1.5A Energy.Active.Import.Register=7Wh"
    )


def test_long_texts_and_uuids_are_cut() -> None:
    assert brief({"transactionId": "13aa3658-1111-2222-3333-444444444444"}) == "transactionId=13aa3658.."
    assert brief({"info": "x" * 41}) == "info=" + "x" * 37 + "..."
    assert (
        len(FrameReader().line(json.dumps([2, "1", "A", {str(n): "y" * 40 for n in range(9)}]), True))
        == LONGEST_LINE
    )


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_text_becomes_one_line(text: str) -> None:
    line = FrameReader().line(text, True)
    assert "\n" not in line and line.startswith("-> ") and len(line) <= LONGEST_LINE


def test_actions_of_unanswered_calls_are_forgotten_in_the_end() -> None:
    reader = FrameReader()
    for number in range(300):
        reader.line(json.dumps([2, str(number), "Heartbeat", {}]), True)
    assert reader.line('[3, "0", {}]', False) == "<- ? = ok"
    assert reader.line('[3, "299", {}]', False) == "<- Heartbeat = ok"
