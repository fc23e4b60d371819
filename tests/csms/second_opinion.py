"""What the ``ocpp`` package thinks of our payloads: its schemas and its dataclasses."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import ocpp.messages
import ocpp.v16.call
import ocpp.v16.call_result
import ocpp.v21.call
import ocpp.v21.call_result
import ocpp.v201.call
import ocpp.v201.call_result
from ocpp.charge_point import camel_to_snake_case

from controller.csms.rpc import Call
from controller.csms.wire import Payload

ocpp.messages.ASYNC_VALIDATION = False

_MODULES: dict[str, tuple[Any, Any, str]] = {
    "ocpp1.6": (ocpp.v16.call, ocpp.v16.call_result, "1.6"),
    "ocpp2.0.1": (ocpp.v201.call, ocpp.v201.call_result, "2.0.1"),
    "ocpp2.1": (ocpp.v21.call, ocpp.v21.call_result, "2.1"),
}


def _validate(message: Any, version: str) -> None:
    asyncio.run(ocpp.messages.validate_payload(message, version))


def checked(subprotocol: str, call: Call | None) -> Payload:
    """The payload of a CALL that the package takes. Raises what the package raises."""
    assert call is not None
    calls, _, version = _MODULES[subprotocol]
    payload = json.loads(json.dumps(call.payload))
    _validate(ocpp.messages.Call("1", call.action, payload), version)
    getattr(calls, call.action)(**camel_to_snake_case(payload))
    return call.payload


def checked_request(subprotocol: str, action: str, payload: Payload) -> Payload:
    """A request of the CSMS that the package would send."""
    _validate(ocpp.messages.Call("1", action, json.loads(json.dumps(payload))), _MODULES[subprotocol][2])
    return payload


def checked_answer(subprotocol: str, action: str, payload: Payload) -> Payload:
    """The payload of a CALLRESULT that the package takes."""
    _, results, version = _MODULES[subprotocol]
    copy = json.loads(json.dumps(payload))
    _validate(ocpp.messages.CallResult("1", copy, action), version)
    getattr(results, action)(**camel_to_snake_case(copy))
    return payload
