"""The RPC core: every frame of OCPP-J 1.6, 2.0.1 and 2.1, right and wrong."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest

from controller.csms.errors import CsmsError, SchemaViolation
from controller.csms.rpc import (
    DIALECTS,
    Answered,
    Call,
    Expired,
    Failed,
    Ignored,
    Outcome,
    Outgoing,
    Request,
    Rpc,
    new_message_id,
)
from controller.csms.schema import Schemas

V16, V201, V21 = "ocpp1.6", "ocpp2.0.1", "ocpp2.1"
ALL = pytest.mark.parametrize("version", [V16, V201, V21])
BOOT = {
    V16: Call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"}),
    V201: Call(
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "One"}},
    ),
}
BOOT[V21] = BOOT[V201]
BOOTED = {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 300}


@functools.cache
def schemas(version: str) -> Schemas:
    return Schemas.installed(version)


def rpc_for(version: str, **options: Any) -> Rpc:
    return Rpc(DIALECTS[version], schemas(version), **options)


def receive(rpc: Rpc, frame: Any, now_ms: int = 0) -> Outcome:
    """The only outcome of a frame, given as text or as what its JSON says."""
    outcomes = rpc.receive(frame if isinstance(frame, str | bytes) else json.dumps(frame), now_ms)
    assert len(outcomes) == 1, outcomes
    return outcomes[0]


def error_of(outcome: Outcome, message_type: int = 4) -> tuple[str, str]:
    """(message id, code) of a CALLERROR to send, after checking its shape (16.CONN.13)."""
    assert isinstance(outcome, Outgoing), outcome
    frame = json.loads(outcome.frame)
    assert len(frame) == 5 and frame[0] == message_type
    assert isinstance(frame[3], str) and len(frame[3]) <= 255
    assert frame[4] == {}
    return frame[1], frame[2]


def trigger(message_id: Any = "7", payload: Any = None) -> list[Any]:
    return [
        2,
        message_id,
        "TriggerMessage",
        {"requestedMessage": "Heartbeat"} if payload is None else payload,
    ]


# ---- our CALLs


@ALL
def test_call_and_answer(version: str) -> None:
    rpc = rpc_for(version)
    frame = json.loads(rpc.call(BOOT[version], 1_000, 30_000, "id-1"))
    assert frame == [2, "id-1", "BootNotification", BOOT[version].payload]
    assert (rpc.outstanding, rpc.next_deadline_ms) == ("id-1", 31_000)
    assert receive(rpc, [3, "id-1", BOOTED], 1_001) == Answered("id-1", BOOT[version], BOOTED)
    assert rpc.outstanding is None


@ALL
def test_16_CONN_05_one_outstanding_call(version: str) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000)
    with pytest.raises(CsmsError, match=r"cannot send Heartbeat: BootNotification .* is outstanding"):
        rpc.call(Call("Heartbeat", {}), 0, 1_000)
    assert rpc.expire(999) is None
    assert isinstance(rpc.expire(1_000), Expired)
    rpc.call(Call("Heartbeat", {}), 1_000, 1_000)


@ALL
def test_16_CONN_06_a_request_is_taken_while_an_own_call_is_outstanding(version: str) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "mine")
    request = receive(rpc, trigger("theirs"))
    assert isinstance(request, Request)
    assert json.loads(rpc.answer(request, {"status": "Accepted"})) == [3, "theirs", {"status": "Accepted"}]
    assert rpc.outstanding == "mine"


@ALL
def test_the_same_message_id_may_come_from_both_sides(version: str) -> None:
    rpc = rpc_for(version)
    rpc.call(Call("Heartbeat", {}), 0, 1_000, "1")
    assert isinstance(receive(rpc, trigger("1")), Request)
    answer = receive(rpc, [3, "1", {"currentTime": "2026-01-01T00:00:00Z"}])
    assert isinstance(answer, Answered)


def test_16_CONN_09_message_ids_are_uuids_of_36_characters() -> None:
    ids = {new_message_id() for _ in range(1_000)}
    assert len(ids) == 1_000 and {len(message_id) for message_id in ids} == {36}
    rpc = rpc_for(V16)
    assert len(json.loads(rpc.call(Call("Heartbeat", {}), 0, 1_000))[1]) == 36


@pytest.mark.parametrize("message_id", ["", "x" * 37])
def test_16_CONN_09_a_bad_message_id_is_not_sent(message_id: str) -> None:
    rpc = rpc_for(V16)
    with pytest.raises(ValueError, match="expected 1 to 36"):
        rpc.call(Call("Heartbeat", {}), 0, 1_000, message_id)
    assert rpc.outstanding is None


@ALL
def test_16_CONN_14_nothing_outside_the_schema_is_sent(version: str) -> None:
    rpc = rpc_for(version)
    for bad in (
        Call("Heartbeat", {"colour": "red"}),
        Call("BootNotification", {}),
        Call("NoSuchAction", {}),
    ):
        with pytest.raises(SchemaViolation):
            rpc.call(bad, 0, 1_000)
    request = receive(rpc, trigger())
    assert isinstance(request, Request)
    with pytest.raises(SchemaViolation):
        rpc.answer(request, {"status": "Maybe"})
    assert json.loads(rpc.refuse(request, "InternalError"))[:3] == [4, "7", "InternalError"]


def test_what_is_not_json_is_not_sent() -> None:
    rpc = rpc_for(V201)
    with pytest.raises(SchemaViolation, match="cannot be written as JSON"):
        rpc.call(Call("DataTransfer", {"vendorId": "x", "data": {"far": float("inf")}}), 0, 1_000)
    with pytest.raises(SchemaViolation, match="cannot be written as JSON"):
        rpc.call(Call("DataTransfer", {"vendorId": "x", "data": b"bytes"}), 0, 1_000)
    assert rpc.outstanding is None


def test_16_CONN_07_frames_are_json_that_survives_utf8() -> None:
    rpc = rpc_for(V16)
    frame = rpc.call(Call("DataTransfer", {"vendorId": "Grün €"}), 0, 1_000)
    assert json.loads(frame.encode("utf-8"))[3] == {"vendorId": "Grün €"}


def test_16_CONN_10_an_empty_payload_is_an_object() -> None:
    rpc = rpc_for(V16)
    assert rpc.call(Call("Heartbeat", {}), 0, 1_000, "1") == '[2,"1","Heartbeat",{}]'


# ---- their answers


@ALL
def test_callerror_fails_the_call(version: str) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "1")
    failed = receive(rpc, [4, "1", "SecurityError", "not accepted yet", {"why": 1}])
    assert failed == Failed("1", BOOT[version], "SecurityError", "not accepted yet", {"why": 1})
    assert rpc.outstanding is None


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([4, "1"], "GenericError"),
        ([4, "1", "NotSupported"], "NotSupported"),
        ([4, "1", "NotSupported", None, None], "NotSupported"),
        ([4, "1", 17, 4, [], 9, 9], "GenericError"),
        ('[4,"1","InternalError","Rest is missing', "GenericError"),
    ],
)
def test_a_sloppy_callerror_still_fails_the_call(frame: Any, code: str) -> None:
    rpc = rpc_for(V16)
    rpc.call(BOOT[V16], 0, 1_000, "1")
    failed = receive(rpc, frame)
    assert isinstance(failed, Failed) and (failed.code, failed.details) == (code, {})


@ALL
def test_late_and_repeated_answers_are_ignored_and_counted(version: str) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "1")
    assert isinstance(receive(rpc, [3, "1", BOOTED], 1_000), Ignored)  # the deadline itself is late
    assert rpc.expire(1_000) == Expired("1", BOOT[version])
    assert isinstance(receive(rpc, [3, "1", BOOTED], 1_001), Ignored)
    rpc.call(BOOT[version], 2_000, 1_000, "2")
    assert isinstance(receive(rpc, [3, "2", BOOTED], 2_001), Answered)
    assert isinstance(receive(rpc, [3, "2", BOOTED], 2_002), Ignored)
    assert isinstance(receive(rpc, [4, "2", "GenericError", "", {}], 2_002), Ignored)
    assert (rpc.counts.late, rpc.counts.unmatched) == (4, 0)


@ALL
@pytest.mark.parametrize("message_id", ["2", "", None, 1, ["1"], {"1": 1}])
def test_an_answer_with_a_wrong_id_is_ignored_and_counted(version: str, message_id: Any) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "1")
    assert isinstance(receive(rpc, [3, message_id, BOOTED]), Ignored)
    assert isinstance(receive(rpc, [4, message_id, "GenericError", "", {}]), Ignored)
    assert (rpc.counts.unmatched, rpc.outstanding) == (2, "1")


def test_a_null_answer_is_an_empty_one() -> None:
    rpc = rpc_for(V16)
    call = Call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    rpc.call(call, 0, 1_000, "1")
    assert receive(rpc, [3, "1", None]) == Answered("1", call, {})


@pytest.mark.parametrize(
    ("frame", "code16", "code2"),
    [
        ([3, "1", {**BOOTED, "interval": "300"}], "TypeConstraintViolation", "TypeConstraintViolation"),
        ([3, "1", {**BOOTED, "status": "OK"}], "PropertyConstraintViolation", "PropertyConstraintViolation"),
        ([3, "1", {"status": "Accepted"}], "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ([3, "1", []], "FormationViolation", "FormatViolation"),
        ([3, "1", BOOTED, 1], "FormationViolation", "RpcFrameworkError"),
        ([3, "1"], "FormationViolation", "RpcFrameworkError"),
        ('[3,"1",{"status":NaN}]', "FormationViolation", "FormatViolation"),
        ('[3,"1",{"status":"Acc', "FormationViolation", "FormatViolation"),
    ],
)
@ALL
def test_an_unusable_answer_fails_the_call(version: str, frame: Any, code16: str, code2: str) -> None:
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "1")
    outcomes = rpc.receive(frame if isinstance(frame, str) else json.dumps(frame), 0)
    failed = outcomes[-1]
    code = code16 if version == V16 else code2
    assert isinstance(failed, Failed) and failed.unusable and failed.code == code
    assert (rpc.outstanding, rpc.counts.unusable) == (None, 1)
    if version == V21:  # 2.1 part 4 4.2.3: CALLRESULTERROR, with the id of the CALLRESULT
        assert error_of(outcomes[0], 5) == ("1", code)
    assert len(outcomes) == (2 if version == V21 else 1)


@ALL
def test_an_answer_with_harmless_deviations_is_used(version: str) -> None:
    """null, unknown members and instants without zone: their meaning is clear, so the queue must not stop."""
    rpc = rpc_for(version)
    rpc.call(BOOT[version], 0, 1_000, "1")
    answered = receive(
        rpc,
        [3, "1", {**BOOTED, "currentTime": "2026-01-01T00:00:00.123456", "statusInfo": None, "note": "hi"}],
    )
    assert isinstance(answered, Answered) and answered.overlooked
    assert answered.payload["currentTime"] == "2026-01-01T00:00:00.123456"
    assert "statusInfo" not in answered.payload
    assert rpc.counts.overlooked == 1


# ---- their requests


@ALL
def test_16_CONN_11_unknown_action_is_not_implemented(version: str) -> None:
    rpc = rpc_for(version)
    for action in ("MakeCoffee", "triggermessage", "TriggerMessageRequest", "", "A" * 5_000):
        assert error_of(receive(rpc, [2, "9", action, {}])) == ("9", "NotImplemented")
    assert rpc.counts.refused == 5


@ALL
def test_16_CONN_11_known_action_without_handler_is_not_supported(version: str) -> None:
    rpc = rpc_for(version, supported={"TriggerMessage"})
    assert isinstance(receive(rpc, trigger()), Request)
    assert error_of(receive(rpc, [2, "9", "ClearCache", {}])) == ("9", "NotSupported")
    assert error_of(receive(rpc, [2, "9", "BootNotification", {}])) == ("9", "NotSupported")


@pytest.mark.parametrize(
    ("payload", "code16", "code2"),
    [
        ({}, "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
        ({"requestedMessage": 1}, "TypeConstraintViolation", "TypeConstraintViolation"),
        ({"requestedMessage": None}, "TypeConstraintViolation", "TypeConstraintViolation"),
        ({"requestedMessage": "Heartbeat", "x": 1}, "FormationViolation", "FormatViolation"),
        ([], "FormationViolation", "FormatViolation"),
        ("", "FormationViolation", "FormatViolation"),
    ],
)
@ALL
def test_16_CONN_12_a_bad_payload_gets_its_code(version: str, payload: Any, code16: str, code2: str) -> None:
    rpc = rpc_for(version)
    outcome = receive(rpc, [2, "9", "TriggerMessage", payload])
    assert error_of(outcome) == ("9", code16 if version == V16 else code2)
    assert rpc.counts.refused == 1


@ALL
def test_16_CONN_12_a_value_outside_its_list(version: str) -> None:
    assert error_of(receive(rpc_for(version), [2, "9", "Reset", {"type": "Tea"}])) == (
        "9",
        "PropertyConstraintViolation",
    )


def test_16_CONN_12_too_long_a_value_is_not_quoted() -> None:
    rpc = rpc_for(V16)
    outcome = receive(
        rpc, [2, "9", "ChangeConfiguration", {"key": "AuthorizationKey", "value": "s3cret" * 200}]
    )
    assert error_of(outcome) == ("9", "PropertyConstraintViolation")
    assert isinstance(outcome, Outgoing) and "s3cret" not in outcome.frame


@ALL
def test_16_CONN_10_null_is_taken_for_no_payload(version: str) -> None:
    rpc = rpc_for(version)
    assert receive(rpc, [2, "1", "ClearCache", None]) == Request("1", "ClearCache", {})


@pytest.mark.parametrize(
    "frame",
    [
        [2, "9"],
        [2, "9", "ClearCache"],
        [2, "9", "ClearCache", {}, {}],
        [2, "9", 5, {}],
        [2, "9", None, {}],
        [2, "9", {}, "ClearCache"],
    ],
)
@ALL
def test_a_call_of_the_wrong_shape(version: str, frame: list[Any]) -> None:
    rpc = rpc_for(version)
    expected = "FormationViolation" if version == V16 else "RpcFrameworkError"
    assert error_of(receive(rpc, frame)) == ("9", expected)
    assert rpc.counts.malformed == 1


@ALL
def test_a_message_id_that_is_too_long_is_answered_with_itself(version: str) -> None:
    expected = "FormationViolation" if version == V16 else "RpcFrameworkError"
    assert error_of(receive(rpc_for(version), trigger("x" * 37))) == ("x" * 37, expected)
    assert isinstance(receive(rpc_for(version), trigger("x" * 36)), Request)


@pytest.mark.parametrize("message_id", [None, 9, "", [], {}, 1.5, True])
@ALL
def test_a_message_id_that_is_no_string(version: str, message_id: Any) -> None:
    outcome = receive(rpc_for(version), trigger(message_id))
    if version == V16:
        assert isinstance(outcome, Ignored)
    else:  # part 4 4.2.3: "When also the MessageId cannot be read, the CALLERROR SHALL contain "-1""
        assert error_of(outcome) == ("-1", "RpcFrameworkError")


BROKEN = [
    "",
    " ",
    "hello",
    "{}",
    "[]",
    "null",
    "2",
    '"[2]"',
    "[",
    "[2",
    '{"2":"x"}',
    "\ufeff[]",
    "[" * 100_000,
    '{"a":' * 50_000,
    "[2,NaN,Infinity]",
    "\x00",
]


@pytest.mark.parametrize("text", BROKEN)
@ALL
def test_frames_without_a_readable_id(version: str, text: str) -> None:
    rpc = rpc_for(version)
    outcome = receive(rpc, text)
    if version == V16:
        assert isinstance(outcome, Ignored)
    else:
        assert error_of(outcome) in {("-1", "RpcFrameworkError"), ("-1", "MessageTypeNotSupported")}
    assert rpc.counts.malformed == 1


BROKEN_WITH_ID = {
    "cut off": '[2,"9","TriggerMessage",{"requestedMessage":"Hea',
    "trailing text": json.dumps(trigger("9")) + "]",
    "NaN": '[2,"9","TriggerMessage",{"requestedMessage":"Heartbeat","connectorId":NaN}]',
    "too large a float": '[2,"9","TriggerMessage",{"requestedMessage":"Heartbeat","connectorId":1e999}]',
    "too large an integer": '[2,"9","TriggerMessage",{"connectorId":%s}]' % ("9" * 5_000),
    "key twice": '[2,"9","TriggerMessage",{"requestedMessage":"Heartbeat","requestedMessage":"Tea"}]',
    "key twice, nested": '[2,"9","DataTransfer",{"vendorId":"x","data":[{"a":1,"a":2}]}]',
    "lone surrogate": '[2,"9","DataTransfer",{"vendorId":"\\ud800"}]',
    "surrogates in the wrong order": '[2,"9","DataTransfer",{"vendorId":"\\udc00\\ud800"}]',
    "deep": '[2,"9","DataTransfer",{"vendorId":"x","data":%s}]' % ("[" * 200 + "]" * 200),
    "very deep": '[2,"9","DataTransfer",{"vendorId":"x","data":%s}]' % ("[" * 90_000 + "]" * 90_000),
    "control character": '[2,"9","DataTransfer",{"vendorId":"a\nb"}]',
    "oversized": '[2,"9","DataTransfer",{"vendorId":"%s"}]' % ("x" * 300_000),
    "oversized in bytes": '[2,"9","DataTransfer",{"vendorId":"%s"}]' % ("€" * 100_000),
}


@pytest.mark.parametrize("name", BROKEN_WITH_ID)
@ALL
def test_frames_that_cannot_be_parsed_are_answered_to_their_id(version: str, name: str) -> None:
    rpc = rpc_for(version)
    code = "FormationViolation" if version == V16 else "FormatViolation"
    assert error_of(receive(rpc, BROKEN_WITH_ID[name])) == ("9", code)
    assert isinstance(receive(rpc, trigger("10")), Request), "the connection goes on"


def test_what_looks_odd_but_is_right_is_taken() -> None:
    rpc = rpc_for(V16)
    data = "\U0001f697 \u0000 {}[]{}[]" * 20
    text = ' [ 2 ,\n"9", "DataTransfer", {"vendorId":"x","data":' + json.dumps(data) + "} ] "
    assert receive(rpc, text) == Request("9", "DataTransfer", {"vendorId": "x", "data": data})
    whole = receive(rpc, '[2,"10","TriggerMessage",{"requestedMessage":"Heartbeat","connectorId":1.0}]')
    assert isinstance(whole, Request) and type(whole.payload["connectorId"]) is int


@ALL
def test_a_binary_frame_is_not_ocpp(version: str) -> None:
    outcome = receive(rpc_for(version), json.dumps(trigger()).encode())
    if version == V16:
        assert isinstance(outcome, Ignored)
    else:
        assert error_of(outcome) == ("-1", "RpcFrameworkError")


@pytest.mark.parametrize("text", ['[3,"x",{"a":', '[4,"x","y', '[3,"x",NaN]'])
@ALL
def test_a_broken_answer_is_never_answered(version: str, text: str) -> None:
    """Two peers that answer each other's errors would never stop."""
    assert isinstance(receive(rpc_for(version), text), Ignored)


@pytest.mark.parametrize("message_type", [0, 1, 7, -2, 99, "2", 2.5, None, True, [2], {}])
@ALL
def test_16_CONN_08_unknown_message_type(version: str, message_type: Any) -> None:
    rpc = rpc_for(version)
    outcome = receive(rpc, [message_type, "9", "TriggerMessage", {}])
    if version == V16:
        assert isinstance(outcome, Ignored)
    else:
        assert error_of(outcome) == ("9", "MessageTypeNotSupported")
    assert isinstance(receive(rpc, trigger()), Request), "the connection survives"


@pytest.mark.parametrize(
    "frame", [[5, "9", "FormatViolation", "", {}], [6, "9", "NotifyPeriodicEventStream", {}]]
)
@ALL
def test_message_types_of_21(version: str, frame: list[Any]) -> None:
    outcome = receive(rpc_for(version), frame)
    if version == V201:
        assert error_of(outcome) == ("9", "MessageTypeNotSupported")
    else:  # 1.6 ignores; 2.1 part 4 4.2.4: "SHALL NOT respond to a SEND", and 5 ends the matter
        assert isinstance(outcome, Ignored)


def test_send_exists_in_21_only() -> None:
    call = Call(
        "NotifyPeriodicEventStream",
        {"id": 1, "pending": 0, "basetime": "2026-01-01T00:00:00Z", "data": [{"t": 0, "v": "1"}]},
    )
    frame = json.loads(rpc_for(V21).send(call, "5"))
    assert frame == [6, "5", "NotifyPeriodicEventStream", call.payload]
    with pytest.raises(CsmsError, match=r"has no SEND"):
        rpc_for(V201).send(call)
    with pytest.raises(SchemaViolation):
        rpc_for(V21).send(Call("NotifyPeriodicEventStream", {}))


@ALL
def test_a_request_repeated_while_it_is_handled_is_not_handled_twice(version: str) -> None:
    rpc = rpc_for(version)
    request = receive(rpc, trigger("1"))
    assert isinstance(request, Request)
    assert isinstance(receive(rpc, trigger("1")), Ignored)
    rpc.answer(request, {"status": "Accepted"})
    assert isinstance(receive(rpc, trigger("1")), Request), "a retry after the answer is a new request"


def test_16_CONN_13_a_refusal_has_five_elements() -> None:
    rpc = rpc_for(V16)
    request = receive(rpc, trigger())
    assert isinstance(request, Request)
    assert json.loads(rpc.refuse(request, "SecurityError")) == [4, "7", "SecurityError", "", {}]
    long = json.loads(rpc.refuse(request, "GenericError", "x" * 1_000, {"a": 1}))
    assert (len(long[3]), long[4]) == (255, {"a": 1})
